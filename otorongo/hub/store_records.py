"""Statements on outboxes, the seqs they hold, boots and records: what a batch writes first."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal

from msgspec import structs
from sqlalchemy import ColumnElement, Select, and_, bindparam, func, literal_column, select, update

from otorongo.hub.dating import Boot
from otorongo.hub.db import boots, gaps, outboxes, records, seals, spans
from otorongo.hub.store import Found, Tx, Values, found, insert_new, listed, put
from otorongo.wire.batch import Runs
from otorongo.wire.rows import ROW_TYPES, Row, Track

BoxKey = tuple[str, int]
"""Station and outbox."""

_MOST: Final = 0x7FFFFFFFFFFFFFFF

_OWN = (spans.c.station == bindparam("s"), spans.c.outbox == bindparam("o"), spans.c.kept == bindparam("k"))
_NEAR = select(spans.c.first, spans.c.last).where(
    *_OWN, spans.c.first <= bindparam("b"), spans.c.last >= bindparam("a")
)
_LOWEST = (
    select(spans.c.first, spans.c.last)
    .where(*_OWN, spans.c.last > bindparam("a"))
    .order_by(spans.c.first)
    .limit(bindparam("n"))
)
_FORGET = spans.delete().where(*_OWN, spans.c.first == bindparam("a"))
_STRETCH = spans.update().where(*_OWN, spans.c.first == bindparam("a")).values(last=bindparam("b"))
_OUTBOX = select(outboxes).where(outboxes.c.station == bindparam("s"), outboxes.c.outbox == bindparam("o"))
_ALL_BOOTS = (
    select(*(boots.c[name] for name in Boot.__struct_fields__))
    .where(boots.c.station == bindparam("s"), boots.c.outbox == bindparam("o"))
    .order_by(boots.c.boot)
)
_SOME_BOOTS = _ALL_BOOTS.where(boots.c.boot.in_(bindparam("n", expanding=True)) | (boots.c.clock == 0))
_WAITING = (
    select(seals.c.station, seals.c.outbox)
    .where(seals.c.state == "waiting")
    .distinct()
    .order_by(seals.c.station, seals.c.outbox)
)
_WAITING_OF = (
    select(seals)
    .where(seals.c.state == "waiting", seals.c.station == bindparam("s"), seals.c.outbox == bindparam("o"))
    .where(seals.c.up_to <= bindparam("u"))
    .order_by(seals.c.up_to, seals.c.seq)
    .limit(bindparam("n"))
)
_HEARD = (
    outboxes.update()
    .where(outboxes.c.station == bindparam("s"), outboxes.c.outbox == bindparam("o"))
    .values(last_received_ms=bindparam("now"))
)


def outbox(tx: Tx, key: BoxKey) -> Found | None:
    """One outbox."""
    return found(tx, _OUTBOX, {"s": key[0], "o": key[1]})


def add_outbox(tx: Tx, key: BoxKey, now_ms: int) -> list[int]:
    """Begin an outbox; the others of its station that were open and are now lost."""
    station, number = key
    mine = (outboxes.c.station == station) & (outboxes.c.outbox != number) & (outboxes.c.state == "open")
    lost = list(tx.execute(select(outboxes.c.outbox).where(mine).order_by(outboxes.c.outbox)).scalars())
    tx.execute(update(outboxes).where(mine).values(state="lost"))
    heard = {"first_received_ms": now_ms, "last_received_ms": now_ms}
    tx.execute(outboxes.insert().values(station=station, outbox=number, kept=False, **heard))
    return lost


def set_outbox(tx: Tx, key: BoxKey, **columns: Any) -> None:
    """Set columns of an outbox."""
    where = (outboxes.c.station == key[0]) & (outboxes.c.outbox == key[1])
    tx.execute(update(outboxes).where(where).values(**columns))


def heard_outbox(tx: Tx, key: BoxKey, now_ms: int) -> None:
    """Say that an outbox sent something."""
    tx.execute(_HEARD, {"s": key[0], "o": key[1], "now": now_ms})


def outboxes_of(tx: Tx, station: str | None = None) -> list[Found]:
    """Every outbox, or those of one station, by the time they were first heard."""
    statement = select(outboxes) if station is None else select(outboxes).where(outboxes.c.station == station)
    return listed(tx, statement.order_by(outboxes.c.station, outboxes.c.first_received_ms, outboxes.c.outbox))


def add_spans(tx: Tx, key: BoxKey, runs: Runs, *, kept: bool = False) -> list[tuple[int, int]]:
    """Note that the hub has these seqs; those of them that were noted before.

    `runs` are ascending and apart. What touches is merged, so that an outbox without holes is one span.
    """
    before: list[tuple[int, int]] = []
    for first, last in runs:
        near = _near(tx, key, first - 1, last + 1, kept)
        before += [(max(a, first), min(b, last)) for a, b in near if a <= last and b >= first]
        start, end = min(first, *(a for a, _ in near), first), max(last, *(b for _, b in near), last)
        if near and near[0] == (start, end):
            continue
        _replace(tx, key, near, [(start, end)], kept)
    return before


def take_spans(tx: Tx, key: BoxKey, runs: Runs, *, kept: bool) -> None:
    """Note that these seqs are no longer so."""
    for first, last in runs:
        near = _near(tx, key, first, last, kept)
        rest = [part for a, b in near for part in ((a, first - 1), (last + 1, b)) if part[0] <= part[1]]
        _replace(tx, key, near, rest, kept)


def spans_in(tx: Tx, key: BoxKey, first: int, last: int, *, kept: bool = False) -> list[tuple[int, int]]:
    """The parts of a range of seqs that the hub has, ascending."""
    return [(max(a, first), min(b, last)) for a, b in _near(tx, key, first, last, kept)]


def _near(tx: Tx, key: BoxKey, first: int, last: int, kept: bool) -> list[tuple[int, int]]:
    rows = tx.execute(_NEAR, {"s": key[0], "o": key[1], "k": kept, "a": first, "b": min(last, _MOST)})
    return sorted((a, b) for a, b in rows)


def _replace(tx: Tx, key: BoxKey, old: list[tuple[int, int]], new: list[tuple[int, int]], kept: bool) -> None:
    own = {"s": key[0], "o": key[1], "k": kept}
    starts = {first for first, _ in old}
    for first in starts - {first for first, _ in new}:
        tx.execute(_FORGET, {**own, "a": first})
    for first, last in new:
        if first in starts:
            tx.execute(_STRETCH, {**own, "a": first, "b": last})
        else:
            row = {"station": key[0], "outbox": key[1], "kept": kept, "first": first, "last": last}
            tx.execute(spans.insert(), row)


def lowest_spans(tx: Tx, key: BoxKey, limit: int, *, above: int = 0, kept: bool = False) -> list[tuple[int, int]]:
    """The lowest spans of seqs that the hub has of an outbox and that reach above a seq."""
    rows = tx.execute(_LOWEST, {"s": key[0], "o": key[1], "k": kept, "a": above, "n": limit})
    return [(first, last) for first, last in rows]


def up_to(tx: Tx, key: BoxKey) -> int:
    """Every seq of an outbox up to here is committed, or told as a gap; 0: not even the first."""
    lowest = lowest_spans(tx, key, 1)
    return lowest[0][1] if lowest and lowest[0][0] <= 1 else 0


def rows_at(tx: Tx, key: BoxKey, seqs: Sequence[int]) -> dict[int, bytes]:
    """The bytes of those of these rows that are committed."""
    where = (records.c.station == key[0]) & (records.c.outbox == key[1]) & records.c.seq.in_(seqs)
    return {int(seq): bytes(row) for seq, row in tx.execute(select(records.c.seq, records.c.row).where(where))}


def add_records(tx: Tx, rows: Sequence[Values]) -> None:
    """Commit rows that are not there yet."""
    if rows:
        insert_new(tx, records, rows)


def records_from(tx: Tx, key: BoxKey, first: int, last: int) -> Iterator[tuple[int, int, bytes]]:
    """(seq, boot, row) of an outbox's committed rows in a range, ascending, read as they are used."""
    where = (records.c.station == key[0]) & (records.c.outbox == key[1]) & records.c.seq.between(first, last)
    statement = select(records.c.seq, records.c.boot, records.c.row).where(where).order_by(records.c.seq)
    for part in tx.execute(statement).partitions(1000):
        for seq, boot, row in part:
            yield int(seq), int(boot), bytes(row)


def told_between(
    tx: Tx, station: str, row_type: Literal[2, 9, 11], from_ms: int, to_ms: int, *, limit: int = 1000
) -> list[Found]:
    """A station's heartbeats (2), hours of listening (9) or of seeing (11) received in a period, newest first.

    They are committed rows with `utc_ms` and `bound_ms`.
    """
    where: list[ColumnElement[bool]] = [
        literal_column(f"records.type = {row_type:d}"),  # written out, so that the index on these alone is used
        records.c.station == station,
        records.c.received_ms >= from_ms,
        records.c.received_ms < to_ms,
    ]
    return listed(tx, _dated().where(*where).order_by(records.c.received_ms.desc(), records.c.seq.desc()).limit(limit))


def tracks_of(tx: Tx, key: BoxKey, first: int, last: int) -> list[Found]:
    """Committed score tracks between two seqs, as rows with `utc_ms`."""
    return rows_between(tx, key, Track, first, last)


def rows_between(tx: Tx, key: BoxKey, kind: type[Row], first: int, last: int) -> list[Found]:
    """Committed rows of one kind between two seqs, with `utc_ms`; no database can be asked for one beyond the last."""
    span = records.c.seq.between(first, min(last, _MOST))
    where = (records.c.station == key[0], records.c.outbox == key[1], span)
    tag = next(tag for tag, known in ROW_TYPES.items() if known is kind)
    return listed(tx, _dated().where(*where, records.c.type == tag).order_by(records.c.seq))


def _dated() -> "Select[Any]":
    same = [records.c[name] == boots.c[name] for name in ("station", "outbox", "boot")]
    utc = (boots.c.utc0_ms + records.c.t_ms).label("utc_ms")
    return select(records, utc, boots.c.bound_ms).join_from(records, boots, and_(*same))


def count_records(tx: Tx, key: BoxKey | None = None) -> int:
    """How many rows are committed, in all or of one outbox."""
    statement = select(func.count()).select_from(records)
    if key is not None:
        statement = statement.where(records.c.station == key[0], records.c.outbox == key[1])
    return int(tx.execute(statement).scalar_one())


def boots_of(tx: Tx, key: BoxKey, numbers: Iterable[int] | None = None) -> list[Boot]:
    """The boots of an outbox: all of them, or these and those that never had a clock."""
    if numbers is None:
        rows = tx.execute(_ALL_BOOTS, {"s": key[0], "o": key[1]})
    else:
        rows = tx.execute(_SOME_BOOTS, {"s": key[0], "o": key[1], "n": list(numbers)})
    return [Boot(*row) for row in rows]


def put_boot(tx: Tx, key: BoxKey, boot: Boot) -> None:
    """Keep what is known of a boot."""
    put(tx, boots, {"station": key[0], "outbox": key[1], **structs.asdict(boot)})


def add_gaps(tx: Tx, rows: Sequence[Values]) -> int:
    """Remember what a station had to drop; how many were new."""
    return insert_new(tx, gaps, rows)


def gaps_of(tx: Tx, key: BoxKey) -> list[Found]:
    """What an outbox had to drop, by seq."""
    where = (gaps.c.station == key[0]) & (gaps.c.outbox == key[1])
    return listed(tx, select(gaps).where(where).order_by(gaps.c.first, gaps.c.seq))


def add_seals(tx: Tx, rows: Sequence[Values]) -> int:
    """Remember seals; how many were new."""
    return insert_new(tx, seals, [{"state": "waiting", **row} for row in rows])


def outboxes_waiting(tx: Tx) -> list[BoxKey]:
    """The outboxes that have seals not looked at yet."""
    return [(station, outbox) for station, outbox in tx.execute(_WAITING)]


def seals_waiting(tx: Tx, key: BoxKey, up_to: int = _MOST, *, limit: int = 500) -> list[Found]:
    """Seals of an outbox not looked at yet, over rows up to a seq, lowest first."""
    return listed(tx, _WAITING_OF, {"s": key[0], "o": key[1], "u": up_to, "n": limit})


def verified_below(tx: Tx, key: BoxKey, up_to: int) -> tuple[int, bytes] | None:
    """The highest seq up to `up_to` at which a seal holds, and the chain's head there."""
    where = (seals.c.station == key[0], seals.c.outbox == key[1], seals.c.state == "verified", seals.c.up_to <= up_to)
    row = tx.execute(select(seals.c.up_to, seals.c.head).where(*where).order_by(seals.c.up_to.desc()).limit(1)).first()
    return None if row is None else (int(row[0]), bytes(row[1]))


def judge_seal(tx: Tx, key: BoxKey, seq: int, state: str, fault: str) -> None:
    """Say of a seal that it is verified, or broken and why."""
    where = (seals.c.station == key[0]) & (seals.c.outbox == key[1]) & (seals.c.seq == seq)
    tx.execute(update(seals).where(where).values(state=state, fault=fault))


def seals_of(tx: Tx, station: str, *, limit: int = 50) -> list[Found]:
    """A station's seals, newest first."""
    statement = select(seals).where(seals.c.station == station)
    return listed(tx, statement.order_by(seals.c.received_ms.desc(), seals.c.seq.desc()).limit(limit))
