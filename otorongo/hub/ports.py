"""Every edge of the hub in one file: what a driver must do, and nothing about how."""

import ipaddress
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

# ---- the bearer: the way to the stations ----

HUB: str = "otorongo.hub"
"""The hub's name at the broker: in its certificate, and as its client id."""


def is_loopback(host: str) -> bool:
    """True for an address that only this machine reaches."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Message(Struct, frozen=True):
    """Something that came from a station, and the ticket by which it is called done."""

    topic: str
    payload: bytes
    retained: bool = False
    """The broker kept it: it says nothing of now."""
    ticket: tuple[int, int, int] = (0, 0, 0)


class BearerState(Struct, frozen=True):
    """How the connection fares."""

    connected: bool = False
    protocol: str = ""
    received: int = 0
    sent: int = 0
    faults: int = 0
    """Exceptions in callbacks: counted, logged, survived."""
    connects: int = 0
    failures: int = 0
    rebuilt: int = 0
    """How often the network thread stood still or ended, and a new one took its place."""
    last_error: str = ""


class Bearer(Protocol):
    """The connection to the broker. A message is acknowledged only when it is called done."""

    def open(self) -> None:
        """Begin to connect; returns at once, and reconnects for ever."""

    def take(self, limit: int, timeout_s: float) -> Sequence[Message]:
        """What has come, at most `limit` messages; waits for the first one."""

    def done(self, messages: Sequence[Message]) -> None:
        """What these messages cause is committed: the broker may forget them."""

    def send(self, topic: str, payload: bytes) -> None:
        """Send at least once, as far as the connection lasts."""

    def state(self) -> BearerState:
        """How the connection fares."""

    def close(self) -> None:
        """Disconnect in order, within a few seconds."""


# ---- the embedded broker ----


class EmbeddedBroker(Protocol):
    """A broker in this process."""

    def start(self) -> None:
        """Listen; returns when it does. Raises BrokerError."""

    def alive(self) -> bool:
        """True while it listens and its loop turns."""

    def stop(self) -> None:
        """End every connection and its thread."""


# ---- the way to people ----


class Outgoing(Struct, frozen=True):
    """One message to one person by one channel."""

    delivery: str
    """UUID: the same however often it is sent."""
    title: str
    text: str


class Sent(Struct, frozen=True):
    """What became of a send."""

    ok: bool
    error: str = ""
    """Why not; never with an address, which is a secret."""
    retry_after_s: float | None = None
    """The channel asked to wait so long."""
    possible_repeat: bool = False
    """It may have arrived all the same."""


class Messenger(Protocol):
    """Whatever sends messages. Safe to use from several threads."""

    def send(self, url: str, message: Outgoing, timeout_s: float) -> Sent:
        """Send to an address; says what went wrong, and never raises."""
