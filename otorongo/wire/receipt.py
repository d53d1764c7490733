"""The hub's word on which records it has committed and which are safe: `d/r`."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from otorongo.wire.errors import BadMessage
from otorongo.wire.message import pack, unpack
from otorongo.wire.rows import U32, U63, UtcMillis

MAX_BYTES: Final = 4096
MAX_RANGES: Final = 32
_LAST: Final = (1 << 63) - 1

Ranges = Annotated[tuple[tuple[U63, U63], ...], Meta(max_length=MAX_RANGES)]


class Receipt(Struct, frozen=True, array_like=True):
    """Sent for every batch, also a repeated one, and on birth; not retained."""

    outbox: U32
    up_to: U63
    """Every seq up to here is committed (or told as a gap); 0: none."""
    beyond: Ranges = ()
    """Committed seqs above `up_to`: first and last of each range, ascending. More than 32: the lowest 32."""
    safe_up_to: U63 = 0
    """Every seq up to here is on a second machine or in a verified backup."""
    kept: Ranges = ()
    """Seqs whose batch could not be read: the hub keeps it whole, the station need not send it again."""
    hub_time_ms: UtcMillis = 0
    """The hub's UTC in ms since 1970; 0: the hub does not trust its clock."""
    media: Annotated[tuple[tuple[U63, U32], ...], Meta(max_length=MAX_RANGES)] = ()
    """Media seq and how many of its bytes the hub has from the start."""
    want_birth: bool = False
    """The birth hash in the batch is unknown here: send the birth."""


_decoder = msgspec.msgpack.Decoder(Receipt)


def encode(receipt: Receipt) -> bytes:
    """A receipt as bytes. Raises BadValue."""
    return pack(receipt, _decoder, MAX_BYTES)


def decode(payload: bytes) -> Receipt:
    """The receipt of its bytes. Raises BadMessage."""
    receipt = unpack(payload, _decoder, MAX_BYTES)
    for first, last in (*receipt.beyond, *receipt.kept):
        if last < first:
            raise BadMessage(f"range from {first} to {last}")
    return receipt


def renewal(outbox: int, hub_time_ms: int, media: tuple[tuple[int, int], ...] = ()) -> Receipt:
    """The receipt of an outbox that the hub takes nothing from any more: begin a new one with every row that waits.

    It promises rows beyond any that a card can have written, and a card that reads so of its own outbox has been copied
    or put back to an older state: its numbers are used up.
    """
    return Receipt(outbox, 0, beyond=((_LAST, _LAST),), hub_time_ms=hub_time_ms, media=media)


def covers(receipt: Receipt, seq: int) -> bool:
    """True if the hub has this row: committed, or kept with the batch it could not read."""
    ranges = (*receipt.beyond, *receipt.kept)
    return seq <= receipt.up_to or any(first <= seq <= last for first, last in ranges)
