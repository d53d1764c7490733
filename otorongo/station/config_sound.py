"""Keys of `[microphone]` about sound that is kept by the clock: `schedule` and `embeddings`."""

from typing import Annotated

from msgspec import Meta, Struct


class ScheduleConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Sound that is kept by the clock, whatever is in it."""

    length_s: Annotated[float, Meta(ge=0, le=600)] = 60.0
    """So long a piece is kept ...; 0: none."""
    every_s: Annotated[float, Meta(ge=60, le=86_400)] = 600.0
    """... so often."""
    mb: Annotated[int, Meta(ge=0)] = 4000
    """Room on the card; the oldest go first."""


class EmbeddingsConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Small vectors of windows, kept by the clock, with which a sound can be looked for later."""

    every_s: Annotated[float, Meta(ge=1.5, le=86_400)] = 60.0
    """One window in so long."""
    mb: Annotated[int, Meta(ge=0)] = 50
    """Room on the card; the oldest days go first. 0: none are kept."""
