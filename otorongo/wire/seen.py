"""What the best frame of a visit showed, in few bytes: boxes and names, to and from the two fields of a `Seen` row."""

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

MOST_BOXES: Final = 32
MOST_NAMES: Final = 8
_NAME: Final = struct.Struct(">HB")


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


def _byte(share: float) -> int:
    return min(255, max(0, round(share * 255)))
