"""Workers and rounds: what stumbles is counted and logged, and stops nothing else."""

import logging
import sqlite3
from pathlib import Path

import pytest

from otorongo.hub import app_watch, store_people
from otorongo.hub.errors import StoreAway
from otorongo.hub.store import Store
from otorongo.hub.worker import Round
from tests.hub import scenes
from tests.hub.fakes import NOON_MS


def test_each_duty_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    """The others are done, every failure is counted and logged, and a trace is told once."""
    done: list[str] = []

    def away() -> None:
        raise StoreAway("database: away")

    def broken() -> None:
        raise ZeroDivisionError

    everything = Round({"a": lambda: done.append("a"), "b": broken, "c": away, "d": lambda: done.append("d")})
    with caplog.at_level(logging.ERROR):
        everything()
        everything()
    assert done == ["a", "d"] * 2
    assert everything.stumbles == {"a": 0, "b": 2, "c": 2, "d": 0}
    assert [record.exc_info is not None for record in caplog.records] == [True, False, False, False]
    assert "c: failed 2 times: database: away" in caplog.text


def test_a_watch_that_cannot_tell_health_lets_time_pass_over_everything_else(tmp_path: Path) -> None:
    """The hub's own duties over a database in which one table is broken: the others are done."""
    rules = scenes.rules(tmp_path)
    store = Store.open(f"sqlite:///{tmp_path / 'hub.db'}")
    with store.write() as tx:
        row = {"user": "ana", "csrf": "x", "created_ms": 0, "seen_ms": 0}
        store_people.add_session(tx, {"hash": b"h", "expires_ms": NOON_MS - 1, **row})
    with sqlite3.connect(tmp_path / "hub.db") as database:
        database.execute("DROP TABLE health")
    database.close()
    everything = Round(app_watch.duties(store, rules, lambda: NOON_MS))
    everything()
    assert everything.stumbles == {"alerts": 0, "health": 1, "events": 0, "seals": 0, "links": 0}
    with store.read() as tx:
        assert store_people.session(tx, b"h", 0) is None
    store.close()
