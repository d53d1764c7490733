"""What a visit showed, in few bytes: boxes, names and kinds, to and from the fields of a `Seen` row."""

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

MOST_BOXES: Final = 32
MOST_NAMES: Final = 8
MOST_KINDS: Final = 6
_NAME: Final = struct.Struct(">HB")
_KIND: Final = struct.Struct(">HBBB")


class Box(NamedTuple):
    """Something in a frame; the place in shares (0 to 1) of the frame, from its top left."""

    cls: int
    """Number in `otorongo.wire.classes`."""
    p: float
    """Calibrated."""
    x: float
    y: float
    w: float
    h: float


class Name(NamedTuple):
    """What a network of species said."""

    species: int
    """Number in `otorongo.wire.species`; 0: what has no number there."""
    p: float


class Kind(NamedTuple):
    """One of several kinds of animals that a visit showed."""

    species: int
    """Number in `otorongo.wire.species`; 0: an animal of no name."""
    p: float
    """Of the name."""
    source: int
    """`codes.NameSource`."""
    most: int
    """So many of them were named in one frame."""


def pack_boxes(boxes: Iterable[Box]) -> bytes:
    """6 bytes each, the first `MOST_BOXES` of them; what lies outside its bounds is brought to them."""
    out = bytearray()
    for box in list(boxes)[:MOST_BOXES]:
        out += bytes((box.cls & 0xFF, *(_byte(value) for value in box[1:])))
    return bytes(out)


def unpack_boxes(data: bytes) -> tuple[Box, ...]:
    """The boxes of a row; an incomplete last one, which no station sends, is left out."""
    whole = (data[at : at + 6] for at in range(0, len(data) - 5, 6))
    return tuple(Box(one[0], *(value / 255 for value in one[1:])) for one in whole)


def pack_names(names: Iterable[Name]) -> bytes:
    """3 bytes each, the first `MOST_NAMES` of them."""
    return b"".join(_NAME.pack(name.species, _byte(name.p)) for name in list(names)[:MOST_NAMES])


def unpack_names(data: bytes) -> tuple[Name, ...]:
    """The names of a row; an incomplete last one is left out."""
    whole = (data[at : at + 3] for at in range(0, len(data) - 2, 3))
    return tuple(Name(number, p / 255) for number, p in map(_NAME.unpack, whole))


def pack_kinds(kinds: Iterable[Kind]) -> bytes:
    """5 bytes each, the first `MOST_KINDS` of them."""
    return b"".join(
        _KIND.pack(kind.species, _byte(kind.p), kind.source, min(255, kind.most)) for kind in list(kinds)[:MOST_KINDS]
    )


def unpack_kinds(data: bytes) -> tuple[Kind, ...]:
    """The kinds of a row; an incomplete last one is left out."""
    whole = (data[at : at + 5] for at in range(0, len(data) - 4, 5))
    return tuple(Kind(number, p / 255, source, most) for number, p, source, most in map(_KIND.unpack, whole))


def _byte(share: float) -> int:
    return min(255, max(0, round(share * 255)))
