"""Sound in third octaves, and the noise floor of a stretch of time. Pure; numpy alone."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from otorongo.station.samples import Sound

Levels = NDArray[np.float64]

CENTRES_HZ: Final = tuple(1000.0 * 2 ** (step / 3) for step in range(-13, 9))
"""50 Hz to 6.3 kHz (IEC 61260, base 2, by their exact centres)."""
SILENT_DB: Final = -150.0
LONGEST_S: Final = 1.5
"""Of a window, its last 1.5 s say enough of the noise."""


class Bands:
    """The bands for one rate, of the last `length_s` of a sound; made once."""

    def __init__(self, rate_hz: int, length_s: float = LONGEST_S) -> None:
        self.size = round(length_s * rate_hz)
        turns = 2.0 * np.pi * np.arange(self.size) / self.size
        self._window = (0.5 - 0.5 * np.cos(turns)).astype(np.float32)
        hz = np.array(CENTRES_HZ)
        edges_hz = np.concatenate([hz * 2 ** (-1 / 6), hz[-1:] * 2 ** (1 / 6)])
        bins = np.rint(edges_hz * self.size / rate_hz).astype(int)
        last = self.size // 2
        self._known = bins[1:] <= last
        """Bands above half the rate hold nothing that can be known."""
        self._edges = np.minimum(bins, last)
        # A Hann window lets 3/8 of the power through; a real spectrum has each line twice.
        self._scale = 2.0 / (3 / 8)

    def levels_db(self, sound: Sound) -> Levels:
        """Level of each band in dB below full scale (22,) of float mono (n,); a root mean square of 1 is 0 dB.

        NaN for bands that the rate cannot hold; -150 for silence. Sound shorter than that is followed by silence.
        """
        piece = np.zeros(self.size, np.float32)
        kept = sound[-self.size :]
        if len(kept):
            centred = kept - kept.mean()
            finite = np.isfinite(centred).all()
            piece[: len(kept)] = centred if finite else np.nan_to_num(centred, nan=0.0, posinf=0.0, neginf=0.0)
        piece *= self._window
        series = np.fft.rfft(piece, norm="forward")  # numpy takes other scales by way of float64
        total = np.concatenate([[0.0], np.cumsum(np.square(series.real) + np.square(series.imag), dtype=np.float64)])
        power = (total[self._edges[1:]] - total[self._edges[:-1]]) * self._scale
        levels: Levels = 10.0 * np.log10(np.maximum(power, 10 ** (SILENT_DB / 10)))
        return np.where(self._known, levels, np.nan)


def quantile_db(rows: Sequence[Levels], share: float) -> Levels:
    """Of many windows, the level of each band (22,) that `share` of them stay below; NaN without windows."""
    if not rows:
        return np.full(len(CENTRES_HZ), np.nan)
    table = np.stack(rows)
    found: Levels = np.full(table.shape[1], np.nan)
    known = ~np.isnan(table).all(axis=0)
    found[known] = np.nanquantile(table[:, known], share, axis=0)
    return found
