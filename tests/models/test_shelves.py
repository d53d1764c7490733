"""Bundles that were added are found by their name, beside those of the zoo."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from otorongo.models import shelves
from tests.models import bundles


def models(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """`otorongo-models` with a shelf of the test's own."""
    environment = os.environ | {"OTORONGO_MODELS": str(folder)}
    program = [sys.executable, "-m", "otorongo.models", *words]
    return subprocess.run(program, capture_output=True, text=True, timeout=60, env=environment)


def test_an_added_bundle_is_found_by_name_and_version(tmp_path: Path) -> None:
    """A folder `name@version` on a shelf is shown, listed and checked like those of the zoo."""
    folder = bundles.change(bundles.copy(tmp_path), "version = 5", "version = 907")
    shutil.move(folder, tmp_path / "threats@907")
    assert models(tmp_path, "show", "threats@907").stdout.startswith("threats@907")
    assert "threats@907" in models(tmp_path, "list").stdout
    assert "threats@907: ok" in models(tmp_path, "check", "--quiet").stdout


def test_a_name_that_is_nowhere_says_what_there_is(tmp_path: Path) -> None:
    """The error names the bundles of the zoo and those on the shelves."""
    done = models(tmp_path, "show", "nobody@3")
    assert done.returncode == 1
    assert "nobody@3 is not a bundle (there are: boxes@1" in done.stderr


def test_the_shelves_follow_the_environment() -> None:
    """OTORONGO_MODELS before the user's data folder before the machine's."""
    user, data = {"HOME": "/home/ana"}, {"HOME": "/home/ana", "XDG_DATA_HOME": "/data"}
    assert shelves.shelves({}) == [shelves.SYSTEM]
    assert shelves.shelves(user) == [Path("/home/ana/.local/share/otorongo/models"), shelves.SYSTEM]
    assert shelves.shelves(data) == [Path("/data/otorongo/models"), shelves.SYSTEM]
    assert shelves.shelves(data | {"OTORONGO_MODELS": "/mine"})[0] == Path("/mine")
