"""A batch comes in: what is committed, and what the receipt promises."""

from typing import Any

from sqlalchemy import select

from otorongo.hub import db, store_events, store_records, store_stations
from otorongo.hub.belief import NO_RULES
from otorongo.hub.ingest import Payload, accept, accept_many
from otorongo.hub.store import Store
from otorongo.wire.batch import Mapping
from otorongo.wire.codes import Clock, CloseReason, Kind, NoteKind, TamperKind
from otorongo.wire.receipt import Receipt
from otorongo.wire.rows import Event, Gap, Media, Note, Tamper, Unknown
from tests.hub.fakes import CHAINSAW, NOON_MS, UNSET, Card, damaged, mapping, state

NOW_MS = NOON_MS + 600_000


def _take(store: Store, card: Card, payload: bytes, now_ms: int = NOW_MS) -> Receipt | None:
    return accept(store, NO_RULES, card.station, payload, now_ms)


def _events(store: Store) -> list[dict[str, Any]]:
    with store.read() as tx:
        return store_events.events_between(tx, 0, 1 << 50, quarantined=True)


def test_a_batch_is_committed_and_receipted(store: Store) -> None:
    """The receipt says what the tables hold: the rows byte for byte, the event dated."""
    card = Card()
    card.open(1000)
    card.beat(2000)
    receipt = _take(store, card, card.batch())
    assert receipt == Receipt(7, 2, hub_time_ms=NOW_MS)
    (event,) = _events(store)
    assert (event["start_ms"], event["end_ms"], event["bound_ms"], event["cls"]) == (NOON_MS + 1000, None, 64, CHAINSAW)
    with store.read() as tx:
        rows = list(store_records.records_from(tx, ("K-02", 7), 1, 9))
        assert [(seq, boot) for seq, boot, _ in rows] == [(1, 1), (2, 1)]
        assert store_stations.heartbeats_newest(tx)[0]["utc_ms"] == NOON_MS + 2000


def test_a_repeated_batch_changes_nothing_and_is_receipted(store: Store) -> None:
    """A station whose receipt was lost sends again, and gets the same receipt."""
    card = Card()
    card.open(1000)
    first = _take(store, card, card.batch())
    before = state(store)
    assert _take(store, card, card.batch()) == first
    assert state(store) == before


def test_holes_are_ranges_and_fill(store: Store) -> None:
    """Threats travel first: what is beyond a hole is said, and becomes `up_to` when the hole fills."""
    card = Card()
    for second in range(10):
        card.beat(second * 1000)
    assert _take(store, card, card.batch([3, 4, 9])) == Receipt(7, 0, ((3, 4), (9, 9)), hub_time_ms=NOW_MS)
    assert _take(store, card, card.batch([1])) == Receipt(7, 1, ((3, 4), (9, 9)), hub_time_ms=NOW_MS)
    assert _take(store, card, card.batch([2])) == Receipt(7, 4, ((9, 9),), hub_time_ms=NOW_MS)
    assert _take(store, card, card.batch()) == Receipt(7, 10, hub_time_ms=NOW_MS)


def test_with_a_synchronous_standby_what_is_committed_is_safe(store: Store) -> None:
    """Every commit is on two machines before the receipt, so both marks are the same."""
    card = Card()
    for second in range(3):
        card.beat(second)
    (receipt,) = accept_many(
        store, NO_RULES, [Payload("K-02", card.batch([1, 3]))], NOW_MS, safe_at_commit=lambda _: True
    )
    assert receipt == Receipt(7, 1, ((3, 3),), safe_up_to=1, hub_time_ms=NOW_MS)


def test_many_holes_tell_the_lowest_32(store: Store) -> None:
    """A receipt is bounded; what it does not tell, a later one does."""
    card = Card()
    for second in range(200):
        card.beat(second)
    receipt = _take(store, card, card.batch(range(2, 200, 2)))
    assert receipt is not None
    assert receipt.beyond == tuple((seq, seq) for seq in range(2, 66, 2))


def test_a_gap_counts_as_told(store: Store) -> None:
    """Rows that the station had to drop do not hold up `up_to`, and the hub knows of them."""
    card = Card()
    for second in range(5):
        card.beat(second * 1000)
    card.drop(2, 4, 9000)
    assert _take(store, card, card.batch()) == Receipt(7, 6, hub_time_ms=NOW_MS)
    with store.read() as tx:
        (gap,) = store_records.gaps_of(tx, ("K-02", 7))
        assert (gap["first"], gap["last"]) == (2, 4)


def test_a_gap_over_rows_to_come_is_not_believed(store: Store) -> None:
    """A row cannot give up what was not written yet: the hub would call it received for ever."""
    card = Card()
    card.put(Gap(0, 2, 2**62, 1, bytes(32)))
    assert _take(store, card, card.batch()) == Receipt(7, 1, hub_time_ms=NOW_MS)


def test_a_bad_header_is_kept_counted_and_not_receipted(store: Store) -> None:
    """Nothing in it can be believed, so nothing is promised; but it is there to look at."""
    card = Card()
    card.beat(0)
    payload = card.batch()[:-1]
    assert _take(store, card, payload) is None
    with store.read() as tx:
        (kept,) = store_stations.kept_newest(tx)
        assert "checksum" in kept["reason"]
        assert store_stations.kept_payload(tx, kept["id"]) == payload
        assert (store_stations.station(tx, "K-02") or {})["bad_headers"] == 1
        assert store_records.count_records(tx) == 0


def test_a_bad_body_is_kept_and_receipted_as_kept(store: Store) -> None:
    """The batch is the unit of damage: it is kept whole, the station need not send it again, and its gap closes it."""
    card = Card()
    for second in range(4):
        card.beat(second)
    good, bad = card.batch([1]), damaged(card.batch([2, 3]))
    assert _take(store, card, good) is not None
    assert _take(store, card, bad) == Receipt(7, 1, kept=((2, 3),), hub_time_ms=NOW_MS)
    with store.read() as tx:
        (kept,) = store_stations.kept_newest(tx, "K-02")
        assert kept["bytes"] == len(bad)
    card.drop(2, 3, 9000, reason=2)
    assert _take(store, card, card.batch([4, 5])) == Receipt(7, 5, hub_time_ms=NOW_MS)


def test_what_was_kept_may_come_whole(store: Store) -> None:
    """A row that came in a damaged batch and again in a good one is committed, and no longer kept."""
    card = Card()
    for second in range(3):
        card.beat(second)
    assert _take(store, card, damaged(card.batch([2, 3]))) == Receipt(7, 0, kept=((2, 3),), hub_time_ms=NOW_MS)
    assert _take(store, card, card.batch([3])) == Receipt(7, 0, ((3, 3),), kept=((2, 2),), hub_time_ms=NOW_MS)
    assert _take(store, card, card.batch()) == Receipt(7, 3, hub_time_ms=NOW_MS)
    assert _take(store, card, damaged(card.batch([2, 3]))) == Receipt(7, 3, hub_time_ms=NOW_MS)


def test_kept_input_is_bounded(store: Store) -> None:
    """At most 64 kB each and 10 MB a station: the oldest gives way and is counted."""
    with store.write() as tx:
        store_stations.touch(tx, ["K-02"], 0)
        for number in range(160):
            store_stations.keep(tx, "K-02", "u/r", bytes(70_000), f"number {number}\0", number)
        kept = store_stations.kept_newest(tx, "K-02", limit=1000)
        assert len(kept) == 10_000_000 // 65_536
        assert kept[0]["reason"] == "number 159\ufffd"
        assert kept[0]["bytes"] == 70_000
        assert (store_stations.station(tx, "K-02") or {})["kept_dropped"] == 160 - len(kept)


def test_the_highest_revision_replaces(store: Store) -> None:
    """Revisions carry the whole state: a late lower one changes nothing, and nothing is added up."""
    card = Card()
    event = card.open(1000)
    card.revise(event, 5000, kind=Kind.UPDATE, evidence=45)
    card.revise(event, 9000, evidence=60)
    _take(store, card, card.batch([3]))
    _take(store, card, card.batch([2]))
    _take(store, card, card.batch([1]))
    (found,) = _events(store)
    assert (found["event"], found["seq"], found["evidence"], found["closed_by"]) == (1, 3, 60, "station")
    assert (found["start_ms"], found["end_ms"]) == (NOON_MS + 1000, NOON_MS + 9000)


def test_an_event_without_a_close_is_closed_by_time_out_and_a_true_close_wins(store: Store) -> None:
    """A power cut leaves an event open; what the station says later counts."""
    card = Card()
    event = card.open(1000)
    _take(store, card, card.batch())
    with store.write() as tx:
        assert store_events.close_timed_out(tx, NOW_MS, NOW_MS + 1) == []
        assert store_events.close_timed_out(tx, NOW_MS + 1, NOW_MS + 3_600_000) == [("K-02", 7, 1)]
    (lost,) = _events(store)
    assert (lost["closed_by"], lost["reason"], lost["end_ms"]) == ("hub", CloseReason.LOST, NOON_MS + 1000)
    _take(store, card, card.batch())
    assert _events(store) == [lost]
    card.revise(event, 9000)
    _take(store, card, card.batch([2]))
    (closed,) = _events(store)
    assert (closed["closed_by"], closed["reason"], closed["end_ms"]) == ("station", CloseReason.QUIET, NOON_MS + 9000)


def test_a_new_card_closes_what_the_old_one_left_open(store: Store) -> None:
    """A lost card means a new outbox: its open events are lost, and the technician is told."""
    old, new = Card(outbox=7), Card(outbox=8)
    old.open(1000)
    new.beat(0)
    _take(store, old, old.batch())
    _take(store, new, new.batch())
    (event,) = _events(store)
    assert (event["reason"], event["closed_by"]) == (CloseReason.LOST, "hub")
    with store.read() as tx:
        assert [box["state"] for box in store_records.outboxes_of(tx, "K-02")] == ["lost", "open"]
        (note,) = store_stations.notes_newest(tx)
        assert note["what"] == "lost_outbox"
        assert "events closed as lost: 1" in note["text"]
    old.revise(1, 5000)
    _take(store, old, old.batch([2]))
    (event,) = _events(store)
    assert event["closed_by"] == "station"


def test_a_better_mapping_dates_again(store: Store) -> None:
    """Rows that came while the clock was unset get their true time when the station knows it."""
    card = Card()
    card.open(1000)
    card.put(Media(1500, 1, 1, 1, 10, bytes(32)))
    card.beat(2000)
    _take(store, card, card.batch([1, 2, 3], UNSET))
    (guess,) = _events(store)
    assert guess["start_ms"] == NOW_MS - 1000
    assert guess["bound_ms"] == 1 << 31
    card.beat(3000)
    _take(store, card, card.batch([4], mapping(bound_ms=128)))
    (dated,) = _events(store)
    assert (dated["start_ms"], dated["bound_ms"]) == (NOON_MS + 1000, 128)
    with store.read() as tx:
        assert store_stations.heartbeats_newest(tx)[0]["utc_ms"] == NOON_MS + 3000
        assert tx.execute(select(db.media.c.utc_ms)).scalar_one() == NOON_MS + 1500
    card.beat(4000)
    _take(store, card, card.batch([5], mapping(utc0_ms=NOON_MS + 9999, clock=Clock.RTC)))
    assert _events(store) == [dated]


def test_a_boot_that_never_had_a_clock_lies_between_its_neighbours(store: Store) -> None:
    """The night between two good boots is dated by them, with the bound that this leaves."""
    card = Card()
    card.beat(60_000, boot=1)
    lost = card.open(5000, boot=2)
    card.beat(600_000, boot=2)
    card.beat(0, boot=3)
    late = NOON_MS + 10 * 86_400_000
    for payload in card.batches(10, [mapping(1), Mapping(2), mapping(3, NOON_MS + 3_600_000)]):
        _take(store, card, payload, late)
    (event,) = _events(store)
    assert event["event"] == lost
    assert NOON_MS + 60_000 <= event["start_ms"] <= NOON_MS + 3_600_000
    assert event["bound_ms"] < 3_600_000


def test_the_future_is_quarantined_until_it_is_dated_better(store: Store) -> None:
    """A clock that is a year ahead rings nobody; its rows are stored, flagged, and come back when the clock does."""
    card = Card()
    card.open(1000)
    ahead = mapping(utc0_ms=NOON_MS + 365 * 86_400_000, clock=Clock.RTC)
    assert _take(store, card, card.batch(None, ahead)) == Receipt(7, 1, hub_time_ms=NOW_MS)
    (event,) = _events(store)
    assert event["quarantined"]
    with store.read() as tx:
        assert store_events.events_between(tx, 0, 1 << 50) == []
    card.beat(2000)
    _take(store, card, card.batch([2]))
    (event,) = _events(store)
    assert not event["quarantined"]


def test_a_note_is_of_what_has_been(store: Store) -> None:
    """Notes are dated no later than they were received, also when their boot is dated anew."""
    card = Card()
    card.put(Note(0, NoteKind.STARTED, "hola"))
    _take(store, card, card.batch(clock=mapping(utc0_ms=NOW_MS + 86_400_000)))
    with store.read() as tx:
        assert store_stations.notes_newest(tx)[0]["at_ms"] == NOW_MS
    card.beat(1000)
    _take(store, card, card.batch([2], mapping(utc0_ms=NOW_MS + 90_000_000, clock=Clock.GNSS)))
    with store.read() as tx:
        assert store_stations.notes_newest(tx)[0]["at_ms"] == NOW_MS


def test_names_that_differ_only_in_case_are_one_station(store: Store) -> None:
    """`k-02` may not pass for `K-02`: what it sends is kept, not committed."""
    card = Card()
    card.beat(0)
    _take(store, card, card.batch())
    assert accept(store, NO_RULES, "k-02", card.batch(), NOW_MS) is None
    with store.read() as tx:
        assert [row["station"] for row in store_stations.stations_by_name(tx)] == ["K-02"]
        assert "'k-02' is known as 'K-02'" in store_stations.kept_newest(tx)[0]["reason"]


def test_notes_and_tampering_reach_the_technician_once(store: Store) -> None:
    """Even with a NUL in the text, and however often the batch comes."""
    card = Card()
    card.put(Note(0, NoteKind.SENSOR_FAULT, "no sound\0", 1))
    card.put(Tamper(5, TamperKind.OPENED, 2))
    _take(store, card, card.batch())
    _take(store, card, card.batch())
    with store.read() as tx:
        tamper, note = store_stations.notes_newest(tx)
        assert (note["what"], note["kind"], note["text"]) == ("station", NoteKind.SENSOR_FAULT, "no sound\ufffd")
        assert (tamper["what"], tamper["kind"], tamper["sensor"]) == ("tamper", TamperKind.OPENED, 2)


def test_rows_of_a_later_version_are_kept_byte_for_byte(store: Store) -> None:
    """A type that this hub does not know is committed and receipted, dated by its first field."""
    card = Card()
    card.put(Unknown(200, (4000, "new", b"x")))
    card.put(Event(1000, 1, 250, 10, extra=(1, 2)))
    assert _take(store, card, card.batch()) == Receipt(7, 2, hub_time_ms=NOW_MS)
    with store.read() as tx:
        assert tx.execute(select(db.records.c.t_ms).where(db.records.c.type == 200)).scalar_one() == 4000


def test_the_largest_numbers_fit(store: Store) -> None:
    """The last seq and the latest time that the wire can carry are committed."""
    card = Card()
    card.last = 0x7FFFFFFFFFFFFFFE
    card.heads[card.last] = bytes(32)
    card.put(Event(0xFFFFFFFFFF, 255, 255, -80, 255, 2, 255, 65535, 1000, 0xFFFFFFFF, 65535, 100, -128, 127))
    receipt = _take(store, card, card.batch(None, mapping(utc0_ms=2**48 - 1)))
    assert receipt == Receipt(7, 0, ((0x7FFFFFFFFFFFFFFF, 0x7FFFFFFFFFFFFFFF),), hub_time_ms=NOW_MS)


def test_the_birth_is_asked_for_until_it_comes(store: Store) -> None:
    """A batch that names an unknown birth is committed, and its receipt asks for the birth."""
    card = Card()
    card.birth()
    card.beat(0)
    receipt = _take(store, card, card.batch())
    assert receipt is not None
    assert receipt.want_birth


def test_batches_of_many_stations_in_one_transaction(store: Store) -> None:
    """Each payload has its own receipt, in order, and damage in one does not touch the others."""
    cards = [Card(f"K-{number}", 100 + number) for number in range(4)]
    for card in cards:
        card.open(1000)
        card.beat(2000)
    payloads = [Payload(card.station, card.batch([seq])) for seq in (1, 2) for card in cards]
    payloads[2] = Payload("K-2", b"rubbish")
    receipts = accept_many(store, NO_RULES, payloads, NOW_MS)
    assert [receipt and (receipt.outbox, receipt.up_to, receipt.beyond) for receipt in receipts] == [
        (100, 2, ()), (101, 2, ()), None, (103, 2, ()), (100, 2, ()), (101, 2, ()), (102, 0, ((2, 2),)), (103, 2, ()),
    ]  # fmt: skip
