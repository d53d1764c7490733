"""The demo before it starts: what it is, and a folder that it can do nothing with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def demo(root: Path, tmp_path: Path, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run it in Spanish, with a place of its own for what it leaves."""
    (tmp_path / "tmp").mkdir()
    env = {**os.environ, "ONCE": "1", "TMPDIR": str(tmp_path / "tmp"), "OTORONGO_LANG": "es", **more}
    argv = [sys.executable, "-m", "demo", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd=root, env=env)


@pytest.mark.parametrize(
    ("folder", "said"), [("none", "no existe"), ("empty", "no tiene nada"), ("notes", "no tiene nada")]
)
def test_a_folder_without_recordings_is_said_in_one_line(root: Path, tmp_path: Path, folder: str, said: str) -> None:
    """Not there, empty, or without sound and picture: one sentence with the way out, and nothing left behind."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/a.txt").touch()
    done = demo(root, tmp_path, MEDIA=str(tmp_path / folder))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"{tmp_path / folder}: {said}" in line
    assert "MEDIA" in line
    assert done.stdout == ""
    assert list((tmp_path / "tmp").iterdir()) == []


def test_help_starts_nothing(root: Path, tmp_path: Path) -> None:
    """`--help` says what it is, and what the environment changes."""
    done = demo(root, tmp_path, "--help")
    assert done.returncode == 0
    assert "MEDIA=" in done.stdout
    assert "teléfono" in done.stdout
    assert list((tmp_path / "tmp").iterdir()) == []
