"""What the hub asks for: evidence in chunks within the budget, log and configuration, drills."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from otorongo.station.outbox import Of
from otorongo.wire import media, topics, wants
from otorongo.wire.codes import Kind, MediaKind, NoteKind, Tag
from otorongo.wire.receipt import Receipt
from otorongo.wire.rows import Event, Media, Note
from tests.station.outbox_bench import SAW, saw
from tests.station.small_card import fill, small_card
from tests.station.uplink_rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A connected uplink, whose first heartbeat is receipted."""
    made = Rig(tmp_path)
    made.connect()
    made.settle()
    made.pipe.sent.clear()
    yield made
    made.sensor.close()
    made.outbox.close()


def test_evidence_goes_in_chunks_after_the_rows(rig: Rig, tmp_path: Path) -> None:
    """A wanted file arrives whole, in pieces of at most 8 kB, each after the broker has the one before."""
    data = bytes(range(256)) * 80
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "clip").write_bytes(data)
    [seq] = rig.sensor.put([Of(0, Media(1, 1, 0, MediaKind.CLIP, len(data), b"x" * 32), "media/clip")])
    rig.settle()
    assert rig.sent(topics.MEDIA) == [], "nothing is sent that nobody asked for"
    rig.pipe.down(topics.WANTS, wants.encode((wants.WantMedia(rig.outbox.outbox_id, seq),)))
    for _ in range(5):
        rig.turn()
    chunks = rig.sent(topics.MEDIA)
    assert len(chunks) == 3
    for payload in chunks:
        rig.book.take_chunk(payload)
    assert rig.book.media[seq] == data
    rig.pipe.receipt(rig.book.receipt())
    rig.turn()
    assert not rig.outbox.media.all()[0].wanted


def test_evidence_goes_on_from_where_the_hub_is(rig: Rig, tmp_path: Path) -> None:
    """After a lost connection the next chunk begins where the hub's last receipt ended."""
    data = bytes(range(256)) * 80
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "clip").write_bytes(data)
    [seq] = rig.sensor.put([Of(0, Media(1, 1, 0, MediaKind.CLIP, len(data), b"x" * 32), "media/clip")])
    rig.settle()
    rig.outbox.media.want(seq, 0)
    rig.turn()
    rig.pipe.acks = False
    rig.turn()
    rig.turn()
    assert len(rig.sent(topics.MEDIA)) == 2
    rig.book.take_chunk(rig.sent(topics.MEDIA)[0])
    rig.pipe.receipt(rig.book.receipt())
    rig.turn()
    rig.pipe.lose()
    rig.turn()
    rig.pipe.sent.clear()
    rig.pipe.acks = True
    rig.connect()
    for _ in range(4):
        rig.turn()
    for payload in rig.sent(topics.MEDIA):
        rig.book.take_chunk(payload)
    assert rig.book.media[seq] == data


def test_evidence_that_was_lost_on_its_way_is_sent_again(rig: Rig, tmp_path: Path) -> None:
    """A file sent to its end that does not become whole is sent again from the hub's offset."""
    data = b"abc" * 1000
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "clip").write_bytes(data)
    [seq] = rig.sensor.put([Of(0, Media(1, 1, 0, MediaKind.CLIP, len(data), b"x" * 32), "media/clip")])
    rig.settle()
    rig.outbox.media.want(seq, 0)
    rig.turn()
    assert len(rig.sent(topics.MEDIA)) == 1
    rig.turn(100)
    assert len(rig.sent(topics.MEDIA)) == 1
    rig.turn(400)
    assert len(rig.sent(topics.MEDIA)) == 2


def test_the_days_budget_holds_evidence_and_not_records(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With the budget spent evidence waits for the next day, and the log says so once; records go all the same."""
    caplog.set_level("INFO")
    rig = Rig(tmp_path, daily_bytes=9000)
    rig.connect()
    rig.settle()
    data = bytes(20_000)
    (tmp_path / "media").mkdir(exist_ok=True)
    (tmp_path / "media" / "clip").write_bytes(data)
    [seq] = rig.sensor.put([Of(0, Media(1, 1, 0, MediaKind.CLIP, len(data), b"x" * 32), "media/clip")])
    rig.settle()
    rig.outbox.media.want(seq, 0)
    for _ in range(10):
        rig.turn()
    assert len(rig.sent(topics.MEDIA)) == 1
    assert sum("daily_bytes" in line for line in caplog.messages) == 1
    rig.sensor.put([saw()])
    rig.turn()
    assert len(rig.take()) == 1
    rig.turn(86_400)
    rig.settle(3)
    for _ in range(5):
        rig.turn()
    assert len(rig.sent(topics.MEDIA)) == 2


def test_the_log_says_in_words_what_the_hub_asks_for(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """A technician reads a number and what it is, not a value of the program."""
    caplog.set_level("INFO")
    asked = (wants.WantMedia(7, 118, 500), wants.WantLog(20), wants.WantConfig(), wants.WantTest(SAW, 3))
    rig.pipe.down(topics.WANTS, wants.encode(asked))
    rig.turn()
    told = [line.partition("wants ")[2] for line in caplog.messages if "the hub wants" in line]
    assert told == [
        "evidence 118, from byte 500",
        "the newest lines of its log (20)",
        "its configuration",
        "a drill",
    ]


def test_evidence_that_is_gone_is_told(rig: Rig) -> None:
    """A wanted file that is not on the card, or never was, is told in a note and not asked again."""
    [seq] = rig.sensor.put([Of(0, Media(1, 1, 0, MediaKind.CLIP, 10, b"x" * 32), "media/gone")])
    asked = (wants.WantMedia(rig.outbox.outbox_id, seq), wants.WantMedia(rig.outbox.outbox_id, 999))
    rig.pipe.down(topics.WANTS, wants.encode(asked))
    rig.settle()
    texts = [row.text for _, row in rig.book.rows.values() if isinstance(row, Note)]
    assert any(f"evidence {seq} cannot be sent" in text for text in texts)
    assert any("evidence 999 is not on the card" in text for text in texts)
    assert len(texts) == 2


def test_log_and_configuration_are_sent_without_secrets(rig: Rig) -> None:
    """The hub gets the newest lines and the configuration as media of kind LOG; what looks secret is blotted out."""
    rig.pipe.down(topics.WANTS, wants.encode((wants.WantLog(3), wants.WantConfig())))
    for _ in range(8):
        rig.turn()
    for payload in rig.sent(topics.MEDIA):
        rig.book.take_chunk(payload)
    texts = [data.decode() for data in rig.book.media.values()]
    assert "line\nline\nline" in texts
    assert any("user = ***" in text for text in texts)
    assert not any("geheim" in text for text in texts)


def test_a_full_card_is_the_answer_to_a_wanted_log(tmp_path: Path) -> None:
    """On a card without room the hub hears in a note why the log does not come, nothing half is left, rows go on."""
    with small_card(tmp_path / "card", "1m") as card:
        rig = Rig(card)
        rig.connect()
        rig.settle()
        (card / "media").mkdir()
        fill(card)
        rig.pipe.down(topics.WANTS, wants.encode((wants.WantLog(3),)))
        rig.settle()
        texts = [row.text for _, row in rig.book.rows.values() if isinstance(row, Note)]
        assert texts == ["the log cannot be sent: No space left on device"]
        assert list((card / "media").iterdir()) == []
        (card / "filler").unlink()
        rig.pipe.down(topics.WANTS, wants.encode((wants.WantConfig(),)))
        rig.settle()
        assert len(list((card / "media").iterdir())) == 1
        rig.sensor.close()
        rig.outbox.close()


def test_a_drill_goes_the_whole_way_once(rig: Rig) -> None:
    """A wanted drill is an event that opens and closes with the drill tag, and a note with its number; not twice."""
    payload = wants.encode((wants.WantTest(SAW, 7),))
    rig.pipe.down(topics.WANTS, payload)
    rig.pipe.down(topics.WANTS, payload)
    rig.settle()
    rows = [rig.book.rows[seq][1] for seq in sorted(rig.book.rows)]
    drills = [row for row in rows if isinstance(row, Event)]
    assert [row.kind for row in drills] == [Kind.OPEN, Kind.CLOSE]
    assert all(row.tags & Tag.DRILL for row in drills)
    assert [row.text for row in rows if isinstance(row, Note) and row.kind == NoteKind.DRILL] == ["7"]


def test_evidence_of_the_outbox_before_is_still_sent(rig: Rig, tmp_path: Path) -> None:
    """After the outbox was replaced the hub gets a file under its old number, and its receipt ends it."""
    data = bytes(range(256)) * 40
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "clip").write_bytes(data)
    [seq] = rig.sensor.put([Of(0, Media(1, 1, 0, MediaKind.CLIP, len(data), b"x" * 32), "media/clip")])
    rig.settle()
    old = rig.outbox.outbox_id
    rig.sensor._file.replace("test")
    rig.settle()
    rig.pipe.sent.clear()
    asked = (wants.WantMedia(old, seq), wants.WantMedia(12345, seq))
    rig.pipe.down(topics.WANTS, wants.encode(asked))
    for _ in range(5):
        rig.turn()
    chunks = [media.decode(payload) for payload in rig.sent(topics.MEDIA)]
    assert {(one.outbox, one.seq) for one in chunks} == {(old, seq)}
    assert b"".join(one.data for one in chunks) == data
    rig.pipe.receipt(Receipt(old, 0, media=((seq, len(data)),)))
    rig.turn(10_000)
    assert not any(one.wanted for one in rig.outbox.media.all())
    rig.settle()
    assert [row.text for _, row in rig.book.rows.values() if isinstance(row, Note)] == [
        f"evidence {seq} is not on the card any more"
    ]
