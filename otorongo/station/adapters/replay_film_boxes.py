"""The boxes of an MP4 or MOV (ISO 14496-12): their heads alone are read."""

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

MOST_BOXES: Final = 1000
"""Of one level: no honest film has so many."""


def boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind of each box between two places, where its body begins (there the file stands then), and where it ends.

    Raises struct.error where the file ends amid a head.
    """
    for _ in range(MOST_BOXES):
        if at + 8 > end:
            return
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            size, header = struct.unpack(">Q", file.read(8))[0], 16
        size = end - at if size == 0 else size
        if size < header:
            return
        yield kind, at + header, at + size
        at += size
