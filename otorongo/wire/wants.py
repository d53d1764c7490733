"""What the hub asks of a station: `d/w`."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from otorongo.wire.message import pack, unpack
from otorongo.wire.rows import U8, U16, U32, U63

MAX_BYTES: Final = 4096


class WantMedia(Struct, frozen=True, array_like=True, tag=1):
    """A piece of evidence, from an offset on."""

    outbox: U32
    seq: U63
    offset: U32 = 0


class WantBirth(Struct, frozen=True, array_like=True, tag=2):
    """The birth message again."""


class WantLog(Struct, frozen=True, array_like=True, tag=3):
    """The newest lines of the log, as a media row of kind LOG."""

    lines: U16 = 100


class WantConfig(Struct, frozen=True, array_like=True, tag=4):
    """The configuration file without its secrets, as a media row of kind LOG."""


class WantTest(Struct, frozen=True, array_like=True, tag=5):
    """A drill: an event tagged DRILL that goes the whole way."""

    cls: U8
    number: U32 = 0
    """Comes back in a note, so that the hub knows its drill."""


Want = WantMedia | WantBirth | WantLog | WantConfig | WantTest
Wants = Annotated[tuple[Want, ...], Meta(max_length=32)]

_decoder: msgspec.msgpack.Decoder[tuple[Want, ...]] = msgspec.msgpack.Decoder(Wants)


def encode(wants: tuple[Want, ...]) -> bytes:
    """Up to 32 wants as bytes. Raises BadValue."""
    return pack(wants, _decoder, MAX_BYTES)


def decode(payload: bytes) -> tuple[Want, ...]:
    """The wants of their bytes. Raises BadMessage."""
    return unpack(payload, _decoder, MAX_BYTES)
