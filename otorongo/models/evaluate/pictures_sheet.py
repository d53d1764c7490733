"""A contact sheet: every miss and every false alarm with its boxes, class, score and file name.

It may show people, so that it is written for its owner alone (0600) and never goes into a bundle.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from otorongo.models import image
from otorongo.models.evaluate.pictures_figures import Mistake
from otorongo.models.evaluate.pictures_look import SHIPPED, Eyes

COLUMNS: Final = 5
SIDE: Final = 300
WORDS: Final = 46
"""Height below each picture for its words, in pixels."""
MOST: Final = 150
"""Pictures on one sheet; more go to further sheets."""
DRAWN: Final = 0.05
"""Boxes of less p would only cover the picture."""
_MISSED: Final = (200, 30, 30)
_FALSE: Final = (215, 120, 0)
_LABELLED: Final = (40, 170, 60)
_BACK: Final = (245, 245, 245)
_INK: Final = (20, 20, 20)


def sheets(eyes: Eyes, mistakes: Sequence[Mistake], folder: Path) -> list[Path]:
    """Write `mistakes.png`, and `mistakes-2.png` and so on for more than MOST; whose were there before are removed."""
    for old in folder.glob("mistakes*.png"):
        old.unlink()
    out = []
    for number, start in enumerate(range(0, len(mistakes), MOST), 1):
        path = folder / ("mistakes.png" if number == 1 else f"mistakes-{number}.png")
        _write(path, sheet(eyes, mistakes[start : start + MOST]))
        out.append(path)
    return out


def _write(path: Path, drawn: Image.Image) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        drawn.save(file, "PNG")


def sheet(eyes: Eyes, mistakes: Sequence[Mistake]) -> Image.Image:
    """One sheet, with what its colours mean above the pictures."""
    lines = -(-len(mistakes) // COLUMNS)
    head = 34
    out = Image.new("RGB", (COLUMNS * SIDE, head + lines * (SIDE + WORDS)), _BACK)
    draw = ImageDraw.Draw(out)
    words = (
        f"{eyes.bundle.manifest.reference}: red: missed; orange: false alarm; green boxes: labelled. May show people."
    )
    draw.text((8, 8), words, _INK, _font(16))
    for number, mistake in enumerate(mistakes):
        left, top = number % COLUMNS * SIDE, head + number // COLUMNS * (SIDE + WORDS)
        out.paste(_tile(eyes, mistake), (left, top))
    return out


def _tile(eyes: Eyes, mistake: Mistake) -> Image.Image:
    one, wire = mistake.looked, mistake.wire
    colour = _MISSED if mistake.missed else _FALSE
    tile = Image.new("RGB", (SIDE, SIDE + WORDS), _BACK)
    whole = Image.fromarray(image.decode(one.picture.path.read_bytes(), str(one.picture.path)))
    whole.thumbnail((SIDE - 8, SIDE - 8), Image.Resampling.LANCZOS)
    left, top = (SIDE - whole.width) // 2, (SIDE - whole.height) // 2
    draw = ImageDraw.Draw(whole)
    labelled = [place for label, place in one.picture.boxes if label == wire]
    seen = one.by_name[SHIPPED]
    best = sorted((box for box in seen.boxes if box[0] == wire and box[1] >= DRAWN), key=lambda box: -box[1])[:3]
    _boxes(draw, whole, labelled, _LABELLED)
    _boxes(draw, whole, [box[2:] for box in best], colour)
    tile.paste(whole, (left, top))
    pen = ImageDraw.Draw(tile)
    pen.rectangle((1, 1, SIDE - 2, SIDE + WORDS - 2), outline=colour, width=2)
    p, least = seen.p[eyes.wires.index(wire)], eyes.thresholds[wire]
    what = "MISSED" if mistake.missed else "FALSE"
    pen.text((6, SIDE - 2), f"{what} {wire} {p:.2f} (threshold {least:.2f})", colour, _font(15))
    pen.text((6, SIDE + 18), _short(f"{one.picture.set}/{one.picture.name}"), _INK, _font(12))
    return tile


def _boxes(draw: ImageDraw.ImageDraw, whole: Image.Image, places: Iterable[Sequence[float]], colour: tuple[int, int, int]) -> None:  # fmt: skip # noqa: E501
    for x0, y0, x1, y1 in places:
        box = (x0 * whole.width, y0 * whole.height, max(x0, x1) * whole.width, max(y0, y1) * whole.height)
        draw.rectangle(box, outline=colour, width=2)


def _short(name: str, most: int = 44) -> str:
    return name if len(name) <= most else f"{name[:16]}...{name[-(most - 19) :]}"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
