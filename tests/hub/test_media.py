"""Evidence in chunks: resumed, bounded, and believed when its hash holds."""

import hashlib
import os
from pathlib import Path

import pytest

from otorongo.hub import media, store_alerts, store_media, store_stations
from otorongo.hub.belief import NO_RULES
from otorongo.hub.db import alert_events
from otorongo.hub.ingest import accept
from otorongo.hub.media import DAY_MS, Limits, sweep, take_chunk, wanted
from otorongo.hub.presence import take_status
from otorongo.hub.store import Store
from otorongo.wire import status
from otorongo.wire.codes import MediaKind, Tag
from otorongo.wire.media import MAX_DATA, Chunk, encode
from otorongo.wire.receipt import Receipt
from otorongo.wire.rows import Event, Media
from otorongo.wire.status import Status
from otorongo.wire.wants import WantMedia
from tests.hub.fakes import NOON_MS, Card

PICTURE = os.urandom(MAX_DATA * 2 + 100)
LIMITS = Limits(piece_bytes=100_000, station_day_bytes=200_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where evidence lies."""
    (tmp_path / "media").mkdir()
    return tmp_path / "media"


def _card(store: Store, data: bytes = PICTURE, said: int | None = None) -> tuple[Card, int]:
    card = Card()
    event = card.open(1000)
    size = len(data) if said is None else said
    seq = card.put(Media(1500, 1, card.last + 1 - event, 1, size, hashlib.sha256(data).digest(), 1))
    accept(store, NO_RULES, "K-02", card.batch(), NOON_MS)
    return card, seq


def _send(
    store: Store, folder: Path, seq: int, offset: int, data: bytes, now_ms: int = NOON_MS, limits: Limits = LIMITS
) -> Receipt | None:
    return take_chunk(store, folder, limits, "K-02", encode(Chunk(7, seq, offset, data)), now_ms)


def _piece(store: Store, seq: int) -> dict[str, object]:
    with store.read() as tx:
        return store_media.piece(tx, ("K-02", 7, seq)) or {}


def test_a_piece_comes_whole(store: Store, folder: Path) -> None:
    """In chunks, in order; the end is receipted, the file has its bytes and its kind's ending."""
    _, seq = _card(store)
    for at in range(0, len(PICTURE), MAX_DATA):
        receipt = _send(store, folder, seq, at, PICTURE[at : at + MAX_DATA])
    assert receipt is not None
    assert receipt.media == ((seq, len(PICTURE)),)
    piece = _piece(store, seq)
    assert piece["state"] == "whole"
    assert (folder / str(piece["path"])).read_bytes() == PICTURE
    assert str(piece["path"]) == f"K-02/7/{seq}.webp"
    again = _send(store, folder, seq, 0, PICTURE[:10])
    assert again is not None
    assert again.media == ((seq, len(PICTURE)),)


def test_it_goes_on_from_where_the_hub_is(store: Store, folder: Path) -> None:
    """A chunk beyond a hole is told how far the hub is; one that overlaps adds only what is new."""
    _, seq = _card(store)
    assert _send(store, folder, seq, 0, PICTURE[:5000]) is None
    beyond = _send(store, folder, seq, 9000, PICTURE[9000:9100])
    assert beyond is not None
    assert beyond.media == ((seq, 5000),)
    assert _send(store, folder, seq, 4000, PICTURE[4000:8000]) is None
    with (folder / "K-02" / "7" / f"{seq}.part").open("ab") as file:
        file.write(b"what a crash left behind")
    _send(store, folder, seq, 8000, PICTURE[8000:16000])
    _send(store, folder, seq, 16000, PICTURE[16000:])
    assert (folder / str(_piece(store, seq)["path"])).read_bytes() == PICTURE


def test_a_wrong_hash_begins_again_and_at_last_gives_up(store: Store, folder: Path) -> None:
    """What is not what its row says is thrown away; after three times the technician is told."""
    _, seq = _card(store, b"right")
    for number in range(3):
        assert _piece(store, seq)["tries"] == number
        _send(store, folder, seq, 0, b"wrong")
    assert _piece(store, seq)["state"] == "bad"
    assert list(folder.rglob("*.*")) == []
    with store.read() as tx:
        assert "is not what its row says" in store_stations.notes_newest(tx)[0]["text"]


def test_too_large_a_piece_is_refused_and_told(store: Store, folder: Path) -> None:
    """A piece beyond the bound is refused for good, and the technician reads why."""
    _, seq = _card(store, b"large", 100_001)
    _send(store, folder, seq, 0, b"large")
    assert _piece(store, seq)["state"] == "refused"
    with store.read() as tx:
        assert "at most 100000" in store_stations.notes_newest(tx)[0]["text"]


def test_what_a_day_has_no_room_for_comes_the_day_after(store: Store, folder: Path) -> None:
    """The day's budget puts evidence off, told once; nothing is refused for good."""
    limits = Limits(piece_bytes=10, station_day_bytes=14)
    card, first = _card(store, b"0123456789")
    seqs = [first]
    for _ in range(2):
        back = card.last
        seqs.append(card.put(Media(1500, 1, back, 1, 10, hashlib.sha256(b"0123456789").digest(), 1)))
    accept(store, NO_RULES, "K-02", card.batch(), NOON_MS)
    with store.write() as tx:
        more = {"place": "a", "activity": "b", "state": "open", "sealed": False, "drill": False}
        store_alerts.put_alert(tx, {"id": "A1", "reason": None, "data": None, **more})
        store_alerts.cover(tx, "A1", [{"station": "K-02", "outbox": 7, "event": 1, "late": False, "suppressed": False}])
    for seq in seqs:
        _send(store, folder, seq, 0, b"0123456789", limits=limits)
    assert [_piece(store, seq)["state"] for seq in seqs] == ["whole", "whole", "told"]
    _send(store, folder, seqs[2], 0, b"0123456789", limits=limits)
    with store.read() as tx:
        assert len(store_stations.notes_newest(tx)) == 1
        assert "waits until there is room" in store_stations.notes_newest(tx)[0]["text"]
    assert wanted(store, limits, NOON_MS + 3_600_000) == []
    assert wanted(store, limits, NOON_MS + DAY_MS + 1) == [("K-02", WantMedia(7, seqs[2], 0))]
    _send(store, folder, seqs[2], 0, b"0123456789", NOON_MS + DAY_MS + 2, limits)
    assert _piece(store, seqs[2])["state"] == "whole"


def test_more_bytes_than_the_row_says_are_not_written(store: Store, folder: Path) -> None:
    """The row bounds the file."""
    _, seq = _card(store, b"right")
    receipt = _send(store, folder, seq, 0, b"right and more")
    assert receipt is not None
    assert receipt.media == ()
    assert _piece(store, seq)["have"] == 0


def test_chunks_without_a_row_and_rubbish(store: Store, folder: Path) -> None:
    """A chunk whose row has not come is told 0 bytes; rubbish is kept with its reason; nothing is written."""
    _, seq = _card(store)
    early = _send(store, folder, seq + 5, 0, b"early")
    assert early is not None
    assert early.media == ((seq + 5, 0),)
    assert take_chunk(store, folder, LIMITS, "K-02", b"rubbish", NOON_MS) is None
    assert take_chunk(store, folder, LIMITS, "K-02", encode(Chunk(99, 1, 0, b"x")), NOON_MS) is None
    with store.read() as tx:
        assert store_stations.kept_newest(tx)[0]["leaf"] == "u/m"
    assert list(folder.iterdir()) == []


def test_evidence_under_a_name_in_another_case_is_kept_not_taken(store: Store, folder: Path) -> None:
    """`k-02` writes no evidence of `K-02`, and does not pass for a sign of its life."""
    _, seq = _card(store, b"right")
    payload = encode(Chunk(7, seq, 0, b"right"))
    assert take_chunk(store, folder, LIMITS, "k-02", payload, NOON_MS + 9000) is None
    assert not take_status(store, "k-02", status.encode(Status("sleeping", 9)), NOON_MS + 9000)
    assert _piece(store, seq)["have"] == 0
    with store.read() as tx:
        (row,) = store_stations.stations_by_name(tx)
        assert (row["station"], row["status"], row["last_contact_ms"]) == ("K-02", "", NOON_MS)
        assert {one["leaf"] for one in store_stations.kept_newest(tx)} == {"u/m", "u/s"}
        assert "known as 'K-02'" in store_stations.kept_newest(tx)[0]["reason"]


def test_evidence_is_asked_for_after_the_alert(store: Store, folder: Path) -> None:
    """Of an event that an alert covers, from where the hub is, and not again at once."""
    _, seq = _card(store)
    assert wanted(store, LIMITS, NOON_MS + 1_000_000) == []
    with store.write() as tx:
        more = {"place": "a", "activity": "b", "state": "open", "sealed": False, "drill": False}
        store_alerts.put_alert(tx, {"id": "A1", "reason": None, "data": None, **more})
        store_alerts.cover(tx, "A1", [{"station": "K-02", "outbox": 7, "event": 1, "late": False, "suppressed": False}])
    assert wanted(store, LIMITS, NOON_MS + 1_000_000) == [("K-02", WantMedia(7, seq, 0))]
    assert wanted(store, LIMITS, NOON_MS + 1_000_001) == []
    _send(store, folder, seq, 0, PICTURE[:5000], NOON_MS + 1_000_002)
    assert wanted(store, LIMITS, NOON_MS + 1_000_002) == []
    assert wanted(store, LIMITS, NOON_MS + 3_000_000) == [("K-02", WantMedia(7, seq, 5000))]


def _animals(store: Store, station: str, count: int, *, tags: int = 0, cls: int = 33, kind: int = 1) -> list[int]:
    """Visits that no alert covers, each with a picture; the seqs of the pictures."""
    card = Card(station)
    seqs = []
    for n in range(count):
        event = card.put(Event(1000 + n * 1000, 2, cls, 30, tags, hits=3, peak=90))
        digest = hashlib.sha256(PICTURE).digest()
        seqs.append(card.put(Media(1500 + n * 1000, 2, card.last + 1 - event, kind, 5000, digest, tags)))
    accept(store, NO_RULES, station, card.batch(), NOON_MS)
    return seqs


def test_a_few_animals_a_day_come_without_an_alert(store: Store) -> None:
    """The newest of each station, no more than so many new ones in 24 hours, and the next ones the day after."""
    one, two = _animals(store, "K-02", 5), _animals(store, "K-03", 2)
    limits = Limits(animal_thumbs_day=3)
    assert wanted(store, Limits(animal_thumbs_day=0), NOON_MS + 999_999) == []
    first = wanted(store, limits, NOON_MS + 1_000_000)
    assert sorted((name, want.seq) for name, want in first) == [
        *(("K-02", seq) for seq in one[2:]),
        *(("K-03", seq) for seq in two),
    ]
    assert wanted(store, limits, NOON_MS + 1_000_001) == []
    again = wanted(store, limits, NOON_MS + 3_000_000)
    assert sorted((name, want.seq) for name, want in again) == sorted((name, want.seq) for name, want in first), (
        "what was begun is asked for again, and nothing new"
    )
    with store.write() as tx:
        for name, want in first:
            store_media.set_piece(tx, (name, 7, want.seq), state="whole")
    later = wanted(store, limits, NOON_MS + 3_000_000 + DAY_MS + 1)
    assert sorted((name, want.seq) for name, want in later) == [("K-02", seq) for seq in one[:2]]


@pytest.mark.parametrize("tag", [Tag.PERSON, Tag.NO_CONTACT, Tag.THREAT, Tag.SEALED | Tag.PERSON, Tag.DRILL])
def test_no_picture_that_may_show_people_comes_as_an_animal(store: Store, tag: int) -> None:
    """Whatever its row or its event is tagged with; nor one of another class, or that is no thumbnail."""
    _animals(store, "K-02", 2, tags=tag)
    _animals(store, "K-03", 2, cls=32)
    _animals(store, "K-04", 2, cls=11)
    _animals(store, "K-05", 2, kind=MediaKind.FRAME)
    assert wanted(store, LIMITS, NOON_MS + 1_000_000) == []


def test_no_animal_is_asked_for_in_land_of_peoples_in_isolation(store: Store) -> None:
    """By the place where the station stands, whatever its rows say."""
    _animals(store, "K-02", 2)
    assert wanted(store, LIMITS, NOON_MS + 1_000_000, apart={"K-02"}) == []
    assert len(wanted(store, LIMITS, NOON_MS + 1_000_000)) == 2


def test_a_whole_frame_comes_when_somebody_asks_for_it(store: Store) -> None:
    """An alert covers it, and it stays where it is until then; then it is asked for until it is here."""
    (seq,) = _animals(store, "K-02", 1, tags=Tag.THREAT, cls=32, kind=MediaKind.FRAME)
    with store.write() as tx:
        more = {"place": "a", "activity": "b", "state": "open", "sealed": False, "drill": False}
        store_alerts.put_alert(tx, {"id": "A1", "reason": None, "data": None, **more})
        store_alerts.cover(tx, "A1", [{"station": "K-02", "outbox": 7, "event": 1, "late": False, "suppressed": False}])
    assert wanted(store, LIMITS, NOON_MS + 1_000_000) == []
    with store.write() as tx:
        assert store_media.ask_for(tx, ("K-02", 7, seq))
    assert wanted(store, LIMITS, NOON_MS + 1_000_001) == [("K-02", WantMedia(7, seq, 0))]
    assert wanted(store, LIMITS, NOON_MS + 3_000_001) == [("K-02", WantMedia(7, seq, 0))]


@pytest.mark.parametrize("kind", [MediaKind.FRAME, MediaKind.CLIP])
def test_nobody_asks_away_the_room_of_an_alert(store: Store, kind: int) -> None:
    """Whoever asks for all that lies beside alerts gets half of a day; what an alert needs finds its room after it."""
    limits = Limits(piece_bytes=5000, station_day_bytes=50_000, animal_thumbs_day=0)
    seqs = _animals(store, "K-02", 20, kind=kind)
    with store.write() as tx:
        assert all(store_media.ask_for(tx, ("K-02", 7, seq)) for seq in seqs)
    first = wanted(store, limits, NOON_MS + 1_000_000)
    assert len(first) == 5
    with store.write() as tx:
        for _, want in first:
            store_media.set_piece(tx, ("K-02", 7, want.seq), state="whole", have=5000, changed_ms=NOON_MS + 1_000_000)
    assert wanted(store, limits, NOON_MS + 3_000_000) == []
    with store.write() as tx:
        more = {"place": "a", "activity": "b", "state": "open", "sealed": False, "drill": False}
        store_alerts.put_alert(tx, {"id": "A1", "reason": None, "data": None, **more})
        event = {"station": "K-02", "outbox": 7, "event": seqs[-1] - 1, "late": False, "suppressed": False}
        store_alerts.cover(tx, "A1", [event])
    needed = wanted(store, limits, NOON_MS + 3_000_001)
    assert [want.seq for _, want in needed] == [seqs[-1]]
    assert wanted(store, limits, NOON_MS + 3_000_002 + DAY_MS) != []


def test_old_evidence_without_an_alert_is_forgotten(store: Store, folder: Path) -> None:
    """The file goes and its row stays; what an alert covers is kept for good, and what is young too."""
    _, seq = _card(store, b"picture")
    _send(store, folder, seq, 0, b"picture")
    path = folder / str(_piece(store, seq)["path"])
    assert media.forget(store, folder, NOON_MS, NOON_MS + 9) == 0
    with store.write() as tx:
        more = {"place": "a", "activity": "b", "state": "open", "sealed": False, "drill": False}
        store_alerts.put_alert(tx, {"id": "A1", "reason": None, "data": None, **more})
        store_alerts.cover(tx, "A1", [{"station": "K-02", "outbox": 7, "event": 1, "late": False, "suppressed": False}])
    assert media.forget(store, folder, NOON_MS + 1, NOON_MS + 9) == 0
    with store.write() as tx:
        tx.execute(alert_events.delete())
    assert path.is_file()
    assert media.forget(store, folder, NOON_MS + 1, NOON_MS + 9) == 1
    assert not path.exists()
    assert _piece(store, seq)["state"] == "gone"


def test_parts_that_nobody_knows_are_swept(store: Store, folder: Path) -> None:
    """After a restore, parts of which the database knows nothing go; those that grow stay."""
    _, seq = _card(store)
    _send(store, folder, seq, 0, PICTURE[:5000])
    (folder / "K-02" / "7" / "999.part").write_bytes(b"orphan")
    (folder / "K-02" / "x" / "y").mkdir(parents=True)
    assert sweep(store, folder) == 1
    assert [path.name for path in folder.rglob("*.part")] == [f"{seq}.part"]
    assert set(media.ENDINGS) == set(MediaKind)
