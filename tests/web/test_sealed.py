"""Sealed originals on the pages: everybody reads that there is one and who opens it; nobody is shown it."""

import hashlib
from typing import Any

import httpx
import pyrage
import pytest

from otorongo.hub import ingest, media, store_alerts, store_media, store_people
from otorongo.hub.media import Limits
from otorongo.wire import media as wire_media
from otorongo.wire.codes import MediaKind, Tag
from otorongo.wire.rows import Event, Media
from otorongo.wire.sealed import MAGIC, fingerprints
from tests.hub.fakes import Card, mapping
from tests.web.conftest import Hub
from tests.web.rendered import photo
from tests.web.seed import BROOK, CUSTODIANS, HEADWATERS, KEYS

ORIGINAL = b"the whole frame " * 2000
HUNT, PRESENCE = (BROOK, "poaching"), (HEADWATERS, "presence")


class Visit:
    """Somebody at a station: a preview and a sealed original, told but not sent."""

    def __init__(
        self,
        hub: Hub,
        station: str,
        of: tuple[str, str],
        to: tuple[int, ...],
        *,
        tags: int = 0,
        whole: bool = False,
        strangers: tuple[str, ...] = (),
        heard: bool = False,
    ) -> None:
        self.hub, self.station, self.outbox = hub, station, 4711
        card = Card(station, outbox=self.outbox)
        tags |= Tag.THREAT | Tag.PERSON
        event = card.put(Event(1000, 2, 32, 80, tags, hits=9, peak=99))
        self.contents: dict[int, bytes] = {}
        if not tags & Tag.NO_CONTACT:
            kind = MediaKind.SPECTROGRAM if heard else MediaKind.PREVIEW
            self.preview = self._put(card, event, kind, photo(), tags)
        if whole:
            self.original = self._put(card, event, MediaKind.FRAME, photo(), tags)
            self._told(card, of)
            return
        closed: bytes = pyrage.encrypt(ORIGINAL, [KEYS[one].to_public() for one in to])
        recipients = fingerprints([*(CUSTODIANS[one].key for one in to), *strangers])
        kind = MediaKind.CLIP if heard else MediaKind.FRAME
        self.original = self._put(card, event, kind, closed, tags | Tag.SEALED, recipients)
        self._told(card, of)

    def _told(self, card: Card, of: tuple[str, str]) -> None:
        hub, station, now_ms = self.hub, self.station, self.hub.clock()
        batch = card.batch(clock=mapping(1, now_ms - 60_000))
        assert ingest.accept(hub.store, hub.seeded.rules, station, batch, now_ms) is not None
        with hub.store.read() as tx:
            rows = store_alerts.alerts_newest(tx, places=[of[0]], activity=of[1], sealed=True)
        self.code = rows[0]["id"]

    def _put(self, card: Card, event: int, kind: int, content: bytes, tags: int, sealed_to: bytes = b"") -> int:
        digest = hashlib.sha256(content).digest()
        row = Media(2000, 2, card.last + 1 - event, kind, len(content), digest, tags, 0, sealed_to)
        seq = card.put(row)
        self.contents[seq] = content
        return seq

    def arrive(self) -> None:
        """Everything comes."""
        for seq, content in self.contents.items():
            for at in range(0, len(content), wire_media.MAX_DATA):
                part = content[at : at + wire_media.MAX_DATA]
                chunk = wire_media.encode(wire_media.Chunk(self.outbox, seq, at, part))
                media.take_chunk(self.hub.store, self.hub.folder / "media", Limits(), self.station, chunk, 0)

    @property
    def page(self) -> str:
        """The alert's."""
        return f"/alerts/{self.code}"

    def path(self, seq: int) -> str:
        """Of a piece on the pages."""
        return f"/alerts/{self.code}/media/{self.station}/{self.outbox}/{seq}"

    def piece(self) -> Any:
        """The original's row at the hub."""
        with self.hub.store.read() as tx:
            return store_media.piece(tx, (self.station, self.outbox, self.original))

    def logged(self, what: str) -> list[tuple[str, str, Any]]:
        """Who did something, newest first."""
        with self.hub.store.read() as tx:
            rows = store_people.access_newest(tx)
        return [(row["who"], row["subject"], row["data"]) for row in rows if row["what"] == what]


@pytest.fixture
def visit(hub: Hub) -> Visit:
    """At a brook where hunters were: under an alert that rangers see."""
    return Visit(hub, "Q-02", HUNT, (0, 1))


def sound_and_picture(visit: Visit) -> list[str]:
    """Where a page could try to show a sealed original."""
    base = visit.path(visit.original)
    return [f"{base}/spectrogram.webp", f"{base}/sound.wav"]


def test_rangers_see_the_preview_and_read_who_opens_the_original(visit: Visit, hub: Hub) -> None:
    """In Spanish and in English; no link to the original, and its address yields nothing."""
    visit.arrive()
    page = hub.login("jose").get(f"/alerts/{visit.code}").text
    assert visit.path(visit.preview) in page
    assert "Vista previa: las personas no se pueden reconocer." in page
    assert "Original sellado. Lo abre" in page
    assert "Operaciones" in page
    assert "Custodia externa" in page
    assert visit.path(visit.original) not in page
    phone = hub.login("jose")
    assert phone.get(visit.path(visit.preview)).content == visit.contents[visit.preview]
    for path in (visit.path(visit.original), *sound_and_picture(visit)):
        assert phone.get(path).status_code == 404
    assert "Sealed original. It is opened by" in hub.login("wren").get(f"/alerts/{visit.code}").text


def test_rangers_see_the_levels_of_a_sealed_sound_and_nothing_of_the_sound(hub: Hub) -> None:
    """The picture that stays open comes and is shown as such; the clip is neither drawn nor played."""
    visit = Visit(hub, "Q-02", HUNT, (0, 1), heard=True)
    visit.arrive()
    phone = hub.login("jose")
    page = phone.get(visit.page).text
    assert "Niveles del sonido" in page
    assert "Vista previa" not in page
    assert phone.get(visit.path(visit.preview)).headers["content-type"] == "image/webp"
    assert "<audio" not in page
    assert all(phone.get(path).status_code == 404 for path in [visit.path(visit.original), *sound_and_picture(visit)])


@pytest.mark.parametrize("name", ["carla", "alba"])
def test_who_may_takes_it_along_closed(visit: Visit, hub: Hub, name: str) -> None:
    """A file to keep, not to show; it opens with the key, and the log says who has it."""
    visit.arrive()
    phone = hub.login(name)
    page = phone.get(f"/alerts/{visit.code}").text
    assert f"otorongo-hub unseal Q-02/4711/{visit.original}" in page
    answer = phone.get(visit.path(visit.original))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f'attachment; filename="Q-02-4711-{visit.original}.webp.age"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.startswith(MAGIC)
    assert pyrage.decrypt(answer.content, [KEYS[1]]) == ORIGINAL
    assert visit.logged("took_sealed") == [(name, visit.code, {"piece": f"Q-02/4711/{visit.original}"})]
    for path in sound_and_picture(visit):
        assert phone.get(path).status_code == 404


def test_an_original_is_asked_for_once_and_it_is_logged(visit: Visit, hub: Hub) -> None:
    """By a button for who may; a ranger has none, and cannot press it all the same."""
    where, page = f"{visit.path(visit.original)}/ask", f"/alerts/{visit.code}"
    assert where not in hub.login("jose").get(page).text
    assert "viene solo si alguien lo pide" in hub.login("jose").get(page).text
    assert hub.login("jose").send(page, where).status_code == 404
    assert visit.piece()["wanted_ms"] == 0
    phone = hub.login("carla")
    assert where in phone.get(page).text
    answer: httpx.Response = phone.send(page, where)
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    assert visit.piece()["wanted_ms"] == store_media.ASKED_MS
    assert where not in phone.get(page).text
    phone.send(page, where)
    assert visit.logged("asked_sealed") == [("carla", visit.code, {"piece": f"Q-02/4711/{visit.original}"})]
    assert phone.send(page, f"{visit.path(visit.preview)}/ask").status_code == 404


def test_a_whole_frame_is_asked_for_by_a_button(hub: Hub) -> None:
    """An open one, on a station's card: every ranger who sees the alert may, once, and it is logged."""
    visit = Visit(hub, "Q-02", HUNT, (0, 1), whole=True)
    where, page = f"{visit.path(visit.original)}/ask", visit.page
    phone = hub.login("jose")
    text = phone.get(page).text
    assert where in text
    assert "El cuadro entero, sin recortar." in text
    assert visit.piece()["wanted_ms"] == 0
    answer: httpx.Response = phone.send(page, where)
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    assert visit.piece()["wanted_ms"] == store_media.ASKED_MS
    assert where not in phone.get(page).text
    assert visit.logged("asked_frame") == [("jose", visit.code, {"piece": f"Q-02/4711/{visit.original}"})]
    assert phone.send(page, f"{visit.path(visit.preview)}/ask").status_code == 404
    visit.arrive()
    assert phone.get(visit.path(visit.original)).headers["content-type"] == "image/webp"


def test_keys_that_the_hub_does_not_know_are_counted(hub: Hub) -> None:
    """A station that seals to somebody else as well says so by its row."""
    visit = Visit(hub, "Q-02", HUNT, (0,), strangers=("age1a", "age1b"))
    assert "Lo abre Operaciones y 2 llaves que este centro no conoce." in hub.login("carla").get(visit.page).text


def test_from_no_contact_land_the_protocol_holder_alone_knows_and_takes(hub: Hub) -> None:
    """Who opens it is the holder; for everybody else neither alert nor piece exists."""
    visit = Visit(hub, "N-01", PRESENCE, (2,), tags=Tag.NO_CONTACT)
    visit.arrive()
    holder = hub.login("pilar")
    assert "Lo abre Ministerio." in holder.get(f"/alerts/{visit.code}").text
    assert pyrage.decrypt(holder.get(visit.path(visit.original)).content, [KEYS[2]]) == ORIGINAL
    for name in ("carla", "alba", "jose", "elena", "wren"):
        assert hub.login(name).get(visit.path(visit.original)).status_code == 404
        assert hub.login(name).send("/account", f"{visit.path(visit.original)}/ask").status_code == 404


def test_the_log_says_who_opened_and_why(visit: Visit, hub: Hub) -> None:
    """An auditor reads the reason that was given at the command line."""
    with hub.store.write() as tx:
        data = {"reason": "oficio 12 de la fiscalía", "keys": ["Operaciones"]}
        store_people.saw(tx, hub.clock(), "command line: root", "unsealed", subject="Q-02/4711/3", data=data)
    page = hub.login("alba").get("/log").text
    assert "abrió el original sellado" in page
    assert "«oficio 12 de la fiscalía»" in page
