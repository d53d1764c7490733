"""A hub again out of a copy, on a machine that has none.

Everything is put together in `restore.partial` inside the folder where it belongs (the parent of a hub's folder is
rarely the hub's to write, and the folder may be a disk of its own) and moves up at the end, the database last: what
fails leaves no half of a hub behind. Evidence that is damaged in the backup is left out and asked for again.
"""

import contextlib
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from otorongo.hub import backup, backup_database, backup_files, store_backup, store_media
from otorongo.hub.backup_files import ASIDE, FILES, MEDIA, PKI, Manifest, Piece
from otorongo.hub.errors import BackupError, PieceError
from otorongo.hub.store import Store
from otorongo.language import say, why

log = logging.getLogger(__name__)

_NOTHING: Final = frozenset({"lost+found", ASIDE})
"""What a folder may hold that holds no hub: what a file system makes, and what a restore left that was cut short."""


class Restored(Struct, frozen=True):
    """What a hub was made of."""

    manifest: Manifest
    lost: int
    """Pieces of evidence that were missing or damaged in the backup: stations are asked for them again."""


def restore(source: Path, data_dir: Path, database_url: str, *, now_ms: int, pki_dir: Path | None = None) -> Restored:
    """Make a hub out of a copy (or the newest copy of a backup folder), on a machine that has none.

    `pki_dir` is where the certificates go; left out: `pki` in `data_dir`. The configuration of the old hub is laid
    beside, in `config` of `data_dir`, for a person to put in place. Raises BackupError if there is anything already, or
    the copy is damaged; nothing has changed then (but a PostgreSQL database that was loaded stays so).
    """
    copy = backup.newest(source)
    data_dir, pki = data_dir.resolve(), (pki_dir or data_dir / PKI).resolve()
    apart = not backup_files.lies_in(pki, data_dir)
    roots = (data_dir, pki) if apart else (data_dir,)
    for root in roots:
        _check_none(root)
    manifest = backup.verify(copy)
    work = data_dir / ASIDE
    try:
        with contextlib.ExitStack() as undo:
            for root in roots:
                undo.enter_context(_aside(root))
            database = backup_database.place(database_url, manifest.engine)
            certificates = pki / ASIDE if apart else work / pki.relative_to(data_dir)
            _lay_files(copy, manifest, work, certificates, keep_free=_at_work(database, data_dir))
            lost = _lay_media(copy.parent / MEDIA, manifest.media, work / MEDIA)
            laid = _at_work(database, data_dir)
            if laid:
                laid.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
                undo.enter_context(_removed_on_failure(laid))
            url = f"sqlite:///{laid}" if laid else database_url
            backup_database.load(copy / manifest.database.path, url)
            told = _remember(url, copy, manifest, lost, now_ms)
            for root in reversed(roots):
                _move_up(root, last=laid)
            if laid and database and laid.exists():  # it lies elsewhere than in the hub's folder
                laid.rename(database)
    except OSError as error:
        raise BackupError(
            say("{data_dir}: could not be restored: {error}", data_dir=data_dir, error=why(error))
        ) from error
    return Restored(manifest, told)


def _check_none(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if names - _NOTHING:
        cut = f" (a restore was cut short in it: {folder / ASIDE})" if ASIDE in names else ""
        raise BackupError(
            say(
                "{folder}: is not empty: a hub is restored only where there is none; move it away first{cut}",
                folder=folder,
                cut=cut,
            )
        )


@contextlib.contextmanager
def _aside(root: Path) -> Iterator[None]:
    """The folder in which what belongs into `root` is put together; if that fails, `root` is as it was."""
    was_there, work = root.exists(), root / ASIDE
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o750, parents=True)
    if not was_there:
        root.chmod(0o750)
    try:
        yield
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        if not was_there:
            with contextlib.suppress(OSError):
                root.rmdir()
        raise


@contextlib.contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _at_work(database: Path | None, data_dir: Path) -> Path | None:
    """Where an SQLite file is put together: with the rest, or beside its place if that is elsewhere."""
    if database is None:
        return None
    if database.is_relative_to(data_dir):
        return data_dir / ASIDE / database.relative_to(data_dir)
    return database.with_name(f"{database.name}.{ASIDE}")


def _lay_files(copy: Path, manifest: Manifest, work: Path, certificates: Path, *, keep_free: Path | None) -> None:
    """The files of the hub's folder in their places, its configuration beside, its certificates where they go now."""
    not_these = backup_files.database_files(keep_free)
    for piece in sorted(manifest.files, key=lambda one: one.path.startswith(f"{PKI}/")):
        inside = piece.path.removeprefix(f"{FILES}/")
        target = certificates / inside.removeprefix(f"{PKI}/") if inside.startswith(f"{PKI}/") else work / inside
        if target.resolve() in not_these:
            continue  # the verified copy of the database takes that place
        backup_files.copied(copy / piece.path, target)
        if not backup_files.is_whole(target, piece):
            raise BackupError(
                say("{value}: changed while it was copied: is the disk of the backup well?", value=copy / piece.path)
            )


def _lay_media(media: Path, pieces: tuple[Piece, ...], target: Path) -> dict[str, str]:
    """Copy the evidence; what is damaged or missing: path to reason."""
    target.mkdir(mode=0o750, exist_ok=True)
    damaged = {}
    for piece in pieces:
        try:
            backup_files.copy_evidence(media / piece.path, target / piece.path, piece)
        except PieceError as error:
            damaged[piece.path] = str(error)
            log.error("restore: evidence left out, and asked for again: %s", error)  # noqa: TRY400
    return damaged


def _remember(url: str, copy: Path, manifest: Manifest, damaged: dict[str, str], now_ms: int) -> int:
    """Tell the database what it was made of, and which evidence it does not have; how many pieces that are."""
    here = {piece.path for piece in manifest.media} - damaged.keys()
    told: dict[str, list[str]] = {}
    store = Store.open(url)
    try:
        with store.write() as tx:
            store_backup.add_backup(tx, str(copy), manifest.made_ms, now_ms, manifest.marks)
            store_media.put_mark(tx, "restored_ms", str(now_ms))
            for row in store_media.pieces_begun(tx):
                path = row["path"]
                if row["state"] == "whole" and path in here:
                    continue
                store_media.ask_again(tx, row)
                if row["state"] == "whole":
                    told.setdefault(row["station"], []).append(damaged.get(path, f"{path}: is not in the backup"))
            for station, reasons in told.items():
                store_media.tell_lost(tx, station, reasons, now_ms)
    finally:
        store.close()
    return sum(map(len, told.values()))


def _move_up(root: Path, *, last: Path | None) -> None:
    """Everything from beside into its place, the database last; the owner of the folder is theirs too."""
    work, owner = root / ASIDE, root.stat()
    backup_files.sync_all(work)
    if os.geteuid() == 0:  # sudo: the hub itself runs as somebody else
        for path in work.rglob("*"):
            os.chown(path, owner.st_uid, owner.st_gid)
    for path in sorted(work.iterdir(), key=lambda path: last is not None and last.is_relative_to(path)):
        path.rename(root / path.name)
    work.rmdir()
    backup_files.sync(root)
