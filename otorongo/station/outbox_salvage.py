"""What can be saved of an outbox that was set aside: rows without a receipt go into the new one under new numbers.

The hub may already have some of them under their old numbers (a receipt was on its way); it is better to hear of a saw
twice than not at all.
"""

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct, structs

from otorongo.station.outbox_clock import Domain
from otorongo.station.outbox_schema import Value
from otorongo.station.outbox_write import Entry, Of, append
from otorongo.wire.codes import Kind
from otorongo.wire.errors import BadBody
from otorongo.wire.rows import Event, Gap, Media, Record, Row, Seal, Track, Unknown, parse

log = logging.getLogger(__name__)


class Saved(Struct, frozen=True):
    """A row of the old outbox."""

    record: Record
    boot: int
    birth: int
    path: str
    """Of a media row's file; empty: none."""


class Rescue(Struct, frozen=True):
    """What can still be read of an old outbox."""

    domains: tuple[Domain, ...] = ()
    births: tuple[tuple[int, bytes], ...] = ()
    rows: tuple[Saved, ...] = ()


def salvage(aside: Path) -> Rescue:
    """The clock domains, births, and rows without a receipt that can still be read, ascending.

    Each value's rows are read upward to the first damage and then downward from the end, so that one bad page costs
    little. Seals and gaps speak of the old chain and stay behind.
    """
    try:
        db = sqlite3.connect(aside, isolation_level=None)
    except sqlite3.Error as error:
        log.warning("outbox: nothing can be saved of %s: %s", aside, error)
        return Rescue()
    try:
        births = tuple(_all(db, "SELECT hash, payload FROM births"))
        domains = tuple(Domain(*line) for line in _all(db, "SELECT number, key, utc0_ms, clock, bound_ms FROM boots"))
        paths = dict(_all(db, "SELECT seq, path FROM media"))
        saved: dict[int, Saved] = {}
        for value in (Value.THREAT, Value.ORDINARY, Value.TELEMETRY):
            for order in ("ASC", "DESC"):
                query = f"SELECT seq, boot, birth, row FROM rows WHERE value = {value:d} ORDER BY seq {order}"  # noqa: S608
                for seq, boot, birth, raw in _all(db, query):
                    if (row := _readable(raw)) is not None:
                        saved[seq] = Saved(Record(seq, row), boot, birth, paths.get(seq, ""))
    finally:
        db.close()
    return Rescue(domains, births, tuple(saved[seq] for seq in sorted(saved)))


def _all(db: sqlite3.Connection, query: str) -> Iterator[tuple]:  # type: ignore[type-arg]
    """The rows of a query up to the first damage."""
    try:
        yield from db.execute(query)
    except sqlite3.Error as error:
        log.warning("outbox: damaged: %s", error)


def _readable(raw: bytes) -> Row | Unknown | None:
    try:
        row = parse(raw)
    except (BadBody, TypeError):
        return None
    return None if isinstance(row, Gap | Seal | Unknown) else row


def adopt(db: sqlite3.Connection, rescue: Rescue) -> int:
    """Put what was saved into a new outbox; returns how many rows. Inside one transaction."""
    db.executemany("INSERT OR IGNORE INTO births VALUES (?, ?)", rescue.births)
    for domain in rescue.domains:
        db.execute("INSERT OR IGNORE INTO boots VALUES (?, ?, ?, ?, ?)", structs.astuple(domain))
    known = {domain.number for domain in rescue.domains}
    for one in rescue.rows:
        if one.boot not in known:
            db.execute("INSERT OR IGNORE INTO boots VALUES (?, ?, 0, 0, ?)", (one.boot, f"saved {one.boot}", 1 << 31))
            known.add(one.boot)
        row, seq = one.record.row, one.record.seq
        if isinstance(row, Event | Media | Track) and (row.back or one.path):
            item: Row | Of = find(db, Of(seq - row.back if row.back else 0, row, one.path), one.boot, one.birth)
        else:
            item = row  # type: ignore[assignment]
        [new] = append(db, [Entry(item, one.boot, one.birth)])
        if isinstance(row, Event) and row.kind == Kind.OPEN:
            db.execute("INSERT OR REPLACE INTO moved VALUES (?, ?)", (seq, new))
    return len(rescue.rows)


def find(db: sqlite3.Connection, item: Of, boot: int, birth: int) -> Of:
    """The same row under its event's new opening; an event that the new outbox does not know opens again.

    Media and tracks of an unknown event belong to none.
    """
    if not item.opening:
        return item
    known = db.execute("SELECT new FROM moved WHERE old = ?", (item.opening,)).fetchone()
    opening = known[0] if known else 0
    if not opening and isinstance(item.row, Event):
        first = structs.replace(item.row, kind=Kind.OPEN, t_ms=item.row.start_ms, back=0, reason=0)
        [opening] = append(db, [Entry(first, boot, birth)])
        db.execute("INSERT OR REPLACE INTO moved VALUES (?, ?)", (item.opening, opening))
    return structs.replace(item, opening=opening)
