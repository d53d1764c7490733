"""What people say that an event showed: who may, what is kept, and that no one alone unsays a threat."""

import re
from dataclasses import dataclass

import httpx
import pytest

from otorongo.hub import media, review, store_alerts, store_events, store_people, store_reviews
from otorongo.hub.media import Limits
from otorongo.hub.store import Found
from otorongo.wire.codes import MediaKind, Tag
from tests.web import visits
from tests.web.conftest import Hub
from tests.web.rendered import photo
from tests.web.visits import NUMBERS, OUTBOXES, Filled

PUMA, AGOUTI = str(NUMBERS["puma concolor"]), str(NUMBERS["dasyprocta variegata"])


@dataclass
class Desk:
    """A filled hub, and people who answer."""

    hub: Hub
    filled: Filled

    def says(self, name: str, word: str, verdict: str, **more: object) -> httpx.Response:
        """Somebody fills in the form of an event's page."""
        phone, page = self.hub.login(name), self.filled.events[word]
        text = phone.get(page).text
        given = {"csrf": re.findall(r'name="csrf" value="([^"]+)"', text)[:1], "verdict": verdict}
        seq = re.findall(r'name="seq" value="([^"]+)"', text) or ["0"]
        return phone.client.post(f"{page}/review", data={**given, "seq": seq[0], **more})

    def answers(self, word: str) -> list[Found]:
        """What the store has of an event."""
        with self.hub.store.read() as tx:
            return store_reviews.of_event(tx, self.key(word))

    def key(self, word: str) -> tuple[str, int, int]:
        """Of an event."""
        _, _, station, outbox, event = self.filled.events[word].split("/")
        return station, int(outbox), int(event)

    def page(self, name: str, word: str) -> str:
        """An event as somebody sees it."""
        return self.hub.login(name).get(self.filled.events[word]).text


@pytest.fixture
def desk(hub: Hub) -> Desk:
    """A filled hub that one test may change."""
    return Desk(hub, visits.fill(hub))


def outcome(answer: httpx.Response) -> str:
    """What became of a form."""
    assert answer.status_code == 303, answer.text[:300]
    return answer.headers["location"].partition("?done=")[2]


def test_several_species_are_named_each_by_itself(desk: Desk) -> None:
    """A ranger names two kinds in one frame: both stand on list and page, with their number, and the machine's word."""
    kinds = {"kind": [str(NUMBERS["pecari tajacu"]), AGOUTI, ""], "many": ["3", "1", "1"]}
    assert outcome(desk.says("jose", "herd", "other", **kinds)) == "reviewed"
    page = desk.page("elena", "herd")
    title = page.split("<h1>")[1].split("</h1>")[0]
    assert "Pecarí de collar (<i>Dicotyles tajacu</i>) · 3, " in title
    assert "<i>Dasyprocta variegata</i>" in title
    assert "revisado por una persona" in page
    assert "Lo que dijo names@1" in page
    assert "Revisado por jose." in page
    (row,) = desk.answers("herd")
    assert (row["who"], row["team"], row["said"]) == ("jose", "sur", [[NUMBERS["pecari tajacu"], 3], [int(AGOUTI), 1]])
    with desk.hub.store.read() as tx:
        event = store_events.event(tx, desk.key("herd"))
        logged = [one for one in store_people.access_newest(tx) if one["what"] == "reviewed"]
    assert event is not None
    assert event["species"] == NUMBERS["pecari tajacu"]  # the machine's word
    events = desk.hub.login("elena").get("/api/v1/events?station=Q-02&limit=200").json()["events"]
    (told,) = [one["review"] for one in events if one["review"]]
    assert (told["standing"], told["verdict"]) == ("agreed", "other")
    assert told["kinds"] == [
        {"species": "Dicotyles tajacu", "count": 3},
        {"species": "Dasyprocta variegata", "count": 1},
    ]
    assert [one["who"] for one in logged] == ["jose"]


def test_who_reviews_is_led_from_one_picture_to_the_next(desk: Desk) -> None:
    """Below an event is the station's next older picture that nobody reviewed; behind the last there is no more."""

    def after(word: str) -> list[str]:
        return re.findall(r'href="([^"]+)">Siguiente foto sin revisar', desk.page("jose", word))

    behind = after("unnamed")
    assert after("herd") == [desk.filled.events["unnamed"]]
    assert desk.filled.events["dog"] not in behind, "of it no picture came"
    assert outcome(desk.says("jose", "unnamed", "other", kind=[PUMA], many=["1"])) == "reviewed"
    assert after("herd") == behind
    assert "Siguiente foto sin revisar" not in desk.page("alba", "herd"), "who may not review is led nowhere"


def test_nobody_is_made_to_answer_in_a_hurry(desk: Desk) -> None:
    """An answer without a choice, of no animal, of another revision, or the same again changes nothing and says so."""
    assert outcome(desk.says("jose", "jaguar", "")) == "unclear"
    assert outcome(desk.says("jose", "jaguar", "other", kind=["", "", ""], many=["1", "1", "1"])) == "unclear"
    assert outcome(desk.says("jose", "jaguar", "other", kind=["33"], many=["1"])) == "unclear"
    assert outcome(desk.says("jose", "jaguar", "right", seq="99")) == "changed"
    assert desk.answers("jaguar") == []
    assert outcome(desk.says("jose", "jaguar", "right")) == "reviewed"
    assert outcome(desk.says("jose", "jaguar", "right")) == "same"
    assert outcome(desk.says("jose", "jaguar", "nothing")) == "reviewed"
    assert [row["verdict"] for row in desk.answers("jaguar")] == ["right", "nothing"]
    assert "sin validar" not in desk.page("elena", "jaguar").split("<h1>")[1].split("</p>")[0]


def test_who_may_answer(desk: Desk) -> None:
    """Whoever may say what an alert was, of an event that they see and of which a picture or sound is here."""
    assert desk.says("alba", "jaguar", "right").status_code == 403
    assert desk.says("tito", "jaguar", "right").status_code == 403
    assert desk.says("kusi", "jaguar", "right").status_code == 403  # sees no such page, and so has no form of it
    assert outcome(desk.says("kusi", "herd", "right")) == "reviewed"
    assert desk.says("elena", "frogs", "right").status_code == 403  # a page without a form carries no token
    assert "hace falta una imagen o un sonido" in desk.page("elena", "frogs")
    phone = desk.hub.login("elena")
    answer = phone.send("/account", f"{desk.filled.events['frogs']}/review", verdict="right", seq="1")
    assert outcome(answer) == "changed"
    with desk.hub.store.read() as tx:
        event = store_events.event(tx, desk.key("frogs"))
    assert event is not None
    answer = phone.send("/account", f"{desk.filled.events['frogs']}/review", verdict="right", seq=str(event["seq"]))
    assert answer.status_code == 404
    assert desk.answers("frogs") == []
    answer = desk.hub.login("kusi").send("/account", f"{desk.filled.events['jaguar']}/review", verdict="right", seq="1")
    assert answer.status_code == 404
    assert desk.answers("jaguar") == []


def test_a_monitor_is_a_pseudonym(desk: Desk) -> None:
    """On the page of an event as everywhere; the coordinator reads the name."""
    assert outcome(desk.says("kusi", "herd", "right")) == "reviewed"
    assert "kusi" not in desk.page("elena", "herd")
    assert "monitor comunitario " in desk.page("elena", "herd")
    assert "kusi" in desk.page("carla", "herd")


def test_one_alone_unsays_no_person(desk: Desk) -> None:
    """The event stays a person for everybody, in list, alert and evidence, until somebody of another group agrees."""
    with desk.hub.store.read() as tx:
        before = store_alerts.alerts_of(tx, desk.key("walker"))
        rows = [store_alerts.alert(tx, code) for code in before]
    assert before
    assert outcome(desk.says("jose", "walker", "nothing")) == "waiting"
    page = desk.page("carla", "walker")
    assert "<h1>Persona" in page
    assert "falta una segunda persona" in page
    assert outcome(desk.says("carla", "walker", "nothing")) == "reviewed"
    assert "<h1>Nada" in desk.page("carla", "walker")
    with desk.hub.store.read() as tx:
        assert [store_alerts.alert(tx, code) for code in store_alerts.alerts_of(tx, desk.key("walker"))] == rows
        event = store_events.event(tx, desk.key("walker"))
    assert event is not None
    assert event["evidence"] == 55


def test_who_sees_people_in_a_picture_withdraws_it(desk: Desk) -> None:
    """From the page and from those who see their own places only; whoever said so may take it back."""
    animal = desk.filled.events["unnamed"]
    (src,) = re.findall(rf'src="({animal}/media/\d+)"', desk.page("elena", "unnamed"))
    elena, jose = desk.hub.login("elena"), desk.hub.login("jose")
    assert jose.get(src).status_code == 200
    assert outcome(desk.says("kusi", "unnamed", "person")) == "reviewed"
    for phone in (elena, jose):
        assert phone.get(src).status_code == 404
        assert src not in phone.get("/events").text
    assert elena.get(animal).status_code == 200
    assert jose.get(animal).status_code == 404
    assert animal not in jose.get("/events").text
    assert outcome(desk.says("kusi", "unnamed", "right")) == "reviewed"
    assert jose.get(src).status_code == 200


@pytest.mark.parametrize("name", ["kusi", "jose", "elena"])
def test_a_slip_is_taken_back_by_who_made_it(desk: Desk, name: str) -> None:
    """Who withdrew a picture sees the event still, without it, and may answer again; nobody else may for them."""
    animal = desk.filled.events["unnamed"]
    assert outcome(desk.says(name, "unnamed", "person")) == "reviewed"
    phone = desk.hub.login(name)
    page = phone.get(f"{animal}?done=reviewed")
    assert page.status_code == 200
    assert f"{animal}/media/" not in page.text
    assert animal in phone.get("/events").text
    for other in {"kusi", "jose"} - {name}:
        assert desk.hub.login(other).get(animal).status_code == 404
    assert name == "elena" or "hace falta una imagen o un sonido" in desk.page("elena", "unnamed")
    assert outcome(desk.says(name, "unnamed", "nothing")) == "reviewed"
    assert desk.hub.login("jose").get(animal).status_code == 200


def test_two_others_bring_a_withdrawn_picture_back(desk: Desk) -> None:
    """A coordinator looks, is logged, and cannot release it alone; with one who had looked before it is back."""
    animal = desk.filled.events["unnamed"]
    (src,) = re.findall(rf'src="({animal}/media/\d+)"', desk.page("elena", "unnamed"))
    assert outcome(desk.says("jose", "unnamed", "right")) == "reviewed"
    assert outcome(desk.says("kusi", "unnamed", "person")) == "reviewed"
    phones = {name: desk.hub.login(name) for name in ("elena", "jose", "carla", "alba")}
    assert {name: phone.get(src).status_code for name, phone in phones.items()} == {
        "elena": 404,
        "jose": 404,
        "carla": 200,
        "alba": 404,
    }
    assert "Usted la ve aquí solo para decidirlo" in desk.page("carla", "unnamed")
    assert "Retirada: alguien dice que muestra a una persona." in desk.page("jose", "unnamed")
    assert "Usted la ve" not in desk.page("jose", "unnamed")
    assert src not in phones["carla"].get("/events").text
    with desk.hub.store.read() as tx:
        told = [row["what"] for row in store_people.access_newest(tx) if row["who"] == "carla"]
    assert "saw_withdrawn" in told
    assert outcome(desk.says("carla", "unnamed", "right")) == "waiting"
    assert phones["elena"].get(src).status_code == 404
    assert outcome(desk.says("jose", "unnamed", "nothing")) == "reviewed"
    assert {name: phone.get(src).status_code for name, phone in phones.items()} == dict.fromkeys(phones, 200)
    assert "Retirada" not in desk.page("elena", "unnamed")
    assert outcome(desk.says("kusi", "unnamed", "nothing")) == "reviewed"
    assert outcome(desk.says("kusi", "unnamed", "person")) == "reviewed"
    assert phones["elena"].get(src).status_code == 404


def test_nobody_sees_what_was_withdrawn_where_peoples_live_in_isolation(desk: Desk) -> None:
    """There the event itself is gone for coordinators too, and for who said so: nobody brings it back."""
    carla, box = desk.hub.login("carla"), OUTBOXES["N-01"]
    with desk.hub.store.read() as tx:
        rows = store_events.events_between(tx, 0, 1 << 62, station="N-01")
    there = [row for row in rows if carla.get(f"/events/N-01/{box}/{row['event']}").status_code == 200]
    assert there
    with desk.hub.store.write() as tx:
        for row in there:
            for who, team, verdict in (("carla", "a", "person"), ("ivo", "b", "nothing"), ("uma", "c", "nothing")):
                answer = review.Answer(who, team, 1, verdict, row["cls"], row["species"])  # type: ignore[arg-type]
                store_reviews.add(tx, review.values(row, answer))
    assert {carla.get(f"/events/N-01/{box}/{row['event']}").status_code for row in there} == {404}


def test_no_more_answers_than_anybody_needs(desk: Desk) -> None:
    """A program that answers without end is stopped at 20, and the event keeps standing."""
    told = [outcome(desk.says("elena", "jaguar", "right" if number % 2 else "nothing")) for number in range(21)]
    assert told == ["reviewed"] * 20 + ["often"]
    assert len(desk.answers("jaguar")) == 20


def test_rejected_frames_are_asked_for_and_looked_at(desk: Desk) -> None:
    """By who sees the place's alerts; those with people by who may handle originals; technicians see no picture."""
    base = f"/stations/K-03/rejected/{OUTBOXES['K-03']}"
    jose = desk.hub.login("jose")
    page = jose.get("/stations/K-03").text
    there = sorted(set(re.findall(rf'<img class="photo" src="({base}/\d+)"', page)))
    asks = re.findall(rf'action="({base}/\d+/ask)"', page)
    assert len(there) == 2
    assert len(asks) == 1
    assert jose.get(there[0]).headers["content-type"] == "image/webp"
    assert jose.client.post(asks[0]).status_code == 403
    assert jose.send("/stations/K-03", asks[0]).status_code == 303
    wanted = [one.seq for name, one in media.wanted(desk.hub.store, Limits(), desk.hub.clock()) if name == "K-03"]
    seq = int(asks[0].split("/")[-2])
    assert seq in wanted
    desk.filled.visits.bring("K-03", seq, desk.filled.visits.pictures["K-03", seq])
    assert jose.get(f"{base}/{seq}").status_code == 200
    for name, status in (("kusi", 403), ("tito", 404), ("nadie", 404), ("elena", 200)):
        assert desk.hub.login(name).get(there[0]).status_code == status, name
    assert "rejected" not in desk.hub.login("tito").get("/stations/K-03").text
    jaguar = re.findall(r"/media/(\d+)", desk.page("elena", "jaguar"))[0]
    assert jose.get(f"{base}/{jaguar}").status_code == 404  # a picture of an event is none of them
    with desk.hub.store.read() as tx:
        told = {row["what"] for row in store_people.access_newest(tx) if row["who"] == "jose"}
    assert {"asked_rejected", "saw_rejected"} <= told


def test_rejected_frames_that_may_show_people(hub: Hub) -> None:
    """Marked, sealed, or beside somebody: for coordinators and auditors; of closed land for its holder, sealed."""
    on = visits.Visits(hub)
    tags = {"plain": 0, "person": Tag.PERSON, "sealed": Tag.SEALED | Tag.PERSON}
    seqs = {
        word: on.piece("K-03", 0, photo(), kind=MediaKind.AUDIT, tags=tag, before_min=90) for word, tag in tags.items()
    }
    on.heard("K-03", 200, "speech", tags=Tag.PERSON, seconds=5)
    seqs["near"] = on.piece("K-03", 0, photo(), kind=MediaKind.AUDIT, before_min=200)
    closed = {
        word: on.piece("N-01", 0, photo(), kind=MediaKind.AUDIT, tags=tag, before_min=90)
        for word, tag in (("plain", 0), ("sealed", Tag.SEALED | Tag.PERSON | Tag.NO_CONTACT))
    }
    on.arrive()
    for name, words in (("jose", {"plain"}), ("elena", {"plain"}), ("carla", set(seqs)), ("alba", set(seqs))):
        phone = hub.login(name)
        page = phone.get("/stations/K-03").text
        for word, seq in seqs.items():
            path = f"/stations/K-03/rejected/{OUTBOXES['K-03']}/{seq}"
            assert phone.get(path).status_code == (200 if word in words else 404), (name, word)
            assert (f'"{path}"' in page) is (word in words), (name, word)
        assert ("no se le muestran" in page) is (words == {"plain"})
    sealed = hub.login("carla").get(f"/stations/K-03/rejected/{OUTBOXES['K-03']}/{seqs['sealed']}")
    assert sealed.headers["content-disposition"].startswith("attachment")
    assert sealed.headers["cache-control"] == "no-store"
    for name, words in (("carla", set()), ("alba", set()), ("elena", set()), ("pilar", {"sealed"})):
        phone = hub.login(name)
        page = phone.get("/stations/N-01").text
        for word, seq in closed.items():
            path = f"/stations/N-01/rejected/{OUTBOXES['N-01']}/{seq}"
            assert phone.get(path).status_code == (200 if word in words else 404), (name, word)
            assert (f'"{path}"' in page) is (word in words), (name, word)
