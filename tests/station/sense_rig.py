"""A loop over a real outbox, and windows to play to it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from otorongo.station.events import Rule
from otorongo.station.handed import Judged, Passed
from otorongo.station.outbox import Outbox, uptime_ms
from otorongo.station.pipeline import Sense
from otorongo.station.ports import ClockReading
from otorongo.station.samples import Sample, Score
from otorongo.wire.codes import Clock
from otorongo.wire.rows import Event, Media, Note, Record

RATE = 16_000
SAW = 1
PERSON = 32
RULES = {SAW: Rule(2, 4, 6_000, 600_000, 60_000)}


def open_outbox(folder: Path, *, boot_id: str = "boot", t_ms: Callable[[], int] = uptime_ms) -> Outbox:
    """An outbox on this boot."""
    now = ClockReading(1_000, 1_763_800_000_000, Clock.NTP, 50)
    return Outbox.open(folder / "outbox.db", boot_id=boot_id, now=now, ballast_bytes=64 * 1024, t_ms=t_ms)


def rows_in(outbox: Outbox) -> list[Record]:
    """Everything in the outbox, by seq."""
    out: dict[int, Record] = {}
    while parcel := outbox.next_batch(out.keys()):
        out |= {record.seq: record for record in parcel.records}
    return [out[seq] for seq in sorted(out)]


def window(number: int, hit: bool, **more: Any) -> Sample:
    """The n-th window: loud where there is a saw."""
    data = np.full(3 * RATE, 0.5 if hit else 0.01, np.float32) * np.sin(np.arange(3 * RATE, dtype=np.float32))
    return Sample(number * 1500, data, 3000, RATE, 3000 if number == 0 else 1500, **more)


def judge(data: Any, rate_hz: int) -> Judged:
    """A classifier that hears loudness."""
    loud = float(np.abs(data).max()) > 0.1
    return Judged((Score(SAW, 0.99 if loud else 0.01, 6.0 if loud else -4.0, loud),))


def sense(outbox: Outbox, **more: Any) -> Sense:
    """A loop without a gate."""
    given: dict[str, Any] = {
        "name": "microphone", "number": 1, "outbox": outbox, "gate": lambda s: Passed(True, -30, -60),
        "classify": judge, "rules": RULES,
    }  # fmt: skip
    return Sense(**(given | more))


class Seen:
    """A box."""

    def __init__(self, wire_class: int, x: float, y: float, w: float, h: float, p: float = 0.9) -> None:
        self.wire_class, self.x, self.y, self.w, self.h, self.p = wire_class, x, y, w, h, p


def notes(outbox: Outbox) -> list[str]:
    """What the technician is told."""
    return [record.row.text for record in rows_in(outbox) if isinstance(record.row, Note)]


def events_in(outbox: Outbox) -> list[Event]:
    """Revisions of events, by seq."""
    return [record.row for record in rows_in(outbox) if isinstance(record.row, Event)]


def media_in(outbox: Outbox) -> list[Media]:
    """Evidence that is told, by seq."""
    return [record.row for record in rows_in(outbox) if isinstance(record.row, Media)]
