"""A hub that burned is a hub again, and no threat record is missing."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from otorongo.hub import backup, store_backup, store_media, store_records, store_stations
from otorongo.hub.belief import NO_RULES
from otorongo.hub.errors import BackupError
from otorongo.hub.ingest import accept
from otorongo.hub.media import Limits, take_chunk
from otorongo.hub.store import Store
from otorongo.wire.codes import GapReason
from otorongo.wire.media import Chunk, encode
from otorongo.wire.receipt import Receipt
from otorongo.wire.rows import Gap, Media
from tests.hub.fakes import NOON_MS, Card

PICTURE = b"a picture" * 100


class Hub:
    """A hub's folder and its database, with hands."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        folder.mkdir()
        (folder / "pki").mkdir()
        (folder / "pki" / "ca.key").write_text("a key")
        (folder / "pki" / "ca.key").chmod(0o600)
        self.store = Store.open(url)

    def take(self, card: Card, seqs: list[int] | None = None) -> Receipt:
        """A batch comes."""
        receipt = accept(self.store, NO_RULES, card.station, card.batch(seqs), NOON_MS)
        assert receipt is not None
        return receipt

    def picture(self, card: Card, event: int) -> int:
        """Evidence comes whole."""
        seq = card.put(Media(0, 1, card.last + 1 - event, 1, len(PICTURE), hashlib.sha256(PICTURE).digest(), 1))
        self.take(card, [seq])
        take_chunk(
            self.store, self.folder / "media", Limits(), card.station, encode(Chunk(card.outbox, seq, 0, PICTURE)), 1
        )
        return seq


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

    backup.restore(tmp_path / "disk", tmp_path / "again", fresh_url, now_ms=NOON_MS + 1)
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


def test_a_damaged_copy_is_refused_and_nothing_is_called_safe(hub: Hub, tmp_path: Path) -> None:
    """One changed byte in the database, in a file or in the evidence is found before anything is restored."""
    card = Card()
    hub.picture(card, card.open(0))
    copy = backup.make(hub.store, hub.folder, tmp_path / "disk", now_ms=NOON_MS)
    manifest = backup.read_manifest(copy)
    for path in (copy / manifest.database.path, copy / "files" / "pki" / "ca.key"):
        good = path.read_bytes()
        path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        with pytest.raises(BackupError, match=r"is not what the manifest says"):
            backup.restore(copy, tmp_path / "again", hub.url, now_ms=1)
        path.write_bytes(good)
    next((tmp_path / "disk" / "media").rglob("*.webp")).write_bytes(b"short")
    with pytest.raises(BackupError, match=r"another size"):
        backup.verify(copy)
    assert not (tmp_path / "again").exists()


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


def test_restore_never_overwrites(hub: Hub, tmp_path: Path) -> None:
    """A folder with anything in it, or a database with tables, is left alone, and the error says what to do."""
    card = Card()
    card.beat(0)
    hub.take(card)
    copy = backup.make(hub.store, hub.folder, tmp_path / "disk", now_ms=NOON_MS)
    with pytest.raises(BackupError, match=r"is not empty: .* move it away first"):
        backup.restore(copy, hub.folder, hub.url, now_ms=1)
    with pytest.raises(BackupError, match=r"is there already|has tables already"):
        backup.restore(copy, tmp_path / "again", hub.url, now_ms=1)
    with hub.store.read() as tx:
        assert store_records.count_records(tx) == 1
        assert store_stations.stations_by_name(tx)


def test_mistakes_are_named(hub: Hub, tmp_path: Path) -> None:
    """A backup inside the hub's folder, a folder without one, a manifest that leads elsewhere."""
    with pytest.raises(BackupError, match=r"inside the hub's own folder"):
        backup.make(hub.store, hub.folder, hub.folder / "copies", now_ms=NOON_MS)
    with pytest.raises(BackupError, match=r"holds no backup"):
        backup.restore(tmp_path / "nothing", tmp_path / "again", hub.url, now_ms=1)
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
