"""Throw-away PostgreSQL clusters on loopback."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest


def programs() -> Path:
    """The folder of PostgreSQL's programs; skips where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        pytest.skip("no PostgreSQL: apt-get install postgresql")
    return found[-1].parent if found else Path(str(on_path)).resolve().parent


class Cluster:
    """One server, with hands. PostgreSQL does not run as root, so root lends it another user."""

    def __init__(self, settings: str = "-c fsync=off", *, copy_of: "Cluster | None" = None) -> None:
        self.user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        self.folder = Path(tempfile.mkdtemp(prefix="otorongo-pg-", dir="/tmp"))
        if os.getuid() == 0:
            shutil.chown(self.folder, self.user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._settings = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} {settings}"
        )
        data = str(self.folder / "db")
        if copy_of is None:
            self._run("initdb", "-D", data, "-A", "trust", "-U", self.user, "-N", "-E", "UTF8")
        else:
            where = f"host=127.0.0.1 port={copy_of.port} user={self.user} application_name=standby"
            self._run("pg_basebackup", "-D", data, "-d", where, "-R", "-X", "stream", "-c", "fast", "-N")

    @property
    def url(self) -> str:
        """Without a database name at its end."""
        return f"postgresql://{self.user}@127.0.0.1:{self.port}"

    def start(self) -> "Cluster":
        """Serve."""
        self._control("-l", str(self.folder / "log"), "-o", self._settings, "start")
        return self

    def stop(self) -> None:
        """End at once, and leave nothing behind."""
        self._control("-m", "immediate", "stop")
        shutil.rmtree(self.folder)

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "db"), "-w", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        switch = (
            ("setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups") if os.getuid() == 0 else ()
        )
        command = [*switch, str(programs() / program), *arguments]
        subprocess.run(command, check=True, cwd=self.folder, capture_output=True)
