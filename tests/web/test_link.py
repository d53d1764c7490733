"""The link in a message: what it shows, what it changes, and for how long it works."""

import dataclasses
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from msgspec import structs

from otorongo.hub import store_deliveries, store_people, users
from otorongo.hub.notify import token_hash
from otorongo.hub.rules import Rules
from tests.web.conftest import Hub, Phone
from tests.web.seed import BROOK, HEADWATERS, LAKE

SAW, PRESENCE = (LAKE, "logging"), (HEADWATERS, "presence")
DAY_MS = 86_400_000


def link(hub: Hub, person: str = "maria", alert: tuple[str, str] = SAW) -> str:
    """The address that somebody got last."""
    return f"/a/{hub.seeded.tokens[person, hub.code(*alert)]}"


def contents(hub: Hub) -> dict[str, list[tuple[object, ...]]]:
    """Everything in the database, but the log of who fetched what."""
    import sqlite3

    with closing(sqlite3.connect(hub.folder / "hub.db")) as file:
        tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: file.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables if name != "access_log"}  # noqa: S608


@pytest.fixture
def preview(hub: Hub) -> Iterator[httpx.Client]:
    """A messenger that looks at links before its user does."""
    with hub.client(address="203.0.113.5") as client:
        client.headers["user-agent"] = "TelegramBot (like TwitterBot)"
        yield client


def test_looking_changes_nothing(hub: Hub, preview: httpx.Client) -> None:
    """GET and HEAD, however often, leave alert, delivery and link as they were; that the link was fetched is logged."""
    before = contents(hub)
    for _ in range(3):
        assert preview.get(link(hub)).status_code == 200
        assert preview.head(link(hub)).status_code == 200
        assert preview.request("OPTIONS", link(hub)).status_code == 405
    assert contents(hub) == before
    with hub.store.read() as tx:
        lines = [row for row in store_people.access_of(tx, hub.code(*SAW)) if row["what"] == "link_fetched"]
    assert len(lines) == 3
    assert lines[0]["who"] == "maria"
    assert "TelegramBot" in lines[0]["data"]["agent"]


def test_it_shows_code_activity_sector_and_what_to_do(hub: Hub, preview: httpx.Client) -> None:
    """And nothing else: no station, no coordinate, no evidence, no name, no other page's data."""
    text = preview.get(link(hub)).text
    for wanted in (hub.code(*SAW), "Tala", LAKE, "Observar sin intervenir.", "alerta alta"):
        assert wanted in text
    for secret in ("K-02", "K-03", "-12.", "motosierra", "certeza", "982 000", "jose", "carla", "media", "simulacro"):
        assert secret not in text, secret


def test_a_sealed_alert_shows_its_code_alone(hub: Hub, preview: httpx.Client) -> None:
    """Persons in a no_contact place: neither sector nor activity leave a login."""
    text = preview.get(link(hub, "pilar", PRESENCE)).text
    assert hub.code(*PRESENCE) in text
    for secret in (HEADWATERS, "resencia", "No acercarse", "persona", "N-01"):
        assert secret not in text, secret


def test_seen_is_one_press(hub: Hub) -> None:
    """Without a login: the link is the person. It stops nothing."""
    jose = Phone(hub.client())
    page = link(hub, "jose")
    answer = jose.send(page, page, act="seen")
    assert answer.headers["location"] == f"{page}?done=done"
    assert "Hecho." in jose.get(answer.headers["location"]).text
    row = hub.alert(hub.code(*SAW))
    assert "jose" in row["data"]["seen_by"]
    assert row["state"] == "notified"
    assert jose.send(page, page, act="seen").headers["location"] == f"{page}?done=unchanged"


def test_i_go_by_link(hub: Hub) -> None:
    """Party, route and return time; what is missing is asked for again."""
    phone = Phone(hub.client())
    page = link(hub)
    back = re.search(r'name="back" type="datetime-local" required value="([^"]+)"', phone.get(page).text)
    assert back
    missing = phone.send(page, page, act="going", party="", route="trocha 4", back=back[1])
    assert missing.status_code == 422
    assert "Falta decir quiénes van" in missing.text
    assert phone.send(page, page, act="going", party="Maria", route="trocha 4", back=back[1]).status_code == 303
    row = hub.alert(hub.code(*SAW))
    assert (row["state"], row["data"]["going"][0]["who"]) == ("acknowledged", "maria")
    assert "trocha 4" not in phone.get(page).text


@pytest.mark.parametrize("act", ["false", "by_right", "confirmed", "agree", "refuse", "back", ""])
def test_a_link_closes_nothing(hub: Hub, act: str) -> None:
    """Whoever finds a phone cannot silence an alert with it."""
    page = link(hub)
    before = contents(hub)
    assert Phone(hub.client()).send(page, page, act=act).status_code == 403
    assert contents(hub) == before


def test_a_form_needs_the_links_own_token(hub: Hub) -> None:
    """A form made elsewhere, or for another link, does nothing."""
    mine, other = link(hub), link(hub, "jose")
    client = hub.client()
    token = client.get(other).text.split('name="csrf" value="')[1].split('"')[0]
    assert client.post(mine, data={"act": "seen"}).status_code == 403
    assert client.post(mine, data={"act": "seen", "csrf": token}).status_code == 403


def test_a_link_expires(hub: Hub) -> None:
    """After its hours it shows nothing and does nothing, and leads to its alert by the login."""
    phone = Phone(hub.client())
    page = link(hub)
    token = phone.get(page).text.split('name="csrf" value="')[1].split('"')[0]
    hub.clock.pass_ms(DAY_MS)
    answer = phone.get(page)
    assert answer.status_code == 404
    assert "El enlace ya no vale" in answer.text
    assert LAKE not in answer.text
    assert phone.client.post(page, data={"act": "seen", "csrf": token}).status_code == 404
    assert f'href="/login?next=/alerts/{hub.code(*SAW)}"' in answer.text
    assert f'href="/alerts/{hub.code(*SAW)}"' in hub.login("maria").get(page).text
    with hub.store.write() as tx:
        users.disable(tx, "maria", hub.clock())
    assert 'href="/login"' in phone.get(page).text


def test_links_cannot_be_guessed(hub: Hub) -> None:
    """Somebody who tries many is no longer answered from that address; others are."""
    guesser = hub.client(address="203.0.113.66")
    for n in range(30):
        assert guesser.get(f"/a/guess{n}").status_code == 404
    assert guesser.get(link(hub)).status_code == 404
    assert hub.client().get(link(hub)).status_code == 200


def test_a_person_who_left_has_no_link(hub: Hub, preview: httpx.Client) -> None:
    """Taken out of hub.toml, their old links show nothing."""
    from msgspec.structs import replace

    from otorongo.hub.rules import Rules
    from otorongo.hub.web.app import create_app
    from tests.web.conftest import Wire

    rules = hub.seeded.rules
    others = tuple(one for one in rules.config.person if one.name != "maria")
    app = create_app(
        hub.store, Rules(replace(rules.config, person=others), rules.places), data_dir=hub.folder, now_ms=hub.clock
    )
    with httpx.Client(transport=Wire(app, "127.0.0.1"), base_url="http://127.0.0.1") as client:
        assert client.get(link(hub)).status_code == 404
        assert client.get(link(hub, "jose")).status_code == 200


def test_who_is_shut_out_has_no_link(hub: Hub, preview: httpx.Client) -> None:
    """A stolen phone: `user disable` ends the links on it, and those sent later work only if somebody may log in."""
    page = link(hub)
    assert preview.get(page).status_code == 200
    with hub.store.write() as tx:
        users.disable(tx, "maria", hub.clock())
    assert preview.get(page).status_code == 404
    with hub.store.write() as tx:
        fresh = {"hash": token_hash("fresh"), "alert": hub.code(*SAW), "person": "maria", "delivery": "x"}
        store_deliveries.add_token(tx, {**fresh, "created_ms": 0, "expires_ms": 1 << 48, "used_ms": 0})
    assert preview.get("/a/fresh").status_code == 200  # ana is maria too
    with hub.store.write() as tx:
        users.disable(tx, "ana", hub.clock(), disabled=True)
        store_deliveries.add_token(tx, {**fresh, "created_ms": 0, "expires_ms": 1 << 48, "used_ms": 0})
    assert preview.get("/a/fresh").status_code == 404
    with hub.store.write() as tx:
        users.disable(tx, "maria", hub.clock(), disabled=False)
    assert preview.get("/a/fresh").status_code == 200


@pytest.mark.parametrize("change", [{"places": (BROOK,)}, {"places": ()}])
def test_who_has_left_a_sector_has_no_link_to_it(hub: Hub, preview: httpx.Client, change: dict[str, Any]) -> None:
    """A person whose places no longer hold the alert's reads and does nothing with an old link."""
    page = link(hub)
    people = tuple(
        structs.replace(one, **change) if one.name == "maria" else one for one in hub.seeded.rules.config.person
    )
    config = structs.replace(hub.seeded.rules.config, person=people)
    hub.app.state.site = dataclasses.replace(hub.app.state.site, rules=Rules(config, hub.seeded.rules.places))
    assert preview.get(page).status_code == 404


def test_an_auditor_does_not_hold_the_rings(hub: Hub) -> None:
    """Who only watches has no button for "I go", and the form is refused."""
    phone, page = Phone(hub.client()), link(hub, "alba")
    assert 'name="party"' not in phone.get(page).text
    later = "2030-01-01T00:00"
    assert phone.send(page, page, act="going", party="a", route="b", back=later).status_code == 403
    assert hub.alert(hub.code(*SAW))["state"] == "notified"
    assert phone.send(page, page, act="seen").status_code == 303


def test_it_speaks_the_persons_language(hub: Hub, preview: httpx.Client) -> None:
    """Whatever the browser prefers."""
    preview.headers["accept-language"] = "en"
    assert "Observar sin intervenir." in preview.get(link(hub)).text
