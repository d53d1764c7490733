"""What a picture's first bytes say of it: its kind, its size, what decoding it takes, and where a JPEG really ends.

Nothing is decoded here: a file of a few hundred bytes may say that it is a gigantic picture, and is refused by that.
"""

import re
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from otorongo.language import say
from otorongo.models.errors import InputError

PNG: Final = b"\x89PNG\r\n\x1a\n"
JPEG: Final = b"\xff\xd8"
JPEG_END: Final = b"\xff\xd9"
LARGE_PX: Final = 12_000_000
"""A larger picture is decoded smaller."""
MOST_PIXELS: Final = 64_000_000
"""Of a JPEG, which is decoded smaller where it is large."""
MOST_WHOLE_BYTES: Final = 120_000_000
"""Of what has to be decoded whole: PNG and WebP (40 million pixels, 20 of 16 bits), and a JPEG's coefficients."""
MOST_CHUNK_BYTES: Final = 64 << 20
"""Of a PNG: no larger file is read."""
MOST_REDUCED: Final = 8

_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LENGTHLESS: Final = frozenset((0x01, *range(0xD0, 0xD8)))
_SCAN: Final = 0xDA
_END: Final = 0xD9
_MARKER: Final = re.compile(rb"\xff([^\x00\xff])")
"""Without a repeat: what a worn card gives for the rest of a file is nothing but 0xFF."""
_BLOCK: Final = 1 << 20
_MARKS: Final = ~np.isin(np.arange(256), (0x00, 0xFF, *_LENGTHLESS))


class Head(NamedTuple):
    """What a picture says of itself."""

    kind: str
    """`JPEG`, `PNG` or `WebP`."""
    width: int
    height: int
    whole_bytes: int
    """What lies in memory at once, however small it is wanted: all pixels, or a progressive JPEG's coefficients."""

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    @property
    def reduced(self) -> int:
        """By 1, 2, 4 or 8 it is decoded smaller, each way, so that it has at most 12 million pixels."""
        factor = 1
        while factor < MOST_REDUCED and self.pixels > LARGE_PX * factor * factor:
            factor *= 2
        return factor


def head(raw: bytes) -> Head:
    """The head of JPEG, PNG or WebP bytes, whose size is one that may be decoded.

    Raises InputError for what is no such picture, says no size, or is too large for a small computer's memory.
    """
    if not raw:
        raise InputError(say("the picture is empty: 0 bytes"))
    try:
        found = _head(raw)
    except (struct.error, IndexError) as error:
        raise InputError(
            say("the picture is cut off after {count} bytes, before it says its size", count=len(raw))
        ) from error
    if not found.width or not found.height:
        raise InputError(
            say(
                "the {kind} says that it has no pixels ({width} x {height})",
                kind=found.kind,
                width=found.width,
                height=found.height,
            )
        )
    size = say("{width} x {height} pixels", width=found.width, height=found.height)
    if found.pixels > MOST_PIXELS:
        raise InputError(
            say(
                "the {kind} has {size} (allowed: up to {most_pixels} million)",
                kind=found.kind,
                size=size,
                most_pixels=MOST_PIXELS // 1000000,
            )
        )
    if found.whole_bytes > MOST_WHOLE_BYTES:
        raise InputError(
            say(
                "the {kind} has {size}, which take {whole_bytes} MB at once (allowed: up to "
                "{most_whole_bytes} MB, 40 million pixels of a PNG or WebP; save it as a plain JPEG)",
                kind=found.kind,
                size=size,
                whole_bytes=found.whole_bytes // 1000000,
                most_whole_bytes=MOST_WHOLE_BYTES // 1000000,
            )
        )
    return found


def _head(raw: bytes) -> Head:
    if raw.startswith(JPEG):
        return _jpeg(raw)
    if raw.startswith(PNG):
        width, height, bits = struct.unpack(">IIB", raw[16:25])
        _check_chunks(raw)
        return Head("PNG", width, height, width * height * (6 if bits == 16 else 3))
    if raw.startswith(b"RIFF") and raw[8:12] == b"WEBP":
        return _webp(raw)
    what = next((text for begin, text in _others() if raw[:64].lstrip().startswith(begin)), "")
    begins = what or say("{count} bytes that begin with {begin!r}", count=len(raw), begin=raw[:8])
    raise InputError(say("no picture that can be read (allowed: JPEG, PNG, WebP): {begins}", begins=begins))


def _check_chunks(raw: bytes) -> None:
    """Raises InputError for a PNG whose chunks cannot be in it: a decoder takes the memory for each before it looks."""
    at = len(PNG)
    while at + 8 <= len(raw):
        size = int.from_bytes(raw[at : at + 4], "big")
        if size > MOST_CHUNK_BYTES:
            size_mb = size // 1_000_000
            raise InputError(say("the PNG is damaged: a piece of it says that it has {size} MB", size=size_mb))
        at += 12 + size


def _others() -> tuple[tuple[bytes, str], ...]:
    """How files begin that people take for pictures, and what they are."""
    tiff = say("it is a TIFF")
    return (
        (b"<", say("it is a web page")), (b"PK\x03\x04", say("it is an archive")), (b"%PDF", say("it is a PDF")),
        (b"GIF8", say("it is a GIF")), (b"II*\0", tiff), (b"MM\0*", tiff), (b"BM", say("it is a BMP")),
    )  # fmt: skip


def _webp(raw: bytes) -> Head:
    kind = raw[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(raw[at : at + 3], "little") + 1 for at in (24, 27))
        if len(raw) < 30:
            raise IndexError
    elif kind == b"VP8L":
        bits = struct.unpack("<I", raw[21:25])[0]
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (size & 0x3FFF for size in struct.unpack("<HH", raw[26:30]))
    return Head("WebP", width, height, width * height * 3)


def _jpeg(raw: bytes) -> Head:
    """Up to the first scan: only that says whether the colours come one after another."""
    frame: Head | None = None
    colours = 0
    coefficient_bytes = 0
    for marker, at in _segments(raw):
        if marker in _FRAMES:
            height, width, colours = struct.unpack(">HHB", raw[at + 3 : at + 8])
            sampling = [raw[at + 9 + 3 * number] for number in range(colours)]
            coefficient_bytes = _coefficient_bytes(width, height, sampling)
            progressive = marker & 3 == 2
            frame = Head("JPEG", width, height, coefficient_bytes if progressive else 0)
        if marker == _SCAN and frame:
            return frame._replace(whole_bytes=coefficient_bytes) if raw[at + 2] < colours else frame
    if frame is None:
        raise IndexError
    return frame


def _coefficient_bytes(width: int, height: int, sampling: list[int]) -> int:
    """Two bytes for each coefficient of each colour, some of which have fewer."""
    widest, highest = (max((max(1, each >> shift & 15) for each in sampling), default=1) for shift in (4, 0))
    return sum(2 * width * max(1, each >> 4) // widest * height * max(1, each & 15) // highest for each in sampling)


def _segments(raw: bytes) -> "list[tuple[int, int]]":
    """(marker, place of its length) up to the first scan."""
    found, at = [], 2
    while match := _MARKER.search(raw, at):
        marker, at = match[1][0], match.end()
        if marker == _END:
            break
        if marker in _LENGTHLESS:
            continue
        found.append((marker, at))
        if marker == _SCAN or at + 2 > len(raw):
            break
        at += max(2, struct.unpack(">H", raw[at : at + 2])[0])
    return found


def mended(raw: bytes) -> bytes | None:
    """A JPEG that is cut off, up to its last whole piece, and ended; None: it goes on to its own end.

    That is neither the end of a picture inside it nor of one behind it.
    """
    skip_to = 2  # behind the mark of its beginning, which has no length
    for at in _marks(np.frombuffer(raw, np.uint8)):
        if at < skip_to:
            continue
        if raw[at] == _END:
            return None
        skip_to = at + 1 + max(2, struct.unpack(">H", raw[at + 1 : at + 3])[0] if at + 3 <= len(raw) else 2)
        if skip_to > len(raw):  # tables between two scans, cut: an end behind them would be taken for a part of them
            return raw[: at - 1] + JPEG_END
    return raw.rstrip(b"\xff") + JPEG_END


def _marks(values: NDArray[np.uint8]) -> Iterator[int]:
    """Where marks are, bit by bit: what a worn card gives for the rest of a file is one mark after another."""
    for begin in range(0, len(values) - 1, _BLOCK):
        block = values[begin : begin + _BLOCK + 1]
        places = np.flatnonzero(block[:-1] == 0xFF) + 1  # a regular expression takes ten times as long for this
        yield from (begin + places[_MARKS[block[places]]]).tolist()
