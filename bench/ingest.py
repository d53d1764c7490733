"""Rows that the hub stores and receipts in a second, beside a bare subscriber that only counts, in the same run.

One sender, one mosquitto, one hub: first a bare paho subscriber takes the same payloads from the same broker and counts
their messages, then the hub takes them, commits, and sends receipts; its time runs until the last receipt is there.
Every row changes something: openings and closings of events with heartbeats between, each seq new. They take turns, and
medians are told; so is what the sender manages with nobody listening, which nothing here can surpass.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

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
TIMES = 3
LEAST_MESSAGES = 2_000
"""A shorter run of a mere count would measure its beginning."""


Opened = Callable[[Path], contextlib.AbstractContextManager[Store]]


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
    if _mosquitto_path() is None:
        return [Line("hub: rows stored and receipted", "not measured", "no mosquitto (apt-get install mosquitto)")]
    stores: dict[str, Opened] = {"SQLite, WAL, FULL": _sqlite}
    if _postgres_path():
        stores["PostgreSQL"] = _postgres
    with tempfile.TemporaryDirectory(prefix="otorongo-bench-") as name, _mosquitto(Path(name)) as port:
        lines = [Line("hub: one fsync of 4 KiB where it stores", f"{_fsync_ms(Path(name)):.2f} ms", name)]
        for size, count in SIZES.items():
            lines += _of_size(Path(name), port, size, count, stores)
    if "PostgreSQL" not in stores:
        lines.append(Line("hub: stored in PostgreSQL", "not measured", "no PostgreSQL (apt-get install postgresql)"))
    return lines


def _of_size(folder: Path, port: int, size: int, count: int, stores: dict[str, Opened]) -> list[Line]:
    """The sender alone, the bare subscriber and each database with batches of one size, in turns."""
    sent = payloads(size, count)
    many = sent * -(-LEAST_MESSAGES // len(sent))
    rates: dict[str, list[float]] = {name: [] for name in ("sender", "bare", *stores)}
    for turn in range(TIMES):
        rates["sender"].append(size * len(many) / _send(port, many, None))
        rates["bare"].append(size * len(many) / _bare(port, many))
        for name, opened in stores.items():
            with opened(folder / f"{name[:6]}-{size}-{turn}") as store:
                took, seconds = _hub(port, store, sent, folder / "media")
            assert took == count, f"{took} of {count} rows"
            rates[name].append(count / seconds)
    medians = {name: median(each) for name, each in rates.items()}
    bare = medians["bare"]
    beside = f"{bare / size:,.0f} messages/s; sender with nobody listening {medians['sender'] / size:,.0f} messages/s"
    lines = [Line(f"hub: bare subscriber that counts, batches of {size}", f"{bare:,.0f} rows/s", beside)]
    for name in stores:
        share = f"{medians[name] / bare:.3f} of the bare subscriber"
        lines.append(Line(f"hub: receipted, {name}, batches of {size}", f"{medians[name]:,.0f} rows/s", share))
    return lines


def _fsync_ms(folder: Path) -> float:
    """Median of what a small write that must be on the disk costs there."""
    took = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(50):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return median(took)


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


def _send(port: int, sent: list[bytes], wait: Callable[[], bool] | None) -> float:
    """Publish everything with QoS 1 from a process of its own; seconds until `wait`, or all is acknowledged."""
    code = (
        "import sys,struct,time;from paho.mqtt.client import Client;from paho.mqtt.enums import *\n"
        f"c=Client(CallbackAPIVersion.VERSION2,client_id='{STATION}',protocol=MQTTProtocolVersion.MQTTv5)\n"
        f"c.max_inflight_messages_set(100);c.connect('127.0.0.1',{port});c.loop_start();d=sys.stdin.buffer.read();i=0;acked=[0]\n"
        "def on(*_):acked[0]+=1\n"
        "c.on_publish=on;sent=0\n"
        "print('go',flush=True)\n"
        "while i<len(d):\n"
        " n=struct.unpack_from('>I',d,i)[0];"
        f"c.publish('ot/1/{STATION}/u/r',d[i+4:i+4+n],1);i+=4+n;sent+=1\n"
        "while acked[0]<sent: time.sleep(.001)\n"
        "print('sent',flush=True);c.disconnect();c.loop_stop()\n"
    )
    body = b"".join(len(one).to_bytes(4, "big") + one for one in sent)
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(body)
        process.stdin.close()
        process.stdout.readline()
        began = time.perf_counter()
        if wait is None:
            assert process.stdout.readline(), "the sender failed"
        else:
            assert wait(), "not everything arrived"
        seconds = time.perf_counter() - began
        process.wait()
    return seconds


def _mosquitto_path() -> str | None:
    return shutil.which("mosquitto", path=f"/usr/sbin:{os.environ['PATH']}")


def _postgres_path() -> Path | None:
    """The folder of the newest server's programs."""
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((each.parent for each in found), key=lambda each: int(each.parent.name), default=None)


@contextlib.contextmanager
def _mosquitto(folder: Path) -> Iterator[int]:
    port = _free_port()
    program = _mosquitto_path()
    assert program
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
    programs = _postgres_path()
    assert programs
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
