"""An outbox on a bench: short ways to make rows, send them and drop them."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from otorongo.station.outbox import Outbox
from otorongo.station.outbox_room import drop_rows
from otorongo.wire import batch
from otorongo.wire.codes import Tag
from otorongo.wire.rows import Event
from tests.station.uplink_fakes import Bench, Book

SAW, RAIN = 1, 12
SMALL = 64 * 1024


def opened(path: Path, bench: Bench | None = None, **more: int) -> Outbox:
    """An outbox on a bench clock."""
    bench = bench or Bench()
    return Outbox.open(
        path, boot_id=bench.id, now=bench.clock(), t_ms=bench.now_ms, ballast_bytes=more.pop("ballast", SMALL), **more
    )


def saw(t_ms: int = 1000, sensor: int = 1) -> Event:
    """The opening of a threat."""
    return Event(t_ms, sensor, SAW, 30, tags=Tag.THREAT)


def rain(t_ms: int = 1000) -> Event:
    """The opening of something ordinary."""
    return Event(t_ms, 1, RAIN, 30)


def drain(box: Outbox, book: Book) -> None:
    """Send and receipt until nothing waits; what is in flight is not sent twice in a round."""
    for _ in range(20):
        flight: set[int] = set()
        while parcel := box.next_batch(flight):
            flight |= set(parcel.seqs)
            book.take(batch.encode(parcel.outbox, 1, parcel.mapping, parcel.records))
            box.receipted(book.receipt())
        if not flight:
            return
    pytest.fail("the outbox does not run dry")


def drop(box: Outbox, want_bytes: int = 1, keep_days: int = 30) -> int:
    """Drop as a full card would."""
    work: Callable[[sqlite3.Connection], int] = lambda db: drop_rows(  # noqa: E731
        db, want_bytes=want_bytes, keep_days=keep_days, t_ms=1000, boot=box.live_boot
    )
    return box._file.write(work)
