"""Rows come out: the next batch, what a receipt settles, and what happens to rows that no hub would take."""

import sqlite3
from collections.abc import Collection, Container, Iterable, Sequence
from typing import Final

from msgspec import Struct

from otorongo.station.outbox_room import remember_forgotten
from otorongo.station.outbox_schema import Value
from otorongo.station.outbox_write import Entry, append, runs_of, tell_gaps
from otorongo.wire.batch import MAX_ROWS, Mapping
from otorongo.wire.codes import GapReason
from otorongo.wire.errors import BadBody
from otorongo.wire.receipt import MAX_RANGES, Receipt, covers
from otorongo.wire.rows import Gap, Record, parse

MAX_TRIES: Final = 5
"""How often a row may fail alone, while the hub takes others, before it is told as a gap."""
POISON_KEPT: Final = 1000
DOUBT_MS: Final = 30_000
"""A hub that no longer knows rows must say so twice, this far apart, before they are told as lost."""

_Line = tuple[int, int, int, bytes, int]
_SELECT: Final = "SELECT seq, boot, birth, row, most FROM rows"


class Parcel(Struct, frozen=True):
    """Records of one clock domain and one birth, in ascending seq, that may travel as one batch."""

    outbox: int
    birth: int
    """Hash of the birth that the rows refer to; 0: the present one."""
    mapping: Mapping
    records: tuple[Record, ...]
    threat: bool

    @property
    def seqs(self) -> tuple[int, ...]:
        """The seqs, ascending."""
        return tuple(record.seq for record in self.records)


class Settled(Struct, frozen=True):
    """What a receipt did to the outbox."""

    committed: int = 0
    """Rows that the hub now has."""
    unread: tuple[tuple[int, int], ...] = ()
    """Runs that the hub keeps whole and cannot read."""
    again: int = 0
    """Threat rows that the hub had and no longer has: they travel again."""
    lost: int = 0
    """Ordinary rows that the hub had and no longer has, nor the card: told as gaps."""


def next_lines(db: sqlite3.Connection, skip: Collection[int], max_rows: int, max_bytes: int) -> list[_Line]:
    """The rows of the next parcel, ascending: threats first, the newest of them first; rows that failed come last."""
    limit = max_rows + len(skip)
    fresh = f"AND most = {MAX_ROWS} ORDER BY seq"
    threats = db.execute(f"{_SELECT} WHERE value = {Value.THREAT:d} {fresh} DESC LIMIT ?", (limit,))
    if waiting := [line for line in threats if line[0] not in skip]:
        return sorted(_fit(waiting, max_rows, max_bytes))
    plain = (Value.TELEMETRY, Value.ORDINARY)
    lines = sorted(
        line for value in plain for line in db.execute(f"{_SELECT} WHERE value = ? {fresh} LIMIT ?", (value, limit))
    )
    if waiting := [line for line in lines if line[0] not in skip]:
        return _fit(waiting, max_rows, max_bytes)
    order = f"value = {Value.THREAT:d} DESC, most DESC, tries, seq"  # the suspect waits for those it travelled with
    failed_ones = db.execute(
        f"{_SELECT} WHERE value IN (0, 1, 4) AND most < {MAX_ROWS} ORDER BY {order} LIMIT ?", (limit,)
    )
    if waiting := [line for line in failed_ones if line[0] not in skip]:
        return sorted(_fit(waiting, max_rows, max_bytes))
    return []


def _fit(lines: Sequence[_Line], max_rows: int, max_bytes: int) -> list[_Line]:
    """The first of the lines that share clock domain, birth and batch size, within the bounds; at least one."""
    _, boot, birth, _, most = lines[0]
    chosen: list[_Line] = []
    size = 0
    for line in lines:
        if line[1:3] != (boot, birth) or line[4] != most:
            continue
        size += len(line[3])
        if chosen and (size > max_bytes or len(chosen) >= min(most, max_rows)):
            break
        chosen.append(line)
    return chosen


def read(lines: Iterable[_Line]) -> tuple[list[Record], list[int]]:
    """The records of the lines, and the seqs of those whose bytes the card has spoilt."""
    records, spoilt = [], []
    for seq, _, _, raw, _ in lines:
        try:
            records.append(Record(seq, parse(raw)))
        except BadBody:
            spoilt.append(seq)
    return records, spoilt


def told_up_to(receipt: Receipt) -> int:
    """The highest seq that a receipt speaks of: one with all its ranges in use is silent about what lies above."""
    return receipt.beyond[-1][1] if len(receipt.beyond) == MAX_RANGES else 0x7FFFFFFFFFFFFFFF


def strange(db: sqlite3.Connection, receipt: Receipt, sent: Container[int]) -> int:
    """A row that waits here, that the hub has, and that was never sent from here; 0: there is none."""
    query = "SELECT seq FROM rows WHERE value = ? AND seq BETWEEN ? AND ?"
    for run in ((1, receipt.up_to), *receipt.beyond, *receipt.kept):
        for value in (Value.TELEMETRY, Value.ORDINARY, Value.THREAT):
            for (seq,) in db.execute(query, (value, *run)):
                if seq not in sent:
                    return int(seq)
    return 0


def settle(db: sqlite3.Connection, receipt: Receipt) -> Settled:
    """Forget ordinary rows that the hub has, keep threat rows until they are safe. Inside one transaction."""
    committed = 0
    unread = []
    up_to = [(1, receipt.up_to)] if receipt.up_to else []
    for ranges, readable in (((*up_to, *receipt.beyond), True), (receipt.kept, False)):
        for first, last in ranges:
            seqs = _settle_range(db, first, last, receipt.hub_time_ms)
            committed += len(seqs)
            if not readable:
                unread += runs_of(seqs)
    again = _doubt_kept(db, receipt)
    safe = min(receipt.safe_up_to, receipt.up_to)
    if safe:
        db.execute("DELETE FROM rows WHERE value = ? AND seq <= ?", (Value.KEPT, safe))
        db.execute("DELETE FROM forgotten WHERE last <= ?", (safe,))
        db.execute("UPDATE forgotten SET first = ? WHERE first <= ?", (safe + 1, safe))
    db.execute(
        "UPDATE chain SET safe_up_to = max(safe_up_to, ?), hub_ms = max(hub_ms, ?) WHERE safe_up_to < ? OR hub_ms < ?",
        (safe, receipt.hub_time_ms, safe, receipt.hub_time_ms),
    )
    return Settled(committed, tuple(unread), again)


def _settle_range(db: sqlite3.Connection, first: int, last: int, hub_ms: int) -> list[int]:
    """Settle what waits in a range; returns the seqs, ascending."""
    between = "seq BETWEEN ? AND ?"
    plain = f"value IN ({Value.TELEMETRY:d}, {Value.ORDINARY:d})"
    gone = db.execute(f"SELECT seq, hash FROM rows WHERE {plain} AND {between}", (first, last)).fetchall()  # noqa: S608
    if gone:
        db.execute(f"DELETE FROM rows WHERE {plain} AND {between}", (first, last))  # noqa: S608
        heads = dict(gone)
        for start, end in runs_of(sorted(heads)):
            remember_forgotten(db, start, end, heads[end])
    threats = db.execute(
        f"SELECT seq FROM rows WHERE value = ? AND {between}",  # noqa: S608
        (Value.THREAT, first, last),
    ).fetchall()
    db.executemany(
        "UPDATE rows SET value = ?, kept_ms = ? WHERE value = ? AND seq = ?",
        [(Value.KEPT, hub_ms, Value.THREAT, seq) for (seq,) in threats],
    )
    return sorted([seq for seq, _ in gone] + [seq for (seq,) in threats])


def _doubt_kept(db: sqlite3.Connection, receipt: Receipt) -> int:
    """Threat rows that the hub had and no longer has (it came back from an older backup) wait again."""
    above = db.execute("SELECT seq FROM rows WHERE value = ? AND seq > ?", (Value.KEPT, receipt.up_to)).fetchall()
    gone = [seq for (seq,) in above if seq <= told_up_to(receipt) and not covers(receipt, seq)]
    db.executemany(
        "UPDATE rows SET value = ? WHERE value = ? AND seq = ?",
        [(Value.THREAT, Value.KEPT, seq) for seq in gone],
    )
    return len(gone)


def doubted(db: sqlite3.Connection, receipt: Receipt) -> list[tuple[int, int, bytes]]:
    """Runs that the hub had, that are gone here, and that this receipt says the hub no longer has."""
    query = "SELECT first, last, head FROM forgotten WHERE last > ? AND last <= ?"
    out = []
    for first, last, head in db.execute(query, (receipt.up_to, told_up_to(receipt))):
        missing = _first_missing(receipt, first, last)
        if missing is not None:
            out.append((missing, last, head))
    return out


def _first_missing(receipt: Receipt, first: int, last: int) -> int | None:
    at = max(first, receipt.up_to + 1)
    for start, end in sorted((*receipt.beyond, *receipt.kept)):
        if start <= at <= end:
            at = end + 1
    return at if at <= last else None


def tell_lost(db: sqlite3.Connection, runs: Iterable[tuple[int, int, bytes]], *, t_ms: int, boot: int) -> int:
    """Tell runs that neither the hub nor the card has any more; returns how many rows. Inside one transaction."""
    total = 0
    for first, last, head in runs:
        append(db, [Entry(Gap(t_ms, first, last, GapReason.LOST_BY_HUB, head), boot, 0)])
        db.execute("DELETE FROM forgotten WHERE last = ?", (last,))
        total += last - first + 1
    return total


def failed(db: sqlite3.Connection, seqs: Sequence[int]) -> list[int]:
    """A batch of these rows failed while the hub took others: halve it, or count the try.

    Returns the rows that failed alone too often.
    """
    marks = [(seq,) for seq in seqs]
    if len(seqs) > 1:
        half = [(len(seqs) // 2, seq) for seq in seqs]
        db.executemany("UPDATE rows SET most = ? WHERE seq = ? AND value IN (0, 1, 4)", half)
        return []
    db.executemany("UPDATE rows SET most = 1, tries = tries + 1 WHERE seq = ? AND value IN (0, 1, 4)", marks)
    query = "SELECT seq FROM rows WHERE seq = ? AND value IN (0, 1, 4) AND tries >= ?"
    return [seq for seq in seqs if db.execute(query, (seq, MAX_TRIES)).fetchone()]


def poison(db: sqlite3.Connection, seqs: Sequence[int], reason: GapReason, *, t_ms: int, boot: int) -> int:
    """Tell rows as a gap and keep their bytes on the card for the technician. Inside one transaction."""
    dropped = []
    for seq in seqs:
        query = "SELECT value, boot, row, hash FROM rows WHERE value IN (0, 1, 4) AND seq = ?"
        found = db.execute(query, (seq,)).fetchone()
        if found:
            value, of_boot, raw, digest = found
            db.execute("INSERT OR REPLACE INTO poison VALUES (?, ?, ?, ?)", (seq, of_boot, reason, raw))
            db.execute("DELETE FROM rows WHERE value = ? AND seq = ?", (value, seq))
            dropped.append((seq, digest))
    if dropped:
        tell_gaps(db, dropped, reason, t_ms=t_ms, boot=boot)
        db.execute(
            "DELETE FROM poison WHERE seq <= (SELECT seq FROM poison ORDER BY seq DESC LIMIT 1 OFFSET ?)",
            (POISON_KEPT,),
        )
    return len(dropped)
