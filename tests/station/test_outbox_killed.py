"""The outbox is killed while it replaces its file, or read whole while others write: every row is there, once."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from otorongo.station.outbox_schema import WAITS, connect, set_aside
from otorongo.wire.rows import Event
from tests.station.outbox_bench import drain, opened, rain, saw
from tests.station.uplink_fakes import Book


def times(book: Book) -> list[int]:
    """Of the events that the hub has."""
    return sorted(row.t_ms for _, row in book.rows.values() if isinstance(row, Event))


def before_the_move(path: Path) -> None:
    """It was marked, and nothing more."""
    path.with_name(f"{path.name}.damaged-20260101T000000000000{WAITS}").touch()


def within_the_move(path: Path) -> None:
    """The file has gone, the log that holds its newest rows has not."""
    before_the_move(path)
    path.rename(path.with_name(f"{path.name}.damaged-20260101T000000000000"))


def after_the_move(path: Path) -> None:
    """There is no new file yet."""
    set_aside(path, "test")


def before_the_rows(path: Path) -> None:
    """The new file is there, and empty."""
    set_aside(path, "test")
    connect(path).close()


@pytest.mark.parametrize("killed", [before_the_move, within_the_move, after_the_move, before_the_rows])
def test_a_replacement_that_was_killed_is_ended_by_the_next_process(
    tmp_path: Path, killed: Callable[[Path], None]
) -> None:
    """Wherever the kill strikes, no row that waits is left in the file that was set aside."""
    path = tmp_path / "outbox.db"
    box = opened(path)  # stays open: its rows lie in the log
    rows = [saw(1), *(rain(n) for n in range(2, 40))]
    box.put(rows)
    killed(path)
    again = opened(path)
    assert again.stats().waiting == len(rows)
    box.put([saw(77)])  # another process that lives goes on too
    assert not list(tmp_path.glob(f"*{WAITS}"))
    book = Book()
    drain(again, book)
    assert times(book) == [*range(1, 40), 77]
    book.verify()


def test_rows_that_were_put_in_are_not_put_in_again(tmp_path: Path) -> None:
    """Killed after the rows were committed and before the mark was taken away: they are there once."""
    path = tmp_path / "outbox.db"
    box = opened(path)
    box.put([saw(), rain()])
    box._file.replace("test")
    [aside] = [one for one in tmp_path.glob("*.damaged-*") if one.name.endswith(".txt")]
    aside.with_name(aside.name.removesuffix(".txt") + WAITS).touch()
    box.close()
    assert opened(path).stats().waiting == 2


def test_rows_that_wait_join_those_of_a_new_outbox(tmp_path: Path) -> None:
    """What did not fit when the new outbox began goes in later, with this boot's number and beside newer rows."""
    path = tmp_path / "outbox.db"
    box = opened(path)
    box.put([saw(1), rain(2)])
    set_aside(path, "test")
    mark = next(tmp_path.glob(f"*{WAITS}"))
    mark.unlink()
    box.put([rain(3)])
    mark.touch()
    box.close()
    again = opened(path)
    book = Book()
    drain(again, book)
    assert times(book) == [1, 2, 3]
    assert {boot for boot, _ in book.rows.values()} == {again.live_boot}
    book.verify()


def test_others_write_and_open_while_the_file_is_checked(tmp_path: Path) -> None:
    """Reading a year of rows takes a small Pi a minute: no sensor waits for it, neither to put nor to start."""
    path = tmp_path / "outbox.db"
    checked = opened(path)
    checked.put([rain(n) for n in range(20)])
    put: list[int] = []
    other = threading.Thread(target=lambda: put.extend(opened(path).put([saw()])), daemon=True)

    def in_the_middle() -> None:
        if not other.ident:
            other.start()
            other.join(5)
            assert put == [21]

    checked._file._db.set_progress_handler(in_the_middle, 50)
    checked.check()
    assert other.ident
    assert checked.stats().waiting == 21
