"""The outbox on a bad day: the card is full, the file is damaged, the process is killed."""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from otorongo.station.errors import OutboxError, OutboxFull
from otorongo.station.outbox import Of, Outbox
from otorongo.station.outbox_schema import damaged
from otorongo.wire.codes import Kind, Tag
from otorongo.wire.receipt import Receipt
from otorongo.wire.rows import Event, Media, Note
from tests.station.outbox_bench import SAW, drain, opened, rain, saw
from tests.station.small_card import fill, small_card
from tests.station.uplink_fakes import Bench, Book

KILLS = int(os.environ.get("KILLS", "20"))


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 2 MB."""
    with small_card(tmp_path / "card") as folder:
        yield folder


def note(number: int) -> Note:
    """An ordinary row of some size."""
    return Note(number, 6, f"{number:06d} " * 40)


def test_a_full_card_takes_new_rows_and_tells_what_went(card: Path) -> None:
    """On a card of 2 MB thousands of rows are put: every put returns, threats stay, gaps tell the rest."""
    box = opened(card / "outbox.db", ballast=512 * 1024)
    threats = []
    for number in range(12_000):
        box.put([note(number)])
        if number % 100 == 0:
            threats += box.put([saw(number)])
    stats = box.stats()
    assert stats.dropped > 1000
    assert stats.waiting + stats.dropped == stats.last_seq
    book = Book()
    drain(box, book)
    assert set(threats) <= set(book.rows)
    assert max(book.known()) == stats.last_seq
    book.verify()
    box.close()


def test_evidence_makes_room_before_any_row(card: Path) -> None:
    """A card full of pictures gives up pictures, and no row is dropped."""
    box = opened(card / "outbox.db", ballast=512 * 1024)
    (card / "media").mkdir()
    for number in range(200):
        path = f"media/{number}"
        try:
            (card / path).write_bytes(bytes(30_000))
        except OSError:
            (card / path).unlink()
            break
        box.put([Of(0, Media(number, 2, 0, 3, 30_000, b"x" * 32), path)])
    for number in range(1500):
        box.put([note(number)])
    assert box.stats().dropped == 0
    assert len(list((card / "media").iterdir())) < 60
    assert {one.path for one in box.media.all()} == {f"media/{one.name}" for one in (card / "media").iterdir()}
    box.close()


def test_who_reads_from_a_full_card_costs_no_row(tmp_path: Path) -> None:
    """As many threats fit on a card that is full while somebody reads from it as when nobody does."""

    def fitted(name: str, *, reader: bool) -> int:
        done = threading.Event()
        with small_card(tmp_path / name) as card:
            box = opened(card / "outbox.db", ballast=256 * 1024)
            for number in range(600):
                box.put([note(number)])
            fill(card)
            other = threading.Thread(target=_keep_reading, args=(card / "outbox.db", done))
            if reader:
                other.start()
            count = 0
            with contextlib.suppress(OutboxFull):
                while count < 3000:
                    box.put([Event(count, 1, SAW, 40, Tag.THREAT, hits=3, peak=90)] * 20)
                    count += 1
            done.set()
            if reader:
                other.join()
            box.close()
        return count

    alone = fitted("alone", reader=False)
    assert 20 < alone < 3000
    assert fitted("read", reader=True) >= alone - 1


def _keep_reading(path: Path, done: threading.Event) -> None:
    """One snapshot after the other."""
    db = sqlite3.connect(path, isolation_level=None)
    while not done.is_set():
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        done.wait(0.2)
        db.execute("COMMIT")
        done.wait(0.1)
    db.close()


def test_the_ballast_comes_back_with_the_room(card: Path) -> None:
    """The ballast is given back on a full card and made again, whole, when somebody makes room."""
    filler = card / "filler"
    box = opened(card / "outbox.db", ballast=512 * 1024)
    ballast = card / "outbox.db.ballast"
    assert ballast.stat().st_size == 512 * 1024
    filler.write_bytes(bytes(1024 * 1024))
    for number in range(2000):
        box.put([note(number)])
    assert not ballast.exists() or ballast.stat().st_size < 512 * 1024
    filler.unlink()
    box.receipted(Receipt(box.outbox_id, box.stats().last_seq))
    assert box.restore_ballast()
    assert ballast.stat().st_size == 512 * 1024
    box.close()


def test_a_full_card_can_be_opened(card: Path) -> None:
    """A station that boots with a full card opens its outbox with the room of the ballast."""
    box = opened(card / "outbox.db", ballast=512 * 1024)
    box.put([saw()])
    box.close()
    fill(card)
    again = opened(card / "outbox.db", ballast=512 * 1024)
    assert again.put([saw()]) == [2]
    again.close()


def test_threats_go_last_and_the_newest_stay(card: Path) -> None:
    """When nothing but threats is left the oldest go, told in few gaps."""
    box = opened(card / "outbox.db", ballast=512 * 1024)
    total = 14_000
    for number in range(0, total, 50):
        box.put([saw(number + n) for n in range(50)])
    stats = box.stats()
    assert stats.dropped > 0
    book = Book()
    drain(box, book)
    assert book.rows[stats.last_seq]
    assert len(book.gaps) < 40
    assert book.known() >= set(range(1, stats.last_seq + 1))
    book.verify()
    box.close()


@pytest.mark.parametrize("damage", ["garbage", "head", "empty", "tables"])
def test_a_damaged_file_is_set_aside(tmp_path: Path, damage: str) -> None:
    """Whatever the file holds, the outbox opens: the damaged one lies beside it with its reason."""
    path = tmp_path / "outbox.db"
    box = opened(path)
    old = box.outbox_id
    box.put([saw()])
    box.close()
    if damage == "garbage":
        path.write_bytes(os.urandom(20_000))
    elif damage == "head":
        path.write_bytes(bytes(100) + path.read_bytes()[100:])
    elif damage == "tables":
        import sqlite3

        db = sqlite3.connect(path)
        db.execute("DROP TABLE chain")
        db.commit()
        db.close()
    else:
        path.write_bytes(b"")
    again = opened(path)
    assert again.outbox_id != old
    assert again.put([rain()])
    aside = [one for one in tmp_path.iterdir() if ".damaged-" in one.name and one.name.endswith(".txt")]
    assert len(aside) == (0 if damage == "empty" else 1)
    if damage == "tables":
        assert again.stats().threats == 1, "a readable threat row is saved"
    again.close()


def test_damage_while_running_loses_no_readable_row(tmp_path: Path) -> None:
    """A page that goes bad under two running processes: both go on in the new file, readable threats are saved,
    and an open event goes on under a new opening.
    """
    path = tmp_path / "outbox.db"
    one, two = opened(path), opened(path)
    [opening] = one.put([saw()])
    two.put([rain(n) for n in range(3000)])
    two._file.write(lambda db: None)
    two._file._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    old = one.outbox_id
    data = bytearray(path.read_bytes())
    for page in range(12, 30):
        data[page * 4096 : page * 4096 + 4096] = os.urandom(4096)
    with path.open("r+b") as file:
        file.write(data)
    one.check()
    assert one.outbox_id != old
    [closing] = two.put([Of(opening, Event(9000, 1, SAW, 40, tags=Tag.THREAT, kind=Kind.CLOSE, duration_ms=8000))])
    assert two.outbox_id == one.outbox_id
    book = Book()
    drain(one, book)
    events = [row for _, row in book.rows.values() if isinstance(row, Event) and row.cls == SAW]
    assert [event.kind for event in events] == [Kind.OPEN, Kind.CLOSE]
    _, row = book.rows[closing]
    assert isinstance(row, Event)
    _, first = book.rows[closing - row.back]
    assert isinstance(first, Event)
    assert (first.kind, first.t_ms) == (Kind.OPEN, 1000)
    assert sum(isinstance(row, Event) and row.cls != SAW for _, row in book.rows.values()) > 500
    book.verify()


def test_a_card_that_damages_everything_is_not_called_full(tmp_path: Path) -> None:
    """Each new file is damaged again: that is said, and nobody is sent to free room that is there."""
    box = opened(tmp_path / "outbox.db")

    def work(db: sqlite3.Connection) -> None:
        raise damaged("the page is none")

    with pytest.raises(OutboxError, match="damaged again: change the card") as caught:
        box._file.write(work)
    assert not isinstance(caught.value, OutboxFull)


def test_a_check_replaces_the_file_once(tmp_path: Path) -> None:
    """What is found wrong with the new file, too, costs no second one: the check itself may be mistaken."""
    path = tmp_path / "outbox.db"
    box = opened(path)
    box.put([saw(), rain()])
    renew = box._file.on_attach

    def spoil(db: sqlite3.Connection) -> None:
        db.execute("UPDATE rows SET tries = -1")

    def renew_and_spoil() -> int:
        boot = renew()
        box._file.write(spoil)
        return boot

    box._file.on_attach = renew_and_spoil
    box._file.write(spoil)
    box.check()
    assert len(list(tmp_path.glob("*.damaged-*.txt"))) == 1
    assert box.put([saw()]) == [3]


def test_a_deleted_file_is_noticed(tmp_path: Path) -> None:
    """A file deleted under a running process is made anew at the next put."""
    path = tmp_path / "outbox.db"
    box = opened(path)
    box.put([rain()])
    old = box.outbox_id
    for one in tmp_path.glob("outbox.db*"):
        one.unlink()
    assert box.put([saw()]) == [1]
    assert box.outbox_id != old
    assert opened(path).stats().threats == 1


def test_a_card_put_back_to_an_older_state_gets_a_new_outbox(tmp_path: Path) -> None:
    """A receipt for rows that the card never wrote: no number is used twice, what waits goes on under a new outbox."""
    path = tmp_path / "outbox.db"
    box = opened(path)
    box.put([rain()])
    box.close()
    shutil.copy(path, tmp_path / "image")
    box = opened(path)
    book = Book()
    box.put([rain()] * 9)
    drain(box, book)
    box.close()
    (tmp_path / "image").replace(path)
    box = opened(path)
    old = box.outbox_id
    box.put([saw(7)])
    assert box.receipted(book.receipt()) is not None
    assert box.outbox_id != old
    after = Book()
    drain(box, after)
    assert saw(7) in [row for _, row in after.rows.values()]
    after.verify()


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """An outbox under a file that is no folder is an error that names the path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxError, match="file"):
        opened(tmp_path / "file" / "outbox.db")


WRITER = """
import sys
from pathlib import Path
from otorongo.station.outbox import Outbox
from otorongo.wire.rows import Event
from otorongo.station.ports import ClockReading
box = Outbox.open(Path(sys.argv[1]), boot_id="b", now=ClockReading(1), ballast_bytes=0)
number = int(box.cursor("number") or 0)
while True:
    number += 1
    seqs = box.put([Event(number, 1, 12, 3), Event(number, 1, 1, 3)], cursor=("number", str(number)))
    sys.stdout.write(f"{number} {seqs[0]} {seqs[1]}\\n")
    sys.stdout.flush()
"""


@pytest.mark.faults
def test_a_killed_writer_loses_nothing_that_was_returned(tmp_path: Path) -> None:
    """A writer killed with -9 at random: each row whose put returned is there once, the chain is whole."""
    path = tmp_path / "outbox.db"
    told: dict[int, int] = {}
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for _ in range(KILLS):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, env=env)
        assert writer.stdout is not None
        lines = [writer.stdout.readline()]
        time.sleep(random.uniform(0, 0.1))
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.readlines()
        writer.wait()
        writer.stdout.close()
        for line in lines:
            if line.endswith("\n"):
                number, first, second = map(int, line.split())
                assert first not in told
                assert second not in told
                told |= {first: number, second: number}
    box = opened(path, Bench("b"))
    book = Book()
    drain(box, book)
    book.verify()
    for seq, number in told.items():
        row = book.rows[seq][1]
        assert isinstance(row, Event)
        assert row.t_ms == number
    numbers = [
        row.t_ms for _, row in sorted((seq, row) for seq, (_, row) in book.rows.items()) if isinstance(row, Event)
    ]
    assert numbers == sorted(numbers)
    assert int(box.cursor("number") or 0) == numbers[-1]
    assert all(numbers.count(number) == 2 for number in list(set(numbers))[:200])


def test_puts_are_opened_once(tmp_path: Path) -> None:
    """`puts` counts the rows of this process, for a watchdog."""
    box = Outbox.open(tmp_path / "o.db", boot_id="x", now=Bench().clock(), ballast_bytes=0)
    box.put([rain(), rain()])
    assert box.puts == 2
