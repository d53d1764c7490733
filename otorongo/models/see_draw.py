"""Boxes drawn into a copy of a picture: thick what reaches its threshold, dashed what lacks little."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

from PIL import Image, ImageDraw, ImageFont

from otorongo.language import say, why
from otorongo.models.errors import InputError
from otorongo.models.image import Picture

LONGEST_PX: Final = 1600
SURE: Final = (255, 220, 0)
UNSURE: Final = (150, 220, 255)
EDGE: Final = (0, 0, 0)
TEXT_PX: Final = 20
DASH_PX: Final = 10


class Mark(NamedTuple):
    """A box in shares of the picture, and what to write at it."""

    x: float
    y: float
    w: float
    h: float
    text: str
    sure: bool
    """It reaches its threshold."""


def drawn(picture: Picture, marks: Iterable[Mark]) -> Image.Image:
    """A copy of uint8 RGB (H, W, 3), at most 1600 pixels each way, with the marks in it."""
    out = Image.fromarray(picture)
    out.thumbnail((LONGEST_PX, LONGEST_PX))
    pen = ImageDraw.Draw(out)
    font, accents = _font()
    for mark in sorted(marks, key=lambda one: one.sure):  # what is sure lies on top
        left, top = mark.x * out.width, mark.y * out.height
        right, bottom = left + mark.w * out.width, top + mark.h * out.height
        ink = SURE if mark.sure else UNSURE
        for far, colour in ((1, EDGE), (0, ink)):
            for ends in _sides(left - far, top - far, right + far, bottom + far, whole=mark.sure):
                pen.line(ends, colour, 3 if mark.sure else 2)
        text = mark.text if accents else mark.text.encode("ascii", "replace").decode()
        at = (max(2.0, min(left, out.width - pen.textlength(text, font) - 2)), max(2.0, top - TEXT_PX - 6))
        pen.rectangle(pen.textbbox(at, text, font), EDGE)
        pen.text(at, text, ink, font)
    return out


def save(picture: Picture, marks: Iterable[Mark], path: Path) -> None:
    """Write the copy as JPEG, with its folder. Raises InputError if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn(picture, marks).save(path, "JPEG", quality=88)
    except OSError as error:
        raise InputError(say("{path}: cannot be written: {why}", path=path, why=why(error))) from error


def _sides(left: float, top: float, right: float, bottom: float, *, whole: bool) -> Iterable[tuple[float, ...]]:
    corners = ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
    for (x0, y0), (x1, y1) in pairwise(corners):
        if whole:
            yield x0, y0, x1, y1
            continue
        count = max(1, round((abs(x1 - x0) + abs(y1 - y0)) / DASH_PX))
        for at in range(0, count, 2):
            a, b = at / count, (at + 1) / count
            yield x0 + a * (x1 - x0), y0 + a * (y1 - y0), x0 + b * (x1 - x0), y0 + b * (y1 - y0)


def _font() -> tuple[Any, bool]:
    """A font, and whether it has accents: a bare machine's has none."""
    try:
        return ImageFont.truetype("DejaVuSans.ttf", TEXT_PX), True
    except OSError:
        return ImageFont.load_default(TEXT_PX), False
