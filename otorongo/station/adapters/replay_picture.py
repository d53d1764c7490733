"""Recordings of pictures and short films as frames."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from PIL import Image

from otorongo.errors import OtorongoError
from otorongo.station.adapters.replay import VIDEOS, Part
from otorongo.station.errors import SensorError
from otorongo.station.samples import Picture, Sample

MOST_BYTES: Final = 64 << 20
MOST_PIXELS: Final = 64_000_000
MOST_FILM_MS: Final = 86_400_000
_FEW_FRAMES: Final = 2
_MOST_MISSES: Final = 100

Decode = Callable[[bytes], Picture]
"""Bytes of a picture to uint8 RGB (H, W, 3). Raises an OtorongoError."""


def duration_ms(path: Path) -> int:
    """How long a film is by its own head, at most a day; 0 for a picture, and if it cannot be read."""
    if path.suffix.lower() not in VIDEOS:
        return 0
    try:
        with _opened(path) as film:
            return min(MOST_FILM_MS, round(_frames(film) * 1000 / _rate_hz(film)))
    except (SensorError, OSError):
        return 0


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
            _check_head(path)
            picture = self._decode(path.read_bytes())
        except OSError as error:
            raise SensorError(f"cannot be read: {error.strerror or error}") from error
        except OtorongoError as error:
            raise SensorError(str(error)) from error
        yield Part(0, Sample(t_ms=0, data=picture, new_ms=0), -1)

    def _film(self, path: Path, position: int) -> Iterator[Part]:
        with _opened(path) as film:
            rate_hz, told = _rate_hz(film), _frames(film)
            step = max(1, round(rate_hz / self._fps))
            count = seen = holes = 0
            for number, missed in _grabbed(film, told):
                count, holes = number + 1, holes + missed
                if number % step == 0 and number >= position:
                    ok, frame = film.retrieve()
                    if ok:
                        seen += 1
                        picture = np.ascontiguousarray(frame[:, :, ::-1])
                        yield Part(round(number * 1000 / rate_hz), Sample(0, picture, new_ms=0), count)
            if not seen and not position:
                raise SensorError("holds no frame that can be read")
            if holes or count + max(_FEW_FRAMES, told // 10) < told:
                raise SensorError(f"is damaged: {count} of {told} frames can be read")


def _grabbed(film: cv2.VideoCapture, told: int) -> Iterator[tuple[int, bool]]:
    """Number of each frame that can be read, and whether some could not be read before it.

    OpenCV gives up at a damaged place; asked again, it goes on behind it.
    """
    number = misses = 0
    while misses <= _MOST_MISSES:
        if film.grab():
            yield number, misses > 0
            number, misses = number + 1, 0
        elif number >= told:
            return
        else:
            misses += 1


def _check_head(path: Path) -> None:
    """Refuse by its head what would not fit into memory: a small file may say that it is a gigantic picture.

    Raises SensorError or OSError.
    """
    size = path.stat().st_size
    if not 0 < size <= MOST_BYTES:
        raise SensorError("is empty: 0 bytes" if not size else f"is larger than {MOST_BYTES >> 20} MB")
    try:
        # What Pillow warns of is what is judged here.
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=("JPEG", "PNG", "WEBP")) as picture:
            width, height = picture.size
    except Image.DecompressionBombError as error:
        raise SensorError(f"has far more than {MOST_PIXELS // 1_000_000} million pixels") from error
    except Exception as error:  # a damaged head raises whatever it likes
        raise SensorError(f"is damaged or no JPEG, PNG or WebP: {error}") from error
    if width * height > MOST_PIXELS:
        raise SensorError(f"has {width} x {height} pixels (allowed: up to {MOST_PIXELS // 1_000_000} million)")


@contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    """A film whose frames fit into memory. Raises SensorError."""
    if not path.stat().st_size:
        raise SensorError("is empty: 0 bytes")
    film = cv2.VideoCapture(str(path))
    try:
        if not film.isOpened():
            raise SensorError("is damaged or no film that OpenCV can read")
        width, height = (int(film.get(what)) for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if width * height > MOST_PIXELS:
            raise SensorError(f"has {width} x {height} pixels (allowed: up to {MOST_PIXELS // 1_000_000} million)")
        yield film
    finally:
        film.release()


def _rate_hz(film: cv2.VideoCapture) -> float:
    rate_hz = float(film.get(cv2.CAP_PROP_FPS))
    return rate_hz if 1 <= rate_hz <= 1000 else 25.0


def _frames(film: cv2.VideoCapture) -> int:
    """How many frames the film says it has; 0 if it does not say."""
    return max(0, int(film.get(cv2.CAP_PROP_FRAME_COUNT)))
