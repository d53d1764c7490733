"""What an event's page says of what it does not have: no picture and no sound, no sure time."""

import pytest
from sqlalchemy import update

from otorongo.hub import store_alerts, store_stations
from otorongo.hub.db import alert_events, events, gaps, media
from otorongo.wire.codes import GapReason, NoteKind, Tag
from tests.web import visits
from tests.web.conftest import Hub
from tests.web.visits import Filled


@pytest.fixture
def filled(hub: Hub) -> Filled:
    """Events of a day."""
    return visits.fill(hub)


def key(filled: Filled, word: str) -> dict[str, object]:
    """The columns that name an event."""
    _, _, station, outbox, event = filled.events[word].split("/")
    return {"station": station, "outbox": int(outbox), "event": int(event)}


def page(hub: Hub, filled: Filled, word: str, name: str = "elena") -> str:
    """An event as somebody sees it."""
    return hub.login(name).get(filled.events[word]).text


def test_that_nothing_was_kept_or_is_still_to_come(hub: Hub, filled: Filled) -> None:
    """Hours later nothing comes any more; while it goes on, and soon after, something may."""
    assert "La estación no guardó ninguna imagen ni sonido de este evento." in page(hub, filled, "frogs")
    of = key(filled, "frogs")
    with hub.store.write() as tx:
        where = [events.c[name] == value for name, value in of.items()]
        tx.execute(update(events).where(*where).values(end_ms=hub.clock() - 60_000))
    assert "Todavía no llegó ninguna imagen ni sonido de este evento." in page(hub, filled, "frogs")


def test_a_doubtful_time_is_explained(hub: Hub, filled: Filled) -> None:
    """Beside "± 1 min" stands what it means, on the list and the event's page; no legend where no time is in doubt."""
    elena = hub.login("elena")
    with hub.store.write() as tx:
        tx.execute(update(events).values(bound_ms=0))
    assert "tanto puede errar" not in elena.get("/events").text
    with hub.store.write() as tx:
        tx.execute(update(events).where(events.c.station == "K-03").values(bound_ms=60_000))
    listed = elena.get("/events").text
    assert "± 1 min</span>" in listed
    assert "± 1 min junto a una hora: tanto puede errar" in listed
    assert "La hora puede errar en</dt><dd>± 1 min" in page(hub, filled, "frogs")


@pytest.mark.parametrize("late", [False, True])
def test_that_it_was_discarded_for_the_sake_of_people(hub: Hub, filled: Filled, *, late: bool) -> None:
    """By what the sensor told then, or beside the event's own rows; what another sensor told is of another event."""
    of = key(filled, "frogs")
    with hub.store.read() as tx:
        row = tx.execute(events.select().where(events.c.event == of["event"], events.c.outbox == of["outbox"])).one()
    told = {"outbox": row.outbox, "seq": row.seq + 12} if late else {}
    at_ms = hub.clock() if late else row.start_ms + 5_000
    with hub.store.write() as tx:
        store_stations.add_note(tx, "K-03", at_ms, "station", "picture", kind=NoteKind.PEOPLE, sensor=2, **told)
    assert "no guardó" in page(hub, filled, "frogs")
    with hub.store.write() as tx:
        store_stations.add_note(tx, "K-03", at_ms, "station", "clip", kind=NoteKind.VOICES, sensor=1, **told)
    assert "se descartó en la estación, porque puede haber personas o voces" in page(hub, filled, "frogs")


def test_that_its_rows_were_lost(hub: Hub, filled: Filled) -> None:
    """A full card took rows right behind the event: they may have told of its sound. Those of long before did not."""
    of = key(filled, "frogs")
    gap = {"station": "K-03", "outbox": of["outbox"], "reason": int(GapReason.CARD_FULL), "head": b"", "received_ms": 1}
    with hub.store.write() as tx:
        tx.execute(gaps.insert().values(**gap, seq=900, first=0, last=0))
    assert "no guardó" in page(hub, filled, "frogs")
    with hub.store.write() as tx:
        tx.execute(gaps.insert().values(**gap, seq=901, first=int(str(of["event"])) + 3, last=890))
    assert "La estación perdió registros de ese momento (tarjeta llena)" in page(hub, filled, "frogs")


def test_the_highest_row_numbers_break_no_page(hub: Hub, filled: Filled) -> None:
    """One station that counts its rows from the last numbers there are hides neither itself nor any other."""
    on = visits.Visits(hub)
    card = on.card("K-03")
    card.last = (1 << 63) - 7
    card.heads[card.last] = card.heads[0]
    animal = on.seen("K-03", 20, "panthera onca", (("panthera onca", 0.9),))
    on.heard("K-03", 10, "chainsaw", tags=Tag.THREAT)
    frogs = on.heard("K-03", 5, "frogs")
    on.arrive()
    elena = hub.login("elena")
    for path in ("/events", "/alerts", on.path("K-03", animal), on.path("K-03", frogs), "/stations/K-03"):
        assert elena.get(path).status_code == 200, path
    assert on.path("K-03", animal) in elena.get("/events").text


def test_that_it_is_there_and_not_for_this_page(hub: Hub, filled: Filled) -> None:
    """A person's picture, and one that is sealed; of land of peoples in isolation no reason is told."""
    with hub.store.write() as tx:
        tx.execute(update(media).where(media.c.station == "Q-02").values(tags=int(Tag.PERSON)))
    assert "pero aquí no se muestra: puede mostrar a personas" in page(hub, filled, "herd")
    with hub.store.write() as tx:
        tx.execute(update(media).where(media.c.station == "Q-02").values(tags=int(Tag.PERSON | Tag.SEALED)))
    assert "está sellado: puede mostrar a personas" in page(hub, filled, "herd")
    with hub.store.write() as tx:
        store_stations.add_note(tx, "N-01", hub.clock() - 3_600_000, "station", "x", kind=NoteKind.PEOPLE, sensor=2)
    told = page(hub, filled, "tapir", "carla")
    assert "Ninguna imagen ni sonido que se pueda mostrar aquí." in told
    assert "descart" not in told


def test_an_alert_that_rings_nobody_says_what_it_lacks(hub: Hub) -> None:
    """One engine at one station: a second sign, and more certainty, in numbers; of one that rang nothing is said."""
    on = visits.Visits(hub)
    on.heard("Q-02", 5, "engine_steady", tags=Tag.THREAT, seconds=120)
    on.arrive()
    with hub.store.read() as tx:
        (code,) = [
            row["id"]
            for row in store_alerts.alerts_newest(tx, activity="mining")
            if row["state"] == "open" and row["severity"] == 1
        ]
    told = hub.login("carla").get(f"/alerts/{code}").text
    assert "sin avisar" in told
    assert (
        "Para que avise falta una segunda señal (otra estación, u otra clase de sonido o de imagen) y más certeza "
        "(llegó a 5\u00a0%; avisa desde 95\u00a0%)."
    ) in told
    assert "certeza 5\u00a0%" in told
    assert "it lacks a second sign" in hub.login("wren").get(f"/alerts/{code}").text
    assert "Para que avise" not in hub.login("carla").get(f"/alerts/{hub.code('Cocha Larga', 'logging')}").text
    for column in ("suppressed", "late"):
        with hub.store.write() as tx:
            tx.execute(update(alert_events).where(alert_events.c.alert == code).values({column: True}))
        assert "Para que avise" not in hub.login("carla").get(f"/alerts/{code}").text, f"what is {column} lacks nothing"
        with hub.store.write() as tx:
            tx.execute(update(alert_events).where(alert_events.c.alert == code).values({column: False}))
