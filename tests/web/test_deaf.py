"""Stations that answer and do not listen: what an empty list is judged by says so."""

import re

import pytest

from otorongo.hub.ingest import accept
from otorongo.wire.codes import Kind, NoteKind
from otorongo.wire.rows import Event, Heartbeat, Note, Row
from tests.hub.fakes import CHAINSAW, Card, mapping
from tests.web.conftest import Hub

SENSOR = 1
FAULT, BACK, STOPPED = (Note(9, kind, "x", SENSOR) for kind in (
    NoteKind.SENSOR_FAULT, NoteKind.SENSOR_BACK, NoteKind.STOPPED,
))  # fmt: skip
BEAT, UPLINK = Heartbeat(9, SENSOR, 4500), Heartbeat(9, 0, 4500)
SAYS = "K-02 no escucha: "


def plain(page: str) -> str:
    """A page without the marks that keep names in one line."""
    return re.sub(r'<span class="whole">(.*?)</span>', r"\1", page)


def told(hub: Hub, *rows: Row, after_ms: int = 0) -> tuple[str, str, str]:
    """These rows arrive, time passes: what alerts, the list of stations and the page of K-02 show."""
    card = Card("K-02", 77)
    for one in rows:
        card.put(one)
    clock = mapping(1, hub.clock())
    assert accept(hub.store, hub.seeded.rules, "K-02", card.batch(clock=clock), hub.clock()) is not None
    hub.clock.pass_ms(after_ms)
    alive = Card("K-02", 77)
    alive.rows, alive.heads, alive.last = card.rows, card.heads, card.last
    seq = alive.put(UPLINK)
    payload = alive.batch([seq], clock)
    assert accept(hub.store, hub.seeded.rules, "K-02", payload, hub.clock()) is not None
    tito = hub.login("tito")
    return plain(hub.login("jose").get("/alerts").text), tito.get("/stations").text, tito.get("/stations/K-02").text


@pytest.mark.parametrize(
    ("rows", "after_ms", "why"),
    [
        ((BEAT, FAULT), 0, "falla del sensor"),
        ((FAULT, BEAT), 0, "falla del sensor"),  # tried again in about a minute
        ((BEAT, FAULT, Event(9, SENSOR, CHAINSAW, 9, kind=Kind.CLOSE, back=1)), 0, "falla del sensor"),  # as lost
        ((BEAT, STOPPED), 900_000, "su programa se detuvo"),
        ((BEAT,), 2 * 3_600_000, "ningún sensor contesta"),
    ],
)
def test_a_station_without_a_sensor_that_listens_is_deaf(
    hub: Hub, rows: tuple[Row, ...], after_ms: int, why: str
) -> None:
    """Its uplink lives, and every page says that it does not listen, and why."""
    alerts, stations, station = told(hub, *rows, after_ms=after_ms)
    for text in (alerts, stations, station):
        assert SAYS + why in text
    assert 'class="watching bad"' in alerts
    assert '<span class="badge deaf">no escucha</span>' in stations
    assert 'Micrófono 1 <span class="badge up">' not in station


@pytest.mark.parametrize(
    "rows",
    [
        (BEAT,),
        (FAULT, BACK),
        (BEAT, FAULT, BACK),
        (STOPPED, BEAT),
        (BEAT, FAULT, Event(9, SENSOR, CHAINSAW, 9)),  # it hears again
        (BEAT, FAULT, Heartbeat(9, 2, 4500)),  # another one listens
    ],
)
def test_a_sensor_that_is_back_listens(hub: Hub, rows: tuple[Row, ...]) -> None:
    """A later sign that it hears takes back what its last fault said."""
    alerts, stations, station = told(hub, *rows)
    assert SAYS not in alerts + stations + station
    assert "7 estaciones escuchan" in alerts


def test_a_heartbeat_that_no_fault_has_followed_says_that_it_listens(hub: Hub) -> None:
    """A sensor that fails is tried again in about a minute: after two without a fault it is well."""
    alerts, _, _ = told(hub, FAULT, BEAT, after_ms=120_000)
    assert SAYS not in alerts


def test_where_none_listens_an_empty_list_means_nothing(hub: Hub) -> None:
    """All stations of a ranger are up and deaf: the page says that none listens, and that of each."""
    for n, name in enumerate(hub.seeded.rules.fixed):
        card = Card(name, 500 + n)
        card.put(UPLINK)
        card.put(STOPPED)
        clock = mapping(1, hub.clock())
        assert accept(hub.store, hub.seeded.rules, name, card.batch(clock=clock), hub.clock()) is not None
    text = plain(hub.login("jose").get("/alerts").text)
    assert "Ninguna estación escucha en sus sectores: lo que pase ahora no aparecerá aquí." in text
    assert SAYS + "su programa se detuvo." in text
    assert "N-01" not in text
