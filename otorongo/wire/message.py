"""How the small messages become bytes: MessagePack, bounded, and one named error."""

from typing import Any, TypeVar

import msgspec

from otorongo.wire.errors import BadMessage, BadValue

T = TypeVar("T")

_encoder = msgspec.msgpack.Encoder(order="deterministic")


def pack(value: Any, decoder: "msgspec.msgpack.Decoder[Any]", most: int) -> bytes:
    """A value as bytes. Raises BadValue if it is outside its bounds or longer than `most` bytes."""
    try:
        payload = _encoder.encode(value)
        unpack(payload, decoder, most)
    except (BadMessage, TypeError, OverflowError, ValueError) as error:
        raise BadValue(f"{type(value).__name__}: {error}") from error
    return payload


def unpack(payload: bytes, decoder: "msgspec.msgpack.Decoder[T]", most: int) -> T:
    """The value of its bytes. Raises BadMessage if they are none or more than `most`."""
    if len(payload) > most:
        raise BadMessage(f"{len(payload)} bytes: at most {most}")
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadMessage(str(error)) from error
