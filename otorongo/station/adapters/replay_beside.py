"""What stands in a file beside what was recorded: a chunk of a RIFF file, the EXIF of a picture. Nothing is decoded.

A library that opens a picture for its EXIF follows a head that has no end to the end of the file, and decodes a PNG
whole, however large it says that it is, to find what lies behind the pixels.
"""

import re
import struct
from pathlib import Path
from typing import BinaryIO, Final

from otorongo.station.adapters.replay_heic import exif_of, is_heic

_MOST_BYTES: Final = 1 << 20
_MOST_CHUNKS: Final = 10_000
_MOST_JPEG: Final = 256 << 10
"""Of a JPEG's first segments, of which each has at most 64 kB: its EXIF is among them."""
_MOST_HEIC: Final = 64 << 20
_JPEG: Final = b"\xff\xd8"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_SEGMENT: Final = re.compile(rb"\xff([\xc0-\xcf\xda-\xfe])(..)", re.DOTALL)
"""Mark and length: junk between two of them is passed over."""
_APP1: Final = b"\xe1"
_SCAN: Final = b"\xda"
_EXIF: Final = b"Exif\0"


def exif(path: Path) -> bytes:
    """The EXIF of a JPEG, PNG, WebP or HEIC, whatever its file is called; empty: it has none.

    Raises OSError, and SensorError if a HEIC is damaged.
    """
    with path.open("rb") as file:
        begin = file.read(12)
        if begin.startswith(_JPEG):
            return _of_jpeg(begin + file.read(_MOST_JPEG))
        if begin.startswith(_PNG):
            return _of_png(file)
    if is_heic(begin):
        return exif_of(path.read_bytes()) if path.stat().st_size <= _MOST_HEIC else b""
    return chunk(path, b"EXIF")


def chunk(path: Path, name: bytes) -> bytes:
    """A chunk of a RIFF file (WAV, WebP), at most 1 MB of it; empty if it has none or is damaged. Raises OSError."""
    with path.open("rb") as file:
        if file.read(12)[:4] != b"RIFF":
            return b""
        for _ in range(_MOST_CHUNKS):
            if len(head := file.read(8)) < 8:
                break
            kind, size = struct.unpack("<4sI", head)
            if kind == name:
                return file.read(min(size, _MOST_BYTES))
            file.seek(size + (size & 1), 1)
    return b""


def _of_jpeg(begin: bytes) -> bytes:
    at = len(_JPEG)
    while (found := _SEGMENT.search(begin, at)) and found[1] != _SCAN:
        at = max(found.end(), found.end() - 2 + int.from_bytes(found[2], "big"))
        if found[1] == _APP1 and (body := begin[found.end() : at]).startswith(_EXIF):
            return body
    return b""


def _of_png(file: BinaryIO) -> bytes:
    """It may stand before or behind the pixels."""
    file.seek(len(_PNG))
    for _ in range(_MOST_CHUNKS):
        if len(head := file.read(8)) < 8:
            break
        size, kind = struct.unpack(">I4s", head)
        if kind == b"eXIf":
            return file.read(min(size, _MOST_BYTES))
        file.seek(size + 4, 1)
    return b""
