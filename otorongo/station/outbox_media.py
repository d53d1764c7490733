"""Evidence on the card: which file belongs to which media row, what the hub has of it, and what it asks for."""

import sqlite3
from collections.abc import Collection, Iterable
from pathlib import Path

from msgspec import Struct

from otorongo.station.outbox_file import OutboxFile
from otorongo.station.outbox_salvage import BEFORE


class Evidence(Struct, frozen=True):
    """A media file on the card."""

    seq: int
    """Of its media row; below 0: of a row of an outbox before this one, see `MediaShelf.name`."""
    path: str
    """Relative to the data folder."""
    bytes: int
    threat: bool
    have: int
    """Bytes that the hub has from the start."""
    wanted: bool
    safe: bool
    """The hub has it whole, and its row is on a second machine: it may go."""


_SELECT = (
    "SELECT seq, path, bytes, threat, have, wanted, have >= bytes AND seq <= (SELECT safe_up_to FROM chain) FROM media"
)


class MediaShelf:
    """The table of media files; `Outbox.put` fills it with `Of(opening, Media(...), path)`."""

    def __init__(self, file: OutboxFile) -> None:
        self._file = file

    @property
    def root(self) -> Path:
        """The folder that paths are relative to."""
        return self._file.path.parent

    def own(self, outbox: int, seq: int) -> int:
        """What the shelf calls a file that the hub names; 0: it is of an outbox that nobody remembers."""
        mine, before = self._file.read(_outboxes)
        return seq if outbox == mine else -seq if outbox == before else 0

    def name(self, seq: int) -> tuple[int, int]:
        """What the hub calls a file: outbox and seq."""
        mine, before = self._file.read(_outboxes)
        return (mine, seq) if seq > 0 else (before, -seq)

    def all(self) -> list[Evidence]:
        """Every file, in the order in which it may go when room is needed: what is pinned comes last."""
        order = "ORDER BY threat AND NOT (have >= bytes AND seq <= (SELECT safe_up_to FROM chain)), have < bytes, seq"
        return self._file.read(lambda db: [_evidence(line) for line in db.execute(f"{_SELECT} {order}")])

    def forget(self, seqs: Iterable[int]) -> None:
        """The files are deleted: forget them."""
        lines = [(seq,) for seq in seqs]
        self._file.write(lambda db: db.executemany("DELETE FROM media WHERE seq = ?", lines).rowcount)

    def want(self, seq: int, offset: int) -> bool:
        """The hub asks for a file from an offset on; False if the card has no such file."""
        query = "UPDATE media SET wanted = 1, have = min(?, bytes) WHERE seq = ?"
        return self._file.write(lambda db: db.execute(query, (offset, seq)).rowcount) > 0

    def progress(self, pairs: Iterable[tuple[int, int]]) -> None:
        """What the hub has of the files, from a receipt; one that is whole is wanted no more."""
        lines = [(have, have, seq) for seq, have in pairs]
        query = "UPDATE media SET have = ?, wanted = wanted AND ? < bytes WHERE seq = ?"
        if lines:
            self._file.write(lambda db: db.executemany(query, lines).rowcount)

    def next(self, skip: Collection[int] = ()) -> Evidence | None:
        """The wanted file to send from next: threats first, the oldest first."""
        query = f"{_SELECT} WHERE wanted AND have < bytes ORDER BY threat DESC, seq"
        lines = self._file.read(lambda db: db.execute(query).fetchall())
        return next((_evidence(line) for line in lines if line[0] not in skip), None)

    def drop_want(self, seq: int) -> None:
        """The file cannot be sent: want it no more."""
        self._file.write(lambda db: db.execute("UPDATE media SET wanted = 0 WHERE seq = ?", (seq,)).rowcount)


def _outboxes(db: sqlite3.Connection) -> tuple[int, int]:
    """The number of this outbox, and of the one before it (0: there was none)."""
    mine: int = db.execute("SELECT outbox FROM chain").fetchone()[0]
    before = db.execute("SELECT value FROM cursors WHERE name = ?", (BEFORE,)).fetchone()
    return mine, int(before[0]) if before and before[0].isdecimal() else 0


def _evidence(line: "sqlite3.Row | tuple[int, str, int, int, int, int, int]") -> Evidence:
    seq, path, size, threat, have, wanted, safe = line
    return Evidence(seq, path, size, bool(threat), have, bool(wanted), bool(safe))
