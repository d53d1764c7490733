"""Is a file of sound all there? Decoders take what there is of a recording that was cut off, and say nothing."""

import struct
from pathlib import Path
from typing import BinaryIO, Final

from otorongo.language import say

_UNKNOWN: Final = 0x7FFFFFFF
"""A size from here on means that the writer did not know it."""
_TAIL: Final = 128 * 1024
"""An Ogg page has 65,307 bytes at most."""
_END_OF_STREAM: Final = 4


def cut_off(path: Path, least_s: float) -> str:
    """Why a file is not whole, if at least `least_s` of its sound are missing, or its end is; empty: nothing is known.

    WAV says in its head how long it is, Ogg marks its last page. Raises OSError.
    """
    with path.open("rb") as file:
        head = file.read(12)
        size = file.seek(0, 2)
        if head[:4] in (b"RIFF", b"RIFX") and head[8:] == b"WAVE":
            return _cut_wav(file, size, "<" if head[:4] == b"RIFF" else ">", least_s)
        if head[:4] == b"OggS":
            return _cut_ogg(file, size)
    return ""


def _cut_wav(file: BinaryIO, size: int, order: str, least_s: float) -> str:
    at, bytes_per_s = 12, 0
    while at + 8 <= size:
        file.seek(at)
        name, length = struct.unpack(f"{order}4sI", file.read(8))
        if name == b"fmt ":
            of = file.read(12)
            bytes_per_s = struct.unpack(f"{order}HHII", of)[3] if len(of) == 12 else 0
        if name == b"data":
            missing = length - (size - at - 8) if length < _UNKNOWN else 0
            if bytes_per_s and missing / bytes_per_s >= least_s:
                return say("is cut off: {missing_s:.1f} s of it are missing", missing_s=missing / bytes_per_s)
            return ""
        at += 8 + length + length % 2
    return ""


def _cut_ogg(file: BinaryIO, size: int) -> str:
    """Of several streams one after another the last one counts."""
    file.seek(max(0, size - _TAIL))
    tail = file.read(_TAIL)
    at = tail.rfind(b"OggS")
    while at >= 0:
        sizes = tail[at + 27 : at + 27 + tail[at + 26]] if at + 27 <= len(tail) else b""
        if len(tail) >= at + 27 and len(sizes) == tail[at + 26] and tail[at + 4] == 0:
            whole = at + 27 + len(sizes) + sum(sizes) <= len(tail)
            return "" if whole and tail[at + 5] & _END_OF_STREAM else say("is cut off: its end is missing")
        at = tail.rfind(b"OggS", 0, at)  # these four bytes may stand in sound, too
    return say("is cut off: its end is missing")
