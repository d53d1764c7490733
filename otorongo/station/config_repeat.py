"""`[camera.repeat]` of station.toml: when a box that comes back in its place is scenery."""

from typing import Annotated

from msgspec import Meta, Struct

from otorongo.station.scenery import Repeat

_MS = 3_600_000


class RepeatConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Animals, dogs and cattle that are scenery are not told; people, vehicles and boats are, and marked."""

    iou: Annotated[float, Meta(ge=0.5, lt=1)] = 0.9
    """Overlap (intersection over union) with the first box there, from which on it is in its place."""
    hours: Annotated[float, Meta(ge=0, le=720)] = 3.0
    """It must have stood there so long; 0: nothing is scenery."""
    hits: Annotated[int, Meta(ge=2, le=100_000)] = 20
    """And been seen there so often."""
    forget_h: Annotated[float, Meta(gt=0, le=8760)] = 72.0
    """A place where nothing was seen for so many hours is forgotten."""
    mb: Annotated[int, Meta(ge=0)] = 20
    """Room on the card for a small picture of each event that was held back; the oldest go first."""


def repeat_of(config: RepeatConfig, people_p: float) -> Repeat:
    """The same for the sieve, in ms."""
    return Repeat(config.iou, round(config.hours * _MS), config.hits, round(config.forget_h * _MS), people_p)
