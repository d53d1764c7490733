"""The JSON API: the same rules as the pages, bounded, described by OpenAPI."""

from typing import Any

import httpx
import pytest

from otorongo.hub import users
from tests.web.conftest import Hub
from tests.web.seed import BROOK, HEADWATERS, LAKE

SAW, HUNT, PRESENCE = (LAKE, "logging"), (BROOK, "poaching"), (HEADWATERS, "presence")


def bearer(hub: Hub, name: str) -> httpx.Client:
    """A program with a token."""
    with hub.store.write() as tx:
        token = users.open_token(tx, name, hub.clock(), days=30, purpose="test")
    client = hub.client()
    client.headers["authorization"] = f"Bearer {token}"
    return client


def get(client: httpx.Client, path: str, **query: object) -> Any:
    """An answer that must be well."""
    answer = client.get(f"/api/v1{path}", params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_without_a_token_or_session_it_says_401(hub: Hub) -> None:
    """Nobody, a token that is none, a cookie as token and a token as cookie: all the same."""
    maria = hub.login("maria")
    cookie = maria.client.cookies["otorongo"]
    api = bearer(hub, "maria")
    token = api.headers["authorization"].split()[1]
    stranger = hub.client()
    assert stranger.get("/api/v1/alerts").status_code == 401
    for bad in ("x", cookie):
        assert stranger.get("/api/v1/alerts", headers={"authorization": f"Bearer {bad}"}).status_code == 401
    stranger.cookies.set("otorongo", token)
    assert stranger.get("/api/v1/alerts").status_code == 401
    assert stranger.get("/alerts").status_code == 303
    assert get(api, "/me")["name"] == "maria"
    assert get(maria.client, "/me")["role"] == "ranger"


def test_a_token_ends_with_its_time_and_with_its_user(hub: Hub) -> None:
    """After its days, or when the user is disabled."""
    api = bearer(hub, "maria")
    assert get(api, "/me")["group"] == "norte"
    with hub.store.write() as tx:
        users.disable(tx, "maria", hub.clock())
    assert api.get("/api/v1/me").status_code == 401
    other = bearer(hub, "jose")
    hub.clock.pass_ms(30 * users.DAY_MS + 1)
    assert other.get("/api/v1/me").status_code == 401


def test_alerts_are_those_of_the_pages(hub: Hub) -> None:
    """Places as on the pages, and in portions whose cursors lead through all of them once; sealed ones never."""
    carla = bearer(hub, "carla")
    everything = [one["id"] for one in get(carla, "/alerts", state="all")["alerts"]]
    paged, before = [], ""
    while True:
        page = get(carla, "/alerts", state="all", limit=2, before=before)
        paged += [one["id"] for one in page["alerts"]]
        before = page["next"]
        if not before:
            break
    assert paged == everything
    assert len(everything) == 7
    pilar = bearer(hub, "pilar")
    assert hub.code(*PRESENCE) not in [one["id"] for one in get(pilar, "/alerts", state="all")["alerts"]]
    assert pilar.get(f"/api/v1/alerts/{hub.code(*PRESENCE)}").status_code == 404
    assert {one["place"] for one in get(bearer(hub, "kusi"), "/alerts", state="all")["alerts"]} == {BROOK}


def test_one_alert_with_its_events_and_life(hub: Hub) -> None:
    """Reason in the reader's language, events as the station told them, names as the reader may know them."""
    found = get(bearer(hub, "elena"), f"/alerts/{hub.code(*HUNT)}")
    assert found["reason"].startswith("disparo, 6 s, persona, 1 min")
    assert {one["cls"] for one in found["events"]} == {"gunshot", "person", "boat"}
    assert found["going"][0]["who"] == "jose"
    assert found["going"][0]["route"] == ""
    assert found["seen_by"][0].startswith("monitor comunitario ")
    assert found["life"][-1]["what"] == "opened"
    assert get(bearer(hub, "carla"), f"/alerts/{hub.code(*HUNT)}")["going"][0]["route"] == "por el caño, lado sur"
    assert bearer(hub, "maria").get(f"/api/v1/alerts/{hub.code(*HUNT)}").status_code == 404


def test_acknowledging_by_api(hub: Hub) -> None:
    """Seen, I go, and a close that waits; what was not taken says 409 and why."""
    code = hub.code(*SAW)
    maria, carla = bearer(hub, "maria"), bearer(hub, "carla")

    def post(client: httpx.Client, act: str, **given: object) -> tuple[int, str]:
        answer = client.post(f"/api/v1/alerts/{code}/{act}", json=given)
        return answer.status_code, answer.json().get("outcome", "")

    assert post(carla, "seen") == (200, "done")
    assert post(maria, "going") == (409, "needs_party")
    assert post(maria, "going", party="maria", route="x", back_ms=hub.clock() + 3_600_000) == (200, "done")
    assert hub.alert(code)["state"] == "acknowledged"
    assert post(bearer(hub, "jose"), "agree") == (409, "same_person")
    assert post(carla, "agree") == (200, "closed")
    assert hub.alert(code)["resolution"] == "false"
    assert post(maria, "seen", nonsense=1)[0] == 422
    assert post(maria, "explode")[0] == 404
    assert post(bearer(hub, "alba"), "seen")[0] == 403


def test_a_cookie_alone_changes_nothing_by_api(hub: Hub) -> None:
    """A page elsewhere cannot post with somebody's session: the session's token must come in a header."""
    maria = hub.login("maria")
    code = hub.code(*SAW)
    path = f"/api/v1/alerts/{code}/seen"
    assert maria.client.post(path).status_code == 403
    token = maria.get("/account").text.split('name="csrf" value="')[1].split('"')[0]
    assert maria.client.post(path, headers={"x-csrf-token": token}).status_code == 200


def test_events_without_persons_where_nobody_may_look(hub: Hub) -> None:
    """For those who see everywhere; persons in no_contact places are left out for everybody."""
    elena = bearer(hub, "elena")
    found = get(elena, "/events", from_ms=hub.clock() - 3 * users.DAY_MS, limit=200)["events"]
    assert {one["cls"] for one in found} >= {"chainsaw", "gunshot", "person", "boat"}
    assert not [one for one in found if one["station"] == "N-01"]
    persons = get(elena, "/events", from_ms=hub.clock() - 3 * users.DAY_MS, cls="person")["events"]
    assert {one["station"] for one in persons} == {"Q-02"}
    assert get(elena, "/events", cls="unicorn") == {"events": [], "truncated": False, "next": ""}
    few = get(elena, "/events", from_ms=hub.clock() - 3 * users.DAY_MS, limit=2)
    assert (len(few["events"]), few["truncated"]) == (2, True)
    assert bearer(hub, "maria").get("/api/v1/events").status_code == 403
    assert get(bearer(hub, "pilar"), "/events", station="N-01", from_ms=1)["events"] == []


def test_stations_and_deliveries(hub: Hub) -> None:
    """Machines for technicians; the ledger for those who see alerts, with pseudonyms and without what was sealed."""
    stations = {one["name"]: one for one in get(bearer(hub, "tito"), "/stations")}
    assert stations["K-05"]["state"] == "silent"
    assert stations["K-04"]["waiting_rows"] == 214
    assert stations["P-07"]["dropped_rows"] == 3
    ledger = get(bearer(hub, "elena"), "/deliveries")["deliveries"]
    assert {one["state"] for one in ledger} >= {"sent"}
    assert "kusi" not in {one["person"] for one in ledger}
    assert hub.code(*PRESENCE) not in {one["alert"] for one in ledger}
    assert bearer(hub, "tito").get("/api/v1/deliveries").status_code == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/alerts?limit=0", 422),
        ("/alerts?limit=201", 422),
        ("/alerts?state=maybe", 422),
        ("/events?from_ms=-1", 422),
        ("/events?to_ms=99999999999999999999", 422),
        ("/deliveries?limit=1000000", 422),
        ("/nothing", 404),
    ],
)
def test_what_cannot_be_meant_is_refused(read_hub: Hub, path: str, status: int) -> None:
    """Every number is bounded, and the answer says in JSON where it is wrong."""
    answer = bearer(read_hub, "carla").get(f"/api/v1{path}")
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_openapi_describes_what_there_is(read_hub: Hub) -> None:
    """Every path of the API and no page stands in it."""
    described = read_hub.client().get("/api/v1/openapi.json").json()
    assert set(described["paths"]) == {
        f"/api/v1{path}"
        for path in ("/me", "/alerts", "/alerts/{code}", "/alerts/{code}/{act}", "/events", "/stations", "/deliveries")
    }
    assert described["info"]["title"] == "Otorongo"
    for path in described["paths"].values():
        for method in path.values():
            assert method["description"]
