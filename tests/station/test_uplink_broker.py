"""The uplink's whole process against a real mosquitto, killed and slowed, with a small hub behind it."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from otorongo.station.adapters.board import LinuxBoard
from otorongo.station.adapters.mqtt import MqttTransport
from otorongo.station.adapters.seal import FileSigner
from otorongo.station.outbox import Of, Outbox
from otorongo.station.uplink import Station, Uplink, run, speaks_cursor
from otorongo.station.uplink_config import UplinkConfig
from otorongo.wire import topics, wants
from otorongo.wire.birth import Birth
from otorongo.wire.codes import MediaKind, Tag
from otorongo.wire.rows import Event, Media, Seal
from tests.station.outbox_bench import rain, saw
from tests.station.uplink_hub import MiniHub, Mosquitto, mosquitto, until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A real mosquitto."""
    with mosquitto(tmp_path) as running:
        yield running


def open_outbox(folder: Path) -> Outbox:
    """The outbox as a sensor's process opens it."""
    board = LinuxBoard(folder)
    return Outbox.open(folder / "outbox.db", boot_id=board.boot_id(), now=board.clock(), ballast_bytes=0)


class Running:
    """An uplink in a thread, as `run` drives it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.config = UplinkConfig(broker=f"mqtt://127.0.0.1:{port}", resend_after_s=1, reconnect_max_s=1)
        self.outbox = open_outbox(folder)
        self.told: list[str] = []
        self.stop = threading.Event()
        transport = MqttTransport("K-02", "127.0.0.1", port, reconnect_max_s=0.3)
        about = Station("K-02", Birth(0, 0, "otorongo test"))
        signer = FileSigner(folder / "seal.key")
        self.uplink = Uplink(self.config, about, self.outbox, transport, LinuxBoard(folder), signer)
        self.thread = threading.Thread(
            target=run, args=(self.uplink, transport, self.outbox, self.told.append, self.stop), daemon=True
        )
        self.thread.start()

    def end(self) -> None:
        """Stop it as SIGTERM does."""
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()


def test_everything_arrives_once_the_hub_is_there(broker: Mosquitto, tmp_path: Path) -> None:
    """Rows put before and while the uplink runs are committed, receipted and forgotten; threats wait for `safe`."""
    sensor = open_outbox(tmp_path)
    sensor.put([rain(n) for n in range(1200)])
    hub = MiniHub(broker.port)
    uplink = Running(tmp_path, broker.port)
    threats = sensor.put([saw(), saw()])
    until(lambda: sensor.stats().waiting == 0)
    seals = sum(isinstance(row, Seal) for _, row in hub.book.rows.values())
    assert sensor.stats().kept == len(threats) + seals
    assert set(range(1, sensor.stats().last_seq + 1)) == set(hub.book.rows)
    hub.book.verify()
    assert hub.births[-1].outbox == sensor.outbox_id
    hub.book.safe_up_to = 10**9
    hub.answer("K-02")
    until(lambda: sensor.stats().kept == 0)
    assert sensor.cursor(speaks_cursor(uplink.config.broker)) == "MQTT 5"
    uplink.end()
    until(lambda: [one.state for one in hub.statuses][-2:] == ["online", "offline"])
    assert uplink.told[0] == "READY=1"
    assert "WATCHDOG=1" in uplink.told
    assert "STATUS=connected" in uplink.told
    hub.close()
    sensor.close()


def test_a_hub_that_says_nothing_is_asked_again_and_loses_nothing(broker: Mosquitto, tmp_path: Path) -> None:
    """A hub that commits without a receipt gets the rows again, and has them once; a deaf one gets them later."""
    sensor = open_outbox(tmp_path)
    hub = MiniHub(broker.port)
    hub.deaf = True
    sensor.put([saw(), rain()])
    uplink = Running(tmp_path, broker.port)
    until(lambda: uplink.uplink.connected)
    time.sleep(0.5)
    hub.deaf, hub.mute = False, True
    until(lambda: len(hub.book.rows) >= 3 and max(hub.book.times.values()) >= 2)
    assert sensor.stats().waiting >= 3
    hub.mute = False
    sensor.put([rain()])  # any batch brings a receipt, which speaks of all rows
    until(lambda: sensor.stats().waiting == 0)
    uplink.end()
    hub.book.verify()
    hub.close()
    sensor.close()


def test_a_broker_killed_in_the_middle_loses_nothing(broker: Mosquitto, tmp_path: Path) -> None:
    """Mosquitto forgets what it acknowledged when it is killed with -9; the outbox does not."""
    sensor = open_outbox(tmp_path)
    hub = MiniHub(broker.port)
    uplink = Running(tmp_path, broker.port)
    until(lambda: uplink.uplink.connected)
    for number in range(3):
        hub.deaf = True
        sensor.put([rain(number * 100 + n) for n in range(50)] + [saw(number)])
        time.sleep(0.7)
        broker.kill()
        hub.deaf = False
        broker.start()
    until(lambda: sensor.stats().waiting == 0, 40)
    assert set(range(1, sensor.stats().last_seq + 1)) == set(hub.book.rows)
    hub.book.verify()
    uplink.end()
    hub.close()
    sensor.close()


def test_wanted_evidence_arrives_whole(broker: Mosquitto, tmp_path: Path) -> None:
    """A clip of 40 kB is asked for and arrives byte for byte."""
    data = os.urandom(40_000)
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "clip").write_bytes(data)
    sensor = open_outbox(tmp_path)
    [opening] = sensor.put([saw()])
    row = Media(1, 1, 0, MediaKind.CLIP, len(data), hashlib.sha256(data).digest(), tags=Tag.THREAT)
    [seq] = sensor.put([Of(opening, row, "media/clip")])
    hub = MiniHub(broker.port)
    uplink = Running(tmp_path, broker.port)
    until(lambda: sensor.stats().waiting == 0)
    hub.tell("K-02", topics.WANTS, wants.encode((wants.WantMedia(sensor.outbox_id, seq),)))
    until(lambda: hub.book.media.get(seq) == data)
    until(lambda: not sensor.media.all()[0].wanted)
    uplink.end()
    hub.close()
    sensor.close()


PROCESS = """
import sys, threading
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from tests.station.test_uplink_broker import Running
Running(Path(sys.argv[1]), int(sys.argv[2])).thread.join()
"""


@pytest.mark.faults
def test_an_uplink_killed_at_any_moment_delivers_each_row_once(broker: Mosquitto, tmp_path: Path) -> None:
    """The uplink's process is killed with -9 again and again while rows come: each is at the hub exactly once."""
    kills = max(3, int(os.environ.get("KILLS", "20")) // 4)
    sensor = open_outbox(tmp_path)
    hub = MiniHub(broker.port)
    put: list[int] = []
    root = str(Path(__file__).parents[2])
    for _ in range(kills):
        process = subprocess.Popen([sys.executable, "-c", PROCESS, str(tmp_path), str(broker.port), root])
        for _ in range(5):
            put += sensor.put([rain(len(put)), saw(len(put))])
            time.sleep(random.uniform(0.05, 0.25))
        process.send_signal(signal.SIGKILL)
        process.wait()
    uplink = Running(tmp_path, broker.port)
    until(lambda: sensor.stats().waiting == 0, 40)
    uplink.end()
    assert set(put) <= set(hub.book.rows)
    # A heartbeat that the uplink wrote in its last moment may still wait while the seal after it went ahead.
    missing = set(range(1, max(hub.book.rows) + 1)) - set(hub.book.rows)
    assert len(missing) <= sensor.stats().waiting
    if not missing:
        hub.book.verify()
    events = [row for _, row in hub.book.rows.values() if isinstance(row, Event)]
    assert len(events) == len(put)
    hub.close()
    sensor.close()
