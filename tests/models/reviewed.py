"""Reviewed pictures made on the spot: each class a colour, each place with light of its own."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

RED, GREEN, BLUE = ((190, 40, 40), (40, 190, 40), (40, 40, 190))


def picture(path: Path, colour: tuple[int, int, int], seed: int, *, light: float = 1.0) -> None:
    """A picture of 64 x 48 pixels in about one colour."""
    rng = np.random.default_rng(seed)
    pixels = np.array(colour) * light + rng.normal(0, 30, (48, 64, 3)) + rng.normal(0, 12, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(np.clip(pixels, 0, 255).astype(np.uint8), cv2.COLOR_RGB2BGR))


def folder(
    where: Path, classes: Mapping[str, tuple[int, int, int]], *, places: int = 6, each: int = 3, flat: bool = False
) -> Path:
    """CLASS/PLACE/picture; `flat`: CLASS/picture."""
    for number, (name, colour) in enumerate(classes.items()):
        for place in range(places):
            for shot in range(each):
                file = f"{place}-{shot}.png"
                below = Path(name) / file if flat else Path(name) / f"trocha {place}" / file
                seed = 1000 * number + 10 * place + shot
                picture(where / below, colour, seed, light=0.7 + 0.6 * place / places)
    return where
