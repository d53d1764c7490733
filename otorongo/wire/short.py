"""An alert in 11 bytes, for LoRaWAN (AU915 DR2 with dwell time) and satellite. Provisional: the full row replaces it.

Layout, big endian: version x 32 + kind 1 B | class 1 B | evidence x 10 1 B | UTC in s 4 B | low 16 bits of seq 2 B |
tags 1 B | bundle 1 B.
"""

import struct
from typing import Final

from msgspec import Struct

from otorongo.wire.codes import Kind
from otorongo.wire.errors import BadMessage, BadValue

SIZE: Final = 11
VERSION: Final = 1
_KINDS = frozenset(map(int, Kind))
_LAYOUT = struct.Struct(">BBbIHBB")


class Short(Struct, frozen=True):
    """What fits of one revision of an event."""

    kind: int
    """`codes.Kind`."""
    cls: int
    evidence: int
    """Log-likelihood ratio x 10, -80 to 80."""
    time_s: int
    """UTC in seconds since 1970 as u32; 0: the station's clock is not set."""
    seq_low: int
    """Low 16 bits of the row's seq."""
    tags: int = 0
    bundle: int = 0


def encode(short: Short) -> bytes:
    """11 bytes. Raises BadValue if a number does not fit."""
    if short.kind not in _KINDS or not -80 <= short.evidence <= 80:
        raise BadValue(f"kind {short.kind} or evidence {short.evidence} is out of bounds")
    first = VERSION << 5 | short.kind
    try:
        return _LAYOUT.pack(first, short.cls, short.evidence, short.time_s, short.seq_low, short.tags, short.bundle)
    except struct.error as error:
        raise BadValue(f"{short}: {error}") from error


def decode(payload: bytes) -> Short:
    """The short form of its 11 bytes. Raises BadMessage."""
    if len(payload) != SIZE:
        raise BadMessage(f"{len(payload)} bytes: the short form has {SIZE}")
    first, cls, evidence, time_s, seq_low, tags, bundle = _LAYOUT.unpack(payload)
    if first >> 5 != VERSION or first & 31 not in _KINDS or not -80 <= evidence <= 80:
        raise BadMessage(f"version {first >> 5}, kind {first & 31}, evidence {evidence}: out of bounds")
    return Short(first & 31, cls, evidence, time_s, seq_low, tags, bundle)
