"""What the loop and a microphone's ear say to each other, and what an ear or an eye says of an hour."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from otorongo.station.samples import Sample, Score
from otorongo.wire.codes import MicrophoneFlag, TamperKind
from otorongo.wire.rows import Listening, Seeing, Tamper


@dataclass(frozen=True, slots=True)
class Heard:
    """What the ear makes of one window's scores."""

    scores: tuple[Score, ...]
    vetoed: int = 0
    """Hits that were rejected."""


@dataclass(frozen=True, slots=True)
class Vetoed:
    """What vetoes did to the newest window."""

    holds: bool = False
    """Some class needs more evidence now, or cannot be told."""
    refused: bool = False
    """A hit was rejected."""


HourRow_co = TypeVar("HourRow_co", bound=Listening | Seeing, covariant=True)


@dataclass(frozen=True)
class Hourly(Generic[HourRow_co]):
    """What the ear, or a camera's eye, says of an hour."""

    row: HourRow_co
    sentences: tuple[str, ...] = ()
    """For the technician."""
    memory: str = ""
    """What it has learned, to be kept over a restart; empty: nothing new."""


class Ear(Protocol):
    """What a microphone has beside the network."""

    @property
    def vetoed(self) -> Vetoed:
        """What vetoes did to the newest window."""

    def hear(
        self, sample: Sample, scores: Sequence[Score], *, classified: bool, failed: bool, needed_db: float
    ) -> Heard:
        """Take in a window; `classified`: the gate let it pass, and wanted `needed_db`; `failed`: nobody judged it."""

    def due(self, hour_of_day: Callable[[int], int | None], *, last: bool = False) -> Hourly[Listening] | None:
        """When an hour is over, or `last` in this clock domain; else None."""


def rows_of(hour: Hourly[Listening | Seeing], before: int) -> list[Listening | Seeing | Tamper]:
    """The rows of an hour: its own, and a tamper if a microphone has died since the flags `before`."""
    row = hour.row
    if isinstance(row, Listening) and row.flags & MicrophoneFlag.DEAD & ~before:
        return [row, Tamper(row.t_ms, TamperKind.MICROPHONE_DEAD, row.sensor)]
    return [row]


def memory_name(section: str) -> str:
    """The outbox keeps what an ear or an eye has learned under this name."""
    return f"{section} usual"
