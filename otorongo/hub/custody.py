"""The chain of custody: that what the hub has of an outbox is what the station signed.

Each row's hash covers the one before it, so a seal over the chain's head vouches for every row below. The hub follows
the chain from where it was last verified, across gaps by the head that the gap's row tells, and checks the signature
with the station's key.
"""

import bisect
import logging
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from otorongo.hub import noted, store_records, store_stations
from otorongo.hub.store import Found, Store, Tx
from otorongo.hub.store_records import BoxKey
from otorongo.language import either
from otorongo.wire.chain import genesis, link, sealed_bytes

log = logging.getLogger(__name__)

KEY_BYTES: Final = 32
MOST_BEHIND: Final = 10_000
"""Rows that are followed once more for a seal that comes after later ones."""


class Jump(Struct, frozen=True):
    """A gap: rows up to `last` may be missing, and the chain goes on from `head`."""

    first: int
    last: int
    head: bytes


class Reached(Struct, frozen=True):
    """How far the chain could be followed, and its head there."""

    seq: int
    head: bytes


def follow(start: Reached, rows: Iterable[tuple[int, int, bytes]], jumps: Sequence[Jump], up_to: int) -> Reached:
    """Follow the chain from `start` to `up_to` over (seq, boot, row) in ascending order; stops where a row is missing.

    A missing row is jumped over if a gap tells of it; the rows of the gap that the hub has are then not hashed.
    """
    seq, head = start.seq, start.head
    ordered = sorted(jumps, key=lambda jump: (jump.first, jump.last))
    firsts = [jump.first for jump in ordered]
    for number, boot, row in rows:
        if number <= seq:
            continue
        while number != seq + 1:
            jump = _jump_at(ordered, firsts, seq + 1)
            if jump is None or jump.last > up_to:
                return Reached(seq, head)
            seq, head = jump.last, jump.head
            if number <= seq:
                break
        if number == seq + 1:
            seq, head = number, link(head, number, boot, row)
    while seq < up_to and (jump := _jump_at(ordered, firsts, seq + 1)) is not None and jump.last <= up_to:
        seq, head = jump.last, jump.head
    return Reached(seq, head)


def _jump_at(jumps: Sequence[Jump], firsts: Sequence[int], seq: int) -> Jump | None:
    """The gap that says why a row is missing."""
    for jump in jumps[: bisect.bisect(firsts, seq)]:
        if jump.first <= seq <= jump.last:
            return jump
    return None


class Fault(NamedTuple):
    """Why a seal does not hold."""

    spanish: str
    english: str


def verify(store: Store, key: BoxKey) -> int:
    """Judge the seals of an outbox that can be judged by now; how many. Safe to call again at any time."""
    with store.write() as tx:
        waiting = store_records.seals_waiting(tx, key, store_records.up_to(tx, key))
        box = store_records.outbox(tx, key)
        station = store_stations.station(tx, key[0])
        if not waiting or box is None or station is None:
            return 0
        known = bytes(station["public_keys"] or b"")
        if not known:
            return 0  # the birth with the key has not come yet
        at = behind = Reached(box["chain_seq"], bytes(box["chain_head"] or genesis(key[1])))
        jumps = [Jump(gap["first"], gap["last"], bytes(gap["head"])) for gap in store_records.gaps_of(tx, key)]
        for seal in waiting:
            start = at if at.seq <= seal["up_to"] else _start_behind(tx, key, seal["up_to"], behind)
            fault, reached = _judge(tx, key, seal, start, jumps, known)
            behind = reached if reached is not None and at.seq > seal["up_to"] else behind
            store_records.judge_seal(
                tx, key, seal["seq"], "broken" if fault else "verified", fault.english if fault else ""
            )
            if fault:
                _tell(tx, key, seal, fault)
            if reached is not None and seal["up_to"] > at.seq:
                at = Reached(seal["up_to"], bytes(seal["head"]))
            store_records.set_outbox(tx, key, chain_seq=at.seq, chain_head=at.head)
        return len(waiting)


def verify_all(store: Store) -> int:
    """Judge every seal that can be judged; how many. For the start, and now and then."""
    with store.read() as tx:
        keys = store_records.outboxes_waiting(tx)
    return sum(verify(store, key) for key in keys)


def _start_behind(tx: Tx, key: BoxKey, up_to: int, behind: Reached) -> Reached | None:
    """From where to follow the chain to a seal that comes after later ones; None: from too far back to be followed.

    A station that tells old seals without end must not keep the hub from all others.
    """
    lower = store_records.verified_below(tx, key, up_to) or (0, genesis(key[1]))
    start = behind if lower[0] < behind.seq <= up_to else Reached(*lower)
    return start if up_to - start.seq <= MOST_BEHIND else None


def _judge(
    tx: Tx, key: BoxKey, seal: Found, start: Reached | None, jumps: Sequence[Jump], public_keys: bytes
) -> tuple[Fault | None, Reached | None]:
    """What is wrong with a seal, if anything, and how far the chain was followed; None: the station did not sign it."""
    station, outbox = key
    up_to, head = seal["up_to"], bytes(seal["head"])
    signed = sealed_bytes(station, outbox, up_to, head)
    if not any(_signed(key, bytes(seal["signature"]), signed) for key in _keys(public_keys)):
        return Fault("la firma no es de la clave de la estación", "the signature is not by the station's key"), None
    if start is None:
        return Fault(
            f"llegó después de otros más nuevos, y no hay un sello válido en las {MOST_BEHIND} filas anteriores",
            f"it came after later ones, and no seal that holds lies within {MOST_BEHIND} rows below it",
        ), None
    reached = follow(start, store_records.records_from(tx, key, start.seq + 1, up_to), jumps, up_to)
    if reached.seq != up_to:
        return Fault(
            f"faltan filas después de la {reached.seq} y ningún hueco dice por qué",
            f"rows are missing after {reached.seq} and no gap tells why",
        ), reached
    if reached.head != head:
        return Fault(
            f"las filas de {start.seq + 1} a {up_to} no son las que selló la estación",
            f"the rows from {start.seq + 1} to {up_to} are not those that the station sealed",
        ), reached
    return None, reached


def _keys(public_keys: bytes) -> list[bytes]:
    return [public_keys[at : at + KEY_BYTES] for at in range(0, len(public_keys), KEY_BYTES)]


def _signed(public_key: bytes, signature: bytes, data: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _tell(tx: Tx, key: BoxKey, seal: Found, fault: Fault) -> None:
    text = f"seal {seal['seq']} over outbox {key[1]} up to row {seal['up_to']} does not hold: {fault.english}"
    source = f"seal/{key[0]}/{key[1]}/{seal['seq']}"
    said = f"el sello {seal['seq']} de la tarjeta {key[1]}, hasta el registro {seal['up_to']}, no es válido"
    said = f"{said}: {fault.spanish}"
    log.error("station %s: %s", key[0], either(said, text))
    both = noted.both(said, text)
    store_stations.add_note(tx, key[0], seal["received_ms"], "chain", both, source=source)
    store_records.set_outbox(tx, key, chain_fault=both)
