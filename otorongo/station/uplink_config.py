"""The section `[uplink]` of station.toml as a frozen value."""

from typing import Annotated, NamedTuple
from urllib.parse import unquote, urlsplit

from msgspec import Meta, Struct

from otorongo.language import say
from otorongo.station.errors import TransportError
from otorongo.station.redact import without_secrets

DAY_S = 86_400


class UplinkConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the station reaches its hub."""

    broker: str
    """`mqtts://host:port` (TLS, 8883 if no port is said) or `mqtt://host:port` (1883)."""
    key_file: str = ""
    """The station's private key, PEM; with `cert_file`."""
    cert_file: str = ""
    """The station's certificate, PEM; its common name is the station's name."""
    ca_file: str = ""
    """Who signed the hub's certificate, PEM; empty: the system's authorities."""
    user: str = ""
    """User name at the broker; empty: the station's name, if there is a password."""
    password_file: str = ""
    """First line: the password at the broker."""
    keepalive_s: Annotated[int, Meta(ge=10, le=65_535)] = 900
    """Silence after which a ping travels; each costs about 200 bytes."""
    connect_wait_s: Annotated[int, Meta(ge=1, le=600)] = 90
    """How long TCP, TLS and the broker's answer may take, each."""
    reconnect_max_s: Annotated[int, Meta(ge=1, le=DAY_S)] = 300
    """Longest pause between two attempts to connect."""
    daily_bytes: Annotated[int, Meta(ge=0)] = 100_000
    """What may travel in a day. Records always go; evidence waits for tomorrow when this is spent."""
    resend_after_s: Annotated[int, Meta(ge=1, le=DAY_S)] = 60
    """A batch without receipt travels again after this, or after four round trips if they take longer."""
    heartbeat_s: Annotated[int, Meta(ge=10, le=DAY_S)] = 3600
    """How often the station says that it lives."""
    seal_key_file: str = ""
    """Ed25519 key of the seals, PEM, made if missing; empty: `seal.key` in the data folder."""
    keep_days: Annotated[int, Meta(ge=0, le=3650)] = 30
    """Threat records that the hub has committed but not yet marked safe are kept so long, even on a full card."""


class Endpoint(NamedTuple):
    """Where the broker is."""

    host: str
    port: int
    tls: bool


def endpoint(broker: str) -> Endpoint:
    """The parts of `mqtts://host:port`. Raises TransportError, which says what is allowed."""
    allowed = say("allowed: mqtts://host[:port] or mqtt://host[:port]")
    try:
        parts = urlsplit(broker)
        port = parts.port
    except ValueError as error:
        raise TransportError(
            say(
                "uplink.broker {broker!r} is not an address of a broker ({allowed})",
                broker=without_secrets(broker),
                allowed=allowed,
            )
        ) from error
    if parts.username or parts.password:
        raise TransportError(
            say(
                "uplink.broker: no user or password in the address: use user and password_file ({allowed})",
                allowed=allowed,
            )
        )
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise TransportError(
            say("uplink.broker {broker!r} is not an address of a broker ({allowed})", broker=broker, allowed=allowed)
        )
    tls = parts.scheme == "mqtts"
    return Endpoint(unquote(parts.hostname), port or (8883 if tls else 1883), tls)
