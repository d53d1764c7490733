"""Sensors whose process ends without being asked to: the hub hears of it, whoever has to say so."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from otorongo.station import app
from otorongo.station import config as station_config
from otorongo.station.absent import Absent
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
    with pytest.raises(SensorError):
        app.sense(station_config.load(config), "microphone")
    ((kind, sensor, text),) = notes(open_outbox(tmp_path / "data"))
    assert (kind, sensor) == (NoteKind.STOPPED, 1)
    assert text.startswith("microphone: ")
    assert str(tmp_path / "none") in text
    assert not without_word("microphone", tmp_path / "data")
