"""Shots over several windows: each onset counts once, and a shot that goes on without a new one is none. Pure."""

from dataclasses import dataclass, replace
from typing import Final

from otorongo.station.onset import APART_S, onsets
from otorongo.station.samples import Sample

LONGEST: Final = 3
"""Windows in a row that one shot can be in; what is a shot for longer, without a new onset, is an engine or thunder."""
BESIDE_MS: Final = 10_000
"""So long before and after a hit, windows that are only likely to hold a shot count theirs."""
LIKELY: Final = 3.0
"""So many natural units below its threshold a shot is still likely."""
BELOW_MS: Final = 10_000
BELOW_DB: Final = 12.0
"""An onset so soon after a shot, and so far below it, is its echo, the action of the same gun, or a bird."""


@dataclass(frozen=True, slots=True)
class Shots:
    """What is remembered from window to window."""

    last_ms: int | None = None
    """Capture time of the last rise of the newest shot."""
    windows: int = 0
    """Hits in a row since a new shot began."""
    new: int = 0
    """Shots that are counted with the last window, and were not before."""
    heard: tuple[int, float] | None = None
    """When the newest shot began, and its level in dB."""
    waiting: tuple[int, ...] = ()
    """When shots began that count only if a hit follows."""
    hit_ms: int | None = None
    """End of the last hit that can be a shot."""

    @property
    def stands(self) -> bool:
        """Whether the hit of the last window can be a shot."""
        return self.windows <= LONGEST


def advance(state: Shots, sample: Sample, *, hit: bool, likely: bool = False) -> Shots:
    """The next state after a window of sound, which the network takes for a shot, holds to be `likely` one, or neither.

    A shot in two overlapping windows counts once, by its onset's capture time: two shots are at least 0.25 s apart.
    Those of likely windows count beside a hit alone.
    """
    if state.last_ms is not None and state.last_ms > sample.end_ms:
        state = Shots()  # another clock
    if not hit and not likely:
        return replace(state, windows=0, new=0) if state.windows or state.new else state
    last_ms, heard = state.last_ms, state.heard
    waiting = [at for at in state.waiting if at > sample.t_ms - BESIDE_MS]
    found = 0
    for one in onsets(sample.data, sample.rate_hz, more_follows=0 < sample.new_ms < sample.duration_ms):
        first_ms = sample.t_ms + round(one.first_s * 1000)
        fresh = last_ms is None or first_ms - last_ms > APART_S * 1000
        below = heard is not None and first_ms - heard[0] <= BELOW_MS and one.high_db <= heard[1] - BELOW_DB
        if fresh and not below:
            waiting.append(first_ms)
            heard = first_ms, one.high_db
            found += 1
        last_ms = max(last_ms or 0, sample.t_ms + round(one.last_s * 1000))
    windows = 1 if found else state.windows + 1 if hit else 0
    hit_ms = sample.end_ms if hit and windows <= LONGEST else state.hit_ms
    counts = hit_ms is not None and 0 <= sample.end_ms - hit_ms <= BESIDE_MS
    return Shots(last_ms, windows, len(waiting) if counts else 0, heard, () if counts else tuple(waiting), hit_ms)
