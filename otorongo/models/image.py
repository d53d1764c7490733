"""Pictures to tensors: decode, fit, normalise. The same code trains and runs."""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from otorongo.models.errors import InputError
from otorongo.models.manifest import PictureInput

Picture = NDArray[np.uint8]

MOST_PIXELS: Final = 64_000_000
_JPEG_END: Final = b"\xff\xd9"
_TAIL: Final = 65_536


@dataclass(frozen=True)
class Fit:
    """How a picture was laid into the network's input; `unfit` turns its coordinates back."""

    scale_x: float
    """Input pixels per picture pixel."""
    scale_y: float
    width: int
    """Of the picture."""
    height: int

    def unfit(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (n, 4) x0, y0, x1, y1 in input pixels to shares (0 to 1) of the picture."""
        size = np.array([self.scale_x * self.width, self.scale_y * self.height] * 2, np.float32)
        return np.asarray(np.clip(boxes / size, 0.0, 1.0), np.float32)


def decode(raw: bytes) -> Picture:
    """JPEG, PNG or WebP bytes as uint8 RGB (H, W, 3), turned as their EXIF says; CMYK and grey become RGB.

    Raises InputError for what is no picture, is cut off, or has more than 64 million pixels: the text says which.
    """
    if not raw:
        raise InputError("the picture is empty: 0 bytes")
    if raw[:2] == b"\xff\xd8" and _JPEG_END not in raw[-_TAIL:]:
        raise InputError(f"the JPEG is cut off after {len(raw)} bytes: its end is missing")
    try:
        picture = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        raise InputError(f"the picture cannot be decoded: {error.err or error}") from error
    if picture is None:
        raise InputError(f"no picture that can be read: {len(raw)} bytes that begin with {raw[:8]!r}")
    if picture.shape[0] * picture.shape[1] > MOST_PIXELS:
        raise InputError(f"a picture of {picture.shape[1]} x {picture.shape[0]} pixels (allowed: up to {MOST_PIXELS})")
    return np.asarray(picture, np.uint8)


def as_picture(data: NDArray[Any]) -> Picture:
    """The sample itself if it is uint8 RGB (H, W, 3) with at least 16 pixels each way. Raises InputError."""
    if data.dtype != np.uint8 or data.ndim != 3 or data.shape[2] != 3 or min(data.shape[:2]) < 16:
        raise InputError(f"a picture must be uint8 of shape (H, W, 3), at least 16 x 16, not {data.dtype} {data.shape}")
    return data


def fitted(picture: Picture, given: PictureInput) -> tuple[Picture, Fit]:
    """Uint8 RGB of the input's size: stretched, or scaled into the top left corner with `pad_value` around."""
    height, width = picture.shape[:2]
    if given.fit == "stretch":
        size = (given.width, given.height)
        small = cv2.resize(picture, size, interpolation=_way(width, given.width))
        return np.asarray(small, np.uint8), Fit(given.width / width, given.height / height, width, height)
    scale = min(given.height / height, given.width / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    out = np.full((given.height, given.width, 3), given.pad_value, np.uint8)
    out[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=_way(width, size[0]))
    return out, Fit(size[0] / width, size[1] / height, width, height)


def _way(before: int, after: int) -> int:
    return cv2.INTER_AREA if after < before else cv2.INTER_LINEAR


def tensor(picture: Picture, given: PictureInput) -> tuple[NDArray[Any], Fit]:
    """One picture as the network's input, (1, 3, H, W) or (1, H, W, 3), and how it was fitted.

    float32 (value - mean) / std; uint8 untouched if the input is `raw`.
    """
    small, fit = fitted(picture, given)
    if given.color == "bgr":
        small = small[:, :, ::-1]
    values: NDArray[Any] = small
    if not given.raw:
        mean, std = np.array(given.mean, np.float32), np.array(given.std, np.float32)
        values = (small.astype(np.float32) - mean) / std
    if given.layout == "nchw":
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(values[None]), fit


def shape(given: PictureInput) -> list[int]:
    """Of the network's input."""
    size = [given.height, given.width]
    return [1, 3, *size] if given.layout == "nchw" else [1, *size, 3]
