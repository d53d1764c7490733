"""What stays open of a sealed clip: how loud each third octave was in each second, as a picture. Pure; numpy alone.

Where somebody may be speaking, or right beside, there is not even that: such a second is hatched, and nothing of it is
reckoned with. And whom no network noticed is not understood either: syllables come several to the second, and of each
third octave one number a second is left.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from otorongo.station.bands import CENTRES_HZ, Bands
from otorongo.station.samples import Picture, Sound
from otorongo.station.voices import BESIDE_MS, Span

STEP_MS: Final = 1000
CELL_PX: Final = (10, 32)
"""Height of a third octave and width of a second."""
RANGE_DB: Final = 50.0
"""From the darkest to the lightest, which is the loudest third octave of all that is shown."""
DARK: Final = (10, 14, 16)
LIGHT: Final = (252, 246, 190)
HATCH: Final = (96, 40, 48)


def open_steps(length_ms: int, start_ms: int, voices: Iterable[Span], blur_ms: int = 0) -> list[bool]:
    """For each whole second of a piece of sound, whether nobody may be speaking in it, nor within 3 s of it.

    `blur_ms`: so far the sound may lie beside the times of its windows.
    """
    margin_ms = BESIDE_MS + blur_ms
    spans = [(one.start_ms - margin_ms, one.end_ms + margin_ms) for one in voices]
    steps = range(start_ms, start_ms + length_ms - STEP_MS + 1, STEP_MS)
    return [not any(at < end and at + STEP_MS > start for start, end in spans) for at in steps]


def picture(sound: Sound, rate_hz: int, shown: list[bool]) -> Picture | None:
    """Float mono (n,) as RGB (H, W, 3), lowest pitch below, of the seconds that are `shown`; None: none are."""
    if not any(shown):
        return None
    bands = Bands(rate_hz, STEP_MS / 1000)
    size = round(rate_hz * STEP_MS / 1000)
    found = [bands.levels_db(sound[n * size : (n + 1) * size]) for n, one in enumerate(shown) if one]
    top = max(float(np.nanmax(levels)) for levels in found)
    left = iter(found)
    columns = [_column(next(left), top) if one else _hatched(len(CENTRES_HZ)) for one in shown]
    return np.concatenate(columns, axis=1)


def _column(levels_db: NDArray[np.float64], top: float) -> Picture:
    """One second; a third octave that the rate cannot hold is dark."""
    share = np.clip(1 + (np.nan_to_num(levels_db, nan=-np.inf) - top) / RANGE_DB, 0, 1)[::-1, None, None]
    cells = np.round(np.array(DARK) + share * (np.array(LIGHT) - np.array(DARK))).astype(np.uint8)
    return np.asarray(cells.repeat(CELL_PX[0], axis=0).repeat(CELL_PX[1], axis=1))


def _hatched(count: int) -> Picture:
    height, width = count * CELL_PX[0], CELL_PX[1]
    lines = (np.arange(height)[:, None] + np.arange(width)) % 8 < 2
    return np.where(lines[:, :, None], np.array(HATCH, np.uint8), np.array(DARK, np.uint8))
