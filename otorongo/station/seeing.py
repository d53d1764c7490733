"""Can the camera see? Blocked, fogged, webbed, moved, dark, over-exposed, out of focus: an hour is judged. Pure.

A few times a minute a frame is looked at; once an hour the looks are judged beside what this camera usually sees at
this hour of the day. A fault is one that is there in most of the hour's looks, and stays one until it is in few of
them. The figures are rules of thumb, each with its reason; a flag is a sentence for the technician, never an action.
Only what no usual is needed for is told before three days have taught one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from otorongo.language import later, say
from otorongo.station.seeing_look import MOSTLY, Cells, Edges, Look, Match, match
from otorongo.station.seeing_usual import Hour, Usual
from otorongo.wire.codes import CameraFlag as Flag

WELL: Final = Flag(0)

SENTENCES: Final[Mapping[Flag, str]] = MappingProxyType(
    {
        Flag.BLOCKED: later("something covers the lens, or part of it: look what, and clean it"),
        Flag.FOGGED: later("everything is pale: the lens is misted, or there is fog; dry it, renew the desiccant"),
        Flag.WEB: later("bright threads before the lens at night: brush the spider's web off"),
        Flag.MOVED: later("the view has shifted: fasten the camera, and name the new view in camera.view"),
        Flag.TILTED: later("the view has turned: level the camera"),
        Flag.DARK: later("it is dark at an hour when it never is: is the lens covered, the shutter stuck?"),
        Flag.LAMP_DEAD: later(
            "at night it is darker than usual: the infrared lamp is dead, covered or short of supply"
        ),
        Flag.FROZEN: later("the camera repeats one frame: its cable, its supply or its firmware"),
        Flag.OVEREXPOSED: later("much is plain white: sun or a lamp shines into the lens, or the exposure is stuck"),
        Flag.UNFOCUSED: later("everything is soft: wipe the lens, or set its focus"),
    }
)

MOST: Final = 0.5
"""A fault begins where it is in so many of an hour's looks ..."""
STILL: Final = 0.25
"""... and lasts while it is in so many."""
LEAST_LOOKS: Final = 6
"""A camera that sleeps until something moves has few looks an hour."""
DARK: Final = 12.0
"""Mean grey level below which a look is dark."""
DARK_HOURS: Final = 16
"""So many dark hours in a row are no night within 40 degrees of the equator, whatever was usual."""
LAMP_FALLS: Final = 0.4
"""A night lit by the lamp falls to less than this when the lamp dies: its light is nearly all there is."""
LIT: Final = 20.0
"""An hour whose usual light is less was hardly lit."""
WHITE_SHARE: Final = 0.6
"""So much plain white is a fault anywhere; beside a usual, `WHITE_MORE` more of it is."""
WHITE_MORE: Final = 0.3
TEXTURED: Final = 3.0
"""Fine detail of a cell, grey levels, that usually shows something."""
COVERED_SHARE: Final = 0.35
"""Of the cells that usually show something: so many of them flat, and a part of the lens is covered."""
PALE: Final = 0.4
"""Contrast beside the usual one; sun and overcast sky differ by about two."""
PALE_MOST: Final = 22.0
"""Grey levels; a picture with more contrast shows enough, whatever is usual."""
LIGHT_KEPT: Final = (0.6, 1.7)
SOFT: Final = 0.45
"""Sharpness beside the usual one."""
SOFT_CONTRAST: Final = 0.3
"""Contrast that a soft lens keeps under an overcast sky, and fog does not."""
SHIFT: Final = 0.03
"""Of the width: two and a half cells of an edge map."""
TURN_DEG: Final = 4.0
BETTER: Final = 0.12
"""By so much the shifted view must fit better than the usual one ..."""
FITS: Final = 0.45
"""... and so well at least: trunks are like other trunks, and fit by up to 0.35 anywhere."""
STRANGE: Final = 0.15
"""A view that nowhere fits well, and less than this where it should lie, is another one."""
SHINES: Final = 0.3
"""A pale or soft view that fits so well where it should lie is seen through fog, and nothing covers it."""
KEPT_THREAD: Final = 0.6
"""A pixel that is bright and narrow in so many of the looks is part of a thread."""
THREAD_LONG: Final = 24
"""Pixels of the small frame."""
THREADS_SHARE: Final = 0.006
"""Of the frame."""
LIES_WELL: Final = Match(1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Health:
    """What an hour's looks say."""

    flags: Flag = WELL
    light: float = 0.0
    sharp_pct: int = 0
    shift: float = 0.0
    """Widths of the picture; 1: nothing of the usual view is in it."""
    turn_deg: float = 0.0
    hour: Hour | None = None
    """What there is to learn of it."""
    maps: dict[str, Edges] = field(default_factory=dict)

    def sentences(self) -> list[str]:
        """For the technician."""
        return [say(text) for flag, text in SENTENCES.items() if flag & self.flags]


@dataclass
class Gathered:
    """An hour's looks, and the sums that its maps are made of: frames themselves would fill the memory."""

    looks: list[Look] = field(default_factory=list)
    _edges: dict[bool, Edges] = field(default_factory=dict)
    """Their sum, by whether it was infrared."""
    _threads: Edges | None = None
    _count: dict[bool, int] = field(default_factory=dict)

    def add(self, one: Look, edges: Edges, threads: NDArray[np.bool_]) -> None:
        """With one more look."""
        self.looks.append(one)
        infrared = one.glance.infrared
        before = self._edges.get(infrared)
        if before is not None and before.shape != edges.shape:  # another size of frame: what was before says nothing
            self._edges, self._threads, self._count, before = {}, None, {}, None
        self._edges[infrared] = edges if before is None else before + edges
        self._count[infrared] = self._count.get(infrared, 0) + 1
        if infrared:
            bright = threads.astype(np.float32)
            self._threads = bright if self._threads is None else self._threads + bright

    def maps(self) -> dict[str, Edges]:
        """Mean edges of the light that most looks had, and in infrared how often each place was bright and narrow."""
        infrared = self._count.get(True, 0) > self._count.get(False, 0)
        count = self._count.get(infrared, 0)
        if count < LEAST_LOOKS:
            return {}
        edges = np.asarray(self._edges[infrared] / count, np.float32)
        if not infrared or self._threads is None:
            return {"day": edges}
        rows, columns = self._threads.shape[0] // 2, self._threads.shape[1] // 2
        cut = self._threads[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2)
        return {"infrared": edges, "threads": np.asarray(cut.max(axis=(1, 3)) / count, np.float32)}


def judge(gathered: Gathered, usual: Usual, of_day: int | None, before: Flag = WELL, *, dark_hours: int = 0) -> Health:
    """Judge an hour; `before`: the flags of the hour before it, `dark_hours`: how many dark ones came before it."""
    looks = gathered.looks
    if not looks:
        return Health()
    known = usual.hour(of_day)
    now, maps = _hour(looks), gathered.maps()
    flags = _exposure(looks, known, before)
    if dark_hours >= DARK_HOURS:
        flags |= Flag.DARK
    sharp = [one.sharp / known.sharp for one in looks if known and known.sharp and not np.isnan(one.sharp)]
    sharp_pct = min(0xFFFF, round(100 * float(np.median(sharp)))) if sharp else 0
    told = Health(flags, now.light, sharp_pct, hour=now, maps=maps)
    if flags or now.light < DARK:
        return told
    haze = _haze(looks, known, before)
    if not (haze and _lies(maps, usual).same >= SHINES):
        flags |= _covered(looks, known, before)
    if flags or len(looks) < LEAST_LOOKS:
        return Health(flags, now.light, sharp_pct, hour=now, maps=maps)
    moved, shift, turn_deg = told_of(LIES_WELL if haze & Flag.FOGGED else _lies(maps, usual), before)
    threads = _threads(maps, usual) if shift in (0.0, 1.0) else WELL  # a shifted view has its bright twigs elsewhere
    if threads and shift == 1.0:  # and a web hides how the view lies
        moved, shift = WELL, 0.0
    return Health(haze | threads | moved, now.light, sharp_pct, shift, turn_deg, now, maps)


def _often(looks: Sequence[Look], flag: Flag, before: Flag, says: Callable[[Look], bool]) -> Flag:
    """The flag, if enough of the looks say so."""
    share = sum(says(one) for one in looks) / len(looks)
    return flag if share > (STILL if flag & before else MOST) else WELL


def _exposure(looks: Sequence[Look], known: Hour | None, before: Flag) -> Flag:
    white = min(WHITE_SHARE, known.bright + WHITE_MORE) if known else WHITE_SHARE
    flags = _often(looks, Flag.OVEREXPOSED, before, lambda one: one.glance.bright > white)
    if known is None or known.light < LIT:
        return flags
    if known.infrared > MOST:
        low = LAMP_FALLS * known.light
        return flags | _often(looks, Flag.LAMP_DEAD, before, lambda one: one.glance.light < low)
    return flags | _often(looks, Flag.DARK, before, lambda one: one.glance.light < DARK)


def _covered(looks: Sequence[Look], known: Hour | None, before: Flag) -> Flag:
    """Flat where there usually is something; without a usual, flat all over."""
    shows = np.array(known.detail) >= TEXTURED if known else np.ones(len(looks[0].glance.flat), np.bool_)
    wanted = max(4.0, COVERED_SHARE * int(shows.sum())) if known else float(MOSTLY)
    return _often(looks, Flag.BLOCKED, before, lambda one: int((one.glance.flat & shows).sum()) >= wanted)


def _haze(looks: Sequence[Look], known: Hour | None, before: Flag) -> Flag:
    if known is None:
        return WELL

    def pale(one: Look) -> bool:
        kept = LIGHT_KEPT[0] <= one.glance.light / max(1.0, known.light) <= LIGHT_KEPT[1]
        return kept and one.contrast < min(PALE * known.contrast, PALE_MOST)

    def soft(one: Look) -> bool:
        # a patch without any texture left is as soft as can be, where there used to be some
        sharp = 0.0 if np.isnan(one.sharp) else one.sharp
        return known.sharp > 0 and sharp < SOFT * known.sharp and one.contrast >= SOFT_CONTRAST * known.contrast

    return _often(looks, Flag.FOGGED, before, pale) | _often(looks, Flag.UNFOCUSED, before, soft)


def _threads(maps: Mapping[str, Edges], usual: Usual) -> Flag:
    """Long thin pieces that are bright in most looks of a night, where there never was anything of the kind."""
    now, then = maps.get("threads"), usual.edges("threads")
    if now is None or then is None or now.shape != then.shape:
        return WELL
    new = (now > KEPT_THREAD) & (cv2.dilate(then, np.ones((3, 3), np.uint8)) < KEPT_THREAD / 2)
    count, _, boxes, _ = cv2.connectedComponentsWithStats(new.astype(np.uint8), connectivity=8)
    area = 0
    for _, _, width, height, size in boxes[1:count]:
        if max(width, height) >= THREAD_LONG // 2 and size <= 4 * max(width, height):  # two pixels are a cell of a map
            area += int(size)
    return Flag.WEB if area > THREADS_SHARE * new.size else WELL


def _lies(maps: Mapping[str, Edges], usual: Usual) -> Match:
    """Where the usual view lies in this hour's, by day or infrared, whichever lasted longer."""
    name = next((one for one in ("day", "infrared") if one in maps), "day")
    then = usual.edges(name)
    return match(maps[name], then) if name in maps and then is not None else LIES_WELL


def told_of(lies: Match, before: Flag = WELL) -> tuple[Flag, float, float]:
    """Whether the view moved or turned, how far in widths (1: it is another one), and by how many degrees."""
    less = 0.7 if before & (Flag.MOVED | Flag.TILTED) else 1.0
    if lies.best < FITS and lies.same < STRANGE:
        return Flag.MOVED, 1.0, 0.0
    if lies.best < FITS or lies.best - lies.same < BETTER * less:
        return WELL, 0.0, 0.0
    flags = Flag.MOVED if lies.shift >= SHIFT * less else WELL
    flags |= Flag.TILTED if abs(lies.turn_deg) >= TURN_DEG * less else WELL
    return flags, (lies.shift if flags else 0.0), (lies.turn_deg if flags & Flag.TILTED else 0.0)


def _hour(looks: Sequence[Look]) -> Hour:
    """The median look."""
    sharp = [one.sharp for one in looks if not np.isnan(one.sharp)]

    def middle(values: Sequence[float]) -> float:
        return round(float(np.median(values)), 3)

    def cells(rows: Sequence[Cells]) -> tuple[float, ...]:
        return tuple(round(float(one), 2) for one in np.median(rows, axis=0))

    return Hour(
        days=1,
        light=middle([one.glance.light for one in looks]),
        contrast=middle([one.contrast for one in looks]),
        sharp=middle(sharp) if len(sharp) > MOST * len(looks) else 0.0,
        bright=middle([one.glance.bright for one in looks]),
        infrared=round(sum(one.glance.infrared for one in looks) / len(looks), 3),
        spread=cells([one.glance.spread for one in looks]),
        detail=cells([one.glance.detail for one in looks]),
    )
