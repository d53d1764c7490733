"""The uplink where nothing errs and nothing moves: a stuck thread, a broker that only listens, a card that is full."""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from otorongo.station.adapters.board import LinuxBoard
from otorongo.station.adapters.mqtt import MqttTransport
from otorongo.station.adapters.seal import FileSigner
from otorongo.station.errors import OutboxFull
from otorongo.station.outbox import Outbox
from otorongo.station.outbox_write import Of
from otorongo.station.ports import Board, Happening
from otorongo.station.uplink import Station, Uplink, run
from otorongo.station.uplink_config import UplinkConfig
from otorongo.wire.birth import Birth
from otorongo.wire.codes import Counter
from otorongo.wire.rows import Note, Row
from tests.station.outbox_bench import opened, rain, saw
from tests.station.small_card import fill, small_card
from tests.station.uplink_fakes import Bench
from tests.station.uplink_hub import MiniHub, Mosquitto, mosquitto, until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A real mosquitto."""
    with mosquitto(tmp_path) as running:
        yield running


def uplink_of(folder: Path, outbox: Outbox, transport: MqttTransport, board: Board) -> Uplink:
    """An uplink that is quick to repeat itself."""
    config = UplinkConfig(broker="mqtt://127.0.0.1", resend_after_s=1, heartbeat_s=10)
    about = Station("K-02", Birth(0, 0, "otorongo test"))
    return Uplink(config, about, outbox, transport, board, FileSigner(folder / "seal.key"))


@contextlib.contextmanager
def running(uplink: Uplink, transport: MqttTransport, outbox: Outbox) -> Iterator[list[str]]:
    """The uplink in a thread, as its process drives it; what the service manager was told."""
    told: list[str] = []
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(uplink, transport, outbox, told.append, stop), daemon=True)
    thread.start()
    try:
        yield told
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


class Stuck(queue.Queue[Happening]):
    """A queue at which the first network thread stands until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.who: threading.Thread | None = None
        self.go = threading.Event()

    def put(self, item: Happening, block: bool = True, timeout: float | None = None) -> None:
        """Stand still, if it is the first that comes here from the network."""
        me = threading.current_thread()
        if me.name == "mqtt" and self.who in (None, me):
            self.who = me
            self.go.wait()
        super().put(item, block, timeout)


def test_a_network_thread_that_hangs_in_a_callback_is_left_behind(broker: Mosquitto, tmp_path: Path) -> None:
    """A thread that never comes back is given up; its successor carries every row, also after the old one wakes."""
    box = opened(tmp_path / "outbox.db")
    box.put([saw(), rain()])
    transport = MqttTransport("K-02", "127.0.0.1", broker.port, connect_wait_s=0.2, reconnect_max_s=0.3, patience_s=0.5)
    stuck = Stuck()
    transport._desk.happenings = stuck
    hub = MiniHub(broker.port)
    with running(uplink_of(tmp_path, box, transport, LinuxBoard(tmp_path)), transport, box) as told:
        until(lambda: stuck.who is not None)
        until(lambda: len(hub.book.rows) >= 2)
        until(lambda: "STATUS=connected" in told)
        assert stuck.who is not transport._network
        stuck.go.set()
        sensor = opened(tmp_path / "outbox.db")
        sensor.put([rain(2)])
        until(lambda: sensor.stats().waiting == 0)
        sensor.close()
    assert stuck.who is not None
    until(lambda: stuck.who is not None and not stuck.who.is_alive())
    hub.close()


class Relay:
    """Stands before a broker: passes everything on, or is polite to whoever connects and swallows what he says."""

    def __init__(self, port: int) -> None:
        self.swallow = True
        self.visits = 0
        self.swallowed = 0
        self._broker = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.1)
        self.port: int = self._server.getsockname()[1]
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def _serve(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                peer, _ = self._server.accept()
                self.visits += 1
                thread = threading.Thread(target=self._swallow if self.swallow else self._pass, args=(peer,))
                self._threads.append(thread)
                thread.start()

    def _swallow(self, peer: socket.socket) -> None:
        peer.settimeout(0.1)
        with peer, contextlib.suppress(ConnectionError):
            peer.recv(1000)
            peer.sendall(b"\x20\x03\x00\x00\x00")  # MQTT 5: welcome
            while not self._stop.is_set():
                with contextlib.suppress(TimeoutError):
                    data = peer.recv(65_536)
                    if not data:
                        return
                    self.swallowed += len(data)

    def _pass(self, peer: socket.socket) -> None:
        with peer, socket.create_connection(("127.0.0.1", self._broker)) as far:
            ways = ((peer, far), (far, peer))
            threads = [threading.Thread(target=self._one_way, args=way) for way in ways]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def _one_way(self, source: socket.socket, to: socket.socket) -> None:
        source.settimeout(0.1)
        with contextlib.suppress(OSError):
            while not self._stop.is_set():
                with contextlib.suppress(TimeoutError):
                    data = source.recv(65_536)
                    if not data:
                        break
                    to.sendall(data)
            to.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """End everything."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._server.close()


def test_a_broker_that_welcomes_and_never_answers_is_left(broker: Mosquitto, tmp_path: Path) -> None:
    """After three minutes without an acknowledgement it connects anew, keeps every row, and sends them again."""
    relay, hub, bench = Relay(broker.port), MiniHub(broker.port), Bench()
    box = opened(tmp_path / "outbox.db", bench)
    box.put([saw(), rain()])
    transport = MqttTransport("K-02", "127.0.0.1", relay.port, reconnect_max_s=0.2)
    uplink = uplink_of(tmp_path, box, transport, bench)
    transport.open()
    try:

        def sent() -> bool:
            uplink.step(transport.wait(0.05))
            return uplink.counters[Counter.BATCHES_SENT] > 0 and relay.swallowed > 100

        until(sent)
        visits = relay.visits
        for _ in range(2):
            bench.turn(61)
            uplink.step(transport.wait(0.2))
        assert relay.visits == visits, "patience first"
        assert box.stats().waiting >= 2
        relay.swallow = False
        for _ in range(3):
            bench.turn(61)
            uplink.step(transport.wait(0.2))

        def settled() -> bool:
            bench.turn(2)
            uplink.step(transport.wait(0.05))
            return box.stats().waiting == 0 and len(hub.book.rows) >= 3

        until(settled)
        assert relay.visits > visits
        hub.book.verify()
    finally:
        transport.close()
        relay.close()
        hub.close()
        box.close()


def put(box: Outbox, rows: list[Row | Of]) -> list[int]:
    """Put, again if need be: while the uplink reads, a full card can give nothing back, and a put is refused whole."""
    for _ in range(100):
        with contextlib.suppress(OutboxFull):
            return box.put(rows)
        time.sleep(0.05)
    return box.put(rows)


def test_a_full_card_stops_neither_uplink_nor_threats(broker: Mosquitto, tmp_path: Path) -> None:
    """With no byte left on the card the process lives, rows put then arrive, and what had to go is told."""
    with small_card(tmp_path / "card", "4m") as card:
        board = LinuxBoard(card)
        boxes = [
            Outbox.open(card / "outbox.db", boot_id=board.boot_id(), now=board.clock(), ballast_bytes=512 * 1024)
            for _ in range(2)
        ]
        transport = MqttTransport("K-02", "127.0.0.1", broker.port, reconnect_max_s=0.3)
        hub = MiniHub(broker.port)
        hub.deaf = True
        with running(uplink_of(card, boxes[0], transport, board), transport, boxes[0]) as told:
            until(lambda: "STATUS=connected" in told)
            fill(card)
            threats = []
            for number in range(400):
                put(boxes[1], [Note(number, 6, f"{number} some words of a technician " * 5) for _ in range(20)])
                if number % 10 == 0:
                    threats += put(boxes[1], [saw(number)])
            fill(card)
            began_s = time.monotonic()
            hub.deaf = False
            until(lambda: boxes[1].stats().waiting == 0, 60)
            assert time.monotonic() - began_s < 60
            assert "WATCHDOG=1" in told
        assert set(threats) <= set(hub.book.rows)
        assert hub.book.gaps
        assert max(hub.book.known()) == boxes[1].stats().last_seq
        hub.book.verify()
        hub.close()
        boxes[1].close()
