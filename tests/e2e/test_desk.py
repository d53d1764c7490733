"""What docs/hub.md says of a desk is done here line by line, as a stranger would."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from demo.field import free_port

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "docs/hub.md").read_text().split("\n## On a desk\n")[1].split("\n## ")[0]
SERVE = "otorongo-hub serve --config hub.toml"
PASSWORD = "tahuari-59-lupuna-quebrada"


def fences(language: str) -> list[str]:
    """The blocks of one language, in their order."""
    return re.findall(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)


def answering(port: int, wait_s: float = 60.0) -> None:
    """Wait until something listens there."""
    end = time.monotonic() + wait_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end, f"nothing listens on {port}"
            time.sleep(0.1)
        else:
            return


def test_the_desk_of_the_page_works_as_written(tmp_path: Path) -> None:
    """Copied from the page: recordings are rendered, two stations let in, replayed and carried, and the hub believes.

    Of the page only ports differ, which others may hold, and the password, which nobody can type here.
    """
    for name in ("demo", "deploy", "otorongo"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "password").write_text(PASSWORD)
    broker, web = free_port(), free_port()
    binaries = Path(sys.executable).parent
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{binaries}:{os.environ['PATH']}", "OTORONGO_LANG": "es"}

    def shell(text: str, folder: Path) -> str:
        for given, here in (
            ("1883", str(broker)),
            ("scripts/setup ", ": "),
            (". .venv/bin/activate", ":"),
            ("timeout 20", "! timeout 20"),  # ended from outside, as by Ctrl-C
            ("--person ana", f"--person ana --password-file {tmp_path / 'password'}"),
        ):
            text = text.replace(given, here)
        done = subprocess.run(
            ["bash", "-eu", "-c", text], cwd=folder, env=env, capture_output=True, text=True, timeout=200, check=False
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout

    (made, settled, carried), (config,) = fences("sh"), fences("toml")
    desk = tmp_path / "desk"
    shell(made, tmp_path)
    more = f'\n[broker]\nlisten = "127.0.0.1:{broker}"\n[web]\nlisten = "127.0.0.1:{web}"\n'
    (desk / "hub.toml").write_text(config + more)
    lines, serve = settled.rsplit(SERVE, 1)
    assert serve.startswith(" "), "the hub is served last"
    assert "K-05" in shell(lines, desk)
    served = [shutil.which("otorongo-hub", path=env["PATH"]) or "", *SERVE.split()[1:]]
    with (tmp_path / "log").open("wb") as log:
        hub = subprocess.Popen(served, cwd=desk, env=env, stdout=log, stderr=log)
    try:
        for port in (broker, web):
            answering(port)
        told = shell(carried, desk)
    finally:
        hub.terminate()
        hub.wait(30)
    assert "Se avisa: motosierra" in told, told + (tmp_path / "log").read_text()
