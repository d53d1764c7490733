"""A station's card with hands: rows go on, batches and seals come off."""

from collections.abc import Iterable, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from otorongo.hub import db
from otorongo.hub.store import Store
from otorongo.wire import batch, birth, chain
from otorongo.wire.batch import Mapping
from otorongo.wire.codes import Clock, CloseReason, Kind, Tag
from otorongo.wire.rows import Event, Gap, Heartbeat, Record, Row, Seal, Unknown

DAY_MS = 86_400_000
NOON_MS = 1_767_268_800_000
"""2026-01-01 12:00 UTC."""
CHAINSAW = 1


def mapping(boot: int = 1, utc0_ms: int = NOON_MS, clock: int = Clock.NTP, bound_ms: int = 64) -> Mapping:
    """What a station knows of its clock: that of boot 1, which began at noon, unless told otherwise."""
    return Mapping(boot, utc0_ms, clock, bound_ms)


UNSET = Mapping(1, 0, Clock.UNSET, 1 << 31)


class Card:
    """The outbox of one station, as its chain makes it."""

    def __init__(self, station: str = "K-02", outbox: int = 7) -> None:
        self.station, self.outbox = station, outbox
        self.key = Ed25519PrivateKey.generate()
        self.rows: dict[int, tuple[int, Row | Unknown]] = {}
        self.heads = {0: chain.genesis(outbox)}
        self.last = 0
        self.birth_hash = 0

    def put(self, row: Row | Unknown, boot: int = 1) -> int:
        """Write a row; its seq."""
        self.last += 1
        self.rows[self.last] = boot, row
        self.heads[self.last] = chain.link_row(self.heads[self.last - 1], self.last, boot, row)
        return self.last

    def open(self, t_ms: int, *, cls: int = CHAINSAW, evidence: int = 40, boot: int = 1, tags: int = Tag.THREAT) -> int:
        """An event begins."""
        return self.put(Event(t_ms, 1, cls, evidence, tags, hits=3, peak=90), boot)

    def revise(
        self, event: int, t_ms: int, *, kind: int = Kind.CLOSE, cls: int = CHAINSAW, evidence: int = 50, boot: int = 1
    ) -> int:
        """An event grows or closes."""
        duration = t_ms - self.rows[event][1].t_ms  # type: ignore[union-attr]
        reason = CloseReason.QUIET if kind == Kind.CLOSE else CloseReason.NONE
        back = self.last + 1 - event
        row = Event(
            t_ms, 1, cls, evidence, Tag.THREAT, kind, back=back, duration_ms=duration, hits=9, peak=95, reason=reason
        )
        return self.put(row, boot)

    def beat(self, t_ms: int, *, sensor: int = 0, next_contact_s: int = 900, boot: int = 1) -> int:
        """A heartbeat."""
        return self.put(Heartbeat(t_ms, sensor, next_contact_s, counters={1: self.last}), boot)

    def drop(self, first: int, last: int, t_ms: int, *, reason: int = 1) -> int:
        """Rows are given up, and a gap tells of it."""
        for seq in range(first, last + 1):
            self.rows.pop(seq)
        return self.put(Gap(t_ms, first, last, reason, self.heads[last]))

    def seal(self, t_ms: int, *, key: Ed25519PrivateKey | None = None) -> int:
        """The chain's head is signed, by another key if given."""
        head = self.heads[self.last]
        signed = (key or self.key).sign(chain.sealed_bytes(self.station, self.outbox, self.last, head))
        return self.put(Seal(t_ms, self.last, head, signed))

    def birth(self, *, software: str = "otorongo 0.1.0", key: Ed25519PrivateKey | None = None) -> bytes:
        """Who the station is."""
        public = (key or self.key).public_key().public_bytes_raw()
        bundle = birth.Bundle("threats", 1, "00" * 32)
        sensor = birth.Sensor(1, "microphone", "alsa")
        payload = birth.encode(
            birth.Birth(self.outbox, 1, software, (bundle,), (sensor,), -12.5, -70.0, 6.0, public_key=public)
        )
        self.birth_hash = birth.hash_of(payload)
        return payload

    def batch(self, seqs: Iterable[int] | None = None, clock: Mapping | None = None) -> bytes:
        """Rows, all of them unless told which, as they travel. They must be of one boot."""
        chosen = sorted(self.rows if seqs is None else seqs)
        boots = {self.rows[seq][0] for seq in chosen}
        assert len(boots) == 1, "a batch is of one boot"
        (boot,) = boots
        records = [Record(seq, self.rows[seq][1]) for seq in chosen]
        return batch.encode(self.outbox, self.birth_hash, clock or mapping(boot), records)

    def batches(self, size: int, clocks: Sequence[Mapping] = ()) -> list[bytes]:
        """Everything on the card, in batches of at most `size` rows of one boot."""
        by_boot: dict[int, list[int]] = {}
        for seq, (boot, _) in self.rows.items():
            by_boot.setdefault(boot, []).append(seq)
        known = {one.boot: one for one in clocks}
        return [
            self.batch(seqs[at : at + size], known.get(boot))
            for boot, seqs in by_boot.items()
            for at in range(0, len(seqs), size)
        ]


def damaged(payload: bytes) -> bytes:
    """The batch with a body that is no rows, and a checksum that holds all the same."""
    import zlib

    header, _, body = batch.decode_header(payload)
    head = payload[5 : len(payload) - len(body)]
    counted = head[-1] & ~1
    rest = head[:-1] + bytes([counted]) + b"\xc1" * len(body)
    assert header.count * 4 < 128, "few rows, so that the count is one byte"
    return payload[:1] + zlib.crc32(rest).to_bytes(4, "big") + rest


def state(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that batches leave behind."""
    out = {}
    with store.read() as tx:
        for table in (db.records, db.events, db.spans, db.boots, db.gaps, db.media, db.heartbeats, db.seals):
            out[table.name] = sorted(tuple(map(str, row)) for row in tx.execute(select(table)))
        columns = [column for column in db.notes.c if column.name != "id"]
        out["notes"] = sorted(tuple(map(str, row)) for row in tx.execute(select(*columns)))
    return out
