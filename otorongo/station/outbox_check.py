"""Is the file what it should be? SQLite knows whether its pages hang together; this knows what must stand in them.

A card forgets bits: a page may look whole and hold a number that was never written. Plain functions inside one
transaction.
"""

import contextlib
import heapq
import itertools
import operator
import sqlite3
from collections.abc import Iterator
from typing import Final, NamedTuple

from otorongo.station.outbox_clock import MAX_BOOT, MAX_UTC0_MS
from otorongo.station.outbox_schema import Value, made, tables
from otorongo.station.ports import UNBOUNDED_MS
from otorongo.wire.batch import MAX_ROWS
from otorongo.wire.chain import genesis, link
from otorongo.wire.codes import Clock
from otorongo.wire.errors import BadBody
from otorongo.wire.rows import Gap, parse

_U32: Final = 0xFFFFFFFF
_LAST: Final = "(SELECT last_seq FROM chain)"
_BOOTS: Final = "(SELECT number FROM boots)"
_COLUMNS: Final = {
    "chain": (
        (
            f"one = 1 AND outbox BETWEEN 0 AND {_U32} AND length(head) = 32 AND safe_up_to <= last_seq AND last_seq = "  # noqa: S608
            "max(safe_up_to, (SELECT coalesce(max(seq), 0) FROM rows), (SELECT coalesce(max(last), 0) FROM forgotten)) "
            "AND CAST(outbox AS TEXT) = (SELECT coalesce(max(value), outbox) FROM cursors WHERE name = 'outbox')"
        ),
        "one outbox last_seq sealed_up_to threat_closed safe_up_to hub_ms dropped",
        "head",
    ),
    "boots": (
        (
            f"number BETWEEN 1 AND {MAX_BOOT} AND clock BETWEEN 0 AND {max(Clock):d} "
            f"AND utc0_ms < {MAX_UTC0_MS} AND bound_ms <= {UNBOUNDED_MS}"
        ),
        "number utc0_ms clock bound_ms",
        "-key",
    ),
    "rows": (
        (
            f"value IN (0, 1, 3, 4) AND seq BETWEEN 1 AND {_LAST} AND birth BETWEEN 0 AND {_U32} "
            f"AND boot IN {_BOOTS} AND most BETWEEN 1 AND {MAX_ROWS} AND length(hash) = 32"
        ),
        "value seq boot birth most tries kept_ms",
        "row hash",
    ),
    "events": (f"boot IN {_BOOTS}", "opening sensor boot birth", "row"),
    "media": ("seq != 0", "seq bytes threat have wanted", "-path"),
    "births": (f"hash BETWEEN 0 AND {_U32}", "hash", "payload"),
    "moved": ("true", "old new", ""),
    "cursors": ("true", "", "-name -value"),
    "forgotten": ("length(head) = 32", "first last", "head"),
    "poison": ("true", "seq boot reason", "row"),
}
"""Of each table: what holds for every line, its integers (none below 0, but for media of an older outbox), and its
bytes or, with a dash, texts."""


def damage(db: sqlite3.Connection) -> str:
    """What is wrong with the file, or nothing. Raises sqlite3.Error where a page cannot be read."""
    # Not quick_check: it passes over rows that are out of order, which no query would ever find again.
    found: str = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        return found
    if tables(db) != made():
        return "the tables are not those that were made"
    if db.execute("SELECT count(*) FROM chain").fetchone()[0] != 1:
        return "the table chain has not one line"
    for table, (rule, numbers, others) in _COLUMNS.items():
        holds = [rule]
        holds += [f"typeof({name}) = 'integer'" for name in numbers.split()]
        holds += [f"{name} >= 0" for name in numbers.split() if (table, name) != ("media", "seq")]
        for name in others.split():
            holds.append(f"typeof({name.lstrip('-')}) = '{'text' if name.startswith('-') else 'blob'}'")
        query = f"SELECT count(*) FROM {table} WHERE ({' AND '.join(f'({one})' for one in holds)}) IS NOT TRUE"  # noqa: S608
        wrong = db.execute(query).fetchone()[0]
        if wrong:
            return f"{wrong} lines of the table {table} hold what was never written"
        for name in [name[1:] for name in others.split() if name.startswith("-")]:
            for (raw,) in db.execute(f"SELECT CAST({name} AS BLOB) FROM {table}"):  # noqa: S608
                if not _is_text(raw):
                    return f"a text in the table {table} is none: {raw[:40]!r}"
    missing = _missing(db)
    return f"row {missing} is not there, and nothing says why" if missing else ""


def _missing(db: sqlite3.Connection) -> int:
    """The first seq that is neither here, nor at the hub, nor told in a gap; 0: there is none."""
    safe_up_to, last_seq = db.execute("SELECT safe_up_to, last_seq FROM chain").fetchone()
    runs = db.execute("SELECT first, last FROM forgotten").fetchall() + [(gap.first, gap.last) for gap in _gaps(db)]
    here = ((seq, seq) for _, seq, *_ in _rows(db))
    at: int = safe_up_to
    for first, last in heapq.merge(sorted(runs), here, [(last_seq + 1, last_seq + 1)]):
        if first > at + 1:
            return at + 1
        at = max(at, last)
    return 0


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


class Mending(NamedTuple):
    """What a walk along the chain has found."""

    outbox: int
    spoilt: list[int]
    """Rows whose bytes are not those that were chained."""
    hashes: list[tuple[bytes, int, int]]
    """Hash, value and seq of rows whose hash is wrong itself, between rows that are right."""
    end: tuple[int, bytes] | None
    """The last seq, and the hash that the chain has there; None: that is not known."""


def follow_chain(db: sqlite3.Connection) -> Mending:
    """Follow the chain over the rows that lie here. It only reads: a year of rows takes a small Pi a while.

    A row whose predecessor is gone, and told in no gap, cannot be judged; what the hub has already is not looked at.
    """
    outbox, last_seq, end = db.execute("SELECT outbox, last_seq, head FROM chain").fetchone()
    heads = {0: genesis(outbox)} | dict(db.execute("SELECT last, head FROM forgotten").fetchall())
    heads |= {gap.last: gap.head for gap in _gaps(db)}
    spoilt, mended, before = [], [], (0, heads[0])
    for (value, seq, boot, raw, digest), after in itertools.pairwise(itertools.chain(_rows(db), [None])):  # type: ignore[misc]
        head = before[1] if before[0] == seq - 1 else heads.get(seq - 1)
        if head is not None and (made := link(head, seq, boot, raw)) != digest:
            if _holds(made, seq, after, end if seq == last_seq else None):
                digest = made  # noqa: PLW2901
                mended.append((made, value, seq))
            elif value != Value.KEPT:
                spoilt.append(seq)
        before = (seq, digest)
    if before[0] < last_seq and last_seq in heads:
        before = (last_seq, heads[last_seq])
    sure = before[0] == last_seq and last_seq not in spoilt and before[1] != end
    return Mending(outbox, spoilt, mended, before if sure else None)


def mend(db: sqlite3.Connection, found: Mending) -> list[int]:
    """Write wrong hashes anew; returns the spoilt rows. What was written since the walk stays as it is."""
    if db.execute("SELECT outbox FROM chain").fetchone()[0] != found.outbox:
        return []
    db.executemany("UPDATE rows SET hash = ? WHERE value = ? AND seq = ?", found.hashes)
    if found.end:
        db.execute("UPDATE chain SET head = ? WHERE last_seq = ?", found.end[::-1])
    return found.spoilt


_Line = tuple[int, int, int, bytes, bytes]


def _rows(db: sqlite3.Connection) -> Iterator[_Line]:
    """All rows (value, seq, boot, row, hash) by seq, without holding them: there may be a year of them."""
    query = "SELECT value, seq, boot, row, hash FROM rows WHERE value = ? ORDER BY seq"
    return heapq.merge(*(db.execute(query, (value,)) for value in Value), key=operator.itemgetter(1))


def _holds(made: bytes, seq: int, after: _Line | None, end: bytes | None) -> bool:
    """Whether what follows was chained to this hash."""
    if after is None or after[1] != seq + 1:
        return made == end
    _, _, boot, raw, digest = after
    return link(made, seq + 1, boot, raw) == digest


def _gaps(db: sqlite3.Connection) -> Iterator[Gap]:
    """What was dropped and told."""
    for (raw,) in db.execute("SELECT row FROM rows WHERE value IN (?, ?)", (Value.THREAT, Value.KEPT)):
        with contextlib.suppress(BadBody):
            row = parse(raw)
            if isinstance(row, Gap):
                yield row
