"""How many shots a window holds: sharp onsets that die away. Pure; numpy alone.

A muzzle blast lasts 3 to 5 ms (Maher 2006) and rings for T60 1.2 to 3 s in a forest (Albert 2015): it rises within a
few hundredths of a second out of what was before, and a second and a half later most of it has gone. All 25 windows of
real shots hold an onset. Far shots (rendered, from 500 m) often lose theirs, so the count is a lower bound and no veto.
"""

from typing import Final

import numpy as np

from otorongo.station.samples import Sound

STEP_S: Final = 0.01
RISE_DB: Final = 6.0
"""Within 50 ms, over the louder of what was in the 0.2 s before."""
APART_S: Final = 0.25
"""Onsets closer than this are one: echoes, and a rifle's crack before its blast."""
GONE_DB: Final = 10.0
"""So much of a shot's height has gone ..."""
GONE_S: Final = 1.5
"""... so long after its onset, if the window reaches so far."""


def onsets(sound: Sound, rate_hz: int) -> int:
    """How many shots float mono sound (n,) may hold: sharp rises that die away; 0 for silence and what is too short."""
    step = max(1, round(STEP_S * rate_hz))
    count = len(sound) // step
    if count < 30:
        return 0
    clean = np.nan_to_num(sound[: count * step], nan=0.0, posinf=0.0, neginf=0.0).astype(np.float64)
    clean -= clean.mean()
    # Near shots are sharp, and differences of neighbours lift them out of wind; of far ones only the low part is left.
    return max(_rises(clean, step), _rises(np.diff(clean, prepend=clean[:1]), step))


def _rises(sound: "np.ndarray[tuple[int], np.dtype[np.float64]]", step: int) -> int:
    levels = 10 * np.log10(np.mean(sound.reshape(-1, step) ** 2, axis=1) + 1e-12)
    power = 10 ** (levels / 10)
    total = np.concatenate([[0.0], np.cumsum(power)])
    at = np.arange(20, len(levels) - 5)
    high = 10 * np.log10((total[at + 5] - total[at]) / 5 + 1e-12)
    before = 10 * np.log10(np.maximum((total[at] - total[at - 20]) / 20, (total[at] - total[at - 5]) / 5) + 1e-12)
    found, last = 0, -len(levels)
    for place in np.flatnonzero(high - before >= RISE_DB):
        if at[place] - last > round(APART_S / STEP_S):
            found += _dies(levels, int(at[place]), float(high[place]))
        last = int(at[place])
    return found


def _dies(levels: "np.ndarray[tuple[int], np.dtype[np.float64]]", at: int, high: float) -> bool:
    """True if what rose here has gone 1.5 s later, as far as the window tells."""
    end = at + round(GONE_S / STEP_S)
    if end + 10 > len(levels):
        end = len(levels) - 10
        if end - at < 30:
            return True  # the next window, which begins earlier in it, will tell
        wanted = GONE_DB * (end - at) * STEP_S / GONE_S
    else:
        wanted = GONE_DB
    return bool(high - np.median(levels[end : end + 10]) >= wanted)
