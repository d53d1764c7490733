"""Which windows sound like an example: pure, numpy alone.

Alike is the cosine of two embeddings, from -1 to 1. Of several examples the nearest counts, so that a sound may have
several forms; what lies nearer to something that it is not loses as much. (Relevance feedback after Rocchio 1971, with
the nearest example in place of the mean.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Hit:
    """A window that was found."""

    part: int
    """Of which of the given arrays ..."""
    row: int
    """... which row."""
    alike: float


def unit(vectors: NDArray[Any]) -> Vectors:
    """Rows (n, size) of length 1; a row of zeros stays one, and is like nothing."""
    real = np.asarray(vectors, np.float32)
    length = np.linalg.norm(real, axis=1, keepdims=True)
    return np.asarray(real / np.where(length > 0, length, 1), np.float32)


def middle(vectors: NDArray[Any]) -> Vectors:
    """The one direction (size,) of several windows (n, size) of one sound."""
    return np.asarray(unit(unit(vectors).mean(axis=0, keepdims=True))[0], np.float32)


def alike(vectors: NDArray[Any], likes: Vectors, unlikes: Vectors) -> Vectors:
    """How alike each of vectors (n, size) is to likes (k, size), less what it is to unlikes (m, size), if any: (n,)."""
    rows = unit(vectors)
    found = (rows @ likes.T).max(axis=1, initial=-1.0)
    if len(unlikes):
        found = found - np.maximum((rows @ unlikes.T).max(axis=1, initial=-1.0), 0.0)
    return np.asarray(found, np.float32)


def nearest(
    scored: Sequence[NDArray[Any]], groups: Sequence[int], times_ms: Sequence[NDArray[Any]], top: int, apart_ms: float
) -> list[Hit]:
    """The `top` windows that are most alike, none nearer than `apart_ms` to a better one of its group.

    `scored` and `times_ms` have an array (n,) for each part; parts of one group share a clock.
    """
    if not scored:
        return []
    values = np.concatenate(scored)
    parts = np.repeat(np.arange(len(scored)), [len(each) for each in scored])
    rows = np.concatenate([np.arange(len(each)) for each in scored])
    found: list[Hit] = []
    taken: dict[int, list[float]] = {}
    for place in np.argsort(-values, kind="stable"):
        part, row = int(parts[place]), int(rows[place])
        at = float(times_ms[part][row])
        others = taken.setdefault(groups[part], [])
        if any(abs(at - other) < apart_ms for other in others):
            continue
        others.append(at)
        found.append(Hit(part, row, float(values[place])))
        if len(found) == top:
            break
    return found
