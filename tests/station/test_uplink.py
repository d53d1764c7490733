"""The uplink, turn by turn: what it sends, and what a receipt does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from otorongo.station.errors import TransportError
from otorongo.station.outbox import Of
from otorongo.station.uplink_config import Endpoint, endpoint
from otorongo.wire import batch, birth, chain, status, topics
from otorongo.wire.birth import Birth
from otorongo.wire.codes import Clock, Counter, GapReason, Kind, Tag
from otorongo.wire.receipt import Receipt
from otorongo.wire.rows import Event, Heartbeat, Seal
from tests.station.outbox_bench import SAW, opened, rain, saw
from tests.station.uplink_fakes import UTC0_MS, Bench
from tests.station.uplink_rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A connected uplink, whose first heartbeat is receipted."""
    made = Rig(tmp_path)
    made.connect()
    made.settle()
    made.pipe.sent.clear()
    yield made
    made.sensor.close()
    made.outbox.close()


def test_on_connecting_birth_and_status_are_retained(tmp_path: Path) -> None:
    """The birth names outbox, boot and key; batches name the birth; the first row is a heartbeat."""
    rig = Rig(tmp_path)
    rig.turn()
    assert rig.pipe.sent == [], "nothing is sent before the broker answers"
    rig.connect()
    [(_, payload, retained)] = [one for one in rig.pipe.sent if one[0] == topics.BIRTH]
    told = birth.decode(payload)
    assert retained
    assert (told.outbox, told.boot, told.public_key) == (rig.outbox.outbox_id, 1, rig.signer.public_key)
    assert status.decode(rig.sent(topics.STATUS)[0]).state == "online"
    [first] = rig.take()
    assert first.header.birth == birth.hash_of(payload)
    assert first.header.mapping.utc0_ms == UTC0_MS
    beat = first.records[0].row
    assert isinstance(beat, Heartbeat)
    assert (beat.sensor, beat.next_contact_s, beat.temperature_dc, beat.battery_mv) == (0, 3600, 412, 12_600)


def test_an_acknowledgement_of_the_broker_empties_nothing(rig: Rig) -> None:
    """After the broker has a row it still waits; the receipt forgets it."""
    rig.sensor.put([rain()])
    rig.turn()
    rig.turn()
    assert rig.outbox.stats().waiting == 1
    rig.take()
    rig.pipe.receipt(rig.book.receipt())
    rig.turn()
    assert rig.outbox.stats().waiting == 0
    assert rig.uplink.counters[Counter.ROWS_RECEIPTED] == 2


def test_a_threat_overtakes_what_waits_for_the_pipe(rig: Rig) -> None:
    """While an ordinary batch waits for the broker, a threat goes out and further ordinary ones do not."""
    rig.pipe.acks = False
    rig.sensor.put([rain()])
    rig.turn()
    rig.sensor.put([rain()])
    rig.turn()
    assert len(rig.take()) == 1
    [seq] = rig.sensor.put([saw()])
    rig.turn()
    [sent] = rig.take()
    assert [record.seq for record in sent.records] == [seq]


def test_without_a_receipt_it_is_sent_again_after_its_patience(rig: Rig) -> None:
    """Nothing is repeated within 60 s of the broker's acknowledgement; then it is, and counted."""
    [seq] = rig.sensor.put([rain()])
    for _ in range(59):
        rig.turn()
    rig.take()
    assert rig.book.times[seq] == 1
    rig.turn(5)
    rig.turn()
    rig.take()
    assert rig.book.times[seq] == 2
    assert rig.uplink.counters[Counter.BATCHES_RESENT] == 1


def test_a_row_that_no_hub_takes_ends_as_a_gap_and_blocks_nobody(rig: Rig) -> None:
    """A batch whose receipt never comes is halved down to the one bad row, which becomes a gap; the others arrive."""
    seqs = rig.sensor.put([rain(n) for n in range(6)])
    bad = seqs[3]
    for round_ in range(400):
        for payload in rig.pipe.batches():
            if bad not in [record.seq for record in batch.decode(payload).records]:
                rig.book.take(payload)
                rig.pipe.receipt(rig.book.receipt())
        if round_ % 10 == 0:
            rig.sensor.put([rain(round_)])  # the hub takes others meanwhile
        rig.turn(30)
        if rig.book.gaps:
            break
    assert [(gap.first, gap.last, gap.reason) for gap in rig.book.gaps] == [(bad, bad, GapReason.POISON)]
    assert set(seqs) - {bad} <= set(rig.book.rows)
    rig.settle()
    assert rig.outbox.stats().waiting == 0
    rig.book.verify()


def test_a_silent_hub_poisons_nothing(rig: Rig) -> None:
    """A week without any receipt: every row is still there, and few bytes were spent."""
    rig.sensor.put([rain(), saw()])
    for _ in range(7 * 24 * 6):
        rig.turn(600)
    assert rig.outbox.stats().dropped == 0
    sent = len(rig.sent(topics.RECORDS))
    assert sent < 7 * 24 * 12
    rig.settle(60)
    assert rig.outbox.stats().waiting == 0
    rig.book.verify()


def test_the_hubs_time_dates_a_boot_without_a_clock(tmp_path: Path) -> None:
    """An unset clock takes the hub's time from a receipt for its own fresh row, with the wait as its bound."""
    rig = Rig(tmp_path, state=Clock.UNSET)
    rig.connect()
    [first] = rig.take()
    assert first.header.mapping.clock == Clock.UNSET
    rig.turn(3)
    rig.pipe.receipt(rig.book.receipt(UTC0_MS + rig.bench.t_ms))
    rig.turn(1)
    rig.sensor.put([rain()])
    rig.turn()
    [second] = rig.take()
    assert second.header.mapping.clock == Clock.HUB
    assert abs(second.header.mapping.utc0_ms - UTC0_MS) <= second.header.mapping.bound_ms <= 8192


def test_an_old_receipt_does_not_set_the_clock(tmp_path: Path) -> None:
    """A receipt for rows of an earlier process may have waited for days: its time is not believed."""
    before = opened(tmp_path / "outbox.db", Bench(state=Clock.UNSET))
    before.put([rain()])
    before.close()
    rig = Rig(tmp_path, state=Clock.UNSET)
    rig.connect()
    rig.pipe.receipt(Receipt(rig.outbox.outbox_id, 1, hub_time_ms=5_000_000_000))
    rig.turn()
    rig.sensor.put([rain()])
    rig.turn()
    assert all(one.header.mapping.clock == Clock.UNSET for one in rig.take())


def test_a_closed_threat_is_sealed_and_the_seal_holds(rig: Rig) -> None:
    """Within a minute after a threat closes the chain's head is signed; the signature and the head hold."""
    [opening] = rig.sensor.put([saw()])
    rig.sensor.put([Of(opening, Event(5000, 1, SAW, 40, tags=Tag.THREAT, kind=Kind.CLOSE))])
    rig.settle()
    rig.turn(61)
    rig.settle()
    seals = [row for _, row in rig.book.rows.values() if isinstance(row, Seal)]
    last = max(seals, key=lambda seal: seal.up_to)
    assert last.up_to >= opening + 1
    text = chain.sealed_bytes("K-02", rig.outbox.outbox_id, last.up_to, last.head)
    Ed25519PublicKey.from_public_bytes(rig.signer.public_key).verify(last.signature, text)
    head = chain.genesis(rig.outbox.outbox_id)
    for seq in range(1, last.up_to + 1):
        boot, row = rig.book.rows[seq]
        head = chain.link_row(head, seq, boot, row)
    assert head == last.head
    count = len(seals)
    for _ in range(30):
        rig.turn(600)
        rig.settle(2)
    assert len([row for _, row in rig.book.rows.values() if isinstance(row, Seal)]) == count, "no seal without cause"


def test_once_a_day_there_is_a_seal(rig: Rig) -> None:
    """A day without threats is sealed too."""

    def seals() -> int:
        return sum(isinstance(row, Seal) for _, row in rig.book.rows.values())

    def hours(count: int) -> None:
        for _ in range(count):
            rig.turn(3600)
            rig.settle(3)

    hours(1)
    assert seals() == 1
    hours(23)
    assert seals() == 1
    hours(1)
    assert seals() == 2


def test_an_unknown_birth_is_sent_when_asked(rig: Rig) -> None:
    """A receipt that wants the birth gets the births of waiting rows, then the present one, which stays retained."""
    rig.sensor.speak_as(birth.encode(Birth(rig.outbox.outbox_id, 1, "an older one")))
    rig.sensor.put([rain()])
    rig.turn()
    rig.pipe.receipt(rig.book.receipt(want_birth=True))
    rig.turn()
    births = [(birth.decode(payload).software, keep) for leaf, payload, keep in rig.pipe.sent if leaf == topics.BIRTH]
    assert births == [("an older one", False), ("otorongo test", True)]
    rig.pipe.receipt(rig.book.receipt(want_birth=True))
    rig.turn()
    assert len(rig.sent(topics.BIRTH)) == 2, "not for every receipt"
    rig.turn(31)
    assert len(rig.sent(topics.BIRTH)) > 2


def test_the_birth_of_rows_that_are_gone_is_sent_when_asked(rig: Rig) -> None:
    """The receipt that asks for a birth takes the last rows that refer to it: the birth is sent all the same."""
    rig.sensor.speak_as(birth.encode(Birth(rig.outbox.outbox_id, 0, "of the camera")))
    rig.sensor.put([rain()])
    rig.settle()
    rig.turn(31)
    assert rig.outbox.stats().waiting == 0
    rig.pipe.receipt(rig.book.receipt(want_birth=True))
    rig.turn()
    births = [birth.decode(payload).software for leaf, payload, _ in rig.pipe.sent if leaf == topics.BIRTH]
    assert births[-2:] == ["of the camera", "otorongo test"]


def test_nonsense_from_the_hub_is_counted_and_passed_over(rig: Rig) -> None:
    """Bytes that are no receipt and no want change nothing but a counter."""
    rig.pipe.down(topics.RECEIPT, b"\xc1")
    rig.pipe.down(topics.WANTS, b"nonsense")
    rig.pipe.down(topics.BIRTH, b"?")
    rig.turn()
    assert rig.uplink.counters[Counter.BAD_INPUT] == 2


def test_a_broker_that_owes_acknowledgements_is_left(rig: Rig) -> None:
    """Three minutes without the broker's acknowledgement: the connection is rebuilt and the rows go again."""
    rig.pipe.acks = False
    rig.sensor.put([rain()])
    rig.turn()
    rig.take()
    for _ in range(5):
        rig.turn(61)
    assert len(rig.pipe.rebuilt) == 1
    rig.pipe.lose("rebuilt")
    rig.pipe.acks = True
    rig.connect()
    rig.turn()
    assert rig.take()


def test_a_hub_that_came_back_from_a_backup_gets_its_threats(rig: Rig) -> None:
    """After a restore the receipts shrink: threat rows that were committed travel again."""
    [seq] = rig.sensor.put([saw()])
    rig.settle()
    del rig.book.rows[seq]
    rig.sensor.put([rain()])
    rig.settle()
    assert seq in rig.book.rows


def test_an_outbox_that_was_replaced_is_announced(rig: Rig) -> None:
    """When the outbox is a new one the birth names it before its first batch."""
    old = rig.outbox.outbox_id
    rig.pipe.receipt(Receipt(old, 5000))
    rig.turn()
    rig.sensor.put([saw()])
    rig.turn()
    assert rig.outbox.outbox_id != old
    leaves = [leaf for leaf, _, _ in rig.pipe.sent]
    assert leaves.index(topics.BIRTH) < leaves.index(topics.RECORDS)
    assert birth.decode(rig.sent(topics.BIRTH)[0]).outbox == rig.outbox.outbox_id


def test_the_farewell_says_whether_it_sleeps(rig: Rig) -> None:
    """A planned sleep and an end are different words."""
    assert status.decode(rig.uplink.farewell(600)) == status.Status("sleeping", 600, UTC0_MS + rig.bench.t_ms)
    assert status.decode(rig.uplink.farewell()).state == "offline"


def test_addresses_of_brokers_are_checked() -> None:
    """Scheme, host and port are read, defaults filled in, and everything else refused with what is allowed."""
    assert endpoint("mqtts://hub.example") == Endpoint("hub.example", 8883, True)
    assert endpoint("mqtt://127.0.0.1:1884") == Endpoint("127.0.0.1", 1884, False)
    for wrong in ("hub", "http://hub", "mqtt://", "mqtt://hub:x", "mqtt://hub/path", "mqtt://me:pw@hub"):
        with pytest.raises(TransportError, match="allowed"):
            endpoint(wrong)
    for wrong in ("mqtt://me:geheim@hub", "mqtt://me:geheim@hub:x", "mqtt://me:geheim@hub:99999"):
        with pytest.raises(TransportError) as caught:
            endpoint(wrong)
        assert "geheim" not in str(caught.value)
