"""Copies of a running hub, and a hub again out of a copy.

A backup folder holds one folder a copy, named by its time, and `media`, which all copies share because evidence never
changes. A copy holds the database, the small files of the hub's folder (certificates, secrets), its configuration, and
`manifest.json` with the SHA-256 of each. It is written aside, read back, opened and counted; only then does it get its
name, and only then does the hub call safe what is in it. Whoever holds a copy holds the hub's keys: keep it as such.
"""

import datetime as dt
import hashlib
import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from otorongo.hub import backup_database, store_backup, store_media
from otorongo.hub.errors import BackupError
from otorongo.hub.store import Store
from otorongo.hub.store_backup import Mark

log = logging.getLogger(__name__)

MANIFEST: Final = "manifest.json"
MEDIA: Final = "media"
FILES: Final = "files"
CONFIG: Final = "config"
VERSION: Final = 1
_PARTIAL: Final = ".partial"
_NOT_FILES: Final = ("hub.db", "hub.db-wal", "hub.db-shm", MEDIA)
_NAME: Final = "%Y-%m-%dT%H%M%SZ"


class Piece(Struct, frozen=True):
    """One file of a copy."""

    path: str
    """Below the copy; media below the backup folder."""
    bytes: int
    sha256: str


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a copy is."""

    version: int
    made_ms: int
    engine: str
    database: Piece
    counts: dict[str, int]
    marks: tuple[Mark, ...]
    files: tuple[Piece, ...]
    media: tuple[Piece, ...]


def make(
    store: Store, data_dir: Path, folder: Path, *, now_ms: int, config_files: Sequence[Path] = (), keep: int = 7
) -> Path:
    """Make a copy of the running hub, verify it, and call safe what is in it; where it is.

    The `keep` newest copies stay. Raises BackupError; then nothing has been called safe.
    """
    _check_folder(data_dir, folder)
    name = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC).strftime(_NAME)
    target, partial = folder / name, folder / f"{name}{_PARTIAL}"
    if target.exists():
        raise BackupError(f"{target}: is there already: wait a second, or remove it")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(mode=0o700, parents=True)
        dump = backup_database.dump(store, partial)
        files = [*_copy_files(data_dir, partial / FILES), *_copy_config(config_files, partial / CONFIG)]
        media = _copy_media(store, data_dir / MEDIA, folder / MEDIA)
        manifest = Manifest(
            VERSION,
            now_ms,
            dump.engine,
            _piece(dump.path, partial),
            dump.counts,
            tuple(dump.marks),
            tuple(_piece(path, partial) for path in files),
            media,
        )
        (partial / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
        _sync_all(partial)
        verify(partial)
        partial.rename(target)
        _sync(folder)
    except OSError as error:
        raise BackupError(f"{folder}: the backup could not be written: {error}") from error
    with store.write() as tx:
        store_backup.add_backup(tx, str(target), now_ms, now_ms, manifest.marks)
    _forget(folder, keep)
    if same_disk(data_dir, folder):
        log.warning("backup: %s is on the disk of the hub: when that burns, both are gone", folder)
    log.info("backup: %s, %d records, verified", target, manifest.counts["records"])
    return target


def verify(copy: Path) -> Manifest:
    """Read a copy back: every hash, and the database opened and counted. Raises BackupError that names what is wrong.

    Of the shared media the size is read, and the hash when it is restored: it is checked when it is written.
    """
    manifest = read_manifest(copy)
    for piece in (manifest.database, *manifest.files):
        path = copy / piece.path
        if not path.is_file() or path.stat().st_size != piece.bytes or _sha256(path) != piece.sha256:
            raise BackupError(f"{path}: is not what the manifest says: this copy is damaged, use another one")
    for piece in manifest.media:
        path = copy.parent / MEDIA / piece.path
        if not path.is_file() or path.stat().st_size != piece.bytes:
            raise BackupError(f"{path}: is missing or has another size than the manifest says")
    backup_database.check(copy / manifest.database.path, manifest.engine, manifest.counts, manifest.marks)
    return manifest


def restore(source: Path, data_dir: Path, database_url: str, *, now_ms: int) -> Manifest:
    """Make a hub out of a copy (or the newest copy of a backup folder), on a machine that has none.

    Raises BackupError if there is anything already, or the copy is damaged. The configuration of the old hub is laid
    beside, in `config` of `data_dir`, for a person to put in place.
    """
    copy = newest(source)
    if data_dir.exists() and any(path.name != "lost+found" for path in data_dir.iterdir()):
        raise BackupError(f"{data_dir}: is not empty: a hub is restored only where there is none; move it away first")
    manifest = verify(copy)
    try:
        data_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        backup_database.load(copy / manifest.database.path, manifest.engine, database_url)
        for piece in manifest.files:  # the files of the hub's folder in their places, its configuration beside
            place = piece.path.removeprefix(f"{FILES}/")
            _copy(copy / piece.path, data_dir / place, piece)
        for piece in manifest.media:
            _copy(copy.parent / MEDIA / piece.path, data_dir / MEDIA / piece.path, piece)
        _sync_all(data_dir)
    except OSError as error:
        raise BackupError(f"{data_dir}: could not be written: {error}") from error
    store = Store.open(database_url)
    with store.write() as tx:
        store_backup.add_backup(tx, str(copy), manifest.made_ms, now_ms, manifest.marks)
        store_media.put_mark(tx, "restored_ms", str(now_ms))
    store.close()
    return manifest


def newest(source: Path) -> Path:
    """The copy itself, or the newest one of a backup folder. Raises BackupError."""
    if (source / MANIFEST).is_file():
        return source
    copies = copies_in(source)
    if not copies:
        raise BackupError(f"{source}: holds no backup (a folder with {MANIFEST})")
    return copies[-1]


def copies_in(folder: Path) -> list[Path]:
    """The copies of a backup folder, oldest first."""
    return sorted(path.parent for path in folder.glob(f"*/{MANIFEST}") if not path.parent.name.endswith(_PARTIAL))


def read_manifest(copy: Path) -> Manifest:
    """What a copy is. Raises BackupError."""
    path = copy / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise BackupError(f"{path}: cannot be read: {error}") from error
    if manifest.version != VERSION:
        raise BackupError(f"{path}: version {manifest.version}: install the newer otorongo")
    outside = [one.path for one in (manifest.database, *manifest.files, *manifest.media) if not _inside(one.path)]
    if outside:
        raise BackupError(f"{path}: {outside[0]!r} leads out of the backup")
    return manifest


def same_disk(data_dir: Path, folder: Path) -> bool:
    """True if the backup is lost together with the hub."""
    return data_dir.exists() and folder.exists() and data_dir.stat().st_dev == folder.stat().st_dev


def _check_folder(data_dir: Path, folder: Path) -> None:
    if folder.resolve().is_relative_to(data_dir.resolve()):
        raise BackupError(f"{folder}: is inside the hub's own folder {data_dir}: name another disk or machine")


def _inside(path: str) -> bool:
    return not Path(path).is_absolute() and ".." not in Path(path).parts


def _copy_files(data_dir: Path, target: Path) -> Iterator[Path]:
    """The small files of the hub's folder: certificates, secrets."""
    for path in sorted(data_dir.rglob("*")):
        inside = path.relative_to(data_dir)
        if path.is_file() and not path.is_symlink() and inside.parts[0] not in _NOT_FILES:
            yield _copied(path, target / inside)


def _copy_config(files: Iterable[Path], target: Path) -> Iterator[Path]:
    """hub.toml and what it names, flat: two files of one name get numbers."""
    taken: set[str] = set()
    for path in files:
        if path.is_file():
            name = path.name
            while name in taken:
                name = f"{len(taken)}-{path.name}"
            taken.add(name)
            yield _copied(path, target / name)


def _copy_media(store: Store, media: Path, target: Path) -> tuple[Piece, ...]:
    """Copy the evidence that the backup folder does not have yet, and check it."""
    with store.read() as tx:
        whole = store_media.pieces_whole(tx)
    pieces = []
    for row in whole:
        piece = Piece(row["path"], row["bytes"], bytes(row["sha256"]).hex())
        copy = target / piece.path
        if not (media / piece.path).is_file():
            log.warning("backup: %s is not there any more", media / piece.path)
            continue
        if not copy.is_file() or copy.stat().st_size != piece.bytes:
            try:
                _copy(media / piece.path, copy, piece)
            except BackupError as error:  # one damaged picture must not keep the records from being safe
                log.error("backup: left out: %s", error)  # noqa: TRY400
                continue
        pieces.append(piece)
    return tuple(pieces)


def _copy(source: Path, target: Path, piece: Piece) -> None:
    """Copy a file and check what arrived. Raises BackupError."""
    _copied(source, target)
    if _sha256(target) != piece.sha256:
        target.unlink()
        raise BackupError(f"{source}: is not what its hash says: it is damaged")


def _copied(source: Path, target: Path) -> Path:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(source.stat().st_mode & 0o700)
    return target


def _piece(path: Path, below: Path) -> Piece:
    return Piece(path.relative_to(below).as_posix(), path.stat().st_size, _sha256(path))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _forget(folder: Path, keep: int) -> None:
    """Remove copies beyond the `keep` newest; the evidence they share stays."""
    for old in copies_in(folder)[:-keep]:
        try:
            shutil.rmtree(old)
        except OSError as error:
            log.warning("backup: %s cannot be removed: %s", old, error)


def _sync_all(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
