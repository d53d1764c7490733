"""The name of an animal on a page and by API: what gave it, and that nobody has validated it."""

import pytest

from otorongo.hub import ingest, presence
from otorongo.wire import birth, seen, species
from otorongo.wire.classes import BY_NAME
from otorongo.wire.codes import Kind, NameSource, Tag
from otorongo.wire.rows import Event, Seen
from tests.hub.fakes import Card, mapping
from tests.web.conftest import Hub
from tests.web.seed import LAKE

NUMBERS = species.numbers()


def arrive(hub: Hub, *, validated: bool) -> str:
    """A saw with a jaguar's name (no alert is about animals by default), a minute ago; its alert."""
    cls, card, now_ms, rules = BY_NAME["chainsaw"].number, Card("K-02", 4242), hub.clock(), hub.seeded.rules
    bundles = (birth.Bundle("boxes", 1, "00" * 32), birth.Bundle("names", 1, "11" * 32, validated))
    payload = birth.encode(birth.Birth(4242, 1, "otorongo 9", bundles, (birth.Sensor(2, "camera", "opencv"),)))
    card.birth_hash = birth.hash_of(payload)
    presence.take_birth(hub.store, rules, "K-02", payload, now_ms)
    number = NUMBERS["panthera onca"]
    event = card.put(
        Event(20_000, 2, cls, 80, Tag.THREAT, Kind.CLOSE, species=number, hits=9, peak=99, duration_ms=9000)
    )
    names = [seen.Name(number, 0.9), seen.Name(NUMBERS["puma"], 0.05), seen.Name(0, 0.02)]
    boxes = seen.pack_boxes([seen.Box(cls, 0.9, 0.2, 0.2, 0.4, 0.4)])
    card.put(Seen(20_000, 2, card.last + 1 - event, boxes, seen.pack_names(names), NameSource.CLASSIFIER, 1))
    batch = card.batch(clock=mapping(1, now_ms - 60_000))
    assert ingest.accept(hub.store, rules, "K-02", batch, now_ms) is not None
    return hub.code(LAKE, "logging")


@pytest.mark.parametrize("validated", [False, True])
def test_a_page_says_what_named_an_animal(hub: Hub, *, validated: bool) -> None:
    """The name in the reader's language, `sin validar` unless it is, and what the network said."""
    page = hub.login("jose").get(f"/alerts/{arrive(hub, validated=validated)}").text
    assert "<i>Panthera onca</i>" in page
    assert ("sin validar" in page) is not validated
    assert "names@1 dijo: jaguar 90\u00a0%, " in page
    assert "sin nombre aquí 2\u00a0%" in page
    assert "nombre: el más probable" in page


def test_the_api_tells_the_same(hub: Hub) -> None:
    """Boxes, names before any rule, what gave the name, and its standing; null where a station told nothing."""
    arrive(hub, validated=False)
    elena = hub.login("elena")
    events = elena.get("/api/v1/events?station=K-02&limit=200").json()["events"]
    (told,) = [one["shown"] for one in events if one["species"]]
    assert (told["named_by"], told["bundle"], told["validated"]) == ("classifier", "names@1", False)
    assert [one["species"] for one in told["names"]] == ["Panthera onca", "Puma", ""]
    assert told["boxes"][0]["x"] == pytest.approx(0.2, abs=0.01)
    assert all(one["shown"] is None for one in events if not one["species"])
