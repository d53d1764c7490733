"""Two stations on copies of one card: neither loses what it put, whatever receipts the other causes."""

from pathlib import Path

from otorongo.station.sent import Sent
from otorongo.wire.receipt import Receipt
from tests.station.outbox_bench import drain, opened, rain, saw
from tests.station.uplink_fakes import Book
from tests.station.uplink_rig import Rig


def test_a_receipt_that_a_copy_caused_costs_no_row(tmp_path: Path) -> None:
    """Ordinary rows that this card never sent stay, though the hub says that it has their numbers: they go on under a
    new outbox, and so does what is on its way.
    """
    rig = Rig(tmp_path / "card")
    rig.connect()
    rig.sensor.put([rain(n) for n in range(3)])
    rig.settle()
    old, end = rig.outbox.outbox_id, rig.outbox.chain().last_seq
    rig.pipe.lose("no link")
    rig.turn()
    mine = [rain(1000 + n) for n in range(20)]
    rig.sensor.put(mine)
    rig.pipe.receipt(Receipt(old, end + 10))  # of the copy's rows under these numbers
    rig.turn()
    assert rig.outbox.outbox_id != old
    rig.book = Book()
    rig.connect()
    rig.settle()
    assert [row for row in mine if row not in [had for _, had in rig.book.rows.values()]] == []
    rig.book.verify()


def test_a_receipt_for_what_an_earlier_process_sent_is_believed(tmp_path: Path) -> None:
    """Killed after it sent and before the receipt came: the rows are not put under new numbers."""
    rig = Rig(tmp_path / "card")
    rig.connect()
    rig.sensor.put([rain(), saw(), rain()])
    rig.settle(3)
    rig.sensor.put([rain(5)])
    rig.turn()
    rig.take()
    old = rig.outbox.outbox_id
    again = Rig(tmp_path / "card")
    again.book = rig.book
    again.pipe.connect()
    again.pipe.receipt(again.book.receipt())
    again.turn()
    assert again.outbox.outbox_id == old
    again.settle()
    assert again.outbox.outbox_id == old


def test_rows_that_a_process_before_never_sent_are_known(tmp_path: Path) -> None:
    """Weeks without a link and a restart later, a row far above what was sent is still one that never was."""
    path = tmp_path / "outbox.db"
    box = opened(path)
    box.put([rain()] * 5)
    sent = Sent(box)
    assert 5 in sent
    sent.note(box.outbox_id, [3, 4, 5])
    box.put([rain()] * 1000)
    later = Sent(opened(path))
    assert 5 in later
    assert 1000 not in later
    later.note(box.outbox_id, [1000])
    assert 1000 in later
    assert 999 not in later
    later.settled(Receipt(box.outbox_id, 1000))
    assert 999 in later


def test_of_a_new_outbox_nothing_was_sent(tmp_path: Path) -> None:
    """After a replacement what was saved counts as never sent, also for the next process."""
    box = opened(tmp_path / "outbox.db")
    box.put([rain()] * 5)
    sent = Sent(box)
    box._file.replace("test")
    box.close()
    again = opened(tmp_path / "outbox.db")
    assert 1 in sent
    assert 1 not in Sent(again)
    drain(again, Book())
