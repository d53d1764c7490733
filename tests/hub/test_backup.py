"""Copies of a running hub: what is in them, what is called safe, and what is found damaged."""

import hashlib
import json
import time
from pathlib import Path

import pytest

from otorongo.hub import app, backup, backup_files, store_backup, store_media, store_records, store_stations
from otorongo.hub.config import BackupConfig, BrokerConfig, HubConfig
from otorongo.hub.errors import BackupError
from otorongo.hub.media import Limits, take_chunk
from otorongo.hub.restore import restore
from otorongo.wire.media import Chunk, encode
from otorongo.wire.receipt import Receipt
from tests.hub.brokers import free_port, until
from tests.hub.fakes import NOON_MS, Card
from tests.hub.hubs import PICTURE, Hub


def test_what_is_in_a_verified_backup_is_safe(hub: Hub, tmp_path: Path) -> None:
    """The next receipt says so; what came after the copy is not safe."""
    card = Card()
    for second in range(5):
        card.beat(second)
    assert hub.take(card, [1, 2, 4]).safe_up_to == 0
    copy = backup.make(hub.store, hub.folder, tmp_path / "disk", now_ms=NOON_MS)
    assert hub.take(card, [3, 5]) == Receipt(7, 5, safe_up_to=2, hub_time_ms=NOON_MS)
    manifest = backup.verify(copy)
    assert manifest.marks == (("K-02", 7, 2),)
    assert manifest.counts["records"] == 3
    with hub.store.read() as tx:
        assert (store_backup.newest_backup(tx) or {})["path"] == str(copy)


def test_the_hub_goes_on_while_it_is_copied(hub: Hub, tmp_path: Path) -> None:
    """Copies share their evidence, take the configuration along, and only the newest stay."""
    card = Card()
    hub.picture(card, card.open(0))
    config = tmp_path / "hub.toml"
    config.write_text("# mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "hub.toml").write_text("# another")
    copies = [
        backup.make(
            hub.store,
            hub.folder,
            tmp_path / "disk",
            now_ms=NOON_MS + 1000 * number,
            config_files=[config, tmp_path / "other" / "hub.toml", tmp_path / "none"],
            keep=2,
        )
        for number in range(3)
    ]
    assert backup.copies_in(tmp_path / "disk") == copies[1:]
    assert len(list((tmp_path / "disk" / "media").rglob("*.webp"))) == 1
    names = sorted(piece.path for piece in backup.verify(copies[2]).files)
    assert names == ["config/1-hub.toml", "config/hub.toml", "files/pki/ca.key"]
    assert backup.newest(tmp_path / "disk") == copies[2]


def test_a_disk_that_is_not_there_gets_no_backup(hub: Hub, tmp_path: Path) -> None:
    """Below a folder that is missing nothing is made: it would lie on the hub's own disk, and look like success."""
    with pytest.raises(BackupError, match=r"there is no folder .*/stick: mount the disk"):
        backup.make(hub.store, hub.folder, tmp_path / "stick" / "otorongo", now_ms=NOON_MS)
    assert not (tmp_path / "stick").exists()


def test_a_damaged_copy_is_refused_and_nothing_is_called_safe(hub: Hub, tmp_path: Path) -> None:
    """One changed byte in the database or in a file is found before anything is restored."""
    card = Card()
    hub.picture(card, card.open(0))
    copy = backup.make(hub.store, hub.folder, tmp_path / "disk", now_ms=NOON_MS)
    manifest = backup_files.read_manifest(copy)
    for path in (copy / manifest.database.path, copy / "files" / "pki" / "ca.key"):
        good = path.read_bytes()
        path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        with pytest.raises(BackupError, match=r"is not what the manifest says"):
            restore(copy, tmp_path / "again", hub.url, now_ms=1)
        path.write_bytes(good)
    assert not (tmp_path / "again").exists()


def test_evidence_that_the_hub_damaged_is_asked_for_again(hub: Hub, fresh_url: str, tmp_path: Path) -> None:
    """A backup notices it, tells the technician once, calls the records safe, and a restore does not miss it."""
    card = Card()
    event = card.open(0)
    hub.take(card)
    changed, gone, good = (hub.picture(card, event) for _ in range(3))
    media = hub.folder / "media" / "K-02" / "7"
    (media / f"{changed}.webp").write_bytes(PICTURE.upper())
    (media / f"{gone}.webp").unlink()
    copy = backup.make(hub.store, hub.folder, tmp_path / "disk", now_ms=NOON_MS)
    assert [piece.path for piece in backup.verify(copy).media] == [f"K-02/7/{good}.webp"]
    with hub.store.read() as tx:
        states = [(store_media.piece(tx, ("K-02", 7, seq)) or {})["state"] for seq in (changed, gone, good)]
        (note,) = store_stations.notes_newest(tx, "K-02")
        assert (store_records.outbox(tx, ("K-02", 7)) or {})["safe_up_to"] == good
    assert states == ["told", "told", "whole"]
    assert f"{changed}.webp: is damaged" in note["text"]
    assert f"{gone}.webp: is missing" in note["text"]
    assert restore(copy, tmp_path / "again", fresh_url, now_ms=NOON_MS).lost == 2  # the copy's database says whole

    again = encode(Chunk(7, gone, 0, PICTURE))
    assert take_chunk(hub.store, hub.folder / "media", Limits(), "K-02", again, NOON_MS)
    copy = backup.make(hub.store, hub.folder, tmp_path / "disk", now_ms=NOON_MS + 1000)
    assert len(backup.verify(copy).media) == 2
    with hub.store.read() as tx:
        assert len(store_stations.notes_newest(tx, "K-02")) == 1


def test_evidence_that_only_the_backup_has_stays_in_it(hub: Hub, fresh_url: str, tmp_path: Path) -> None:
    """The hub lost a file after a copy had it: the station is asked, and the next copies name it all the same."""
    card = Card()
    event = card.open(0)
    hub.take(card)
    seq = hub.picture(card, event)
    backup.make(hub.store, hub.folder, tmp_path / "disk", now_ms=NOON_MS)
    (hub.folder / "media" / "K-02" / "7" / f"{seq}.webp").unlink()
    backup.make(hub.store, hub.folder, tmp_path / "disk", now_ms=NOON_MS + 1000)
    with hub.store.read() as tx:
        assert (store_media.piece(tx, ("K-02", 7, seq)) or {})["state"] == "told"
    assert restore(tmp_path / "disk", tmp_path / "again", fresh_url, now_ms=NOON_MS).lost == 0


def test_a_backup_that_fails_is_tried_again_only_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A backup disk that is away makes the hub neither stumble nor spin."""
    (tmp_path / "disk").write_text("no folder")
    config = HubConfig(
        data_dir=str(tmp_path / "hub"),
        broker=BrokerConfig(listen=f"127.0.0.1:{free_port()}"),
        backup=BackupConfig(folder=str(tmp_path / "disk" / "copies")),
    )
    with app.running(config, tmp_path / "hub.toml", roles=frozenset({"ingest"})) as faults:
        until(lambda: "tried again in a minute" in caplog.text, "the backup fails")
        time.sleep(2.5)  # after a stumble the next turn comes after 2 s
        assert faults() == []
    assert caplog.text.count("the backup could not be made") == 1
    assert "stumbled" not in caplog.text


def test_a_database_that_is_damaged_inside_is_found(tmp_path: Path) -> None:
    """The copy is opened and counted: a manifest that agrees with damaged bytes does not help."""
    hub = Hub(tmp_path / "hub", f"sqlite:///{tmp_path / 'hub' / 'hub.db'}")
    card = Card()
    for second in range(500):
        card.beat(second)
    hub.take(card)
    copy = backup.make(hub.store, hub.folder, tmp_path / "disk", now_ms=NOON_MS)
    hub.store.close()
    database = copy / "hub.db"
    raw = bytearray(database.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 4096] = bytes(4096)
    database.write_bytes(raw)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["database"]["sha256"] = hashlib.sha256(raw).hexdigest()
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BackupError, match=r"damaged|should hold|cannot be opened"):
        backup.verify(copy)


def test_mistakes_are_named(hub: Hub, tmp_path: Path) -> None:
    """A backup inside the hub's folder, a folder without one, a manifest that leads elsewhere."""
    with pytest.raises(BackupError, match=r"inside the hub's own folder"):
        backup.make(hub.store, hub.folder, hub.folder / "copies", now_ms=NOON_MS)
    with pytest.raises(BackupError, match=r"holds no backup"):
        restore(tmp_path / "nothing", tmp_path / "again", hub.url, now_ms=1)
    copy = backup.make(hub.store, hub.folder, tmp_path / "disk", now_ms=NOON_MS)
    with pytest.raises(BackupError, match=r"is there already"):
        backup.make(hub.store, hub.folder, tmp_path / "disk", now_ms=NOON_MS)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"][0]["path"] = "../../etc/passwd"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BackupError, match=r"leads out of the backup"):
        backup.verify(copy)
    (copy / "manifest.json").write_text("{}")
    with pytest.raises(BackupError, match=r"cannot be read"):
        backup.verify(copy)
