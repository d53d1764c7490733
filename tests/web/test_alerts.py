"""Alerts on the pages: who sees which, what they may do, and that two people close a high one."""

import re

import pytest

from otorongo.hub import db, store_alerts, store_people, store_stations, users
from otorongo.wire.codes import NoteKind
from tests.web.conftest import Hub
from tests.web.seed import BROOK, HEADWATERS, LAKE, PARCEL

SAW, HUNT, PRESENCE = (LAKE, "logging"), (BROOK, "poaching"), (HEADWATERS, "presence")
HOUR_MS = 3_600_000


def test_each_sees_the_alerts_of_their_places(read_hub: Hub) -> None:
    """A ranger those of his places, a technician drills, somebody without places none; the others do not exist."""
    sees = {
        "maria": {LAKE, PARCEL},
        "jose": {LAKE, BROOK, PARCEL},
        "kusi": {BROOK},
        "elena": {LAKE, BROOK, PARCEL},
        "carla": {LAKE, BROOK, PARCEL},
        "nadie": set(),
    }
    for name, places in sees.items():
        page = read_hub.login(name).get("/alerts?state=all").text
        assert {place for place in (LAKE, BROOK, PARCEL, HEADWATERS) if f"· {place}</strong>" in page} == places, name
    assert read_hub.login("maria").get(f"/alerts/{read_hub.code(*HUNT)}").status_code == 404
    drills = read_hub.login("tito").get("/alerts?state=all").text
    assert drills.count('<li class="card') == drills.count("simulacro</span>") == 1


def test_a_sealed_alert_is_the_protocol_holders(read_hub: Hub) -> None:
    """Evidence of persons in a no_contact place: coordinators, auditors and ecologists are told nothing of it."""
    code = read_hub.code(*PRESENCE)
    for name in ("carla", "alba", "elena", "wren", "tito", "jose"):
        phone = read_hub.login(name)
        assert code not in phone.get("/alerts?state=all").text
        assert phone.get(f"/alerts/{code}").status_code == 404
        assert phone.send("/account", f"/alerts/{code}/seen").status_code in (403, 404)
    page = read_hub.login("pilar").get(f"/alerts/{code}")
    assert page.status_code == 200
    assert "No acercarse." in page.text


def test_the_instruction_and_whom_to_call_stand_first(read_hub: Hub) -> None:
    """Above everything else, with a number that a phone dials."""
    page = read_hub.login("jose").get(f"/alerts/{read_hub.code(*SAW)}").text
    order = [
        "Observar sin intervenir.",
        "Jefatura del área",
        'href="tel:+51982000111"',
        "otosierra, 6 min, caída de árbol",
        "sin derecho vigente",
        "spectrogram.webp",
        "<audio",
        "Historia",
    ]
    places = [page.index(one) for one in order]
    assert places == sorted(places)


def test_a_closed_event_shows_how_sure_its_station_was(read_hub: Hub) -> None:
    """Its score track is a small drawing with words beside it; every bar lies within it."""
    page = read_hub.login("jose").get(f"/alerts/{read_hub.code(*SAW)}").text
    drawn = re.findall(r'<svg class="track" viewBox="0 0 (\d+) 15".*?aria-label="([^"]+)".*?<path d="([^"]+)"', page)
    assert drawn
    for width, words, path in drawn:
        heights = [int(one) for one in re.findall(r"V(\d+)h1", path)]
        assert len(heights) == int(width)
        assert min(heights) == 0
        assert max(heights) == 15
        assert re.fullmatch(r"Certeza de la estación durante \d+ (s|min), ventana por ventana", words)


def test_who_has_stood_there_for_hours_is_said_to(read_hub: Hub) -> None:
    """The tag of the station, in words, at the event and at its picture; the alert is there all the same."""
    page = read_hub.login("jose").get(f"/alerts/{read_hub.code(*HUNT)}").text
    assert page.count("quieto en su lugar desde hace horas") == 2


def test_high_alerts_are_closed_by_two_people_of_two_groups(hub: Hub) -> None:
    """Jose says false; he himself, and somebody of his group or of none, cannot agree; Carla can, and it is closed."""
    code = hub.code(*SAW)
    page = f"/alerts/{code}"
    jose, carla = hub.login("jose"), hub.login("carla")
    assert "Usted lo pidió" in jose.get(page).text
    assert jose.send(page, f"{page}/agree").headers["location"].endswith("done=same_person")
    assert hub.alert(code)["state"] == "notified"
    assert "Confirmar el cierre" in carla.get(page).text
    assert carla.send(page, f"{page}/agree").headers["location"].endswith("done=closed")
    row = hub.alert(code)
    assert (row["state"], row["resolution"]) == ("resolved", "false")
    assert "carla confirmó el cierre" in carla.get(page).text


def test_confirmed_is_shown_and_closes_nothing(hub: Hub) -> None:
    """Who says that a high alert is real is named on its page, and it stays open."""
    code = hub.code(*SAW)
    page = f"/alerts/{code}"
    maria = hub.login("maria")
    assert maria.send(page, f"{page}/confirmed").headers["location"].endswith("done=waits")
    assert hub.alert(code)["state"] == "notified"
    assert "nadie acude todavía; la confirma maria" in maria.get(page).text


def test_who_is_out_says_back_when_it_is_closed(hub: Hub) -> None:
    """A party that is out when its alert is closed still has the button that says that it is back."""
    code = hub.code(*SAW)
    page = f"/alerts/{code}"
    maria, carla = hub.login("maria"), hub.login("carla")
    back = re.search(r'name="back"[^>]* value="([^"]+)"', maria.get(page).text)
    assert back is not None
    answer = maria.send(page, f"{page}/going", party="a", route="b", back=back[1])
    assert answer.headers["location"].endswith("done=done")
    assert carla.send(page, f"{page}/agree").headers["location"].endswith("done=closed")
    assert "Ya volví" not in carla.get(page).text
    assert "Ya volví" in maria.get(page).text
    assert maria.send(page, f"{page}/back").headers["location"].endswith("done=done")
    assert (hub.alert(code)["parties"], "Ya volví" in maria.get(page).text) == (0, False)


def test_two_of_one_group_do_not_close_a_high_alert(hub: Hub) -> None:
    """Ana acts as Maria does not, but both are of the north: the second person must be of another group."""
    code = hub.code(*SAW)
    page = f"/alerts/{code}"
    carla, maria = hub.login("carla"), hub.login("maria")
    carla.send(page, f"{page}/refuse")
    assert maria.send(page, f"{page}/close", what="by_right").headers["location"].endswith("done=waits")
    with hub.store.write() as tx:
        store_people.set_user(tx, "carla", team="norte")
    assert "de su mismo grupo" in carla.get(page).text
    assert carla.send(page, f"{page}/agree").headers["location"].endswith("done=same_group")
    with hub.store.write() as tx:
        store_people.set_user(tx, "carla", team="", person="")
    assert carla.send(page, f"{page}/agree").headers["location"].endswith("done=no_group")
    assert hub.alert(code)["state"] == "notified"


def test_two_logins_of_one_person_are_one_person(hub: Hub) -> None:
    """Whoever has two users, or a user and a link, acts under one name."""
    code = hub.code(*SAW)
    page = f"/alerts/{code}"
    hub.login("carla").send(page, f"{page}/refuse")
    hub.login("maria").send(page, f"{page}/close", what="false")
    assert hub.login("ana").send(page, f"{page}/agree").headers["location"].endswith("done=same_person")


def test_a_refusal_keeps_it_open(hub: Hub) -> None:
    """The second person may say no, and the alert goes on as before."""
    code = hub.code(*SAW)
    page = f"/alerts/{code}"
    maria = hub.login("maria")
    assert maria.send(page, f"{page}/refuse").headers["location"].endswith("done=done")
    text = maria.get(page).text
    assert "maria no aceptó el cierre" in text
    assert "Cierre por confirmar" not in text
    assert hub.alert(code)["state"] == "notified"


def test_an_alert_that_is_not_high_is_closed_by_one(hub: Hub) -> None:
    """What never rang needs no second person."""
    with hub.store.read() as tx:
        (row,) = [one for one in store_alerts.alerts_newest(tx) if one["activity"] == "clearing"]
    page = f"/alerts/{row['id']}"
    answer = hub.login("maria").send(page, f"{page}/close", what="by_right", note="chacra de la comunidad")
    assert answer.headers["location"].endswith("done=closed")
    assert hub.alert(row["id"])["resolution"] == "by_right"


def test_closing_says_how(hub: Hub) -> None:
    """Without a choice nothing is done, and the page says what is missing."""
    code = hub.code(*SAW)
    page = f"/alerts/{code}"
    carla = hub.login("carla")
    carla.send(page, f"{page}/refuse")
    answer = carla.send(page, f"{page}/close", note="sin elegir")
    assert answer.status_code == 422
    assert "Falta decir qué era." in answer.text


def test_i_go_wants_party_route_and_return(hub: Hub) -> None:
    """What was typed stays in the form while something is missing; then the alert says who goes, and who is back."""
    code = hub.code(*SAW)
    page = f"/alerts/{code}"
    maria = hub.login("maria")
    back = re.search(r'name="back" type="datetime-local" required value="([^"]+)"', maria.get(page).text)
    assert back
    missing = maria.send(page, f"{page}/going", party="Maria y dos", route="", back=back[1])
    assert missing.status_code == 422
    assert 'value="Maria y dos"' in missing.text
    past = maria.send(page, f"{page}/going", party="Maria y dos", route="trocha 4", back="2020-01-01T00:00")
    assert past.status_code == 422
    nonsense = maria.send(page, f"{page}/going", party="Maria y dos", route="trocha 4", back="mañana")
    assert nonsense.status_code == 422
    assert hub.alert(code)["state"] == "notified"
    assert maria.send(page, f"{page}/going", party="Maria y dos", route="trocha 4", back=back[1]).status_code == 303
    assert hub.alert(code)["state"] == "acknowledged"
    text = maria.get(page).text
    assert "Maria y dos; trocha 4" in text
    assert maria.send(page, f"{page}/back").status_code == 303
    assert hub.alert(code)["state"] == "notified"


def test_a_patrols_plan_is_for_rangers_and_coordinators(read_hub: Hub) -> None:
    """Others read that somebody goes and when they are back, but neither with whom nor which way."""
    page = f"/alerts/{read_hub.code(*HUNT)}"
    for name, reads in (("jose", True), ("carla", True), ("elena", False), ("alba", False), ("kusi", False)):
        text = read_hub.login(name).get(page).text
        assert ("por el caño, lado sur" in text) is reads, name
        assert "jose" in text


def test_nobody_learns_who_a_community_monitor_is(read_hub: Hub) -> None:
    """Their name stands on no page but their own and the coordinators'; a pseudonym does, always the same."""
    page = f"/alerts/{read_hub.code(*HUNT)}"
    read_hub.login("kusi").get(page)
    shown = set()
    for name in ("jose", "elena", "alba"):
        texts = [read_hub.login(name).get(page).text, read_hub.login(name).get("/alerts?state=all").text]
        if name == "alba":
            texts.append(read_hub.login(name).get("/log").text)
        for text in texts:
            assert "kusi" not in text.lower().replace("josé y kusi", ""), name
        shown |= set(re.findall(r"monitor comunitario ([A-Z]{4})", texts[0]))
    assert len(shown) == 1
    assert "kusi la vio" in read_hub.login("carla").get(page).text
    assert "kusi la vio" in read_hub.login("kusi").get(page).text


@pytest.mark.parametrize(
    ("name", "act", "status"),
    [
        ("elena", "seen", 403),
        ("alba", "seen", 403),
        ("alba", "confirmed", 403),
        ("tito", "seen", 403),
        ("maria", "explode", 404),
        ("kusi", "seen", 404),
    ],
)
def test_a_role_does_what_it_may(read_hub: Hub, name: str, act: str, status: int) -> None:
    """Auditors watch, ecologists judge, and what is elsewhere is not there."""
    page = f"/alerts/{read_hub.code(*SAW)}"
    assert read_hub.login(name).send("/account", f"{page}/{act}").status_code == status


def test_it_is_logged_who_saw_what(hub: Hub) -> None:
    """One look is one line, however often the page is loaded; evidence is logged too; the auditor reads it."""
    code = hub.code(*SAW)
    maria = hub.login("maria")
    for _ in range(3):
        maria.get(f"/alerts/{code}")
    picture = re.search(r'src="(/alerts/[^"]+/spectrogram.webp)"', maria.get(f"/alerts/{code}").text)
    assert picture
    maria.get(picture[1])
    with hub.store.read() as tx:
        mine = [row["what"] for row in store_people.access_of(tx, code) if row["who"] == "maria"]
        lines = [what for what in mine if what.startswith("saw_")]
    assert sorted(lines) == ["saw_alert", "saw_media"]
    hub.clock.pass_ms(HOUR_MS)
    maria.get(f"/alerts/{code}")
    with hub.store.read() as tx:
        assert len([row for row in store_people.access_of(tx, code) if row["what"] == "saw_alert"]) == 2
    log = hub.login("alba").get("/log").text
    assert "vio la alerta" in log
    assert hub.login("maria").get("/log").status_code == 403


def test_the_log_tells_what_people_did_with_alerts(hub: Hub) -> None:
    """Who said what of which alert, and what came of it; what changed nothing is no line; monitors stay unnamed."""
    code = hub.code(*SAW)
    page = f"/alerts/{code}"
    hub.login("jose").send(page, f"{page}/agree")  # of his own group: not taken
    hub.login("carla").send(page, f"{page}/agree")
    page = f"/alerts/{hub.code(*HUNT)}"
    hub.login("kusi").send(page, f"{page}/seen")
    with hub.store.write() as tx:
        users.saw_command(tx, hub.clock(), "user_added", "rita", {"role": "ranger"})
    log = hub.login("alba").get("/log").text
    link = f'<a class="code" href="/alerts/{code}">{code}</a>'
    assert f"<strong>carla</strong> · confirmó el cierre · {link} · y quedó cerrada" in log
    assert "jose</strong> · confirmó" not in log
    assert "kusi" not in log
    assert "</strong> · dijo «la vi» · <a" in log
    assert re.search(r"<strong>en la máquina del centro: [^<]+</strong> · añadió al usuario · rita · guardaparque", log)


def test_the_log_reads_what_older_hubs_wrote(hub: Hub) -> None:
    """They wrote acts of sealed alerts only, all under one name: each is told in words, and leads to its alert."""
    code = hub.code(*SAW)
    with hub.store.write() as tx:
        for what in ("confirmed", "refuse"):
            store_people.saw(tx, hub.clock(), "carla", "sealed_closing", subject=code, data={"what": what})
    log = hub.login("alba").get("/log").text
    link = f'<a class="code" href="/alerts/{code}">{code}</a>'
    for said in ("dijo que era cierta", "no aceptó el cierre"):
        assert f"<strong>carla</strong> · {said} · {link} <" in log
    assert "sealed" not in log


def test_evidence_goes_only_to_those_who_see_its_alert(read_hub: Hub) -> None:
    """The address of a piece is worth nothing without the alert, nor under another alert, nor outside the folder."""
    page = f"/alerts/{read_hub.code(*SAW)}"
    jose = read_hub.login("jose")
    text = jose.get(page).text
    (sound,) = re.findall(r'<source src="([^"]+)" type="audio/ogg', text)
    (photo,) = re.findall(r'class="photo" src="([^"]+)"', text)
    assert jose.get(sound).headers["content-type"] == "audio/ogg"
    assert jose.get(sound).content[:4] == b"OggS"
    part = jose.get(sound, range="bytes=0-99")
    assert (part.status_code, len(part.content)) == (206, 100)
    assert jose.get(f"{sound}/sound.wav").content[:4] == b"RIFF"
    assert jose.get(f"{sound}/spectrogram.webp").content[8:12] == b"WEBP"
    assert jose.get(photo).headers["content-type"] == "image/webp"
    assert jose.get(f"{photo}/spectrogram.webp").status_code == 404
    other = photo.replace(read_hub.code(*SAW), read_hub.code(*HUNT))
    assert jose.get(other).status_code == 404
    assert jose.get(sound.rsplit("/", 1)[0] + "/99999999999999999999").status_code in (400, 404)
    assert read_hub.login("kusi").get(sound).status_code == 404
    assert read_hub.login("tito").get(sound).status_code == 404
    assert read_hub.client().get(sound).status_code == 303


def test_a_piece_on_its_way_says_how_far_it_is(read_hub: Hub) -> None:
    """Nobody waits for a picture that is still on the card without knowing."""
    text = read_hub.login("jose").get(f"/alerts/{read_hub.code(*HUNT)}").text
    assert re.search(r"En camino: [34]\d\u00a0% de 1\d kB\.", text)


def test_what_people_write_is_text(hub: Hub) -> None:
    """A party called like a script is shown as it was written, and runs nowhere."""
    page = f"/alerts/{hub.code(*SAW)}"
    maria = hub.login("maria")
    back = re.search(r'name="back" type="datetime-local" required value="([^"]+)"', maria.get(page).text)
    assert back
    evil = "<script>alert(1)</script>\"'{{7*7}}"
    maria.send(page, f"{page}/going", party=evil, route=evil, back=back[1])
    text = maria.get(page).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{7*7}}" in text


@pytest.mark.parametrize("replayed", [False, True])
def test_that_evidence_was_discarded_is_told_instead_of_not_yet(hub: Hub, *, replayed: bool) -> None:
    """Nothing came of the events, and their sensor told that somebody may be heard: nobody waits for it in vain.

    Of recordings that are replayed it tells that at another time than theirs, beside their rows.
    """
    phone, code = hub.login("jose"), hub.code(*HUNT)
    with hub.store.write() as tx:
        rows = store_alerts.covered_by(tx, code)
        tx.execute(db.media.delete().where(db.media.c.station.in_({row["station"] for row in rows})))
    assert "Todavía no hay sonido ni imagen" in phone.get(f"/alerts/{code}").text
    with hub.store.write() as tx:
        row = rows[0]
        told = {"outbox": row["outbox"], "seq": row["seq"] + 12} if replayed else {}
        at_ms = row["start_ms"] + (7_200_000 if replayed else 5_000)
        told |= {"kind": NoteKind.VOICES, "sensor": row["sensor"]}
        store_stations.add_note(tx, row["station"], at_ms, "station", "clip", **told)
    page = phone.get(f"/alerts/{code}").text
    assert "se descartó en la estación" in page
    assert "Todavía no hay sonido ni imagen" not in page
