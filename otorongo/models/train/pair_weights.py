"""Eight-bit weights that no kernel saturates.

x86 machines without VNNI multiply bytes in pairs and add the two products in 16 bits: 255 * (a + b) must not pass
32767. Halving every weight (7 bits) always holds that, and doubles the error of rounding. Here each output channel's
scale grows only as far as its own pairs ask, and where a few of them stand out those are shrunk instead: whatever costs
least.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

MOST: Final = 128
"""Largest sum of two weights that are multiplied as a pair: 255 * 128 = 32640."""
LARGEST: Final = 127
GROWTH: Final = np.linspace(1.0, 2.0, 51)
"""Factors of a channel's scale that are tried; with 2 no pair can be over."""


def pair_sums(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest sum of a pair by output channel, (out,), of weights (out, in, height, width).

    Kernels take weights in one of two orders, channels first or last; this is the larger of both.
    """
    first, last = weights.reshape(len(weights), -1), np.moveaxis(weights, 1, -1).reshape(len(weights), -1)
    return np.maximum(*(np.abs(_pairs(flat).sum(axis=2)).max(axis=1) for flat in (first, last)))


def fitted(weights: NDArray[np.float64], scale: NDArray[np.float64]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Weights (out, in, height, width) as int8 and a scale per output channel (out,), no pair's sum over `MOST`.

    `scale`: the least scale that is allowed, at which no weight is over 127. Of the scales from it to its double the
    one with the least squared error is taken, pairs that are over being shrunk by their excess.
    """
    best, out = np.full(len(weights), np.inf), np.zeros(weights.shape, np.int8)
    chosen = scale.astype(np.float32)
    for factor in GROWTH:
        wide = _wide(scale * factor, weights.ndim)
        whole = _shrunk(np.clip(np.round(weights / wide), -LARGEST, LARGEST))
        error = ((whole * wide - weights) ** 2).reshape(len(weights), -1).sum(axis=1)
        better = (error < best) & (pair_sums(whole) <= MOST)
        best[better], out[better] = error[better], whole[better].astype(np.int8)
        chosen[better] = (scale * factor).astype(np.float32)[better]
    return out, chosen


def least_scale(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scale (out,) at which a channel's largest weight is 127; of a channel without any, one that is a float32."""
    return np.maximum(np.abs(weights).reshape(len(weights), -1).max(axis=1), 1e-20) / LARGEST


def _shrunk(whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Both weights of a pair that is over `MOST` lose half of the excess: channels last, then channels first."""
    last = np.moveaxis(whole, 1, -1)
    whole = np.moveaxis(_shrunk_flat(last.reshape(len(whole), -1)).reshape(last.shape), -1, 1)
    return _shrunk_flat(whole.reshape(len(whole), -1)).reshape(whole.shape)


def _shrunk_flat(flat: NDArray[np.float64]) -> NDArray[np.float64]:
    pairs = _pairs(flat)
    total = pairs.sum(axis=2)
    excess = np.maximum(np.abs(total) - MOST, 0)
    pairs = pairs - np.sign(total)[..., None] * np.stack([np.ceil(excess / 2), np.floor(excess / 2)], axis=2)
    return pairs.reshape(len(flat), -1)[:, : flat.shape[1]]


def _pairs(flat: NDArray[np.float64]) -> NDArray[np.float64]:
    """(out, n) as (out, pairs, 2); an odd end is padded with nothing."""
    return np.pad(flat, ((0, 0), (0, flat.shape[1] % 2))).reshape(len(flat), -1, 2)


def _wide(scale: NDArray[np.float64], dimensions: int) -> NDArray[np.float64]:
    return scale.reshape(-1, *[1] * (dimensions - 1))
