"""Records until receipted: one SQLite file that all processes of a station share.

What is put is on the card when `put` returns (WAL, `synchronous=FULL`, one transaction), numbered for ever, chained by
hash, and leaves only by a receipt of the hub or with a gap row that says so. Several processes and threads may use one
file. A damaged file is set aside with what could be saved of it put into a new one; nobody has to restart.

Where telemetry waits: `put(..., alert=False)` holds rows in this process's memory for at most `HOLD_MS`, or until the
next row that may alert, or until `flush`. A power cut loses these seconds of telemetry and nothing else; it spares the
card a commit (about 9 kB of writes) for each row.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Collection, Container, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct, structs

from otorongo.language import say, why
from otorongo.station import outbox_read
from otorongo.station.errors import OutboxError
from otorongo.station.outbox_clock import MAX_UTC0_MS, AllUsed, Domain, keep_better, mapping_of, number_of
from otorongo.station.outbox_cursors import Cursors
from otorongo.station.outbox_file import OutboxFile
from otorongo.station.outbox_media import MediaShelf
from otorongo.station.outbox_read import Parcel, Settled
from otorongo.station.outbox_room import BALLAST_BYTES
from otorongo.station.outbox_salvage import find, renamed
from otorongo.station.outbox_schema import Value
from otorongo.station.outbox_write import Chain, Entry, Of, append, chain_of
from otorongo.station.ports import ClockReading
from otorongo.wire.birth import hash_of
from otorongo.wire.codes import Clock, CloseReason, GapReason, Kind, NoteKind
from otorongo.wire.errors import BadBody
from otorongo.wire.receipt import Receipt
from otorongo.wire.rows import Event, Note, Row, parse, standalone

log = logging.getLogger(__name__)

HOLD_MS: Final = 300_000
HOLD_ROWS: Final = 64

__all__ = ["Leftover", "Of", "Outbox", "Parcel", "Settled", "Stats", "Unsealed", "uptime_ms"]


class Stats(Struct, frozen=True):
    """How the outbox stands; `waiting` rows have no receipt."""

    outbox: int
    last_seq: int
    waiting: int
    threats: int  # among them
    kept: int  # threats that the hub has committed and not yet called safe
    dropped: int  # since the outbox was made, each told in a gap


class Leftover(Struct, frozen=True):
    """An event without a closing, as its newest revision tells it."""

    opening: int
    boot: int
    birth: int
    event: Event


class Unsealed(Struct, frozen=True):
    """What a seal made now would cover."""

    outbox: int
    up_to: int
    head: bytes
    sealed_up_to: int
    threat_closed: bool
    """A threat has closed since the last seal."""


def uptime_ms() -> int:
    """Milliseconds since boot, sleep included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class Outbox:
    """The station's records; see the head of this file."""

    def __init__(self, file: OutboxFile, boot_id: str, now: ClockReading) -> None:
        """Use `Outbox.open`."""
        self.puts = 0
        """Rows put by this process: a watchdog may look whether it moves."""
        self._file = file
        self.t_ms = file.t_ms
        """Milliseconds since boot, by the clock given to `open`."""
        self._live = f"boot {boot_id}"
        self._domains: dict[int, Domain] = {}  # by the number that callers use
        self._births: dict[int, bytes] = {}
        self._birth = 0
        self._openings: set[int] = set()  # put by this process since the file was replaced
        self._later: list[Entry] = []
        self._later_since_ms = 0
        self._doubts: dict[int, int] = {}
        self.boot = 0
        """The number of this boot, for `put`."""
        file.on_attach = self._renew
        self.boot = self._domain(self._live, now.utc0_ms, now.state, now.bound_ms)
        file.begin()
        self.media = MediaShelf(file)
        """The evidence on the card."""
        self.cursors = Cursors(file)
        self.cursor = self.cursors.get

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        boot_id: str,
        now: ClockReading,
        ballast_bytes: int = BALLAST_BYTES,
        keep_days: int = 30,
        t_ms: Callable[[], int] = uptime_ms,
    ) -> "Outbox":
        """Open the outbox, or make it with its folder. A damaged file is set aside and what can be read goes on.

        Raises OutboxError if the folder cannot be used, OutboxFull if the card has no room to open it.
        """
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return cls(OutboxFile(path, ballast_bytes, keep_days, t_ms), boot_id, now)
        except (OSError, sqlite3.Error) as error:
            raise OutboxError(say("outbox {path}: {why}", path=path, why=why(error))) from error

    def close(self) -> None:
        """Commit what waits and let the file go."""
        try:
            self.flush()
        finally:
            self._file.close()

    def check(self) -> None:
        """Read the whole file, and replace it if it is damaged; rows that the card has changed are told as gaps."""
        if spoilt := self._file.check():
            self.poison(spoilt, GapReason.CORRUPT)

    def drop_for_space(self) -> bool:
        """Free room on the card by value, as a full card would; returns whether anything was freed."""
        return self._file.make_room()

    def restore_ballast(self) -> bool:
        """Make the ballast again if there is room; returns whether it has its full size."""
        return self._file.restore_ballast()

    # ---- rows in ----

    def put(
        self,
        rows: Sequence[Row | Of],
        *,
        boot: int | None = None,
        cursor: tuple[str, str] | None = None,
        alert: bool = True,
    ) -> list[int]:
        """Commit rows, and the cursor with them, in one transaction; returns their seqs.

        `boot` is the clock domain of their `t_ms`, this boot if left out. With `alert=False` and no cursor the rows may
        wait (see the head of this file) and the list is empty. Raises BadValue or OutboxError for a row that the wire
        cannot carry (nothing is put then), OutboxFull if there is no room even after dropping.
        """
        boot = self.boot if boot is None else boot
        with self._file.mutex:
            entries = [Entry(row, boot, self._birth) for row in rows]
            if not alert and cursor is None:
                self._hold(entries)
                return []
            held = len(self._later)
            seqs = self._file.write(lambda db: self._append(db, [*self._later, *entries], cursor))
            self._later.clear()
            self.puts += len(seqs)
            if self._file.replaced:
                self._openings.update(seqs)
            return seqs[held:]

    def flush(self) -> None:
        """Commit the telemetry that waits in memory."""
        if self._later:
            self.put([])

    def _hold(self, entries: list[Entry]) -> None:
        for entry in entries:
            standalone(entry.item.row if isinstance(entry.item, Of) else entry.item)
        if not self._later:
            self._later_since_ms = self.t_ms()
        self._later += entries
        if len(self._later) >= HOLD_ROWS or self.t_ms() - self._later_since_ms >= HOLD_MS:
            self.flush()

    def _append(self, db: sqlite3.Connection, entries: Sequence[Entry], cursor: tuple[str, str] | None) -> list[int]:
        seqs: list[int] = []
        for item, boot, birth in entries:
            if boot not in self._domains:
                raise OutboxError(f"outbox {self._file.path}: no clock domain {boot}: ask `domain` for its number")
            inner = self._domains[boot].number
            if self._file.replaced and isinstance(item, Of) and item.opening not in self._openings:
                item = find(db, item, inner, birth)  # noqa: PLW2901
            seqs += append(db, [Entry(item, inner, birth)])
        if cursor:
            db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", cursor)
        return seqs

    # ---- clocks, births ----

    def domain(self, key: str, utc0_ms: int, state: int = Clock.NTP, bound_ms: int = 1000) -> int:
        """The number of a replay's clock domain; the same key has the same number, also after a restart."""
        return self._domain(f"replay {key}", utc0_ms, state, bound_ms)

    def _domain(self, key: str, utc0_ms: int, state: int, bound_ms: int) -> int:
        with self._file.mutex:
            try:
                number = self._file.write(lambda db: number_of(db, key))
            except AllUsed as error:
                self._file.replace(str(error))
                number = self._file.write(lambda db: number_of(db, key))
            given = next((given for given, domain in self._domains.items() if domain.key == key), None)
            if given is None:
                given = number if number not in self._domains else max(self._domains) + 1
            self._domains[given] = Domain(number, key, utc0_ms, int(state), bound_ms)
            self.map_boot(given, utc0_ms, state, bound_ms)
            return given

    def _renew(self) -> int:
        """Make this process's clock domains and births in a new file, under the numbers that it gives them."""
        self._openings = set()
        for domain in list(self._domains.values()):
            self._domain(domain.key, domain.utc0_ms, domain.clock, domain.bound_ms)
        for birth in self._births.values():
            self.speak_as(renamed(birth, self.outbox_id))
        return self.live_boot

    def map_boot(self, boot: int, utc0_ms: int, state: int, bound_ms: int) -> bool:
        """Keep a mapping to UTC if it is one (from 1970 on) and better than the one known; returns whether it was."""
        if not 0 < utc0_ms < MAX_UTC0_MS or state == Clock.UNSET:
            return False
        had = self._domains[boot]
        self._domains[boot] = structs.replace(had, utc0_ms=utc0_ms, clock=int(state), bound_ms=bound_ms)
        if not self._file.write(lambda db: keep_better(db, self._domains[boot])):  # a new file has a new number for it
            self._domains[boot] = structs.replace(had, number=self._domains[boot].number)
            return False
        return True

    def speak_as(self, birth: bytes) -> int:
        """The birth message that the bundle numbers of this process's rows refer to; returns its hash."""
        number = hash_of(birth)
        self._file.write(lambda db: db.execute("INSERT OR IGNORE INTO births VALUES (?, ?)", (number, birth)).rowcount)
        self._births, self._birth = {number: birth}, number
        return number

    def births(self, named: Collection[int] = ()) -> list[tuple[int, bytes]]:
        """Births that rows without a receipt refer to, and those of these hashes: hash and message."""
        query = "SELECT hash, payload, hash IN (SELECT birth FROM rows WHERE value IN (0, 1, 4)) FROM births"
        found = self._file.read(lambda db: db.execute(query).fetchall())
        return [(number, payload) for number, payload, waits in found if waits or number in named]

    # ---- events without a closing ----

    def leftovers(self, sensor: int) -> list[Leftover]:
        """A sensor's events without a closing, oldest first."""
        query = "SELECT opening, boot, birth, row FROM events WHERE sensor = ? ORDER BY opening"
        out = []
        for opening, boot, birth, raw in self._file.read(lambda db: db.execute(query, (sensor,)).fetchall()):
            try:
                row = parse(raw)
            except BadBody as error:  # the hub closes it by its time-out
                log.warning("outbox: event %d was left open and cannot be read: %s", opening, error)
                continue
            if isinstance(row, Event):
                out.append(Leftover(opening, boot, birth, row))
        return out

    def close_leftovers(self, sensor: int) -> list[int]:
        """Close what a crash of this sensor left open, with its last known state, as `restart`; returns the seqs."""

        def work(db: sqlite3.Connection) -> list[int]:
            seqs = []
            for left in found:
                last = left.event
                closing = structs.replace(last, kind=Kind.CLOSE, reason=CloseReason.RESTART, t_ms=last.t_ms)
                seqs += append(db, [Entry(Of(left.opening, closing), left.boot, left.birth)])
            return seqs

        with self._file.mutex:
            found = self.leftovers(sensor)
            return self._file.write(work) if found else []

    # ---- rows out ----

    @property
    def outbox_id(self) -> int:
        """The random u32 that names this outbox."""
        return self.chain().outbox

    @property
    def live_boot(self) -> int:
        """The number of this boot as it stands on the wire."""
        return self._domains[self.boot].number if self.boot else 0

    def chain(self) -> Chain:
        """Outbox, last seq, and the chain's hash there."""
        return self._file.read(chain_of)

    def changes(self) -> tuple[int, int, int]:
        """Moves when this or another process has written: cheap to ask often."""
        return (*self._file.changes(), self.puts)

    def next_batch(self, skip: Collection[int] = (), *, max_rows: int = 500, max_bytes: int = 24_000) -> Parcel | None:
        """The rows to send next, without those in `skip` (in flight), or None.

        One clock domain and one birth; threats first, the newest first. `max_bytes` counts standalone bytes. Rows whose
        bytes the card has spoilt are told as a gap and passed over.
        """

        def work(db: sqlite3.Connection) -> tuple[Parcel | None, list[int]]:
            lines = outbox_read.next_lines(db, skip, max_rows, max_bytes)
            records, spoilt = outbox_read.read(lines)
            if not records:
                return None, spoilt
            _, boot, birth, _, _ = lines[0]
            query = "SELECT 1 FROM rows WHERE value = ? AND seq = ?"
            threat = db.execute(query, (Value.THREAT, records[0].seq)).fetchone() is not None
            mapping = mapping_of(db, boot)
            return Parcel(chain_of(db).outbox, birth, mapping, tuple(records), threat), spoilt

        while True:
            parcel, spoilt = self._file.read(work)
            if not spoilt:
                return parcel
            self.poison(spoilt, GapReason.CORRUPT)

    def receipted(self, receipt: Receipt, sent: Container[int] | None = None) -> Settled | None:
        """Do what a receipt says; None if it is about another outbox.

        A receipt for rows that this card never wrote, or never sent (not in `sent`), means that it was put back to an
        older state or has a copy: its numbers are used up, so a new outbox begins with the rows that wait.
        """
        chain = self.chain()
        if receipt.outbox != chain.outbox:
            return None
        top = max([receipt.up_to, *(last for _, last in (*receipt.beyond, *receipt.kept))])
        if top > chain.last_seq:
            self._file.replace(f"the hub has rows up to {top} of this outbox, the card ends at {chain.last_seq}")
            return Settled()
        if sent is not None and (strange := self._file.read(lambda db: outbox_read.strange(db, receipt, sent))):
            self._file.replace(f"the hub has row {strange} of this outbox, which was never sent from this card")
            return Settled()
        settled = self._file.write(lambda db: outbox_read.settle(db, receipt))
        if settled.unread:
            rows = ", ".join(f"{a}-{b}" for a, b in settled.unread[:20])
            told = say("the hub keeps rows {text} whole but cannot read them", text=rows)
            self.put([Note(self.t_ms(), NoteKind.OTHER, told)])
        return structs.replace(settled, lost=self._tell_lost(receipt))

    def _tell_lost(self, receipt: Receipt) -> int:
        now = self.t_ms()
        runs = self._file.read(lambda db: outbox_read.doubted(db, receipt))
        self._doubts = {last: self._doubts.get(last, now) for _, last, _ in runs}
        sure = [run for run in runs if now - self._doubts[run[1]] >= outbox_read.DOUBT_MS]
        if not sure:
            return 0
        return self._file.write(lambda db: outbox_read.tell_lost(db, sure, t_ms=now, boot=self.live_boot))

    def failed(self, seqs: Sequence[int]) -> int:
        """A batch of these rows got no receipt though the hub took later ones: send them in smaller batches.

        Rows that fail alone again and again are told as a gap and kept in the file; returns how many.
        """
        hopeless = self._file.write(lambda db: outbox_read.failed(db, seqs))
        return self.poison(hopeless, GapReason.POISON) if hopeless else 0

    def poison(self, seqs: Sequence[int], reason: GapReason) -> int:
        """Tell rows that cannot travel as a gap, keep their bytes in the table `poison`; returns how many."""
        now = self.t_ms()
        log.error("outbox: %d rows from %d cannot travel (%s): told as a gap", len(seqs), seqs[0], reason.name.lower())
        return self._file.write(lambda db: outbox_read.poison(db, seqs, reason, t_ms=now, boot=self.live_boot))

    def unsealed(self) -> Unsealed:
        """What a seal made now would cover."""
        query = "SELECT outbox, last_seq, head, sealed_up_to, threat_closed > sealed_up_to FROM chain"
        outbox, last, head, sealed, closed = self._file.read(lambda db: db.execute(query).fetchone())
        return Unsealed(outbox, last, head, sealed, bool(closed))

    def stats(self) -> Stats:
        """How the outbox stands."""

        def work(db: sqlite3.Connection) -> Stats:
            counts = dict(db.execute("SELECT value, count(*) FROM rows GROUP BY value").fetchall())
            outbox, last, dropped = db.execute("SELECT outbox, last_seq, dropped FROM chain").fetchone()
            kept = counts.pop(Value.KEPT, 0)
            return Stats(outbox, last, sum(counts.values()), counts.get(Value.THREAT, 0), kept, dropped)

        return self._file.read(work)
