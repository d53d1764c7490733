"""How far a saw could have been heard, so that silence is never read as safety. Pure.

A saw of 114 dB(A) of power loses 20 log r by spreading to the distance r, and 0.01 r f^(1/3) dB in foliage
(Arup/Hoover). It counts as heard where three of its third octaves reach the noise there is. The law is harsh: with it a
saw is heard at 300 to 500 m in a quiet forest; 520 m were measured in Cote d'Ivoire (2024), and spreading alone would
give kilometres.
"""

import math
from typing import Final

import numpy as np

from otorongo.station.bands import CENTRES_HZ, Levels

SAW_DB: Final = (
    73.0, 78.0, 79.0, 81.0, 87.0, 92.0, 90.0, 91.0, 90.0, 91.0, 91.0,
    92.0, 92.0, 92.0, 91.0, 91.0, 90.0, 90.0, 90.0, 89.0, 89.0, 87.0,
)  # fmt: skip
"""Third octaves of a chainsaw at 1 m, dB re 20 uPa: the median shape of the 32 recordings of ESC-10, set to 103 dB(A)
(114 dB(A) of sound power, Husqvarna 395XP, over a full sphere)."""
FULL_SCALE_DB: Final = 120.0
"""Sound pressure of full scale, where the technician does not say: a microphone of -26 dBFS at 94 dB, as many MEMS."""
_SAW_DB: Final = np.array(SAW_DB)
_CUBE_ROOTS: Final = np.cbrt(np.array(CENTRES_HZ))
ENOUGH: Final = 3
"""So many third octaves must reach the noise."""
FARTHEST_M: Final = 3000.0
NEAREST_M: Final = 1.0


def reach_m(
    noise_dbfs: Levels,
    full_scale_db: float = FULL_SCALE_DB,
    *,
    raised_db: float = 0.0,
    least_dbfs: float = -math.inf,
) -> int:
    """How far a saw is heard over noise (22,) in dB below full scale, in m; 0: not even beside it, or not known.

    `raised_db`: so far above the noise it must be, because the threshold is raised; `least_dbfs`: the level that it
    must bring, all bands together, so that the gate lets it pass.
    """
    noise_db = noise_dbfs + full_scale_db
    asked = (noise_db + raised_db, least_dbfs + full_scale_db)
    if np.isnan(noise_db).sum() > len(noise_db) - ENOUGH or not _heard(NEAREST_M, *asked):
        return 0
    near, far = math.log(NEAREST_M), math.log(FARTHEST_M)
    for _ in range(24):  # heard at `near`, perhaps not at `far`: halve what lies between
        middle = (near + far) / 2
        near, far = (middle, far) if _heard(math.exp(middle), *asked) else (near, middle)
    return round(math.exp(near))


def loss_db(distance_m: float) -> Levels:
    """What each third octave (22,) has lost at a distance beside 1 m."""
    lost: Levels = 20 * math.log10(max(NEAREST_M, distance_m)) + 0.01 * distance_m * _CUBE_ROOTS
    return lost


def _heard(distance_m: float, noise_db: Levels, least_db: float) -> bool:
    saw_db = _SAW_DB - loss_db(distance_m)
    if int((saw_db >= noise_db).sum()) < ENOUGH:  # NaN compares as False
        return False
    return float(10 * np.log10((10 ** (saw_db[~np.isnan(noise_db)] / 10)).sum())) >= least_db
