"""The hub's connection to its broker (paho): acknowledged only after the commit, and no thread dies unseen.

MQTT 5 is tried first; a broker that does not speak it is asked again in 3.1.1. The session is persistent and the client
id fixed, so that what comes while the hub restarts waits at the broker. All callbacks lay what came into a queue; one
that raises is logged and counted. The thread says when it last moved: one that ended or stands still is given up, and a
new one takes its place.
"""

import collections
import contextlib
import logging
import queue
import random
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from otorongo.hub.errors import BrokerError
from otorongo.hub.ports import HUB, BearerState, Message
from otorongo.language import later, say, why_not_connected, why_refused, why_tls
from otorongo.wire import topics
from otorongo.wire.batch import MAX_BYTES

log = logging.getLogger(__name__)

V5: Final = MQTTProtocolVersion.MQTTv5
V3: Final = MQTTProtocolVersion.MQTTv311
SESSION_S: Final = 30 * 86_400
"""What stations send while the hub is away waits at the broker so long; they send it again anyway."""
MAX_RECEIVING: Final = 1000
"""Messages that the broker may have under way to us: a few transactions' worth."""
_LOOP_S: Final = 0.5
_ANSWER_S: Final = 60.0
_SILENT_CLOSINGS: Final = 2
_UNSUPPORTED_VERSION: Final = 0x84
_STABLE_S: Final = 30.0
_RIVAL: Final = later("; accepted and soon lost, again and again: has another hub here the role ingest? Only one may")
_SOON: Final = 3
_MOST_WAIT_S: Final = 60.0
_FAREWELL_S: Final = 5.0


class Address(NamedTuple):
    """Where and how to connect."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    user: str = ""
    password: str = ""
    client_id: str = HUB
    keepalive_s: int = 60
    old: bool = False
    """The broker speaks 3.1.1 only, as the embedded one does."""


def address(url: str, *, ca_file: str = "", cert_file: str = "", key_file: str = "", password: str = "") -> Address:
    """The address of `mqtt://[user[:password]@]host[:port]` or `mqtts://...`. Raises BrokerError: what is wrong."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # The library's own words may hold a part of the password.
        raise BrokerError(say("broker: the address cannot be read: write mqtts://HOST:8883")) from None
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        url = f"{parts.scheme}://{parts.hostname or ''}"
        raise BrokerError(say("broker {url}: write mqtt://HOST:1883 or mqtts://HOST:8883", url=url))
    tls = _tls(ca_file, cert_file, key_file) if parts.scheme == "mqtts" else None
    user, own = unquote(parts.username or ""), unquote(parts.password or "")
    return Address(parts.hostname, port or (8883 if tls else 1883), tls, user, password or own)


def _tls(ca_file: str, cert_file: str, key_file: str) -> ssl.SSLContext:
    for name, path in (("ca_file", ca_file), ("cert_file", cert_file), ("key_file", key_file)):
        if path and not Path(path).is_file():
            raise BrokerError(say("broker.{name}: {path} is not a file", name=name, path=path))
    if bool(cert_file) != bool(key_file):
        raise BrokerError(say("broker: cert_file and key_file go together: one of them is missing"))
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
        if cert_file:
            context.load_cert_chain(cert_file, key_file)
    except (ssl.SSLError, OSError) as error:
        file = cert_file or ca_file
        raise BrokerError(say("broker: {file}: no use for TLS: {why}", file=file, why=why_tls(error))) from error
    return context


class _Desk:
    """What outlives a client: the queue of messages, the counters, and which version the broker speaks."""

    def __init__(self, protocol: MQTTProtocolVersion) -> None:
        self.arrived: queue.Queue[Message] = queue.Queue()
        self.protocol = protocol
        self.silent = 0
        self.connection = 0
        self._state = BearerState()
        self._lock = threading.Lock()

    def note(self, **changes: Any) -> None:
        """Set parts of the state; numbers are added."""
        with self._lock:
            old = {name: getattr(self._state, name) for name in BearerState.__struct_fields__}
            new = {name: old[name] + value if type(value) is int else value for name, value in changes.items()}
            self._state = BearerState(**{**old, **new})

    def state(self) -> BearerState:
        """How it fares now."""
        return self._state

    def refused(self, *, by_version: bool) -> None:
        """The broker did not let us in: decide which version to try next."""
        self.silent = 0 if by_version else self.silent + 1
        if by_version or self.silent >= _SILENT_CLOSINGS:
            self.silent = 0
            self.protocol = V3 if self.protocol == V5 else V5


class _Out(NamedTuple):
    """Something for the client to do: publish, or acknowledge a message of a connection."""

    topic: str = ""
    payload: bytes = b""
    ticket: tuple[int, int, int] = (0, 0, 0)


class _Network(threading.Thread):
    """One client at a time, and the thread that runs it. Nobody else touches the client, because paho writes to its
    socket from whichever thread asks: what is to be sent waits in a line of ours, and a bell wakes the thread.
    """

    def __init__(self, where: Address, desk: _Desk) -> None:
        super().__init__(name="mqtt", daemon=True)
        self.moved_s = time.monotonic()
        self.connection = 0
        self.client: Client | None = None
        self._where = where
        self._desk = desk
        self._line: collections.deque[_Out] = collections.deque()
        self._bell, self._hammer = socket.socketpair()
        for end in (self._bell, self._hammer):
            end.setblocking(False)
        self._ending = threading.Event()
        self._answered = False
        self._refusal = ""

    def run(self) -> None:
        """Connect, turn the loop, and again; ends only when given up."""
        try:
            self._for_ever()
        finally:
            self._bell.close()
            self._hammer.close()

    def put(self, some: Iterable[_Out]) -> None:
        """Let the client do these; dropped while there is no connection."""
        if self._answered:
            self._line.extend(some)
            self._ring()

    def _ring(self) -> None:
        with contextlib.suppress(OSError):  # a full bell has been rung, a closed one rings nobody
            self._hammer.send(b"!")

    def _for_ever(self) -> None:
        wait_s, soon = 0.5, 0
        while not self._ending.is_set():
            started = time.monotonic()
            self._answered, self._refusal = False, ""
            try:
                reason = self._connection()
            except Exception as error:  # noqa: BLE001 - whatever paho, TLS or the network does, the next try comes
                reason = why_not_connected(error)
            if self._ending.is_set():
                break
            stable = self._answered and time.monotonic() - started > _STABLE_S
            soon = 0 if stable or not self._answered else soon + 1
            reason += say(_RIVAL) if soon >= _SOON else ""  # not every broker says that it gave our place to another
            self._desk.note(connected=False, last_error=reason, **({} if self._answered else {"failures": 1}))
            log.warning("broker %s:%s: %s", self._where.host, self._where.port, reason)
            wait_s = 0.5 if stable else wait_s
            self._pause(random.uniform(wait_s / 2, wait_s))
            wait_s = min(wait_s * 2, _MOST_WAIT_S)

    def finish(self) -> None:
        """Disconnect and end."""
        self._ending.set()
        self._ring()
        self.join(_FAREWELL_S)

    def abandon(self) -> None:
        """End when it moves again; nobody waits for it."""
        self._ending.set()

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._ending.is_set() and (left := end - time.monotonic()) > 0:
            self.moved_s = time.monotonic()
            self._ending.wait(min(left, _LOOP_S))

    def _connection(self) -> str:
        """One connection from its first packet to its end; why it ended."""
        self._desk.connection += 1
        self.connection = self._desk.connection
        client = self._make_client()
        self._line.clear()  # of a connection that has ended: stations ask again
        self._connect(client)
        answer_by = time.monotonic() + _ANSWER_S
        while True:
            code = self._turn(client)
            self.moved_s = time.monotonic()
            if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
                if not self._answered and not self._refusal:
                    self._desk.refused(by_version=False)
                return self._refusal or say("the connection ended: {code}", code=code.name)
            if self._ending.is_set() and not self._line:
                client.disconnect()
                return say("finished")
            if not self._answered and self.moved_s > answer_by:
                return say("no answer within {answer_s:.0f} s", answer_s=_ANSWER_S)

    def _turn(self, client: Client) -> MQTTErrorCode:
        """Send what waits, then wait for the socket or the bell, then read and write."""
        while self._answered and self._line:
            out = self._line.popleft()
            if out.topic:
                client.publish(out.topic, out.payload, qos=1)
                self._desk.note(sent=1)
            elif out.ticket[0] == self.connection:
                client.ack(out.ticket[1], out.ticket[2])
        sock: Any = client.socket()
        if sock is None or sock.fileno() < 0:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        pending = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        poller = select.poll()
        poller.register(self._bell, select.POLLIN)
        poller.register(sock, select.POLLIN | (select.POLLOUT if client.want_write() else 0))
        happened = dict(poller.poll(0 if pending else _LOOP_S * 1000))
        if self._bell.fileno() in happened:
            self._bell.recv(4096)
        flags = happened.get(sock.fileno(), 0)
        code = MQTTErrorCode.MQTT_ERR_SUCCESS
        if pending or flags & (select.POLLIN | select.POLLHUP | select.POLLERR):
            code = client.loop_read()
        if code == MQTTErrorCode.MQTT_ERR_SUCCESS and flags & select.POLLOUT:
            code = client.loop_write()
        return client.loop_misc() if code == MQTTErrorCode.MQTT_ERR_SUCCESS else code

    def _connect(self, client: Client) -> None:
        where = self._where
        if self._desk.protocol == V5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_S
            properties.ReceiveMaximum = MAX_RECEIVING
            properties.MaximumPacketSize = 2 * MAX_BYTES
            client.connect(where.host, where.port, where.keepalive_s, clean_start=False, properties=properties)
        else:
            client.connect(where.host, where.port, where.keepalive_s)

    def _make_client(self) -> Client:
        where, protocol = self._where, self._desk.protocol
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=where.client_id,
            clean_session=False if protocol == V3 else None,
            protocol=protocol,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.suppress_exceptions = True  # they would end the thread and leave `is_connected()` true
        client.connect_timeout = _ANSWER_S
        client.max_inflight_messages_set(100)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        self.client = client
        client.on_disconnect = self._on_disconnect
        client.enable_logger(_logger(self._desk))
        if where.tls:
            client.tls_set_context(where.tls)
        if where.user:
            client.username_pw_set(where.user, where.password)
        return client

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._refusal = say("refused: {reason}", reason=why_refused(reason))
            self._desk.refused(by_version=reason.value == _UNSUPPORTED_VERSION)
            return
        self._answered, self._desk.silent = True, 0
        client.subscribe(topics.ALL_UP, qos=1)  # also when the session is there: the broker may have lost it

    def _on_subscribe(
        self, client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            names = {"topic": topics.ALL_UP, "why": why_refused(reasons[0]), "own": self._where.client_id}
            self._refusal = say("may not read {topic}: {why}: give {own} that right there", **names)
            client.disconnect()
            return
        name = "MQTT 5" if self._desk.protocol == V5 else "MQTT 3.1.1"
        self._desk.note(connected=True, connects=1, protocol=name, last_error="")
        log.info("broker %s:%s: connected, %s", self._where.host, self._where.port, name)

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        ticket = (self.connection, message.mid, message.qos)
        self._desk.arrived.put(Message(message.topic, bytes(message.payload), bool(message.retain), ticket))
        self._desk.note(received=1)

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure and not self._refusal:
            self._refusal = say("disconnected: {reason}", reason=why_refused(reason))


def _logger(desk: _Desk) -> logging.Logger:
    """Where paho logs: what matters goes on to our log, and an error is a callback that raised: it is counted."""

    def count(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR:
            desk.note(faults=1)
        return True

    logger = logging.Logger("mqtt", logging.WARNING)  # noqa: LOG001 - one for each desk, so that each counts its own
    logger.parent = log
    logger.addFilter(count)
    return logger


class MqttBearer:
    """The hub's connection to its broker; see the head of this file."""

    def __init__(self, where: Address) -> None:
        self.where = where
        self._desk = _Desk(V3 if where.old else V5)
        self._network: _Network | None = None

    def open(self) -> None:
        """Begin to connect; returns at once, and reconnects for ever."""
        self._network = _Network(self.where, self._desk)
        self._network.start()

    def take(self, limit: int, timeout_s: float) -> Sequence[Message]:
        """What has come, at most `limit` messages; waits for the first one. A thread that stands still is replaced."""
        self._look_after()
        arrived: list[Message] = []
        with contextlib.suppress(queue.Empty):
            arrived.append(self._desk.arrived.get(timeout=timeout_s))
            while len(arrived) < limit:
                arrived.append(self._desk.arrived.get_nowait())
        return arrived

    def done(self, messages: Sequence[Message]) -> None:
        """Acknowledge; what came by a connection that has ended comes again by itself."""
        if self._network is not None:
            self._network.put(_Out(ticket=message.ticket) for message in messages if message.ticket[2])

    def send(self, topic: str, payload: bytes) -> None:
        """Send at least once, as far as the connection lasts; dropped without one, because stations ask again."""
        if self._network is not None:
            self._network.put([_Out(topic, payload)])

    def state(self) -> BearerState:
        """How the connection fares."""
        return self._desk.state()

    def close(self) -> None:
        """Disconnect in order, within a few seconds."""
        if self._network is not None:
            self._network.finish()
            self._network = None

    def _look_after(self) -> None:
        network = self._network
        if network is None:
            return
        still_s = time.monotonic() - network.moved_s
        if network.is_alive() and still_s < 2 * _ANSWER_S:
            return
        reason = say("has stood still for {still_s:.0f} s", still_s=still_s) if network.is_alive() else say("ended")
        log.error("broker: the network thread %s: a new one takes its place", reason)
        network.abandon()
        self._desk.note(connected=False, rebuilt=1, last_error=f"the network thread {reason}")
        self.open()
