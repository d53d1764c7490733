"""The outbox keeps every record until a receipt, whatever asks for it and in which order."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from otorongo.station.errors import OutboxError
from otorongo.station.outbox import HOLD_MS, Of, Outbox
from otorongo.wire.codes import Clock, CloseReason, GapReason, Kind, Tag
from otorongo.wire.errors import BadValue
from otorongo.wire.receipt import Receipt
from otorongo.wire.rows import Event, Gap, Heartbeat, Note, Row
from tests.station.outbox_bench import SAW, drain, opened, rain, saw
from tests.station.uplink_fakes import UTC0_MS, Bench, Book


@pytest.fixture
def bench() -> Bench:
    """A clock to turn."""
    return Bench()


@pytest.fixture
def outbox(tmp_path: Path, bench: Bench) -> Iterator[Outbox]:
    """A new outbox."""
    box = opened(tmp_path / "outbox.db", bench)
    yield box
    box.close()


def test_rows_are_numbered_from_one_and_survive_reopening(tmp_path: Path) -> None:
    """Seqs count from 1 over processes, and what was put is there after reopening."""
    first = opened(tmp_path / "outbox.db")
    assert first.put([saw(), rain()]) == [1, 2]
    first.close()
    second = opened(tmp_path / "outbox.db")
    assert second.put([rain()]) == [3]
    assert (second.stats().waiting, second.boot) == (3, 1)


def test_a_seq_is_never_used_again(outbox: Outbox) -> None:
    """After everything is receipted and forgotten the numbers go on."""
    outbox.put([rain(), rain()])
    outbox.receipted(Receipt(outbox.outbox_id, 2, safe_up_to=2))
    assert outbox.stats().waiting == 0
    assert outbox.put([rain()]) == [3]


def test_a_revision_finds_its_event(outbox: Outbox) -> None:
    """`back` of a revision is its own seq minus that of the opening, whatever came between."""
    [opening] = outbox.put([saw()])
    outbox.put([rain()])
    outbox.put([Of(opening, Event(5000, 1, SAW, 40, kind=Kind.UPDATE))])
    parcel = outbox.next_batch()
    assert parcel is not None
    assert [record.event for record in parcel.records] == [1, 1]


def test_a_revision_without_its_event_is_refused(outbox: Outbox) -> None:
    """A revision put bare, before its opening, or an opening put as a revision is an error, and nothing is put."""
    wrong: list[Row | Of] = [
        Event(1, 1, SAW, 1, kind=Kind.CLOSE),
        Of(9, Event(1, 1, SAW, 1, kind=Kind.CLOSE)),
        Of(1, saw()),
    ]
    for item in wrong:
        with pytest.raises(OutboxError):
            outbox.put([rain(), item])
    assert outbox.stats().last_seq == 0


def test_a_value_outside_the_wire_is_refused_whole(outbox: Outbox) -> None:
    """A row that version 1 cannot carry is refused by name, and its neighbours are not put either."""
    with pytest.raises(BadValue, match="Event"):
        outbox.put([rain(), Event(1, 1, SAW, 81)])
    with pytest.raises(BadValue):
        outbox.put([Heartbeat(-1)], alert=False)
    assert outbox.stats().last_seq == 0


def test_threats_travel_first_the_newest_first(outbox: Outbox) -> None:
    """A threat overtakes what is ordinary; of threats the newest go first, each batch in ascending order."""
    outbox.put([rain(), saw(), rain(), saw(), saw()])
    first = outbox.next_batch(max_rows=2)
    assert first is not None
    assert (first.seqs, first.threat) == ((4, 5), True)
    second = outbox.next_batch(first.seqs)
    assert second is not None
    assert second.seqs == (2,)
    third = outbox.next_batch((2, 4, 5))
    assert third is not None
    assert (third.seqs, third.threat) == ((1, 3), False)


def test_a_batch_has_one_clock_domain_and_a_size(outbox: Outbox) -> None:
    """Rows of a replay never share a batch with live rows, and the byte bound is kept."""
    replay = outbox.domain("folder-7", 1_600_000_000_000, Clock.NTP, 10)
    assert outbox.domain("folder-7", 1_600_000_000_000) == replay
    outbox.put([rain()] * 3)
    outbox.put([rain()] * 3, boot=replay)
    first = outbox.next_batch()
    second = outbox.next_batch((1, 2, 3))
    assert first is not None
    assert second is not None
    assert (first.seqs, second.seqs) == ((1, 2, 3), (4, 5, 6))
    assert (first.mapping.utc0_ms, second.mapping.utc0_ms) == (UTC0_MS, 1_600_000_000_000)
    small = outbox.next_batch(max_bytes=15)
    assert small is not None
    assert len(small.seqs) < 3


def test_an_unknown_clock_domain_is_refused(outbox: Outbox) -> None:
    """A row in a boot that nobody named is an error that says how to name one."""
    with pytest.raises(OutboxError, match="domain"):
        outbox.put([rain()], boot=77)


def test_a_boot_keeps_its_best_mapping(outbox: Outbox) -> None:
    """A better source or a tighter bound replaces a mapping; a worse one does not."""
    replay = outbox.domain("r", 1_000_000, Clock.RTC, 1000)
    assert not outbox.map_boot(replay, 2_000_000, Clock.UNSET, 1)
    assert not outbox.map_boot(replay, 2_000_000, Clock.RTC, 5000)
    assert outbox.map_boot(replay, 3_000_000, Clock.RTC, 500)
    assert outbox.map_boot(replay, 4_000_000, Clock.HUB, 9000)
    assert not outbox.map_boot(replay, 4_001_000, Clock.HUB, 9000)
    assert outbox.map_boot(replay, 9_000_000, Clock.HUB, 9000)


@pytest.mark.parametrize("utc0_ms", [-259_200_000, 1 << 48])
def test_a_date_that_cannot_travel_is_none(tmp_path: Path, utc0_ms: int) -> None:
    """A recording whose date of change lies before 1970 is sent undated, and its outbox does not pass for damaged."""
    box = opened(tmp_path / "outbox.db")
    box.put([rain()], boot=box.domain("recorded long ago", utc0_ms))
    old = box.outbox_id
    box.check()
    assert box.outbox_id == old
    book = Book()
    drain(box, book)
    assert rain() in [row for _, row in book.rows.values()]


def test_a_receipt_forgets_ordinary_rows_and_keeps_threats_until_safe(outbox: Outbox) -> None:
    """Committed ordinary rows go at once, threat rows when the hub calls them safe."""
    outbox.put([rain(), saw(), rain(), saw()])
    outbox.receipted(Receipt(outbox.outbox_id, 2, ((4, 4),)))
    stats = outbox.stats()
    assert (stats.waiting, stats.kept) == (1, 2)
    outbox.receipted(Receipt(outbox.outbox_id, 4, safe_up_to=3))
    stats = outbox.stats()
    assert (stats.waiting, stats.kept) == (0, 1)


def test_a_receipt_of_another_outbox_does_nothing(outbox: Outbox) -> None:
    """A receipt that names another outbox is none of ours."""
    outbox.put([rain()])
    assert outbox.receipted(Receipt(outbox.outbox_id ^ 1, 1)) is None
    assert outbox.stats().waiting == 1


def test_kept_rows_are_forgotten_with_a_note(outbox: Outbox) -> None:
    """Rows that the hub keeps unread are not sent again, and a note tells the technician."""
    outbox.put([rain(), rain()])
    settled = outbox.receipted(Receipt(outbox.outbox_id, 0, kept=((1, 2),)))
    assert settled is not None
    assert settled.unread == ((1, 2),)
    parcel = outbox.next_batch()
    assert parcel is not None
    [record] = parcel.records
    assert isinstance(record.row, Note)
    assert "1-2" in record.row.text


def test_a_restored_hub_gets_its_threats_again(outbox: Outbox, bench: Bench) -> None:
    """When a hub comes back from an older backup, threat rows travel again and lost ordinary rows become a gap."""
    book = Book()
    outbox.put([rain(), saw(), rain(), rain()])
    drain(outbox, book)
    for seq in (2, 3, 4):
        del book.rows[seq]
    settled = outbox.receipted(book.receipt())
    assert settled is not None
    assert (settled.again, settled.lost) == (1, 0)
    bench.turn(31)
    settled = outbox.receipted(book.receipt())
    assert settled is not None
    assert settled.lost == 2
    drain(outbox, book)
    [gap] = book.gaps
    assert (gap.first, gap.last, gap.reason) == (3, 4, GapReason.LOST_BY_HUB)
    book.verify()


def test_a_late_receipt_is_no_loss(outbox: Outbox, bench: Bench) -> None:
    """One receipt that is older than the last, and then a new one, tell nothing as lost."""
    book = Book()
    outbox.put([rain()])
    drain(outbox, book)
    old = book.receipt()
    outbox.put([rain(), rain()])
    drain(outbox, book)
    outbox.receipted(old)
    outbox.receipted(book.receipt())
    bench.turn(60)
    settled = outbox.receipted(old)
    assert settled is not None
    assert settled.lost == 0


def test_a_full_receipt_says_nothing_of_what_lies_above_its_ranges(outbox: Outbox) -> None:
    """A receipt with all 32 ranges in use does not bring back threat rows above them."""
    outbox.put([row for _ in range(40) for row in (rain(), saw())])
    everything = tuple((seq, seq) for seq in range(2, 81, 2))
    for part in (everything[:32], everything[8:40]):
        outbox.receipted(Receipt(outbox.outbox_id, 0, part))
    outbox.receipted(Receipt(outbox.outbox_id, 0, everything[:32]))
    assert outbox.stats().kept == 40


def test_telemetry_waits_in_memory_and_goes_with_the_next_alert(outbox: Outbox, bench: Bench) -> None:
    """Rows with alert=False wait until an alert, the hold time or a flush, and then are numbered in order."""
    assert outbox.put([Heartbeat(1)], alert=False) == []
    assert outbox.stats().last_seq == 0
    assert outbox.put([saw()]) == [2]
    outbox.put([Heartbeat(2)], alert=False)
    bench.turn(HOLD_MS / 1000)
    outbox.put([Heartbeat(3)], alert=False)
    assert outbox.stats().last_seq == 4
    outbox.put([Heartbeat(4)], alert=False)
    outbox.flush()
    assert outbox.stats().last_seq == 5


def test_a_cursor_is_committed_with_its_rows(tmp_path: Path) -> None:
    """The cursor and the rows are one transaction: both are there or neither."""
    box = opened(tmp_path / "outbox.db")
    box.put([rain()], cursor=("replay", "file-3"))
    with pytest.raises(BadValue):
        box.put([Event(1, 1, SAW, 99)], cursor=("replay", "file-4"))
    box.close()
    again = opened(tmp_path / "outbox.db")
    assert again.cursor("replay") == "file-3"
    assert again.cursor("other") is None


def test_leftovers_are_closed_as_restart_in_their_own_boot(tmp_path: Path) -> None:
    """What a crashed sensor left open is closed with its last known state, dated in the boot it ran in."""
    before = opened(tmp_path / "outbox.db", Bench("boot-1"))
    [one, _] = before.put([saw(1000), saw(1000, sensor=2)])
    before.put([Of(one, Event(9000, 1, SAW, 44, tags=Tag.THREAT, kind=Kind.UPDATE, duration_ms=8000, hits=5))])
    before.close()
    after = opened(tmp_path / "outbox.db", Bench("boot-2"))
    assert after.close_leftovers(1) == [4]
    assert after.close_leftovers(1) == []
    assert [left.opening for left in after.leftovers(2)] == [2]
    parcel = after.next_batch()
    assert parcel is not None
    row = parcel.records[-1].row
    assert isinstance(row, Event)
    assert parcel.mapping.boot == 1
    state = (row.kind, row.reason, row.back, row.evidence, row.hits, row.duration_ms)
    assert state == (Kind.CLOSE, CloseReason.RESTART, 3, 44, 5, 8000)


def test_failed_batches_are_halved_and_end_as_a_gap(outbox: Outbox) -> None:
    """A row that no hub would take does not block the others and ends as a gap, with its bytes kept."""
    outbox.put([rain(n) for n in range(8)])
    bad = 5
    taken: set[int] = set()
    for _ in range(200):
        parcel = outbox.next_batch(taken)
        if parcel is None:
            break
        if bad not in parcel.seqs:
            taken |= set(parcel.seqs)
        elif outbox.failed(parcel.seqs):
            break
    assert taken == set(range(1, 9)) - {bad}
    last = outbox.next_batch(taken)
    assert last is not None
    [record] = last.records
    assert isinstance(record.row, Gap)
    assert (record.row.first, record.row.last, record.row.reason) == (bad, bad, GapReason.POISON)
    kept = outbox._file.read(lambda db: db.execute("SELECT seq, length(row) FROM poison").fetchall())
    assert [seq for seq, _ in kept] == [bad]


def test_a_row_spoilt_on_the_card_becomes_a_gap(outbox: Outbox) -> None:
    """Bytes that are no row any more are told as corrupt and passed over."""
    outbox.put([rain(), rain(), rain()])
    outbox._file.write(lambda db: db.execute("UPDATE rows SET row = x'c1ff' WHERE seq = 2").rowcount)
    seen = outbox.next_batch()
    assert seen is not None
    book = Book()
    drain(outbox, book)
    assert [(gap.first, gap.reason) for gap in book.gaps] == [(2, GapReason.CORRUPT)]
    book.verify()


def test_threads_and_processes_share_one_file(tmp_path: Path) -> None:
    """Two connections with two threads each put 200 rows: every seq once, the chain whole."""
    boxes = [opened(tmp_path / "outbox.db") for _ in range(2)]
    seqs: list[int] = []

    def work(box: Outbox) -> None:
        for _ in range(50):
            seqs.extend(box.put([rain()]))

    threads = [threading.Thread(target=work, args=(box,)) for box in boxes * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seqs) == list(range(1, 201))
    book = Book()
    drain(boxes[0], book)
    book.verify()


def test_another_process_is_noticed(tmp_path: Path) -> None:
    """`changes` moves when another connection has committed, and when this one has."""
    one, two = opened(tmp_path / "outbox.db"), opened(tmp_path / "outbox.db")
    before = one.changes()
    two.put([rain()])
    assert one.changes() != before
    before = one.changes()
    one.put([rain()])
    assert one.changes() != before
