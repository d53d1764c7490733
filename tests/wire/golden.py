"""The values behind the golden files of version 1. Lines are added, never changed.

`python -m tests.wire.golden` writes the files that do not exist yet; it never writes over one.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from otorongo.wire import batch, birth, media, receipt, short, status, wants
from otorongo.wire.rows import (
    Event,
    Gap,
    Heartbeat,
    Listening,
    Media,
    Note,
    Record,
    Seal,
    Seeing,
    Seen,
    Tamper,
    Track,
    Unknown,
)

FOLDER: Final = Path(__file__).parent / "v1"
MAPPING: Final = batch.Mapping(3, 1_763_800_000_000, 3, 64)
OPENING: Final = Event(t_ms=123_456_789, sensor=1, cls=1, evidence=62, tags=1)
CLOSING: Final = Event(
    t_ms=123_501_789, sensor=1, cls=1, evidence=66, tags=1, kind=2, back=3, duration_ms=45_000, hits=14, peak=97,
    level_db=-31, floor_db=-62, f0_dhz=1_420, reason=1,
)  # fmt: skip
EVERY_ROW: Final = [
    Record(40, OPENING),
    Record(41, Event(t_ms=1, sensor=2, cls=33, evidence=-5, bundle=1, species=12, count=2)),
    Record(42, Heartbeat(t_ms=2, sensor=0, next_contact_s=3600, temperature_dc=512, disk_free_mb=9_000,
                         battery_mv=12_640, waiting=3, counters={1: 1000, 10: 2}, missed_ms=20)),
    Record(43, CLOSING),
    Record(50, Gap(t_ms=3, first=44, last=49, reason=1, head=bytes(range(32)))),
    Record(51, Media(t_ms=4, sensor=1, back=8, kind=2, bytes=24_000, sha256=bytes(range(32)), tags=1,
                     duration_ms=9000)),
    Record(52, Seal(t_ms=5, up_to=51, head=bytes(range(32)), signature=bytes(range(64)))),
    Record(53, Tamper(t_ms=6, kind=1, sensor=2, tags=1)),
    Record(54, Note(t_ms=7, kind=4, text="«río.wav»: dañado", sensor=1)),
    Record(55, Track(t_ms=8, sensor=1, cls=1, back=12, step_ms=1500, scores=b"\x0f\xf8\x41")),
]  # fmt: skip
HOUR: Final = Record(
    70, Listening(t_ms=7_200_000, sensor=1, length_ms=3_600_000, reach_m=410, deaf_ms=600_000,
                  vetoes={12: 580_000, 13: 40_000}, vetoed=3, flags=16, floor=bytes(range(60, 82)))
)  # fmt: skip
SEALED: Final = [
    Record(80, Media(t_ms=10, sensor=2, back=3, kind=6, bytes=5_000, sha256=bytes(range(32)), tags=3)),
    Record(81, Media(t_ms=10, sensor=2, back=4, kind=3, bytes=180_000, sha256=bytes(range(32)), tags=67,
                     sealed_to=bytes.fromhex("01234567 89abcdef"))),
]  # fmt: skip
ENGINE: Final = [
    Record(90, Event(t_ms=10, sensor=1, cls=3, evidence=40, tags=1)),
    Record(91, Event(t_ms=47_010, sensor=1, cls=3, evidence=52, tags=1, kind=1, back=1, duration_ms=47_000, hits=31,
                     peak=97, level_db=-40, floor_db=-62, f0_dhz=1_424, trend=2)),
]  # fmt: skip
SEEN: Final = [
    Record(100, Event(t_ms=10, sensor=2, cls=33, evidence=31)),
    Record(101, Event(t_ms=8_010, sensor=2, cls=33, evidence=34, kind=2, back=1, duration_ms=8_000, hits=9, peak=96,
                      species=1, count=1, reason=1)),
    Record(102, Seen(t_ms=3_010, sensor=2, back=2, boxes=bytes([33, 245, 26, 51, 128, 102]),
                     names=bytes([0, 1, 204, 0, 2, 26]), source=2, bundle=1)),
    Record(103, Event(t_ms=9_000, sensor=2, cls=33, evidence=20, tags=128)),
    Record(104, Media(t_ms=9_000, sensor=2, back=0, kind=7, bytes=5_000, sha256=bytes(range(32)))),
]  # fmt: skip
SEEING: Final = Record(
    110, Seeing(t_ms=7_200_000, sensor=2, length_ms=3_600_000, blind_ms=600_000, frames=1_400, light=96,
                sharp_pct=61, shift_permille=45, tilt_ddeg=-31, flags=9)
)  # fmt: skip
KINDS: Final = [
    Record(120, Event(t_ms=10, sensor=2, cls=33, evidence=31)),
    Record(121, Event(t_ms=8_010, sensor=2, cls=33, evidence=34, kind=2, back=1, duration_ms=8_000, hits=9, peak=96,
                      species=12, count=3, reason=1)),
    Record(122, Seen(t_ms=3_010, sensor=2, back=2, boxes=bytes([33, 245, 26, 51, 128, 102]),
                     names=bytes([0, 12, 204]), source=2, bundle=1,
                     kinds=bytes([0, 12, 204, 2, 1, 0, 17, 230, 3, 2]))),
]  # fmt: skip
LATER: Final = [
    # Its first unknown field has since become `trend`, with a number that this version does not know.
    Record(60, Event(t_ms=9, sensor=1, cls=1, evidence=1, trend=7, extra=("hacha",))),
    Record(61, Unknown(200, (1, "x"))),
]


class Golden(NamedTuple):
    """One golden file."""

    name: str
    value: Any
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


def _batch(records: list[Record]) -> batch.Batch:
    return batch.Batch(
        batch.Header(0xDEADBEEF, 0x12345678, MAPPING, batch.runs_of([r.seq for r in records])), tuple(records)
    )


def _encode(value: batch.Batch) -> bytes:
    return batch.encode(value.header.outbox, value.header.birth, value.header.mapping, value.records)


ALL: Final = [
    Golden("batch-one-opening", _batch([Record(20_123, OPENING)]), _encode, batch.decode),
    Golden("batch-one-closing", _batch([Record(20_126, CLOSING)]), _encode, batch.decode),
    Golden("batch-every-row", _batch(EVERY_ROW), _encode, batch.decode),
    Golden("batch-listening", _batch([HOUR]), _encode, batch.decode),
    Golden("batch-sealed", _batch(SEALED), _encode, batch.decode),
    Golden("batch-engine", _batch(ENGINE), _encode, batch.decode),
    Golden("batch-seen", _batch(SEEN), _encode, batch.decode),
    Golden("batch-seeing", _batch([SEEING]), _encode, batch.decode),
    Golden("batch-kinds", _batch(KINDS), _encode, batch.decode),
    Golden("batch-later-version", _batch(LATER), _encode, batch.decode),
    Golden(
        "receipt",
        receipt.Receipt(
            0xDEADBEEF, 20_123, ((20_126, 20_126),), 20_000, ((20_130, 20_131),), 1_763_900_000_000, ((51, 8192),), True
        ),
        receipt.encode,
        receipt.decode,
    ),
    Golden(
        "birth",
        birth.Birth(
            0xDEADBEEF, 3, "otorongo 0.1.0", (birth.Bundle("threats", 1, "ab" * 32),),
            (birth.Sensor(1, "microphone", "alsa"), birth.Sensor(2, "camera", "replay", 0)), -12.5, -70.0, 6.0,
            "cd" * 32, bytes(range(32)),
        ),
        birth.encode,
        birth.decode,
    ),
    Golden("status", status.Status("sleeping", 3600, 1_763_900_000_000), status.encode, status.decode),
    Golden("media-chunk", media.Chunk(0xDEADBEEF, 51, 8192, b"OggS" * 16), media.encode, media.decode),
    Golden(
        "wants",
        (
            wants.WantMedia(0xDEADBEEF, 51, 8192), wants.WantBirth(), wants.WantLog(50), wants.WantConfig(),
            wants.WantTest(1, 7),
        ),
        wants.encode,
        wants.decode,
    ),
    Golden("short", short.Short(0, 1, 62, 1_763_923_456, 20_123, 1, 0), short.encode, short.decode),
]  # fmt: skip


if __name__ == "__main__":
    for golden in ALL:
        path = FOLDER / f"{golden.name}.hex"
        if not path.exists():
            path.write_text(golden.encode(golden.value).hex("\n", 32) + "\n")
