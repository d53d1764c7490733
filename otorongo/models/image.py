"""Pictures to tensors: decode, fit, normalise. The same code trains and runs."""

import logging
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from otorongo.language import say
from otorongo.models.errors import InputError
from otorongo.models.image_head import LARGE_PX, Head, head, mended
from otorongo.models.manifest import PictureInput
from otorongo.native import overheard

Picture = NDArray[np.uint8]

log = logging.getLogger(__name__)

MOST_SAID: Final = 300
_WHITE: Final = 99.9
_SAMPLED: Final = 1_000_000


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


class Looked(NamedTuple):
    """What could be seen of a picture's file."""

    picture: Picture
    """uint8 RGB (H, W, 3), at most 12 million pixels."""
    damage: str
    """What is wrong with the file, although this could be seen; empty: nothing."""


def look(raw: bytes, name: str = "a picture") -> Looked:
    """JPEG, PNG or WebP bytes as RGB, turned as their EXIF says; of a JPEG that is cut off, what there is of it.

    CMYK and grey become RGB. What has more than 12 million pixels becomes smaller, a JPEG while it is decoded. Of 16
    bits the brightest thousandth becomes white, for cameras write 12 bits into them. Raises InputError for what is no
    picture, cannot be decoded, or says that it is too large: the text says which. What its decoder complains of, and
    decodes all the same, is logged with the file's `name`.
    """
    said = head(raw)
    damage = ""
    if said.kind == "JPEG" and (ended := mended(raw)) is not None:
        damage = say("the JPEG is cut off after {count} bytes: its end is missing", count=len(raw))
        raw = ended
    try:
        with overheard() as complaints:
            found = cv2.imdecode(np.frombuffer(raw, np.uint8), _flags(said))
    except cv2.error as error:
        raise InputError(
            damage or say("the {kind} cannot be decoded: {error}", kind=said.kind, error=error.err or error)
        ) from error
    if complaints:
        log.warning("%s: its decoder says: %s", name, "; ".join(dict.fromkeys(complaints))[:MOST_SAID])
    if found is None:
        raise InputError(
            damage
            or say("the {kind} is damaged: nothing of its {count} bytes can be decoded", kind=said.kind, count=len(raw))
        )
    if found.shape[0] * found.shape[1] > LARGE_PX:
        scale = (LARGE_PX / (found.shape[0] * found.shape[1])) ** 0.5
        found = cv2.resize(found, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return Looked(_as_bytes(found), damage)


def decode(raw: bytes, name: str = "a picture") -> Picture:
    """What `look` sees of a file that is whole. Raises InputError, also for a JPEG that is cut off."""
    found = look(raw, name)
    if found.damage:
        raise InputError(found.damage)
    return found.picture


def pixels(raw: bytes) -> int:
    """How many a picture says that it has. Raises InputError."""
    return head(raw).pixels


def _flags(said: Head) -> int:
    if said.kind != "JPEG":  # what is smaller only afterwards is decoded whole in any case
        return int(cv2.IMREAD_COLOR_RGB) | int(cv2.IMREAD_ANYDEPTH)
    return int(cv2.IMREAD_COLOR_RGB) | {1: 0, 2: 16, 4: 32, 8: 64}[said.reduced]


def _as_bytes(found: NDArray[Any]) -> Picture:
    """uint8: of uint16 stretched, so that 12 bits in 16 are no night."""
    if found.dtype != np.uint16:
        return np.asarray(found, np.uint8)
    step = max(1, found.shape[0] * found.shape[1] // _SAMPLED)
    white = max(255.0, float(np.percentile(found.reshape(-1, 3)[::step], _WHITE)))
    return np.asarray(cv2.convertScaleAbs(found, alpha=255.0 / white), np.uint8)


def as_picture(data: NDArray[Any]) -> Picture:
    """The sample itself if it is uint8 RGB (H, W, 3) with at least 16 pixels each way. Raises InputError."""
    if data.dtype != np.uint8 or data.ndim != 3 or data.shape[2] != 3 or min(data.shape[:2]) < 16:
        raise InputError(
            say(
                "a picture must be uint8 of shape (H, W, 3), at least 16 x 16, not {dtype} {shape}",
                dtype=data.dtype,
                shape=data.shape,
            )
        )
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
