"""The statements of the pages, on SQLite and on PostgreSQL."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from otorongo.hub import db, store_people, store_records, store_web, users
from otorongo.hub.store import Store
from otorongo.hub.store_web import Filter, Sight
from otorongo.hub.web.app import create_app
from tests.web import seed, visits
from tests.web.conftest import Clock, Hub
from tests.web.seed import BROOK, HEADWATERS, LAKE, PARCEL

EVERYTHING = Sight(alerts=True, places=None, sealed_places=None, drills=True)


@pytest.fixture
def reserve(database_url: str, tmp_path: Path) -> Iterator[Hub]:
    """A seeded hub, once on each engine."""
    store = Store.open(database_url)
    now_ms = time.time_ns() // 1_000_000
    made = seed.seed(store, seed.rules(tmp_path), tmp_path, now_ms)
    clock = Clock(now_ms)
    yield Hub(store, create_app(store, made.rules, data_dir=tmp_path, now_ms=clock), made, clock, tmp_path)
    store.close()


def test_no_gap_of_one_station_breaks_the_list_of_all(store: Store) -> None:
    """Rows that a station never wrote are none that it dropped, and numbers too large to add up are added up."""
    top = 2**63 - 1

    def gap(seq: int, first: int, last: int) -> dict[str, object]:
        values = {"station": "K-02", "outbox": 7, "seq": seq, "first": first, "last": last}
        return {**values, "reason": 1, "head": b"h", "received_ms": 1}

    with store.write() as tx:
        store_records.add_gaps(tx, [gap(9, 0, top), gap(8, 5, 3), gap(7, 2, 4), gap(6, 4, 6)])
    with store.read() as tx:
        assert store_web.rows_dropped(tx) == {"K-02": 3}
    with store.write() as tx:
        store_records.add_gaps(tx, [gap(top - n, 1, top - 9) for n in range(3)])
    with store.read() as tx:
        assert store_web.rows_dropped(tx)["K-02"] == pytest.approx(3 * 2.0**63)


def test_pages_and_statements_hold_on_both_engines(reserve: Hub) -> None:
    """Who may see which alerts is decided in the database; every page stands; a session ends where it should."""

    def places(sight: Sight, wanted: Filter = Filter(live=False)) -> set[str]:  # noqa: B008  # a frozen value
        with reserve.store.read() as tx:
            return {row["place"] for row in store_web.alerts_for(tx, sight, wanted, limit=100)}

    assert places(EVERYTHING) == {LAKE, BROOK, PARCEL, HEADWATERS}
    hunt = reserve.code(BROOK, "poaching")
    assert places(EVERYTHING, Filter(live=False, code=hunt[1:])) == {BROOK}
    assert places(EVERYTHING._replace(places=(LAKE,)), Filter(live=False, code=hunt)) == set()
    assert places(EVERYTHING._replace(sealed_places=())) == {LAKE, BROOK, PARCEL}
    assert places(EVERYTHING._replace(sealed_places=(), places=(BROOK,), drills=False)) == {BROOK}
    assert places(EVERYTHING._replace(sealed_places=(), places=(), drills=True)) == {LAKE}
    assert places(EVERYTHING._replace(alerts=False, drills=False)) == {HEADWATERS}
    with reserve.store.read() as tx:
        gravest = store_web.alerts_for(tx, EVERYTHING, Filter(), limit=100, grade=store_web.GRAVEST)
        last = gravest[1]
        rest = store_web.alerts_for(
            tx, EVERYTHING, Filter(), limit=100, before=(last["opened_ms"], last["id"]), grade=store_web.grade_of(last)
        )
    assert [row["id"] for row in rest] == [row["id"] for row in gravest[2:]]
    assert places(EVERYTHING, Filter(live=False, activity="mining")) == {LAKE}
    assert PARCEL not in places(EVERYTHING, Filter(live=True))

    pages = {
        "carla": ("/alerts?state=all", "/stations", "/stations/P-07", "/account", "/log"),
        "jose": (f"/alerts/{reserve.code(LAKE, 'logging')}", f"/alerts/{reserve.code(BROOK, 'poaching')}"),
    }
    for name, paths in pages.items():
        phone = reserve.login(name)
        for path in (*paths, "/api/v1/alerts", "/api/v1/deliveries", "/healthz"):
            assert phone.get(path).status_code == 200, path

    kept = users.digest(phone.client.cookies["otorongo"])
    reserve.enter("jose")
    with reserve.store.write() as tx:
        assert len(store_web.sessions_of(tx, "jose", reserve.clock())) == 2
        assert store_web.end_sessions_but(tx, "jose", kept) == 1
        assert not store_web.end_own_session(tx, "carla", kept)
        assert store_web.end_own_session(tx, "jose", kept)
        assert store_web.small_fact(tx, "pseudonym_key", "another") != "another"
    with reserve.store.read() as tx:
        assert store_web.was_here(tx, "jose", "127.0.0.1")
        assert not store_web.was_here(tx, "jose", "192.0.2.1")
        assert [row["who"] for row in store_web.looks_at(tx, reserve.code(LAKE, "logging"), "saw_alert")] == ["jose"]
        assert store_web.rows_dropped(tx) == {"P-07": 3}
        assert store_people.count_users(tx) == len(seed.USERS)


def test_events_and_reviews_hold_on_both_engines(reserve: Hub) -> None:
    """Who may see which events is decided in the database; pages and API stand; a review is kept and withdraws."""
    made = visits.fill(reserve)

    def seen(name: str, *more: str) -> set[str]:
        text = "".join(reserve.login(name).get(f"/events?{query}").text for query in ("", *more))
        return {word for word, path in made.events.items() if f'<a href="{path}">' in text}

    everything = set(made.events)
    assert seen("elena") == everything - {"isolated"}
    assert seen("kusi") == {"herd", "unnamed", "dog", "walker"}
    assert seen("jose") == everything - {"isolated", "tapir"}
    for query in ("what=1", "what=frogs&sense=sound", "sense=picture", "where=station:K-03", "before=1.K-03.1.1"):
        assert reserve.login("elena").get(f"/events?{query}").status_code == 200
    elena = reserve.login("elena")
    for path in made.events.values():
        assert elena.get(path).status_code == (404 if path == made.events["isolated"] else 200)
    paged, before = [], ""
    while True:
        page = elena.get(f"/api/v1/events?from_ms=1&limit=3&before={before}").json()
        paged += page["events"]
        before = page["next"]
        if not before:
            break
    whole = elena.get("/api/v1/events?from_ms=1&limit=200").json()
    assert paged == whole["events"]
    kusi, page = reserve.login("kusi"), made.events["unnamed"]
    seq = kusi.get(page).text.split('name="seq" value="')[1].split('"')[0]
    assert kusi.send(page, f"{page}/review", verdict="person", seq=seq).status_code == 303
    assert "unnamed" not in seen("jose")
    assert "unnamed" in seen("elena")
    assert reserve.login("jose").get("/stations/K-03").status_code == 200


def test_what_has_come_since_a_heartbeat_is_not_missing(store: Store) -> None:
    """Rows up to the newest heartbeat that no span holds; those behind it, and of another card, are no matter."""
    with store.write() as tx:
        for station, seq in (("K-02", 50), ("K-05", 7)):
            beat = {c.name: 0 for c in db.heartbeats.c if not c.nullable and c.server_default is None}
            tx.execute(
                db.heartbeats.insert().values({**beat, "station": station, "outbox": 7, "seq": seq, "counters": {}})
            )
        for outbox, kept, first, last in ((7, False, 11, 20), (7, False, 45, 60), (7, True, 1, 10), (8, False, 1, 40)):
            row = {"station": "K-02", "outbox": outbox, "kept": kept, "first": first, "last": last}
            tx.execute(db.spans.insert().values(row))
        assert store_web.rows_missing(tx) == {"K-02": 50 - 10 - 6}
        assert store_web.rows_missing(tx, "K-05") == {}
