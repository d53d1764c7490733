"""What commands print into a pipe that nobody reads to its end, such as that of `head`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["models", "--help"], 0),
        (["station", "replay", "--help"], 0),
        (["hub", "--help"], 0),
        (["models", "list"], 0),
        (["models", "check"], 0),
        (["station", "check", "--config", "none.toml"], 1),
        (["hub", "check", "--config", "none.toml"], 1),
    ],
)
def test_who_stops_reading_gets_no_traceback(words: list[str], status: int, tmp_path: Path) -> None:
    """Whether the pipe is closed before or after the last line: not a word, and the status is the command's own."""
    for unbuffered in ("", "1"):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [sys.executable, "-m", f"otorongo.{words[0]}", *words[1:]], stdout=writing, stderr=subprocess.PIPE,
            text=True, timeout=120, check=False, cwd=tmp_path, env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
        os.close(writing)
        assert "Traceback" not in done.stderr
        assert "BrokenPipe" not in done.stderr
        assert done.returncode in {status, 0} if unbuffered else done.returncode == status, done.stderr


@pytest.mark.parametrize(
    ("ends", "status", "said"),
    [("raise ValueError('ours')", 1, "ValueError: ours"), ("sys.exit(2)", 2, ""), ("raise BrokenPipeError", 0, "")],
)
def test_a_reader_that_went_away_hides_no_other_error(ends: str, status: int, said: str) -> None:
    """What else a command dies of is told, and so is its status, though the last that it printed reached nobody."""
    reading, writing = os.pipe()
    os.close(reading)
    command = f"import sys\nfrom otorongo.pipes import printing\ndef run():\n    print(1)\n    {ends}\nprinting(run)"
    env = {**os.environ, "PYTHONUNBUFFERED": ""}
    done = subprocess.run([sys.executable, "-c", command], stdout=writing, stderr=subprocess.PIPE, text=True, env=env)
    os.close(writing)
    assert done.returncode == status
    assert said in done.stderr
    assert "BrokenPipe" not in done.stderr
