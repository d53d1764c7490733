"""Order, repetition and batching of what comes, and workers that take it at once, change nothing."""

import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otorongo.hub import db, store_events, store_records
from otorongo.hub.belief import NO_RULES
from otorongo.hub.ingest import Payload, accept_many
from otorongo.hub.store import Store
from otorongo.wire.batch import Mapping
from otorongo.wire.codes import Kind, NoteKind
from otorongo.wire.receipt import Receipt
from otorongo.wire.rows import Media, Note
from tests.hub.fakes import NOON_MS, Card, mapping, state

NOW_MS = NOON_MS + 600_000


def _events(store: Store) -> list[dict[str, Any]]:
    with store.read() as tx:
        return store_events.events_between(tx, 0, 1 << 50, quarantined=True)


def _scene() -> Card:
    """A card with two boots, events, a gap, a note: what the property shuffles."""
    card = Card()
    first = card.open(1000, boot=1)
    card.beat(2000, boot=1)
    second = card.open(3000, cls=7, boot=1)
    card.revise(first, 6000, kind=Kind.UPDATE, boot=1)
    card.put(Note(6500, NoteKind.OTHER, "hello"), 1)
    card.revise(second, 7000, cls=7, boot=1)
    card.revise(first, 9000, boot=1)
    card.put(Media(9500, 1, 6, 1, 10, bytes(32)), 1)
    card.drop(2, 2, 9900)
    third = card.open(100, boot=2)
    card.beat(200, sensor=1, boot=2)
    card.revise(third, 800, boot=2)
    return card


@pytest.fixture
def blank_store() -> Iterator[Store]:
    """A store in memory, to be emptied and used many times."""
    store = Store.open("sqlite://")
    yield store
    store.close()


@pytest.mark.parametrize("clocks", [(), (mapping(1), Mapping(2)), (Mapping(1), mapping(2, NOON_MS + 60_000))])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_order_repetition_and_splitting_change_nothing(
    clocks: tuple[Mapping, ...], data: st.DataObject, blank_store: Store
) -> None:
    """The same rows in any batches, in any order, any number of times, leave the same tables and the same receipt."""
    card = _scene()
    size = data.draw(st.integers(1, 12))
    payloads = card.batches(size, clocks)
    again = data.draw(st.lists(st.sampled_from(payloads), max_size=4))
    shuffled = data.draw(st.permutations(payloads + again))
    together = data.draw(st.integers(1, 4))
    states = []
    for way in (card.batches(100, clocks), shuffled):
        with blank_store.write() as tx:
            for table in reversed(db.metadata.sorted_tables):
                tx.execute(table.delete())
        receipt = None
        for at in range(0, len(way), together):
            parts = [Payload(card.station, payload) for payload in way[at : at + together]]
            receipt = accept_many(blank_store, NO_RULES, parts, NOW_MS)[-1]
        assert receipt == Receipt(7, 12, hub_time_ms=NOW_MS)
        states.append(state(blank_store))
    assert states[0] == states[1]


def test_threads_that_take_the_same_rows_at_once(store: Store) -> None:
    """Four workers, the same batches of three stations in other orders: every row once, no deadlock."""
    cards = [Card(f"K-{number}", 100 + number) for number in range(3)]
    for card in cards:
        for second in range(20):
            card.revise(card.open(second * 1000), second * 1000 + 500)
    payloads = [Payload(card.station, batch) for card in cards for batch in card.batches(7)]
    faults: list[BaseException] = []

    def work(seed: int) -> None:
        mine = payloads.copy()
        random.Random(seed).shuffle(mine)
        try:
            for at in range(0, len(mine), 4):
                accept_many(store, NO_RULES, mine[at : at + 4], NOW_MS)
        except BaseException as error:  # noqa: BLE001 - told below, in the test's own thread
            faults.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with store.read() as tx:
        assert [store_records.count_records(tx, (card.station, card.outbox)) for card in cards] == [40, 40, 40]
        assert [store_records.up_to(tx, (card.station, card.outbox)) for card in cards] == [40, 40, 40]
    assert len(_events(store)) == 60
