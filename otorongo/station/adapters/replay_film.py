"""Short films as frames: MP4, MOV, AVI and what else OpenCV reads, as far as they can be read."""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import cv2
import numpy as np

from otorongo.language import say
from otorongo.station.adapters.replay_file import Part
from otorongo.station.adapters.replay_film_boxes import boxes
from otorongo.station.adapters.replay_place import spelled
from otorongo.station.errors import SensorError
from otorongo.station.samples import Sample

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "8")
"""What FFmpeg finds wrong with a film we tell ourselves, with the film's name."""
MOST_FILM_PIXELS: Final = 10_000_000
"""Of a frame: 4K and a little; a decoder holds many of them at once."""
MOST_FILM_MS: Final = 86_400_000
_FEW_FRAMES: Final = 2
_MOST_MISSES: Final = 100
_HEAD: Final = 8192
_CONTAINERS: Final = frozenset((b"moov", b"trak", b"mdia", b"minf", b"stbl"))


def duration_ms(path: Path) -> int:
    """How long a film is by its own head, at most a day. Raises SensorError or OSError."""
    with _opened(path) as film:
        return min(MOST_FILM_MS, round(_frames(film) * 1000 / _rate_hz(film)))


def frames(path: Path, position: int, fps: float) -> Iterator[Part]:
    """About `fps` frames of each of the film's seconds, from the frame `position` on, dated by the film's own rate.

    Raises SensorError behind the last frame that can be read if the film is damaged, and says how many those were.
    """
    with _opened(path) as film:
        rate_hz, told = _rate_hz(film), _frames(film)
        step = max(1, round(rate_hz / fps))
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
            raise SensorError(
                say("is damaged: none of {told} frames can be read", told=told) if told else say("holds no frame")
            )
        if holes or count + max(_FEW_FRAMES, told // 10) < told:
            raise SensorError(say("is damaged: {count} of {told} frames can be read", count=count, told=told))


def pixels(path: Path) -> int:
    """How many pixels a frame has by the film's head, before anything opens it; 0 if it does not say.

    Raises OSError.
    """
    with path.open("rb") as file:
        try:
            begin = file.read(_HEAD)
            sizes = _avi(begin) if begin[:4] == b"RIFF" else list(_mp4(file, 0, path.stat().st_size))
        except (struct.error, IndexError):
            return 0
    return max((width * height for width, height in sizes), default=0)


def _avi(begin: bytes) -> list[tuple[int, int]]:
    """Of the main header, and of the first stream's format."""
    found = []
    for name, at in ((b"avih", 40), (b"strf", 12)):
        if (place := begin.find(name)) >= 0:
            width, height = struct.unpack("<ii", begin[place + at : place + at + 8])
            found.append((abs(width), abs(height)))
    return found


def _mp4(file: BinaryIO, at: int, end: int, depth: int = 0) -> Iterator[tuple[int, int]]:
    """Of each track's head (ISO 14496-12: `tkhd`, 16.16 fixed) and of its samples' description (`stsd`)."""
    for kind, body_at, body_end in boxes(file, at, end):
        if kind in _CONTAINERS and depth < 8:
            yield from _mp4(file, body_at, min(end, body_end), depth + 1)
        elif kind == b"tkhd":
            box = file.read(min(body_end - body_at, 128))
            width, height = struct.unpack(">II", box[88:96] if box[0] == 1 else box[76:84])
            yield width >> 16, height >> 16
        elif kind == b"stsd" and (box := file.read(44))[12:16] in _PICTURES:
            yield struct.unpack(">HH", box[40:44])


_PICTURES: Final = frozenset((b"avc1", b"avc3", b"hvc1", b"hev1", b"mp4v", b"mjpg", b"jpeg", b"av01", b"vp09", b"png "))


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


@contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    """A film whose frames fit into memory. Raises SensorError or OSError."""
    if not path.stat().st_size:
        raise SensorError(say("is empty: 0 bytes"))
    _check(pixels(path))
    with path.open("rb") as file:
        # OpenCV ends the process at a name that is no UTF-8.
        film = cv2.VideoCapture(str(path) if spelled(str(path)) == str(path) else f"/proc/self/fd/{file.fileno()}")
        try:
            if not film.isOpened():
                raise SensorError(say("is damaged or no film that OpenCV can read"))
            width, height = (int(film.get(what)) for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
            _check(width * height)
            yield film
        finally:
            film.release()


def _check(frame_px: int) -> None:
    if frame_px > MOST_FILM_PIXELS:
        most = MOST_FILM_PIXELS // 1_000_000
        raise SensorError(
            say(
                "has frames of {millions:.1f} million pixels (allowed: up to {most} million)",
                millions=frame_px / 1e6,
                most=most,
            )
        )


def _rate_hz(film: cv2.VideoCapture) -> float:
    rate_hz = float(film.get(cv2.CAP_PROP_FPS))
    return rate_hz if 1 <= rate_hz <= 1000 else 25.0


def _frames(film: cv2.VideoCapture) -> int:
    """How many frames the film says it has; 0 if it does not say."""
    return max(0, int(film.get(cv2.CAP_PROP_FRAME_COUNT)))
