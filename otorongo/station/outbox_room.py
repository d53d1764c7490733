"""Room on a full card: the ballast is given back, evidence goes before records, low value before high.

On a full card even DELETE fails, because it must write too. A file of nothing, the ballast, is deleted first; what is
dropped then leaves free pages in the outbox, and the ballast is made again from what room there is.
"""

import logging
import os
import sqlite3
from pathlib import Path
from typing import Final

from otorongo.station.outbox_schema import Value
from otorongo.station.outbox_write import tell_gaps
from otorongo.wire.codes import GapReason
from otorongo.wire.errors import BadBody
from otorongo.wire.rows import Gap, parse

log = logging.getLogger(__name__)

BALLAST_BYTES: Final = 4 * 1024 * 1024
DROP_BYTES: Final = 64 * 1024
"""How much of the rows is dropped at a time."""
_ROW_OVERHEAD: Final = 64
_SPARE: Final = 4
"""A new ballast leaves a fourth of the room free, so that the log of the database may grow."""
DAY_MS: Final = 86_400_000


class Ballast:
    """A preallocated file whose deletion makes room."""

    def __init__(self, path: Path, size: int = BALLAST_BYTES) -> None:
        self.path = path
        self.size = size

    def give_back(self) -> int:
        """Delete it; returns the bytes that this frees."""
        try:
            size = self.path.stat().st_blocks * 512
            self.path.unlink()
        except FileNotFoundError:
            return 0
        log.warning("outbox: the card is full: %d kB of ballast given back", size // 1024)
        return size

    def restore(self) -> bool:
        """Make it again, as large as there is room for; returns whether it has its full size."""
        have = self.path.stat().st_size if self.path.exists() else 0
        if have >= self.size:
            return True
        room = os.statvfs(self.path.parent)
        free = room.f_bavail * room.f_frsize + have
        size = min(self.size, free - free // _SPARE)
        if size <= have or size < self.size // 8:
            return False
        try:
            fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                os.posix_fallocate(fd, 0, size)
            finally:
                os.close(fd)
        except OSError as error:
            log.warning("outbox: no ballast: %s: %s", self.path, error)
            self.path.unlink(missing_ok=True)
            return False
        return size == self.size


def drop_rows(db: sqlite3.Connection, *, want_bytes: int, keep_days: int, t_ms: int, boot: int) -> int:
    """Drop the oldest rows of the least value until about `want_bytes` are gone; returns how many rows.

    Rows that the hub has committed go without a word, the others are told in gaps. Threats without a receipt go only
    when nothing else was left to drop. Inside one transaction.
    """
    hub_ms, safe_up_to = db.execute("SELECT hub_ms, safe_up_to FROM chain").fetchone()
    rows, freed = _forget_kept(db, want_bytes, before_ms=hub_ms - keep_days * DAY_MS)
    for value in (Value.TELEMETRY, Value.ORDINARY):
        if freed < want_bytes:
            more, room = _drop_value(db, value, want_bytes - freed, t_ms, boot)
            rows, freed = rows + more, freed + room
    if freed < want_bytes:
        more, room = _forget_kept(db, want_bytes - freed, before_ms=None)
        rows, freed = rows + more, freed + room
    if not rows:
        rows, freed = _drop_value(db, Value.THREAT, want_bytes, t_ms, boot)
    if rows:
        log.warning("outbox: the card is full: %d rows dropped (safe up to %d)", rows, safe_up_to)
    return rows


def _take(
    db: sqlite3.Connection, query: str, want: int, *, gaps: bool = True
) -> tuple[list[tuple[int, bytes, bytes]], int]:
    """The first rows of a query (seq, row, hash) that make up `want` bytes, and their bytes."""
    taken: list[tuple[int, bytes, bytes]] = []
    size = 0
    for seq, row, digest in db.execute(query):
        if size >= want:
            break
        if not gaps and _gap(row) is not None:
            continue
        taken.append((seq, row, digest))
        size += len(row) + _ROW_OVERHEAD
    return taken, size


def _drop_value(db: sqlite3.Connection, value: Value, want: int, t_ms: int, boot: int) -> tuple[int, int]:
    taken, size = _take(db, f"SELECT seq, row, hash FROM rows WHERE value = {value:d} ORDER BY seq", want)  # noqa: S608
    told = [gap for _, row, _ in taken if (gap := _gap(row)) is not None]
    if not taken or len(taken) == len(told) == 1:
        return 0, 0  # a lone gap told again wins nothing
    db.executemany("DELETE FROM rows WHERE value = ? AND seq = ?", [(value, seq) for seq, _, _ in taken])
    dropped = [(seq, digest) for seq, _, digest in taken]
    tell_gaps(db, dropped, GapReason.DISK_FULL, t_ms=t_ms, boot=boot, told=told)
    return len(taken), size


def _gap(row: bytes) -> Gap | None:
    try:
        known = parse(row)
    except BadBody:
        return None
    return known if isinstance(known, Gap) else None


def _forget_kept(db: sqlite3.Connection, want: int, before_ms: int | None) -> tuple[int, int]:
    """Forget rows that the hub has committed but not called safe; gaps stay, for they tell what else is not here."""
    age = "" if before_ms is None else f"AND kept_ms < {before_ms:d}"
    query = f"SELECT seq, row, hash FROM rows WHERE value = {Value.KEPT:d} {age} ORDER BY seq"  # noqa: S608
    taken, size = _take(db, query, want, gaps=False)
    db.executemany("DELETE FROM rows WHERE value = ? AND seq = ?", [(Value.KEPT, seq) for seq, _, _ in taken])
    for seq, _, digest in taken:
        remember_forgotten(db, seq, seq, digest)
    return len(taken), size


def remember_forgotten(db: sqlite3.Connection, first: int, last: int, head: bytes) -> None:
    """Note a run that the hub has and the card no longer has, joined to its neighbours."""
    before = db.execute("SELECT first FROM forgotten WHERE last = ?", (first - 1,)).fetchone()
    after = db.execute("SELECT last, head FROM forgotten WHERE first = ?", (last + 1,)).fetchone()
    if before:
        db.execute("DELETE FROM forgotten WHERE first = ?", before)
        first = before[0]
    if after:
        db.execute("DELETE FROM forgotten WHERE first = ?", (last + 1,))
        last, head = after
    db.execute("INSERT OR REPLACE INTO forgotten VALUES (?, ?, ?)", (first, last, head))


def free_media(db: sqlite3.Connection, root: Path, want_bytes: int, *, pinned: bool = False) -> int:
    """Delete evidence files until `want_bytes` are free: ordinary before threats, what the hub has before the rest.

    A threat's evidence is pinned until the hub has it whole and its row is safe; `pinned` lets it go all the same.
    Returns the bytes freed.
    """
    safe = db.execute("SELECT safe_up_to FROM chain").fetchone()[0]
    query = (
        "SELECT path, bytes FROM media WHERE ? OR threat = 0 OR (have >= bytes AND seq <= ?) "
        "ORDER BY threat, have < bytes, seq"
    )
    freed = 0
    for path, size in db.execute(query, (pinned, safe)).fetchall():
        if freed >= want_bytes:
            break
        try:
            (root / path).unlink()
            freed += size
        except OSError:
            continue
    if freed:
        log.warning("outbox: the card is full: %d kB of evidence deleted", freed // 1024)
    return freed


def sweep_media(db: sqlite3.Connection, root: Path) -> int:
    """Forget evidence whose file is gone; returns how many. Inside one transaction."""
    gone = [(seq,) for seq, path in db.execute("SELECT seq, path FROM media") if not (root / path).exists()]
    db.executemany("DELETE FROM media WHERE seq = ?", gone)
    return len(gone)
