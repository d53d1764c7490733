"""The gate of pictures: has something moved? Pure: the state goes in and comes out.

A frame is made small and grey and compared with a slowly adapting background. A cell counts as moved when it differs
by more than its own noise explains; where more than a little differs, its surroundings must show another pattern too: a
cloud, the sun through leaves or another iris change brightness and contrast and leave the texture of trunks and leaves.
Enough moved cells that touch make a frame worth classifying. When only the light changed, the frame becomes the
background at once; so it does, and passes, when it shows another scene or somebody close to the lens. Infrared frames
begin a background of their own.
"""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH: Final = 160
"""Of the small frame, in pixels."""
STRIDE: Final = 4
"""A larger frame is thinned to about this many small pixels before it is averaged: reading is what costs."""
LEAST_DIFFERENCE: Final = 12.0
"""Grey levels below which nothing counts as moved."""
NOISE_FACTOR: Final = 4.0
LEAST_CELLS: Final = 0.002
"""Share of the picture that must have moved in one piece."""
LITTLE: Final = 0.005
"""Up to this share of cells that differ is no light, but something small."""
MUCH: Final = 0.05
"""From this share of cells on that differ, the light changed."""
SAME_TEXTURE: Final = 0.5
"""Local correlation with the background from which on a cell is only lit otherwise."""
SMOOTH: Final = 4.0
"""Cells whose surroundings vary by less, in grey levels, before and now, have no texture that could change."""
TEXTURE_CELLS: Final = 5
"""Width of the surroundings, in cells."""
OTHER: Final = 0.3
"""More than this share has another texture: another scene."""
ADAPT: Final = 0.05
"""How fast the background takes in what it sees where nothing moves ..."""
ADAPT_MOVED: Final = 0.005
"""... and where something does: a new log becomes scenery in some minutes."""
COLOURLESS: Final = 4.0
"""Mean difference of the colours below which a frame is infrared."""

Grey = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Motion:
    """What the gate remembers."""

    background: Grey
    noise: Grey
    """Mean absolute difference of each cell while nothing moved, grey levels."""
    infrared: bool
    frames: int = 1


@dataclass(frozen=True, slots=True)
class Moved:
    """What the gate says of a frame."""

    passed: bool
    """Worth classifying."""
    share: float
    """Of the picture, the largest piece that moved."""
    light: bool = False
    """Much changed, and nothing of it was more than light."""


def moved(state: Motion | None, picture: NDArray[Any]) -> tuple[Motion, Moved]:
    """The next state, and whether something moved in uint8 RGB (H, W, 3). The first frame always passes.

    Raises ValueError for a picture of another shape.
    """
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"a picture must have shape (H, W, 3), not {picture.shape}")
    small = _small(picture)
    infrared = _colourless(small)
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)
    if state is None or state.background.shape != grey.shape or state.infrared != infrared:
        return Motion(grey, np.full_like(grey, 2.0), infrared), Moved(passed=True, share=1.0)
    # A cloud lifts or lowers the whole picture: compare what is left of that.
    difference = grey - state.background
    difference = np.abs(difference - np.median(difference))
    differs = difference > np.maximum(LEAST_DIFFERENCE, NOISE_FACTOR * state.noise)
    mask = differs & _other_texture(grey, state.background) if differs.mean() > LITTLE else differs
    share = float(mask.mean())
    if share > OTHER:
        return Motion(grey, state.noise, infrared), Moved(passed=True, share=share)
    largest = _largest(mask)
    lit = float(differs.mean()) - share > MUCH
    rate = np.where(mask, np.float32(ADAPT_MOVED), np.float32(1.0 if lit else ADAPT))
    background = state.background + rate * (grey - state.background)
    noise = np.where(differs, state.noise, state.noise + ADAPT * (difference - state.noise))
    after = Motion(background, np.asarray(noise, np.float32), infrared, state.frames + 1)
    passed = largest >= LEAST_CELLS
    return after, Moved(passed, largest, light=lit and not passed)


def _small(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """The frame at a fixed width, averaged over areas; a large one is thinned first."""
    height, width = picture.shape[:2]
    step = max(1, width // (WIDTH * STRIDE))
    thin = np.ascontiguousarray(picture[::step, ::step])
    size = (WIDTH, max(1, round(height * WIDTH / width)))
    return np.asarray(cv2.resize(thin, size, interpolation=cv2.INTER_AREA), np.uint8)


def _colourless(small: NDArray[np.uint8]) -> bool:
    """True for an infrared frame: all colours are the same."""
    thin = small[::4, ::4].astype(np.int16)
    return float(np.abs(thin[:, :, 0] - thin[:, :, 2]).mean()) < COLOURLESS


def _other_texture(grey: Grey, background: Grey) -> NDArray[np.bool_]:
    """Cells whose surroundings show another pattern than the background's, whatever the brightness and the contrast.

    Normalised cross-correlation over a small window, which a gain and an offset do not change.
    """
    mean_now, mean_then = _mean(grey), _mean(background)
    varies_now = np.maximum(_mean(grey * grey) - mean_now**2, 0.0)
    varies_then = np.maximum(_mean(background * background) - mean_then**2, 0.0)
    together = _mean(grey * background) - mean_now * mean_then
    textured = np.maximum(varies_now, varies_then) > SMOOTH**2
    return np.asarray(textured & (together < SAME_TEXTURE * np.sqrt(varies_now * varies_then)), np.bool_)


def _mean(cells: Grey) -> Grey:
    return np.asarray(cv2.blur(cells, (TEXTURE_CELLS, TEXTURE_CELLS)), np.float32)


def _largest(mask: NDArray[np.bool_]) -> float:
    """Share of the picture of the largest piece that moved, small gaps closed."""
    closed = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    if count < 2:
        return 0.0
    return float(stats[1:, cv2.CC_STAT_AREA].max()) / mask.size
