"""Boxes drawn into a small picture, thin, and so that what is in them is not touched. Pure."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from otorongo.station.samples import Picture

INK: Final = (255, 220, 0)
EDGE: Final = (0, 0, 0)
PER_LINE_PX: Final = 200
"""A line is one pixel wide for so many pixels of the picture, and never thinner than two: WebP halves its colours."""


class Place(NamedTuple):
    """A box in shares of a picture, from its top left."""

    x: float
    y: float
    w: float
    h: float


def outlined(picture: Picture, boxes: Iterable[Place]) -> Picture:
    """RGB (H, W, 3) with a bright line and a dark one around each box, outside of it as far as there is room."""
    height, width = picture.shape[:2]
    thick = max(2, round(max(height, width) / PER_LINE_PX))
    out = picture.copy()
    for box in boxes:
        left, right = round(box.x * width), round((box.x + box.w) * width)
        top, bottom = round(box.y * height), round((box.y + box.h) * height)
        for ink, far in ((EDGE, 2 * thick), (INK, thick)):
            _frame(
                out,
                max(0, top - far),
                min(height, bottom + far),
                max(0, left - far),
                min(width, right + far),
                ink,
                thick,
            )
    return out


def _frame(out: Picture, top: int, bottom: int, left: int, right: int, ink: tuple[int, int, int], thick: int) -> None:
    colour = np.array(ink, np.uint8)
    out[top : top + thick, left:right] = colour
    out[max(top, bottom - thick) : bottom, left:right] = colour
    out[top:bottom, left : left + thick] = colour
    out[top:bottom, max(left, right - thick) : right] = colour
