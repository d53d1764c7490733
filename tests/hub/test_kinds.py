"""Several kinds of animals in one visit: how each of them is found, also of before there was a table of them."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from otorongo.hub import migrations, shown, store_events, store_visits
from otorongo.hub.store import Store, make_engine
from otorongo.hub.store_visits import Asked, Cursor, Eyes
from otorongo.hub.store_web import Sight
from otorongo.wire import rows, seen
from otorongo.wire.classes import BY_NAME
from otorongo.wire.codes import Kind, NameSource
from otorongo.wire.rows import Event, Seen
from tests.hub.fakes import Card
from tests.hub.test_reviewed import arrive
from tests.hub.test_shown import ANIMAL, BOXES, NUMBERS, card

AGOUTI, PACA, PUMA, JAGUAR, HUMAN = (
    NUMBERS[name]
    for name in ("dasyprocta variegata", "cuniculus paca", "puma concolor", "panthera onca", "homo sapiens")
)
ALERTS = Sight(alerts=True, places=None, sealed_places=None, drills=True)
EVERYTHING = Eyes(ALERTS, everywhere=True, stations=(), apart=())


def packed(*numbers: int) -> bytes:
    """Kinds of a row, one animal each."""
    return seen.pack_kinds(seen.Kind(number, 0.8, NameSource.CLASSIFIER, 1) for number in numbers)


def visit(on: Card, number: int, *kinds: int, cls: int = ANIMAL) -> None:
    """A visit of this name, and the kinds in it."""
    t_ms = 60_000 * (on.last + 1)
    event = on.put(Event(t_ms, 2, cls, 40, 0, Kind.CLOSE, species=number, hits=3, peak=90, count=2))
    on.put(Seen(t_ms, 2, on.last + 1 - event, seen.pack_boxes(BOXES), kinds=packed(*kinds)))


def found(store: Store, *numbers: int, limit: int = 10, before: Cursor | None = None) -> list[dict[str, Any]]:
    """The events in which one of these animals was, in their order."""
    with store.read() as tx:
        asked = Asked(0, 1 << 47, species=numbers)
        return store_visits.newest(tx, EVERYTHING, asked, limit=limit, before=before)


def events(store: Store, *numbers: int) -> list[int]:
    """Their numbers."""
    return [row["event"] for row in found(store, *numbers)]


def test_an_event_is_found_by_any_of_its_kinds(store: Store) -> None:
    """Once each, newest first, and through a cursor; nobody human is found that way, nor an animal under people."""
    on = card()
    visit(on, AGOUTI, AGOUTI, PACA, JAGUAR)
    visit(on, PACA)
    visit(on, PUMA, PUMA, PACA)
    visit(on, 0, 0, HUMAN)
    visit(on, 0, 0, PACA, cls=BY_NAME["person"].number)
    arrive(store, on)
    arrive(store, on)
    assert events(store, PACA) == [5, 3, 1]
    assert events(store, PACA, AGOUTI, PUMA, JAGUAR) == [5, 3, 1]
    assert events(store, JAGUAR) == [1]
    assert events(store, PUMA) == [5]
    assert events(store, HUMAN) == []
    pages: list[int] = []
    before = None
    while page := found(store, PACA, AGOUTI, limit=1, before=before):
        pages.append(page[0]["event"])
        before = store_visits.cursor(store_visits.cursor_of(page[0]))
    assert pages == [5, 3, 1]
    with store.read() as tx:
        row = store_events.event(tx, ("K-02", 7, 9))
        assert row is not None
        told = shown.of(tx, row)
    assert told is not None
    assert told.kinds == ()  # of people only people are told


@pytest.mark.parametrize("engine_name", ["sqlite", "postgresql"])
def test_kinds_that_came_before_the_migration_are_found(
    engine_name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A row that an older hub stored, byte for byte; one that it could not read stops nothing."""
    disk = engine_name == "sqlite"
    url = f"sqlite:///{tmp_path / 'old.db'}" if disk else str(request.getfixturevalue("postgres_database"))
    engine = make_engine(url)
    migrations.upgrade(engine, "0006")
    row = rows.standalone(Seen(60_000, 2, 1, kinds=packed(AGOUTI, PACA, HUMAN, 0)))
    insert = text(
        "INSERT INTO records (station, outbox, seq, boot, t_ms, type, tags, received_ms, row)"
        " VALUES ('K-02', 7, :seq, 1, 60000, 10, 0, 1, :row)"
    )
    with engine.begin() as tx:
        tx.execute(insert, [{"seq": 2, "row": row}, {"seq": 3, "row": b"odd"}])
    engine.dispose()
    store = Store.open(url)
    with store.read() as tx:
        told = [tuple(one) for one in tx.execute(text("SELECT station, outbox, event, species FROM kinds"))]
    store.close()
    assert sorted(told) == sorted([("K-02", 7, 1, AGOUTI), ("K-02", 7, 1, PACA)])
