"""What is dropped first, what evidence is kept, and that nothing vanishes unsaid in any order of events."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otorongo.station.outbox import Of, Outbox
from otorongo.station.outbox_schema import Value
from otorongo.wire import batch
from otorongo.wire.codes import Kind, Tag
from otorongo.wire.receipt import Receipt
from otorongo.wire.rows import Event, Heartbeat, Media, Note, Row, Seal, Track
from tests.station.outbox_bench import SAW, drain, drop, opened, rain, saw
from tests.station.uplink_fakes import Bench, Book


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    """A new outbox."""
    box = opened(tmp_path / "outbox.db")
    yield box
    box.close()


def test_low_value_is_dropped_first(outbox: Outbox) -> None:
    """Telemetry goes before ordinary events, committed threats before threats without a receipt."""
    outbox.put([saw(), rain(), Heartbeat(5)])
    assert drop(outbox) == 1
    assert drop(outbox) == 1
    book = Book()
    parcel = outbox.next_batch()
    assert parcel is not None
    assert parcel.seqs == (1, 4, 5)
    drain(outbox, book)
    assert [(gap.first, gap.last) for gap in book.gaps] == [(3, 3), (2, 2)]
    outbox.put([saw()])
    assert drop(outbox) == 1
    assert outbox.stats().threats == 1
    book.verify()


def test_old_committed_threats_go_before_telemetry(outbox: Outbox) -> None:
    """After keep_days a committed threat row is worth less than a heartbeat that nobody has seen."""
    day = 86_400_000
    outbox.put([saw()])
    outbox.receipted(Receipt(outbox.outbox_id, 1, hub_time_ms=10 * day))
    outbox.put([Heartbeat(1)])
    outbox.receipted(Receipt(outbox.outbox_id, 1, hub_time_ms=50 * day))
    assert drop(outbox) == 1
    stats = outbox.stats()
    assert (stats.kept, stats.waiting, stats.dropped) == (0, 1, 0)


def test_gaps_are_merged_when_gaps_must_go(outbox: Outbox) -> None:
    """When only threats and gaps are left, neighbouring gaps become one."""
    for _ in range(5):
        outbox.put([rain(), saw()])
        drop(outbox)
    drop(outbox, want_bytes=10_000)
    book = Book()
    drain(outbox, book)
    assert [(gap.first, gap.last) for gap in book.gaps] == [(1, 15)]
    book.verify()


def test_evidence_is_found_wanted_and_followed(outbox: Outbox) -> None:
    """A media row's file can be wanted from an offset on, is followed by receipts, and is wanted no more when whole."""
    [opening] = outbox.put([saw()])
    clip = Media(2000, 1, 0, 2, 9000, b"x" * 32, tags=Tag.THREAT)
    frame = Media(2000, 1, 0, 3, 500, b"x" * 32)
    [one, two] = outbox.put([Of(opening, clip, "media/a.ogg"), Of(0, frame, "media/b.webp")])
    assert outbox.media.next() is None
    assert outbox.media.want(one, 100)
    assert not outbox.media.want(77, 0)
    assert outbox.media.want(two, 0)
    found = outbox.media.next()
    assert found is not None
    assert (found.seq, found.have, found.path) == (one, 100, "media/a.ogg")
    outbox.media.progress([(one, 9000), (two, 500)])
    assert outbox.media.next() is None
    assert [(one.path, one.safe) for one in outbox.media.all()] == [("media/b.webp", False), ("media/a.ogg", False)]
    outbox.receipted(Receipt(outbox.outbox_id, 3, safe_up_to=3))
    assert all(one.safe for one in outbox.media.all())
    outbox.media.forget([one, two])
    assert outbox.media.all() == []


def test_evidence_goes_before_rows_and_pinned_evidence_stays(tmp_path: Path) -> None:
    """On a full card ordinary files go first; a threat's file stays while anything else can go."""
    box = opened(tmp_path / "outbox.db")
    (tmp_path / "media").mkdir()
    for name in ("a", "b"):
        (tmp_path / "media" / name).write_bytes(bytes(1000))
    box.put([Of(0, Media(1, 1, 0, 3, 1000, b"x" * 32, tags=Tag.THREAT), "media/a")])
    box.put([Of(0, Media(1, 1, 0, 3, 1000, b"x" * 32), "media/b"), rain()])
    assert box.drop_for_space()
    assert [one.path for one in box.media.all()] == ["media/a"]
    assert (tmp_path / "media" / "a").exists()
    assert not (tmp_path / "media" / "b").exists()
    assert box.stats().dropped == 0


def test_births_of_waiting_rows_are_kept(outbox: Outbox) -> None:
    """Rows remember the birth that their bundle numbers refer to, and batches never mix two."""
    one = outbox.speak_as(b"first")
    outbox.put([rain()])
    two = outbox.speak_as(b"second")
    outbox.put([rain()])
    assert sorted(outbox.births()) == sorted([(one, b"first"), (two, b"second")])
    parcel = outbox.next_batch()
    assert parcel is not None
    assert (parcel.seqs, parcel.birth) == ((1,), one)
    outbox.receipted(Receipt(outbox.outbox_id, 1))
    assert outbox.births() == [(two, b"second")]


def test_a_seal_covers_what_came_before(outbox: Outbox) -> None:
    """`unsealed` names the head to sign and says whether a threat closed since the last seal."""
    [opening] = outbox.put([saw()])
    assert not outbox.unsealed().threat_closed
    outbox.put([Of(opening, Event(2000, 1, SAW, 30, tags=Tag.THREAT, kind=Kind.CLOSE))])
    before = outbox.unsealed()
    assert (before.up_to, before.threat_closed) == (2, True)
    outbox.put([Seal(3000, before.up_to, before.head, b"s" * 64)])
    after = outbox.unsealed()
    assert (after.sealed_up_to, after.threat_closed) == (2, False)


def test_rows_in_the_tables_hold_their_value(outbox: Outbox) -> None:
    """Each kind of row is filed under what it is worth."""
    track = Track(1, 1, 1, 0, 100, b"\x12")
    outbox.put([saw(), rain(), Heartbeat(1), Note(1, 1), Of(1, track), Event(1, 2, 33, 5, tags=Tag.PERSON)])
    lines = outbox._file.read(lambda db: db.execute("SELECT value FROM rows ORDER BY seq").fetchall())
    threat, plain, telemetry = Value.THREAT, Value.ORDINARY, Value.TELEMETRY
    assert [value for (value,) in lines] == [threat, plain, telemetry, plain, telemetry, threat]


OPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.lists(st.sampled_from("TOH"), min_size=1, max_size=4)),
        st.tuples(st.just("send"), st.integers(1, 5)),
        st.tuples(st.just("lose"), st.integers(1, 5)),
        st.tuples(st.just("receipt"), st.integers(0, 3)),
        st.tuples(st.just("drop"), st.integers(1, 400)),
        st.tuples(st.just("fail"), st.integers(1, 3)),
        st.tuples(st.just("reopen"), st.just(0)),
        st.tuples(st.just("wait"), st.integers(1, 60)),
        st.tuples(st.just("restore"), st.integers(1, 10)),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(OPS)
def test_every_row_is_waiting_receipted_or_in_a_gap(ops: list[tuple[str, object]]) -> None:
    """After any order of puts, sends, losses, receipts, drops, failures, restarts and a hub set back: no seq comes
    twice, none is missing without a gap, no threat is missing unless dropped here, and the chain verifies.
    """
    with TemporaryDirectory() as folder:
        bench, book = Bench(), Book()
        box = opened(Path(folder) / "outbox.db", bench, ballast=0)
        put: dict[int, Row] = {}
        for name, value in ops:
            bench.turn(1)
            if name == "put":
                rows: list[Row] = [{"T": saw, "O": rain, "H": Heartbeat}[kind](bench.t_ms) for kind in value]  # type: ignore[attr-defined, operator]
                for seq, row in zip(box.put(rows), rows, strict=True):
                    assert seq not in put
                    put[seq] = row
            elif name in ("send", "lose"):
                parcel = box.next_batch(max_rows=int(str(value)))
                if parcel and name == "send":
                    book.take(batch.encode(parcel.outbox, 1, parcel.mapping, parcel.records))
            elif name == "receipt" and book.outbox:
                book.safe_up_to = max(book.safe_up_to, book.receipt().up_to - int(str(value)) * 5)
                box.receipted(book.receipt())
            elif name == "drop":
                drop(box, int(str(value)))
            elif name == "fail" and (parcel := box.next_batch(max_rows=int(str(value)))):
                box.failed(parcel.seqs)
            elif name == "reopen":
                box.close()
                box = opened(Path(folder) / "outbox.db", bench, ballast=0)
            elif name == "wait":
                bench.turn(float(str(value)))
            elif name == "restore":
                for seq in [seq for seq in book.rows if seq > max(book.safe_up_to, len(book.rows) - int(str(value)))]:
                    del book.rows[seq]
                if book.outbox:
                    box.receipted(book.receipt())
        dropped = box.stats().dropped
        box.put([rain()])
        for _ in range(3):  # a hub that was set back is believed on its second word
            drain(box, book)
            bench.turn(31)
            box.receipted(book.receipt())
        drain(box, book)
        assert book.known() == set(range(1, box.stats().last_seq + 1))
        assert all(book.rows[seq][1] == row for seq, row in put.items() if seq in book.rows)
        if not dropped:
            assert all(seq in book.rows for seq, row in put.items() if isinstance(row, Event) and row.cls == SAW)
        book.verify()
        box.close()
