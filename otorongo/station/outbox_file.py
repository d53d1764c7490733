"""The outbox's file under one process: transactions that survive a full card, a damaged file, and its replacement.

Every transaction holds the lock file shared and looks whether the file is still the one it opened; who replaces a
damaged file holds the lock alone. So no row is written into a file that was moved away.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Final, TypeVar

from otorongo.language import say
from otorongo.station.errors import OutboxError, OutboxFull
from otorongo.station.outbox_check import Mending, damage, follow_chain, mend
from otorongo.station.outbox_room import DROP_BYTES, Ballast, drop_rows, free_media, sweep_media
from otorongo.station.outbox_salvage import adopt, adopt_files, salvage
from otorongo.station.outbox_schema import ODD, Lock, connect, damaged, rescued, set_aside, waiting

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_ROUNDS: Final = 12
_MIN_PAGES: Final = 32
"""A new outbox on a card that is full already may grow so far: a few hundred rows."""
_SLACK_PAGES: Final = 8
_ROW_FOLLOWS_S: Final = 60.0
"""So soon after a file of evidence its row is put."""
_NO_LIMIT: Final = 0xFFFFFFFE
_FULL: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE)
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH)
"""The last two: a number was used before, or is none; this program writes neither."""


class OutboxFile:
    """A SQLite file, its lock and its ballast."""

    def __init__(self, path: Path, ballast_bytes: int, keep_days: int, t_ms: Callable[[], int]) -> None:
        self.path = path
        self.t_ms = t_ms
        self.mutex = threading.RLock()
        self.ballast = Ballast(path.with_name(path.name + ".ballast"), ballast_bytes)
        self.replaced = False
        """This process has seen its outbox replaced: the numbers of older events mean nothing in the new one."""
        self.on_attach: Callable[[], int] = lambda: 0
        """Called with the new file after a replacement: makes the clock domains again, returns this boot's number."""
        self._keep_days = keep_days
        self._lock = Lock(path.with_name(path.name + ".lock"))
        self._inode = 0
        self._boot = 0
        self._capped = False
        self._db = self._connect()
        self.restore_ballast()

    def begin(self) -> None:
        """Make the clock domains: rows that tell of gaps need a boot to be dated in."""
        self._boot = self.on_attach()

    def close(self) -> None:
        """Close the connection; what was committed stays."""
        with self.mutex:
            self._db.close()
            self._lock.close()

    def changes(self) -> tuple[int, int]:
        """Which file it is, and a number that moves when another connection has committed into it."""
        with self.mutex:
            return self._inode, self._pragma("data_version")

    def _pragma(self, text: str) -> int:
        try:
            value: int = self._db.execute(f"PRAGMA {text}").fetchone()[0]
        except sqlite3.Error as error:
            raise OutboxError(say("outbox {path}: {error}", path=self.path, error=error)) from error
        return value

    def check(self) -> list[int]:
        """Read the whole file, and replace it if it is damaged; returns rows that are not what was chained.

        Meanwhile others may write, and open the file. Once is enough: what is wrong with a new file, too, is told and
        borne, lest one replacement follow the other.
        """
        told = ""

        def work(db: sqlite3.Connection) -> Mending:
            nonlocal told
            found = damage(db)
            if found and not told:
                told = found
                raise damaged(found)
            if found:
                log.error("outbox %s: the new file is not sound either: %s", self.path, found)
            return follow_chain(db)

        found = self._run(work, "BEGIN", locked=False)
        return self.write(lambda db: mend(db, found)) if found.spoilt or found.hashes or found.end else []

    def read(self, work: Work[T]) -> T:
        """Run a reader."""
        return self._run(work, "BEGIN")

    def write(self, work: Work[T]) -> T:
        """Run a writer in one transaction; on return it is on the card.

        Raises OutboxFull if the card is full and nothing may be dropped any more, OutboxError for any other fault.
        """
        return self._run(work, "BEGIN IMMEDIATE")

    def replace(self, reason: str) -> None:
        """Set the file aside, begin a new one, and put into it what can be saved. Raises OutboxError, OutboxFull."""
        try:
            with self.mutex:
                with self._lock.hold(alone=True):
                    mine = self._is_mine()
                    self._db.close()
                    if mine:
                        set_aside(self.path, f"outbox {self.path}: {reason}")
                    self._attach()
                self._renew()
        except sqlite3.Error as error:
            kind = OutboxFull if _is_full(getattr(error, "sqlite_errorcode", 0)) else OutboxError
            raise kind(say("outbox {path}: {error}", path=self.path, error=error)) from error

    def make_room(self, turn: int = 0) -> bool:
        """Free room on the card: ballast, evidence, then rows of little value; returns whether anything was freed."""
        with self.mutex:
            if self._capped and self.restore_ballast():
                return True  # somebody else has made room
            freed = self._free(turn)
            self.restore_ballast()
            return freed

    def restore_ballast(self) -> bool:
        """Make the ballast again; until it has its full size the file must not grow. Returns whether it has."""
        whole = self.ballast.restore()
        with self.mutex:
            most = _NO_LIMIT if whole else max(self._pragma("page_count"), _MIN_PAGES)
            self._pragma(f"max_page_count = {most:d}")
            self._capped = not whole
        return whole

    def _free(self, turn: int) -> bool:
        """One turn of freeing; from the second on, what is dear goes too."""
        freed = (turn > 0 or not self._capped) and self.ballast.give_back() > 0
        # To drop rows is to write: deleting may split a page, and the gap must be told.
        self._pragma(f"max_page_count = {self._pragma('page_count') + _SLACK_PAGES:d}")
        try:
            media = free_media(self._db, self.path.parent, self.ballast.size, pinned=turn > 2)
            freed = freed or media > 0
            with self._lock.hold():
                if not media or turn:
                    freed = self._transaction(self._drop, "BEGIN IMMEDIATE") > 0 or freed
                self._transaction(lambda db: sweep_media(db, self.path.parent), "BEGIN IMMEDIATE")
                self._restart_log()
        except sqlite3.Error as error:
            log.warning("outbox: making room: %s", error)
            # While somebody reads, the log cannot be begun anew, and a full card has no room for a longer one.
            freed = self._waited_for_readers() or freed
        return freed

    def _restart_log(self) -> tuple[int, int, int]:
        """Write the log into the file, so that it is written over: whether a reader kept it, and its pages."""
        busy, pages, done = self._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        return busy, pages, done

    def _waited_for_readers(self) -> bool:
        """Whether the log could be begun anew once nobody read from it; SQLite waits for them, BUSY_S at most."""
        try:
            with self._lock.hold():
                busy, pages, done = self._restart_log()
        except sqlite3.Error as error:
            log.debug("outbox: the log cannot be begun anew: %s", error)
            return False
        return not busy and pages == done

    def _drop(self, db: sqlite3.Connection) -> int:
        return drop_rows(db, want_bytes=DROP_BYTES, keep_days=self._keep_days, t_ms=self.t_ms(), boot=self._boot)

    def _run(self, work: Work[T], begin: str, *, locked: bool = True) -> T:
        fruitless, full = 0, False
        for turn in range(_ROUNDS):
            with self.mutex:
                try:
                    with self._lock.hold() if locked else nullcontext():
                        if self._is_mine():
                            return self._transaction(work, begin)
                    self._reattach()
                    continue
                except sqlite3.DatabaseError as error:
                    code = getattr(error, "sqlite_errorcode", 0)
                    if code & 0xFF in _DAMAGED:
                        self.replace(f"damaged: {error}")
                        continue
                    if not _is_full(code):
                        if code in (0, sqlite3.SQLITE_ERROR) and self._replaced_for(error):  # no text, no table
                            continue
                        raise OutboxError(say("outbox {path}: {error}", path=self.path, error=error)) from error
                except ODD as error:
                    if not self._replaced_for(error):
                        raise  # the caller's fault, not the card's
                    continue
                full = True
                fruitless = 0 if self.make_room(turn) else fruitless + 1
                if fruitless > 1:
                    break
        if not full:
            raise OutboxError(
                say(
                    "outbox {path}: it was replaced {rounds} times and is damaged again: change the card",
                    path=self.path,
                    rounds=_ROUNDS,
                )
            )
        raise OutboxFull(
            say("outbox {path}: the card is full and nothing may be dropped any more: free some room", path=self.path)
        )

    def _transaction(self, work: Work[T], begin: str) -> T:
        self._db.execute(begin)
        try:
            result = work(self._db)
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return result

    def _replaced_for(self, error: Exception) -> bool:
        """Look whether a statement stumbled because the file is damaged, and replace it then."""
        try:
            with self._lock.hold():
                found = self._transaction(damage, "BEGIN")
        except (sqlite3.Error, *ODD) as worse:
            found = str(worse)
        if found:
            self.replace(f"damaged: {found} ({error})")
        return bool(found)

    def _is_mine(self) -> bool:
        try:
            return self.path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def _reattach(self) -> None:
        """Another process has replaced the file, or somebody deleted it."""
        log.error("outbox %s: the file was replaced: going on with the new one", self.path)
        with self._lock.hold(alone=True):
            self._db.close()
            self._attach()
        self._renew()

    def _renew(self) -> None:
        self.replaced = True
        self._boot = self.on_attach()

    def _attach(self) -> None:
        """Open the file, with the rows of those that were set aside for it. Call it with the lock held alone."""
        asides = waiting(self.path)
        self._db = connect(self.path)
        self._inode = self.path.stat().st_ino
        for aside in asides:
            self._adopt(aside)

    def _connect(self) -> sqlite3.Connection:
        """Open the file for the first time: a damaged one is replaced, on a full card the ballast goes."""
        for _ in range(2):
            with self._lock.hold(alone=True):
                try:
                    self._attach()
                except (sqlite3.DatabaseError, *ODD) as error:
                    code = getattr(error, "sqlite_errorcode", 0)
                    # No code: a text that is none; SQLITE_ERROR: tables are missing.
                    if not code or code & 0xFF in _DAMAGED or code == sqlite3.SQLITE_ERROR:
                        set_aside(self.path, f"outbox {self.path}: damaged: {error}")
                        self._attach()
                    elif _is_full(code):
                        self.ballast.give_back()
                        continue
                    else:
                        raise OutboxError(say("outbox {path}: {error}", path=self.path, error=error)) from error
                return self._db
        raise OutboxFull(say("outbox {path}: it cannot be opened: the card is full: free some room", path=self.path))

    def _adopt(self, aside: Path) -> None:
        """Put in the rows of a file set aside, once; one that does not go in now waits for the next process."""
        rescue = salvage(aside)
        for last in (False, True):
            try:
                rows, files = self._transaction(
                    lambda db: (
                        adopt(db, rescue, aside.name),
                        adopt_files(db, self.path.parent, time.time() - _ROW_FOLLOWS_S),
                    ),
                    "BEGIN IMMEDIATE",
                )
            except (sqlite3.Error, *ODD) as error:
                if last or not _is_full(getattr(error, "sqlite_errorcode", 0)) or not self.ballast.give_back():
                    log.exception("outbox: the rows of %s are not saved yet", aside)
                    return
                continue
            rescued(aside)
            log.error("outbox: %d rows without a receipt saved from %s", rows, aside)
            if files:
                log.error("outbox: %d files of evidence have no row any more: they stay on the card", files)
            return


def _is_full(code: int) -> bool:
    return code in _FULL or code & 0xFF == sqlite3.SQLITE_FULL
