"""The gate of pictures: has something moved? Pure: the state goes in and comes out.

A frame is made small and grey and compared with a slowly adapting background. A cell counts as moved when it differs by
more than its own noise explains; enough cells that touch make a frame worth classifying. A change of light moves
everything at once and is taken into the background instead; infrared frames begin a background of their own.
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
LIGHT: Final = 0.6
"""More than this share moved at once: the light changed."""
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
    """Everything changed at once."""


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
    mask = difference > np.maximum(LEAST_DIFFERENCE, NOISE_FACTOR * state.noise)
    share = float(mask.mean())
    if share > LIGHT:
        return Motion(grey, state.noise, infrared, 1), Moved(passed=False, share=share, light=True)
    largest = _largest(mask)
    rate = np.where(mask, np.float32(ADAPT_MOVED), np.float32(ADAPT))
    background = state.background + rate * (grey - state.background)
    noise = np.where(mask, state.noise, state.noise + ADAPT * (difference - state.noise))
    after = Motion(background, np.asarray(noise, np.float32), infrared, state.frames + 1)
    return after, Moved(passed=largest >= LEAST_CELLS, share=largest)


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


def _largest(mask: NDArray[np.bool_]) -> float:
    """Share of the picture of the largest piece that moved, small gaps closed."""
    closed = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    if count < 2:
        return 0.0
    return float(stats[1:, cv2.CC_STAT_AREA].max()) / mask.size
