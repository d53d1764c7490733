"""What a camera's process makes of frames beside the networks: could it see, and did somebody meddle with it?

Every frame is asked whether anybody could have been seen in it, and whether it is the last one once more; every ten
seconds one is looked at closely (`seeing`), and once an hour all that becomes a row. Three things do not wait for the
hour: a lens that is covered right after somebody came near, a camera that repeats itself, and a view that has shifted
and stays so.
"""

import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from otorongo.language import say
from otorongo.station import seeing
from otorongo.station.hearing import Hourly
from otorongo.station.motion_look import other_texture, share
from otorongo.station.samples import Picture, Sample, Score
from otorongo.station.seeing_look import BLACK, MOSTLY, Edges, Glance, Grey, edges_of, glance, look, match, threads_of
from otorongo.station.seeing_usual import LEAST_DAYS, Usual
from otorongo.station.sighting import Sighted
from otorongo.wire.classes import BY_NAME
from otorongo.wire.codes import CameraFlag as Flag
from otorongo.wire.codes import Counter, Tag, TamperKind
from otorongo.wire.rows import Seeing, Tamper

HOUR_MS: Final = 3_600_000
LEAST_MS: Final = 60_000
"""The end of a recording or of a process that is shorter than this says nothing."""
LOOK_MS: Final = 10_000
STILL_MS: Final = 30_000
"""One frame for so long ..."""
STILL_FRAMES: Final = 5
"""... and so often is a camera that repeats itself: noise alone changes the last bits of every frame."""
PLAIN: Final = 1.0
"""A frame of which no cell has more spread, in grey levels, comes again because nothing is in it: dark, not frozen."""
THIN: Final = 8
"""Every so many-th pixel each way is compared."""
AGAIN_MS: Final = (60_000, 3_600_000)
"""A driver that goes on repeating itself is opened again after so long, and then after twice as long, up to an hour."""
NEAR_MS: Final = 60_000
"""So long after somebody came near, a covered lens is somebody's doing."""
NEAR_HIGH: Final = 0.5
"""A box of anything that takes so much of the picture's height is near."""
STIRRED: Final = 0.15
"""Of the picture that shows another texture than the frame before: something big moved right before the lens."""
COVERED_FRAMES: Final = 3
COVERED_MS: Final = 2_000
CLEAR_CELLS: Final = 8
"""A lens with so many cells that show something was not covered."""
SELDOM_MS: Final = 600_000
"""No two tampers of one kind within this."""
MOVED_LOOKS: Final = 6
"""A view that lies elsewhere in the same way in so many looks, a minute, has been moved."""
STRANGE_LOOKS: Final = 30
"""One that is another altogether takes longer to believe, and is told by day only: something may stand before the lens,
and at night a web shines there."""
KNOWN_LOOKS: Final = 6
SETTLES: Final = 1 / 30
"""What a look changes in the view as it has been in the last minutes."""
MOST_PAUSE_MS: Final = 30_000
"""A steady camera of which nothing came for so long was blind for as long."""

DAY_HOURS: Final = 8
"""So many light hours must be known before a dark one is taken for night."""

PERSON: Final = BY_NAME["person"].number
DRIVEN: Final = frozenset(BY_NAME[name].number for name in ("vehicle", "boat"))


@dataclass
class _Hour:
    """What is gathered for the next row."""

    start_ms: int = -1
    end_ms: int = 0
    blind_ms: int = 0
    frozen_ms: int = 0
    frames: int = 0
    gathered: seeing.Gathered = field(default_factory=seeing.Gathered)


@dataclass
class _View:
    """The view as it has been in the last minutes, by day or in infrared."""

    edges: Edges
    looks: int = 1


@dataclass
class Eye:
    """One camera's eye, and all that it remembers."""

    number: int
    usual: Usual = field(default_factory=Usual)
    steady: bool = True
    """Frames come all the time: where none comes it is blind. False: it sleeps until something moves."""
    people_p: float = 0.05
    """From this probability somebody may be there: far below what an event needs."""
    tags: int = 0
    """Put on every tamper (a drill, land of peoples in isolation)."""
    _hour: _Hour = field(default_factory=_Hour)
    _flags: Flag = seeing.WELL
    _dark_hours: int = 0
    _last: tuple[int, Glance, Grey] | None = None
    _looked_ms: int | None = None
    _crc: int = 0
    _same: int = 0
    """How often the last frame came again ..."""
    _same_ms: int = 0
    """... since when."""
    _froze: bool = False
    """Whether that was told of the last frame."""
    _again_ms: int = AGAIN_MS[0]
    _opened_ms: int | None = None
    """When the driver was last to be opened again."""
    _near: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=64))
    """When somebody or something came near, and the tags of a tamper that would follow."""
    _clear_ms: int | None = None
    """When the lens was last seen to be free."""
    _covered: list[int] = field(default_factory=list)
    """When the frames came since it is not."""
    _said: dict[int, int] = field(default_factory=dict)
    """By kind of tamper, when it was last told."""
    _views: dict[bool, _View] = field(default_factory=dict)
    _elsewhere: list[tuple[float, float]] = field(default_factory=list)
    """Shift and turn of the looks in a row that lie elsewhere."""
    _strange: list[Edges] = field(default_factory=list)

    def see(self, sample: Sample, scores: Sequence[Score], boxes: Sequence[Any]) -> Sighted:
        """Take in a frame, and what the networks say of it."""
        live = sample.domain is None
        now_ms = sample.t_ms
        if self._last is not None and now_ms < self._last[0]:  # a file that is older than the one before
            self._last, self._looked_ms, self._covered = None, None, []
            self._opened_ms, self._same_ms = None, now_ms
        counts: dict[Counter, int] = {}
        again = self._repeats(sample.data, now_ms)
        if again:
            counts[Counter.FROZEN] = 1
        seen, grey = glance(sample.data)
        frozen = live and self._frozen(now_ms, seen)
        if frozen and not self._froze:
            self._was_frozen()
        self._froze = frozen
        self._passed(now_ms, blind=seen.blind or frozen, frozen=frozen)
        self._hour.frames += 1
        self._notice(now_ms, scores, boxes, grey, seen)
        tampers = self._cover(now_ms, seen)
        if self._looked_ms is None or now_ms - self._looked_ms >= LOOK_MS:
            self._looked_ms = now_ms
            edges = edges_of(grey)
            self._hour.gathered.add(look(sample.data, seen, grey), edges, threads_of(grey))
            tampers += self._lies(now_ms, seen, edges)
        self._last = (now_ms, seen, grey)
        fault = ""
        if frozen and (self._opened_ms is None or now_ms - self._opened_ms >= self._again_ms):
            self._again_ms = AGAIN_MS[0] if self._opened_ms is None else min(AGAIN_MS[1], 2 * self._again_ms)
            self._opened_ms = now_ms
            fault = say(
                "the camera repeats one frame for {seconds} s: it is opened again",
                seconds=(now_ms - self._same_ms) // 1000,
            )
            tampers += self._tamper(now_ms, TamperKind.CAMERA_DEAD, 0)
        return Sighted(tuple(tampers) if live else (), counts, fault)

    def wait(self, t_ms: int) -> None:
        """No frame came: to a camera that sleeps until something moves that says nothing."""
        if self._hour.start_ms >= 0 and t_ms - self._hour.end_ms >= MOST_PAUSE_MS:
            self._passed(t_ms, blind=self.steady)

    def due(self, hour_of_day: Callable[[int], int | None], *, last: bool = False) -> Hourly[Seeing] | None:
        """When an hour is over (or `last`, after a minute at least): its row, and sentences for the technician."""
        hour = self._hour
        length_ms = hour.end_ms - hour.start_ms
        if length_ms < (LEAST_MS if last else HOUR_MS):
            self._hour = _Hour() if last else hour
            return None
        of_day = hour_of_day(hour.start_ms + length_ms // 2)
        health = seeing.judge(hour.gathered, self.usual, of_day, self._flags, dark_hours=self._dark_hours)
        if hour.gathered.looks:
            self._dark_hours = self._dark_hours + 1 if health.light < seeing.DARK else 0
        if 2 * hour.frozen_ms > length_ms or (Flag.FROZEN & self._flags and 4 * hour.frozen_ms > length_ms):
            health = replace(health, flags=health.flags | Flag.FROZEN)
        self._flags = health.flags
        self._hour = _Hour(start_ms=hour.end_ms, end_ms=hour.end_ms) if not last else _Hour()
        row = Seeing(
            t_ms=hour.end_ms,
            sensor=self.number,
            length_ms=min(length_ms, 0xFFFFFFFF),
            blind_ms=min(hour.blind_ms, length_ms, 0xFFFFFFFF),
            frames=min(hour.frames, 0xFFFFFFFF),
            light=min(255, round(health.light)),
            sharp_pct=health.sharp_pct,
            shift_permille=min(1000, round(1000 * health.shift)),
            tilt_ddeg=round(10 * health.turn_deg),
            flags=int(health.flags),
        )
        return Hourly(row, tuple(health.sentences()), self._learned(of_day, health, hour, length_ms))

    def _learned(self, of_day: int | None, health: seeing.Health, hour: _Hour, length_ms: int) -> str:
        """Learn of an hour in which nothing was wrong; the whole memory as text, or empty: nothing new."""
        enough = len(hour.gathered.looks) >= seeing.LEAST_LOOKS and length_ms < 2 * HOUR_MS
        if of_day is None or health.hour is None or health.flags or not enough:
            return ""
        dark = health.light < seeing.DARK
        if not (self._may_be_night(of_day) if dark else hour.blind_ms * 10 <= length_ms):
            return ""
        self.usual = self.usual.learned(of_day, health.hour, {} if dark else health.maps)
        return self.usual.dump()

    def _may_be_night(self, of_day: int) -> bool:
        """Dark hours are usual only where days are known to be light: a lens that was covered is dark all day."""
        before = self.usual.hours.get(of_day)
        days = sum(one.days >= LEAST_DAYS and one.light >= seeing.LIT for one in self.usual.hours.values())
        return before.light < seeing.DARK if before else days >= DAY_HOURS

    def _passed(self, now_ms: int, *, blind: bool, frozen: bool = False) -> None:
        """Time went by up to this frame, or this wait."""
        hour = self._hour
        if hour.start_ms < 0 or now_ms < hour.end_ms:
            hour.start_ms = hour.end_ms = now_ms
            return
        gone_ms = now_ms - hour.end_ms
        missing = self.steady and gone_ms >= MOST_PAUSE_MS
        hour.blind_ms += gone_ms if blind or missing else 0
        hour.frozen_ms += gone_ms if frozen else 0
        hour.end_ms = now_ms

    def _was_frozen(self) -> None:
        """It has been since the frame that came again: nobody could have been seen in that time either."""
        hour = self._hour
        if hour.start_ms >= 0:
            gone_ms = max(0, hour.end_ms - max(self._same_ms, hour.start_ms))
            hour.blind_ms += gone_ms
            hour.frozen_ms += gone_ms

    def _repeats(self, picture: Picture, now_ms: int) -> bool:
        crc = zlib.crc32(np.ascontiguousarray(picture[::THIN, ::THIN]).tobytes())
        again = crc == self._crc
        self._same = self._same + 1 if again else 0
        if not again:
            self._crc, self._same_ms = crc, now_ms
        return again

    def _frozen(self, now_ms: int, seen: Glance) -> bool:
        if self._same + 1 < STILL_FRAMES or now_ms - self._same_ms < STILL_MS:
            if self._same == 0 and self._opened_ms is not None and now_ms - self._opened_ms > AGAIN_MS[1]:
                self._opened_ms = None  # it has been well for an hour
            return False
        return seen.light >= BLACK and float(seen.spread.max()) > PLAIN

    def _notice(self, now_ms: int, scores: Sequence[Score], boxes: Sequence[Any], grey: Grey, seen: Glance) -> None:
        """Remember who or what came near."""
        tags = -1
        if self._last is not None and not seen.blind and self._last[2].shape == grey.shape:
            stirred = now_ms - self._last[0] <= LOOK_MS and share(other_texture(grey, self._last[2])) > STIRRED
            tags = 0 if stirred else tags
        if any(box.h >= NEAR_HIGH for box in boxes):
            tags = 0
        if any(score.hit and score.cls in DRIVEN for score in scores):
            tags = Tag.THREAT
        if any(score.hit or score.p >= self.people_p for score in scores if score.cls == PERSON):
            tags = Tag.THREAT | Tag.PERSON
        if tags >= 0:
            self._near.append((now_ms, int(tags)))

    def _cover(self, now_ms: int, seen: Glance) -> list[Tamper]:
        """A lens that shows nothing any more, right after somebody came near."""
        shows = len(seen.flat) - int(seen.flat.sum()) >= CLEAR_CELLS and seen.light >= BLACK
        if not seen.blind:
            self._clear_ms = now_ms if shows else self._clear_ms
            self._covered = []
            return []
        self._covered = [*self._covered[:COVERED_FRAMES], now_ms]
        first_ms = self._covered[0]
        long = len(self._covered) >= COVERED_FRAMES and now_ms - first_ms >= COVERED_MS
        near_ms = NEAR_MS if self.steady else 2 * NEAR_MS  # one that sleeps is woken once a minute all the same
        if not long or self._clear_ms is None or first_ms - self._clear_ms > near_ms:
            return []
        self._clear_ms = None  # told once: until it is free again
        by = [tags for at_ms, tags in self._near if 0 <= first_ms - at_ms <= near_ms or at_ms >= first_ms]
        if not by:
            return []
        return self._tamper(now_ms, TamperKind.COVERED, int(np.bitwise_or.reduce(by)))

    def _lies(self, now_ms: int, seen: Glance, edges: Edges) -> list[Tamper]:
        """A view that lies elsewhere than in the last minutes, in the same way in look after look."""
        if seen.blind or int(seen.flat.sum()) > MOSTLY // 2:
            return []
        view = self._views.get(seen.infrared)
        if view is None or view.edges.shape != edges.shape:
            usual = self.usual.edges("infrared" if seen.infrared else "day")
            self._views[seen.infrared] = (
                _View(edges) if usual is None or usual.shape != edges.shape else _View(usual, KNOWN_LOOKS)
            )
            return []
        lies = match(edges, view.edges)
        flags, shift, turn_deg = seeing.told_of(lies)
        if shift >= 1.0 and seen.infrared:
            return []
        if flags and view.looks >= KNOWN_LOOKS:
            return self._elsewhere_for(now_ms, seen, edges, shift, turn_deg)
        self._elsewhere, self._strange = [], []
        view.edges = view.edges + (edges - view.edges) * np.float32(max(SETTLES, 1 / (view.looks + 1)))
        view.looks += 1
        return []

    def _elsewhere_for(self, now_ms: int, seen: Glance, edges: Edges, shift: float, turn_deg: float) -> list[Tamper]:
        """One more look that lies elsewhere."""
        if shift >= 1.0:
            self._elsewhere = []
            if self._strange and match(edges, self._strange[0], whole=False).same < seeing.FITS:
                self._strange = []  # something goes by: what is there now is not what was there before
            self._strange.append(edges)
            if len(self._strange) < STRANGE_LOOKS:
                return []
        else:
            self._strange = []
            near = self._elsewhere and abs(self._elsewhere[0][0] - shift) < seeing.SHIFT
            near = near and abs(self._elsewhere[0][1] - turn_deg) < seeing.TURN_DEG
            self._elsewhere = [*self._elsewhere, (shift, turn_deg)] if near else [(shift, turn_deg)]
            if len(self._elsewhere) < MOVED_LOOKS:
                return []
        self._elsewhere, self._strange = [], []
        self._views = {seen.infrared: _View(edges)}  # what is usual keeps its own account of it
        return self._tamper(now_ms, TamperKind.MOVED, 0)

    def _tamper(self, now_ms: int, kind: TamperKind, tags: int) -> list[Tamper]:
        """One row, unless the last one of this kind is too near."""
        said_ms = self._said.get(kind)
        if said_ms is not None and 0 <= now_ms - said_ms < SELDOM_MS:
            return []
        self._said[kind] = now_ms
        return [Tamper(now_ms, kind, self.number, tags | self.tags)]
