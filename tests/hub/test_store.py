"""Opening the database, its transactions, and its schemas."""

import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import ProgrammingError

from otorongo.hub import db, migrations, store_evidence, store_people
from otorongo.hub.errors import StoreError
from otorongo.hub.store import Store, insert_new, lock, make_engine
from tests.hub.conftest import _administer


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    """What an exception interrupts was never written."""
    with pytest.raises(RuntimeError), store.write() as tx:
        store_people.saw(tx, 1, "ana", "login")
        raise RuntimeError
    with store.read() as tx:
        assert store_people.access_newest(tx) == []


def test_writers_wait_for_each_other(store: Store) -> None:
    """Threads that read, think and write under one lock lose no count."""
    with store.write() as tx:
        tx.execute(db.marks.insert().values(name="count", value="0"))

    def count_up() -> None:
        for _ in range(10):
            with store.write() as tx:
                lock(tx, "count")
                value = int(tx.execute(text("SELECT value FROM marks")).scalar_one())
                tx.execute(db.marks.update().values(value=str(value + 1)))

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as tx:
        assert tx.execute(text("SELECT value FROM marks")).scalar_one() == "40"


def test_what_was_new_is_counted(store: Store) -> None:
    """One row or several, new or there already: both databases count the same, or nobody could ever be added."""

    def gap(seq: int) -> dict[str, object]:
        return {"station": "K-02", "outbox": 7, "seq": seq, "first": 1, "last": 1, "reason": 1, "head": b"h"}

    rows = [{**gap(seq), "received_ms": 1} for seq in range(1, 5)]
    with store.write() as tx:
        counts = [insert_new(tx, db.gaps, some) for some in (rows[:1], rows[:1], rows[:3], rows[1:], [])]
    assert counts == [1, 0, 2, 1, 0]


def test_a_reader_sees_one_state(store: Store) -> None:
    """A read transaction does not see what is committed while it lasts, nor holds up the writer."""
    with store.read() as before:
        assert store_people.access_newest(before) == []
        with store.write() as tx:
            store_people.saw(tx, 1, "ana", "login")
        assert store_people.access_newest(before) == []
    with store.read() as after:
        assert len(store_people.access_newest(after)) == 1


@pytest.mark.parametrize("revision", [None, *migrations.revisions()])
@pytest.mark.parametrize("engine_name", ["sqlite", "postgresql"])
def test_every_earlier_schema_is_brought_up_to_date(
    revision: str | None, engine_name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A database of any earlier schema, with rows in it, opens with the tables of `db.py` and keeps its rows."""
    on_disk = engine_name == "sqlite"
    url = f"sqlite:///{tmp_path / 'old.db'}" if on_disk else str(request.getfixturevalue("postgres_database"))
    if revision is not None:
        engine = make_engine(url)
        migrations.upgrade(engine, revision)
        with engine.begin() as tx:
            tx.execute(text("INSERT INTO stations (station, folded) VALUES ('K-02', 'k-02')"))
        engine.dispose()
    store = Store.open(url)
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), db.metadata) == []
        stations = list(connection.execute(text("SELECT station FROM stations")).scalars())
    assert stations == (["K-02"] if revision else [])
    Store.open(url).close()
    store.close()


def test_parties_that_were_out_before_the_migration_are_found(database_0001: str) -> None:
    """An alert of the first schema with a party out is among those that ticks look at, even after it was closed."""
    engine = make_engine(database_0001)
    insert = text(
        "INSERT INTO alerts (id, place, activity, state, sealed, drill, reason, data)"
        " VALUES (:code, 'Lake', 'logging', 'resolved', false, false, '{}', :data)"
    )
    with engine.begin() as tx:
        tx.execute(insert, [{"code": "A", "data": '{"going": [{"who": "ana"}]}'}, {"code": "B", "data": "{}"}])
    engine.dispose()
    store = Store.open(database_0001)
    with store.write() as tx:
        assert [row["id"] for row in store_evidence.unresolved_of(tx, "Lake", "logging")] == ["A"]
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_0001(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database of the first schema, once on each engine."""
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'old.db'}" if sqlite else str(request.getfixturevalue("postgres_database"))
    engine = make_engine(url)
    migrations.upgrade(engine, "0001")
    engine.dispose()
    return url


def test_a_newer_schema_is_refused(store: Store, database_url: str) -> None:
    """A database that a newer program migrated is left alone, and the error says what to do."""
    with store.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"'9999' is newer than this program: install the newer otorongo"):
        Store.open(database_url)


def test_no_query_is_compiled(postgres_url: str) -> None:
    """On every connection, and after an error rolls its transaction back too."""
    store = Store(make_engine(f"{postgres_url}/postgres"))
    try:
        with pytest.raises(ProgrammingError), store.read() as tx:
            tx.execute(text("SELECT nothing"))
        for opened in (store.read, store.write):
            with opened() as tx:
                assert tx.execute(text("SHOW jit")).scalar_one() == "off"
    finally:
        store.close()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_text_is_refused(postgres_url: str, encoding: str) -> None:
    """PostgreSQL in another encoding than UTF-8 would lose a note in the middle of a batch: it is left untouched."""
    name = f"odd_{encoding.lower()}"
    how = f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    _administer(postgres_url, f"CREATE DATABASE {name} {how}")
    try:
        with pytest.raises(StoreError, match=rf"its encoding is {encoding}, .* createdb --encoding UTF8 .* {name}$"):
            Store.open(f"{postgres_url}/{name}")
    finally:
        _administer(postgres_url, f"DROP DATABASE {name}")


@pytest.mark.parametrize("url", ["mysql://a:secret@b/c", "nothing", "postgresql://u:secret@127.0.0.1:1/none"])
def test_a_database_that_cannot_be_opened_is_named(url: str) -> None:
    """The error names the database and the reason, and never its password."""
    with pytest.raises(StoreError, match=r"database") as error:
        Store.open(url)
    assert "secret" not in str(error.value)


def test_why_a_database_cannot_be_opened_is_said_with_the_way_out(postgres_url: str, tmp_path: Path) -> None:
    """In our words, with the database's own behind them: no server, no such database, another file, no such folder."""
    (tmp_path / "other").write_text("this is no database at all" * 50)
    why = {
        "postgresql://u@127.0.0.1:1/none": r"does PostgreSQL run there.*: .*[Cc]onnection refused",
        f"{postgres_url}/nowhere": r"install-hub\.sh --postgresql makes both: .*does not exist",
        f"sqlite:///{tmp_path / 'other'}": r"otorongo-hub restore makes a hub of a copy: file is not a database",
        f"sqlite:///{tmp_path / 'other' / 'hub.db'}": r"its folder cannot be made: (File exists|Not a directory)",
    }
    for url, words in why.items():
        with pytest.raises(StoreError, match=words):
            Store.open(url)


def test_sqlite_is_set_to_survive_a_power_cut(tmp_path: Path) -> None:
    """WAL with FULL, because a receipt is a promise; tables of narrow keys are clustered by them."""
    store = Store.open(f"sqlite:///{tmp_path / 'hub.db'}")
    with store.read() as tx:
        assert tx.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert tx.execute(text("PRAGMA synchronous")).scalar_one() == 2
        assert tx.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
        made = tx.execute(text("SELECT sql FROM sqlite_master WHERE name = 'records'")).scalar_one()
        assert "WITHOUT ROWID" in made
        assert set(inspect(tx).get_table_names()) == {*db.metadata.tables, "alembic_version"}
    store.close()
