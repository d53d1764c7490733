"""A transport on a bench: its diary, and servers that do what a test wants."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

from otorongo.station.adapters.mqtt import MqttTransport
from otorongo.station.ports import Happening


@contextlib.contextmanager
def transport(port: int, **more: float | ssl.SSLContext) -> Iterator[MqttTransport]:
    """A transport that is closed at the end."""
    made = MqttTransport("K-02", "127.0.0.1", port, **more)  # type: ignore[arg-type]
    made.open()
    try:
        yield made
    finally:
        made.close()


class Diary:
    """Everything that happened to a transport."""

    def __init__(self, of: MqttTransport) -> None:
        self._of = of
        self.all: list[Happening] = []

    def saw(self, kind: type[Happening], count: int = 1) -> Callable[[], bool]:
        """A condition for `until`: that something of this kind happened so often."""

        def look() -> bool:
            self.all += self._of.wait(0.05)
            return sum(isinstance(one, kind) for one in self.all) >= count

        return look

    def of(self, kind: type[Happening]) -> list[Happening]:
        """What happened of a kind."""
        return [one for one in self.all if isinstance(one, kind)]


@contextlib.contextmanager
def listener(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does to each connection what the test wants."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.1)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                peer, _ = server.accept()
                with peer, contextlib.suppress(OSError):
                    answer(peer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        stop.set()
        thread.join()
        server.close()
