"""A small hub made by hand, and clocks and bearers with hands, for the tests of outbox and uplink."""

from collections.abc import Sequence

from otorongo.station.ports import Acked, Arrived, ClockReading, Connected, Happening, Lost, Traffic, Vitals
from otorongo.wire import batch, chain, media, receipt, topics
from otorongo.wire.codes import Clock
from otorongo.wire.receipt import MAX_RANGES, Receipt
from otorongo.wire.rows import Gap, Record, Row, Unknown, standalone

UTC0_MS = 1_790_000_000_000


class Book:
    """What a hub has committed of one outbox, and the receipts that it writes."""

    def __init__(self) -> None:
        self.outbox = 0
        self.rows: dict[int, tuple[int, Row | Unknown]] = {}
        self.times: dict[int, int] = {}
        self.media: dict[int, bytes] = {}
        self.safe_up_to = 0
        self.kept: list[tuple[int, int]] = []
        self.births: set[int] = set()

    def take(self, payload: bytes) -> batch.Batch:
        """Commit a batch as it came over the wire."""
        got = batch.decode(payload)
        self.commit(got.header.outbox, got.header.mapping.boot, got.records)
        return got

    def commit(self, outbox: int, boot: int, records: Sequence[Record]) -> None:
        """Commit records; the same seq twice must be the same row."""
        if self.outbox != outbox:
            self.outbox, self.rows = outbox, {}
        for record in records:
            had = self.rows.get(record.seq)
            assert had is None or had == (boot, record.row), f"seq {record.seq} came back as another row"
            self.rows[record.seq] = (boot, record.row)
            self.times[record.seq] = self.times.get(record.seq, 0) + 1

    def take_chunk(self, payload: bytes) -> None:
        """Append a piece of evidence if it fits where the file ends."""
        chunk = media.decode(payload)
        had = self.media.setdefault(chunk.seq, b"")
        if chunk.offset == len(had):
            self.media[chunk.seq] = had + chunk.data

    @property
    def gaps(self) -> list[Gap]:
        """The gap rows, by their seq."""
        return [row for _, (_, row) in sorted(self.rows.items()) if isinstance(row, Gap)]

    def known(self) -> set[int]:
        """Seqs that are committed, told as a gap, or kept unread."""
        told = {seq for gap in self.gaps for seq in range(gap.first, gap.last + 1)}
        kept = {seq for first, last in self.kept for seq in range(first, last + 1)}
        return set(self.rows) | told | kept

    def receipt(self, hub_time_ms: int = 0, *, want_birth: bool = False) -> Receipt:
        """The hub's word, as it stands."""
        runs = batch.runs_of(sorted(self.known()))
        up_to = runs[0][1] if runs and runs[0][0] == 1 else 0
        beyond = tuple(run for run in runs if run[0] > up_to + 1)[:MAX_RANGES]
        progress = tuple((seq, len(data)) for seq, data in self.media.items())[:MAX_RANGES]
        safe = min(self.safe_up_to, up_to)
        return Receipt(self.outbox, up_to, beyond, safe, tuple(self.kept), hub_time_ms, progress, want_birth)

    def verify(self) -> bytes:
        """Follow the chain from the first row over every gap to the last; returns its head.

        A gap may also tell of rows that are here: they were on their way while the card had to drop them.
        """
        head, at, end = chain.genesis(self.outbox), 0, max(self.rows, default=0)
        heads = {gap.last: gap.head for gap in self.gaps}
        while at < end:
            if at + 1 in self.rows:
                at += 1
                boot, row = self.rows[at]
                head = chain.link(head, at, boot, standalone(row))
                assert heads.get(at, head) == head, f"the gap up to {at} tells another hash"
                continue
            telling = [gap for gap in self.gaps if gap.first <= at + 1 <= gap.last]
            assert telling, f"seq {at + 1} is missing, and no gap says so"
            widest = max(telling, key=lambda gap: gap.last)
            at, head = widest.last, widest.head
        return head


class Bench:
    """A board whose clock stands until somebody turns it."""

    def __init__(self, boot_id: str = "boot-1", t_ms: int = 1000, state: int = Clock.NTP) -> None:
        self.id = boot_id
        self.t_ms = t_ms
        self.state = state
        self.fares = Vitals(temperature_dc=412, disk_free_mb=1000, battery_mv=12_600)

    def boot_id(self) -> str:
        """As given."""
        return self.id

    def clock(self) -> ClockReading:
        """As it stands."""
        if self.state == Clock.UNSET:
            return ClockReading(self.t_ms)
        return ClockReading(self.t_ms, UTC0_MS + self.t_ms, self.state, 50)

    def now_ms(self) -> int:
        """Milliseconds since boot."""
        return self.t_ms

    def vitals(self) -> Vitals:
        """As given."""
        return self.fares

    def turn(self, seconds: float) -> None:
        """Let time pass."""
        self.t_ms += round(seconds * 1000)


class Pipe:
    """A transport with hands: the test is the broker and the hub."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, bool]] = []
        self.happenings: list[Happening] = []
        self.rebuilt: list[str] = []
        self.farewell: bytes | None = None
        self.acks = True
        self.ticket = 0

    def open(self) -> None:
        """Nothing to do."""

    def wait(self, timeout_s: float) -> list[Happening]:
        """Hand out what the test laid in."""
        out, self.happenings = self.happenings, []
        return out

    def send(self, leaf: str, payload: bytes, *, retain: bool = False) -> int:
        """Keep it for the test; acknowledge unless told not to."""
        self.ticket += 1
        self.sent.append((leaf, payload, retain))
        if self.acks:
            self.happenings.append(Acked(self.ticket))
        return self.ticket

    def traffic(self) -> Traffic:
        """As many bytes as were sent."""
        return Traffic(up=sum(len(payload) for _, payload, _ in self.sent), connects=1)

    def rebuild(self, reason: str) -> None:
        """Remember that it was asked for."""
        self.rebuilt.append(reason)

    def close(self, farewell: bytes = b"") -> None:
        """Remember the farewell."""
        self.farewell = farewell

    def connect(self) -> None:
        """The broker answers."""
        self.happenings.append(Connected("test"))

    def lose(self, reason: str = "test") -> None:
        """The connection breaks."""
        self.happenings.append(Lost(reason))

    def down(self, leaf: str, payload: bytes) -> None:
        """A message of the hub."""
        self.happenings.append(Arrived(leaf, payload))

    def receipt(self, word: Receipt) -> None:
        """A receipt of the hub."""
        self.down(topics.RECEIPT, receipt.encode(word))

    def batches(self) -> list[bytes]:
        """The payloads of batches, and forget them."""
        out = [payload for leaf, payload, _ in self.sent if leaf == topics.RECORDS]
        self.sent = [one for one in self.sent if one[0] != topics.RECORDS]
        return out
