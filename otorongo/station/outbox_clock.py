"""Clock domains: every boot, and every replay of old recordings, has a number and a mapping to UTC."""

import sqlite3
from typing import Final

from msgspec import Struct

from otorongo.station.errors import OutboxError
from otorongo.station.ports import UNBOUNDED_MS
from otorongo.wire.batch import Mapping
from otorongo.wire.codes import Clock

MAX_BOOT: Final = 0xFFFF


class Domain(Struct, frozen=True):
    """A clock domain of an outbox."""

    number: int
    key: str
    """The kernel's boot id, or a replay's name."""
    utc0_ms: int
    """UTC at 0 ms of this domain; 0: not known."""
    clock: int
    """`codes.Clock`: what the mapping rests on."""
    bound_ms: int


def number_of(db: sqlite3.Connection, key: str) -> int:
    """The number of a clock domain, new or known. Raises OutboxError when all are used."""
    db.execute(
        "INSERT OR IGNORE INTO boots SELECT coalesce(max(number), 0) + 1, ?, 0, ?, ? FROM boots",
        (key, int(Clock.UNSET), UNBOUNDED_MS),
    )
    number: int = db.execute("SELECT number FROM boots WHERE key = ?", (key,)).fetchone()[0]
    if number > MAX_BOOT:
        raise OutboxError(f"all {MAX_BOOT} clock domains are used: move outbox.db away, a new one begins")
    return number


def mapping_of(db: sqlite3.Connection, number: int) -> Mapping:
    """The best mapping of a clock domain to UTC."""
    query = "SELECT number, utc0_ms, clock, bound_ms FROM boots WHERE number = ?"
    return Mapping(*db.execute(query, (number,)).fetchone())


def keep_better(db: sqlite3.Connection, domain: Domain) -> bool:
    """Keep the mapping if it is better than the one known; returns whether it was.

    A better source wins, then a smaller bound; an equal one wins only where it disagrees by more than the bound.
    """
    had = mapping_of(db, domain.number)
    better = (domain.clock, -domain.bound_ms) > (had.clock, -had.bound_ms)
    same = (domain.clock, domain.bound_ms) == (had.clock, had.bound_ms)
    if not better and not (same and abs(domain.utc0_ms - had.utc0_ms) > domain.bound_ms):
        return False
    db.execute(
        "UPDATE boots SET utc0_ms = ?, clock = ?, bound_ms = ? WHERE number = ?",
        (domain.utc0_ms, domain.clock, domain.bound_ms, domain.number),
    )
    return True
