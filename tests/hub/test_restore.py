"""A hub that burned is a hub again, and no threat record is missing."""

import hashlib
import shutil
from pathlib import Path

import msgspec
import pytest

from otorongo.hub import backup, backup_files, store_media, store_records, store_stations
from otorongo.hub.belief import NO_RULES
from otorongo.hub.errors import BackupError
from otorongo.hub.ingest import accept
from otorongo.hub.media import Limits, take_chunk
from otorongo.hub.restore import restore
from otorongo.hub.store import Store
from otorongo.wire.codes import GapReason
from otorongo.wire.media import Chunk, encode
from otorongo.wire.receipt import Receipt
from otorongo.wire.rows import Gap, Media
from tests.hub.fakes import NOON_MS, Card
from tests.hub.hubs import PICTURE, Hub


def test_a_hub_that_burned_misses_no_threat(hub: Hub, fresh_url: str, tmp_path: Path) -> None:
    """Folder and database are gone; after `restore` the station sends what is not safe, the rest is told as gaps."""
    card = Card()
    event = card.open(0)
    card.revise(event, 1000)
    hub.take(card)
    picture = hub.picture(card, event)
    backup.make(hub.store, hub.folder, tmp_path / "disk", now_ms=NOON_MS)
    ordinary, threat = card.beat(5000), card.open(6000)
    assert hub.take(card, [ordinary, threat]).safe_up_to == picture
    del card.rows[ordinary]  # committed: the station has forgotten it; the threat waits for `safe`
    hub.store.close()
    shutil.rmtree(hub.folder)

    restore(tmp_path / "disk", tmp_path / "again", fresh_url, now_ms=NOON_MS + 1)
    store = Store.open(fresh_url)
    receipt = accept(store, NO_RULES, "K-02", card.batch([threat]), NOON_MS)
    assert receipt == Receipt(7, picture, ((threat, threat),), safe_up_to=picture, hub_time_ms=NOON_MS)
    gap = card.put(Gap(7000, ordinary, ordinary, GapReason.LOST_BY_HUB, card.heads[ordinary]))
    receipt = accept(store, NO_RULES, "K-02", card.batch([gap]), NOON_MS)
    assert receipt == Receipt(7, gap, safe_up_to=picture, hub_time_ms=NOON_MS)
    with store.read() as tx:
        have = {seq for seq, _, _ in store_records.records_from(tx, ("K-02", 7), 1, 99)}
        piece = store_media.piece(tx, ("K-02", 7, picture)) or {}
    assert have == set(card.rows)
    assert (tmp_path / "again" / "media" / piece["path"]).read_bytes() == PICTURE
    key = tmp_path / "again" / "pki" / "ca.key"
    assert key.read_text() == "a key"
    assert key.stat().st_mode & 0o077 == 0
    store.close()


@pytest.mark.parametrize("damage", ["changed", "short", "missing"])
def test_damaged_evidence_holds_up_no_restore(hub: Hub, fresh_url: str, tmp_path: Path, damage: str) -> None:
    """One bad picture in the backup is left out, told to the technician and asked for again; all else is restored."""
    card = Card()
    event = card.open(0)
    hub.take(card)
    bad, good = hub.picture(card, event), hub.picture(card, event)
    backup.make(hub.store, hub.folder, tmp_path / "disk", now_ms=NOON_MS)
    path = tmp_path / "disk" / "media" / "K-02" / "7" / f"{bad}.webp"
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(PICTURE[:-1] + (b"!" if damage == "changed" else b""))
    done = restore(tmp_path / "disk", tmp_path / "again", fresh_url, now_ms=NOON_MS + 1)
    assert done.lost == 1
    assert not (tmp_path / "again" / backup_files.ASIDE).exists()
    store = Store.open(fresh_url)
    with store.read() as tx:
        first, second = (store_media.piece(tx, ("K-02", 7, seq)) or {} for seq in (bad, good))
        (note,) = store_stations.notes_newest(tx, "K-02")
    assert (first["state"], first["have"], first["path"], first["wanted_ms"]) == ("told", 0, "", 0)
    assert (tmp_path / "again" / "media" / second["path"]).read_bytes() == PICTURE
    assert not list((tmp_path / "again").rglob(f"{bad}.webp*"))
    assert note["what"] == "evidence_lost"
    assert "1 pieces of evidence" in note["text"]
    chunk = encode(Chunk(7, bad, 0, PICTURE))
    receipt = take_chunk(store, tmp_path / "again" / "media", Limits(), "K-02", chunk, NOON_MS + 2)
    assert receipt is not None
    assert (bad, len(PICTURE)) in receipt.media
    store.close()


def test_what_was_half_here_is_asked_for_from_its_beginning(hub: Hub, fresh_url: str, tmp_path: Path) -> None:
    """Parts are not in a backup: a hub that is restored knows that it has none of their bytes."""
    card = Card()
    event = card.open(0)
    seq = card.put(Media(0, 1, card.last + 1 - event, 1, len(PICTURE), hashlib.sha256(PICTURE).digest(), 1))
    hub.take(card)
    take_chunk(hub.store, hub.folder / "media", Limits(), "K-02", encode(Chunk(7, seq, 0, PICTURE[:100])), 1)
    backup.make(hub.store, hub.folder, tmp_path / "disk", now_ms=NOON_MS)
    assert restore(tmp_path / "disk", tmp_path / "again", fresh_url, now_ms=NOON_MS).lost == 0
    store = Store.open(fresh_url)
    with store.read() as tx:
        piece = store_media.piece(tx, ("K-02", 7, seq)) or {}
        assert not store_stations.notes_newest(tx, "K-02")
    assert (piece["state"], piece["have"]) == ("told", 0)
    store.close()


def test_a_restore_that_fails_leaves_nothing(hub: Hub, fresh_url: str, tmp_path: Path) -> None:
    """No half of a hub; the empty folder that an install made stays as it was, and the next try succeeds."""
    card = Card()
    hub.picture(card, card.open(0))
    copy = backup.make(hub.store, hub.folder, tmp_path / "disk", now_ms=NOON_MS)
    again = tmp_path / "again"
    pki = tmp_path / "file"
    pki.write_text("in the way")
    for _ in ("no folder", "an empty folder"):
        with pytest.raises(BackupError, match=r"could not be restored"):
            restore(copy, again, fresh_url, now_ms=1, pki_dir=pki / "certificates")
        assert not again.exists() or not list(again.iterdir())
        again.mkdir(exist_ok=True)
    (again / backup_files.ASIDE / "media").mkdir(parents=True)  # a restore that was killed
    (again / "lost+found").mkdir()
    restore(copy, again, fresh_url, now_ms=1)
    assert not (again / backup_files.ASIDE).exists()
    assert (again / "pki" / "ca.key").read_text() == "a key"


def test_a_database_of_another_name_is_no_file(tmp_path: Path) -> None:
    """An SQLite that lies in the hub's folder is copied once, as the database: its raw file overwrites no copy."""
    folder = tmp_path / "hub"
    hub = Hub(folder, f"sqlite:///{folder / 'data' / 'other.db'}")
    card = Card()
    card.beat(0)
    hub.take(card)
    assert (folder / "data" / "other.db-wal").exists()
    copy = backup.make(hub.store, folder, tmp_path / "disk", now_ms=NOON_MS)
    manifest = backup.verify(copy)
    assert [piece.path for piece in manifest.files] == ["files/pki/ca.key"]
    hub.store.close()

    stray = copy / "files" / "data" / "other.db"  # as a copy had it that was made by an earlier version
    stray.parent.mkdir()
    stray.write_bytes(b"raw")
    raw = backup_files.piece_of(stray, copy)
    manifest = msgspec.structs.replace(manifest, files=(*manifest.files, raw))
    (copy / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    url = f"sqlite:///{tmp_path / 'again' / 'data' / 'other.db'}"
    restore(copy, tmp_path / "again", url, now_ms=NOON_MS)
    store = Store.open(url)
    with store.read() as tx:
        assert store_records.count_records(tx) == 1
    store.close()


def test_a_database_outside_of_the_folder_comes_back_there(tmp_path: Path) -> None:
    """Beside its place first, and then in it, with nothing left over."""
    hub = Hub(tmp_path / "hub", f"sqlite:///{tmp_path / 'elsewhere' / 'hub.db'}")
    card = Card()
    card.beat(0)
    hub.take(card)
    copy = backup.make(hub.store, hub.folder, tmp_path / "disk", now_ms=NOON_MS)
    hub.store.close()
    restore(copy, tmp_path / "again", f"sqlite:///{tmp_path / 'new' / 'hub.db'}", now_ms=NOON_MS)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["hub.db"]
    assert not (tmp_path / "again" / "hub.db").exists()


def test_certificates_outside_of_the_folder_are_in_the_backup(hub: Hub, fresh_url: str, tmp_path: Path) -> None:
    """`pki_dir` is copied wherever it lies, for its owner alone, and comes back where the new hub wants it."""
    pki = tmp_path / "etc" / "pki"
    (pki / "issued").mkdir(parents=True)
    for name in ("ca.key", "issued/K-02.crt"):
        (pki / name).write_text(name)
        (pki / name).chmod(0o644)
    copy = backup.make(hub.store, hub.folder, tmp_path / "disk", now_ms=NOON_MS, pki_dir=pki)
    assert (copy / "pki" / "ca.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(BackupError, match=rf"{pki}: is not empty"):
        restore(copy, tmp_path / "again", fresh_url, now_ms=1, pki_dir=pki)
    outside = tmp_path / "new" / "pki"
    restore(copy, tmp_path / "again", fresh_url, now_ms=1, pki_dir=outside)
    assert (outside / "issued" / "K-02.crt").read_text() == "issued/K-02.crt"
    assert (outside / "ca.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "again").iterdir() if path.suffix == ""] == ["media"]


def test_restore_never_overwrites(hub: Hub, tmp_path: Path) -> None:
    """A folder with anything in it, or a database with tables, is left alone, and the error says what to do."""
    card = Card()
    card.beat(0)
    hub.take(card)
    copy = backup.make(hub.store, hub.folder, tmp_path / "disk", now_ms=NOON_MS)
    with pytest.raises(BackupError, match=r"is not empty: .* move it away first"):
        restore(copy, hub.folder, hub.url, now_ms=1)
    with pytest.raises(BackupError, match=r"is there already|has tables already"):
        restore(copy, tmp_path / "again", hub.url, now_ms=1)
    with hub.store.read() as tx:
        assert store_records.count_records(tx) == 1
        assert store_stations.stations_by_name(tx)
