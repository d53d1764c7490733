"""How a station's uplink is put together: what it says of the station, and what it mends at its start."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from otorongo.models.manifest import load as load_bundle
from otorongo.station import config as station_config
from otorongo.station.adapters.board import LinuxBoard
from otorongo.station.app import birth_of
from otorongo.station.app_process import only_one
from otorongo.station.app_uplink import NO_BUNDLE, station_birth, uplink
from otorongo.station.errors import SensorError
from otorongo.station.outbox import Outbox
from otorongo.wire import birth
from otorongo.wire.codes import CloseReason, Kind, NoteKind, Tag
from otorongo.wire.rows import Event, Note, Row, Unknown
from tests.station.outbox_bench import SAW, opened, saw
from tests.station.uplink_fakes import Bench
from tests.station.uplink_hub import MiniHub, Mosquitto, mosquitto, until


def written(folder: Path, camera: str, port: int = 9) -> Path:
    """A station with a microphone that is in order and a camera with this bundle."""
    path = folder / "station.toml"
    path.write_text(
        f'station = "K-02"\ndata_dir = "{folder}"\n[microphone]\ndriver = "replay"\ndevice = "{folder}"\n'
        f'[camera]\ndriver = "replay"\ndevice = "{folder}"\nbundle = "{camera}"\n'
        f'[uplink]\nbroker = "mqtt://127.0.0.1:{port}"\nresend_after_s = 1\n'
    )
    return path


def test_a_bundle_that_cannot_be_read_is_missing_in_the_birth_and_nothing_else(tmp_path: Path) -> None:
    """The other sensor's bundle is told, the broken one's sensor names none, and the fault says which and why."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.toml").write_text("name = 3")
    path = written(tmp_path, str(tmp_path / "broken"))
    told, faults = station_birth(station_config.load(path), path)
    assert [one.name for one in told.bundles] == ["threats"]
    assert [(one.number, one.bundle) for one in told.sensors] == [(1, 0), (2, NO_BUNDLE)]
    [(number, text)] = faults
    assert number == 2
    assert text.startswith(f"camera.bundle {tmp_path}/broken: ")
    assert birth.decode(birth.encode(told)) == told


def test_a_second_uplink_is_refused(tmp_path: Path) -> None:
    """Two of them would not know what the other has sent: the second one names the first, and how to stop it."""
    path = written(tmp_path, "boxes@1")
    config = station_config.load(path)
    with only_one("uplink", tmp_path), pytest.raises(SensorError, match=r"uplink: process .* otorongo-uplink,"):
        uplink(config, path)


def test_a_sensors_birth_is_the_same_after_every_boot(tmp_path: Path) -> None:
    """A restart or a boot makes no new birth that would have to travel; another bundle does."""
    config = station_config.load(written(tmp_path, "boxes@1"))
    sensor = config.sensors()["microphone"]
    bundle = load_bundle(sensor.bundle)
    hashes = []
    for number in range(3):
        box = opened(tmp_path / "outbox.db", Bench(f"boot-{number // 2}"))
        hashes.append(box.speak_as(birth.encode(birth_of(config, "microphone", sensor, bundle, box))))
        box.put([saw()])
        assert [one for one, _ in box.births()] == hashes[:1]
        box.close()
    assert len(set(hashes)) == 1


def test_births_follow_into_a_new_outbox(tmp_path: Path) -> None:
    """Rows that were saved refer to a birth that speaks of the outbox in which they are now."""
    box = opened(tmp_path / "outbox.db")
    box.speak_as(birth.encode(birth.Birth(box.outbox_id, 0, "otorongo test")))
    box.put([saw()])
    box._file.replace("test")
    box.put([saw()])
    [(number, payload)] = box.births()
    assert (birth.decode(payload).outbox, birth.hash_of(payload)) == (box.outbox_id, number)
    parcel = box.next_batch()
    assert parcel is not None
    assert (len(parcel.records), parcel.birth) == (2, number)
    box.close()


def rows_of(hub: MiniHub) -> list[Row | Unknown]:
    """What the hub has, in order."""
    with hub.lock:
        return [row for _, (_, row) in sorted(hub.book.rows.items())]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A real mosquitto."""
    with mosquitto(tmp_path) as running:
        yield running


def test_the_uplinks_process_starts_with_a_broken_bundle_and_an_open_drill(broker: Mosquitto, tmp_path: Path) -> None:
    """Both are told: a note names the bundle, and the drill that a crash left open is closed as `restart`."""
    board = LinuxBoard(tmp_path)
    sensor = Outbox.open(tmp_path / "outbox.db", boot_id=board.boot_id(), now=board.clock(), ballast_bytes=0)
    sensor.put([Event(sensor.t_ms(), 0, SAW, 80, tags=Tag.DRILL | Tag.THREAT)])
    hub = MiniHub(broker.port)
    path = written(tmp_path, "none@9", broker.port)
    argv = [sys.executable, "-m", "otorongo.station", "--config", str(path), "uplink"]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=_env())
    try:
        until(lambda: sum(isinstance(row, Event | Note) for row in rows_of(hub)) >= 3, 30)
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    [opening, closing] = [row for row in rows_of(hub) if isinstance(row, Event)]
    assert (opening.kind, closing.kind, closing.reason) == (Kind.OPEN, Kind.CLOSE, CloseReason.RESTART)
    assert closing.tags & Tag.DRILL
    [note] = [row for row in rows_of(hub) if isinstance(row, Note)]
    assert (note.kind, note.sensor) == (NoteKind.SENSOR_FAULT, 2)
    assert "camera.bundle none@9" in note.text
    assert sensor.leftovers(0) == []
    hub.close()
    sensor.close()


def _env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
