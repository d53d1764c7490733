"""Pictures into small files: WebP by OpenCV."""

import cv2
import numpy as np

from otorongo.station.errors import SensorError
from otorongo.station.samples import Picture


def webp(picture: Picture, quality: int) -> bytes:
    """RGB (H, W, 3) as a WebP file. Raises SensorError."""
    ok, out = cv2.imencode(".webp", np.ascontiguousarray(picture[:, :, ::-1]), [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not ok:
        raise SensorError("a picture cannot be written as WebP")
    return out.tobytes()


def shrink(picture: Picture, factor: float) -> Picture:
    """RGB smaller by a factor, averaged over areas."""
    height, width = picture.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
