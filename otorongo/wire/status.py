"""Whether a station is there: retained on `u/s`, and the last will."""

from typing import Final, Literal

import msgspec
from msgspec import Struct

from otorongo.wire.message import pack, unpack
from otorongo.wire.rows import U32, UtcMillis

MAX_BYTES: Final = 128


class Status(Struct, frozen=True):
    """`online` on connecting, `sleeping` before a planned sleep, `offline` as the last will."""

    state: Literal["online", "offline", "sleeping"]
    until_s: U32 = 0
    """How long it will sleep, in seconds from `at_ms`."""
    at_ms: UtcMillis = 0
    """The station's UTC in ms when it said so; 0: its clock is not set, or it is the last will."""


_decoder = msgspec.msgpack.Decoder(Status)


def encode(status: Status) -> bytes:
    """A status as bytes. Raises BadValue."""
    return pack(status, _decoder, MAX_BYTES)


def decode(payload: bytes) -> Status:
    """The status of its bytes. Raises BadMessage."""
    return unpack(payload, _decoder, MAX_BYTES)
