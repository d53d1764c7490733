"""A card that forgets bits: whatever becomes of the file, the outbox goes on with all that can still be read."""

import copy
import os
import shutil
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from otorongo.station.outbox import Of, Outbox, Parcel
from otorongo.station.shelf import Shelf
from otorongo.wire import birth
from otorongo.wire.codes import Kind, MediaKind, Tag
from otorongo.wire.rows import Event, Heartbeat, Media, Note
from tests.station.outbox_bench import SAW, drain, opened, rain, saw
from tests.station.uplink_fakes import Bench, Book

BIRTH = birth.encode(birth.Birth(0, 1, "otorongo test"))


@dataclass
class Card:
    """A file that has seen life, and what the hub had of it."""

    path: Path = field(repr=False)
    book: Book = field(repr=False)
    waiting: set[int] = field(repr=False)
    root: int = field(repr=False)
    """The page that lists the pages of rows."""


def lived(folder: Path) -> Card:
    """Three boots, receipted and waiting rows, kept threats, open events, evidence; on several dozen pages."""
    path, book = folder / "outbox.db", Book()
    for number in range(3):
        bench = Bench(f"boot-{number}")
        box = opened(path, bench, ballast=0)
        box.speak_as(BIRTH)
        [opening] = box.put([saw(number)])
        box.put([Of(opening, Media(5, 1, 0, MediaKind.CLIP, 4, b"x" * 32, Tag.THREAT), f"media/{number}")])
        box.put([rain(n) for n in range(60)], cursor=("replay", f"file {number}"))
        box.put([Note(7, 6, f"{n} some words of a technician") for n in range(60)])
        if number < 2:
            drain(box, book)
        box.put([Of(opening, Event(9, 1, SAW, 40, tags=Tag.THREAT, kind=Kind.CLOSE)), saw(100 + number)])
        box.put([Heartbeat(n, 1, 3600) for n in range(40)])
        box.close()
    box = opened(path, bench, ballast=0)
    db = box._file._db
    assert db.execute("SELECT count(*) FROM rows WHERE value = 3").fetchone()[0] >= 4
    waiting = {seq for (seq,) in db.execute("SELECT seq FROM rows WHERE value != 3")}
    root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'rows'").fetchone()[0]
    box.close()
    assert len(waiting) > 180
    return Card(path, book, waiting, root)


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    """Made once; tests work on copies."""
    return lived(tmp_path_factory.mktemp("card"))


def put_back(card: Card, folder: Path) -> tuple[Path, Book]:
    """A copy of file and book."""
    for one in card.path.parent.glob("outbox.db*"):
        shutil.copy(one, folder / one.name)
    return folder / card.path.name, copy.deepcopy(card.book)


def goes_on(path: Path, book: Book, old: int) -> tuple[Outbox, bool]:
    """Opened as an uplink does, a row put, everything sent: the chain holds. Returns whether a new outbox began."""
    box = opened(path, Bench("boot-3"), ballast=0)
    box.check()
    for sensor in (0, 1):
        box.close_leftovers(sensor)
    box.put([saw(77)])
    replaced = box.outbox_id != old
    drain(box, book)
    chain = box.chain()
    assert (max(book.rows), book.verify()) == (chain.last_seq, chain.head)
    assert saw(77) in [row for _, row in book.rows.values()]
    return box, replaced


def flipped(path: Path, places: list[tuple[float, int]]) -> None:
    """Change bytes of the file, by share of its length."""
    data = bytearray(path.read_bytes())
    for share, mask in places:
        data[int(share * (len(data) - 1))] ^= mask
    path.write_bytes(data)


WRITABLE = "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql ="
FLIPS = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(FLIPS)
@example(places=[(0.9343077828237316, 2)])  # a key: the row lies out of order, and no query finds it
def test_whatever_bytes_change_the_outbox_goes_on(card: Card, places: list[tuple[float, int]]) -> None:
    """Some changed bytes cost at most the rows of their pages; nothing but our own errors, and the chain holds."""
    with TemporaryDirectory() as folder:
        path, book = put_back(card, Path(folder))
        flipped(path, places)
        box, replaced = goes_on(path, book, card.book.outbox)
        if not replaced:
            told = {seq for gap in book.gaps for seq in range(gap.first, gap.last + 1)}
            assert card.waiting <= set(book.rows) | told
        box.close()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 80), st.integers(1, 6), st.integers(0, 1000))
def test_lost_pages_cost_their_rows_and_no_others(card: Card, first: int, count: int, seed: int) -> None:
    """Pages of noise: what lies on other pages of rows is saved, unless the page that lists them is gone."""
    with TemporaryDirectory() as folder:
        path, book = put_back(card, Path(folder))
        data = bytearray(path.read_bytes())
        pages = len(data) // 4096
        first = 1 + first % (pages - 1)
        last = min(pages, first + count)
        data[first * 4096 : last * 4096] = Random(seed).randbytes((last - first) * 4096)
        path.write_bytes(data)
        box, replaced = goes_on(path, book, card.book.outbox)
        if replaced and not first < card.root <= last:
            waited = [row for _, (_, row) in book.rows.items() if isinstance(row, Note | Heartbeat)]
            assert len(waited) >= 140 - 70 * (last - first), "a page holds about 60 rows"
        box.close()


@settings(max_examples=15, deadline=None)
@given(st.floats(0, 1))
def test_a_file_that_was_cut_short_goes_on(card: Card, share: float) -> None:
    """A file of any shorter length is opened or replaced."""
    with TemporaryDirectory() as folder:
        path, book = put_back(card, Path(folder))
        with path.open("r+b") as file:
            file.truncate(int(share * path.stat().st_size))
        box, _ = goes_on(path, book, card.book.outbox)
        box.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE chain SET last_seq = last_seq + 65536",
        "UPDATE chain SET last_seq = 5",
        "UPDATE chain SET outbox = outbox + 1",
        "UPDATE chain SET outbox = 1 << 40",
        "UPDATE chain SET head = zeroblob(32)",
        "UPDATE chain SET head = 'text'",
        "UPDATE chain SET last_seq = 'many'",
        "DELETE FROM chain",
        "DELETE FROM boots",
        "UPDATE boots SET utc0_ms = 'x' WHERE number = 3",
        "UPDATE boots SET clock = 77",
        "UPDATE boots SET key = CAST(x'ff41' AS TEXT) WHERE number = 1",
        "UPDATE rows SET boot = 900 WHERE value = 1",
        "UPDATE rows SET row = 'text' WHERE value = 0",
        "UPDATE rows SET row = x'00' WHERE value = 0",
        "UPDATE rows SET hash = zeroblob(32) WHERE value = 4",
        "UPDATE rows SET value = 2 WHERE value = 1",
        "UPDATE rows SET most = 'few'",
        "UPDATE events SET row = x'c1'",
        "UPDATE media SET path = 7",
        "UPDATE births SET payload = x'00'",
        "UPDATE cursors SET value = CAST(x'ff' AS TEXT) WHERE name = 'replay'",
        "PRAGMA user_version = 70000",
        "PRAGMA user_version = 0",
        "DROP TABLE rows",
        "DROP TABLE cursors",
        # A comment that swallows what follows, a column by another name, a text that is none.
        f"{WRITABLE} replace(sql, x'0a', x'0e') WHERE name = 'boots'",
        f"{WRITABLE} replace(sql, 'utc0_ms', 'qtc0_ms') WHERE name = 'boots'",
        f"{WRITABLE} replace(sql, 'PRIMARY KEY (', 'PRIMARY KEY I') WHERE name = 'rows'",
    ],
)
def test_a_sound_page_may_hold_what_was_never_written(card: Card, tmp_path: Path, statement: str) -> None:
    """A number, text or table that damage made: the outbox goes on, with every row that is still whole."""
    path, book = put_back(card, tmp_path)
    db = sqlite3.connect(path)
    db.executescript(statement)
    db.commit()
    db.close()
    box, replaced = goes_on(path, book, card.book.outbox)
    if not replaced:
        told = {seq for gap in book.gaps for seq in range(gap.first, gap.last + 1)}
        assert card.waiting <= set(book.rows) | told
    elif "rows" not in statement or WRITABLE in statement:
        assert sum(isinstance(row, Note) for _, row in book.rows.values()) == 60
    box.close()


def test_a_row_that_the_card_changed_is_told_and_no_other(card: Card, tmp_path: Path) -> None:
    """A readable row that is not what was chained becomes a gap; a wrong hash between right rows is written anew."""
    path, book = put_back(card, tmp_path)
    db = sqlite3.connect(path)
    seqs = [seq for (seq,) in db.execute("SELECT seq FROM rows WHERE value = 1 ORDER BY seq LIMIT 20")]
    other = db.execute("SELECT row FROM rows WHERE seq = ?", (seqs[3],)).fetchone()[0]
    db.execute("UPDATE rows SET row = ? WHERE seq = ?", (other, seqs[9]))
    db.execute("UPDATE rows SET hash = zeroblob(32) WHERE seq = ?", (seqs[15],))
    db.commit()
    db.close()
    box, replaced = goes_on(path, book, card.book.outbox)
    assert not replaced
    assert [(gap.first, gap.last) for gap in book.gaps] == [(seqs[9], seqs[9])]
    assert seqs[15] in book.rows
    box.close()


def test_threats_that_are_not_safe_and_all_evidence_outlive_a_damaged_file(tmp_path: Path) -> None:
    """What the hub has committed and no second machine has goes again; no file of evidence is forgotten or swept."""
    bench, book = Bench(), Book()
    box = opened(tmp_path / "outbox.db", bench)
    [opening] = box.put([saw(5)])
    pictures = [Media(6, 1, 0, MediaKind.CLIP, 4, b"x" * 32, tag) for tag in (Tag.THREAT, 0)]
    _, of_rain = (box.put([Of(0, one, f"media/{one.tags}")])[0] for one in pictures)
    box.put([Of(opening, Event(9, 1, SAW, 40, tags=Tag.THREAT, kind=Kind.CLOSE))], cursor=("replay", "file 7"))
    drain(box, book)
    assert (box.stats().waiting, box.stats().kept) == (0, 3)
    old = box.outbox_id
    box._file.replace("test")
    assert box.outbox_id != old
    again = Book()
    drain(box, again)
    events = [row for _, (_, row) in sorted(again.rows.items()) if isinstance(row, Event)]
    assert [(row.kind, row.start_ms) for row in events] == [(Kind.OPEN, 5), (Kind.CLOSE, 5)] or len(events) == 2
    shelf = {one.path: one for one in box.media.all()}
    assert shelf.keys() == {"media/1", "media/0"}
    assert shelf["media/1"].threat
    assert shelf["media/1"].seq in again.rows
    assert box.media.own(old, of_rain) == shelf["media/0"].seq
    assert box.media.name(shelf["media/0"].seq) == (old, of_rain)
    assert box.cursor("replay") == "file 7"
    box._file.replace("test again")
    assert {one.path for one in box.media.all()} == {"media/1", "media/0"}
    again = Book()
    drain(box, again)
    again.verify()
    box.close()


def test_evidence_outlives_a_file_of_which_nothing_can_be_read(tmp_path: Path) -> None:
    """No row tells of it any more: it is not swept away, but it is the first to go when room is needed."""
    path = tmp_path / "outbox.db"
    box = opened(path)
    [opening] = box.put([saw()])
    shelf = Shelf(tmp_path, "microphone", 5000, box.media)
    name = shelf.write("1-1.ogg", bytes(1000))
    box.put([Of(opening, Media(6, 1, 0, MediaKind.CLIP, 1000, b"x" * 32, Tag.THREAT), name)])
    box.close()
    os.utime(tmp_path / name, (1e9, 1e9))
    path.write_bytes(os.urandom(20_000))
    for _ in range(2):
        box = opened(path)
        shelf = Shelf(tmp_path, "microphone", 5000, box.media)
        assert shelf.sweep() == 0
        assert (tmp_path / name).exists()
        box._file.replace("test")
        box.close()
    box = opened(path)
    box.check()
    assert [one.path for one in box.media.all()] == [name]
    Shelf(tmp_path, "microphone", 5000, box.media).write("2-1.ogg", bytes(4500))
    assert not (tmp_path / name).exists()
    box.close()


def test_when_all_clock_domains_are_used_a_new_outbox_begins(tmp_path: Path) -> None:
    """Boot 65,536 opens: what waits goes on under new numbers with its clock, and no number means two boots."""
    path = tmp_path / "outbox.db"
    box = opened(path, Bench("early"))
    box.put([saw(3)], cursor=("replay", "file 7"))
    old, mapping = box.outbox_id, box._domains[box.boot].utc0_ms
    box._file.write(lambda db: db.execute("INSERT INTO boots VALUES (65535, 'last', 0, 0, 5)"))
    box.close()
    again = opened(path, Bench("late"))
    assert again.outbox_id != old
    assert again.live_boot == 2
    again.put([rain()])
    parcels: list[Parcel] = []
    while parcel := again.next_batch({seq for one in parcels for seq in one.seqs}):
        parcels.append(parcel)
    assert [(one.mapping.boot, one.mapping.utc0_ms == mapping) for one in parcels] == [(1, True), (2, True)]
    assert again.cursor("replay") == "file 7"
    again._file.write(lambda db: db.execute("INSERT INTO boots VALUES (65535, 'last', 0, 0, 5)"))
    number = again.domain("a folder", 1_600_000_000_000)  # also while it runs
    assert again.put([rain(4)], boot=number)
    book = Book()
    drain(again, book)
    assert {row.t_ms for _, row in book.rows.values() if isinstance(row, Event)} == {3, 1000, 4}
    book.verify()
    again.close()


def test_a_callers_mistake_is_no_damage(tmp_path: Path) -> None:
    """A wrong value of the caller's comes back to him; the file stays."""
    box = opened(tmp_path / "outbox.db")
    old = box.outbox_id
    with pytest.raises(AttributeError):
        box.put(["no row"])  # type: ignore[list-item]
    assert box.outbox_id == old
    assert box.put([rain()]) == [1]
    box.close()
