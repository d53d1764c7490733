"""One MQTT client (paho) at a time, and the thread that runs it. Which version is tried when: `mqtt_version`."""

import collections
import contextlib
import logging
import os
import queue
import random
import select
import socket
import ssl
import struct
import threading
import time
from typing import Any, Final, NamedTuple

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from otorongo.language import say, why_not_connected, why_refused
from otorongo.station.adapters.mqtt_version import Mode, Outcome, after, at_once
from otorongo.station.ports import Acked, Arrived, Connected, Happening, Lost, Traffic
from otorongo.wire import status, topics
from otorongo.wire.batch import MAX_BYTES
from otorongo.wire.errors import BadMessage

log = logging.getLogger(__name__)

V5: Final = MQTTProtocolVersion.MQTTv5
V3: Final = MQTTProtocolVersion.MQTTv311
SESSION_S: Final = 7 * 86_400
MAX_QUEUED: Final = 64
MAX_ARRIVED: Final = 256
_LOOP_S: Final = 1.0
_STABLE_S: Final = 60.0
_QUICK_S: Final = 5.0
"""How long the first word of a broker may take before it is asked in simpler terms."""
_UNSUPPORTED_VERSION: Final = 0x84  # paho gives this reason for the 1 of an old broker, too
FAREWELL_S: Final = 5.0
_SEGMENT_BYTES: Final = 52
"""IPv4 and TCP with time stamps."""
_TCP_INFO_BYTES: Final = 144
_TCP_INFO: Final = struct.Struct("=QQII")
_TCP_INFO_AT: Final = 120


class Settings(NamedTuple):
    """Where and how to connect."""

    station: str
    host: str
    port: int
    tls: ssl.SSLContext | None
    login: tuple[str, str]
    """User and password; empty: none."""
    keepalive_s: int
    connect_wait_s: float
    reconnect_max_s: float


class _Outgoing(NamedTuple):
    """A message on its way to the client."""

    ticket: int
    topic: str
    payload: bytes
    retain: bool


class _Bell:
    """Wakes a thread that waits in select; may be rung by anybody at any time, also after its end."""

    def __init__(self) -> None:
        self.ear, self._hammer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._lock = threading.Lock()
        self._open = True

    def ring(self) -> None:
        with self._lock, contextlib.suppress(BlockingIOError):  # a full pipe has been rung
            if self._open:
                os.write(self._hammer, b"x")

    def heard(self) -> None:
        os.read(self.ear, 4096)

    def close(self) -> None:
        with self._lock:
            if self._open:
                self._open = False
                os.close(self.ear)
                os.close(self._hammer)


class Desk:
    """What outlives a client: the queue of happenings, the counters, and which version the broker speaks."""

    def __init__(self) -> None:
        self.happenings: queue.Queue[Happening] = queue.Queue()
        self.past = Traffic()
        """Of connections that have ended."""
        self.mode = Mode.TRY_5
        self._lock = threading.Lock()

    def count(self, *, up: int = 0, down: int = 0, connects: int = 0, failures: int = 0) -> None:
        """Add to the counters."""
        with self._lock:
            past = self.past
            self.past = Traffic(past.up + up, past.down + down, past.connects + connects, past.failures + failures)

    def learn(self, outcome: Outcome) -> bool:
        """What a connection taught about the broker; returns whether the next one need not wait."""
        before, self.mode = self.mode, after(self.mode, outcome)
        if self.mode != before:
            log.info("mqtt: %s (%s); next: %s", say(before.value), say(outcome.value), say(self.mode.value))
        return at_once(before, self.mode)


class _Client(Client):
    """paho's client, but a failed TLS handshake closes its socket at once and is bounded by the connect time-out in
    every version of paho.
    """

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        context = self._ssl_context
        if context is None:
            raise ValueError("TLS without a context")
        sock = context.wrap_socket(tcp_sock, server_hostname=self.host, do_handshake_on_connect=False)
        try:
            sock.settimeout(self.connect_timeout)
            sock.do_handshake()
        except BaseException:
            sock.close()
            raise
        return sock


class Network(threading.Thread):
    """One client at a time, and the thread that runs it. Nobody else touches the client: what is to be sent waits in
    a line of ours, and a pipe wakes the thread.
    """

    def __init__(self, settings: Settings, desk: Desk) -> None:
        super().__init__(name="mqtt", daemon=True)
        self.moved_s = time.monotonic()
        """When the thread last did something."""
        self.traffic = (0, 0)
        """Bytes up and down on the present connection."""
        self._settings = settings
        self._desk = desk
        self._given_up = threading.Event()
        self._leaving = False
        self._line: collections.deque[_Outgoing] = collections.deque()
        self._bell = _Bell()
        self._socket: socket.socket | None = None
        self._tickets: dict[int, int] = {}
        self._answered = False
        self._mode = desk.mode
        self._outcome = Outcome.SILENT
        self._ended = ""

    # ---- the thread ----

    def run(self) -> None:
        """Connect, turn the loop, and again; ends only when given up."""
        try:
            self._for_ever()
        finally:
            self._bell.close()

    def _for_ever(self) -> None:
        delay_s = 1.0
        while not self._given_up.is_set():
            started = time.monotonic()
            self._mode, self._answered, self._outcome, self._ended = self._desk.mode, False, Outcome.SILENT, ""
            hurry = False
            try:
                reason = self._connection()
                hurry = not self._answered and self._desk.learn(self._outcome)
            except Exception as error:  # noqa: BLE001 - whatever paho, TLS or the network does, the next try comes
                reason = f"{why_not_connected(error)}{_hint(error)}"
            self._count_connection()
            if self._given_up.is_set():
                break
            if not hurry:
                self._put(Lost(reason))
                delay_s = 1.0 if self._answered and time.monotonic() - started > _STABLE_S else delay_s
                self._pause(random.uniform(delay_s / 2, delay_s))
                delay_s = min(delay_s * 2, self._settings.reconnect_max_s)

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._given_up.is_set() and (left := end - time.monotonic()) > 0:
            self.moved_s = time.monotonic()
            self._given_up.wait(min(left, _LOOP_S))

    def _connection(self) -> str:
        """One connection from its first packet to its end; returns why it ended."""
        self.moved_s = time.monotonic()
        client = self._make_client()
        self._line.clear()  # of a connection that has ended: its sender was told, and sends again
        self._connect(client)
        wait_s = self._settings.connect_wait_s
        answer_by = time.monotonic() + (min(_QUICK_S, wait_s) if self._mode == Mode.TRY_5 else wait_s)
        while not self._given_up.is_set():
            code = self._turn(client)
            self.moved_s = time.monotonic()
            if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return self._ended or code.name
            if not self._answered and time.monotonic() > answer_by:
                return "no answer of the broker in time"
            if self._leaving and not self._line and not self._tickets:
                client.disconnect()
                self._given_up.set()
        return "given up"

    def _connect(self, client: Client) -> None:
        host, port, keepalive_s = self._settings.host, self._settings.port, self._settings.keepalive_s
        if self._mode == Mode.ASK:
            client.connect(host, port, keepalive_s)
        elif self._mode in (Mode.TRY_5, Mode.V5):
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_S
            properties.MaximumPacketSize = 2 * MAX_BYTES
            client.connect(host, port, keepalive_s, clean_start=False, properties=properties)
        else:
            client.connect(host, port, keepalive_s)
        sock = client.socket()
        self._socket = sock if isinstance(sock, socket.socket) else None

    def _turn(self, client: Client) -> MQTTErrorCode:
        """Send what waits, then wait for the socket or the pipe, then read and write once."""
        while self._answered and self._line:
            out = self._line.popleft()
            info = client.publish(out.topic, out.payload, qos=1, retain=out.retain)
            if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
                self._put(Acked(out.ticket, "the queue is full"))
            else:
                self._tickets[info.mid] = out.ticket
        sock = self._socket
        if sock is None or sock.fileno() < 0:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        pending = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        writers = [sock] if client.want_write() else []
        readers: list[socket.socket | int] = [sock, self._bell.ear]
        readable, writable, _ = select.select(readers, writers, [], 0 if pending else _LOOP_S)
        if self._bell.ear in readable:
            self._bell.heard()
        code = client.loop_read() if sock in readable or pending else MQTTErrorCode.MQTT_ERR_SUCCESS
        if code == MQTTErrorCode.MQTT_ERR_SUCCESS and writable:
            code = client.loop_write()
        if code == MQTTErrorCode.MQTT_ERR_SUCCESS:
            code = client.loop_misc()
        self._measure(sock)
        return code

    def _make_client(self) -> Client:
        settings = self._settings
        v3 = self._mode in (Mode.TRY_3, Mode.V3)
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.station + ("-hello" if self._mode == Mode.ASK else ""),
            clean_session=False if v3 else None,
            protocol=V3 if v3 else V5,
            reconnect_on_failure=False,
        )
        client.suppress_exceptions = True
        client.connect_timeout = settings.connect_wait_s
        client.max_inflight_messages_set(20)
        client.max_queued_messages_set(MAX_QUEUED)
        client.enable_logger(logging.getLogger(f"{__name__}.paho"))
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        if settings.tls:
            client.tls_set_context(settings.tls)
        if self._mode != Mode.ASK:
            if settings.login[0]:
                client.username_pw_set(*settings.login)
            will = status.encode(status.Status("offline"))
            client.will_set(topics.topic(settings.station, topics.STATUS), will, qos=1, retain=True)
        self._tickets = {}
        return client

    # ---- callbacks: they only lay things into the queue ----

    def _put(self, happening: Happening) -> None:
        if not self._given_up.is_set():
            self._desk.happenings.put(happening)

    def _on_connect(
        self, client: Client, _: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._ended = say("the broker refused: {reason}", reason=why_refused(reason))
            self._outcome = Outcome.BY_VERSION if reason.value == _UNSUPPORTED_VERSION else Outcome.REFUSED
            return
        self._outcome = Outcome.ACCEPTED
        if self._mode == Mode.ASK:
            self._ended = "asked"
            client.disconnect()
            return
        self._answered = True
        self._desk.count(connects=1)
        self._desk.learn(self._outcome)
        down = (topics.RECEIPT, topics.WANTS)
        client.subscribe([(topics.topic(self._settings.station, leaf), 1) for leaf in down])
        name = "MQTT 3.1.1" if self._mode in (Mode.TRY_3, Mode.V3) else "MQTT 5"
        self._put(Connected(name, sure=self._mode != Mode.TRY_3))

    def _on_disconnect(
        self, client: Client, _: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._ended = self._ended or say("disconnected: {reason}", reason=why_refused(reason))

    def _on_message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        try:
            station, leaf = topics.parse(message.topic)
        except BadMessage:
            return
        if station == self._settings.station and len(message.payload) <= MAX_BYTES:
            if self._desk.happenings.qsize() < MAX_ARRIVED:
                self._put(Arrived(leaf, bytes(message.payload)))
            else:
                log.warning("mqtt: too many messages wait; one on %s is passed over", leaf)

    def _on_publish(self, client: Client, _: Any, mid: int, reason: ReasonCode, properties: Properties | None) -> None:
        ticket = self._tickets.pop(mid, None)
        if ticket is not None:
            self._put(Acked(ticket, why_refused(reason) if reason.is_failure else ""))

    # ---- from outside ----

    def send(self, ticket: int, topic: str, payload: bytes, *, retain: bool) -> None:
        """Hand a message over."""
        self._line.append(_Outgoing(ticket, topic, payload, retain))
        self._bell.ring()

    def finish(self, farewell: bytes) -> None:
        """Send the farewell, wait a little until the broker has it, and disconnect."""
        if farewell and self._answered:
            self.send(0, topics.topic(self._settings.station, topics.STATUS), farewell, retain=True)
        self._leaving = True
        self._bell.ring()
        if self._answered:
            self.join(FAREWELL_S)
        self._given_up.set()
        self._bell.ring()
        self.join(2 * _LOOP_S)

    def abandon(self) -> None:
        """Let the thread go: it ends by itself when whatever it hangs in returns."""
        self._given_up.set()
        sock = self._socket
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._bell.ring()

    # ---- bytes ----

    def _measure(self, sock: socket.socket) -> None:
        """Ask the kernel what went over this connection (`struct tcp_info`: bytes acked, received, segments)."""
        with contextlib.suppress(OSError, struct.error):
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
            up, down, out, into = _TCP_INFO.unpack_from(info, _TCP_INFO_AT)
            self.traffic = (up + out * _SEGMENT_BYTES, down + into * _SEGMENT_BYTES)

    def _count_connection(self) -> None:
        up, down = self.traffic
        self.traffic = (0, 0)
        self._socket = None
        self._desk.count(up=up, down=down, failures=0 if self._answered else 1)


def _hint(error: Exception) -> str:
    """What a failed TLS handshake means most of the time."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return " " + say("(the broker's certificate is not of ca_file, or is for another name, or this clock is wrong)")
    if isinstance(error, ssl.SSLError):
        return " " + say("(the broker speaks no TLS on this port, or refuses this station's certificate)")
    return ""
