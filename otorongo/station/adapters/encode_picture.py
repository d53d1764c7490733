"""Pictures into small files, and back: WebP and JPEG by OpenCV."""

import cv2
import numpy as np

from otorongo.language import say
from otorongo.station.errors import SensorError
from otorongo.station.samples import Picture


def webp(picture: Picture, quality: int) -> bytes:
    """RGB (H, W, 3) as a WebP file. Raises SensorError."""
    return _encoded(picture, ".webp", [cv2.IMWRITE_WEBP_QUALITY, quality])


def jpeg(picture: Picture, quality: int) -> bytes:
    """RGB (H, W, 3) as a JPEG file. Raises SensorError."""
    return _encoded(picture, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality])


def decoded(content: bytes) -> Picture:
    """What `webp` or `jpeg` made, as RGB (H, W, 3). Raises SensorError."""
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise SensorError(say("a picture of our own cannot be read back"))
    return np.asarray(picture, np.uint8)


def _encoded(picture: Picture, ending: str, how: list[int]) -> bytes:
    ok, out = cv2.imencode(ending, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), how)
    if not ok:
        raise SensorError(say("a picture cannot be written as {ending}", ending=ending))
    return out.tobytes()


def shrink(picture: Picture, factor: float) -> Picture:
    """RGB smaller by a factor, averaged over areas."""
    height, width = picture.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
