"""The folder of other cameras over a real outbox: events by visit, every counter, and a restart."""

import io
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from PIL import Image

from otorongo.models.image import look, pixels
from otorongo.station.__main__ import main
from otorongo.station.adapters.folder import FolderCamera
from otorongo.station.adapters.replay_picture import PictureReader
from otorongo.station.events import Rule
from otorongo.station.handed import Judged, Passed
from otorongo.station.outbox import Outbox
from otorongo.station.samples import Score
from otorongo.wire.codes import CloseReason, Counter, Kind
from otorongo.wire.rows import Heartbeat
from tests.station.sense_rig import PERSON, events_in, notes, open_outbox, rows_in, sense
from tests.station.test_replay_film import film

PATIENCE_S = 120


def picture(path: Path, said: str, *, red: bool) -> None:
    """A picture that says when it was taken; somebody is in it if it is red."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[36867] = said
    path.parent.mkdir(parents=True, exist_ok=True)
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (220, 20, 20) if red else (20, 120, 20)).save(out, "JPEG", exif=exif)
    path.write_bytes(out.getvalue())


def judge(data: Any, rate_hz: int) -> Judged:
    """A network that takes red for a person."""
    red = float(data[..., 0].mean()) > 128
    return Judged((Score(PERSON, 0.9 if red else 0.1, 4.0 if red else -4.0, red),))


def run(folder: Path, outbox: Outbox, seconds: float) -> dict[int, int]:
    """A camera's process for so long by its own clock; its counters at the end."""
    clock = [100.0]

    def sleep(given_s: float) -> None:
        clock[0] += given_s
        if clock[0] > 100.0 + seconds:
            camera.close()

    camera = FolderCamera(
        folder, PictureReader(look, pixels, 2.0), ZoneInfo("America/Lima"), name=f"camera {folder}",
        committed=outbox.cursor, monotonic_s=lambda: clock[0], sleep_s=sleep,
    )  # fmt: skip
    loop = sense(
        outbox, name="camera", number=2, gate=lambda sample: Passed(classify=True), classify=judge,
        rules={PERSON: Rule(1, 1, 60_000, 900_000, 300_000)},
    )  # fmt: skip
    loop.run(camera.samples())
    beats = [record.row for record in rows_in(outbox) if isinstance(record.row, Heartbeat)]
    return beats[-1].counters


def test_visits_become_events_and_everything_is_counted(tmp_path: Path) -> None:
    """Two cameras at the same minute are two visits; what is bad, foreign or misdated is counted; all stays."""
    folder = tmp_path / "cards"
    for second in (0, 10, 20):
        picture(folder / "north" / f"IMG_{second}.jpg", f"2026:01:11 12:00:{second:02d}", red=True)
    picture(folder / "south" / "IMG_1.jpg", "2026:01:11 12:00:05", red=True)
    picture(folder / "south" / "IMG_2.jpg", "2026:01:11 12:10:00", red=False)
    picture(folder / "south" / "IMG_3.jpg", "2000:01:01 00:00:07", red=False)
    os.utime(folder / "south" / "IMG_3.jpg", (1_768_200_000, 1_768_200_000))
    (folder / "south" / "IMG_4.jpg").write_bytes(b"\0" * 3000)
    (folder / "south" / "IMG_5.thm").write_bytes(b"x")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    before = [(path, path.stat().st_mtime_ns, path.read_bytes()) for path in files]
    outbox = open_outbox(tmp_path)
    counters = run(folder, outbox, 30)
    events = events_in(outbox)
    assert sum(one.kind == Kind.OPEN for one in events) == 2
    closed = [one for one in events if one.kind == Kind.CLOSE]
    assert sorted((one.hits, one.duration_ms) for one in closed) == [(1, 0), (3, 20_000)]
    assert {one.reason for one in closed} == {CloseReason.QUIET}
    assert counters[Counter.SAMPLES] == counters[Counter.CLASSIFIED] == 6
    assert counters[Counter.FOREIGN] == 1
    assert counters[Counter.CLOCK_DOUBTED] == 1
    assert counters[Counter.BAD_INPUT] == 1
    told = notes(outbox)
    for name in ("south/IMG_3.jpg: the time in it", "south/IMG_4.jpg: no picture", "south/IMG_5.thm: is no picture"):
        assert any(name in text for text in told), (name, told)
    assert [(path, path.stat().st_mtime_ns, path.read_bytes()) for path in files] == before
    again = run(folder, outbox, 30)
    assert Counter.SAMPLES not in again
    assert Counter.BAD_INPUT not in again
    assert len(events_in(outbox)) == len(events)
    picture(folder / "north" / "IMG_99.jpg", "2026:01:11 09:00:00", red=True)
    assert run(folder, outbox, 90)[Counter.SAMPLES] == 1
    outbox.close()


def test_names_that_are_no_text_stop_nobody(tmp_path: Path) -> None:
    """Old cameras write names in Latin-1: pictures, films, folders and foreign files of such names are read or told."""
    folder = tmp_path / "cards"
    raw = os.fsencode(folder) + b"/c\xe1mara"
    picture(Path(os.fsdecode(raw)) / "a.jpg", "2026:01:11 12:00:00", red=True)
    film(tmp_path / "plain.avi", 10)
    (tmp_path / "plain.avi").rename(os.fsdecode(raw + b"/20260111_130000_\xed.avi"))
    Path(os.fsdecode(raw + b"/20260111_140000_\xf1.mp4")).write_bytes(b"no film")
    Path(os.fsdecode(raw + b"/\xf3.thm")).write_bytes(b"x")
    outbox = open_outbox(tmp_path)
    counters = run(folder, outbox, 30)
    assert counters[Counter.SAMPLES] == 3
    assert counters[Counter.OPENED] == 1
    assert counters[Counter.FOREIGN] == 1
    assert {text.partition(":")[0] for text in notes(outbox)} == {
        "c\\udce1mara/20260111_140000_\\udcf1.mp4", "c\\udce1mara/\\udcf3.thm",
    }  # fmt: skip
    assert Counter.SAMPLES not in run(folder, outbox, 30)
    outbox.close()


def test_a_replay_looks_at_every_picture_where_the_station_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pictures of a trail camera pass no gate at the station, so they pass none when its card is replayed."""
    cards, config = tmp_path / "cards", tmp_path / "station.toml"
    for second in range(3):
        picture(cards / f"IMG_{second}.jpg", f"2026:01:11 12:00:0{second}", red=False)
    for driver, classified in (("folder", "3 of them"), ("opencv", "1 of it")):
        config.write_text(f'station = "s"\ndata_dir = "{tmp_path}"\n[camera]\ndriver = "{driver}"\n')
        assert main(["--config", str(config), "replay", str(cards)]) == 0
        assert f"3 frames, {classified} classified" in capsys.readouterr().out


def test_the_command_sorts_a_folder_until_it_is_stopped(tmp_path: Path) -> None:
    """`sense camera` with the real bundle: what lies there and what comes later is read, and SIGTERM ends it well."""
    cards = tmp_path / "cards"
    picture(cards / "IMG_0001.jpg", "2026:01:11 12:00:00", red=False)
    config = tmp_path / "station.toml"
    config.write_text(
        f'station = "K-02"\ndata_dir = "{tmp_path / "data"}"\n[camera]\ndriver = "folder"\ndevice = "{cards}"\n'
        "[camera.folder]\nsettle_s = 0.5\npoll_s = 0.5\n"
    )
    argv = [sys.executable, "-m", "otorongo.station", "--config", str(config), "sense", "camera"]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(tmp_path / "data" / "outbox.db", "IMG_0001.jpg")
        noise = np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)
        Image.fromarray(noise).save(cards / "IMG_0002.jpg")
        wait_for(tmp_path / "data" / "outbox.db", "IMG_0002.jpg")
    finally:
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, log


def wait_for(outbox: Path, name: str) -> None:
    """Until the outbox remembers a file."""
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        if outbox.exists():
            db = sqlite3.connect(f"file:{outbox}?mode=ro", uri=True)
            try:
                if db.execute("SELECT 1 FROM cursors WHERE name LIKE ?", (f"%\n{name}",)).fetchall():
                    return
            except sqlite3.OperationalError:
                pass
            finally:
                db.close()
        time.sleep(0.2)
    raise AssertionError(f"{name} was not read")
