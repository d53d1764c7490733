"""A real mosquitto with the files of `deploy/mosquitto`, and plain clients for it."""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

PATIENCE_S = 10.0


@dataclass
class Broker:
    """A running mosquitto: where it listens, its folder, and its process."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    def reload(self) -> None:
        """What `systemctl reload mosquitto` does."""
        self.process.send_signal(signal.SIGHUP)


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def copy_pki(root: Path, pki: Path, to: Path) -> None:
    """Run the script that the broker's unit runs before each start."""
    group = "root" if os.getuid() == 0 else os.environ.get("USER", "root")
    subprocess.run(
        [root / "deploy/mosquitto/copy-pki", pki, to], check=True, env=os.environ | {"MOSQUITTO_GROUP": group}
    )


@contextlib.contextmanager
def running(root: Path, pki: Path, folder: Path) -> Iterator[Broker]:
    """Debian's own configuration with ours included, moved to a free port of loopback and to `folder`."""
    port = free_port()
    copy_pki(root, pki, folder / "otorongo")
    shutil.copy(root / "deploy/mosquitto/otorongo.acl", folder / "otorongo")
    ours = (root / "deploy/mosquitto/otorongo.conf").read_text()
    assert "\nlistener 8883\n" in ours
    ours = ours.replace("/etc/mosquitto/otorongo", str(folder / "otorongo"))
    ours = ours.replace("\nlistener 8883\n", f"\nlistener {port} 127.0.0.1\n")
    (folder / "conf.d").mkdir()
    (folder / "conf.d" / "otorongo.conf").write_text(ours)
    (folder / "data").mkdir()
    main = [
        f"pid_file {folder}/mosquitto.pid",
        "persistence true",
        f"persistence_location {folder}/data/",
        f"log_dest file {folder}/mosquitto.log",
        f"include_dir {folder}/conf.d",
        *(["user root"] if os.getuid() == 0 else []),
    ]
    (folder / "mosquitto.conf").write_text("\n".join(main) + "\n")
    process = subprocess.Popen(["/usr/sbin/mosquitto", "-c", folder / "mosquitto.conf"], stderr=subprocess.DEVNULL)
    try:
        _wait_for_port(port, process, folder / "mosquitto.log")
        yield Broker(port, folder, process)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError(f"mosquitto does not listen: {log.read_text() if log.exists() else 'no log'}")


@dataclass
class Caller:
    """One MQTT 5 client that notes everything it is told."""

    connected: list[ReasonCode] = field(default_factory=list)
    granted: dict[int, ReasonCode] = field(default_factory=dict)
    published: dict[int, ReasonCode] = field(default_factory=dict)
    lost: list[ReasonCode] = field(default_factory=list)
    messages: list[tuple[str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the client; `call` connects it."""
        self.client = Client(CallbackAPIVersion.VERSION2, client_id="anything", protocol=MQTTProtocolVersion.MQTTv5)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_publish = self._on_publish
        self.client.on_message = self._on_message

    def _on_connect(self, _c: Client, _u: object, _f: ConnectFlags, code: ReasonCode, _p: Properties | None) -> None:
        self.connected.append(code)

    def _on_disconnect(self, _c: Client, _u: object, _f: object, code: ReasonCode, _p: Properties | None) -> None:
        self.lost.append(code)

    def _on_subscribe(self, _c: Client, _u: object, mid: int, codes: list[ReasonCode], _p: Properties | None) -> None:
        self.granted[mid] = codes[0]

    def _on_publish(self, _c: Client, _u: object, mid: int, code: ReasonCode, _p: Properties) -> None:
        self.published[mid] = code

    def _on_message(self, _c: Client, _u: object, message: MQTTMessage) -> None:
        self.messages.append((message.topic, bytes(message.payload)))

    def close(self) -> None:
        """Hang up. The callbacks go too: in a cycle with them the client's own sockets would close in any order."""
        self.client.disconnect()
        self.client.loop_stop()
        self.client.on_connect = self.client.on_disconnect = self.client.on_subscribe = None
        self.client.on_publish = self.client.on_message = None

    def subscribe(self, topic: str) -> ReasonCode:
        """Subscribe at QoS 1 and wait for the broker's word."""
        _, mid = self.client.subscribe(topic, options=SubscribeOptions(qos=1))
        assert mid is not None
        assert until(lambda: mid in self.granted)
        return self.granted[mid]

    def publish(self, topic: str, payload: bytes) -> ReasonCode:
        """Publish at QoS 1 and wait for the broker's word (MQTT 5 says whether it was authorized)."""
        info = self.client.publish(topic, payload, qos=1)
        assert until(lambda: info.mid in self.published)
        return self.published[info.mid]


def until(holds: Callable[[], object], patience_s: float = PATIENCE_S) -> bool:
    """Wait until a function says yes; False if it never does."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.01)
    return bool(holds())


@contextlib.contextmanager
def call(broker: Broker, ca: Path, certificate: Path | None = None, key: Path | None = None) -> Iterator[Caller]:
    """Connect and wait for an answer; without one within the patience, or refused, `connected` says so."""
    caller = Caller()
    context = ssl.create_default_context(cafile=str(ca))
    if certificate is not None and key is not None:
        context.load_cert_chain(certificate, key)
    caller.client.tls_set_context(context)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 0
    caller.client.connect("127.0.0.1", broker.port, clean_start=True, properties=properties)
    caller.client.loop_start()
    try:
        until(lambda: caller.connected or caller.lost)
        yield caller
    finally:
        caller.close()
