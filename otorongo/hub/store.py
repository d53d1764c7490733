"""Opening the database, SQLite or PostgreSQL, and its transactions. The statements stand in the files `store_*.py`.

A transaction is `with store.write() as tx:`; all that a batch causes happens in one of them. Functions of `store_*.py`
take the transaction as their first argument.
"""

import contextlib
import functools
import hashlib
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, Executable, Table, create_engine, event, func, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool, StaticPool

from otorongo.hub import migrations
from otorongo.hub.errors import StoreAway, StoreError
from otorongo.language import say, why

Tx = Connection
"""A transaction, as the functions of `store_*.py` take it."""
Values = Mapping[str, Any]
"""Columns and what to put into them."""
Found = dict[str, Any]
"""A row as read, by the names of its columns in `db.py`."""

BUSY_MS: Final = 30_000
"""How long a writer waits for another one."""
_READ: Final = "otorongo_read"


class Store:
    """One database. Safe to use from several threads; on PostgreSQL also from several processes and machines."""

    def __init__(self, engine: Engine) -> None:
        self.engine: Final = engine
        self._turn = threading.Lock() if engine.dialect.name == "sqlite" else contextlib.nullcontext()

    @classmethod
    def open(cls, url: str) -> "Store":
        """Open the database, made or migrated to this program's schema first.

        `url` is `sqlite:////folder/hub.db`, `sqlite://` in tests that need no file, or `postgresql://user@host/name`.
        Raises StoreError if it cannot be reached, if a newer program has migrated it, or if it is PostgreSQL in another
        encoding than UTF-8.
        """
        engine = make_engine(url)
        try:
            migrations.upgrade(engine)
        except StoreError:
            engine.dispose()
            raise
        except (SQLAlchemyError, OSError) as error:
            engine.dispose()
            raise StoreError(
                say("database {url}: cannot be opened: {error}", url=shown(engine.url), error=_why(error))
            ) from error
        return cls(engine)

    @classmethod
    def read_only(cls, path: Path) -> "Store":
        """A copy of an SQLite database that nobody writes, opened without changing a byte of it or beside it."""
        where = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
        engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(where, uri=True), poolclass=NullPool)
        return cls(engine)

    @property
    def is_sqlite(self) -> bool:
        """True for SQLite, which has one writer at a time."""
        return self.engine.dialect.name == "sqlite"

    @property
    def path(self) -> Path | None:
        """The file of an SQLite database; None for PostgreSQL."""
        return Path(self.engine.url.database) if self.is_sqlite and self.engine.url.database else None

    def libpq_environment(self) -> dict[str, str]:
        """What PostgreSQL's own programs need to reach this database, so that no password stands in their arguments."""
        url = self.engine.url
        found = {
            "PGHOST": url.host or url.query.get("host"),
            "PGPORT": url.port or url.query.get("port"),
            "PGUSER": url.username,
            "PGPASSWORD": url.password,
            "PGDATABASE": url.database,
            "PGSSLMODE": url.query.get("sslmode"),
            "PGSSLROOTCERT": url.query.get("sslrootcert"),
        }
        return {name: str(value) for name, value in found.items() if value is not None}

    @contextlib.contextmanager
    def write(self) -> Iterator[Tx]:
        """A transaction that may write: committed at the end, rolled back on an exception.

        Raises StoreAway if the database cannot be reached or written, also for lack of room on the disk.
        """
        with self._told(), self._turn, self.engine.begin() as tx:
            yield tx

    @contextlib.contextmanager
    def read(self) -> Iterator[Tx]:
        """A transaction that reads one consistent state and changes nothing. Raises StoreAway."""
        snapshot = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        options = {_READ: True} if self.is_sqlite else snapshot
        with self._told(), self.engine.connect().execution_options(**options) as tx, tx.begin():
            yield tx

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Tell a database that is away, full or damaged from a statement that is wrong."""
        try:
            yield
        except DBAPIError as error:
            if isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError:
                raise StoreAway(
                    say("database {url}: {error}", url=shown(self.engine.url), error=_why(error))
                ) from error
            raise

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def make_engine(url: str) -> Engine:
    """An engine with our pragmas, the schema untouched. Raises StoreError if the URL names no database we know."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(
            say("database {name!r}: not a URL such as sqlite:////folder/hub.db", name=url.rpartition("@")[2])
        ) from error
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
        return _postgres_engine(parsed)
    if parsed.get_backend_name() != "sqlite":
        raise StoreError(say("database {name}: this hub knows sqlite and postgresql", name=parsed.get_backend_name()))
    return _sqlite_engine(parsed)


def _postgres_engine(url: URL) -> Engine:
    engine = create_engine(url, pool_pre_ping=True, pool_size=8, connect_args={"connect_timeout": 10})

    @event.listens_for(engine, "connect", insert=True)  # before SQLAlchemy, which stumbles over SQL_ASCII
    def look(connection: Any, _record: Any) -> None:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise StoreError(
                say(
                    "database {url}: its encoding is {encoding}, which cannot hold every name and note: make it "
                    "anew with createdb --encoding UTF8 --locale C.UTF-8 --template template0 {database}",
                    url=shown(url),
                    encoding=encoding,
                    database=url.database,
                )
            )
        # Compiling a page's query takes ten times as long as running it: PostgreSQL thinks it dear, and it stops early.
        connection.autocommit = True
        connection.execute("SET jit = off")
        connection.autocommit = False

    return engine


def _sqlite_engine(url: URL) -> Engine:
    if url.database:
        folder = Path(url.database).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                say("database {url}: its folder cannot be made: {why}", url=shown(url), why=why(error))
            ) from error
    arguments = {"timeout": BUSY_MS / 1000, "check_same_thread": False}
    engine = create_engine(url, connect_args=arguments, poolclass=None if url.database else StaticPool)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy says BEGIN itself, below
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a receipt is a promise
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer that begins as a reader may find at its first write that another has overtaken it, and fails.
        reading = connection.get_execution_options().get(_READ)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def shown(url: URL) -> str:
    """A database's URL without its password."""
    return url.render_as_string(hide_password=True)


def lock(tx: Tx, *parts: str) -> None:
    """Let one transaction at a time work on what `parts` names, until it ends. SQLite has one writer anyway.

    Whoever takes several locks takes them in sorted order.
    """
    if tx.dialect.name == "postgresql":
        number = int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:8], "big", signed=True)
        tx.execute(select(func.pg_advisory_xact_lock(number)))


def insert_new(tx: Tx, table: Table, rows: Sequence[Values]) -> int:
    """Insert the rows whose primary key is not there yet; how many there were."""
    if not rows:
        return 0
    return int(tx.execute(_insert_new(tx.dialect.name, table), [dict(row) for row in rows]).rowcount)


def put(tx: Tx, table: Table, row: Values, *, keep: Sequence[str] = ()) -> None:
    """Insert a row, or set the given columns, except `keep`, of the one with its primary key."""
    tx.execute(_put(tx.dialect.name, table, tuple(row), tuple(keep)), [dict(row)])


def insert(tx: Tx, table: Table) -> Any:
    """The dialect's INSERT, which knows ON CONFLICT. Making one takes longer than running it: see `insert_of`."""
    return insert_of(tx.dialect.name, table)


def insert_of(engine: str, table: Table) -> Any:
    """The same by the engine's name, for statements that are made once (functools.cache) and run often."""
    return postgresql.insert(table) if engine == "postgresql" else sqlite.insert(table)


@functools.cache
def _insert_new(engine: str, table: Table) -> Any:
    # Without being told to keep it, SQLAlchemy closes psycopg's cursor before it asks how many rows there were.
    return insert_of(engine, table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


@functools.cache
def _put(engine: str, table: Table, names: tuple[str, ...], keep: tuple[str, ...]) -> Any:
    keys = [column.name for column in table.primary_key]
    statement = insert_of(engine, table)
    changed = {name: statement.excluded[name] for name in names if name not in (*keys, *keep)}
    if not changed:
        return statement.on_conflict_do_nothing()
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def found(tx: Tx, statement: Executable, values: Values | None = None) -> Found | None:
    """The one row of a statement, or None."""
    row = tx.execute(statement, values).mappings().one_or_none()
    return None if row is None else dict(row)


def listed(tx: Tx, statement: Executable, values: Values | None = None) -> list[Found]:
    """The rows of a statement."""
    return [dict(row) for row in tx.execute(statement, values).mappings()]


def _why(error: Exception) -> str:
    """What a database says, after what that means and the way out, where it is a usual thing."""
    text = str(getattr(error, "orig", None) or error).strip()
    line = text.splitlines()[0] if text else type(error).__name__
    known = {
        ("password", "authentication failed"): say(
            "it does not let this user in: check user and password, or pg_hba.conf; "
            "without a password run it as the hub's own user: sudo -u otorongo"
        ),
        ("does not exist",): say("there is no such database or user: deploy/install-hub.sh --postgresql makes both"),
        (
            "connection refused",
            "could not translate",
            "name or service",
            "timeout expired",
            "no such file",
            "no route",
        ): say("the server does not answer: does PostgreSQL run there, and is the address right?"),
        ("starting up", "shutting down", "closed the connection", "terminating connection"): say(
            "the server was stopped or is just starting"
        ),
        ("too many",): say("the server takes no more connections: raise max_connections"),
        ("is full", "no space left"): say("the disk is full: make room"),
        ("not a database", "malformed"): say(
            "the file is damaged or something else: otorongo-hub restore makes a hub of a copy"
        ),
        ("unable to open", "readonly"): say("whoever runs this may not write there: sudo -u otorongo"),
        ("locked",): say("another program holds it: end that, or wait"),
    }
    told = next((words for marks, words in known.items() if any(mark in text.lower() for mark in marks)), "")
    return f"{told}: {line}" if told else line
