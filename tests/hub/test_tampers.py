"""Somebody covers a lens: a note stands on the station's page, and coordinators are told, not too often."""

import pytest

from otorongo.hub import store_deliveries, store_stations
from otorongo.hub.ingest import accept
from otorongo.hub.rules import Rules
from otorongo.hub.store import Store
from otorongo.wire.codes import Tag, TamperKind
from otorongo.wire.rows import Tamper
from tests.hub.fakes import NOON_MS, Card, mapping
from tests.hub.scenes import MINUTE_MS, rules

HOUR_MS = 60 * MINUTE_MS


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory) -> Rules:
    """Three places and their people."""
    return rules(tmp_path_factory.mktemp("hub"))


def sent(store: Store) -> list[str]:
    """Who gets a message of what."""
    with store.read() as tx:
        found = store_deliveries.deliveries_since(tx, 0)
    return [f"{one['person']} {one['data']['news']}" for one in found if one["kind"] == "health"]


def tampered(store: Store, here: Rules, card: Card, minute: int, *kinds: TamperKind) -> None:
    """A batch with tampers of that minute."""
    first = card.last + 1
    for kind in kinds:
        card.put(Tamper(minute * MINUTE_MS, kind, 2, Tag.THREAT | Tag.PERSON))
    payload = card.batch(range(first, card.last + 1), mapping(1, NOON_MS))
    assert accept(store, here, card.station, payload, NOON_MS + minute * MINUTE_MS) is not None


def test_coordinators_are_told_of_a_covered_lens(store: Store, here: Rules) -> None:
    """One message for a batch, however many tampers; each is a note; a batch that comes again tells nothing."""
    card = Card("Z-09")
    tampered(store, here, card, 1, TamperKind.COVERED, TamperKind.CAMERA_DEAD)
    told = sent(store)
    assert told
    assert {one.split()[1] for one in told} == {"tampered"}
    assert len(told) == len(set(told))
    accept(store, here, card.station, card.batch(clock=mapping(1, NOON_MS)), NOON_MS + 2 * MINUTE_MS)
    assert sent(store) == told
    with store.read() as tx:
        notes = [one["kind"] for one in store_stations.notes_newest(tx, "Z-09") if one["what"] == "tamper"]
    assert sorted(notes) == [TamperKind.COVERED, TamperKind.CAMERA_DEAD]


def test_within_an_hour_they_are_told_once(store: Store, here: Rules) -> None:
    """Whoever plays with a lens does not flood telephones; an hour later it is news again; each station has its own."""
    card, other = Card("Z-09"), Card("Z-10", 8)
    tampered(store, here, card, 1, TamperKind.COVERED)
    once = len(sent(store))
    tampered(store, here, card, 30, TamperKind.COVERED)
    assert len(sent(store)) == once
    tampered(store, here, other, 31, TamperKind.MOVED)
    assert len(sent(store)) == 2 * once
    tampered(store, here, card, 95, TamperKind.COVERED)
    assert len(sent(store)) == 3 * once


def test_a_station_that_catches_up_floods_nobody(store: Store, here: Rules) -> None:
    """Tampers of a day come one by one when the link is back: one message, and every one of them is a note."""
    card = Card("Z-09")
    for number in range(12):
        card.put(Tamper(number * 2 * HOUR_MS, TamperKind.COVERED, 2, Tag.THREAT))
        payload = card.batch(range(card.last, card.last + 1), mapping(1, NOON_MS))
        accept(store, here, card.station, payload, NOON_MS + 24 * HOUR_MS + number * 240_000)
    people = [one.split()[0] for one in sent(store)]
    assert people
    assert len(people) == len(set(people))
    with store.read() as tx:
        assert sum(one["what"] == "tamper" for one in store_stations.notes_newest(tx, "Z-09")) == 12
