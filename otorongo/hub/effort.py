"""How long and how far stations listened: effort, without which a silent hour cannot be told from a deaf one.

One line for each hour that a microphone told of, and one for each stretch between two of them, or before the first and
after the last of the period, of which nothing is known. A line of the second kind is lost effort, not silence; so is
the deaf part of one of the first kind, which vetoes (rain, wind, ...) explain.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from otorongo.hub import store_records
from otorongo.hub.camtrap import iso
from otorongo.hub.leaving import Wanted
from otorongo.hub.store import Tx
from otorongo.wire import classes, rows
from otorongo.wire.codes import MicrophoneFlag
from otorongo.wire.errors import WireError
from otorongo.wire.rows import Listening

COLUMNS: Final = (
    *("station", "sensor", "start", "end", "state", "length_s", "deaf_s", "reach_m", "vetoed_hits", "vetoes", "faults"),
    "clock_bound_ms",
)
LISTENED: Final = "listened"
UNKNOWN: Final = "unknown"
LEAST_MS: Final = 60_000
"""A shorter stretch between two rows is no gap: a window here, a restart there."""
_LISTENING: Final = 9
_MOST: Final = 1_000_000
_LATE_MS: Final = 400 * 86_400_000
"""So late a row may come from a card that was long out of reach."""


def lines(tx: Tx, wanted: Wanted, stations: Iterable[str], until_ms: int) -> Iterator[dict[str, Any]]:
    """Lines of `COLUMNS`, by station, sensor and time, of stations that ever told of listening in the period.

    The period ends at `until_ms` at the latest: what is still to come is not lost.
    """
    end_ms = min(wanted.to_ms, until_ms)
    for station in sorted(stations):
        told: dict[int, list[tuple[int, int, Listening]]] = {}
        found = store_records.told_between(
            tx, station, _LISTENING, wanted.from_ms, wanted.to_ms + _LATE_MS, limit=_MOST
        )
        for one in found:
            row = _parsed(bytes(one["row"]))
            if row is not None and one["utc_ms"] > wanted.from_ms and one["utc_ms"] - row.length_ms < end_ms:
                told.setdefault(row.sensor, []).append((one["utc_ms"], one["bound_ms"], row))
        for sensor in sorted(told):
            yield from _of_sensor(station, sensor, sorted(told[sensor], key=lambda each: each[0]), wanted, end_ms)


def _of_sensor(
    station: str, sensor: int, told: list[tuple[int, int, Listening]], wanted: Wanted, end_ms: int
) -> Iterator[dict[str, Any]]:
    before_ms = wanted.from_ms
    for utc_ms, bound_ms, row in told:
        start_ms = utc_ms - row.length_ms
        if start_ms - before_ms >= LEAST_MS:
            yield _unknown(station, sensor, before_ms, start_ms)
        yield {
            "station": station, "sensor": sensor, "start": iso(start_ms), "end": iso(utc_ms), "state": LISTENED,
            "length_s": round(row.length_ms / 1000), "deaf_s": round(row.deaf_ms / 1000), "reach_m": row.reach_m,
            "vetoed_hits": row.vetoed, "vetoes": _vetoes(row), "faults": _faults(row), "clock_bound_ms": bound_ms,
        }  # fmt: skip
        before_ms = max(before_ms, utc_ms)
    if end_ms - before_ms >= LEAST_MS:
        yield _unknown(station, sensor, before_ms, end_ms)


def _unknown(station: str, sensor: int, start_ms: int, end_ms: int) -> dict[str, Any]:
    length_s = round((end_ms - start_ms) / 1000)
    return {
        "station": station, "sensor": sensor, "start": iso(start_ms), "end": iso(end_ms), "state": UNKNOWN,
        "length_s": length_s, "deaf_s": length_s,
    }  # fmt: skip


def _vetoes(row: Listening) -> str:
    """`rain:1200|wind:60`, in seconds, the longest first."""
    ordered = sorted(row.vetoes.items(), key=lambda one: (-one[1], one[0]))
    return "|".join(f"{classes.name_of(cls)}:{round(lasted / 1000)}" for cls, lasted in ordered)


def _faults(row: Listening) -> str:
    return "|".join(flag.name.lower() for flag in MicrophoneFlag if flag & row.flags and flag.name)


def _parsed(raw: bytes) -> Listening | None:
    try:
        row = rows.parse(raw)
    except WireError:
        return None
    return row if isinstance(row, Listening) else None
