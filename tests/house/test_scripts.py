"""The commands that people and CI type."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TARGETS = ("demo", "test", "check", "check-bundles", "faults", "bench", "lock", "clean")


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_is_one_script(root: Path, target: str) -> None:
    """Every target of the Makefile runs the executable script of its name, in strict mode."""
    script = root / "scripts" / target
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text()
    bare = {"PATH": os.environ["PATH"]}  # without the flags and arguments of a make that runs these tests
    argv = ["make", "--no-print-directory", "-n", target]
    recipe = subprocess.run(argv, cwd=root, env=bare, capture_output=True, text=True, check=True).stdout
    assert recipe.strip() == f"scripts/{target}"


def test_scripts_are_sound_bash(root: Path) -> None:
    """Bash can read every script."""
    scripts = [path for folder in ("scripts", ".ci") for path in (root / folder).iterdir() if path.is_file()]
    scripts += (root / "deploy").glob("*.sh")
    for script in scripts:
        assert subprocess.run(["bash", "-n", script], capture_output=True, text=True).stderr == ""


def test_what_an_install_script_says_is_said_in_both_languages(root: Path) -> None:
    """Each line has its Spanish and its English, and both are printed."""
    scripts = [*(root / "deploy").glob("install-*.sh"), root / "deploy/lib.sh"]
    for script in scripts:
        text = script.read_text().replace("\\\n", "")
        for call in re.findall(r'\b(?:say|die) (".*)', text):
            assert re.match(r'"[^"]+" +"[^"]+"', call), f"{script.name}: {call}"
    sourced = 'program=install-moon; . "$0"; say "se llenó" "is full"; die "no hay luna" "there is no moon"'
    done = subprocess.run(["bash", "-c", sourced, root / "deploy/lib.sh"], capture_output=True, text=True)
    assert done.stdout == "install-moon: se llenó\ninstall-moon: is full\n"
    assert done.stderr == "install-moon: no hay luna\ninstall-moon: there is no moon\n"
    assert done.returncode == 1


def test_ci_runs_what_people_run(root: Path) -> None:
    """CI is the commands that CONTRIBUTING.md names, nothing else."""
    lines = (root / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if line.startswith("make ")] == [
        "make check",
        "make check-bundles",
        "make test",
        "make faults KILLS=200",
    ]


def test_an_up_to_date_environment_is_left_alone(root: Path, tmp_path: Path) -> None:
    """Where the stamp says that the lock is installed, setup asks nobody and changes nothing."""
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to("/bin/true")
    locked = (root / "locks" / "dev.txt").read_bytes() + (root / "pyproject.toml").read_bytes()
    (venv / "installed-dev").write_text(f"{hashlib.sha256(locked).hexdigest()}\n{root}\n")
    before = (venv / "installed-dev").stat().st_mtime_ns
    done = subprocess.run(
        ["scripts/setup"], cwd=root, env={"VENV": str(venv), "PATH": os.environ["PATH"]}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (venv / "installed-dev").stat().st_mtime_ns == before


def _checkout(folder: Path, root: Path) -> Path:
    """A folder with what setup needs of a checkout."""
    for name in ("scripts/setup", "scripts/need", "locks/dev.txt", "pyproject.toml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, folder / name)
    (folder / "otorongo").mkdir()
    (folder / "otorongo/__init__.py").touch()
    return folder


def _environment(venv: Path, runs: Path) -> None:
    """A virtual environment without pip, so that nothing can be installed into it, which runs a checkout."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    (site / "editable.pth").write_text(f"{runs}\n")


def _set_up(checkout: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    given = {"PATH": os.environ["PATH"], **env}
    return subprocess.run(["scripts/setup"], cwd=checkout, env=given, capture_output=True, text=True)


def test_an_environment_of_another_checkout_is_refused(root: Path, tmp_path: Path) -> None:
    """Who names another checkout's environment is told whose it is and the way out; nothing is installed into it."""
    other, ours = _checkout(tmp_path / "other checkout", root), _checkout(tmp_path / "ours", root)
    _environment(other / ".venv", other)
    for venv, way in ((other / ".venv", "  VENV=.venv"), ("../other checkout/.venv", "  VENV=.venv")):
        done = _set_up(ours, VENV=str(venv))
        assert done.returncode == 1
        assert f"{venv} belongs to {other}" in done.stderr
        assert f"{venv} es de {other}" in done.stderr
        assert done.stderr.count(way) == 2
        assert " rm " not in done.stderr  # the other's environment is no way out
        assert "installing locks" not in done.stdout
    (ours / ".venv").symlink_to(other / ".venv")
    done = _set_up(ours)
    assert done.returncode == 1
    assert f".venv belongs to {other}" in done.stderr
    assert done.stderr.count("rm .venv") == 2
    assert not list(other.glob(".venv/installed-*"))


def test_a_checkout_that_was_copied_or_moved_keeps_its_environment(root: Path, tmp_path: Path) -> None:
    """What lies in a checkout is its own, though it runs the folder that it was before; a link is no other one."""
    before, ours = _checkout(tmp_path / "before", root), _checkout(tmp_path / "now", root)
    _environment(ours / ".venv", before)
    (tmp_path / "link").symlink_to(ours)
    for folder, venv in ((ours, ".venv"), (tmp_path / "link", ".venv"), (ours, str(tmp_path / "link/.venv"))):
        done = _set_up(folder, VENV=venv)
        assert "belongs to" not in done.stderr
        assert "installing locks" in done.stdout
        assert "No module named pip" in done.stderr


def test_no_script_runs_a_program_of_the_environment_by_its_first_line(root: Path) -> None:
    """It names the folder that the environment was made in, and a checkout may be moved: they are run by its Python."""
    known = {"python", "otorongo-models"}  # ours is installed anew where the folder has changed
    for script in (root / "scripts").iterdir():
        text = script.read_text().replace("venv}/bin/", "venv/bin/") if script.is_file() else ""
        text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
        assert set(re.findall(r"venv\b\"?/bin/([\w-]+)", text)) <= known, script.name
        assert "$bin/" not in text, script.name


def test_an_unknown_lock_is_named(root: Path) -> None:
    """A lock that is not there is refused with the list of those that are."""
    done = subprocess.run(["scripts/setup", "moon"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 1
    assert "no locks/moon.txt" in done.stderr
    assert "station.txt" in done.stderr


def _without_root(folder: Path, **more: str) -> dict[str, str]:
    """An environment in which nobody is root and no package is installed."""
    fakes = {"id": "echo 1000", "dpkg-query": "exit 1", "apt-get": "exit 99", **more}
    for name, body in fakes.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_a_missing_package_is_named_to_those_who_are_not_root(root: Path, tmp_path: Path) -> None:
    """Without root, `need` names in both languages what is missing, and the command that brings it."""
    needing = ["scripts/need", "mosquitto", "chromium"]
    done = subprocess.run(needing, cwd=root, env=_without_root(tmp_path), capture_output=True, text=True)
    assert done.returncode == 1
    assert "faltan estos paquetes de Debian" in done.stderr
    assert "these Debian packages are missing" in done.stderr
    assert "\n    apt-get install mosquitto chromium\n" in done.stderr


@pytest.mark.parametrize("script", ["test", "bench", "faults"])
def test_all_that_is_missing_is_named_at_once(root: Path, tmp_path: Path, script: str) -> None:
    """Who is not root asks somebody once, for Debian's venv and for the servers alike, and nothing was made yet."""
    bare_python = 'case "$2" in *ensurepip*) exit 1 ;; *print*) echo python3.11-venv ;; esac'
    where = {"VENV": str(tmp_path / "venv"), "PYTHON": "bare-python"}
    env = _without_root(tmp_path, **{"bare-python": bare_python}) | where
    done = subprocess.run([f"scripts/{script}"], cwd=root, env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert "apt-get install python3.11-venv mosquitto" in done.stderr
    assert ("chromium" in done.stderr) == (script == "test")
    assert not (tmp_path / "venv").exists()
