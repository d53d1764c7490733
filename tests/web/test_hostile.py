"""What nobody's browser sends, on both engines; and long lists, page by page."""

from pathlib import Path

import pytest

from otorongo.hub import users
from otorongo.hub.store import Store
from otorongo.hub.web.app import create_app
from tests.hub.conftest import database_url, postgres_hub, postgres_template, postgres_url, store
from tests.web import seed
from tests.web.conftest import Clock, Hub
from tests.web.seed import LAKE

__all__ = ["database_url", "postgres_hub", "postgres_template", "postgres_url", "store"]  # fixtures

NOW_MS = 1_795_000_000_000


@pytest.fixture
def either(store: Store, tmp_path: Path) -> Hub:
    """A seeded hub, once on each engine."""
    made = seed.seed(store, seed.rules(tmp_path), tmp_path, NOW_MS)
    clock = Clock(NOW_MS)
    return Hub(store, create_app(store, made.rules, data_dir=tmp_path, now_ms=clock), made, clock, tmp_path)


def test_odd_text_is_refused_and_never_breaks_a_page(either: Hub) -> None:
    """NUL and broken UTF-8 in addresses, names and notes get an answer below 500, on SQLite as on PostgreSQL."""
    code = either.code(LAKE, "logging")
    phone = either.login("maria")
    nul = ("/alerts/%00", "/alerts?place=%00", "/alerts?before=1.%00", "/stations/%00", "/a/%00", "/static/%00")
    for path in (*nul, f"/alerts/{code}/media/%00/1/1", "/api/v1/alerts?activity=a%00b", "/api/v1/alerts/%00"):
        assert phone.get(path).status_code == 400, path
    for path in ("/alerts/%ff", "/alerts?place=%ff%fe", "/a/%ed%a0%80", f"/alerts/{code}/media/K-02/1/{10**30}"):
        assert phone.get(path).status_code < 500, path
    notes = {"note": "a\0b"}
    assert phone.send(f"/alerts/{code}", f"/alerts/{code}/refuse", **notes).status_code == 303
    assert phone.get(f"/alerts/{code}").status_code == 200
    stranger = either.client("http://127.0.0.1", "10.0.0.7")
    csrf = stranger.get("/login").text.split('name="csrf" value="')[1].split('"')[0]
    for name in ("ma\0ria", "\0", "\x1b[2J", "mar\u202eia"):
        answer = stranger.post("/login", data={"csrf": csrf, "name": name, "password": "x\0"})
        assert answer.status_code == 401, repr(name)


def test_the_ledger_is_read_whole_in_portions(either: Hub) -> None:
    """Page by page the API yields each delivery once, also those that were intended in one millisecond."""
    with either.store.write() as tx:
        token = users.open_token(tx, "elena", NOW_MS, days=1, purpose="test")
    client = either.client()
    client.headers["authorization"] = f"Bearer {token}"
    whole = [one["id"] for one in client.get("/api/v1/deliveries?limit=200").json()["deliveries"]]
    paged, before = list[str](), ""
    while True:
        page = client.get("/api/v1/deliveries", params={"limit": 3, "before": before}).json()
        paged += [one["id"] for one in page["deliveries"]]
        before = page["next"]
        if not before:
            break
    assert len(whole) > 20
    assert paged == whole
