"""What the hub's tests ask for: a store on SQLite, and the same on a PostgreSQL of our own."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from otorongo.hub import migrations
from otorongo.hub.store import Store, make_engine
from tests.hub.clusters import Cluster
from tests.hub.hubs import Hub


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of a throw-away PostgreSQL cluster on loopback, without a database name at its end."""
    cluster = Cluster().start()
    try:
        yield cluster.url
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """Name of a database with the newest schema, to copy."""
    _administer(postgres_url, 'CREATE DATABASE "template_hub"')
    engine = make_engine(f"{postgres_url}/template_hub")
    migrations.upgrade(engine)
    engine.dispose()
    return "template_hub"


def _administer(url: str, statement: str) -> None:
    engine = create_engine(
        f"{url}/postgres".replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """URL of an empty database."""
    name = f"test_{uuid.uuid4().hex}"
    _administer(postgres_url, f'CREATE DATABASE "{name}"')
    yield f"{postgres_url}/{name}"
    _administer(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def postgres_hub(postgres_url: str, postgres_template: str) -> Iterator[str]:
    """URL of a database with the newest schema and nothing in it."""
    name = f"test_{uuid.uuid4().hex}"
    _administer(postgres_url, f'CREATE DATABASE "{name}" TEMPLATE "{postgres_template}"')
    yield f"{postgres_url}/{name}"
    _administer(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty hub database, once on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hub.db'}"
    return str(request.getfixturevalue("postgres_hub"))


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An empty store, once on each engine."""
    store = Store.open(database_url)
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hub]:
    """A hub on each engine."""
    url = f"sqlite:///{tmp_path / 'hub' / 'hub.db'}"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_hub"))
    hub = Hub(tmp_path / "hub", url)
    yield hub
    hub.store.close()


@pytest.fixture
def fresh_url(hub: Hub, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the hub comes to life again: another folder, another database."""
    if hub.store.is_sqlite:
        return f"sqlite:///{tmp_path / 'again' / 'hub.db'}"
    return str(request.getfixturevalue("postgres_database"))
