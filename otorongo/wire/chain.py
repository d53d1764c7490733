"""The hash chain over an outbox, and what a seal signs.

Each row's hash covers the hash before it, its place and its bytes, so that no row can be changed, left out or moved
without every later hash changing. Once a day, and when a threat closes, the station signs the chain's head.
"""

import hashlib

from otorongo.wire.rows import Row, Unknown, standalone


def genesis(outbox: int) -> bytes:
    """The hash before the first row of an outbox (32 bytes)."""
    return hashlib.sha256(b"otorongo chain 1" + outbox.to_bytes(4, "big")).digest()


def link(head: bytes, seq: int, boot: int, row: bytes) -> bytes:
    """The hash after a row, given its standalone bytes (32 bytes)."""
    return hashlib.sha256(head + seq.to_bytes(8, "big") + boot.to_bytes(2, "big") + row).digest()


def link_row(head: bytes, seq: int, boot: int, row: Row | Unknown) -> bytes:
    """The hash after a row (32 bytes). Raises BadValue if version 1 cannot carry it."""
    return link(head, seq, boot, standalone(row))


def sealed_bytes(station: str, outbox: int, up_to: int, head: bytes) -> bytes:
    """What the station's Ed25519 key signs in a seal."""
    return b"otorongo seal 1\0" + station.encode() + b"\0" + outbox.to_bytes(4, "big") + up_to.to_bytes(8, "big") + head
