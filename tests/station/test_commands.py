"""The commands that a technician types, for real, over rendered sound."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from otorongo.models.train.scenes import Source, render_soundscape

RATE = 16_000


def command(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run `otorongo-station`."""
    argv = [sys.executable, "-m", "otorongo.station", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saw, rendered, and a file that is no sound."""
    folder = tmp_path_factory.mktemp("sounds")
    scene = render_soundscape([Source("chainsaw", start_s=4, seconds=20, distance_m=80)], 30.0, RATE, seed=3)
    soundfile.write(folder / "20260111_170000.flac", scene, RATE)
    (folder / "20260111_180000.wav").write_text("no sound")
    return folder


def config(folder: Path, sounds: Path) -> Path:
    """A station that replays them."""
    path = folder / "station.toml"
    path.write_text(
        f'station = "K-02"\ndata_dir = "{folder / "data"}"\n[microphone]\ndriver = "replay"\ndevice = "{sounds}"\n'
        "[microphone.replay]\nspeed = 0.0\n"
    )
    return path


def test_replay_shows_what_was_noticed_and_leaves_nothing_behind(tmp_path: Path, sounds: Path) -> None:
    """A table with the saw and its capture time; the damaged file is told; no outbox stays."""
    done = command("replay", str(sounds), "--config", str(tmp_path / "none.toml"))
    assert done.returncode == 0, done.stderr
    assert "2026-01-11 22:00:0" in done.stdout
    assert "open    chainsaw" in done.stdout
    assert "close   chainsaw" in done.stdout
    assert "20260111_180000.wav" in done.stderr
    assert "INFO" not in done.stderr, "the table has told it already"
    assert re.search(
        r"^microphone: 2 files, \d+ windows, \d+ of them classified, \d+ events?$", done.stdout, re.MULTILINE
    )
    assert "could not be read (see the warnings): 1" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    spanish = command("replay", str(sounds), "--config", str(tmp_path / "none.toml"), "--lang", "es").stdout
    assert "abre    motosierra" in spanish
    assert "micrófono: 2 archivos" in spanish
    assert not re.search("open|chainsaw|windows|could", spanish)


def test_replay_tells_of_recordings_that_are_dated_by_their_files(tmp_path: Path) -> None:
    """Once, how many; and that they overlap, as after a copy, for then those times are wrong."""
    for number in range(3):
        soundfile.write(tmp_path / f"{number}.wav", np.zeros(4 * RATE), RATE)
        os.utime(tmp_path / f"{number}.wav", (1_790_000_000 + 60 * number,) * 2)
    words = ("replay", str(tmp_path), "--config", str(tmp_path / "none.toml"))
    told = command(*words).stdout
    assert told.endswith("\n3 files do not say when they were taken: the dates of the files stand for them.\n")
    for number in range(2):
        os.utime(tmp_path / f"{number}.wav", (1_790_000_000 + 2 * number,) * 2)
    told = command(*words, "--lang", "es").stdout
    assert "3 archivos no dicen cuándo se tomaron" in told
    assert "\n1 se superpone con otro según esa fecha. Esas horas están mal" in told
    named = tmp_path / "named"
    named.mkdir()
    (tmp_path / "0.wav").rename(named / "20260111_170000.wav")
    assert "cuándo se tom" not in command("replay", str(named), *words[2:], "--lang", "es").stdout


def test_replay_speaks_to_programs_too(tmp_path: Path, sounds: Path) -> None:
    """A line of JSON for each revision, with its time also where the event closes at the end of the recording."""
    done = command("replay", "--json", str(sounds), "--config", str(tmp_path / "none.toml"))
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    saw = [one for one in told if one["class"] == "chainsaw"]
    assert [saw[0]["what"], saw[-1]["what"]] == ["open", "close"]
    assert {one["start"][:15] for one in saw} == {"2026-01-11T22:0"}
    assert saw[-1]["seconds"] > 1
    assert 0.5 < saw[-1]["peak"] <= 1


def test_tail_tells_the_rows_of_a_run_in_words(tmp_path: Path, sounds: Path) -> None:
    """After `run` came to its end, the outbox holds the event, its clip and the note about the damaged file."""
    path = str(config(tmp_path, sounds))
    ran = command("run", "--config", path)
    assert ran.returncode == 0, ran.stderr
    told = command("tail", "--config", path, "-n", "50")
    assert told.returncode == 0, told.stderr
    for words in (
        "open   chainsaw, event ",
        "close  chainsaw, event ",
        "clip of",
        "note (bad input)",
        "heartbeat of sensor 1",
        "rows wait",
    ):
        assert words in told.stdout, told.stdout
    again = command("run", "--config", path)
    assert again.returncode == 0
    assert "open chainsaw" not in again.stderr, "a replay that is done is not played again"


def test_run_takes_no_module_from_the_folder_it_is_started_in(tmp_path: Path, sounds: Path) -> None:
    """Beside a folder `otorongo`, as where the source lies, its children are still those of the program itself."""
    (tmp_path / "otorongo").mkdir()
    (tmp_path / "otorongo/__init__.py").write_text("raise ImportError('of the folder')")
    argv = [sys.executable, "-P", "-m", "otorongo.station", "--config", str(config(tmp_path, sounds)), "run"]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stderr is not None
        told = next(line for line in process.stderr if "came to its end" in line or "starts again" in line)
        process.terminate()
    assert "microphone: came to its end" in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tail",), "there is no outbox yet"),
        (("sense", "camera"), r"no section [camera]"),
        (("uplink",), "no section [uplink]"),
        (("replay", "/nowhere"), "/nowhere: no such file or folder"),
        (("replay", "/nowhere", "--speed", "-1"), "--speed -1: is no pace (allowed: 0"),
        (("replay", "/nowhere", "--speed", "nan"), "--speed nan: is no pace"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    tmp_path: Path, sounds: Path, words: tuple[str, ...], said: str
) -> None:
    """Exit status 1 and a sentence that names the thing; never a traceback."""
    done = command(*words, "--config", str(config(tmp_path, sounds)))
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_two_processes_do_not_work_for_one_sensor(tmp_path: Path, sounds: Path) -> None:
    """The second one says who has it and how to go on; the first one's lock dies with it, also when it is killed."""
    path = config(tmp_path, sounds)
    path.write_text(path.read_text().replace("speed = 0.0", "speed = 1.0"))
    argv = [sys.executable, "-m", "otorongo.station", "--config", str(path), "-v", "sense", "microphone"]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as first:
        assert first.stderr is not None
        assert any("DEBUG ready" in line for line in first.stderr)
        for words in (("sense", "microphone"), ("replay", str(sounds), "--keep")):
            second = command(*words, "--config", str(path))
            assert second.returncode == 1
            assert f"microphone: process {first.pid} (" in second.stderr
            assert "stop it first (systemctl stop otorongo-sense@microphone" in second.stderr
        first.kill()
    path.write_text(path.read_text().replace("speed = 1.0", "speed = 0.0"))
    assert command("sense", "microphone", "--config", str(path)).returncode == 0
