"""Stations on the pages: what ails them, in words, for those whose work it is."""

import re

import pytest
from msgspec.structs import replace

from otorongo import language
from otorongo.hub import noted, rule_changes, store_stations, tail, texts
from otorongo.hub.errors import StoreAway
from otorongo.hub.ingest import accept
from otorongo.hub.rules import Rules
from otorongo.wire.codes import NoteKind, TamperKind
from otorongo.wire.rows import Event, Gap, Heartbeat, Listening, Media, Note, Seeing, Tamper, Unknown
from tests.hub.fakes import Card, mapping
from tests.web import cameras
from tests.web.conftest import Hub
from tests.web.seed import LAKE


def states(text: str) -> dict[str, str]:
    """Station to state, as the list shows them, in its order."""
    found = re.findall(r'class="what">([^<]+)</strong><span class="badge (?:up|late|silent)">([^<]+)<', text)
    return dict(found)


def test_stations_with_trouble_stand_first(read_hub: Hub) -> None:
    """Silent, then late, then the rest, each with a word and not only a colour."""
    listed = states(read_hub.login("tito").get("/stations").text)
    assert list(listed.items())[:2] == [("K-05", "en silencio"), ("Q-03", "se retrasa")]
    assert set(list(listed.values())[2:]) == {"activa"}
    assert len(listed) == 10


def test_auditors_read_what_changed_in_the_rules(hub: Hub) -> None:
    """Each difference between two starts is a line of the log, in the reader's language."""
    rules = hub.seeded.rules
    rule_changes.tell(hub.store, rules, hub.clock())
    fewer = replace(rules.config, person=rules.config.person[1:])
    rule_changes.tell(hub.store, Rules(fewer, rules.places), hub.clock())
    log = hub.login("alba").get("/log").text
    assert f"<strong>hub.toml</strong> · quitó una regla · person {rules.config.person[0].name} " in log


def test_each_sees_the_stations_of_their_places(read_hub: Hub) -> None:
    """A ranger those of his sectors, a community monitor and a stranger none."""
    assert set(states(read_hub.login("maria").get("/stations").text)) == {
        "K-01",
        "K-02",
        "K-03",
        "K-04",
        "K-05",
        "P-07",
    }
    assert read_hub.login("maria").get("/stations/Q-01").status_code == 404
    assert read_hub.login("kusi").get("/stations").status_code == 403
    assert read_hub.client().get("/stations").status_code == 303
    ranger, technician = read_hub.login("maria").get("/stations/P-07"), read_hub.login("tito").get("/stations/P-07")
    assert "-12.95000" not in ranger.text
    assert "-12.95000, -69.95000" in technician.text


def test_a_technician_reads_what_ails_a_station(read_hub: Hub) -> None:
    """Heat, a full card, waiting rows, input that could not be read, lost rows, somebody at the box, a dead sensor."""
    tito = read_hub.login("tito")
    hot = tito.get("/stations/K-04").text
    for wanted in (
        "81.2 °C",
        "0.6 GB libres",
        "214 registros por enviar",
        "invalid opcode",
        "12.64 V",
        "otorongo 0.1.0",
    ):
        assert wanted in hot, wanted
    lost = tito.get("/stations/P-07").text
    for wanted in ("3 registros perdidos: disco lleno", "Alguien la abrió", "arecord ended", "threats@1", "no se sabe"):
        assert wanted in lost, wanted
    assert "bajo el umbral</dt><dd>6201" in lost
    assert "Micrófono 1" in lost
    assert tito.get("/stations/XX-99").status_code == 404


def test_rows_that_have_come_since_a_heartbeat_wait_no_more(hub: Hub) -> None:
    """A heartbeat tells what waited then; what came behind it is taken off, what is still missing is not."""
    card = Card("K-02", 77)
    for n in range(34):
        card.put(Note(n, NoteKind.OTHER, f"{n}"))
    card.put(Heartbeat(99, 0, waiting=34))
    whole = dict(card.rows)
    tito = hub.login("tito")

    def waiting(*seqs: int) -> str:
        card.rows = {seq: whole[seq] for seq in seqs}
        assert accept(hub.store, hub.seeded.rules, "K-02", card.batch(clock=mapping(1, hub.clock())), hub.clock())
        (told,) = re.findall(r"<dd>(\d+ registros? por enviar)</dd>", tito.get("/stations/K-02").text)
        return str(told)

    assert waiting(35) == "34 registros por enviar"
    assert "34 registros por enviar" in tito.get("/stations").text
    assert waiting(*range(1, 20)) == "15 registros por enviar"
    assert waiting(*range(20, 35)) == "0 registros por enviar"
    assert "34 registros por enviar" not in tito.get("/stations").text


def test_a_newer_station_breaks_no_page(hub: Hub) -> None:
    """Kinds, counters, classes and flags that this hub does not know are shown as such; its text stays on its line."""
    forged = "\x1b[2J\n01-01 00:00:00  alert     XXXXXXXX: ring\u202e"
    card = Card("K-02", 77)
    for row in (
        Note(1, 200, forged, 255),
        Tamper(2, 200, 255, 255),
        Heartbeat(3, 9, counters={255: 2**63 - 1}),
        Gap(4, 1, 2**63 - 1, 200, b"h" * 32),
        Media(5, 9, 0, 200, 1, b"h" * 32, 255),
        Event(6, 9, 255, -80, 255, 2, 255, 65535, duration_ms=2**32 - 1, reason=15),
        Listening(7, 9, 2**32 - 1, vetoes={255: 2**63 - 1}, flags=65535, floor=b"\xff" * 32),
        Seeing(8, 9, 2**32 - 1, 2**32 - 1, 2**32 - 1, 255, 65535, 65535, -32768, 65535),
        Unknown(200, ("x",)),
    ):
        card.put(row)
    batch = card.batch(clock=mapping(1, hub.clock()))
    assert accept(hub.store, hub.seeded.rules, "K-02", batch, hub.clock()) is not None
    tito = hub.login("tito")
    for path in ("/stations", "/stations/K-02", "/api/v1/stations"):
        assert tito.get(path).status_code == 200
    assert "\ufffd[2J 01-01 00:00:00  alert     XXXXXXXX: ring\ufffd" in tito.get("/stations/K-02").text
    lines = list(tail.lines(hub.store, tail.start(hub.store, 0), texts.LIMA))
    assert [line for line in lines if not line.isprintable()] == []
    assert hub.login("elena").get(f"/api/v1/events?station=K-02&from_ms=1&to_ms={2**48 - 1}").status_code == 200


def test_notes_are_read_in_the_reader_s_language(hub: Hub) -> None:
    """What the hub notes is told in Spanish or in English, not in both; a station's own words stand as they are."""
    with hub.store.write() as tx:
        said = noted.both("la estación dice estar en Norte / Sur", "the station says that it is at Norte / Sur")
        store_stations.add_note(tx, "K-02", hub.clock(), "tamper", said, kind=int(TamperKind.MOVED))
        store_stations.add_note(tx, "K-02", hub.clock(), "silent", "station K-02: silent, last heard 7 min ago")
        own = "micrófono: 3 bloques perdidos / a / b"
        store_stations.add_note(tx, "K-02", hub.clock(), "station", own, kind=int(NoteKind.OTHER), sensor=1)
    page = hub.login("tito").get("/stations/K-02").text
    assert "la estación dice estar en Norte / Sur<" in page
    assert own in page
    assert "the station says" not in page
    language.speak("es")
    since = tail.start(hub.store, hub.clock() - 1)
    told = [
        line.split("  ")[-1].split("K-02: ")[1] for line in tail.lines(hub.store, since, texts.LIMA) if "nota" in line
    ]
    assert told == [
        "alguien la movió: la estación dice estar en Norte / Sur",
        "en silencio",
        f"nota: {own}, sensor 1",
    ]
    language.speak("en")
    whole = "".join(tail.lines(hub.store, tail.start(hub.store, hub.clock() - 1), texts.LIMA))
    assert "the station says that it is at Norte / Sur" in whole
    assert "dice" not in whole


def test_the_lines_of_an_alert_say_what_and_where_it_is(read_hub: Hub) -> None:
    """Four alerts of one saw are four, not one four times: each line has the activity and the sector."""
    lines = list(tail.lines(read_hub.store, tail.start(read_hub.store, 0), texts.LIMA))
    code = read_hub.code(LAKE, "logging")
    assert any(f"{code} (logging, {LAKE}): " in line for line in lines)
    language.speak("es")
    lines = list(tail.lines(read_hub.store, tail.start(read_hub.store, 0), texts.LIMA))
    assert any(f"{code} (tala, {LAKE}): " in line for line in lines)


def test_hours_that_came_late_are_not_those_of_the_last_day(hub: Hub) -> None:
    """A card that was out of reach for ten days tells of all of them at once: the last day is still one day."""
    card, hour_ms = Card("K-02", outbox=77), 3_600_000
    for hour in range(1, 241):
        card.put(Listening(hour * hour_ms, 1, hour_ms, 333))
        card.put(Seeing(hour * hour_ms, 2, hour_ms))
    batch = card.batch(clock=mapping(1, hub.clock() - 240 * hour_ms - 60_000))
    assert accept(hub.store, hub.seeded.rules, "K-02", batch, hub.clock()) is not None
    page = hub.login("tito").get("/stations/K-02").text
    assert page.count("<span>333 m</span>") == 24
    assert "Escuchó 24 h sin quedar sorda." in page
    assert "de las últimas 24 h no se sabe nada" not in page


def test_silence_says_how_far_it_reaches(read_hub: Hub) -> None:
    """How far a saw would have been heard, how long not, why, and what ails the microphone; or that nobody knows."""
    tito = read_hub.login("tito")
    told = tito.get("/stations/K-04").text
    for wanted in (
        "una motosierra se habría oído hasta a 240 m",
        "Sorda 30 min de 2 h: el silencio de ese tiempo no dice nada.",
        "De 22 h de las últimas 24 h no se sabe nada",
        "lluvia 40 min, viento 5 min",
        "3 indicios se descartaron",
        "la membrana o el cortaviento está mojado",
        '<span class="bad">60 m</span> · sorda 30 min',
        "<span>420 m</span>",
    ):
        assert wanted in told, wanted
    assert "el silencio de esta estación no dice nada" in tito.get("/stations/P-07").text


def test_the_list_follows_the_clock(hub: Hub) -> None:
    """A station that stops answering becomes late and then silent without anybody writing so."""
    tito = hub.login("tito")
    assert states(tito.get("/stations").text)["K-01"] == "activa"
    hub.clock.pass_ms(15 * 60_000)
    assert states(tito.get("/stations").text)["K-01"] == "se retrasa"
    hub.clock.pass_ms(60 * 60_000)
    assert states(tito.get("/stations").text)["K-01"] == "en silencio"


def test_the_list_answers_304(read_hub: Hub) -> None:
    """While nothing has changed."""
    tito = read_hub.login("tito")
    first = tito.get("/stations?part=list")
    assert tito.get("/stations?part=list", if_none_match=first.headers["etag"]).status_code == 304


def test_health_says_whether_the_database_answers(hub: Hub) -> None:
    """For a machine that watches this one, without a login and without a detail."""
    assert hub.client().get("/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/healthz", "/alerts", "/api/v1/alerts", "/login", "/a/token"])
def test_a_database_that_is_away_is_told(hub: Hub, path: str) -> None:
    """503 with what it means and when to try again; no page breaks, no detail of the database leaves."""

    class Away:
        """A store whose database is away."""

        def read(self) -> None:
            raise StoreAway("database postgresql://secret@host/hub: connection refused")

        write = read

    phone = hub.login("maria")
    site = hub.app.state.site
    hub.app.state.site = type(site)(Away(), site.rules, site.media, site.now_ms, site.pseudonym_key)
    answer = phone.get(path)
    assert answer.status_code == 503
    assert "secret" not in answer.text
    if path in ("/alerts", "/login"):
        assert "La base de datos no responde" in answer.text
        assert answer.headers["retry-after"] == "30"


def test_a_night_without_animals_says_whether_the_camera_saw(hub: Hub) -> None:
    """How long it saw, when it was blind, what ails it and how far its view lies off, in both languages; or nothing."""
    cameras.hours(hub)
    tito = hub.login("tito")
    told = tito.get("/stations/K-03").text
    for wanted in (
        "Cámara 2",
        "vio 2 h 20 min de 3 h",
        "Ciega 40 min de 3 h: que no haya nada en ese tiempo no dice nada.",
        "Nitidez: 90\u00a0% de la de costumbre.",
        "Hilos brillantes ante el lente de noche: quite la telaraña",
        "La vista está corrida 5\u00a0% del ancho y girada -7°.",
        '<span class="bad">vio 20 min</span> · ciega 40 min · <span class="bad">tapada</span>',
        "<span>vio 1 h</span>",
        "1 imagen<",
    ):
        assert wanted in told, wanted
    assert "no hay cámara, o no se sabe si vio" in tito.get("/stations/P-07").text
