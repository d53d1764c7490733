"""Clock domains: every boot, and every replay of old recordings, has a number and a mapping to UTC."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from msgspec import Struct

from otorongo.station.errors import OutboxError
from otorongo.station.ports import UNBOUNDED_MS
from otorongo.wire.batch import Mapping
from otorongo.wire.codes import Clock

MAX_BOOT: Final = 0xFFFF
MAX_UTC0_MS: Final = 1 << 48


class AllUsed(OutboxError):
    """Every number of a clock domain is used: a new outbox must begin."""


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
    """The number of a clock domain, new or known. Raises AllUsed when there is none left.

    A number is never used for another domain, not even when no row of it is left here: the hub dates all rows of a
    number alike, also those that it received years ago.
    """
    db.execute(
        "INSERT OR IGNORE INTO boots SELECT coalesce(max(number), 0) + 1, ?, 0, ?, ? FROM boots",
        (key, int(Clock.UNSET), UNBOUNDED_MS),
    )
    number: int = db.execute("SELECT number FROM boots WHERE key = ?", (key,)).fetchone()[0]
    if number > MAX_BOOT:
        raise AllUsed(f"all {MAX_BOOT} clock domains are used")
    return number


def mapping_of(db: sqlite3.Connection, number: int) -> Mapping:
    """The best mapping of a clock domain to UTC."""
    query = "SELECT number, utc0_ms, clock, bound_ms FROM boots WHERE number = ?"
    return Mapping(*db.execute(query, (number,)).fetchone())


def mapping_or_none(domain: Domain) -> Domain | None:
    """The domain, if its mapping is one that the wire can carry: a damaged card may hold any number."""
    sound = domain.clock in set(map(int, Clock)) and 0 <= domain.utc0_ms < MAX_UTC0_MS
    return domain if sound and 0 <= domain.bound_ms <= UNBOUNDED_MS else None


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


def known_boots(path: Path) -> dict[tuple[int, int], int]:
    """UTC of boot in ms by (outbox, boot), of an outbox file, such as a copied card's; empty if it cannot be read.

    On a card that cannot be written to its log is not looked at, so that the newest boots may be missing.
    """
    query = "SELECT outbox, number, utc0_ms FROM chain, boots WHERE utc0_ms > 0"
    for how in ("mode=ro", "mode=ro&immutable=1"):
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=5)) as db:
                return {(int(outbox), int(boot)): int(utc0_ms) for outbox, boot, utc0_ms in db.execute(query)}
        except (sqlite3.Error, ValueError, TypeError):
            continue
    return {}
