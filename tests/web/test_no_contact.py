"""Land of peoples in isolation, where hub.toml alone says so and the station does not know."""

import hashlib

import httpx
import pytest

from otorongo.hub import ingest, media, store_people, users
from otorongo.hub.media import Limits
from otorongo.wire import classes
from otorongo.wire import media as wire_media
from otorongo.wire.codes import MediaKind, Tag
from otorongo.wire.rows import Event, Media
from tests.hub.fakes import Card, mapping
from tests.web.conftest import Hub
from tests.web.seed import HEADWATERS

PICTURE = b"a picture" * 100


def number(name: str) -> int:
    """Of a class."""
    return classes.BY_NAME[name].number


class Land:
    """A station in no_contact land whose rows say nothing of that: a vehicle and a saw, a boat and a shot."""

    def __init__(self, hub: Hub) -> None:
        self.hub, self.card = hub, Card("N-01", outbox=4242)
        self.seen = {
            cls: self.event(cls, sensor) for sensor, cls in enumerate(("vehicle", "chainsaw", "boat", "gunshot"))
        }
        self.tagged = self.piece("vehicle", tags=Tag.PERSON)
        self.plain = self.piece("vehicle")
        self.canoe = self.piece("boat")

    def event(self, cls: str, sensor: int) -> int:
        """Something is noticed."""
        return self.card.put(Event(1000, sensor, number(cls), 80, Tag.THREAT, hits=9, peak=99))

    def piece(self, cls: str, *, tags: int = 0) -> int:
        """A picture of it."""
        back = self.card.last + 1 - self.seen[cls]
        digest = hashlib.sha256(PICTURE).digest()
        return self.card.put(Media(2000, 1, back, MediaKind.THUMBNAIL, len(PICTURE), digest, tags))

    def arrive(self) -> None:
        """All of it comes, a minute ago."""
        now_ms, rules = self.hub.clock(), self.hub.seeded.rules
        batch = self.card.batch(clock=mapping(1, now_ms - 60_000))
        assert ingest.accept(self.hub.store, rules, "N-01", batch, now_ms) is not None
        for seq in (self.tagged, self.plain, self.canoe):
            chunk = wire_media.encode(wire_media.Chunk(4242, seq, 0, PICTURE))
            media.take_chunk(self.hub.store, self.hub.folder / "media", Limits(), "N-01", chunk, now_ms)

    def codes(self, client: httpx.Client) -> dict[str, str]:
        """Alerts there by activity."""
        found = client.get("/api/v1/alerts?state=all&limit=200").json()["alerts"]
        return {one["activity"]: one["id"] for one in found if one["place"] == HEADWATERS}

    def pictures(self, name: str, code: str) -> list[int]:
        """Which pieces of an alert somebody gets, and that the page names no others."""
        phone = self.hub.login(name)
        page = phone.get(f"/alerts/{code}").text
        paths = {seq: f"/alerts/{code}/media/N-01/4242/{seq}" for seq in (self.tagged, self.plain, self.canoe)}
        got = [seq for seq, path in paths.items() if phone.get(path).status_code == 200]
        assert [seq for seq, path in paths.items() if path in page] == got
        return got


@pytest.fixture
def land(hub: Hub) -> Land:
    """With everything on its card."""
    return Land(hub)


def test_a_picture_that_may_show_people_is_for_protocol_holders(land: Land, hub: Hub) -> None:
    """Under an alert that rangers see: pictures with people's tag, and of boats, which may be canoes."""
    land.arrive()
    code = land.codes(hub.login("carla").client)["intrusion"]
    assert land.pictures("carla", code) == [land.plain]
    assert land.pictures("pilar", code) == [land.tagged, land.plain]
    mining = land.codes(hub.login("carla").client)["mining"]
    assert land.pictures("carla", mining) == [land.plain]


def test_nor_one_while_somebody_speaks(land: Land, hub: Hub) -> None:
    """A picture or sound made when a voice was heard at the station stays hidden too."""
    land.seen["speech"] = land.event("speech", 9)
    land.arrive()
    code = land.codes(hub.login("carla").client)["intrusion"]
    assert land.pictures("carla", code) == []


def test_programs_get_nature_and_machines_from_there(land: Land, hub: Hub) -> None:
    """No boats, shots, persons or voices from there, in the list of events or under an alert; and it is noted."""
    land.seen["speech"] = land.event("speech", 9)
    land.arrive()
    with hub.store.write() as tx:
        token = users.open_token(tx, "elena", hub.clock(), days=1, purpose="test")
    api = hub.client()
    api.headers["authorization"] = f"Bearer {token}"
    for until in ("", f"&to_ms={2**48 - 1}"):
        since = hub.clock() - 600_000
        events = api.get(f"/api/v1/events?station=N-01&from_ms={since}{until}").json()["events"]
        assert sorted(one["cls"] for one in events) == ["chainsaw", "vehicle"]
    mining = api.get(f"/api/v1/alerts/{land.codes(api)['mining']}").json()
    assert [one["cls"] for one in mining["events"]] == ["vehicle"]
    with hub.store.read() as tx:
        told = [row for row in store_people.access_newest(tx) if row["who"] == "elena"]
    assert [row["what"] for row in told] == ["saw_alert", "saw_events", "saw_events"]
