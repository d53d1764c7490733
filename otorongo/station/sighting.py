"""What the loop and a camera's eye say to each other."""

import logging
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from otorongo.station.hearing import Hourly
from otorongo.station.samples import Sample, Score
from otorongo.wire.codes import Counter
from otorongo.wire.rows import Seeing, Tamper

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sighted:
    """What the eye makes of one frame."""

    tampers: tuple[Tamper, ...] = ()
    counts: dict[Counter, int] = field(default_factory=dict)
    fault: str = ""
    """The driver is to be opened again, and why: a sentence for the technician."""


class Eye(Protocol):
    """What a camera has beside its networks."""

    def see(self, sample: Sample, scores: Sequence[Score], boxes: Sequence[Any]) -> Sighted:
        """Take in a frame, and what the networks say of it: nothing, if the gate held it back."""

    def wait(self, t_ms: int) -> None:
        """No frame came."""

    def due(self, hour_of_day: Callable[[int], int | None], *, last: bool = False) -> Hourly[Seeing] | None:
        """When an hour is over, or `last` in this clock domain; else None."""


def asked(
    eye: Eye, sample: Sample, scores: Sequence[Score], boxes: Sequence[Any], counters: MutableMapping[int, int]
) -> Sighted:
    """What the eye makes of a frame, counted; one that it fails at is counted too, and hides nothing."""
    try:
        sighted = eye.see(sample, scores, boxes)
    except Exception as error:  # noqa: BLE001 - cv2.error and the like are plain exceptions
        log.warning("whether the camera could see is not known: %s", error)
        sighted = Sighted(counts={Counter.CLASSIFIER_FAULTS: 1})
    for counter, by in sighted.counts.items():
        counters[counter] = counters.get(counter, 0) + by
    return sighted
