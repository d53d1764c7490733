"""The files of a copy: what they are called, how they are copied, and how it is found out that they are damaged."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from otorongo.hub.errors import BackupError, PieceError
from otorongo.hub.store_backup import Mark
from otorongo.language import say, why

MANIFEST: Final = "manifest.json"
MEDIA: Final = "media"
FILES: Final = "files"
CONFIG: Final = "config"
PKI: Final = "pki"
VERSION: Final = 1
ASIDE: Final = "restore.partial"
"""Where a hub is put together before it takes its place."""
_NOT_FILES: Final = ("hub.db", "hub.db-wal", "hub.db-shm", "hub.db-journal", "hub.lock", MEDIA, ASIDE)
_SIDECARS: Final = ("", "-wal", "-shm", "-journal")


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


def read_manifest(copy: Path) -> Manifest:
    """What a copy is. Raises BackupError."""
    path = copy / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise BackupError(say("{path}: cannot be read: {error}", path=path, error=why(error))) from error
    if manifest.version != VERSION:
        raise BackupError(
            say("{path}: version {version}: install the newer otorongo", path=path, version=manifest.version)
        )
    outside = [one.path for one in (manifest.database, *manifest.files, *manifest.media) if not _inside(one.path)]
    if outside:
        raise BackupError(say("{path}: {value!r} leads out of the backup", path=path, value=outside[0]))
    return manifest


def _inside(path: str) -> bool:
    return not Path(path).is_absolute() and ".." not in Path(path).parts


def database_files(path: Path | None) -> frozenset[Path]:
    """An SQLite file and what lies beside it while it is open: never to be copied as files."""
    whole = path.resolve() if path is not None else None
    return frozenset(whole.with_name(whole.name + end) for end in _SIDECARS) if whole else frozenset()


def lies_in(path: Path, folder: Path) -> bool:
    """True if a path, with its links followed, is in a folder."""
    return path.resolve().is_relative_to(folder.resolve())


def copy_files(data_dir: Path, database: Path | None, target: Path) -> Iterator[Path]:
    """Copy the small files of the hub's folder: certificates, secrets. Never a database, whatever it is called."""
    not_these = database_files(database)
    for path in sorted(data_dir.rglob("*")):
        inside = path.relative_to(data_dir)
        if inside.parts[0] not in _NOT_FILES and _plain(path) and path.resolve() not in not_these:
            yield copied(path, target / inside)


def copy_folder(folder: Path, target: Path) -> Iterator[Path]:
    """Copy everything in a folder."""
    for path in sorted(folder.resolve().rglob("*")):
        if _plain(path):
            yield copied(path, target / path.relative_to(folder.resolve()))


def copy_config(files: Iterable[Path], target: Path) -> Iterator[Path]:
    """Copy hub.toml and what it names, flat: two files of one name get numbers."""
    taken: set[str] = set()
    for path in files:
        if path.is_file():
            name = path.name
            while name in taken:
                name = f"{len(taken)}-{path.name}"
            taken.add(name)
            yield copied(path, target / name)


def copied(source: Path, target: Path) -> Path:
    """Copy a file that may be a secret: only its owner reads the copy."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(source.stat().st_mode & 0o700)
    return target


def copy_evidence(source: Path, target: Path, piece: Piece) -> None:
    """Copy a piece of evidence and see that it is what its hash says; it is on the disk when this returns.

    Raises PieceError if the source is missing, unreadable or damaged, OSError if the copy cannot be written.
    """
    try:
        content = source.read_bytes()
    except FileNotFoundError as error:
        raise PieceError(say("{source}: is missing", source=source)) from error
    except OSError as error:
        raise PieceError(say("{source}: cannot be read: {why}", source=source, why=why(error))) from error
    if hashlib.sha256(content).hexdigest() != piece.sha256:
        raise PieceError(say("{source}: is damaged: not what its hash says", source=source))
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with part.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(target)


def piece_of(path: Path, below: Path) -> Piece:
    """A file as the manifest names it."""
    return Piece(path.relative_to(below).as_posix(), path.stat().st_size, sha256_of(path))


def is_whole(path: Path, piece: Piece) -> bool:
    """True if a file is what the manifest says. Raises OSError."""
    return path.is_file() and path.stat().st_size == piece.bytes and sha256_of(path) == piece.sha256


def sha256_of(path: Path) -> str:
    """A file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_all(folder: Path) -> None:
    """Wait until a folder and everything in it is on the disk."""
    for path in [folder, *folder.rglob("*")]:
        sync(path)


def sync(path: Path) -> None:
    """Wait until a file or a folder's list is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
