"""Where shots begin in a window: sharp onsets that die away within 1.5 s. Pure; numpy alone.

A muzzle blast lasts 3 to 5 ms (Maher 2006) and rings for T60 1.2 to 3 s in a forest (Albert 2015): it rises within a
few hundredths of a second out of what was before, and a second and a half later most of it has gone. All 25 windows of
real shots hold an onset. Far ones may lose theirs, so a window without one is no veto by itself: of 11 real shots
carried to 300 m over a real forest, one of the eight that the network heard had none.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from otorongo.station.bands import Levels
from otorongo.station.samples import Sound

STEP_S: Final = 0.01
RISE_DB: Final = 6.0
"""Within 50 ms, over the louder of what was in the 0.2 s before."""
APART_S: Final = 0.25
"""Onsets closer than this are one: echoes, and a rifle's crack before its blast."""
GONE_DB: Final = 10.0
"""So much of a shot's height has gone ..."""
GONE_S: Final = 1.5
"""... so long after its onset, if the window reaches so far. Rises that follow one another for longer are no shot."""
SEEN_S: Final = 0.3
"""So much of the window must follow an onset before it can be told whether it dies."""


@dataclass(frozen=True, slots=True)
class Onset:
    """One shot's beginning, in s from the start of the window."""

    first_s: float
    last_s: float
    """Its last rise: echoes, or the blast after the crack."""
    high_db: float = 0.0
    """Its loudest 10 ms, dB below full scale."""


def onsets(sound: Sound, rate_hz: int, *, more_follows: bool = False) -> list[Onset]:
    """The shots that float mono sound (n,) may hold, in order; none in silence and in what is too short.

    With `more_follows` an onset in the last 0.3 s is left to the next window, which will hold all of it.
    """
    step = max(1, round(STEP_S * rate_hz))
    count = len(sound) // step
    if count < 30:
        return []
    clean = np.nan_to_num(sound[: count * step], nan=0.0, posinf=0.0, neginf=0.0).astype(np.float64)
    clean -= clean.mean()
    # Near shots are sharp, and differences of neighbours lift them out of wind; of far ones only the low part is left.
    both = (_rises(each, step, more_follows) for each in (clean, np.diff(clean, prepend=clean[:1])))
    levels = _levels(clean, step)
    return [replace(one, high_db=_high_db(levels, one)) for one in max(both, key=len)]


def _high_db(levels: Levels, one: Onset) -> float:
    return float(levels[round(one.first_s / STEP_S) : round(one.last_s / STEP_S) + 6].max())


def _levels(sound: Levels, step: int) -> Levels:
    return np.asarray(10 * np.log10(np.mean(sound.reshape(-1, step) ** 2, axis=1) + 1e-12))


def _rises(sound: Levels, step: int, more_follows: bool) -> list[Onset]:
    levels = _levels(sound, step)
    power = 10 ** (levels / 10)
    total = np.concatenate([[0.0], np.cumsum(power)])
    at = np.arange(20, len(levels) - 5)
    high = 10 * np.log10((total[at + 5] - total[at]) / 5 + 1e-12)
    before = 10 * np.log10(np.maximum((total[at] - total[at - 20]) / 20, (total[at] - total[at - 5]) / 5) + 1e-12)
    found: list[tuple[int, int, float]] = []
    for place in np.flatnonzero(high - before >= RISE_DB):
        here = int(at[place])
        if found and here - found[-1][1] <= round(APART_S / STEP_S):
            found[-1] = (found[-1][0], here, found[-1][2])
        else:
            found.append((here, here, float(high[place])))
    return [
        Onset(first * STEP_S, last * STEP_S)
        for first, last, height in found
        if (last - first) * STEP_S <= GONE_S and _dies(levels, first, height, more_follows)
    ]


def _dies(levels: Levels, at: int, high: float, more_follows: bool) -> bool:
    """True if what rose here has gone 1.5 s later, as far as the window tells."""
    end = at + round(GONE_S / STEP_S)
    if end + 10 > len(levels):
        end = len(levels) - 10
        if end - at < round(SEEN_S / STEP_S):
            return not more_follows
        wanted = GONE_DB * (end - at) * STEP_S / GONE_S
    else:
        wanted = GONE_DB
    return bool(high - np.median(levels[end : end + 10]) >= wanted)
