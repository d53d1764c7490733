"""The transport over MQTT: reconnects for ever, and every thread and callback of it may fail without harm.

The network runs in a thread of ours (`mqtt_network`), whose callbacks do nothing but lay what happened into a queue.
The thread says when it last moved: one that ended or stands still is given up, and a new one takes its place.
"""

import logging
import queue
import ssl
import time
from collections.abc import Sequence
from pathlib import Path

from otorongo.language import say, why, why_tls
from otorongo.station.adapters.mqtt_network import Desk, Network, Settings
from otorongo.station.adapters.mqtt_version import known
from otorongo.station.errors import TransportError
from otorongo.station.ports import Happening, Lost, Traffic
from otorongo.wire import topics

log = logging.getLogger(__name__)


def check_file(key: str, path: str) -> None:
    """Raises TransportError, which names key and file and says what to do, if a file of `[uplink]` cannot be read."""
    where = f"uplink.{key} {path}"
    try:
        with Path(path).open("rb"):
            return
    except (FileNotFoundError, NotADirectoryError):
        raise TransportError(
            say("{where}: no such file: copy it from the folder that the hub made for this station", where=where)
        ) from None
    except PermissionError:
        raise TransportError(
            say(
                "{where}: this user may not read it: use sudo, or give the file to the user that runs the uplink",
                where=where,
            )
        ) from None
    except OSError as error:
        raise TransportError(say("{path}: cannot be read: {error}", path=where, error=why(error))) from error


def tls_context(ca_file: str, cert_file: str, key_file: str) -> ssl.SSLContext:
    """TLS 1.2 or later, the hub's name checked. Raises TransportError that names the file."""
    for name, path in (("ca_file", ca_file), ("cert_file", cert_file), ("key_file", key_file)):
        if path:
            check_file(name, path)
    if bool(cert_file) != bool(key_file):
        raise TransportError(say("uplink: cert_file and key_file go together: one of them is missing"))
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (ssl.SSLError, OSError) as error:
        raise TransportError(
            say("{files}: not usable for TLS: {error}", files=f"uplink.ca_file {ca_file}", error=why_tls(error))
        ) from error
    try:
        if cert_file:  # a password would be asked for at a terminal that is not there: none is given
            context.load_cert_chain(cert_file, key_file, password="")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise TransportError(
            say("{files}: not usable for TLS: {error}", files=f"uplink: {cert_file}, {key_file}", error=why_tls(error))
        ) from error
    return context


class MqttTransport:
    """A station's connection to its broker; see the head of this file."""

    def __init__(
        self,
        station: str,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        user: str = "",
        password: str = "",
        keepalive_s: int = 900,
        connect_wait_s: float = 90.0,
        reconnect_max_s: float = 300.0,
        speaks: str | None = None,
        patience_s: float = 30.0,
    ) -> None:
        """`speaks` is what the broker is known to speak from an earlier `Connected`, so that nobody need ask again.

        A network thread that stands still for `patience_s` longer than TCP and TLS may take is given up.
        """
        login = (user or (station if password else ""), password)
        self.settings = Settings(station, host, port, tls, login, keepalive_s, connect_wait_s, reconnect_max_s)
        self._patience_s = patience_s
        self._desk = Desk()
        self._desk.mode = known(speaks)
        self._network: Network | None = None
        self._ticket = 0

    def open(self) -> None:
        """Begin to connect; returns at once."""
        self._network = Network(self.settings, self._desk)
        self._network.start()

    def wait(self, timeout_s: float) -> Sequence[Happening]:
        """What happened since the last call, in order; a network thread that stands still is replaced."""
        self._look_after()
        out: list[Happening] = []
        try:
            out.append(self._desk.happenings.get(timeout=timeout_s))
            while True:
                out.append(self._desk.happenings.get_nowait())
        except queue.Empty:
            return out

    def send(self, leaf: str, payload: bytes, *, retain: bool = False) -> int:
        """Hand a message over; its ticket is named by `Acked` when the broker has it."""
        self._ticket += 1
        if self._network is not None:
            self._network.send(self._ticket, topics.topic(self.settings.station, leaf), payload, retain=retain)
        return self._ticket

    def traffic(self) -> Traffic:
        """Bytes as the kernel counted them, with an estimate for IP and TCP headers."""
        up, down = self._network.traffic if self._network else (0, 0)
        past = self._desk.past
        return Traffic(past.up + up, past.down + down, past.connects, past.failures)

    def rebuild(self, reason: str) -> None:
        """Give up the connection and its thread, and begin again."""
        log.error("mqtt: the connection is given up: %s", reason)
        if self._network is not None:
            self._network.abandon()
        self._desk.happenings.put(Lost(reason))
        self.open()

    def close(self, farewell: bytes = b"") -> None:
        """Leave the farewell as the station's status and disconnect in order, within a few seconds."""
        if self._network is not None:
            self._network.finish(farewell)
            self._network = None

    def _look_after(self) -> None:
        network = self._network
        if network is None:
            return
        still_s = time.monotonic() - network.moved_s
        if not network.is_alive():
            self.rebuild("the network thread ended")
        elif still_s > self.settings.connect_wait_s * 2 + self._patience_s:  # TCP and TLS may each take the whole wait
            self.rebuild(f"the network thread has stood still for {still_s:.0f} s")
