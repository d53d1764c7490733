"""The gate of sound: is a window worth classifying? Pure."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from otorongo.station.samples import SILENCE_DB, Sound

RISE_DB_PER_S: Final = 0.05
"""How fast the noise floor follows when everything gets louder (3 dB a minute); it falls at once."""
MOSTLY_OFFSET: Final = 0.01
"""Of the power with its mean: where no more than this is left without, it is worked out with care."""


@dataclass(frozen=True, slots=True)
class Loudness:
    """What the gate remembers."""

    floor_db: float = 0.0
    """Noise floor in dB below full scale; 0: no window yet."""


def level_db(sound: Sound) -> float:
    """Root mean square of float sound (n,) in dB below full scale, at least -120; its mean is taken away first."""
    if not len(sound):
        return SILENCE_DB
    mean = float(np.einsum("i->", sound)) / len(sound)  # in less than half the time of `sound.mean()`
    power = float(np.dot(sound, sound)) / len(sound) - mean * mean
    if power <= MOSTLY_OFFSET * mean * mean:  # little is left of large numbers: once more, without them
        centred = sound - np.float32(mean)
        power = float(np.dot(centred, centred)) / len(centred)
    return max(SILENCE_DB, 10 * math.log10(power)) if power > 0 and math.isfinite(power) else SILENCE_DB


def needed_db(state: Loudness, *, gate_db: float, margin_db: float) -> float:
    """The level that a window must have to be classified, in dB below full scale."""
    return max(gate_db, state.floor_db + margin_db) if margin_db else gate_db


def loud(state: Loudness, level: float, new_s: float, *, gate_db: float, margin_db: float) -> tuple[Loudness, bool]:
    """The next state, and whether a window of this level is worth classifying.

    The floor is the lowest level of the last minutes: it falls at once and rises by 0.05 dB a second.
    """
    floor = level if state.floor_db == 0.0 else min(level, state.floor_db + RISE_DB_PER_S * new_s)
    return Loudness(floor), level >= gate_db and level >= floor + margin_db
