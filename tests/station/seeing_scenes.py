"""Frames of one camera through days and nights, and what may go wrong with it, rendered over a scene."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from otorongo.station.samples import Picture

Plane = NDArray[np.float32]
SIZE: Final = (320, 180)
"""Width and height of the frames."""
WIDER: Final = 1.5
"""The scene is larger than the frame, so that a camera can turn in it."""
HOUR_MS: Final = 3_600_000


def forest(seed: int = 1, size: tuple[int, int] = SIZE) -> Plane:
    """Trunks, leaves and litter: RGB (H, W, 3), larger than a frame."""
    rng = np.random.default_rng(seed)
    width, height = round(size[0] * WIDER), round(size[1] * WIDER)
    grey = np.zeros((height, width), np.float32)
    for scale, weight in ((32, 26), (12, 20), (5, 18), (2, 16)):
        rough = rng.standard_normal((height // scale + 2, width // scale + 2)).astype(np.float32)
        grey += weight * cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)
    grey += 105
    for _ in range(22):
        x, wide = int(rng.integers(0, width)), int(rng.integers(3, 18))
        cv2.line(grey, (x, 0), (x + int(rng.integers(-30, 30)), height), float(rng.integers(20, 170)), wide)
    colour = np.stack([grey * 0.9, grey * 1.05, grey * 0.7], axis=2)
    return np.asarray(np.clip(colour, 0, 255), np.float32)


def real(path: Path) -> Plane:
    """A photograph as a scene."""
    picture = cv2.imread(str(path))
    assert picture is not None
    size = (round(SIZE[0] * WIDER), round(SIZE[1] * WIDER))
    return np.asarray(cv2.resize(picture[:, :, ::-1], size, interpolation=cv2.INTER_AREA), np.float32)


@dataclass(frozen=True)
class Turned:
    """Where the camera looks."""

    x: float = 0.0
    """Widths of the frame to the right."""
    y: float = 0.0
    deg: float = 0.0


def frame(
    scene: Plane, t_ms: int, *, lit_h: float = 15.0, lamp: float = 1.0, turned: Turned | None = None, wild: bool = True
) -> Picture:
    """The frame at a time: `lit_h` is the hour of noon's light (UTC - 5 h), `lamp` its infrared light, 0: dead."""
    rng = np.random.default_rng(t_ms % (1 << 31))
    hour = (t_ms / HOUR_MS - 17 + 12) % 24
    sun = float(np.clip(np.cos((hour - 12) / 24 * 2 * np.pi) * 4 + 0.5, 0, 1))
    turned = turned or Turned()
    picture = _turn(scene, turned)
    if wild:
        picture = _swayed(picture, rng)
    if sun > 0.1:
        day = int(t_ms // (24 * HOUR_MS))
        overcast = np.random.default_rng(day * 100 + int(hour)).random() < 0.4
        picture = _flecked(picture, hour, rng) if not overcast else 0.55 * (picture - 110) + 105
        picture = picture * (0.5 + 0.5 * sun)
        noise = 3.0
    else:
        far = np.linspace(0.25, 1, picture.shape[0], dtype=np.float32)[:, None, None]
        picture = np.repeat((picture.mean(axis=2, keepdims=True) * 0.8 * lamp) * far, 3, axis=2)
        noise = 5.0
    raining = wild and np.random.default_rng(int(t_ms // HOUR_MS)).random() < 0.15
    if raining:
        picture = _rained(picture, rng)
    grain = rng.standard_normal(picture.shape[:2]).astype(np.float32)[:, :, None] * noise
    return np.asarray(np.clip(picture + grain, 0, 255), np.uint8)


def _turn(scene: Plane, turned: Turned) -> Plane:
    width, height = SIZE
    centre = (scene.shape[1] / 2, scene.shape[0] / 2)
    matrix = cv2.getRotationMatrix2D(centre, turned.deg, 1.0)
    matrix[:, 2] += (width / 2 - centre[0] - turned.x * width, height / 2 - centre[1] - turned.y * width)
    return np.asarray(cv2.warpAffine(scene, matrix, SIZE, borderMode=cv2.BORDER_REFLECT), np.float32)


def _swayed(picture: Plane, rng: np.random.Generator) -> Plane:
    """Parts of the picture hang in the wind."""
    height, width = picture.shape[:2]
    rough = rng.standard_normal((2, 5, 8)).astype(np.float32) * 1.5
    moves = [cv2.resize(one, (width, height), interpolation=cv2.INTER_CUBIC) for one in rough]
    where = np.linspace(1, 0, height, dtype=np.float32)[:, None]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.asarray(
        cv2.remap(picture, x + moves[0] * where, y + moves[1] * where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT),
        np.float32,
    )


def _flecked(picture: Plane, hour: float, rng: np.random.Generator) -> Plane:
    """Sun through leaves, which wanders with the hour."""
    flecks = np.random.default_rng(7).random((9, 16)).astype(np.float32)
    flecks = np.roll(flecks, int(hour * 3), axis=1)
    light = cv2.resize((flecks > 0.75).astype(np.float32), picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(picture * (0.8 + 0.6 * light[:, :, None] + 0.05 * rng.standard_normal()), np.float32)


def _rained(picture: Plane, rng: np.random.Generator) -> Plane:
    out = np.ascontiguousarray(0.75 * picture + 25)
    for _ in range(60):
        x, y = (int(rng.integers(0, size)) for size in picture.shape[1::-1])
        cv2.line(out, (x, y), (x + 2, y + int(rng.integers(5, 20))), (220.0, 220.0, 220.0), 1)
    return np.asarray(out, np.float32)


# ---- what may go wrong with the lens


def fogged(picture: Picture) -> Picture:
    """Pale, the mean kept."""
    pale = 0.13 * (picture.astype(np.float32) - picture.mean()) + picture.mean()
    return np.asarray(np.clip(pale + np.random.default_rng(3).standard_normal(picture.shape), 0, 255), np.uint8)


def webbed(picture: Picture) -> Picture:
    """Threads of a spider before the lamp."""
    out = picture.copy()
    height, width = picture.shape[:2]
    for x, y in ((0.2, 0.1), (0.45, 0.0), (0.7, 0.1), (0.95, 0.35), (0.05, 0.5), (0.9, 0.9), (0.3, 0.95)):
        cv2.line(out, (width // 2, height // 2), (int(x * width), int(y * height)), (235, 235, 235), 2, cv2.LINE_AA)
    for radius in (30, 55):
        cv2.ellipse(out, (width // 2, height // 2), (radius, radius), 0, 20, 300, (225, 225, 225), 2, cv2.LINE_AA)
    return out


def covered(picture: Picture) -> Picture:
    """A hand or a bag right before the lens: nearly one colour, brighter on one side."""
    height, width = picture.shape[:2]
    ramp = np.linspace(60, 85, width, dtype=np.float32)[None, :, None] * np.ones((height, 1, 3), np.float32)
    noise = np.random.default_rng(int(picture.sum()) % 1000).standard_normal((height, width, 1)) * 2
    return np.asarray(ramp + noise, np.uint8)


def half_covered(picture: Picture) -> Picture:
    """A leaf on the left half of the lens."""
    out = picture.copy()
    out[:, : picture.shape[1] * 55 // 100] = covered(picture)[:, : picture.shape[1] * 55 // 100]
    return out


def black(picture: Picture) -> Picture:
    """No light at all, and some noise."""
    noise = np.random.default_rng(int(picture.sum()) % 1000).random(picture.shape) * 3
    return np.asarray(noise, np.uint8)


def blurred(picture: Picture) -> Picture:
    """Out of focus."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 3), np.uint8)


def white(picture: Picture) -> Picture:
    """The sun in the lens."""
    return np.asarray(np.clip(picture.astype(np.float32) + 200, 0, 255), np.uint8)


Fault = Callable[[Picture], Picture]
