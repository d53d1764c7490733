"""The database's part of a backup: SQLite by its online copy, PostgreSQL by its own pg_dump."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from otorongo.hub import store_backup
from otorongo.hub.errors import BackupError, StoreError
from otorongo.hub.store import Store, make_engine
from otorongo.hub.store_backup import Mark
from otorongo.language import say, why

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
_COPY: Final = b"COPY public."
_END: Final = b"\\.\n"


class Dump(Struct, frozen=True):
    """A copy of the database, and what is in it."""

    path: Path
    engine: str
    counts: dict[str, int]
    marks: tuple[Mark, ...]


def dump(store: Store, folder: Path) -> Dump:
    """Copy the running database into a folder. Raises BackupError."""
    return _dump_sqlite(store, folder) if store.is_sqlite else _dump_postgres(store, folder)


def check(path: Path, engine: str, counts: dict[str, int], marks: Sequence[Mark]) -> None:
    """Open a copy, look for damage, and count. Raises BackupError."""
    if engine == SQLITE:
        found_counts, found_marks, fault = _open_sqlite(path)
        if fault:
            raise BackupError(say("{path}: damaged: {fault}", path=path, fault=fault))
        if found_counts != counts or found_marks != tuple(marks):
            raise BackupError(
                say(
                    "{path}: holds {found_counts}, and should hold {counts}",
                    path=path,
                    found_counts=found_counts,
                    counts=counts,
                )
            )
    else:
        found = _count_postgres(path)
        wrong = {name: count for name, count in counts.items() if found.get(name) != count}
        if wrong:
            raise BackupError(
                say(
                    "{path}: holds {value}, and should hold {wrong}",
                    path=path,
                    value={name: found.get(name) for name in wrong},
                    wrong=wrong,
                )
            )


def place(database_url: str, engine: str) -> Path | None:
    """Where an SQLite database goes; None for PostgreSQL.

    Raises BackupError if there is a database already, or one of another kind than `engine` is wanted.
    """
    target = Store(make_engine(database_url))
    try:
        wanted = SQLITE if target.is_sqlite else POSTGRESQL
        if wanted != engine:
            raise BackupError(
                say(
                    "the backup is of {engine}, and the database wanted is {wanted}: name one of {engine}",
                    engine=engine,
                    wanted=wanted,
                )
            )
        if target.is_sqlite:
            if target.path is None or target.path.exists():
                raise BackupError(
                    say("{path}: is there already: a hub is restored only where there is none", path=target.path)
                )
            return target.path.resolve()
        if not store_backup.is_empty(target):
            raise BackupError(say("the database has tables already: make an empty one (createdb) and name it"))
        return None
    finally:
        target.close()


def load(path: Path, database_url: str) -> None:
    """Put a copy where there is none; see `place`. Raises BackupError."""
    target = Store(make_engine(database_url))
    try:
        if target.path:
            shutil.copyfile(path, target.path)
            target.path.chmod(0o640)
        else:
            _run(
                target, "pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", "-d", _name(target), path
            )
    finally:
        target.close()


def _dump_sqlite(store: Store, folder: Path) -> Dump:
    source, target = store.path, folder / "hub.db"
    if source is None:
        raise BackupError(say("a database in memory cannot be backed up"))
    try:
        # In one step: a reader of a write-ahead log holds nobody up, and sees one state.
        with contextlib.closing(sqlite3.connect(source)) as old, contextlib.closing(sqlite3.connect(target)) as new:
            old.backup(new)
            new.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise BackupError(say("{source}: cannot be copied: {error}", source=source, error=why(error))) from error
    counts, marks, fault = _open_sqlite(target)
    if fault:
        raise BackupError(
            say("{source}: its copy is damaged, so the hub's own database is: {fault}", source=source, fault=fault)
        )
    return Dump(target, SQLITE, counts, marks)


def _open_sqlite(path: Path) -> tuple[dict[str, int], tuple[Mark, ...], str]:
    copy = Store.read_only(path)
    try:
        with copy.read() as tx:
            fault = store_backup.sqlite_faults(tx)
            return store_backup.counts_of(tx), tuple(store_backup.marks_of(tx)), fault
    except StoreError as error:
        raise BackupError(say("{path}: cannot be opened: {error}", path=path, error=why(error))) from error
    finally:
        copy.close()


def _dump_postgres(store: Store, folder: Path) -> Dump:
    target = folder / "hub.pgdump"
    with store.read() as tx:
        snapshot = store_backup.postgres_snapshot(tx)
        counts, marks = store_backup.counts_of(tx), tuple(store_backup.marks_of(tx))
        _run(store, "pg_dump", "--format=custom", f"--snapshot={snapshot}", "--no-owner", "--file", target)
    return Dump(target, POSTGRESQL, counts, marks)


def _count_postgres(path: Path) -> dict[str, int]:
    """Rows of each table in a dump, all of it read and unpacked."""
    program = _program("pg_restore")
    counts: dict[str, int] = {}
    with subprocess.Popen([program, "-f", "-", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        rows = process.stdout
        if rows is None:
            raise BackupError(say("{path}: pg_restore says nothing", path=path))
        table = ""
        for line in rows:
            if table and line == _END:
                table = ""
            elif table:
                counts[table] += 1
            elif line.startswith(_COPY):
                table = line[len(_COPY) :].split(b" ", 1)[0].decode().strip('"')
                counts[table] = 0
        told = process.stderr.read().decode(errors="replace") if process.stderr else ""
    if process.returncode:
        raise BackupError(say("{path}: damaged: {value}", path=path, value=told.strip()[:500]))
    return counts


def _run(store: Store, program: str, *arguments: str | Path) -> None:
    environment = os.environ | store.libpq_environment()
    done = subprocess.run([_program(program), *arguments], env=environment, capture_output=True, check=False)
    if done.returncode:
        raise BackupError(f"{program}: {done.stderr.decode(errors='replace').strip()[:500]}")


def _name(store: Store) -> str:
    return store.libpq_environment().get("PGDATABASE", "")


def _program(name: str) -> str:
    """PostgreSQL's own program, of the newest version that is here. Raises BackupError."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    found = str(installed[-1]) if installed else shutil.which(name)
    if found is None:
        raise BackupError(say("{name} is not installed: apt-get install postgresql-client", name=name))
    return found
