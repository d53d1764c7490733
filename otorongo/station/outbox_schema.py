"""The outbox's file: its tables, how it is opened, and how a damaged one is set aside.

Rows lie ordered by (value, seq), so that dropping the oldest rows of the least value frees whole pages of the file: on
a full card the file cannot grow, and only whole free pages take new rows.
"""

import fcntl
import functools
import logging
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Final

from otorongo.language import say
from otorongo.station.errors import OutboxError
from otorongo.wire.chain import genesis

log = logging.getLogger(__name__)

VERSION: Final = 1
BUSY_S: Final = 30.0
WAL_PAGES: Final = 64
"""The log stays near 256 kB and is written over, not grown: on a full card it must still fit into the file, with the
help of the ballast, which therefore has at least twice this size."""
ODD: Final = (TypeError, ValueError, LookupError, ArithmeticError)
"""What a value that was never written makes of a statement after SQLite has read it, or of SQLite's own message."""
_FAR: Final = 100
"""A schema so much newer is a number that the card made up."""
KEEP_ASIDE: Final = 8
"""How many damaged files are kept beside the outbox."""
WAITS: Final = ".waits"
"""Marks a file set aside whose rows are not in the new outbox yet: whoever opens that next puts them in."""
_FILES: Final = ("", "-wal", "-shm")


class Value(IntEnum):
    """What a row is worth when the card is full, from least to most; also which table key it has."""

    TELEMETRY = 0
    """Heartbeats and score tracks."""
    ORDINARY = 1
    """Animals, weather, notes."""
    KEPT = 3
    """Threat rows that the hub has committed and not yet called safe."""
    THREAT = 4
    """Threat rows without a receipt; also seals, gaps and tampering."""


SCHEMA: Final = f"""
CREATE TABLE chain (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    outbox INTEGER NOT NULL,        -- random u32, names this file for ever
    last_seq INTEGER NOT NULL,      -- never goes back, whatever is deleted
    head BLOB NOT NULL,             -- the chain's hash at last_seq
    sealed_up_to INTEGER NOT NULL,  -- last seq under a seal
    threat_closed INTEGER NOT NULL, -- seq of the last closing of a threat
    safe_up_to INTEGER NOT NULL,    -- highest mark of the hub
    hub_ms INTEGER NOT NULL,        -- newest UTC that the hub told
    dropped INTEGER NOT NULL        -- rows given up and told as gaps
);
CREATE TABLE boots (
    number INTEGER PRIMARY KEY,     -- u16: the clock domain on the wire
    key TEXT NOT NULL UNIQUE,       -- the kernel's boot id, or a replay's name
    utc0_ms INTEGER NOT NULL,
    clock INTEGER NOT NULL,
    bound_ms INTEGER NOT NULL
);
CREATE TABLE rows (
    value INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    boot INTEGER NOT NULL,
    birth INTEGER NOT NULL,         -- which birth its bundle numbers refer to; 0: the uplink's
    row BLOB NOT NULL,              -- standalone bytes
    hash BLOB NOT NULL,             -- the chain's hash at this row
    most INTEGER NOT NULL,          -- largest batch it may travel in; halved when batches fail
    tries INTEGER NOT NULL,         -- how often it failed alone
    kept_ms INTEGER NOT NULL,       -- the hub's UTC when it committed the row
    PRIMARY KEY (value, seq)
) WITHOUT ROWID;
CREATE TABLE events (               -- events without a closing
    opening INTEGER PRIMARY KEY,
    sensor INTEGER NOT NULL,
    boot INTEGER NOT NULL,
    birth INTEGER NOT NULL,
    row BLOB NOT NULL               -- their newest revision
);
CREATE TABLE media (
    seq INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    threat INTEGER NOT NULL,
    have INTEGER NOT NULL,          -- bytes that the hub has from the start
    wanted INTEGER NOT NULL
);
CREATE TABLE births (hash INTEGER PRIMARY KEY, payload BLOB NOT NULL);
CREATE TABLE moved (                -- openings of the outbox before this one, and what they are called here
    old INTEGER PRIMARY KEY,
    new INTEGER NOT NULL
);
CREATE TABLE cursors (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE forgotten (            -- runs that were committed, are gone here, and are not safe yet
    first INTEGER PRIMARY KEY,
    last INTEGER NOT NULL,
    head BLOB NOT NULL
);
CREATE TABLE poison (               -- rows that no hub would take, told as gaps, kept for the technician
    seq INTEGER PRIMARY KEY,
    boot INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    row BLOB NOT NULL
);
PRAGMA user_version = {VERSION};
"""


class Lock:
    """A lock file: who writes holds it shared, who replaces the outbox holds it alone."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)

    @contextmanager
    def hold(self, *, alone: bool = False) -> Iterator[None]:
        """Hold it for a block; not to be nested."""
        fcntl.flock(self._fd, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        try:
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go for ever."""
        os.close(self._fd)


def connect(path: Path) -> sqlite3.Connection:
    """A connection with a commit on the card behind every COMMIT; the tables are made if there are none.

    Raises sqlite3.Error, and OutboxError for a file of a newer version. Call it with the lock held alone.
    """
    db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL").fetchone()
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
        db.execute("PRAGMA cache_size = -512")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION + _FAR:
            raise damaged(say("schema {version}", version=version))
        if version > VERSION:
            raise OutboxError(
                say(
                    "{path}: made by a newer Otorongo (schema {version}): update the software",
                    path=path,
                    version=version,
                )
            )
        if version == 0:
            _create(db)
        if db.execute("SELECT outbox, last_seq, head FROM chain").fetchone() is None:
            raise damaged(say("the table chain is empty"))
    except BaseException:
        db.close()
        raise
    return db


def tables(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """Name and text of every table and index: one changed letter moves columns about, or hides a whole table."""
    return db.execute("SELECT name, coalesce(sql, '') FROM sqlite_master ORDER BY name").fetchall()


@functools.cache
def made() -> list[tuple[str, str]]:
    """What `tables` should say."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(SCHEMA)
        return tables(db)


def damaged(reason: str) -> sqlite3.DatabaseError:
    """What SQLite would raise if it saw the damage itself."""
    error = sqlite3.DatabaseError(reason)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _create(db: sqlite3.Connection) -> None:
    outbox = secrets.randbits(32)
    db.executescript(f"BEGIN IMMEDIATE; {SCHEMA}")
    db.execute("INSERT INTO chain VALUES (1, ?, 0, ?, 0, 0, 0, 0, 0)", (outbox, genesis(outbox)))
    db.execute("INSERT INTO cursors VALUES ('outbox', ?)", (str(outbox),))  # once more: a name must not change
    db.execute("COMMIT")


def set_aside(path: Path, reason: str) -> Path:
    """Move a damaged outbox out of the way, with its reason beside it; the oldest of more than eight go.

    It is marked first: a process that is killed from here on leaves its rows to the next one (`waiting`).
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    try:
        aside.with_name(aside.name + WAITS).touch()
    except OSError as error:
        log.warning("%s: cannot be marked: %s", aside, error)
    _move(path, aside)
    try:
        aside.with_name(f"{aside.name}.txt").write_text(reason + "\n")
    except OSError as error:
        log.warning("%s: its reason could not be written: %s", aside, error)
    log.error("outbox: %s; moved to %s, a new outbox begins", reason, aside)
    for old in sorted(path.parent.glob(f"{path.name}.damaged-*.txt"))[:-KEEP_ASIDE]:
        name = old.name.removesuffix(".txt")
        if old.with_name(name + WAITS).exists():
            continue
        for suffix in (".txt", *_FILES):
            old.with_name(name + suffix).unlink(missing_ok=True)
        log.warning("outbox: the oldest damaged outbox was removed: %s", name)
    return aside


def waiting(path: Path) -> list[Path]:
    """Files set aside whose rows are not in the new outbox yet, the oldest first. A move that was cut short is ended.

    Call it with the lock held alone, before the new outbox is made.
    """
    out = []
    for mark in sorted(path.parent.glob(f"{path.name}.damaged-*{WAITS}")):
        aside = mark.with_name(mark.name.removesuffix(WAITS))
        if not aside.exists():  # killed before it was moved, or somebody has taken it away
            mark.unlink(missing_ok=True)
            continue
        if not path.exists():  # what is left of the log holds its newest rows
            _move(path, aside)
        out.append(aside)
    return out


def rescued(aside: Path) -> None:
    """Its rows are in the new outbox."""
    aside.with_name(aside.name + WAITS).unlink(missing_ok=True)


def _move(path: Path, aside: Path) -> None:
    for suffix in _FILES:
        source, target = path.with_name(path.name + suffix), aside.with_name(aside.name + suffix)
        if source.exists() and not target.exists():
            source.rename(target)
