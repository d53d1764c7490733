"""Two cards with one outbox: a copied card, or one put back to an older state. Every saw on either is heard."""

import contextlib
import shutil
from pathlib import Path
from typing import Any

from otorongo.hub import messages, store_deliveries, store_events, store_records, store_stations
from otorongo.hub.belief import NO_RULES
from otorongo.hub.config_activities import ActivityConfig
from otorongo.hub.ingest import Payload, accept, accept_many
from otorongo.hub.presence import take_birth
from otorongo.hub.rules import Rules
from otorongo.hub.store import Store
from otorongo.wire import batch
from otorongo.wire import receipt as wire_receipt
from otorongo.wire.codes import CloseReason, Tag
from otorongo.wire.receipt import Receipt, renewal
from otorongo.wire.rows import Event
from tests.hub import scenes
from tests.hub.fakes import CHAINSAW, NOON_MS, Card, mapping, state
from tests.station.outbox_bench import opened
from tests.station.uplink_fakes import UTC0_MS, Bench

NOW_MS = NOON_MS + 600_000


def _take(store: Store, card: Card, payload: bytes, now_ms: int = NOW_MS) -> Receipt | None:
    return accept(store, NO_RULES, card.station, payload, now_ms)


def _events(store: Store) -> list[dict[str, Any]]:
    with store.read() as tx:
        return store_events.events_between(tx, 0, 1 << 50, quarantined=True)


def _fork(store: Store) -> tuple[Card, Card]:
    """A card whose first row the hub has, and its copy, on which something else was noticed."""
    card, copy = Card(), Card()
    card.open(1000)
    copy.open(1000, evidence=-10)
    _take(store, card, card.batch())
    return card, copy


def test_other_bytes_under_a_known_seq_are_never_called_committed(store: Store) -> None:
    """The first row stays, its event closes as lost, the second is kept, and the receipt asks for a new outbox."""
    _, copy = _fork(store)
    assert _take(store, copy, copy.batch()) == renewal(7, NOW_MS)
    (event,) = _events(store)
    assert (event["evidence"], event["reason"]) == (40, CloseReason.LOST)
    with store.read() as tx:
        assert "begin a new one" in store_stations.kept_newest(tx)[0]["reason"]
        assert [note["what"] for note in store_stations.notes_newest(tx)] == ["conflict"]
        assert store_records.spans_in(tx, ("K-02", 7), 1, 99) == [(1, 1)]


def test_from_then_on_neither_card_is_believed_under_that_outbox(store: Store) -> None:
    """The copy's clock must not date the rows of the other, nor its receipts make it forget them."""
    card, copy = _fork(store)
    copy.beat(2000)
    _take(store, copy, copy.batch())
    before = state(store)
    card.open(5000)
    assert _take(store, card, card.batch([2])) == renewal(7, NOW_MS)
    assert _take(store, copy, copy.batch([2], mapping(utc0_ms=NOON_MS + 300_000))) == renewal(7, NOW_MS)
    (receipt,) = accept_many(store, NO_RULES, [Payload("K-02", card.batch())], NOW_MS, safe_at_commit=lambda _: True)
    assert receipt == renewal(7, NOW_MS)
    assert take_birth(store, NO_RULES, "K-02", card.birth(), NOW_MS) == renewal(7, NOW_MS)
    assert state(store) == before


def test_two_cards_in_one_transaction(store: Store) -> None:
    """Batches of both that come together are told apart too; nothing of either is committed."""
    card, copy = Card(), Card()
    card.open(1000)
    copy.open(1000, evidence=-10)
    told = accept_many(store, NO_RULES, [Payload("K-02", one.batch()) for one in (card, copy)], NOW_MS)
    assert told == [renewal(7, NOW_MS)] * 2
    assert _events(store) == []
    with store.read() as tx:
        assert store_records.spans_in(tx, ("K-02", 7), 1, 99) == []
        assert len(store_stations.kept_newest(tx)) == 2


def test_other_outboxes_of_the_station_go_on(store: Store) -> None:
    """Only the outbox that was copied is given up."""
    _, copy = _fork(store)
    _take(store, copy, copy.batch())
    fresh = Card(outbox=8)
    fresh.open(1000)
    assert _take(store, fresh, fresh.batch()) == Receipt(8, 1, hub_time_ms=NOW_MS)


def _hear(store: Store, rules: Rules, path: Path, bench: Bench, second: int) -> None:
    """A station starts with this card, hears a saw, and sends until nothing waits."""
    bench.t_ms = second * 1000
    with contextlib.closing(opened(path, bench)) as box:
        box.put([Event(bench.t_ms, 1, CHAINSAW, 80, tags=Tag.THREAT, hits=9, peak=99)])
        for _ in range(9):
            if parcel := box.next_batch(set()):
                payload = batch.encode(parcel.outbox, parcel.birth, parcel.mapping, parcel.records)
                receipt = accept(store, rules, "K-02", payload, UTC0_MS + bench.t_ms + 2000)
                assert receipt is not None
                box.receipted(wire_receipt.decode(wire_receipt.encode(receipt)))
        assert box.stats().waiting == 0


def test_saws_on_a_card_and_on_its_copy_both_ring(store: Store, tmp_path: Path) -> None:
    """The station's own outbox, copied: the saws of both are judged and ring, and the coordinator hears of the copy."""
    alone = ActivityConfig(name="logging", weights={"chainsaw": 1.0}, alone=True, ring_at=0.7, prior=0.01, quiet_min=9)
    rules = scenes.rules(tmp_path, activity=(alone,))
    card, copy, bench = tmp_path / "card" / "outbox.db", tmp_path / "copy" / "outbox.db", Bench()
    _hear(store, rules, card, bench, 60)
    shutil.copytree(card.parent, copy.parent)
    _hear(store, rules, card, bench, 3600)
    _hear(store, rules, copy, bench, 7200)
    _hear(store, rules, card, bench, 10_800)
    heard = sorted((one["start_ms"] - UTC0_MS) // 1000 for one in _events(store))
    assert set(heard) == {60, 3600, 7200, 10_800}
    with store.read() as tx:
        sent = store_deliveries.deliveries_since(tx, 0)
    rung = {row["alert"] for row in sent if row["kind"] == "ring" and row["person"] == "ana"}
    assert len(rung) == 4
    (copied,) = [row for row in sent if row["kind"] == "health"]
    assert (copied["person"], copied["data"]["news"]) == ("carla", "copied")
    carla = scenes.PEOPLE[2]
    assert "copiada" in messages.compose(copied, None, carla, carla.channels[0], "").text
