"""Statements that make, check and remember backups."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import func, inspect, select, text, update

from otorongo.hub.db import backups, metadata, outboxes, spans
from otorongo.hub.store import Found, Store, Tx, found

Mark = tuple[str, int, int]
"""Station, outbox, and the seq up to which every row is committed."""
COUNTED: Final = ("records", "events", "spans", "media", "alerts", "alert_log", "deliveries", "users")


def marks_of(tx: Tx) -> list[Mark]:
    """How far each outbox is whole."""
    statement = select(spans.c.station, spans.c.outbox, spans.c.last).where(spans.c.kept.is_(False), spans.c.first <= 1)
    rows = tx.execute(statement.order_by(spans.c.station, spans.c.outbox))
    return [(station, int(outbox), int(last)) for station, outbox, last in rows]


def counts_of(tx: Tx) -> dict[str, int]:
    """How many rows some tables have."""
    tables = [metadata.tables[name] for name in COUNTED]
    return {table.name: int(tx.execute(select(func.count()).select_from(table)).scalar_one()) for table in tables}


def sqlite_faults(tx: Tx) -> str:
    """What SQLite finds wrong with its file; empty: nothing."""
    told = list(tx.execute(text("PRAGMA integrity_check")).scalars())
    return "" if told == ["ok"] else "; ".join(map(str, told[:5]))


def postgres_snapshot(tx: Tx) -> str:
    """Name of what this transaction sees, for pg_dump to see the same."""
    return str(tx.execute(select(func.pg_export_snapshot())).scalar_one())


def is_empty(store: Store) -> bool:
    """True if the database has no tables at all."""
    return not inspect(store.engine).get_table_names()


def add_backup(tx: Tx, path: str, made_ms: int, verified_ms: int, marks: Sequence[Mark]) -> None:
    """Remember a verified backup, and that what it holds is safe."""
    row = {"path": path, "made_ms": made_ms, "verified_ms": verified_ms, "marks": [list(mark) for mark in marks]}
    tx.execute(backups.insert().values(row))
    for station, outbox, mark in marks:
        where = (outboxes.c.station == station) & (outboxes.c.outbox == outbox) & (outboxes.c.safe_up_to < mark)
        tx.execute(update(outboxes).where(where).values(safe_up_to=mark))


def newest_backup(tx: Tx) -> Found | None:
    """The backup verified last."""
    return found(tx, select(backups).order_by(backups.c.id.desc()).limit(1))
