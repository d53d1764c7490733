"""Real brokers for the hub's tests, and a plain station that talks to them."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from otorongo.hub.adapters.mqtt import Address, MqttBearer
from otorongo.hub.ports import Message

PATIENCE_S = 15.0
V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def until(true: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until something is true."""
    end = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < end, f"not within {patience_s:.0f} s: {what}"
        time.sleep(0.02)


class Mosquitto:
    """Debian's broker on a free port of loopback, anonymous; it can be killed and started again."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        folder.mkdir(parents=True, exist_ok=True)
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n"
            f"user {'root' if os.getuid() == 0 else 'nobody'}\nset_tcp_nodelay true\nmax_inflight_messages 0\n{extra}"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Mosquitto":
        """Listen."""
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
        assert program, "no mosquitto: apt-get install mosquitto"
        self._process = subprocess.Popen(
            [program, "-c", self._config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

        def listens() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return True
            return False

        until(listens, "mosquitto listens")
        return self

    def kill(self) -> None:
        """-9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Station:
    """A station's connection, with hands."""

    def __init__(self, name: str, port: int, *, protocol: MQTTProtocolVersion = V311, client_id: str = "") -> None:
        self.name = name
        self.got: list[MQTTMessage] = []
        self.reasons: list[object] = []
        self.patience_s = PATIENCE_S
        self._port = port
        self.client = Client(CallbackAPIVersion.VERSION2, client_id=client_id or name, protocol=protocol)
        self.client.on_message = lambda _client, _data, message: self.got.append(message)
        self.client.on_connect = lambda _client, _data, _flags, reason, _props: self.reasons.append(reason)

    def __enter__(self) -> Self:
        self.client.connect("127.0.0.1", self._port)
        self.client.loop_start()
        until(lambda: bool(self.reasons), "an answer of the broker", self.patience_s)
        self.client.subscribe(f"ot/1/{self.name}/d/r", 1)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def tls(self, ca: Path, cert: Path, key: Path) -> "Station":
        """Come with a certificate."""
        context = ssl.create_default_context(cafile=ca)
        context.load_cert_chain(cert, key)
        self.client.tls_set_context(context)
        return self

    def send(self, leaf: str, payload: bytes, *, retain: bool = False, station: str = "") -> None:
        """Publish, and wait until the broker has it."""
        self.client.publish(f"ot/1/{station or self.name}/{leaf}", payload, 1, retain).wait_for_publish(PATIENCE_S)


@contextlib.contextmanager
def bearing(where: Address) -> Iterator[MqttBearer]:
    """A hub's bearer that is connected."""
    bearer = MqttBearer(where)
    bearer.open()
    try:
        until(lambda: bearer.state().connected, f"connected: {bearer.state()}")
        yield bearer
    finally:
        bearer.close()


def taken(bearer: MqttBearer, count: int, patience_s: float = PATIENCE_S) -> list[Message]:
    """That many messages."""
    out: list[Message] = []
    end = time.monotonic() + patience_s
    while len(out) < count:
        assert time.monotonic() < end, f"{len(out)} of {count} messages: {bearer.state()}"
        out += bearer.take(count - len(out), 0.2)
    return out
