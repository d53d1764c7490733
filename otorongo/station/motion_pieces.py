"""Cells that moved, joined into pieces, and what a piece looks like: thin, an insect, outside of every zone. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from otorongo.station.motion_look import Grey, Mask
from otorongo.station.view import Polygon, View

MOST_PIECES: Final = 12
"""The largest; who is not among them is not alone."""
LEAST: Final = 20.0
"""What the cells of a piece must weigh together, each by how many times it exceeds its threshold ..."""
LEAST_RESTLESS: Final = 40.0
"""... and in a restless picture, without what is only one cell wide."""
MOST_STRENGTH: Final = 4.0
"""No cell weighs more."""
BRIGHT: Final = 0.95
"""An insect before the lamp is brighter than what is behind it, all over ..."""
GLARE: Final = 25.0
"""... by so much at least ..."""
MOST_INSECT: Final = 0.15
"""... and no larger than this."""
FAR: Final = 0.3
"""What was further away in the frame before, in widths of the picture, is another one ..."""
LIKE: Final = 3.0
"""... and what was so many times larger or smaller."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Cells that moved and touch."""

    x: float
    """Left, top, width and height in shares of the picture."""
    y: float
    w: float
    h: float
    share: float
    """Of the picture."""
    fleeting: bool = False
    """Soft and bright in an infrared frame, as an insect before the lamp."""
    counts: bool = True
    """Neither an insect, as far as one can tell, nor outside of every zone."""
    why: str = ""
    """Why it does not count."""
    weight: float = 0.0
    """Of its cells together, each by how many times it exceeds its threshold."""


def pieces_of(
    mask: Mask,
    strength: Grey,
    difference: Grey,
    *,
    infrared: bool,
    before: Sequence[Piece],
    view: View,
    restless: bool,
) -> list[Piece]:
    """The pieces of a mask (H, W), the largest first; `before`: the fleeting ones of the frame before.

    `strength`: by how many times each cell exceeds its threshold. In a restless picture more is asked for.
    """
    rows, columns = mask.shape
    cells = mask.astype(np.uint8)
    solid = cv2.morphologyEx(cells, cv2.MORPH_OPEN, _SQUARE) if restless else cells
    joined = cv2.dilate(solid, _AROUND)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    if count < 2:
        return []
    at = np.flatnonzero(solid)
    weights = np.bincount(labels.ravel()[at], np.minimum(strength.ravel()[at], MOST_STRENGTH), count)
    least = LEAST_RESTLESS if restless else LEAST
    order = [n for n in np.argsort(-weights[1:]) + 1 if weights[n] >= least]
    zone = _zone(view.zones, rows, columns) if view.zones else None
    out = []
    for n in order[:MOST_PIECES]:
        x, y, w, h, area = (int(value) for value in stats[n])
        part = np.s_[y : y + h, x : x + w]
        inside = labels[part] == n
        piece = Piece(x / columns, y / rows, w / columns, h / rows, area / mask.size)
        fleeting = infrared and _insect(inside & (solid[part] > 0), difference[part], piece.share)
        again = fleeting and any(_follows(piece, one) for one in before)
        absent = zone is not None and not bool((inside & zone[part]).any())
        why = (
            "outside of every zone"
            if absent
            else "an insect, if it is gone in the next frame"
            if fleeting and not again
            else ""
        )
        out.append(Piece(piece.x, piece.y, piece.w, piece.h, piece.share, fleeting, not why, why, float(weights[n])))
    return out


_SQUARE: Final = np.ones((2, 2), np.uint8)
_AROUND: Final = np.ones((3, 3), np.uint8)


def _insect(cells: Mask, difference: Grey, share: float) -> bool:
    if share > MOST_INSECT or not cells.any():
        return False
    lifts = difference[cells]
    return float((lifts > 0).mean()) >= BRIGHT and float(lifts.mean()) >= GLARE


def _follows(piece: Piece, before: Piece) -> bool:
    """Whether it may be the same one, a frame later."""
    far = np.hypot(piece.x + piece.w / 2 - before.x - before.w / 2, piece.y + piece.h / 2 - before.y - before.h / 2)
    return bool(far < FAR) and 1 / LIKE < piece.share / before.share < LIKE


@lru_cache(maxsize=4)
def open_cells(view: View, rows: int, columns: int) -> Mask:
    """The cells (rows, columns) that no mask covers."""
    return np.asarray(_drawn(view.masks, rows, columns) == 0, np.bool_)


@lru_cache(maxsize=4)
def _zone(zones: tuple[Polygon, ...], rows: int, columns: int) -> Mask:
    return np.asarray(_drawn(zones, rows, columns) > 0, np.bool_)


def _drawn(polygons: tuple[Polygon, ...], rows: int, columns: int) -> NDArray[np.uint8]:
    """1 where a cell lies in a polygon."""
    out = np.zeros((rows, columns), np.uint8)
    for points in polygons:
        corners = np.round(np.array(points) * (columns, rows) - 0.5).astype(np.int32)
        cv2.fillPoly(out, [corners], 1)
    return out
