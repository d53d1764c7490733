"""Files of embeddings: one small vector of a window of sound, when it was heard, and what the network said of it.

A file is a head and records of one size, appended one by one; each carries its checksum. A record that a power cut left
unfinished, or that a bad card changed, is skipped and counted; those after it are read. All numbers are little-endian.

    head    magic "OTEM", version u8, 0 u8, embedding's length u16, record's length u16, window's length u16 (ms),
            outbox u32, SHA-256 of the network's file (32), bundle (40), station (32), section (16) as UTF-8 filled up
            with zeros, CRC-32 of all before u32
    record  boot u16, clock u8 (`wire.codes.Clock`), level i8 (dBFS), t u64 (window's start, ms since boot),
            UTC of boot i64 (ms since 1970; 0: not known), the four likeliest classes (wire class u8, p * 255 u8; 0, 0:
            none), embedding i8 (length), CRC-32 of all before u32
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otorongo.language import say
from otorongo.models.errors import InputError
from otorongo.models.manifest import Bundle

ENDING: Final = ".emb"
MAGIC: Final = b"OTEM"
VERSION: Final = 1
SAID: Final = 4
"""Classes told in a record."""
MOST_SIZE: Final = 512
"""Bytes of an embedding."""

_HEAD: Final = struct.Struct("<4sBBHHHI32s40s32s16s")
HEAD_BYTES: Final = _HEAD.size + 4
Rows = NDArray[Any]
"""Structured (n,): boot, clock, level_db, t_ms, utc0_ms, said (n, 4, 2: wire class, 255 p), embedding (n, size)."""


@dataclass(frozen=True, slots=True)
class Source:
    """Whose embeddings these are; only those of one network can be compared."""

    network: str
    """SHA-256 of the network's file, hex."""
    bundle: str
    """`name@version`."""
    size: int
    """Bytes of an embedding."""
    window_ms: int
    outbox: int = 0
    """u32: whose boots are meant; 0: of no station."""
    station: str = ""
    section: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """One window of sound as it is kept."""

    t_ms: int
    """Its start, ms since boot."""
    embedding: NDArray[np.int8]
    """(size,)."""
    said: tuple[tuple[int, float], ...] = ()
    """(wire class, calibrated p), the likeliest first."""
    level_db: int = 0
    boot: int = 0
    clock: int = 0
    utc0_ms: int = 0


@dataclass(frozen=True, slots=True)
class File:
    """What a file holds."""

    source: Source
    rows: Rows
    damaged: int
    """Records that are not whole; they are not among the rows."""


def source_of(bundle: Bundle, size: int) -> Source:
    """The source that a bundle with an embedding is, not yet of any station. Raises BundleError."""
    about = bundle.manifest
    window_ms = round(1000 * about.sound.window_s) if about.sound else 0
    bundle.path("model")
    return Source(about.files["model"].sha256, about.reference, size, window_ms)


def record_type(size: int) -> np.dtype[Any]:
    """A record as NumPy sees it."""
    return np.dtype(
        [
            ("boot", "<u2"), ("clock", "u1"), ("level_db", "i1"), ("t_ms", "<u8"), ("utc0_ms", "<i8"),
            ("said", "u1", (SAID, 2)), ("embedding", "i1", (size,)), ("crc", "<u4"),
        ]
    )  # fmt: skip


def head(source: Source) -> bytes:
    """The head of a file. Raises InputError for names that have no room."""
    texts = []
    for text, room in ((source.bundle, 40), (source.station, 32), (source.section, 16)):
        raw = text.encode()
        if len(raw) > room:
            raise InputError(
                say(
                    "{text}: has {count} bytes (allowed in a file of embeddings: {room})",
                    text=text,
                    count=len(raw),
                    room=room,
                )
            )
        texts.append(raw)
    if not 1 <= source.size <= MOST_SIZE:
        raise InputError(
            say("an embedding of {size} bytes (allowed: 1 to {most_size})", size=source.size, most_size=MOST_SIZE)
        )
    length = record_type(source.size).itemsize
    body = _HEAD.pack(
        MAGIC, VERSION, 0, source.size, length, source.window_ms, source.outbox, bytes.fromhex(source.network), *texts
    )
    return body + struct.pack("<I", zlib.crc32(body))


def record(window: Window, size: int) -> bytes:
    """One record. Raises InputError for an embedding of another size."""
    if window.embedding.shape != (size,):
        raise InputError(
            say("an embedding of {shape} (allowed: {size} bytes)", shape=window.embedding.shape, size=size)
        )
    row = np.zeros(1, record_type(size))
    row["boot"], row["clock"], row["t_ms"], row["utc0_ms"] = window.boot, window.clock, window.t_ms, window.utc0_ms
    row["level_db"] = min(127, max(-128, window.level_db))
    row["embedding"] = window.embedding
    told = [(cls, p) for cls, p in window.said if 0 < cls < 256][:SAID]
    for place, (cls, p) in enumerate(told):
        row["said"][0, place] = cls, round(255 * min(1.0, max(0.0, p)))
    body = row.tobytes()[:-4]
    return body + struct.pack("<I", zlib.crc32(body))


def likeliest(scores: Sequence[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """The classes of (wire class, p) that a record has room for, the likeliest first, each once."""
    best: dict[int, float] = {}
    for cls, p in scores:
        best[cls] = max(p, best.get(cls, 0.0))
    return tuple(sorted(best.items(), key=lambda each: -each[1])[:SAID])


def source_in(data: bytes) -> Source:
    """What the head of a file says. Raises InputError, which says why it is none."""
    if len(data) < HEAD_BYTES:
        raise InputError(say("has {count} bytes, less than its head", count=len(data)))
    body, (crc,) = data[: _HEAD.size], struct.unpack_from("<I", data, _HEAD.size)
    magic, version, _, size, length, window_ms, outbox, network, *texts = _HEAD.unpack(body)
    if magic != MAGIC:
        raise InputError(say("is no file of embeddings"))
    if version != VERSION:
        raise InputError(
            say(
                "is of version {version}, which this program does not know (it knows {version_2}): update it",
                version=version,
                version_2=VERSION,
            )
        )
    if zlib.crc32(body) != crc or not 1 <= size <= MOST_SIZE or length != record_type(size).itemsize:
        raise InputError(say("its head is damaged"))
    bundle, station, section = (text.rstrip(b"\0").decode(errors="replace") for text in texts)
    return Source(network.hex(), bundle, size, window_ms, outbox, station, section)


def read(data: bytes) -> File:
    """All whole records of a file, in their order. Raises InputError if its head says nothing."""
    source = source_in(data)
    kind = record_type(source.size)
    body = memoryview(data)[HEAD_BYTES:]
    count, rest = divmod(len(body), kind.itemsize)
    rows = np.frombuffer(body[: count * kind.itemsize], kind)
    whole = np.fromiter(
        (
            zlib.crc32(body[at : at + kind.itemsize - 4]) == crc
            for at, crc in zip(range(0, count * kind.itemsize, kind.itemsize), rows["crc"].tolist(), strict=True)
        ),
        bool,
        count,
    )
    return File(source, rows[whole], int((~whole).sum()) + bool(rest))
