"""A forest on one machine: broker, hub and stations as the processes that they are, each of which can be killed.

The demo, the end-to-end tests and the kill test all stand on this, so that they run the same programs in the same way.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

LATITUDE_DEG, LONGITUDE_DEG = -12.5, -70.0
PLACE = "Cocha Larga"


def free_port() -> int:
    """A TCP port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Program:
    """One process, its log, and how it is started again."""

    name: str
    argv: list[str]
    log: Path
    env: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None
    _out: IO[bytes] | None = None

    def start(self) -> None:
        """Start it, in a session of its own, its words going to the log."""
        self._out = self.log.open("ab")
        self.process = subprocess.Popen(
            self.argv,
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **self.env},
            start_new_session=True,
        )

    def kill(self) -> None:
        """Kill -9, with all its children."""
        self._end(signal.SIGKILL)

    def stop(self, wait_s: float = 20.0) -> int | None:
        """Ask it to end; its exit status, or None if it had to be killed."""
        return self._end(signal.SIGTERM, wait_s)

    def alive(self) -> bool:
        """True while it runs."""
        return self.process is not None and self.process.poll() is None

    def _end(self, number: signal.Signals, wait_s: float = 20.0) -> int | None:
        process, self.process = self.process, None
        if process is None:
            return None
        status: int | None = None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            status = process.wait(wait_s)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self._out:
            self._out.close()
            self._out = None
        return status


@dataclass
class Person:
    """Somebody who is rung."""

    name: str
    role: str
    group: str
    url: str
    language: str = "es"


class Field:
    """Folder, configurations and programs of one broker, one hub and some stations."""

    def __init__(self, folder: Path, *, broker: str = "embedded", database: str = "") -> None:
        """`broker` is `embedded` (in the hub's process) or `mosquitto`; `database` empty for SQLite."""
        self.folder = folder
        self.broker_port = free_port()
        self.web_port = free_port()
        self.programs: dict[str, Program] = {}
        self.broker = broker
        self.database = database
        (folder / "log").mkdir(parents=True, exist_ok=True)
        if broker == "mosquitto":
            self._add_mosquitto()

    @property
    def broker_url(self) -> str:
        """Where stations find the broker."""
        return f"mqtt://127.0.0.1:{self.broker_port}"

    @property
    def hub_dir(self) -> Path:
        """The hub's data."""
        return self.folder / "hub"

    @property
    def hub_toml(self) -> Path:
        """The hub's configuration."""
        return self.folder / "hub.toml"

    @property
    def database_url(self) -> str:
        """The hub's database."""
        return self.database or f"sqlite:///{self.hub_dir / 'hub.db'}"

    def add_hub(
        self, people: list[Person], *, re_ring_after_min: float = 10.0, more: str = "", roles: str = "ingest,notify"
    ) -> None:
        """A hub with one protected place around all stations."""
        self.hub_dir.mkdir(exist_ok=True)
        west, south = LONGITUDE_DEG - 0.1, LATITUDE_DEG - 0.1
        corners = [[west, south], [west + 0.2, south], [west + 0.2, south + 0.2], [west, south + 0.2], [west, south]]
        polygon = {"type": "Polygon", "coordinates": [corners]}
        (self.folder / "cocha-larga.geojson").write_text(json.dumps(polygon))
        persons = "".join(
            f'\n[[person]]\nname = "{one.name}"\nrole = "{one.role}"\ngroup = "{one.group}"\n'
            f'language = "{one.language}"\nplaces = ["{PLACE}"]\nchannels = [{{ url = "{one.url}" }}]\n'
            for one in people
        )
        listen = f'listen = "127.0.0.1:{self.broker_port}"'
        url = f'url = "{self.broker_url}"' if self.broker == "mosquitto" else ""
        database = f'database = "{self.database}"\n' if self.database else ""
        self.hub_toml.write_text(
            f"# hub.toml of a rehearsal on one machine\n"
            f'data_dir = "{self.hub_dir}"\n{database}\n[broker]\n{listen}\n{url}\n\n'
            f'[web]\nlisten = "127.0.0.1:{self.web_port}"\npublic_url = "http://127.0.0.1:{self.web_port}"\n\n'
            f"[notify]\nre_ring_after_min = {re_ring_after_min}\nretry_first_s = 1.0\nretry_most_s = 5.0\n\n"
            f'[[place]]\nname = "{PLACE}"\nkind = "protected"\npolygon = "cocha-larga.geojson"\n'
            f'authority = "Jefatura del area, radio canal 3"\ninstruction = "observe"\n{persons}{more}'
        )
        self._add("hub", "otorongo.hub", "--config", str(self.hub_toml), "serve", "--roles", roles)

    def add_station(self, name: str, sections: str, *, place: int = 0, heartbeat_s: int = 60) -> Path:
        """A station with these `[microphone]` and `[camera]` sections, a program for each, and one for the uplink."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        path = folder / "station.toml"
        path.write_text(
            f'station = "{name}"\ndata_dir = "{folder / "data"}"\n\n[place]\n'
            f"latitude_deg = {LATITUDE_DEG + place * 0.004}\nlongitude_deg = {LONGITUDE_DEG + place * 0.004}\n"
            "height_m = 6.0\n\n"
            f'[uplink]\nbroker = "{self.broker_url}"\nresend_after_s = 5\nreconnect_max_s = 3\n'
            f"heartbeat_s = {heartbeat_s}\ndaily_bytes = 100_000_000\n\n{sections}"
        )
        for section in ("microphone", "camera"):
            if f"[{section}]" in sections:
                self._add(f"{name}/{section}", "otorongo.station", "--config", str(path), "sense", section)
        self._add(f"{name}/uplink", "otorongo.station", "--config", str(path), "uplink")
        return path

    def start(self, *names: str) -> None:
        """Start these programs, or all in the order in which they were added."""
        for name in names or tuple(self.programs):
            self.programs[name].start()

    def stop(self) -> None:
        """End all programs, the last added first."""
        for program in reversed(self.programs.values()):
            program.stop()

    def log_of(self, name: str) -> str:
        """What a program has said."""
        path = self.programs[name].log
        return path.read_text(errors="replace") if path.exists() else ""

    def _add(self, name: str, module: str, *words: str) -> None:
        log = self.folder / "log" / f"{name.replace('/', '-')}.log"
        self.programs[name] = Program(name, [sys.executable, "-m", module, *words], log)

    def _add_mosquitto(self) -> None:
        """A mosquitto that keeps what it has, as far as it does."""
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if program is None:
            raise FileNotFoundError("mosquitto is not installed: apt-get install mosquitto")
        store = self.folder / "mosquitto"
        store.mkdir(exist_ok=True)
        conf = self.folder / "mosquitto.conf"
        user = "root" if os.geteuid() == 0 else os.environ.get("USER", "")
        conf.write_text(
            f"listener {self.broker_port} 127.0.0.1\nallow_anonymous true\n"
            f"persistence true\npersistence_location {store}/\nuser {user}\n"
            "max_queued_messages 0\nlog_dest stderr\n"
        )
        self.programs["broker"] = Program("broker", [program, "-c", str(conf)], self.folder / "log" / "broker.log")
