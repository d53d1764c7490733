"""Pieces of evidence in small chunks: `u/m`. Progress rides on receipts; the hash stands in the media row."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from otorongo.wire.message import pack, unpack
from otorongo.wire.rows import U32, U63

MAX_DATA: Final = 8192
MAX_BYTES: Final = MAX_DATA + 32


class Chunk(Struct, frozen=True, array_like=True):
    """One stretch of one piece of evidence."""

    outbox: U32
    seq: U63
    """Of the media row."""
    offset: U32
    """Where in the file the data begins, in bytes."""
    data: Annotated[bytes, Meta(min_length=1, max_length=MAX_DATA)]


_decoder = msgspec.msgpack.Decoder(Chunk)


def encode(chunk: Chunk) -> bytes:
    """A chunk as bytes. Raises BadValue."""
    return pack(chunk, _decoder, MAX_BYTES)


def decode(payload: bytes) -> Chunk:
    """The chunk of its bytes. Raises BadMessage."""
    return unpack(payload, _decoder, MAX_BYTES)
