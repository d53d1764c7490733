"""What gate, classifier and keepers of evidence hand to the loop. Values only."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from otorongo.station.outbox_write import Of
from otorongo.station.samples import SILENCE_DB, Event, Sample, Score
from otorongo.wire.codes import Counter, NoteKind


@dataclass(frozen=True, slots=True)
class Passed:
    """What the gate says of a sample."""

    classify: bool
    level_db: int = 0
    floor_db: int = 0
    why: Counter | None = None
    """What is counted besides."""
    sample: Sample | None = None
    """What is classified, and kept, instead of the sample that was looked at."""
    needed_db: float = SILENCE_DB
    """Of sound: the level that it asked for."""
    looks: tuple[Any, ...] = ()
    """Of pictures: where something moved, in shares of the frame, the largest first."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the classifier says of a sample: scores by wire class, and boxes for the picture that is kept."""

    scores: tuple[Score, ...]
    boxes: tuple[Any, ...] = ()
    faint: tuple[Any, ...] = ()
    """Every box that a network has drawn, also far below the thresholds: where somebody may be."""
    doubted: tuple[Score, ...] = ()
    """What the first of two networks said alone, where both together say something else."""
    failed: bool = False
    """Nobody knows what was in it: it should have been classified, and could not be."""
    fault: str = ""
    """What failed beside it; the scores stand."""
    held: tuple[int, ...] = ()
    """Wire classes of what would have opened an event, and is only scenery."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of evidence that lies on the card: its media row, to be put in this clock domain."""

    row: Of
    boot: int


@dataclass(frozen=True, slots=True)
class Unkept:
    """Evidence that should be there and is not, and how that is told."""

    why: str
    counter: Counter | None = Counter.MEDIA_DROPPED
    """None: it was counted before."""
    note: NoteKind | None = NoteKind.OTHER


class Keeper(Protocol):
    """Keeps evidence: sees every sample, is told of events, and writes files when nothing else waits."""

    def see(self, sample: Sample, judged: Judged | None) -> None:
        """A sample came."""

    def about(self, revision: Event, opening: int, boot: int, tags: int) -> None:
        """An event opened, grew or closed."""

    def work(self, now_ms: int, *, last: bool = False) -> Iterable[Kept | Unkept]:
        """Write what is due, one after another. `last`: nothing more will come in this clock domain."""

    def discard(self, row: Of) -> None:
        """The row of a file could not be put: its file goes."""
