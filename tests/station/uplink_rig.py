"""An uplink on a bench, its clock and its bearer in the hands of the test."""

from pathlib import Path

from otorongo.station.absent import Absent
from otorongo.station.adapters.seal import FileSigner
from otorongo.station.outbox import Outbox
from otorongo.station.uplink import Station, Uplink
from otorongo.station.uplink_config import UplinkConfig
from otorongo.wire import batch
from otorongo.wire.birth import Birth
from otorongo.wire.codes import Clock
from tests.station.outbox_bench import opened
from tests.station.uplink_fakes import Bench, Book, Pipe


class Rig:
    """An uplink on a bench: outbox, clock, pipe and a book for the hub."""

    def __init__(self, folder: Path, state: int = Clock.NTP, daily_bytes: int = 100_000) -> None:
        self.bench = Bench(state=state)
        self.outbox: Outbox = opened(folder / "outbox.db", self.bench)
        self.sensor: Outbox = opened(folder / "outbox.db", self.bench)  # another process on the same file
        self.pipe = Pipe()
        self.book = Book()
        self.signer = FileSigner(folder / "seal.key")
        self.config = UplinkConfig(broker="mqtt://hub", daily_bytes=daily_bytes)
        about = Station("K-02", Birth(0, 0, "otorongo test"), 'user = "x"\npassword = "geheim"', lambda n: ["line"] * n)
        self.absent: dict[str, int] = {}
        """Sensors whose process is gone, by section."""
        absent = Absent(lambda: {number: section for section, number in self.absent.items()})
        self.uplink = Uplink(
            self.config, about, self.outbox, self.pipe, self.bench, self.signer, jitter=lambda: 0.0, absent=absent
        )

    def turn(self, seconds: float = 1.0) -> None:
        """One turn of the uplink, a while later."""
        self.bench.turn(seconds)
        self.uplink.step(self.pipe.wait(0))

    def connect(self) -> None:
        """The broker answers, birth and status are out."""
        self.pipe.connect()
        self.turn()

    def take(self) -> list[batch.Batch]:
        """The hub commits what was sent."""
        return [self.book.take(payload) for payload in self.pipe.batches()]

    def settle(self, turns: int = 20) -> None:
        """Send and receipt until nothing moves."""
        for _ in range(turns):
            if self.take():
                self.pipe.receipt(self.book.receipt())
            self.turn(0.1)

    def sent(self, leaf: str) -> list[bytes]:
        """Payloads on a leaf."""
        return [payload for name, payload, _ in self.pipe.sent if name == leaf]
