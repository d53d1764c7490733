"""How a small grey frame differs from its background when noise, light and rain are left out. Pure."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

LEAST_DIFFERENCE: Final = 8.0
"""Grey levels below which nothing counts as moved."""
NOISE_FACTOR: Final = 4.0
MOST_NOISE: Final = 5.0
"""No sensor has more, over the pixels of a cell: light that plays over leaves is no noise, and may hide nobody."""
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
GAIN: Final = (0.4, 2.5)
"""Least and most that the light of a whole frame may change at once."""
GAIN_CELLS: Final = 21
"""Light that changes over less than about so many cells is no light, but a thing."""
DARK: Final = 8.0
"""Grey levels added before a gain is taken: what is black has none."""
WHITE: Final = 250.0
"""From here on a cell may be brighter than it can say ..."""
NEAR_WHITE: Final = 0.6
"""... and anything above this share of it may be the same, lit less."""
STREAKS: Final = 0.004
"""From so many pieces per cell on, most of them brighter than what is behind them, it rains."""
MOSTLY_BRIGHT: Final = 0.75
STREAK_CELLS: Final = 4
"""What is bright and narrower is a streak, or lost among streaks."""

Grey = NDArray[np.float32]
Mask = NDArray[np.bool_]

_STREAK: Final = np.ones((1, STREAK_CELLS), np.uint8)
_AROUND: Final = np.ones((5, 5), np.uint8)


@dataclass(frozen=True, slots=True)
class Look:
    """What a frame shows beside its background."""

    difference: Grey
    """Grey levels above what is expected."""
    strength: Grey
    """By how many times each cell exceeds what noise explains."""
    mask: Mask
    """Cells that moved."""
    changed: Mask
    """Cells that differ, also those that are only lit otherwise."""
    expected: Grey
    """The background in the frame's light."""
    raining: bool = False

    @property
    def lit(self) -> bool:
        """Whether much differs that is no more than light."""
        return share(self.changed) - share(self.mask) > MUCH


def look(grey: Grey, background: Grey, noise: Grey) -> Look:
    """Compare a frame with its background; where it rains, without the streaks."""
    plain = _compared(grey, background, noise)
    if not _raining(plain.changed, plain.difference):
        return plain
    dry = _compared(_without_streaks(grey), _without_streaks(background), noise)
    return Look(dry.difference, dry.strength, dry.mask, plain.changed, plain.expected, raining=True)


def _compared(grey: Grey, background: Grey, noise: Grey) -> Look:
    gain, lift = lighting(grey, background)
    expected = background * gain + lift
    difference = grey - expected
    size = np.abs(difference)
    least = np.maximum(LEAST_DIFFERENCE, NOISE_FACTOR * np.maximum(noise, _of_frame(size, noise)))
    strength = np.asarray(size / least, np.float32)
    changed = strength > 1
    if share(changed) <= LITTLE:
        return Look(difference, strength, changed, changed, expected)
    other = changed & other_texture(grey, background)
    locally = _locally_lit(grey, background)
    mask = other & (np.abs(grey - locally) > least) & ~_too_white(grey, background)
    if share(changed) - share(mask) > MUCH:
        free = cv2.dilate(other.astype(np.uint8), _AROUND) == 0  # who stands there must not become what is expected
        expected = np.where(free, _locally_lit(grey, background, free.astype(np.float32)), expected)
    return Look(difference, strength, mask, changed, expected)


def lighting(grey: Grey, background: Grey) -> tuple[float, float]:
    """Gain and lift by which the background becomes as bright as the frame, whatever stands in it.

    Least squares over some cells, and once more without those that do not fit (what is white can say nothing).
    """
    now, then = grey[2::5, 2::5].ravel(), background[2::5, 2::5].ravel()
    usable = np.maximum(now, then) < WHITE
    gain, lift = 1.0, _middle(now - then)
    for _ in range(2):
        off = np.abs(now - gain * then - lift)
        good = usable & (off <= 2.5 * _middle(off) + 1)
        if np.count_nonzero(good) < now.size // 8:
            break
        x, y = then[good], now[good]
        mean_x, mean_y = float(x.sum()) / x.size, float(y.sum()) / x.size
        x, y = x - np.float32(mean_x), y - np.float32(mean_y)
        varies = float(np.dot(x, x)) / x.size
        gain = float(np.clip(float(np.dot(x, y)) / x.size / varies, *GAIN)) if varies > SMOOTH**2 else 1.0
        lift = mean_y - gain * mean_x
    return gain, lift


def other_texture(grey: Grey, background: Grey) -> Mask:
    """Cells whose surroundings show another pattern than the background's, whatever the brightness and the contrast.

    Normalised cross-correlation over a small window, which a gain and an offset do not change.
    """
    mean_now, mean_then = mean(grey), mean(background)
    varies_now = np.maximum(mean(grey * grey) - mean_now**2, 0.0)
    varies_then = np.maximum(mean(background * background) - mean_then**2, 0.0)
    together = mean(grey * background) - mean_now * mean_then
    textured = np.maximum(varies_now, varies_then) > SMOOTH**2
    return np.asarray(textured & (together < SAME_TEXTURE * np.sqrt(varies_now * varies_then)), np.bool_)


def share(cells: Mask) -> float:
    """Of the cells that are true."""
    return int(np.count_nonzero(cells)) / cells.size


def _middle(values: Grey) -> float:
    """The median, without NumPy's care for what cannot come here."""
    flat = values.ravel()
    return float(np.partition(flat, flat.size // 2)[flat.size // 2])


def mean(cells: Grey, size: int = TEXTURE_CELLS) -> Grey:
    """Of each cell's surroundings."""
    return np.asarray(cv2.blur(cells, (size, size)), np.float32)


def _of_frame(size: Grey, noise: Grey) -> float:
    """Noise of this frame alone, from the half of its cells that differ least: a sensor gains as the light goes.

    At most twice what it was, because another scene is no noise.
    """
    return min(1.2 * _middle(size[::4, ::4]), 2 * _middle(noise[::4, ::4]), MOST_NOISE)


def _locally_lit(grey: Grey, background: Grey, weight: Grey | None = None) -> Grey:
    """The background, each cell lit as brightly as the frame is around it (in the cells that weigh)."""
    if weight is None:
        gain = (mean(grey, GAIN_CELLS) + DARK) / (mean(background, GAIN_CELLS) + DARK)
    else:
        dark = DARK * mean(weight, GAIN_CELLS) + np.float32(1e-3)
        gain = (mean(grey * weight, GAIN_CELLS) + dark) / (mean(background * weight, GAIN_CELLS) + dark)
    return np.asarray(background * gain, np.float32)


def _too_white(grey: Grey, background: Grey) -> Mask:
    """Cells that may be the same, lit less, because they were or are as bright as a cell can be."""
    return np.asarray(
        (np.maximum(grey, background) >= WHITE) & (np.minimum(grey, background) >= NEAR_WHITE * WHITE), np.bool_
    )


def _raining(changed: Mask, difference: Grey) -> bool:
    """Whether many small bright pieces lie all over the picture."""
    if share(changed) < LITTLE or float((difference[changed] > 0).mean()) < MOSTLY_BRIGHT:
        return False
    pieces = cv2.connectedComponents(changed.astype(np.uint8), connectivity=8)[0] - 1
    return bool(pieces > STREAKS * changed.size)


def _without_streaks(cells: Grey) -> Grey:
    """Without what is bright and narrow (a grey-scale opening)."""
    return np.asarray(cv2.morphologyEx(cells, cv2.MORPH_OPEN, _STREAK), np.float32)
