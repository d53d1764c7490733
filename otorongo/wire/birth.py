"""Who a station is: software, bundles, position, sensors. Retained on `u/b`; rows name its parts by number."""

import hashlib
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from otorongo.wire.errors import BadMessage, BadValue
from otorongo.wire.message import pack, unpack
from otorongo.wire.rows import U8, U16, U32

MAX_BYTES: Final = 8192
KEY_BYTES: Final = 32

Name = Annotated[str, Meta(max_length=80)]


class Bundle(Struct, frozen=True, omit_defaults=True):
    """A model that the station runs; rows name it by its place in the birth's list."""

    name: Name
    version: U16
    digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    """SHA-256 of the bundle's manifest, in hex."""
    validated: bool = False
    """Of one that names animals: somebody has measured it on animals of the region. False does not travel."""


class Sensor(Struct, frozen=True):
    """A microphone or a camera; rows name it by its number."""

    number: U8
    kind: Literal["microphone", "camera"]
    driver: Name
    bundle: U8 = 0
    """Place in the list of bundles."""


class Birth(Struct, frozen=True):
    """Sent on connecting, on change and when the hub asks. A field that is newer than the reader is passed over;
    the hub keeps the whole payload.
    """

    outbox: U32
    boot: U16
    software: Name
    """`otorongo 0.1.0`."""
    bundles: Annotated[tuple[Bundle, ...], Meta(max_length=16)] = ()
    sensors: Annotated[tuple[Sensor, ...], Meta(max_length=16)] = ()
    latitude_deg: Annotated[float, Meta(ge=-90, le=90)] | None = None
    longitude_deg: Annotated[float, Meta(ge=-180, le=180)] | None = None
    height_m: Annotated[float, Meta(ge=-100, le=9000)] | None = None
    """Of the microphone above ground."""
    config_digest: Annotated[str, Meta(max_length=64)] = ""
    """SHA-256 of the configuration file, in hex."""
    public_key: Annotated[bytes, Meta(max_length=32)] = b""
    """Ed25519, of the seals; empty: the station cannot seal."""


_decoder = msgspec.msgpack.Decoder(Birth)


def encode(birth: Birth) -> bytes:
    """A birth as bytes. Raises BadValue."""
    if fault := _key_fault(birth):
        raise BadValue(f"Birth: {fault}")
    return pack(birth, _decoder, MAX_BYTES)


def decode(payload: bytes) -> Birth:
    """The birth of its bytes. Raises BadMessage."""
    birth = unpack(payload, _decoder, MAX_BYTES)
    if fault := _key_fault(birth):
        raise BadMessage(fault)
    return birth


def _key_fault(birth: Birth) -> str:
    """A part of a key would be taken for the station's, and no seal would ever hold."""
    length = len(birth.public_key)
    return "" if length in (0, KEY_BYTES) else f"public_key has {length} bytes: 0 or {KEY_BYTES} are allowed"


def hash_of(payload: bytes) -> int:
    """The u32 by which a batch names this birth: the first 4 bytes of its SHA-256, never 0."""
    return int.from_bytes(hashlib.sha256(payload).digest()[:4], "big") or 1
