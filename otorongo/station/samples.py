"""What moves through a station: samples in, scores, events out. Values only, and the cutting of sound into windows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from otorongo.models.rollup import Look
from otorongo.wire.seen import Kind, Name

Sound = NDArray[np.float32]
Picture = NDArray[np.uint8]
SILENCE_DB: Final = -120.0
"""Level of a window of zeros, dB below full scale."""


@dataclass(frozen=True, slots=True)
class ClockDomain:
    """What the times of a replay are counted from."""

    key: str
    """The same key is the same domain, also after a restart."""
    utc0_ms: int
    state: int
    """`wire.codes.Clock`."""
    bound_ms: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame, or one window of sound."""

    t_ms: int
    """Capture time, of a window its start: ms since boot, or since `domain.utc0_ms`."""
    data: NDArray[Any]
    """Sound: float32 mono (n,) in [-1, 1]. Picture: uint8 RGB (H, W, 3)."""
    duration_ms: int = 0
    rate_hz: int = 0
    """Of sound."""
    new_ms: int = 0
    """How much of a window was not in the window before it (the last `new_ms` of it)."""
    source: str = ""
    """The file that a replay read it from."""
    domain: ClockDomain | None = None
    """Of a replay; None: this boot."""
    cursor: tuple[str, str] | None = None
    """Name and value: where a replay goes on after this sample; committed together with what the sample caused."""
    last: bool = False
    """The last sample of its file."""
    clipped: float = 0.0
    """Of sound: share of it that was at full scale, or in flat tops, at the rate at which it was captured."""
    not_finite: int = 0
    """Of sound: captured since the window before, and no numbers or infinite; they were replaced by silence."""
    triggered: bool = False
    """A trigger asked for it: whatever the gate says, it is classified."""
    full: Callable[[], Picture] | None = None
    """The same frame at its full size, as long as it is the sensor's newest; None: `data` is all there is.

    Raises SensorError if it cannot be had any more."""
    trigger_ms: int = -1
    """Of the first frame after a trigger: how long after it, in ms; -1: of every other sample."""

    @property
    def end_ms(self) -> int:
        """When it was complete."""
        return self.t_ms + self.duration_ms


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing came; time passes all the same."""

    t_ms: int
    domain: ClockDomain | None = None
    """Of a replay; None: this boot."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that the technician should know: a damaged file, a microphone that stopped. The sensor goes on."""

    t_ms: int
    kind: int
    """`wire.codes.NoteKind`."""
    text: str
    """For the technician; empty: none."""
    lost: int = 0
    """Samples lost by it."""
    domain: ClockDomain | None = None
    cursor: tuple[str, str] | None = None
    counter: int = 0
    """`wire.codes.Counter` that counts it, in place of that of its kind; with an empty text it is counted, not told."""


Item = Sample | Tick | Fault
"""What a sensor yields."""


Wait = Callable[[float], int | None]
"""A trigger: waits up to so many seconds, and says when it rose in ms since boot; None: it did not."""


class Source(Protocol):
    """A sensor that was opened: a driver, or recordings."""

    def samples(self) -> Iterator[Item]:
        """What comes, until the sensor is closed or its recordings end."""

    def close(self) -> None:
        """Let `samples` end."""


class Score(Struct, frozen=True):
    """What a bundle says of one wire class in one sample; a struct, because each window makes one for each class."""

    cls: int
    p: float
    """Calibrated probability."""
    evidence: float
    """Log-likelihood ratio in natural units, within +-8."""
    hit: bool
    """p reached the threshold."""
    count: int = 1
    """How many of them are seen at once."""
    new: int = 0
    """Of shots: how many began in this window and were in none before; an event counts them all."""
    f0_hz: float = 0.0
    """Of engines: spacing of the comb that goes on; 0: none."""
    trend: int = 0
    """`wire.codes.Trend` of that comb's level; 0: none."""
    looks: tuple[Look, ...] = ()
    """Of animals in a picture: what a network of names says of each, the surest first."""
    scenery: bool = False
    """Of pictures: all of it has stood in its place for hours."""


@dataclass(frozen=True, slots=True)
class Scores:
    """All that one sample says; a sample that the gate rejected has none."""

    t_ms: int
    duration_ms: int
    scores: tuple[Score, ...] = ()
    level_db: int = 0
    floor_db: int = 0
    boxes: tuple[Any, ...] = ()
    """Of a picture: `models.runtime.BoxScore`, those that reach their thresholds."""


class Named(NamedTuple):
    """The name of an event, and what it rests on."""

    species: int = 0
    """Number in `wire.species`; 0: none said."""
    source: int = 0
    """`wire.codes.NameSource`."""
    names: tuple[Name, ...] = ()
    """What the network of names said of all looks together, the likeliest first, before any rule."""
    p: float = 0.0
    """Of the name."""
    kinds: tuple[Kind, ...] = ()
    """If there were several kinds of animals: each with how many were named at once, the one of this name first."""


@dataclass(frozen=True, slots=True)
class Event:
    """One revision of one event, before it becomes a row."""

    key: int
    """Names the event inside this process."""
    cls: int
    kind: int
    """`wire.codes.Kind`."""
    start_ms: int
    t_ms: int
    """Now: the end of the newest sample that belongs to it."""
    evidence: float
    hits: int
    peak: float
    level_db: int = 0
    floor_db: int = 0
    count: int = 0
    reason: int = 0
    """`wire.codes.CloseReason`."""
    f0_hz: float = 0.0
    """The newest comb spacing of its hits; 0: none."""
    trend: int = 0
    """What that comb's level did, `wire.codes.Trend`; 0: none."""
    named: Named = Named()  # noqa: RUF009 - a value
    """Of an animal; an opening has no name yet."""
    seen_ms: int = 0
    """When the best frame was taken ..."""
    boxes: tuple[Any, ...] = ()
    """... and what was seen in it, by boxes."""
    scenery: bool = False
    """Every hit so far was something that has stood in its place for hours."""


@dataclass
class Windows:
    """Cuts a stream of sound into overlapping windows of one length.

    `push` takes blocks as they come and yields each window as soon as it is complete; `finish` yields what is left over
    as one last window that ends with the sound.
    """

    rate_hz: int
    window: int
    """Samples in a window."""
    hop: int
    """Samples from one window to the next."""
    _blocks: list[Sound] = field(default_factory=list)
    """What is held, put together only when a window is full."""
    _at: int = 0
    """Place of the first held sample in the stream."""
    _given: int = 0
    """End of the last window that was yielded."""
    _before: Sound = field(default_factory=lambda: np.zeros(0, np.float32))
    """What lies right before the held samples: the hop that was let go last."""

    def push(self, block: Sound) -> Iterator[tuple[int, int, Sound]]:
        """Yields (place of its first sample in the stream, how many samples are new, window)."""
        self._blocks.append(block)
        while sum(map(len, self._blocks)) >= self.window:
            held = self._held()
            end = self._at + self.window
            yield self._at, end - self._given, held[: self.window]
            self._given = end
            self._before, self._blocks = held[: self.hop], [held[self.hop :]]
            self._at += self.hop

    def finish(self) -> Iterator[tuple[int, int, Sound]]:
        """The last window: as long as the others if there was one, for a sound that breaks off is heard as a shot."""
        held = self._held()
        new = self._at + len(held) - self._given
        if new <= 0 or not len(held):
            return
        whole = np.concatenate([self._before, held])[-self.window :]
        yield self._at + len(held) - len(whole), new, whole
        self._given += new

    def _held(self) -> Sound:
        if len(self._blocks) != 1:
            self._blocks = [np.concatenate([np.zeros(0, np.float32), *self._blocks])]
        return self._blocks[0]
