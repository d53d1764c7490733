"""A broker for a test, and a hub of a hundred lines behind it."""

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from otorongo.wire import birth, receipt, status, topics
from tests.station.uplink_fakes import Book


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def until(holds: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            pytest.fail("it did not happen in time")
        time.sleep(0.01)


class Mosquitto:
    """A real mosquitto on the loopback."""

    def __init__(self, folder: Path, port: int, extra: str = "allow_anonymous true\n") -> None:
        self.port = port
        self._config = folder / f"mosquitto-{port}.conf"
        self._config.write_text(f"listener {port} 127.0.0.1\n{extra}")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.process = subprocess.Popen(
            ["mosquitto", "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(self._listens)

    def kill(self) -> None:
        """End it with -9."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
            return True
        return False


@contextlib.contextmanager
def mosquitto(folder: Path) -> Iterator[Mosquitto]:
    """A running mosquitto; skips where Debian's package is not installed."""
    try:
        subprocess.run(["mosquitto", "-h"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mosquitto: apt-get install mosquitto")
    broker = Mosquitto(folder, free_port())
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


class MiniHub:
    """Commits what comes and answers with receipts; `mute` and `deaf` are its hands."""

    def __init__(self, port: int, protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5) -> None:
        self.book = Book()
        self.mute = False
        """Commits and says nothing."""
        self.deaf = False
        """Neither commits nor answers."""
        self.births: list[birth.Birth] = []
        self.statuses: list[status.Status] = []
        self.batches = 0
        self.lock = threading.Lock()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="hub", protocol=protocol)
        self._client.on_message = self._on_message
        self._client.on_connect = lambda client, *_: client.subscribe(topics.ALL_UP, qos=1)
        self._client.reconnect_delay_set(0.1, 0.2)  # type: ignore[arg-type]
        self._client.connect("127.0.0.1", port, 60)
        self._client.loop_start()
        until(self._client.is_connected)

    def _on_message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        station, leaf = topics.parse(message.topic)
        payload = bytes(message.payload)
        with self.lock:
            if self.deaf:
                return
            if leaf == topics.RECORDS:
                self.book.take(payload)
                self.batches += 1
            elif leaf == topics.MEDIA:
                self.book.take_chunk(payload)
            elif leaf == topics.BIRTH:
                self.births.append(birth.decode(payload))
            elif leaf == topics.STATUS:
                self.statuses.append(status.decode(payload))
        if leaf in (topics.RECORDS, topics.MEDIA) and not self.mute:
            self.answer(station)

    def answer(self, station: str) -> None:
        """Write a receipt."""
        with self.lock:
            word = receipt.encode(self.book.receipt(time.time_ns() // 1_000_000))
        self._client.publish(topics.topic(station, topics.RECEIPT), word, qos=1)

    def tell(self, station: str, leaf: str, payload: bytes) -> None:
        """Send anything down."""
        self._client.publish(topics.topic(station, leaf), payload, qos=1)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()
