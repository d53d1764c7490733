"""Rows that the hub stores and receipts in a second, beside a bare subscriber that only counts, in the same run.

One sender, one mosquitto, one hub: first a bare paho subscriber takes the same payloads from the same broker and counts
their messages, then the hub takes them, commits, and sends receipts; its time runs until every receipt is there. Every
row changes something: openings and closings of events with heartbeats between, each seq new.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from bench.line import Line
from otorongo.hub.adapters.mqtt import Address, MqttBearer
from otorongo.hub.belief import NO_RULES
from otorongo.hub.media import Limits
from otorongo.hub.pump import Pump
from otorongo.hub.store import Store
from otorongo.wire import batch, receipt
from otorongo.wire.batch import Mapping
from otorongo.wire.codes import Clock, CloseReason, Kind, Tag
from otorongo.wire.rows import Event, Heartbeat, Record, Row

SIZES = {1: 3_000, 50: 20_000, 500: 50_000}
"""Rows a batch, and rows in all."""
STATION = "K-02"


def rows(count: int) -> Iterator[Record]:
    """A busy station's outbox."""
    for seq in range(1, count + 1):
        t_ms = 1000 * seq
        row: Row
        if seq % 3 == 1:
            row = Event(t_ms, 1, 1, 30 + seq % 50, Tag.THREAT, hits=3, peak=90)
        elif seq % 3 == 2:
            row = Event(
                t_ms, 1, 1, 30 + seq % 50, Tag.THREAT, Kind.CLOSE, back=1, duration_ms=1000, hits=9, peak=95,
                level_db=-40, floor_db=-70, f0_dhz=1_400 + seq % 90, reason=CloseReason.QUIET,
            )  # fmt: skip
        else:
            row = Heartbeat(t_ms, 1, 900, 450, 20_000, 12_600, 3, {1: seq, 2: seq // 2})
        yield Record(seq, row)


def payloads(size: int, count: int) -> list[bytes]:
    """The outbox in batches."""
    clock = Mapping(1, time.time_ns() // 1_000_000 - 10**9, Clock.NTP, 64)
    records = list(rows(count))
    return [batch.encode(7, 0, clock, records[at : at + size]) for at in range(0, count, size)]


def measure() -> list[Line]:
    """Rows in a second, for each size of batch and each database."""
    lines = []
    with tempfile.TemporaryDirectory(prefix="otorongo-bench-", dir="/tmp") as name, _mosquitto(Path(name)) as port:
        for size, count in SIZES.items():
            sent = payloads(size, count)
            bare = count / _bare(port, sent)
            lines.append(Line(f"bare subscriber that counts, batches of {size}", f"{bare:,.0f} rows/s"))
            for engine, opened in (("SQLite", _sqlite), ("PostgreSQL", _postgres)):
                with opened(Path(name) / f"{engine}-{size}") as store:
                    took, seconds = _hub(port, store, sent, Path(name) / "media")
                    assert took == count, f"{took} of {count} rows"
                figure = f"{count / seconds:,.0f} rows/s"
                share = f"{100 * count / seconds / bare:.0f} % of the bare subscriber"
                lines.append(Line(f"stored in {engine} and receipted, batches of {size}", figure, share))
    return lines


def _bare(port: int, sent: list[bytes]) -> float:
    """Seconds until a bare subscriber has counted everything."""
    counted, over = [0], threading.Event()
    ready = threading.Event()
    wanted = len(sent)

    def count(_client: Client, _data: object, message: object) -> None:
        counted[0] += 1
        if counted[0] == wanted:
            over.set()

    client = Client(CallbackAPIVersion.VERSION2, client_id="bare", protocol=MQTTProtocolVersion.MQTTv5)
    client.on_message = count
    client.on_subscribe = lambda *_: ready.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe("ot/1/+/u/#", 1)
    ready.wait(10)
    seconds = _send(port, sent, lambda: over.wait(120))
    client.disconnect()
    client.loop_stop()
    return seconds


def _hub(port: int, store: Store, sent: list[bytes], media: Path) -> tuple[int, float]:
    """Rows receipted, and seconds until the last receipt was there."""
    bearer = MqttBearer(Address("127.0.0.1", port))
    bearer.open()
    while not bearer.state().connected:
        time.sleep(0.01)
    pump = Pump(
        store,
        bearer,
        rules=lambda: NO_RULES,
        media_folder=media,
        limits=Limits(),
        now_ms=lambda: time.time_ns() // 1_000_000,
    )
    over, done, up_to = threading.Event(), threading.Event(), [0]

    def work() -> None:
        while not over.is_set():
            pump.turn(0.2)

    last = batch.decode_header(sent[-1])[0].runs[-1][1]

    def heard(_client: Client, _data: object, message: object) -> None:
        up_to[0] = max(up_to[0], receipt.decode(bytes(message.payload)).up_to)  # type: ignore[attr-defined]
        if up_to[0] >= last:
            done.set()

    listener = Client(CallbackAPIVersion.VERSION2, client_id="listener", protocol=MQTTProtocolVersion.MQTTv5)
    listener.on_message = heard
    listener.connect("127.0.0.1", port)
    listener.loop_start()
    listener.subscribe(f"ot/1/{STATION}/d/r", 1)
    worker = threading.Thread(target=work)
    worker.start()
    seconds = _send(port, sent, lambda: done.wait(300))
    over.set()
    worker.join()
    listener.disconnect()
    listener.loop_stop()
    bearer.close()
    return up_to[0], seconds


def _send(port: int, sent: list[bytes], wait: Callable[[], bool]) -> float:
    """Publish everything with QoS 1 from a process of its own, and wait; seconds from the first byte."""
    code = (
        "import sys,struct;from paho.mqtt.client import Client;from paho.mqtt.enums import *\n"
        f"c=Client(CallbackAPIVersion.VERSION2,client_id='{STATION}',protocol=MQTTProtocolVersion.MQTTv5)\n"
        f"c.max_inflight_messages_set(100);c.connect('127.0.0.1',{port});c.loop_start();d=sys.stdin.buffer.read();i=0\n"
        "print('go',flush=True)\n"
        "while i<len(d):\n"
        " n=struct.unpack_from('>I',d,i)[0];"
        f"info=c.publish('ot/1/{STATION}/u/r',d[i+4:i+4+n],1);i+=4+n\n"
        "info.wait_for_publish(300);c.disconnect();c.loop_stop()\n"
    )
    import sys

    body = b"".join(len(one).to_bytes(4, "big") + one for one in sent)
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(body)
        process.stdin.close()
        process.stdout.readline()
        began = time.perf_counter()
        assert wait(), "not everything arrived"
        seconds = time.perf_counter() - began
        process.wait()
    return seconds


@contextlib.contextmanager
def _mosquitto(folder: Path) -> Iterator[int]:
    port = _free_port()
    program = shutil.which("mosquitto", path=f"/usr/sbin:{os.environ['PATH']}")
    assert program, "no mosquitto: apt-get install mosquitto"
    config = folder / "mosquitto.conf"
    user = "root" if os.getuid() == 0 else "nobody"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nuser {user}\n"
        "max_inflight_messages 0\nset_tcp_nodelay true\n"
    )
    with subprocess.Popen([program, "-c", config], stderr=subprocess.DEVNULL) as process:
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.02)
        yield port
        process.terminate()


@contextlib.contextmanager
def _sqlite(folder: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{folder / 'hub.db'}")
    yield store
    store.close()


@contextlib.contextmanager
def _postgres(folder: Path) -> Iterator[Store]:
    """A cluster of its own, with every commit on disk."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    folder.mkdir(mode=0o755)
    folder.parent.chmod(0o755)
    if os.getuid() == 0:
        shutil.chown(folder, user)
    switch = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if os.getuid() == 0 else []
    port = _free_port()

    def run(*arguments: object) -> None:
        subprocess.run([*switch, *map(str, arguments)], check=True, cwd=folder, capture_output=True)

    run(programs / "initdb", "-D", folder / "db", "-A", "trust", "-U", user, "-E", "UTF8")
    settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    run(programs / "pg_ctl", "-D", folder / "db", "-w", "-l", folder / "log", "-o", settings, "start")
    try:
        store = Store.open(f"postgresql://{user}@127.0.0.1:{port}/postgres")
        yield store
        store.close()
    finally:
        run(programs / "pg_ctl", "-D", folder / "db", "-m", "immediate", "stop")


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


if __name__ == "__main__":
    for line in measure():
        print(f"{line.what:<60} {line.figure:>18}  {line.beside}")
