"""The lowest lines of the Fourier series of a long piece, by short transforms side by side. numpy alone."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.complexfloating[Any, Any]]

_MOST_PARTS: Final = 32
SIDE_BY_SIDE: Final = 4
"""So many rows of float32 numpy transforms at once; those left over one after the other, each in as much time."""


class Lowest:
    """The first `kept` lines of `np.fft.rfft` of real pieces of one size, in single precision; tables made once."""

    def __init__(self, size: int, kept: int) -> None:
        self._kept = kept
        able = [parts for parts in range(1, _MOST_PARTS + 1) if size % parts == 0 and size // parts // 2 + 1 >= kept]
        self._parts = max(able, key=lambda parts: (parts % SIDE_BY_SIDE == 0, parts), default=1)
        turns = np.outer(np.arange(self._parts), np.arange(kept)) / size
        self._turns = (size // self._parts * np.exp(-2j * np.pi * turns)).astype(np.complex64)

    def __call__(self, piece: NDArray[Any]) -> Series:
        """Lines (kept,) of a piece (size,)."""
        # Every so manieth sample, from each of the first on. Asked for its own scale, numpy transforms float32 as such
        # and several rows at once; else by way of float64.
        rows = np.ascontiguousarray(piece.reshape(-1, self._parts).T)
        series: Series = np.fft.rfft(rows, norm="forward")[:, : self._kept] * self._turns
        total: Series = series.sum(axis=0)
        return total
