"""Files instead of a device: the order of recordings, their times, their pace, and where to go on.

A replay is dated in clock domains of its own: one for each UTC day of recordings (what goes on past midnight stays in
that of its first day), or, shifted to now, one for itself.
A file that cannot be read is told as a fault, left where it is, and the next one is read; once it has changed it is
looked at again. Each sample carries a cursor of its own file, committed with what the sample caused: a replay that was
killed goes on after it, and a recording that is added later, of whatever age, is played. Before a file that takes much
memory is decoded, that is committed too: what ended the process twice is not begun again.
"""

import dataclasses
import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from otorongo.language import later, say, why
from otorongo.station.adapters.replay_day import goes_on, of_day
from otorongo.station.adapters.replay_file import Reader, Trouble, play
from otorongo.station.adapters.replay_foreign import told
from otorongo.station.adapters.replay_place import Place, load, spelled, stat_of
from otorongo.station.adapters.replay_times import DAY_MS, Captured, captured
from otorongo.station.errors import SensorError
from otorongo.station.ports import ClockReading
from otorongo.station.samples import ClockDomain, Fault, Item, Tick
from otorongo.wire.codes import Clock, Counter, NoteKind

SOUNDS: Final = (".wav", ".flac", ".ogg", ".opus", ".mp3")
PICTURES: Final = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif")
VIDEOS: Final = (".mp4", ".avi", ".mov", ".mkv")
TICK_S: Final = 1.0
ROUNDING_MS: Final = 1_000
"""Recorders that go on without a pause say their beginnings in whole seconds."""
FOLLOW_MS: Final = 1_000
"""Shifted to now, pictures whose distance is unknown follow one another by this."""
_DATED: Final = {
    "name": later("by its name"),
    "changed": later("by its date of change"),
    "found": later("by when it was found"),
}
MOST_PAUSE_MS: Final = 10_000
"""Shifted to now, longer pauses between recordings are cut to this."""


class Recording(NamedTuple):
    """A file to replay."""

    path: Path
    name: str
    """Relative to the folder: what is remembered of it."""
    when: Captured


class Refused(NamedTuple):
    """A file that is no recording, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class Origin:
    """What a replay that is shifted to now counts from; kept beside the cursor, so that a restart goes on with it."""

    utc_ms: int
    state: int
    bound_ms: int

    def dump(self) -> str:
        """As text."""
        return json.dumps([self.utc_ms, self.state, self.bound_ms])

    @classmethod
    def load(cls, text: str) -> "Origin":
        """From its text."""
        return cls(*json.loads(text))


def zone_of(name: str, key: str = "replay.zone") -> ZoneInfo:
    """A time zone. Raises SensorError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SensorError(
            say("{key}: {name!r} is no time zone (allowed: such as America/Lima, UTC)", key=key, name=name)
        ) from error


def find(
    place: Path, endings: Sequence[str], zone: ZoneInfo, now_ms: int | None = None
) -> tuple[list[Recording], list[Refused]]:
    """The recordings below a folder (or the one file) in order of capture, and why others are left out.

    `now_ms` is UTC, by which clocks are doubted that run ahead; None: it is not known.
    Raises SensorError if there is nothing at that place.
    """
    if not place.exists():
        raise SensorError(say("replay {place}: no such file or folder", place=place))
    found, refused = [], []
    files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    for path in files:
        if path.suffix.lower() not in endings or path.name.startswith("."):
            continue
        name = spelled(path.name if path == place else path.relative_to(place).as_posix())
        try:
            found.append(Recording(path, name, captured(path, zone, now_ms)))
        except OSError as error:
            refused.append(Refused(name, say("cannot be read: {reason}", reason=why(error))))
    return sorted(found, key=lambda one: (one.when.utc_ms, one.name)), refused


def length_of(recordings: Sequence[Recording], duration_ms: Callable[[Path], int], apart_ms: int = 0) -> int:
    """How long a replay shifted to now takes at its own speed, in ms."""
    at = end = 0
    last: Recording | None = None
    for one in recordings:
        at = _begin(last, one, at, end, apart_ms)
        end = max(end, at + duration_ms(one.path))
        last = one
    return end


def origin_for(now: ClockReading, length_ms: int, speed: float) -> Origin:
    """Where a replay shifted to now begins, so that it never lies in the future and ends when it is done."""
    utc_ms = now.utc_ms or int(time.time() * 1000)
    ahead = length_ms * (1 - (1 / speed if speed else 0))
    known = now.state != Clock.UNSET
    return Origin(utc_ms - max(0, round(ahead)), now.state if known else Clock.RTC, now.bound_ms if known else 60_000)


@dataclass
class Replay:
    """The sensor: `samples()` yields what its files hold."""

    recordings: Sequence[Recording]
    read: Reader
    name: str
    """Under which it remembers what it has played: another folder is another replay."""
    committed: Callable[[str], str | None]
    """The value last committed with a cursor of this name."""
    speed: float = 1.0
    """0: as fast as possible."""
    origin: Origin | None = None
    """Given: shifted to now."""
    refused: Sequence[Refused] = ()
    apart_ms: int = 0
    """Shifted to now, what was further apart, or does not say when it was taken, stays so far apart: no one visit."""
    foreign: Sequence[str] = ()
    """Files of other kinds, which are left out."""
    endings: Sequence[str] = ()
    """Of those that are not."""
    heavy: Callable[[Path], bool] = lambda path: False
    """Whether decoding a file takes so much memory that the process may end by it ..."""
    mark: Callable[[tuple[str, str]], object] = lambda cursor: None
    """... and what commits a cursor before that."""
    close_ms: int = 0
    """What follows within so long of what was before it may go on with it, also past midnight."""
    monotonic_s: Callable[[], float] = time.monotonic
    sleep_s: Callable[[float], None] = time.sleep
    closed: bool = False
    _began_s: float = 0.0
    _first_ms: int | None = None
    _domain: ClockDomain | None = None
    _last_ms: int = 0
    """Of the newest sample in that domain: its end."""

    def close(self) -> None:
        """Let `samples` end after the next sample."""
        self.closed = True

    def samples(self) -> Iterator[Item]:
        """All samples that were not played yet, at the replay's pace; ends with the last file."""
        self._began_s, self._first_ms = self.monotonic_s(), None
        places = {one.name: place for one in self.recordings if (place := self._place(one))}
        for name, reason in self.refused:
            yield Fault(self._fault_ms(), NoteKind.BAD_INPUT, f"{name}: {reason}", 1, self._now())
        yield from told(self.foreign, self.endings, self.name, self.committed, self._fault_ms(), self._now())
        doubted: set[str] = set()
        at, end = 0, max((place.end for place in places.values()), default=0)
        last: Recording | None = None
        for one in self._in_order(places):
            if self.closed:
                return
            known = places.get(one.name)
            again = known is not None and known.ended and not _unchanged(one, known)
            at = known.at if known and not again else _begin(last, one, at, end, self.apart_ms)
            last = one
            if one.when.doubt and (again or not known):
                yield doubt_of(one.name, one.when, self._fault_ms(), doubted, self._now())
            end = yield from self._play(one, known, at, end)

    def _in_order(self, places: Mapping[str, Place]) -> Sequence[Recording]:
        """As they were captured; shifted to now, what was begun comes first, because its times are settled."""
        if not self.origin:
            return self.recordings
        return sorted(self.recordings, key=lambda one: one.name not in places or places[one.name].ended)

    def _play(self, one: Recording, known: Place | None, at: int, end: int) -> Generator[Item, None, int]:
        """What is new of one recording; returns the end of everything so far, in ms when pauses are cut."""
        domain, base_ms = self._times(one, at)

        def mark(place: Place) -> None:
            self.mark(self._cursor(one, place._replace(at=at, end=end)))

        for got in play(one.path, known, self.read, self.heavy, mark):
            if self.closed:
                return end
            if isinstance(got, Trouble):
                ended = self._cursor(one, got.place._replace(at=at, end=end)) if got.place else None
                yield Fault(base_ms, NoteKind.BAD_INPUT, f"{one.name}: {got.why}"[:480], 1, domain, ended)
                continue
            sample = got.part.sample
            until_ms = got.part.offset_ms + sample.duration_ms
            end = max(end, at + until_ms)
            virtual_ms = (at if self.origin else base_ms + domain.utc0_ms) + until_ms
            self._first_ms = virtual_ms - sample.new_ms if self._first_ms is None else self._first_ms
            until_s = self._began_s + (virtual_ms - self._first_ms) / 1000 / self.speed if self.speed else 0.0
            yield from self._wait(until_s, base_ms + until_ms, domain)
            last_ms = self._last_ms if domain == self._domain else 0
            self._domain, self._last_ms = domain, max(last_ms, base_ms + until_ms)
            yield dataclasses.replace(
                sample,
                t_ms=base_ms + got.part.offset_ms,
                source=one.name,
                domain=domain,
                cursor=self._cursor(one, got.place._replace(at=at, end=end)),
                last=got.part.position < 0,
            )
        return end

    def _times(self, one: Recording, at: int) -> tuple[ClockDomain, int]:
        """The clock domain of a recording, and its beginning there in ms."""
        if self.origin:
            return self._now() or ClockDomain("", 0, 0, 0), at
        now, utc_ms, bound_ms = self._domain, one.when.utc_ms, one.when.bound_ms
        vague = one.when.source == "film" and not one.when.doubt  # its zone is that of the picture it goes on with
        within_ms = now.bound_ms if now and vague else bound_ms
        if not now or not goes_on(now, self._last_ms, utc_ms, within_ms, self.close_ms, ROUNDING_MS):
            now = of_day("recorded", utc_ms, bound_ms)
        return now, utc_ms - now.utc0_ms

    def _now(self) -> ClockDomain | None:
        if not self.origin:
            return None
        return ClockDomain(f"now {self.origin.utc_ms}", self.origin.utc_ms, self.origin.state, self.origin.bound_ms)

    def _fault_ms(self) -> int:
        return 0 if self.origin else int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)

    def _wait(self, until_s: float, t_ms: int, domain: ClockDomain) -> Iterator[Tick]:
        """Keep the pace; in a long pause time is told, as a sensor would that hears nothing."""
        while self.speed > 0 and not self.closed and (left_s := until_s - self.monotonic_s()) > 0:
            self.sleep_s(min(TICK_S, left_s))
            left_s = until_s - self.monotonic_s()
            if left_s > 0 and t_ms >= left_s * 1000 * self.speed:
                yield Tick(round(t_ms - left_s * 1000 * self.speed), domain)

    def _place(self, one: Recording) -> Place | None:
        """How far a recording was played, if ever."""
        return load(self.committed(f"{self.name}\n{one.name}"), one.when.utc_ms)

    def _cursor(self, one: Recording, place: Place) -> tuple[str, str]:
        return f"{self.name}\n{one.name}", place.dump(one.when.utc_ms)


def doubt_of(
    name: str,
    when: Captured,
    t_ms: int,
    told: set[str],
    domain: ClockDomain | None,
    cursor: tuple[str, str] | None = None,
) -> Fault:
    """A file's time is doubted: counted for each, told for the first of a folder, which is then in `told`."""
    folder = name.rpartition("/")[0]
    text = ""
    if folder not in told:
        told.add(folder)
        dated = say(
            "it is dated {source}, within {days:.0f} days", source=say(_DATED[when.source]), days=when.bound_ms / DAY_MS
        )
        text = say(
            "{name}: the time in it {doubt}: {dated}, as are others of this folder; set the camera's clock",
            name=name,
            doubt=when.doubt,
            dated=dated,
        )
    return Fault(t_ms, NoteKind.BAD_INPUT, text, 1, domain, cursor if text else None, Counter.CLOCK_DOUBTED)


def _unchanged(one: Recording, known: Place) -> bool:
    try:
        return known.same(stat_of(one.path))
    except OSError:
        return True


def _begin(last: Recording | None, one: Recording, at: int, end: int, apart_ms: int) -> int:
    """Where a recording begins when pauses are cut: after what came before it, and so far apart from it."""
    if last is None:
        return end
    if "changed" in (last.when.source, one.when.source):
        return end + apart_ms if apart_ms else max(end, at + FOLLOW_MS)
    as_recorded = at + one.when.utc_ms - last.when.utc_ms
    return max(end, min(as_recorded, end + apart_ms if apart_ms else at + MOST_PAUSE_MS))
