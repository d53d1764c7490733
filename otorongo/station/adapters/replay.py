"""Files instead of a device: the order of recordings, their times, their pace, and where to go on.

A replay is dated in clock domains of its own: one for each UTC day of recordings, or, shifted to now, one for itself.
A file that cannot be read is told as a fault, left where it is, and the next one is read. Each sample carries a cursor;
a replay that was killed goes on after the last cursor that was committed.
"""

import datetime as dt
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from otorongo.station.adapters.replay_times import Captured, captured
from otorongo.station.errors import SensorError
from otorongo.station.ports import ClockReading
from otorongo.station.samples import ClockDomain, Fault, Item, Sample, Tick
from otorongo.wire.codes import Clock, NoteKind

SOUNDS: Final = (".wav", ".flac", ".ogg", ".opus", ".mp3")
PICTURES: Final = (".jpg", ".jpeg", ".png", ".webp")
VIDEOS: Final = (".mp4", ".avi", ".mov", ".mkv")
DAY_MS: Final = 86_400_000
TICK_S: Final = 1.0
FOLLOW_MS: Final = 1_000
"""Shifted to now, pictures whose distance is unknown follow one another by this."""
MOST_PAUSE_MS: Final = 10_000
"""Shifted to now, longer pauses between recordings are cut to this."""


class Recording(NamedTuple):
    """A file to replay."""

    path: Path
    name: str
    """Relative to the folder: what the cursor remembers."""
    when: Captured


class Part(NamedTuple):
    """What a reader takes out of a file: a sample without its final times."""

    offset_ms: int
    """From the beginning of the file."""
    sample: Sample
    position: int
    """Where to go on after it, in the reader's own unit."""


Reader = Callable[[Path, int], Iterator[Part]]
"""Reads a file from a position on. Raises SensorError for a file that cannot be read."""


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


def zone_of(name: str) -> ZoneInfo:
    """A time zone. Raises SensorError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SensorError(f"replay.zone: {name!r} is no time zone (allowed: such as America/Lima, UTC)") from error


def find(place: Path, endings: Sequence[str], zone: ZoneInfo) -> tuple[list[Recording], list[str]]:
    """The recordings below a folder (or the one file) in order of capture, and why others are left out.

    Raises SensorError if there is nothing at that place.
    """
    if not place.exists():
        raise SensorError(f"replay {place}: no such file or folder")
    found, refused = [], []
    files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    for path in files:
        if path.suffix.lower() not in endings or path.name.startswith("."):
            continue
        name = path.name if path == place else path.relative_to(place).as_posix()
        try:
            found.append(Recording(path, name, captured(path, zone)))
        except OSError as error:
            refused.append(f"{name}: cannot be read: {error.strerror or error}")
    return sorted(found, key=lambda one: (one.when.utc_ms, one.name)), refused


def length_of(recordings: Sequence[Recording], duration_ms: Callable[[Path], int]) -> int:
    """How long a replay shifted to now takes at its own speed, in ms."""
    at = end = 0
    last: Recording | None = None
    for one in recordings:
        at = _begin(last, one, at, end)
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
    duration_ms: Callable[[Path], int]
    """How long a recording is; 0 for a picture."""
    speed: float = 1.0
    """0: as fast as possible."""
    origin: Origin | None = None
    """Given: shifted to now."""
    cursor: str | None = None
    """Where to go on."""
    refused: Sequence[str] = ()
    monotonic_s: Callable[[], float] = time.monotonic
    sleep_s: Callable[[float], None] = time.sleep
    closed: bool = False

    def close(self) -> None:
        """Let `samples` end after the next sample."""
        self.closed = True

    def samples(self) -> Iterator[Item]:
        """All samples from the cursor on, at the replay's pace; ends with the last file."""
        began_s, first_ms = self.monotonic_s(), None
        done, position = self._place()
        for reason in self.refused if not done else ():
            yield Fault(self._fault_ms(0), NoteKind.BAD_INPUT, reason, domain=self._now())
        at = end = 0
        last: Recording | None = None
        for one in self.recordings:
            at = _begin(last, one, at, end)
            last = one
            domain, base_ms = self._times(one, at)
            key = (one.when.utc_ms, one.name)
            if done is not None and key < done:
                end = max(end, at + self.duration_ms(one.path))
                continue
            start = position if key == done else 0
            ended = self._cursor(one, -1)
            if start < 0:  # done to its end
                end = max(end, at + self.duration_ms(one.path))
                continue
            try:
                for part in self.read(one.path, start):
                    if self.closed:
                        return
                    sample = part.sample
                    end = max(end, at + part.offset_ms + sample.duration_ms)
                    virtual_ms = (at if self.origin else base_ms + domain.utc0_ms) + part.offset_ms + sample.duration_ms
                    first_ms = virtual_ms - sample.new_ms if first_ms is None else first_ms
                    until_s = began_s + (virtual_ms - first_ms) / 1000 / self.speed if self.speed else 0.0
                    yield from self._wait(until_s, base_ms + part.offset_ms + sample.duration_ms)
                    yield Sample(
                        t_ms=base_ms + part.offset_ms,
                        data=sample.data,
                        duration_ms=sample.duration_ms,
                        rate_hz=sample.rate_hz,
                        new_ms=sample.new_ms,
                        source=one.name,
                        domain=domain,
                        cursor=self._cursor(one, part.position),
                        last=part.position < 0,
                    )
            except SensorError as error:
                yield Fault(base_ms, NoteKind.BAD_INPUT, f"{one.name}: {error}"[:480], 1, domain, ended)

    def _times(self, one: Recording, at: int) -> tuple[ClockDomain, int]:
        """The clock domain of a recording, and its beginning there in ms."""
        if self.origin:
            return self._now() or ClockDomain("", 0, 0, 0), at
        midnight = one.when.utc_ms // DAY_MS * DAY_MS
        day = dt.datetime.fromtimestamp(midnight / 1000, dt.UTC).date()
        bound = one.when.bound_ms
        return ClockDomain(f"recorded {day} within {bound} ms", midnight, Clock.RTC, bound), one.when.utc_ms - midnight

    def _now(self) -> ClockDomain | None:
        if not self.origin:
            return None
        return ClockDomain(f"now {self.origin.utc_ms}", self.origin.utc_ms, self.origin.state, self.origin.bound_ms)

    def _fault_ms(self, at: int) -> int:
        return at if self.origin else int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)

    def _wait(self, until_s: float, t_ms: int) -> Iterator[Tick]:
        """Keep the pace; in a long pause time is told, as a sensor would that hears nothing."""
        while self.speed > 0 and not self.closed and (left_s := until_s - self.monotonic_s()) > 0:
            self.sleep_s(min(TICK_S, left_s))
            left_s = until_s - self.monotonic_s()
            if left_s > 0 and t_ms >= left_s * 1000 * self.speed:
                yield Tick(round(t_ms - left_s * 1000 * self.speed))

    @staticmethod
    def _cursor(one: Recording, position: int) -> str:
        return json.dumps([one.when.utc_ms, one.name, position], ensure_ascii=False)

    def _place(self) -> tuple[tuple[int, str] | None, int]:
        if not self.cursor:
            return None, 0
        utc_ms, name, position = json.loads(self.cursor)
        return (utc_ms, name), position


def _begin(last: Recording | None, one: Recording, at: int, end: int) -> int:
    """Where a recording begins when pauses are cut: after the one before it."""
    if last is None:
        return 0
    if "changed" in (last.when.source, one.when.source):
        return max(end, at + FOLLOW_MS)
    return max(end, at + min(MOST_PAUSE_MS, one.when.utc_ms - last.when.utc_ms))
