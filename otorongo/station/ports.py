"""Every edge of a station in one file: what a driver must do, and nothing about how.

Time comes in through these ports too, so that a test can hold the clock.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from otorongo.wire.codes import Clock

# ---- the board: what the station knows of itself ----

UNBOUNDED_MS = 1 << 31
"""How wrong a clock is that nobody has checked."""


class ClockReading(Struct, frozen=True):
    """Time since boot, and what is known of UTC at that moment."""

    t_ms: int
    """Milliseconds since boot (CLOCK_BOOTTIME, counts through sleep)."""
    utc_ms: int = 0
    """UTC in ms since 1970; 0: not known."""
    state: int = Clock.UNSET
    """`codes.Clock`: what set the clock."""
    bound_ms: int = UNBOUNDED_MS
    """How wrong `utc_ms` is at most."""

    @property
    def utc0_ms(self) -> int:
        """UTC of boot in ms since 1970; 0: not known."""
        return max(0, self.utc_ms - self.t_ms) if self.utc_ms and self.state != Clock.UNSET else 0

    def hour_of_day(self, t_ms: int) -> int | None:
        """Which hour of the day (UTC) a time since boot was, 0 to 23; None while nobody has set the clock."""
        if self.state < Clock.RTC or not self.utc0_ms:
            return None
        return (self.utc0_ms + t_ms) // 3_600_000 % 24


class Vitals(Struct, frozen=True):
    """How the station fares; 0 stands for what cannot be measured here."""

    temperature_dc: int = 0
    """Processor temperature in 0.1 degC."""
    disk_free_mb: int = 0
    battery_mv: int = 0


class Board(Protocol):
    """The computer itself."""

    def boot_id(self) -> str:
        """Another text after every boot."""

    def clock(self) -> ClockReading:
        """The time now."""

    def vitals(self) -> Vitals:
        """Temperature, room on the card, battery."""


class Signer(Protocol):
    """The key that seals the chain; only the uplink process has it."""

    @property
    def public_key(self) -> bytes:
        """Ed25519, 32 bytes."""

    def sign(self, data: bytes) -> bytes:
        """64 bytes."""


Notify = Callable[[str], None]
"""Tells the service manager something: `READY=1`, `STATUS=...`, `WATCHDOG=1`."""


# ---- the transport: the way to the hub ----


class Connected(Struct, frozen=True):
    """The broker answered, and the subscriptions are asked for."""

    protocol: str
    """Such as `MQTT 5`."""
    sure: bool = True
    """The broker speaks nothing newer; may be remembered."""


class Lost(Struct, frozen=True):
    """The connection ended, or could not be made."""

    reason: str


class Arrived(Struct, frozen=True):
    """A message from the hub."""

    leaf: str
    """Last part of the topic, one of `otorongo.wire.topics`."""
    payload: bytes


class Acked(Struct, frozen=True):
    """The broker has a message. This empties nothing: only a receipt of the hub does."""

    ticket: int
    problem: str = ""
    """Why the broker refused it; empty: it did not."""


Happening = Connected | Lost | Arrived | Acked


class Traffic(Struct, frozen=True):
    """What went over the air since the process started, headers of TCP, IP and TLS included."""

    up: int = 0
    """Bytes."""
    down: int = 0
    """Bytes."""
    connects: int = 0
    failures: int = 0
    """Connections that could not be made."""


class Transport(Protocol):
    """A bearer that reconnects by itself, for ever."""

    def open(self) -> None:
        """Begin to connect, and return at once."""

    def wait(self, timeout_s: float) -> Sequence[Happening]:
        """What happened, in order; waits up to `timeout_s` for the first."""

    def send(self, leaf: str, payload: bytes, *, retain: bool = False) -> int:
        """Hand a message over and return its ticket, which `Acked` names later."""

    def traffic(self) -> Traffic:
        """The counters."""

    def rebuild(self, reason: str) -> None:
        """Give the connection up as wedged and make a new one."""

    def close(self, farewell: bytes = b"") -> None:
        """Say the farewell (a status), if any, and end. The last will is not sent then."""
