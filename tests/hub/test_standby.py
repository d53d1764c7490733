"""`safe = "standby"`: the mark is given only while every commit waits for a second machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from otorongo.hub import app_check, store_standby
from otorongo.hub.belief import NO_RULES
from otorongo.hub.config import BackupConfig, HubConfig
from otorongo.hub.ingest import Payload, accept_many
from otorongo.hub.store import Store
from otorongo.hub.store_standby import Standby
from tests.hub.brokers import until
from tests.hub.clusters import Cluster
from tests.hub.fakes import NOON_MS, Card


@pytest.fixture
def primary() -> Iterator[Cluster]:
    """A server of its own, because what it waits for is a setting of the whole server."""
    cluster = Cluster("-c fsync=on").start()
    yield cluster
    cluster.stop()


def _set(cluster: Cluster, setting: str, value: str) -> None:
    engine = create_engine(
        f"{cluster.url}/postgres".replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(f"ALTER SYSTEM SET {setting} = '{value}'"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


def _seen(store: Store) -> Standby:
    store.engine.dispose()  # a new connection has the new settings
    with store.read() as tx:
        return store_standby.standby(tx)


def test_the_mark_is_given_only_while_commits_wait(primary: Cluster, tmp_path: Path) -> None:
    """Without a name, or with a commit that does not wait, it would lie; the hub says so and is careful."""
    store = Store.open(f"{primary.url}/postgres")
    card = Card()

    def safe() -> int:
        card.beat(card.last)
        sent = [Payload("K-02", card.batch())]
        (receipt,) = accept_many(store, NO_RULES, sent, NOON_MS, safe_at_commit=store_standby.waits)
        assert receipt is not None
        assert receipt.up_to == card.last
        return receipt.safe_up_to

    def found() -> str:
        config = HubConfig(
            data_dir=str(tmp_path), database=f"{primary.url}/postgres", backup=BackupConfig(safe="standby")
        )
        lines = (one.line() for one in app_check.findings_of(config, tmp_path / "hub.toml"))
        return "\n".join(line for line in lines if "standby" in line)

    assert "waits for no standby" in _seen(store).lie
    assert found().startswith('wrong: backup.safe = "standby": the database waits for no standby: set synchronous_')
    assert safe() == 0
    standby = Cluster("-c hot_standby=on", copy_of=primary).start()
    try:
        _set(primary, "synchronous_standby_names", "standby")
        until(lambda: _seen(store) == Standby(), "a standby in step", 30)
        assert found() == ""
        assert safe() == 2
        _set(primary, "synchronous_commit", "remote_write")
        until(lambda: "synchronous_commit = remote_write" in _seen(store).lie, "the setting")
        assert safe() == 2
        _set(primary, "synchronous_commit", "on")
        until(lambda: _seen(store) == Standby(), "the setting")
        assert safe() == 4
    finally:
        standby.stop()
    until(lambda: "every commit waits until one is" in _seen(store).doubt, "the standby is gone", 30)
    assert found().startswith('check: backup.safe = "standby": no standby is connected: every commit waits')
    store.close()


def test_sqlite_has_no_standby(tmp_path: Path) -> None:
    """It is told by `check`, and no transaction is called safe."""
    config = HubConfig(data_dir=str(tmp_path), backup=BackupConfig(safe="standby"))
    store = Store.open(config.database_url)
    with store.read() as tx:
        assert not store_standby.waits(tx)
    store.close()
    lines = [one.line() for one in app_check.findings_of(config, tmp_path / "hub.toml")]
    assert any("SQLite has no standby" in line and line.startswith("wrong") for line in lines)
