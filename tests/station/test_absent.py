"""Sensors whose process ends without being asked to: the hub hears of it, whoever has to say so."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from otorongo.station import app
from otorongo.station import config as station_config
from otorongo.station.absent import Absent, put_why
from otorongo.station.app_process import only_one, without_word
from otorongo.station.errors import SensorError
from otorongo.station.outbox import Outbox
from otorongo.wire.codes import NoteKind
from otorongo.wire.rows import Note
from tests.station.sense_rig import open_outbox, rows_in
from tests.station.uplink_rig import Rig

HOLDER = """
import sys
from otorongo.station.app_process import only_one
with only_one("camera", sys.argv[1]) as told:
    print("held", flush=True)
    sys.stdin.readline()
    told()
"""


def notes(outbox: Outbox) -> list[tuple[int, int, str]]:
    """(kind, sensor, text) of every note that waits."""
    rows = [one.row for one in rows_in(outbox)]
    return [(row.kind, row.sensor, row.text) for row in rows if isinstance(row, Note)]


def test_a_process_that_is_gone_twice_in_a_row_is_told_once() -> None:
    """One that is away for a moment is none; one that came back and goes again is told again."""
    gone: dict[int, str] = {}
    absent = Absent(lambda: gone)
    told = []
    one, both, other = {1: "microphone"}, {1: "microphone", 2: "camera"}, {2: "camera"}
    for found in ({}, one, {}, one, *[both] * 4, {}, *[other] * 3):
        gone = found
        told.append([(note.sensor, note.kind) for note in absent.notes(7)])
    stopped = NoteKind.STOPPED
    assert told == [[], [], [], [], [(1, stopped)], [(2, stopped)], [], [], [], [], [(2, stopped)], []]


def test_the_uplink_tells_the_hub_of_it(tmp_path: Path) -> None:
    """Within two minutes, in the sensor's name, though the sensor itself can say nothing."""
    rig = Rig(tmp_path)
    rig.absent["camera"] = 2
    rig.connect()
    for _ in range(3):
        rig.turn(61)
        rig.settle()
    found = [row for _, row in rig.book.rows.values() if isinstance(row, Note)]
    assert [(row.kind, row.sensor) for row in found] == [(NoteKind.STOPPED, 2)]
    assert found[0].text == "camera: its process is gone, and did not say why"


@pytest.mark.parametrize("number", [signal.SIGKILL, None])
def test_who_was_killed_said_nothing(tmp_path: Path, number: int | None) -> None:
    """A process that holds its section is there; killed it is gone without a word, ended in order it is not."""
    assert not without_word("camera", tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    assert not without_word("camera", tmp_path)
    if number is not None:
        process.send_signal(number)
    process.communicate("go\n" if number is None else None)
    assert without_word("camera", tmp_path) == (number is not None)
    with only_one("camera", tmp_path) as told:
        assert not without_word("camera", tmp_path)
        told()
    assert not without_word("camera", tmp_path)


def test_a_sensor_that_fails_tells_why_itself(tmp_path: Path) -> None:
    """An error that ends its process is its last row, so that the uplink need not guess."""
    config = tmp_path / "station.toml"
    config.write_text(
        f'station = "K-02"\ndata_dir = "{tmp_path}/data"\n[microphone]\ndriver = "replay"\n'
        f'device = "{tmp_path}/none"\nbundle = "threats@5"\n'
    )
    for _ in range(3):  # as systemd starts it again and again
        with pytest.raises(SensorError):
            app.sense(station_config.load(config), "microphone")
    ((kind, sensor, text),) = notes(open_outbox(tmp_path / "data"))
    assert (kind, sensor) == (NoteKind.STOPPED, 1)
    assert text.startswith("microphone: ")
    assert str(tmp_path / "none") in text
    assert not without_word("microphone", tmp_path / "data")


def test_what_cannot_begin_says_why_once_an_hour(tmp_path: Path) -> None:
    """Another reason is told at once, and the same where the process had told that it lives; a new boot begins anew."""
    now_ms = [0]
    outbox = open_outbox(tmp_path, t_ms=lambda: now_ms[0])
    for minutes, why, worked in (
        (0, "none", False), (30, "none", False), (31, "other", False), (32, "none", False), (91, "none", False),
        (92, "none", False), (93, "none", True), (94, "none", True), (95, "none", False), (96, "x" * 600, False),
    ):  # fmt: skip
        now_ms[0] = minutes * 60_000
        put_why(outbox, "camera", 2, why, worked=worked)
    told = [(row.t_ms // 60_000, row.text[8:12]) for one in rows_in(outbox) if isinstance(row := one.row, Note)]
    whys = {0: "none", 31: "othe", 32: "none", 92: "none", 93: "none", 94: "none", 96: "xxxx"}
    assert told == list(whys.items())
    outbox.close()
    outbox = open_outbox(tmp_path, t_ms=lambda: 97 * 60_000, boot_id="another")
    put_why(outbox, "camera", 2, "x" * 600, worked=False)
    assert len(notes(outbox)) == len(whys) + 1
