"""Whole numbers in as few bytes as they need (LEB128): seven bits a byte, low first, the high bit: more follow."""

from otorongo.wire.errors import BadHeader


def varint(value: int) -> bytes:
    """A number from 0 up as 1 to 9 bytes."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes, at: int, most: int) -> tuple[int, int]:
    """The number at `at` and the place after it. Raises BadHeader if it is cut off, too long or over `most`."""
    value = shift = 0
    for place in range(at, min(at + 9, len(data))):
        value |= (data[place] & 0x7F) << shift
        shift += 7
        if data[place] < 0x80:
            if value > most or (data[place] == 0 and place > at):
                break
            return value, place + 1
    raise BadHeader(f"a number in the header is cut off, over {most} or longer than it needs")
