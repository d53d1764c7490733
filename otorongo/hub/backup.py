"""Copies of a running hub. `restore` makes a hub again out of one.

A backup folder holds one folder a copy, named by its time, and `media`, which all copies share because evidence never
changes. A copy holds the database, the small files of the hub's folder (secrets), its certificates wherever they lie,
its configuration, and `manifest.json` with the SHA-256 of each. It is written aside, read back, opened and counted;
only then does it get its name, and only then does the hub call safe what is in it. Evidence that is damaged at the hub
is left out, told to the technician and asked for again: it keeps no record from being safe. Whoever holds a copy holds
the hub's keys: keep it as such.
"""

import datetime as dt
import errno
import logging
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from otorongo.hub import backup_database, backup_files, store_backup, store_media
from otorongo.hub.backup_files import CONFIG, FILES, MANIFEST, MEDIA, PKI, VERSION, Manifest, Piece
from otorongo.hub.errors import BackupError, PieceError
from otorongo.hub.store import Found, Store
from otorongo.language import say, why

log = logging.getLogger(__name__)

_PARTIAL: Final = ".partial"
_NAME: Final = "%Y-%m-%dT%H%M%SZ"


def make(
    store: Store,
    data_dir: Path,
    folder: Path,
    *,
    now_ms: int,
    pki_dir: Path | None = None,
    config_files: Sequence[Path] = (),
    keep: int = 7,
) -> Path:
    """Make a copy of the running hub, verify it, and call safe what is in it; where it is.

    `pki_dir` is the folder of certificates, if it is not in `data_dir`. The `keep` newest copies stay. Raises
    BackupError; then nothing has been called safe.
    """
    _check_folder(data_dir, folder)
    name = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC).strftime(_NAME)
    target, partial = folder / name, folder / f"{name}{_PARTIAL}"
    if target.exists():
        raise BackupError(say("{target}: is there already: wait a second, or remove it", target=target))
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(mode=0o700, parents=True)
        dump = backup_database.dump(store, partial)
        files = [
            *backup_files.copy_files(data_dir, store.path, partial / FILES),
            *_copy_pki(pki_dir, data_dir, partial / PKI),
            *backup_files.copy_config(config_files, partial / CONFIG),
        ]
        media = _copy_media(store, data_dir / MEDIA, folder / MEDIA, now_ms)
        manifest = Manifest(
            VERSION,
            now_ms,
            dump.engine,
            backup_files.piece_of(dump.path, partial),
            dump.counts,
            tuple(dump.marks),
            tuple(backup_files.piece_of(path, partial) for path in files),
            media,
        )
        (partial / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
        backup_files.sync_all(partial)
        verify(partial)
        partial.rename(target)
        backup_files.sync(folder)
    except OSError as error:
        raise BackupError(
            say(
                "{folder}: the backup could not be made: {error}{value}",
                folder=folder,
                error=why(error),
                value=_way_out(error),
            )
        ) from error
    with store.write() as tx:
        store_backup.add_backup(tx, str(target), now_ms, now_ms, manifest.marks)
    _forget(folder, keep)
    if same_disk(data_dir, folder):
        log.warning("backup: %s is on the disk of the hub: when that burns, both are gone", folder)
    log.info("backup: %s, %d records, verified", target, manifest.counts["records"])
    return target


def verify(copy: Path) -> Manifest:
    """Read a copy back: every hash, and the database opened and counted. Raises BackupError that names what is wrong.

    The media that all copies share are not read: each is checked when it is written and when it is restored.
    """
    manifest = backup_files.read_manifest(copy)
    for piece in (manifest.database, *manifest.files):
        if not backup_files.is_whole(copy / piece.path, piece):
            raise BackupError(
                say(
                    "{value}: is not what the manifest says: this copy is damaged, use another one",
                    value=copy / piece.path,
                )
            )
    backup_database.check(copy / manifest.database.path, manifest.engine, manifest.counts, manifest.marks)
    return manifest


def newest(source: Path) -> Path:
    """The copy itself, or the newest one of a backup folder. Raises BackupError."""
    if (source / MANIFEST).is_file():
        return source
    copies = copies_in(source)
    if not copies:
        raise BackupError(say("{source}: holds no backup (a folder with {manifest})", source=source, manifest=MANIFEST))
    return copies[-1]


def copies_in(folder: Path) -> list[Path]:
    """The copies of a backup folder, oldest first."""
    return sorted(path.parent for path in folder.glob(f"*/{MANIFEST}") if not path.parent.name.endswith(_PARTIAL))


def same_disk(data_dir: Path, folder: Path) -> bool:
    """True if the backup is lost together with the hub."""
    return data_dir.exists() and folder.exists() and data_dir.stat().st_dev == folder.stat().st_dev


def _way_out(error: OSError) -> str:
    if error.errno != errno.EROFS:
        return ""
    return " (the service may write below /srv, /mnt and /media; for elsewhere see systemd/examples/hub-folders.conf)"


def _check_folder(data_dir: Path, folder: Path) -> None:
    if backup_files.lies_in(folder, data_dir):
        raise BackupError(
            say(
                "{folder}: is inside the hub's own folder {data_dir}: name another disk or machine",
                folder=folder,
                data_dir=data_dir,
            )
        )
    if not folder.absolute().parent.exists():
        raise BackupError(
            say(
                "{folder}: there is no folder {parent}: mount the disk that belongs there, or make it (mkdir)",
                folder=folder,
                parent=folder.absolute().parent,
            )
        )


def _copy_pki(pki_dir: Path | None, data_dir: Path, target: Path) -> Iterator[Path]:
    """The certificates, unless they are among the files of `data_dir`."""
    if pki_dir is not None and pki_dir.exists() and not backup_files.lies_in(pki_dir, data_dir):
        yield from backup_files.copy_folder(pki_dir, target)


def _copy_media(store: Store, media: Path, target: Path, now_ms: int) -> tuple[Piece, ...]:
    """Copy the evidence that the backup folder does not have yet, and check it; what is damaged is told."""
    with store.read() as tx:
        whole = store_media.pieces_whole(tx)
    pieces: list[Piece] = []
    damaged: list[tuple[Found, str]] = []
    for row in whole:
        piece = Piece(row["path"], row["bytes"], bytes(row["sha256"]).hex())
        source, copy = media / piece.path, target / piece.path
        if copy.is_file() and copy.stat().st_size == piece.bytes:
            pieces.append(piece)
            if not source.is_file():
                damaged.append((row, f"{source}: is missing (the backup has it)"))
            continue
        try:
            backup_files.copy_evidence(source, copy, piece)
            pieces.append(piece)
        except PieceError as error:  # one damaged picture must not keep the records from being safe
            damaged.append((row, str(error)))
    _ask_again(store, damaged, now_ms)
    return tuple(pieces)


def _ask_again(store: Store, damaged: Sequence[tuple[Found, str]], now_ms: int) -> None:
    """What the hub itself lost or damaged is asked for again; one note a station says so."""
    if not damaged:
        return
    told: dict[str, list[str]] = {}
    with store.write() as tx:
        for row, reason in damaged:
            if store_media.ask_again(tx, row):  # not if it was forgotten meanwhile, as the configuration may say
                log.error("backup: evidence left out, and asked for again: %s", reason)
                told.setdefault(row["station"], []).append(reason)
        for station, reasons in told.items():
            store_media.tell_lost(tx, station, reasons, now_ms)


def _forget(folder: Path, keep: int) -> None:
    """Remove copies beyond the `keep` newest; the evidence they share stays."""
    for old in copies_in(folder)[:-keep]:
        try:
            shutil.rmtree(old)
        except OSError as error:
            log.warning("backup: %s cannot be removed: %s", old, error)
