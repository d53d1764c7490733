"""Rendered pictures: a night by an infrared lamp, rain, drops on the lens, people far away, things at the frame's edge.

Simple physics over real pictures, uint8 RGB (H, W, 3) in and out; the same picture and seed, the same result. Nothing
here is evidence of the field: shapes, coats and clothes stay those of the picture, and real infrared, real drops and
real rain differ. It tells how much of what was seen is lost, and no figure may come from it that does not say so.
"""

import math
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from otorongo.models.image import Picture

Place = tuple[float, float, float, float]
"""x0, y0, x1, y1 in shares of the picture."""
Floats = NDArray[np.float32]

FIELD_DEG: Final = 42.0
"""How high the frame looks, top to bottom."""
PERSON_M: Final = 1.7
CAMERA_M: Final = 1.0
"""Its height over flat ground."""
HORIZON: Final = 0.4
"""Share of the frame's height, from the top."""
DEEPEST_M: Final = 12.0
"""Trees that the lamp reaches: behind them, and above the horizon, the light of this distance."""
LAMP_M: Final = 4.0
"""Where the lamp lights a grey thing as the exposure wants it."""
FULL_WELL: Final = 900.0
"""Photons at white with the gain of a night: shot noise."""
READ_NOISE: Final = 0.012
STEP_M: Final = 0.09
"""Way of somebody who walks, in the exposure of a night frame (1.4 m/s, 1/15 s)."""
_GAMMA: Final = 2.2
_OF_ONE_M: Final = 0.5 / math.tan(math.radians(FIELD_DEG / 2))
"""Share of the frame's height that one metre takes, one metre away."""


def high_share(distance_m: float) -> float:
    """Share of the frame's height that a person takes at a distance."""
    return PERSON_M * _OF_ONE_M / distance_m


def feet_share(distance_m: float) -> float:
    """How far down the frame (0 to 1) feet on flat ground are."""
    return min(1.0, HORIZON + CAMERA_M * _OF_ONE_M / distance_m)


def night(picture: Picture, seed: int, moving: Sequence[Place] = ()) -> Picture:
    """Grey, by a lamp at the camera: falling with distance and away from the middle, hot near by, noisy, and blurred in
    the places (in shares) of what moves.
    """
    height, width = picture.shape[:2]
    red, green, blue = (picture[:, :, at].astype(np.float32) / 255 for at in range(3))
    # Leaves shine in the near infrared; clothes and coats are taken for what they are in red.
    near_red = 0.5 * red + 0.4 * green + 0.1 * blue + 0.6 * np.maximum(green - np.maximum(red, blue), 0)
    light = np.asarray(np.minimum(near_red, 1.0) ** _GAMMA * lamp(height, width), np.float32)
    for place in moving:
        _blur_sideways(light, place)
    rng = np.random.default_rng(seed)
    exposure = 0.6 / max(float(np.quantile(light, 0.95)), 0.02)
    seen = np.minimum(light * exposure, 1.0)
    spread = np.sqrt(seen / FULL_WELL + READ_NOISE**2)
    noisy = seen + rng.standard_normal(seen.shape, np.float32) * spread
    grey = (np.clip(noisy, 0, 1) ** (1 / _GAMMA) * 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def lamp(height: int, width: int) -> Floats:
    """Light of the lamp (H, W) over flat ground and a wall of trees behind it: 1 at LAMP_M in the middle."""
    rows = (np.arange(height, dtype=np.float32) + 0.5) / height
    below = np.maximum(rows - HORIZON, 1e-3)
    away_m = np.minimum(CAMERA_M * _OF_ONE_M / below, DEEPEST_M)
    y, x = rows - 0.5, ((np.arange(width, dtype=np.float32) + 0.5) / width - 0.5) * width / height
    off = (y[:, None] ** 2 + x[None] ** 2) / (0.25 + (0.5 * width / height) ** 2)
    beam = 0.75 * np.exp(-1.6 * off) + 0.25 * np.exp(-off / 0.06)
    return np.asarray((LAMP_M / away_m[:, None]) ** 2 * beam, np.float32)


def _blur_sideways(light: Floats, place: Place) -> None:
    """Blur a place of (H, W) along its rows by the way of a step; its edges are blended."""
    height, width = light.shape
    x0, y0, x1, y1 = place
    rows, columns = slice(int(y0 * height), math.ceil(y1 * height)), slice(int(x0 * width), math.ceil(x1 * width))
    length = round((y1 - y0) * height * STEP_M / PERSON_M)
    if length >= 2:
        light[rows, columns] = cv2.blur(np.ascontiguousarray(light[rows, columns]), (length, 1))


def rain(picture: Picture, seed: int) -> Picture:
    """Streaks of drops that fall near and far, and the veil of those that are too far to be seen one by one."""
    height, width = picture.shape[:2]
    rng = np.random.default_rng(seed)
    streaks = np.zeros((height, width), np.float32)
    slant = rng.normal(0, 0.15)
    for _ in range(round(400 * width / height)):
        near = rng.random() ** 3
        long_px = (0.02 + 0.13 * near) * height
        x, y = rng.uniform(0, width), rng.uniform(-0.1, 1) * height
        lean = slant + rng.normal(0, 0.03)
        thick = max(1, round((0.5 + 3 * near) * height / 1000))
        end = (round(x + lean * long_px), round(y + long_px))
        cv2.line(streaks, (round(x), round(y)), end, 0.25 + 0.35 * rng.random(), thick, cv2.LINE_AA)
    soft = np.asarray(cv2.GaussianBlur(streaks, (0, 0), max(0.5, height / 1500)), np.float32)
    veiled = 0.8 * picture.astype(np.float32) + 0.2 * 170
    out = veiled + soft[:, :, None] * (215 - veiled)
    return np.clip(out, 0, 255).astype(np.uint8)


def drops(picture: Picture, seed: int) -> Picture:
    """Drops on the lens: in each the scene upside down, small and blurred; between them a film of water."""
    height, width = picture.shape[:2]
    rng = np.random.default_rng(seed)
    film = cv2.GaussianBlur(picture, (0, 0), max(0.6, height * 0.004)).astype(np.float32)
    out = 0.85 * film + 0.15 * film.mean(axis=(0, 1))
    wide = cv2.GaussianBlur(np.ascontiguousarray(picture[::-1, ::-1]), (0, 0), max(1.0, height * 0.02))
    for _ in range(round(14 * width / height)):
        radius = max(2, round(height * (0.012 + 0.06 * rng.random() ** 2)))
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        rows, columns = slice(max(0, y - radius), y + radius), slice(max(0, x - radius), x + radius)
        there = out[rows, columns]
        inside = cv2.resize(wide, (there.shape[1], there.shape[0]), interpolation=cv2.INTER_AREA).astype(np.float32)
        ys, xs = np.ogrid[rows.start : rows.start + there.shape[0], columns.start : columns.start + there.shape[1]]
        away = np.hypot(ys - y, xs - x) / radius
        share = np.clip((1 - away) * 4, 0, 1)[:, :, None]
        out[rows, columns] = there * (1 - share) + inside * (0.75 + 0.35 * (1 - away[:, :, None])) * share
    return np.clip(out, 0, 255).astype(np.uint8)


def cut_by_edge(picture: Picture, place: Place, left: float) -> Picture:
    """The larger part of the picture whose side cuts a place (in shares) so that this share of its width is left."""
    width = picture.shape[1]
    x0, x1 = place[0] * width, place[2] * width
    until, begin = round(x0 + left * (x1 - x0)), round(x1 - left * (x1 - x0))
    return np.ascontiguousarray(picture[:, : max(1, until)] if until >= width - begin else picture[:, begin:])


def resized(picture: Picture, width: int, height: int) -> Picture:
    """The whole picture, stretched to this size."""
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def paste(frame: Picture, small: Picture, y: int, x: int) -> None:
    """Lay a cut-out into a frame, its top left at (y, x), its edges blended; in place. All of it must lie inside."""
    height, width = small.shape[:2]
    edge = max(2, int(min(height, width) * 0.1))
    inner = np.zeros((height, width), np.float32)
    inner[edge:-edge, edge:-edge] = 1
    share = cv2.GaussianBlur(inner, (0, 0), edge / 2)[:, :, None]
    there = frame[y : y + height, x : x + width]
    there[:] = (small * share + there * (1 - share)).astype(np.uint8)


def person_at(scene: Picture, cutout: Picture, person_px: float, distance_m: float, seed: int) -> tuple[Picture, Place]:
    """A scene with a person (of this height in the cut-out) on its ground at a distance, and where they are, in shares.

    What does not fit into the frame is cut off, above the head first.
    """
    height, width = scene.shape[:2]
    scale = high_share(distance_m) * height / person_px
    whole = np.asarray(cv2.resize(cutout, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    whole = whole[:, : width - 1]
    feet = min(height, round(feet_share(distance_m) * height + (whole.shape[0] - person_px * scale) / 2))
    small = whole[max(0, whole.shape[0] - feet) :]
    high, wide = small.shape[:2]
    x = int(np.random.default_rng(seed).integers(0, width - wide))
    out = scene.copy()
    paste(out, small, feet - high, x)
    return out, (x / width, (feet - high) / height, (x + wide) / width, feet / height)
