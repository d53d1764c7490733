"""When a film says that it began: the movie header of an MP4 or MOV, the `IDIT` of an AVI. Heads alone are read.

What is returned is what its clock showed. By the standard a movie header says UTC (ISO 14496-12), but a trail camera
that knows no time zone writes what its display shows; AVI has no rule, and cameras write the same.
"""

import datetime as dt
import struct
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from otorongo.station.adapters.replay_film_boxes import MOST_BOXES, boxes

_MOST_TEXT: Final = 64
_MOST_S: Final = 1 << 33
_EPOCH: Final = dt.datetime(1904, 1, 1)  # noqa: DTZ001 - what a clock showed, in no zone
_WRITTEN: Final = ("%a %b %d %H:%M:%S %Y", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y:%m:%d %H:%M:%S")


def shown(path: Path) -> dt.datetime | None:
    """What the camera's clock showed when a film began; None: the film does not say, or cannot be read so far.

    Raises OSError.
    """
    with path.open("rb", buffering=0) as file:
        size = file.seek(0, 2)
        file.seek(0)
        begin = file.read(12)
        with suppress(struct.error):  # the file ends amid a head
            if begin[:4] == b"RIFF":
                return _of_avi(file, 12, size) if begin[8:] == b"AVI " else None
            return _of_mp4(file, 0, size)
    return None


def _of_mp4(file: BinaryIO, at: int, end: int, wanted: bytes = b"moov") -> dt.datetime | None:
    """`moov`, which may stand behind the pictures, and in it `mvhd`: seconds since 1904."""
    for kind, body_at, body_end in boxes(file, at, end):
        if kind == wanted == b"moov":
            return _of_mp4(file, body_at, min(end, body_end), b"mvhd")
        if kind == wanted:
            body = file.read(12)
            (seconds,) = struct.unpack(
                ">Q" if body[:1] == b"\1" else ">I", body[4:] if body[:1] == b"\1" else body[4:8]
            )
            return _EPOCH + dt.timedelta(seconds=seconds) if 0 < seconds < _MOST_S else None
    return None


def _of_avi(file: BinaryIO, at: int, end: int) -> dt.datetime | None:
    """`IDIT`, in the list of heads or beside it; lists are gone through, but that of the pictures is passed over."""
    for _ in range(MOST_BOXES):
        if at + 8 > end:
            break
        file.seek(at)
        kind, size = struct.unpack("<4sI", file.read(8))
        if kind == b"IDIT":
            return _read(file.read(min(size, _MOST_TEXT)))
        at += 12 if kind == b"LIST" and file.read(4) != b"movi" else 8 + size + size % 2
    return None


def _read(text: bytes) -> dt.datetime | None:
    """A date and time as C libraries and cameras write it."""
    words = " ".join(text.partition(b"\0")[0].decode("ascii", "replace").split())
    for form in _WRITTEN:
        with suppress(ValueError):
            return dt.datetime.strptime(words, form)  # noqa: DTZ007 - what a clock showed, in no zone
    return None
