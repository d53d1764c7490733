"""What the loop and a microphone's ear say to each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from otorongo.station.samples import Sample, Score
from otorongo.wire.rows import Listening


@dataclass(frozen=True, slots=True)
class Heard:
    """What the ear makes of one window's scores."""

    scores: tuple[Score, ...]
    vetoed: int = 0
    """Hits that were rejected."""


@dataclass(frozen=True, slots=True)
class Hourly:
    """What the ear says of an hour."""

    row: Listening
    sentences: tuple[str, ...] = ()
    """For the technician."""
    memory: str = ""
    """What it has learned, to be kept over a restart; empty: nothing new."""


class Ear(Protocol):
    """What a microphone has beside the network."""

    def hear(
        self, sample: Sample, scores: Sequence[Score], *, classified: bool, failed: bool, needed_db: float
    ) -> Heard:
        """Take in a window; `classified`: the gate let it pass, and wanted `needed_db`; `failed`: nobody judged it."""

    def due(self, hour_of_day: Callable[[int], int | None], *, last: bool = False) -> Hourly | None:
        """When an hour is over, or `last` in this clock domain; else None."""
