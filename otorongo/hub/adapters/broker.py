"""The embedded broker (amqtt, MQTT 3.1.1), in a thread with its own loop.

Without stations' certificates it listens on loopback only, and whoever is on this machine may send. With them it also
listens to the outside, by TLS with a certificate on both sides: the name in the certificate is the station, and reaches
its own topics alone. The hub itself comes by loopback with a password made at each start; then nobody else may.
"""

import asyncio
import contextlib
import contextvars
import logging
import secrets
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from amqtt.adapters import ReaderAdapter, WriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import Action, BaseContext, BrokerConfig, ListenerConfig
from amqtt.errors import AMQTTError
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from otorongo.hub.errors import BrokerError
from otorongo.hub.ports import HUB, is_loopback
from otorongo.language import say, why
from otorongo.wire import topics
from otorongo.wire.batch import MAX_BYTES
from otorongo.wire.errors import WireError

log = logging.getLogger(__name__)

_START_S: Final = 20.0
_STOP_S: Final = 10.0
_CONNECT_S: Final = 90.0
_CONNECT: Final = 0x10
_LEVEL_311: Final = 4
_LEVEL_5: Final = 5
_UNSUPPORTED_VERSION: Final = bytes([0x20, 3, 0, 0x84, 0])
"""CONNACK of MQTT 5, so that the client tries 3.1.1 at once."""
_MOST_BYTES: Final = 2 * MAX_BYTES
_peer: contextvars.ContextVar[str] = contextvars.ContextVar("otorongo_peer", default="")
"""Name in the certificate of the connection whose task this is; empty on loopback."""


class Certificates(NamedTuple):
    """What the outside listener needs, as `otorongo-hub station add` makes it."""

    ca_file: Path
    crl_file: Path
    cert_file: Path
    key_file: Path


def certificates(pki: Path) -> Certificates | None:
    """Those of a `pki` folder, or None if no station has been added yet."""
    found = Certificates(pki / "ca.crt", pki / "crl.pem", pki / "broker" / "broker.crt", pki / "broker" / "broker.key")
    return found if all(path.is_file() for path in found) else None


class AmqttBroker:
    """A broker in this process; see the head of this file."""

    def __init__(self, listen: str = "127.0.0.1:1883", *, certificates: Certificates | None = None) -> None:
        host, _, port = listen.rpartition(":")
        if not host or not port.isdecimal():
            raise BrokerError(
                say(
                    "broker.listen: {listen!r}: write ADDRESS:PORT, such as 127.0.0.1:1883 or 0.0.0.0:8883",
                    listen=listen,
                )
            )
        self.closed = not is_loopback(host.strip("[]"))
        """True: stations come from outside, with certificates; on loopback the hub alone."""
        if self.closed and certificates is None:
            raise BrokerError(
                say(
                    "broker.listen: {listen} is not on loopback, and no station has a certificate yet: "
                    "otorongo-hub station add NAME makes one; until then listen on 127.0.0.1:1883",
                    listen=listen,
                )
            )
        self.listen = listen
        self.user, self.password = HUB, secrets.token_urlsafe(24)
        self.port = 0
        """Of the loopback listener, once started."""
        self._certificates = certificates
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._over: asyncio.Event | None = None
        self._error = ""

    def start(self) -> None:
        """Listen; returns when it does. Raises BrokerError."""
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_S):
            raise BrokerError(say("broker: not listening after {start_s:.0f} s", start_s=_START_S))
        if self._error:
            raise BrokerError(say("broker on {listen}: {error}", listen=self.listen, error=self._error))
        log.info(
            "broker: listening on %s, %s",
            self.listen,
            say("by certificate") if self.closed else say("this machine alone"),
        )

    def alive(self) -> bool:
        """True while it listens and its loop turns."""
        loop = self._loop
        if loop is None or self._thread is None or not self._thread.is_alive():
            return False
        turned = threading.Event()
        loop.call_soon_threadsafe(turned.set)
        return turned.wait(_STOP_S)

    def stop(self) -> None:
        """End every connection and its thread."""
        if self._loop is not None and self._over is not None and self._thread is not None:
            if self._thread.is_alive():
                self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join(_STOP_S)
        self._thread = None

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # whatever amqtt raises ends this thread alone: `alive` says so, and the hub ends
            self._error = self._error or f"{type(error).__name__}: {error}"
            log.exception("broker: ended")
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        mine, crl_file = self._certificates, None
        listeners = {"default": ListenerConfig(bind=self.listen)}
        if self.closed and mine is not None:
            crl_file = mine.crl_file
            listeners = {
                "default": ListenerConfig(bind="127.0.0.1:0"),
                "outside": ListenerConfig(
                    bind=self.listen, ssl=True, cafile=mine.ca_file, certfile=mine.cert_file, keyfile=mine.key_file
                ),
            }
        gate = {"hub": self.user, "password": self.password, "closed": self.closed}
        plugins = {f"{__name__}.Gate": gate, f"{__name__}.Topics": {"hub": self.user}}
        broker = _Broker(BrokerConfig(listeners=listeners, plugins=plugins), crl_file=crl_file)
        try:
            await broker.start()
        except Exception as error:  # noqa: BLE001 - amqtt raises many kinds
            cause = error.__cause__
            self._error = why(cause if isinstance(cause, Exception) else error)
            return
        self.port = broker.port()
        self._ready.set()
        await self._over.wait()
        await broker.shutdown()


class _Bounded(ReaderAdapter):  # type: ignore[misc]  # amqtt ships no types
    """Reads a connection's first packet ahead, and never more in one go than a message of ours may have."""

    def __init__(self, reader: ReaderAdapter) -> None:
        self._reader = reader
        self._ahead = b""

    async def protocol_level(self) -> int:
        """The MQTT level that the first packet asks for; 0: it is no CONNECT."""
        head = await self._reader.read(2)
        while head[-1] & 0x80 and len(head) < 5:
            head += await self._reader.read(1)
        length = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(head[1:]))
        if head[0] != _CONNECT or not 10 <= length <= _MOST_BYTES:
            return 0
        self._ahead = head + await self._reader.read(length)
        body = self._ahead[len(head) :]
        return body[6] if body[:6] == b"\0\4MQTT" else 0

    async def read(self, n: int = -1) -> bytes:
        """Exactly `n` bytes. Raises AMQTTError if that is more than a message may have."""
        if n > _MOST_BYTES:
            raise AMQTTError(f"a packet of {n} bytes: at most {_MOST_BYTES}")
        if self._ahead and n > 0:
            part, self._ahead = self._ahead[:n], self._ahead[n:]
            return part if len(part) == n else part + bytes(await self._reader.read(n - len(part)))
        return bytes(await self._reader.read(n))

    def feed_eof(self) -> None:
        """Nothing more comes."""
        self._reader.feed_eof()


class _Broker(Broker):  # type: ignore[misc]
    """amqtt's broker with what it lacks: both certificates and the revocation list are checked, and nobody takes over a
    session, or ends one, under another name than the one in their certificate.
    """

    def __init__(self, config: BrokerConfig, *, crl_file: Path | None) -> None:
        super().__init__(config)
        # amqtt makes the context in a static method; an attribute of the object hides it.
        self._create_ssl_context: Callable[[ListenerConfig], ssl.SSLContext] = lambda listener: _tls(listener, crl_file)

    def port(self) -> int:
        """Of the loopback listener."""
        return int(self._servers["default"].instance.sockets[0].getsockname()[1])

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """One connection from its beginning to its end; however it ends, its socket is closed."""
        try:
            await super().stream_connected(reader, writer, listener_name)
        except asyncio.CancelledError:
            log.debug("broker: a connection ends with the broker")  # asyncio would print a trace for each
        finally:
            writer.transport.abort()

    async def _client_connected(self, listener_name: str, reader: ReaderAdapter, writer: WriterAdapter) -> None:
        _peer.set(_name_of(writer))
        first = _Bounded(reader)
        try:
            level = await asyncio.wait_for(first.protocol_level(), _CONNECT_S)
            if level == _LEVEL_5:
                writer.write(_UNSUPPORTED_VERSION)  # amqtt would wait for more bytes, and the client for ever
                await writer.drain()
        except (TimeoutError, OSError, EOFError, AMQTTError):
            level = 0
        if level != _LEVEL_311:
            with contextlib.suppress(OSError):
                await writer.close()
            return
        await super()._client_connected(listener_name, first, writer)

    async def _initialize_client_session(
        self, reader: ReaderAdapter, writer: WriterAdapter, remote_address: str, remote_port: int
    ) -> tuple[Any, Session]:
        handler, session = await super()._initialize_client_session(reader, writer, remote_address, remote_port)
        session.ssl_object = writer.get_ssl_info()  # a resumed session would keep that of its last connection
        if _peer.get() not in ("", session.client_id):
            await writer.close()
            raise AMQTTError(f"{_peer.get()} connects as {session.client_id!r}")
        if session.will_flag and session.will_topic != f"{topics.ROOT}/{session.client_id}/{topics.STATUS}":
            # amqtt sends a last will without asking who may write there: receipts and rows of others, in their name
            await writer.close()
            raise AMQTTError(f"{session.client_id!r} leaves a last will on {session.will_topic!r}")
        return handler, session

    async def _delete_session(self, client_id: str) -> None:
        if _peer.get() not in ("", client_id):
            raise AMQTTError(f"{_peer.get()} may not end the session of {client_id!r}")
        await super()._delete_session(client_id)


def _tls(listener: ListenerConfig, crl_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=listener.cafile)
    context.load_cert_chain(str(listener.certfile), str(listener.keyfile))
    context.verify_mode = ssl.CERT_REQUIRED
    if crl_file is not None:
        context.load_verify_locations(cafile=crl_file)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return context


def _name_of(writer: WriterAdapter) -> str:
    secured = writer.get_ssl_info()
    subject = (secured.getpeercert() or {}).get("subject", ()) if secured else ()
    names = [value for part in subject for key, value in part if key == "commonName"]
    return str(names[0]) if names else ""


class Gate(BaseAuthPlugin):  # type: ignore[misc]
    """Who may connect: a certificate's name, the hub by its password, and on loopback anybody while not `closed`."""

    @dataclass
    class Config:
        """`closed`: on loopback the hub alone."""

        hub: str = HUB
        password: str = ""
        closed: bool = True

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._mine: Gate.Config = context.config

    async def authenticate(self, *, session: Session) -> bool:
        """True if this connection may be; its user is then the name by which topics are judged."""
        name, mine = _peer.get(), self._mine
        if session.ssl_object is not None:
            session.username = name
            return bool(name) and name == session.client_id
        if session.username == mine.hub:
            return secrets.compare_digest((session.password or "").encode(), mine.password.encode())
        session.username = ""
        return not mine.closed


class Topics(BaseTopicPlugin):  # type: ignore[misc]
    """Who may do what: a station its own topics, up to write and down to read; the hub the other way round."""

    @dataclass
    class Config:
        """`hub`: the hub's user."""

        hub: str = HUB

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._hub: str = context.config.hub

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        """True if the session's user may do this with this topic, or filter."""
        user = (session.username if session else None) or ""
        if user == self._hub:
            return topic == topics.ALL_UP if action == Action.SUBSCRIBE else _leaf(topic, user)[1] is not None
        up = action == Action.PUBLISH
        station, leaf = _leaf(topic, user)
        if leaf is None:  # a filter such as ot/1/K-02/d/#
            return not up and bool(user) and topic == f"{topics.ROOT}/{user}/d/#"
        return leaf.startswith("u/" if up else "d/") and user in ("", station)


def _leaf(topic: str | None, user: str) -> tuple[str, str | None]:
    """Station and leaf of a topic; no leaf if it is none of version 1."""
    try:
        return topics.parse(topic or "")
    except WireError:
        return user, None
