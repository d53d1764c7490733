"""Shots over several windows: each onset counts once, and a shot that goes on without a new one is none. Pure."""

from dataclasses import dataclass, replace
from typing import Final

from otorongo.station.onset import APART_S, onsets
from otorongo.station.samples import Sample

LONGEST: Final = 3
"""Windows in a row that one shot can be in; what is a shot for longer, without a new onset, is an engine or thunder."""


@dataclass(frozen=True, slots=True)
class Shots:
    """What is remembered from window to window."""

    last_ms: int | None = None
    """Capture time of the last rise of the newest shot."""
    windows: int = 0
    """Hits in a row since a new shot began."""
    new: int = 0
    """Shots that began in the last window and were in none before."""

    @property
    def stands(self) -> bool:
        """Whether the hit of the last window can be a shot."""
        return self.windows <= LONGEST


def advance(state: Shots, sample: Sample, *, hit: bool) -> Shots:
    """The next state after a window of sound, which the network takes for a shot or not.

    A shot in two overlapping windows counts once, by its onset's capture time: two shots are at least 0.25 s apart.
    """
    if not hit:
        return replace(state, windows=0, new=0)
    last_ms = state.last_ms
    if last_ms is not None and last_ms > sample.end_ms:
        last_ms = None  # another clock
    new = 0
    for one in onsets(sample.data, sample.rate_hz, more_follows=0 < sample.new_ms < sample.duration_ms):
        first_ms = sample.t_ms + round(one.first_s * 1000)
        if last_ms is None or first_ms - last_ms > APART_S * 1000:
            new += 1
        last_ms = max(last_ms or 0, sample.t_ms + round(one.last_s * 1000))
    return Shots(last_ms, 1 if new else state.windows + 1, new)
