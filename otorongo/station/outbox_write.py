"""Rows go in: numbered, chained, and remembered while their event is open. Plain functions inside one transaction."""

import itertools
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from msgspec import Struct, structs

from otorongo.station.errors import OutboxError
from otorongo.station.outbox_schema import Value
from otorongo.wire.batch import MAX_ROWS
from otorongo.wire.chain import link
from otorongo.wire.classes import is_threat
from otorongo.wire.codes import GapReason, Kind, Tag
from otorongo.wire.rows import (
    Event,
    Gap,
    Heartbeat,
    Listening,
    Media,
    Row,
    Seal,
    Seeing,
    Seen,
    Tamper,
    Track,
    standalone,
)

MAX_ROW_BYTES: Final = 4096
_THREAT_TAGS: Final = Tag.THREAT | Tag.PERSON | Tag.NO_CONTACT


class Of(Struct, frozen=True):
    """A row that belongs to an event: the outbox fills in its `back`, which only it can know.

    `opening` is the seq of the event's opening, or 0 for a media row that belongs to none. `path` is a media row's
    file, relative to the data folder.
    """

    opening: int
    row: Event | Media | Track | Seen
    path: str = ""


class Entry(NamedTuple):
    """A row on its way in, with its clock domain and the birth that its bundle numbers refer to."""

    item: Row | Of
    boot: int
    birth: int


class Chain(NamedTuple):
    """Where the outbox stands."""

    outbox: int
    last_seq: int
    head: bytes


def chain_of(db: sqlite3.Connection) -> Chain:
    """Where the outbox stands."""
    return Chain(*db.execute("SELECT outbox, last_seq, head FROM chain").fetchone())


def value_of(row: Row) -> Value:
    """What a row is worth when the card is full; threats also travel first and wait for the hub's `safe`."""
    if isinstance(row, Event):
        return Value.THREAT if row.tags & _THREAT_TAGS or is_threat(row.cls) else Value.ORDINARY
    if isinstance(row, Media):
        return Value.THREAT if row.tags & _THREAT_TAGS else Value.ORDINARY
    if isinstance(row, Heartbeat | Listening | Seeing | Track):
        return Value.TELEMETRY
    return Value.THREAT if isinstance(row, Gap | Seal | Tamper) else Value.ORDINARY


def append(db: sqlite3.Connection, entries: Iterable[Entry]) -> list[int]:
    """Number and chain the rows, and return their seqs. Raises BadValue for what the wire cannot carry."""
    _, last, head = chain_of(db)
    seqs = []
    for item, boot, birth in entries:
        last += 1
        row = _own(item, last)
        raw = standalone(row)
        if len(raw) > MAX_ROW_BYTES:
            raise OutboxError(f"{type(row).__name__} row of {len(raw)} bytes: at most {MAX_ROW_BYTES}")
        head = link(head, last, boot, raw)
        value = value_of(row)
        db.execute(
            "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0)",
            (value, last, boot, birth, raw, head, MAX_ROWS),
        )
        _remember(db, last, row, raw, boot, birth, threat=value == Value.THREAT)
        if isinstance(row, Media) and isinstance(item, Of) and item.path:
            db.execute(
                "INSERT INTO media VALUES (?, ?, ?, ?, 0, 0)",
                (last, item.path, row.bytes, value == Value.THREAT),
            )
        seqs.append(last)
    db.execute("UPDATE chain SET last_seq = ?, head = ?", (last, head))
    return seqs


def _own(item: Row | Of, seq: int) -> Row:
    """The row with its distance to the event's opening."""
    if not isinstance(item, Of):
        if isinstance(item, Event) and item.kind != Kind.OPEN:
            raise OutboxError("a later revision of an event comes as Of(opening, row), so that it finds its event")
        return item
    if isinstance(item.row, Event) and item.row.kind == Kind.OPEN:
        raise OutboxError("the opening of an event belongs to no earlier one: put the row itself")
    if not 0 <= item.opening < seq:
        raise OutboxError(f"an event that opened at seq {item.opening} cannot have a row at seq {seq}")
    return structs.replace(item.row, back=seq - item.opening if item.opening else 0)


def _remember(db: sqlite3.Connection, seq: int, row: Row, raw: bytes, boot: int, birth: int, *, threat: bool) -> None:
    """Keep the newest revision of every event without a closing; note what the next seal is for."""
    if isinstance(row, Seal):
        db.execute("UPDATE chain SET sealed_up_to = max(sealed_up_to, ?)", (row.up_to,))
    if not isinstance(row, Event):
        return
    if row.kind == Kind.CLOSE:
        db.execute("DELETE FROM events WHERE opening = ?", (seq - row.back,))
        if threat:
            db.execute("UPDATE chain SET threat_closed = ?", (seq,))
    else:
        db.execute(
            "INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?)",
            (seq - row.back, row.sensor, boot, birth, raw),
        )


def runs_of(seqs: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each run of consecutive numbers; the input ascends."""
    runs: list[tuple[int, int]] = []
    for _, group in itertools.groupby(enumerate(seqs), key=lambda pair: pair[1] - pair[0]):
        run = [seq for _, seq in group]
        runs.append((run[0], run[-1]))
    return runs


def tell_gaps(
    db: sqlite3.Connection,
    dropped: Sequence[tuple[int, bytes]],
    reason: GapReason,
    *,
    t_ms: int,
    boot: int,
    told: Sequence[Gap] = (),
) -> None:
    """Say what was dropped: (seq, hash) ascending. Gaps dropped themselves (`told`) are told again, merged."""
    heads = dict(dropped) | {gap.last: gap.head for gap in told}
    gone = sorted({seq for seq, _ in dropped}.union(*(range(gap.first, gap.last + 1) for gap in told)))
    gaps = [Gap(t_ms, first, last, reason, heads[last]) for first, last in runs_of(gone)]
    append(db, [Entry(gap, boot, 0) for gap in gaps])
    db.execute("UPDATE chain SET dropped = dropped + ?", (len(dropped),))
