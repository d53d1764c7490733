"""Recordings of pictures and short films as frames."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from otorongo.errors import OtorongoError
from otorongo.station.adapters.replay import VIDEOS, Part
from otorongo.station.errors import SensorError
from otorongo.station.samples import Picture, Sample

MOST_BYTES: Final = 64 << 20

Decode = Callable[[bytes], Picture]
"""Bytes of a picture to uint8 RGB (H, W, 3). Raises an OtorongoError."""


class PictureReader:
    """One frame of a picture, `fps` frames a second of a film; a position counts frames."""

    def __init__(self, decode: Decode, fps: float) -> None:
        self._decode = decode
        self._fps = fps

    def __call__(self, path: Path, position: int) -> Iterator[Part]:
        """The frames of a file from a position on. Raises SensorError if the file cannot be read."""
        if path.suffix.lower() in VIDEOS:
            yield from self._film(path, position)
            return
        try:
            if path.stat().st_size > MOST_BYTES:
                raise SensorError(f"is larger than {MOST_BYTES >> 20} MB")
            picture = self._decode(path.read_bytes())
        except OSError as error:
            raise SensorError(f"cannot be read: {error.strerror or error}") from error
        except OtorongoError as error:
            raise SensorError(str(error)) from error
        yield Part(0, Sample(t_ms=0, data=picture, new_ms=0), -1)

    def _film(self, path: Path, position: int) -> Iterator[Part]:
        film = cv2.VideoCapture(str(path))
        try:
            if not film.isOpened():
                raise SensorError("is damaged or no film that OpenCV can read")
            rate = film.get(cv2.CAP_PROP_FPS)
            rate = rate if 1 <= rate <= 1000 else 25.0
            step = max(1, round(rate / self._fps))
            number = 0
            while film.grab():
                if number % step == 0 and number >= position:
                    ok, frame = film.retrieve()
                    if ok:
                        picture = np.ascontiguousarray(frame[:, :, ::-1])
                        yield Part(round(number * 1000 / rate), Sample(0, picture, new_ms=0), number + 1)
                number += 1
            if number == 0:
                raise SensorError("holds no frame that can be read")
        finally:
            film.release()
