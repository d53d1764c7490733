"""What can be saved of an outbox that was set aside: rows that are not safe yet go into the new one under new numbers.

The hub may already have some of them under their old numbers (a receipt was on its way, or it has them and no second
machine has); it is better to hear of a saw twice than not at all. Evidence on the card stays known, so that nobody
sweeps it away: with its row where that is saved, else under the negative of its old number.
"""

import itertools
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import Any, Final

from msgspec import Struct, structs

from otorongo.station.errors import OutboxError
from otorongo.station.outbox_clock import MAX_BOOT, Domain, mapping_or_none
from otorongo.station.outbox_schema import ODD, Value, made, tables
from otorongo.station.outbox_write import Entry, Of, append
from otorongo.station.ports import UNBOUNDED_MS
from otorongo.wire.birth import decode, encode, hash_of
from otorongo.wire.codes import Kind
from otorongo.wire.errors import BadBody, BadMessage, BadValue
from otorongo.wire.rows import Event, Gap, Media, Record, Row, Seal, Seen, Track, Unknown, parse

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

    outbox: int = 0
    """Its number; 0: not readable."""
    domains: tuple[Domain, ...] = ()
    births: tuple[tuple[int, bytes], ...] = ()
    rows: tuple[Saved, ...] = ()
    media: tuple[tuple[int, str, int, int, int, int], ...] = ()
    """Evidence: seq, path, bytes, threat, have, wanted."""
    cursors: tuple[tuple[str, str], ...] = ()


BEFORE: Final = "outbox before"
"""The cursor that remembers the number of the outbox before this one."""
ADOPTED: Final = "outbox adopted"
"""The cursor that remembers which file set aside was put in last, so that none is put in twice."""
_OLDER: Final = 1 << 40
_HOPS: Final = 40


def salvage(aside: Path) -> Rescue:
    """Everything of an outbox that is not safe at the hub and can still be read; rows ascend.

    Seals and gaps speak of the old chain and stay behind.
    """
    try:
        _mend_tables(aside)
        db = sqlite3.connect(aside, isolation_level=None)
        db.text_factory = lambda raw: raw.decode("utf-8", "replace")
    except sqlite3.Error as error:
        log.warning("outbox: nothing can be saved of %s: %s", aside, error)
        return Rescue()
    try:
        outbox = next((one for (one,) in _all(db, "SELECT outbox FROM chain", int)), 0)
        lines = _all(db, "SELECT number, key, utc0_ms, clock, bound_ms FROM boots", int, str, int, int, int)
        domains = tuple(Domain(*line) for line in lines if 0 < line[0] <= MAX_BOOT)
        births = tuple(_all(db, "SELECT hash, payload FROM births", int, bytes))
        query = "SELECT seq, path, bytes, threat, have, wanted FROM media"
        media = tuple(one for one in _all(db, query, int, str, int, int, int, int) if _below(one[1]))
        cursors = tuple(_all(db, "SELECT name, value FROM cursors", str, str))
        paths = {seq: path for seq, path, *_ in media}
        saved: dict[int, Saved] = {}
        for seq, boot, birth, raw in _lines(db):
            if seq not in saved and (row := _readable(raw)) is not None:
                saved[seq] = Saved(Record(seq, row), boot, birth, paths.get(seq, ""))
    finally:
        db.close()
    rows = tuple(saved[seq] for seq in sorted(saved))
    return Rescue(outbox if 0 <= outbox < 1 << 32 else 0, domains, births, rows, media, cursors)


def _mend_tables(aside: Path) -> None:
    """Write the texts of the tables anew where they are not those that were made: rows cannot be read without."""
    with closing(sqlite3.connect(aside, isolation_level=None)) as db:
        try:
            db.execute("PRAGMA writable_schema = ON")  # so that a text which is none stops nobody
            if tables(db) != made():
                lines = [(text, name) for name, text in made() if text]
                db.executemany("UPDATE sqlite_master SET sql = ? WHERE name = ?", lines)
        except (sqlite3.Error, *ODD) as error:
            log.debug("outbox: the tables of %s: %s", aside, error)


def _lines(db: sqlite3.Connection) -> Iterator[tuple[int, int, int, bytes]]:
    """Rows in whatever order; each value's are read upward, hopping over bad pages, and downward from the end."""
    select = "SELECT seq, boot, birth, row FROM rows WHERE value = "
    kinds = (int, int, int, bytes)
    for value in (Value.THREAT, Value.KEPT, Value.ORDINARY, Value.TELEMETRY):
        yield from _all(db, f"{select}{value:d} ORDER BY seq DESC", *kinds)
        at, hop = 0, 1
        for _ in range(_HOPS):
            for line in _all(db, f"{select}{value:d} AND seq > {at:d} ORDER BY seq", *kinds):
                yield line
                at, hop = line[0], 1
            at, hop = at + hop, hop * 2
    yield from _all(db, "SELECT seq, boot, birth, row FROM rows", *kinds)  # whatever value the card made of it


def _all(db: sqlite3.Connection, query: str, *kinds: type) -> Iterator[tuple[Any, ...]]:
    """The rows of a query, up to the first damage, whose columns are of these kinds."""
    try:
        for line in db.execute(query):
            if all(type(one) is kind for one, kind in zip(line, kinds, strict=True)):
                yield line
    except (sqlite3.Error, *ODD) as error:
        log.debug("outbox: damaged: %s", error)


def _below(path: str) -> bool:
    """Whether a path stays below the data folder: it will be deleted one day."""
    return bool(path) and "\0" not in path and not path.startswith("/") and ".." not in PurePosixPath(path).parts


def _readable(raw: bytes) -> Row | Unknown | None:
    try:
        row = parse(raw)
    except BadBody:
        return None
    return None if isinstance(row, Gap | Seal | Unknown) else row


def adopt(db: sqlite3.Connection, rescue: Rescue, name: str) -> int:
    """Put what was saved of the file `name` into a new outbox, once; returns how many rows. Inside one transaction.

    Clock domains are numbered anew, in their old order, and only those that a row needs.
    """
    if db.execute("SELECT 1 FROM cursors WHERE name = ? AND value = ?", (ADOPTED, name)).fetchone():
        return 0
    boots = _adopt_domains(db, rescue)
    births = _adopt_births(db, rescue)
    db.executemany("INSERT OR IGNORE INTO cursors VALUES (?, ?)", rescue.cursors)
    count, told = 0, set()
    for one in rescue.rows:
        if one.boot not in boots:
            continue
        try:
            _adopt_row(db, one, boots[one.boot], births.get(one.birth, 0))
        except (OutboxError, BadValue) as error:
            log.warning("outbox: row %d cannot be saved: %s", one.record.seq, error)
            continue
        count += 1
        told.add(one.record.seq)
    _adopt_media(db, rescue, told)
    db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (ADOPTED, name))
    return count


def _adopt_domains(db: sqlite3.Connection, rescue: Rescue) -> dict[int, int]:
    """The new numbers of the clock domains that rows need, by the old ones."""
    known = {domain.number: domain for domain in rescue.domains}
    needed = sorted({one.boot for one in rescue.rows if 0 < one.boot <= MAX_BOOT})
    there = dict(db.execute("SELECT key, number FROM boots").fetchall())
    new = itertools.count(max(there.values(), default=0) + 1)
    numbers: dict[int, int] = {}
    for old in needed:
        domain = known.get(old, Domain(old, f"saved {old}", 0, 0, UNBOUNDED_MS))
        sound = mapping_or_none(domain) or structs.replace(domain, utc0_ms=0, clock=0, bound_ms=UNBOUNDED_MS)
        if sound.key in there and there[sound.key] not in numbers.values():  # this boot, and the new file knows it
            numbers[old] = there[sound.key]
            continue
        # Two keys that damage made equal would be one domain with the times of both.
        taken = db.execute("SELECT 1 FROM boots WHERE key = ?", (sound.key,)).fetchone()
        key = f"{sound.key} {old}" if taken else sound.key
        numbers[old] = next(new)
        line = (numbers[old], key, sound.utc0_ms, sound.clock, sound.bound_ms)
        db.execute("INSERT INTO boots VALUES (?, ?, ?, ?, ?)", line)
    return numbers


def _adopt_births(db: sqlite3.Connection, rescue: Rescue) -> dict[int, int]:
    """The new hashes of the births, by the old ones: each tells of the outbox that it came with."""
    outbox = db.execute("SELECT outbox FROM chain").fetchone()[0]
    births = {number: renamed(payload, outbox) for number, payload in rescue.births if hash_of(payload) == number}
    lines = [(hash_of(payload), payload) for payload in births.values()]
    db.executemany("INSERT OR IGNORE INTO births VALUES (?, ?)", lines)
    return {old: hash_of(payload) for old, payload in births.items()}


def renamed(payload: bytes, outbox: int) -> bytes:
    """A birth that speaks of another outbox; what is no birth stays as it is."""
    try:
        return encode(structs.replace(decode(payload), outbox=outbox))
    except BadMessage:
        return payload


def _adopt_row(db: sqlite3.Connection, one: Saved, boot: int, birth: int) -> None:
    row, seq = one.record.row, one.record.seq
    if isinstance(row, Event | Media | Track | Seen) and (row.back or one.path):
        item: Row | Of = find(db, Of(max(0, seq - row.back) if row.back else 0, row, one.path), boot, birth)
    else:
        item = row  # type: ignore[assignment]
    [new] = append(db, [Entry(item, boot, birth)])
    if isinstance(row, Event) and row.kind == Kind.OPEN:
        db.execute("INSERT OR REPLACE INTO moved VALUES (?, ?)", (seq, new))


def _adopt_media(db: sqlite3.Connection, rescue: Rescue, told: set[int]) -> None:
    """Evidence whose row the hub has: the file stays, and the hub may still ask for it by its old number."""
    for seq, path, size, threat, have, wanted in rescue.media:
        if seq not in told and size >= 0:
            older = -seq if seq > 0 else seq - _OLDER
            line = (older, path, size, bool(threat), min(max(0, have), size), bool(wanted))
            db.execute("INSERT OR IGNORE INTO media VALUES (?, ?, ?, ?, ?, ?)", line)
    db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (BEFORE, str(rescue.outbox)))


def adopt_files(db: sqlite3.Connection, root: Path, written_before_s: float) -> int:
    """Know the evidence below the data folder that no row tells of any more, or the next start would sweep it away.

    It has no event and is sent to nobody; it lies there for whoever has the card, and goes first when room is needed.
    Younger files are those whose row is about to be put. Returns how many. Inside one transaction.
    """
    known = {path for (path,) in db.execute("SELECT path FROM media")}
    lowest = db.execute("SELECT min(0, coalesce(min(seq), 0)) FROM media").fetchone()[0]
    count = 0
    for path in sorted((root / "media").rglob("*")):
        name = path.relative_to(root).as_posix()
        try:
            status = path.stat()
        except OSError:  # its sensor has just deleted it
            continue
        if name in known or not S_ISREG(status.st_mode) or status.st_mtime > written_before_s:
            continue
        count += 1
        line = (min(lowest, -_OLDER) - count, name, status.st_size)
        db.execute("INSERT INTO media VALUES (?, ?, ?, 0, 0, 0)", line)
    return count


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
