"""The pages of events outside alerts: what they tell, in which order, and what they never show to whom."""

import re

import pytest

from otorongo.hub import store_people, users
from otorongo.wire.codes import MediaKind, Tag
from tests.web import visits
from tests.web.conftest import Hub, Phone
from tests.web.rendered import photo
from tests.web.seed import BROOK, LAKE, PARCEL
from tests.web.visits import Filled, Visits

_LINE = re.compile(r'<a href="(/events/[^"]+)">')
ROLES = ("maria", "jose", "kusi", "carla", "wren", "elena", "alba", "pilar", "nadie")
READERS = ("carla", "elena", "alba", "wren", "pilar")
"""Those who see everywhere."""


@pytest.fixture(scope="module")
def filled(read_hub: Hub) -> Filled:
    """A reserve that the tests of this file only read."""
    return visits.fill(read_hub)


def lines(phone: Phone, **query: str) -> list[str]:
    """The events of a list, in its order, through all its pages."""
    found, path = [], "/events?" + "&".join(f"{name}={value}" for name, value in query.items())
    for _ in range(20):
        text = phone.get(path).text
        found += _LINE.findall(text)
        more = re.search(r'href="(/events\?[^"]*before=[^"]*)"', text)
        if not more:
            return found
        path = more[1].replace("&amp;", "&")
    raise AssertionError("pages without an end")


def card(text: str, path: str) -> str:
    """An event's card in the text of a list."""
    return text.split(f'<a href="{path}">')[1].split("</li>", maxsplit=1)[0]


def test_newest_first_with_name_certainty_and_standing(filled: Filled, read_hub: Hub) -> None:
    """Both names, that nobody validated them, how sure the network was, station and sector; in English too."""
    elena = read_hub.login("elena")
    told = lines(elena)
    of = filled.events
    assert [told.index(of[name]) for name in ("walker", "jaguar", "cats", "herd", "howler", "frogs")] == sorted(
        told.index(of[name]) for name in ("walker", "jaguar", "cats", "herd", "howler", "frogs")
    )
    text = elena.get("/events").text
    jaguar = card(text, of["jaguar"])
    for part in ("Jaguar (<i>Panthera onca</i>)", "sin validar", "la red dice 86\u00a0%", f"K-03</span> · {LAKE}"):
        assert part in jaguar
    assert f"{of['jaguar']}/media/" in jaguar
    group = card(text, of["cats"])
    assert "Felino (<i>Felidae</i>)" in group
    assert "la red dice 79\u00a0%" in group
    english = read_hub.login("wren").get("/events").text
    assert "<h1>Events</h1>" in english
    assert "the network says 86\u00a0%" in english


def test_several_animals_are_not_pooled_into_one_name(filled: Filled, read_hub: Hub) -> None:
    """The name is told of one of them, and that there are more; the candidates stand each with its own probability."""
    elena = read_hub.login("elena")
    herd = card(elena.get("/events").text, filled.events["herd"])
    assert "4 animales en el mismo cuadro; el nombre es solo del que mejor se vio." in herd
    assert "</i>) · 4" not in herd
    page = elena.get(filled.events["herd"]).text
    assert re.search(r"pecarí de collar <i>Dicotyles tajacu</i></td><td>72\u00a0%", page)
    assert re.search(r"<i>Tayassu pecari</i></td><td>20\u00a0%", page)


def test_each_kind_of_a_visit_is_told_with_its_number(hub: Hub) -> None:
    """In list, page and form of the review, and by the API: who says "right" says it of all of them."""
    on = Visits(hub)
    kinds = (("pecari tajacu", 3), ("dasyprocta variegata", 1), ("", 2))
    event = on.seen("K-03", 20, "pecari tajacu", (("pecari tajacu", 0.8),), count=6, kinds=kinds)
    on.piece("K-03", event, photo())
    on.arrive()
    elena, path = hub.login("elena"), on.path("K-03", event)
    listed, page = card(elena.get("/events").text, path), elena.get(path).text
    for text in (listed, page.split("<h1>")[1].split("</h1>")[0]):
        told = [
            text.index(part) for part in ("tajacu</i>) 3 (60\u00a0%), ", "variegata</i>) 1 (60\u00a0%), ", "animal 2")
        ]
        assert told == sorted(told)
        assert "animales en el mismo cuadro" not in text
    assert "sin validar" in listed
    assert "la red dice" not in listed
    assert re.search(r"<i>Dasyprocta variegata</i></td><td>el más probable</td><td>1</td><td>60\u00a0%</td>", page)
    assert "Más a la vez, de todos</dt><dd>6" in page
    assert "Collared peccary (<i>Dicotyles tajacu</i>) 3 (60\u00a0%)" in hub.login("wren").get(path).text
    label = page.split('value="right" required>')[1].split("</label>")[0]
    assert "pecarí de collar 3" in label
    assert "animal 2" in label
    (one,) = (one for one in elena.get("/api/v1/events").json()["events"] if one["event"] == event)
    assert one["shown"]["kinds"] == [
        {"species": "Dicotyles tajacu", "count": 3, "p": 0.6, "named_by": "classifier"},
        {"species": "Dasyprocta variegata", "count": 1, "p": 0.6, "named_by": "classifier"},
        {"species": "", "count": 2, "p": None, "named_by": "classifier"},
    ]


@pytest.fixture
def several(hub: Hub) -> str:
    """A visit of an agouti and of a jaguar, and one of another animal alone: the page of the first."""
    on, kinds = Visits(hub), (("dasyprocta variegata", 2), ("panthera onca", 1))
    event = on.seen("K-03", 100, "dasyprocta variegata", (("dasyprocta variegata", 0.6),), count=3, kinds=kinds)
    on.piece("K-03", event, photo())
    on.seen("K-03", 90, "puma concolor", (("puma concolor", 0.9),))
    on.arrive()
    return on.path("K-03", event)


def test_an_event_is_found_by_any_of_its_kinds(several: str, hub: Hub) -> None:
    """By the species, by a group that holds it, on the pages and by the API; by none that was not there."""
    elena = hub.login("elena")
    for name, there in (("panthera onca", True), ("dasyprocta", True), ("felidae", True), ("cuniculus paca", False)):
        assert (several in lines(elena, what=str(visits.NUMBERS[name]))) is there, name
        found = elena.get(f"/api/v1/events?species={name}").json()["events"]
        assert any(one["shown"]["kinds"] for one in found) is there, name
    assert not lines(hub.login("kusi"), what="1")


def test_no_coordinates_of_a_sensitive_second_kind(several: str, hub: Hub) -> None:
    """Lists, pages and API name the jaguar beside the agouti, and nowhere where the station stands."""
    secrets = [f"{abs(value):.{digits}f}" for value in hub.seeded.rules.fixed["K-03"] for digits in (2, 3, 5)]
    for name in ("jose", "elena", "carla"):
        phone = hub.login(name)
        texts = [phone.get(path).text for path in ("/events?what=1", several)]
        texts += [phone.get("/api/v1/events?species=panthera%20onca").text] if name != "jose" else []
        for text in texts:
            assert "Panthera onca" in text
            assert "geo:" not in text
            assert not [one for one in secrets if one in text]


def test_right_is_said_of_all_kinds_or_of_none(several: str, hub: Hub) -> None:
    """The form holds for what it showed: one of before the kinds were told is refused, one of after holds for each."""
    elena = hub.login("elena")
    (mark,) = re.findall(r'name="seq" value="([^"]+)"', elena.get(several).text)
    for given, done in ((mark.partition(".")[0], "changed"), (mark, "reviewed")):
        answer = elena.send(several, f"{several}/review", verdict="right", seq=given)
        assert answer.headers["location"] == f"{several}?done={done}"
    page = elena.get(several).text
    assert "Revisado por elena." in page
    assert "Agutí pardo (<i>Dasyprocta variegata</i>) · 2, jaguar (<i>Panthera onca</i>)" in page


def test_the_page_of_one_event(filled: Filled, read_hub: Hub) -> None:
    """Its picture or sound, the rule that named it, its scores, what else was there, and the alert that covers it."""
    elena = read_hub.login("elena")
    page = elena.get(filled.events["cats"]).text
    assert "Nombre: el grupo que suman sus puntajes" in page
    assert "Lo que dijo names@1, antes de toda regla" in page
    assert elena.get(re.findall(r'<img class="photo" src="([^"]+)"', page)[0]).headers["content-type"] == "image/webp"
    sound = elena.get(filled.events["howler"]).text
    assert 'class="track"' in sound
    (wav,) = re.findall(r'src="([^"]+\.wav)"', sound)
    assert elena.get(wav).content[:4] == b"RIFF"
    assert elena.get(wav.replace("sound.wav", "spectrogram.webp")).status_code == 200
    walker = elena.get(filled.events["walker"]).text
    assert re.search(r'Es parte de la alerta <a href="/alerts/\w+">', walker)
    assert elena.get("/events/K-03/1/1").status_code == 404
    assert elena.get("/events/K-03/99999999999/1").status_code == 404


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"what": "1"}, {"jaguar"}),
        ({"what": str(visits.NUMBERS["felidae"])}, {"jaguar", "cats"}),
        ({"what": "frogs"}, {"frogs"}),
        ({"where": "station:P-07", "sense": "sound", "what": "howler"}, {"howler"}),
        ({"where": "station:P-07", "sense": "picture"}, set()),
        ({"where": f"place:{BROOK}", "what": "animal"}, {"herd", "unnamed"}),
        ({"what": "unicorn"}, set()),
        ({"what": "64999"}, set()),
        ({"where": "station:nowhere"}, set()),
        ({"from": "2020-01-01", "to": "2020-02-01"}, set()),
    ],
)
def test_filters(filled: Filled, read_hub: Hub, query: dict[str, str], words: set[str]) -> None:
    """By station, sector, sense, class, animal or group of animals, and days; what is none of these finds nothing."""
    told = lines(read_hub.login("elena"), **query)
    names = {path: word for word, path in filled.events.items()}
    assert {names[path] for path in told} == words


def test_a_list_without_events_says_what_to_do(filled: Filled, read_hub: Hub) -> None:
    """With a filter, without one, and for who has no sector; days that are none are the last thirty."""
    elena = read_hub.login("elena")
    assert "Quite un filtro" in elena.get("/events?what=insects").text
    assert "Mire los días anteriores" in elena.get("/events?from=2020-01-01&to=2020-02-01").text
    nobody = read_hub.login("nadie").get("/events").text
    assert "empty" in nobody
    assert not _LINE.findall(nobody)
    for odd in ("from=yesterday", "to=9999-99-99", "from=0001-01-01&to=9999-12-31", "before=x", "before=1.K-03.1"):
        assert elena.get(f"/events?{odd}").status_code == 200
    assert "from=2019-12-01" in elena.get("/events?from=2020-01-01&to=2020-01-31").text


def test_everybody_sees_their_own_places(filled: Filled, read_hub: Hub) -> None:
    """A monitor and a ranger those of their sectors, also by a filter or an address that they guess; others all."""
    mine = {
        "kusi": {"herd", "unnamed", "dog", "walker"},
        "maria": {"jaguar", "cats", "howler", "frogs"},
        "nadie": set(),
    }
    for name, words in mine.items():
        phone = read_hub.login(name)
        told = set(lines(phone))
        assert {word for word, path in filled.events.items() if path in told} == words, name
        assert not lines(phone, where="station:N-01")
        for word, path in filled.events.items():
            assert phone.get(path).status_code == (200 if word in words else 404), (name, word)
        options = phone.get("/events").text
        assert (f'value="place:{PARCEL}"' in options) is (name == "maria")
        assert 'value="station:N-01"' not in options
    for name in READERS:
        assert set(filled.events) - set(_hidden(filled, read_hub.login(name))) == {"isolated"}, name
    assert read_hub.login("tito").get("/events").status_code == 403
    assert read_hub.login("tito").get(filled.events["frogs"]).status_code == 403
    assert read_hub.client().get("/events").status_code == 303


def _hidden(filled: Filled, phone: Phone) -> list[str]:
    told = set(lines(phone))
    return [word for word, path in filled.events.items() if path in told]


def test_people_and_threats_outside_alerts_stay_with_who_sees_everywhere(hub: Hub) -> None:
    """A voice that no alert covers is for those who get it by the API; of a ranger's own sector it is not listed."""
    on = Visits(hub)
    voice = on.heard("P-07", 20, "speech", tags=Tag.THREAT | Tag.PERSON)
    frogs = on.heard("P-07", 40, "frogs")
    patrol = on.heard("P-07", 50, "birds", tags=Tag.OWN_PATROL)
    on.arrive()
    for name, there in (("jose", False), ("elena", True)):
        phone = hub.login(name)
        told = lines(phone)
        assert [on.path("P-07", one) in told for one in (voice, frogs, patrol)] == [there, True, there]
        assert phone.get(on.path("P-07", voice)).status_code == (200 if there else 404)
        assert phone.client.get("/api/v1/events").status_code == (200 if there else 403)


def test_land_of_peoples_in_isolation(filled: Filled, read_hub: Hub) -> None:
    """Nobody, not even its protocol holder, finds people there; of nature no picture is shown, in no way."""
    for name in ROLES:
        phone = read_hub.login(name)
        assert filled.events["isolated"] not in lines(phone, where="station:N-01")
        assert phone.get(filled.events["isolated"]).status_code == 404
    for name in READERS:
        phone = read_hub.login(name)
        assert filled.events["tapir"] in lines(phone)
        page = phone.get(filled.events["tapir"]).text
        assert "/media/" not in page
        for seq in range(1, 8):
            assert phone.get(f"{filled.events['tapir']}/media/{seq}").status_code == 404


@pytest.mark.parametrize(
    ("who", "own"), [("canis familiaris", True), ("canis familiaris", False), ("homo sapiens", True)]
)
def test_no_animal_of_people_in_land_of_peoples_in_isolation(hub: Hub, who: str, *, own: bool) -> None:
    """A dog by its name or beside a tapir, an "animal" named human says where people live: nothing tells of it."""
    on, kinds = Visits(hub), (("tapirus terrestris", 1), (who, 1))
    name, several = (who, ()) if own else ("tapirus terrestris", kinds)
    hidden, there = (on.seen(station, 60, name, count=2, kinds=several) for station in ("N-01", "K-03"))
    wild = on.seen("N-01", 90, "tapirus terrestris")
    on.arrive()
    for reader in READERS:
        phone = hub.login(reader)
        paths = [on.path("N-01", hidden), on.path("K-03", there), on.path("N-01", wild)]
        told = lines(phone)
        assert [path in told for path in paths] == [False, True, True], reader
        assert [phone.get(path).status_code for path in paths] == [404, 200, 200]
        api = phone.client.get("/api/v1/events", params={"species": who}).json()["events"]
        assert [one["station"] for one in api] == ["K-03"]
    assert (on.path("K-03", there) in lines(hub.login("jose"))) == (who != "homo sapiens")


def test_no_coordinates_of_a_sensitive_animal(filled: Filled, read_hub: Hub) -> None:
    """Lists, pages and API tell station and sector of a jaguar, and nowhere where the station stands."""
    north, west = read_hub.seeded.rules.fixed["K-03"]
    secrets = [f"{abs(value):.{digits}f}" for value in (north, west) for digits in (2, 3, 5)]
    for name in ("jose", "elena", "carla"):
        phone = read_hub.login(name)
        texts = [phone.get(path).text for path in ("/events?what=1", filled.events["jaguar"])]
        texts += [phone.get("/api/v1/events?species=panthera%20onca").text] if name != "jose" else []
        for text in texts:
            assert "Panthera onca" in text
            assert "geo:" not in text
            assert not [one for one in secrets if one in text]


@pytest.fixture
def marked(hub: Hub) -> tuple[Visits, dict[str, int]]:
    """An animal with pictures of every mark, and one beside which somebody walked."""
    on = Visits(hub)
    event = on.seen("K-03", 100, "puma concolor", (("puma concolor", 0.9),))
    tags = {"plain": 0, "person": Tag.PERSON, "threat": Tag.THREAT, "sealed": Tag.SEALED, "closed": Tag.NO_CONTACT}
    seqs = {word: on.piece("K-03", event, photo(), tags=tag) for word, tag in tags.items()}
    near = on.seen("P-07", 60, "puma concolor")
    seqs["near"] = on.piece("P-07", near, photo())
    on.heard("P-07", 60, "speech", tags=Tag.PERSON, seconds=5)
    on.arrive()
    return on, seqs


def test_pictures_leave_as_in_an_export(marked: tuple[Visits, dict[str, int]], hub: Hub) -> None:
    """Of people, threats, closed land, sealed, or made while somebody was there: on no page and by no address."""
    on, seqs = marked
    for name in ("jose", "elena", "carla", "pilar"):
        phone = hub.login(name)
        animal, near = on.path("K-03", 1), on.path("P-07", 1)
        page = phone.get(animal).text + phone.get("/events").text + phone.get(near).text
        for word, seq in seqs.items():
            path = f"{near if word == 'near' else animal}/media/{seq}"
            assert phone.get(path).status_code == (200 if word == "plain" else 404), (name, word)
            assert (f'"{path}"' in page) is (word == "plain"), (name, word)
        assert phone.get(f"{near}/media/{seqs['plain']}").status_code == 404  # of another event
    assert hub.login("tito").get(f"{on.path('K-03', 1)}/media/{seqs['plain']}").status_code == 404


def test_a_picture_of_people_is_seen_under_the_alert_alone(filled: Filled, read_hub: Hub) -> None:
    """Whoever sees the alert gets it from there, with its rules and its log; beside the alert it does not exist."""
    jose = read_hub.login("jose")
    page = jose.get(filled.events["walker"]).text
    (src,) = re.findall(r'<img class="photo" src="([^"]+)"', page)
    assert src.startswith("/alerts/")
    assert jose.get(src).status_code == 200
    assert jose.get(f"{filled.events['walker']}/media/{src.rpartition('/')[2]}").status_code == 404


def test_who_looked_is_logged(hub: Hub) -> None:
    """The list, an event and its picture, once for several looks; the auditor's page leads back to the event."""
    made = visits.fill(hub)
    elena = hub.login("elena")
    for _ in range(2):
        elena.get("/events")
        elena.get(re.findall(r'src="(/events/[^"]+)"', elena.get(made.events["jaguar"]).text)[0])
    with hub.store.read() as tx:
        told = [row for row in store_people.access_newest(tx) if row["who"] == "elena"]
    assert [row["what"] for row in told][::-1] == ["saw_visits", "saw_event", "saw_event_media"]
    assert f'href="{made.events["jaguar"]}"' in hub.login("alba").get("/log").text


def test_a_sound_that_did_not_come_is_asked_for(hub: Hub) -> None:
    """By whoever sees the event, once; the station is asked, after what alerts need."""
    from otorongo.hub import media
    from otorongo.hub.media import Limits

    on = Visits(hub)
    event = on.heard("K-02", 30, "birds")
    seq = on.piece("K-02", event, photo(), kind=MediaKind.CLIP)
    on.arrive(without=frozenset((("K-02", seq),)))
    kusi, jose = hub.login("kusi"), hub.login("jose")
    page, action = on.path("K-02", event), f"{on.path('K-02', event)}/media/{seq}/ask"
    assert kusi.send("/account", action).status_code == 404
    assert jose.client.post(action).status_code == 403
    assert action in jose.get(page).text
    wanted = [one.seq for name, one in media.wanted(hub.store, Limits(), hub.clock()) if name == "K-02"]
    assert seq not in wanted
    assert jose.send(page, action).status_code == 303
    hub.clock.pass_ms(700_000)
    told = [(name, one.seq) for name, one in media.wanted(hub.store, Limits(), hub.clock())]
    assert ("K-02", seq) in told
    assert action not in jose.get(page).text


def test_the_api_pages_through_everything_once(filled: Filled, read_hub: Hub) -> None:
    """By cursor in portions of any size, the same as in one; a cursor that is none is refused, and says so."""
    with read_hub.store.write() as tx:
        token = users.open_token(tx, "elena", read_hub.clock(), days=1, purpose="test")
    api = read_hub.client()
    api.headers["authorization"] = f"Bearer {token}"
    since = f"/api/v1/events?from_ms={read_hub.clock() - 3 * users.DAY_MS}"
    whole = api.get(f"{since}&limit=200").json()
    assert whole["next"] == ""
    assert len(whole["events"]) > 15
    for limit in (1, 4):
        paged, before = [], ""
        while True:
            page = api.get(f"{since}&limit={limit}&before={before}").json()
            assert len(page["events"]) == limit or not page["next"]
            paged += page["events"]
            before = page["next"]
            if not before:
                break
        assert paged == whole["events"]
    species = api.get("/api/v1/events?species=felidae").json()["events"]
    assert {one["species"] for one in species} == {"Panthera onca", "Felidae"}
    assert api.get("/api/v1/events?species=unicornis").json()["events"] == []
    for bad in ("x", "1.K-03.1", "1.K-03.1.1.1", "1.K 3.1.1", "1" * 90):
        assert api.get(f"{since}&before={bad}").status_code == 422
