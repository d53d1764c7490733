"""What `tail` says of each kind of row, in the language that is spoken."""

import re
from enum import Enum

import pytest

from otorongo.language import speak
from otorongo.station.app_tail import _words
from otorongo.station.app_tail_words import SPANISH
from otorongo.wire import codes, rows
from tests.spoken import english_in

ROWS: dict[str, rows.Row] = {
    "event": rows.Event(0, sensor=1, cls=1, evidence=35),
    "heartbeat": rows.Heartbeat(0, 1, counters={1: 7}),
    "gap": rows.Gap(0, 1, 5, 1, b"\0" * 32),
    "media": rows.Media(0, 2, 9, 1, 1200, b"\0" * 32),
    "seal": rows.Seal(0, 9, b"\0" * 32, b"\0" * 64),
    "tamper": rows.Tamper(0, 3),
    "note": rows.Note(0, 1, ""),
    "track": rows.Track(0, 1, 1, 4, 1500, b"\x12\x34"),
    "listening": rows.Listening(0, 1, 3_600_000, 400, 60_000),
    "seen": rows.Seen(0, 2, 9, b"", b""),
    "seeing": rows.Seeing(0, 2, 3_600_000, 1000, 20, flags=2 | 64),
}


@pytest.mark.parametrize("kind", rows.ROW_TYPES.values(), ids=lambda kind: kind.__name__.lower())
def test_each_kind_of_row_is_told_in_spanish(kind: type[rows.Row]) -> None:
    """None is told by its English name, and nothing of it is left empty."""
    row = ROWS[kind.__name__.lower()]
    speak("es")
    told, _ = _words(row, 12)
    assert english_in(told) == []
    assert not re.search(rf"\b{kind.__name__}\b", told, re.IGNORECASE)
    assert not told.rstrip().endswith(":") or kind is rows.Note  # the note's text is the station's own
    speak("en")
    assert _words(row, 12)[0] != told


def test_a_heartbeat_that_counted_nothing_says_so() -> None:
    """A line that ends with a colon reads as if something had been cut off."""
    assert _words(rows.Heartbeat(0, 1), 12)[0] == "heartbeat of sensor 1: nothing new to count"
    machine = rows.Heartbeat(0, 0, temperature_dc=451, disk_free_mb=812, missed_ms=3000)
    assert _words(machine, 12)[0] == "heartbeat of the station: 812 MB free, 45.1 °C, missed 3 s"


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        ("", codes.Counter), ("", codes.GapReason), ("", codes.MediaKind), ("", codes.NoteKind), ("", codes.NameSource),
        ("", codes.MicrophoneFlag), ("", codes.CameraFlag), ("tamper", codes.TamperKind),
    ],
)  # fmt: skip
def test_every_code_of_the_wire_has_its_spanish(family: str, kind: type[Enum]) -> None:
    """A code that is added is told to nobody by its English name."""
    names = [one.name.lower() for one in kind]
    assert [name for name in names if f"{family}.{name}" not in SPANISH and name not in SPANISH] == []


def test_what_is_named_alike_is_told_apart() -> None:
    """A box that somebody opened is no event that was opened."""
    speak("es")
    assert "abrieron la caja" in _words(rows.Tamper(0, codes.TamperKind.OPENED), 1)[0]
    assert "eventos abiertos 7" in _words(rows.Heartbeat(0, 1, counters={codes.Counter.OPENED: 7}), 1)[0]
