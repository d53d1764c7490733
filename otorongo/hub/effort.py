"""How long and how far stations listened and saw: effort, without which a silent hour cannot be told from a deaf one.

One line for each hour that a microphone or a camera told of, and one for each stretch between two of them, or before
the first and after the last of the period, of which nothing is known. A line of the second kind is lost effort, not
silence; so is the deaf part of one of the first kind, which vetoes (rain, wind, ...) explain, and the blind part of a
camera's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar

from otorongo.hub import store_events, store_records, store_stations
from otorongo.hub.camtrap import iso
from otorongo.hub.leaving import Wanted
from otorongo.hub.store import Tx
from otorongo.wire import classes, rows
from otorongo.wire.codes import CameraFlag, MicrophoneFlag
from otorongo.wire.errors import WireError
from otorongo.wire.rows import Listening, Seeing

Told = TypeVar("Told", Listening, Seeing)

COLUMNS: Final = (
    *("station", "sensor", "start", "end", "state", "length_s", "deaf_s", "reach_m", "vetoed_hits", "vetoes", "faults"),
    *("clock_bound_ms", "review_pct"),
)
SEEING_COLUMNS: Final = (
    *("station", "sensor", "start", "end", "state", "length_s", "blind_s", "seeing_s", "frames", "light", "sharp_pct"),
    *("shift_permille", "tilt_deg", "faults", "clock_bound_ms"),
)
LISTENED: Final = "listened"
SAW: Final = "saw"
UNKNOWN: Final = "unknown"
LEAST_MS: Final = 60_000
"""A shorter stretch between two rows is no gap: a window here, a restart there."""
REVIEW_FIRST_PCT: Final = 50
"""From this on an hour stands out: it is reviewed before the others."""
REJECTED_PCT: Final = 75
_MOST: Final = 1_000_000
_KNOWN: Final = 5_000
"""The newest rows before the period: months of two microphones."""
_LATE_MS: Final = 400 * 86_400_000
"""So late a row may come from a card that was long out of reach."""
_SOUNDS: Final = tuple(line.number for line in classes.CLASSES if line.sense == "sound")


def lines(tx: Tx, wanted: Wanted, stations: Iterable[str], until_ms: int) -> Iterator[dict[str, Any]]:
    """Lines of `COLUMNS`, by station, sensor and time, of stations with a microphone.

    The period ends at `until_ms` at the latest: what is still to come is not lost.
    """
    for one in hours(tx, 9, Listening, wanted, stations, until_ms):
        row = one.row
        if row is None:
            yield {**one.line, "state": UNKNOWN, "deaf_s": one.line["length_s"], "review_pct": 100}
            continue
        yield {
            **one.line, "state": LISTENED, "deaf_s": round(row.deaf_ms / 1000), "reach_m": row.reach_m,
            "vetoed_hits": row.vetoed, "vetoes": _vetoes(row), "faults": _faults(row, MicrophoneFlag),
            "clock_bound_ms": one.bound_ms, "review_pct": review_pct(row),
        }  # fmt: skip


def review_pct(row: Listening) -> int:
    """How much an hour wants to be listened to by somebody, 0 to 100: loggers cut in the rain.

    The share of it that was deaf or under a veto, the longer of the two; `REJECTED_PCT` at least where a veto
    rejected what would have counted as a hit.
    """
    lost_ms = max(row.deaf_ms, *row.vetoes.values()) if row.vetoes else row.deaf_ms
    share = round(100 * min(lost_ms, row.length_ms) / max(1, row.length_ms))
    return max(share, REJECTED_PCT) if row.vetoed else share


def seeing_lines(tx: Tx, wanted: Wanted, stations: Iterable[str], until_ms: int) -> Iterator[dict[str, Any]]:
    """Lines of `SEEING_COLUMNS`, in the same way, of cameras: what was blind, and what is unknown, is lost effort."""
    for one in hours(tx, 11, Seeing, wanted, stations, until_ms):
        row = one.row
        if row is None:
            yield {**one.line, "state": UNKNOWN, "blind_s": one.line["length_s"], "seeing_s": 0}
            continue
        blind_s = round(min(row.blind_ms, row.length_ms) / 1000)
        yield {
            **one.line, "state": SAW, "blind_s": blind_s, "seeing_s": max(0, one.line["length_s"] - blind_s),
            "frames": row.frames, "light": row.light, "sharp_pct": row.sharp_pct or "",
            "shift_permille": row.shift_permille, "tilt_deg": row.tilt_ddeg / 10,
            "faults": _faults(row, CameraFlag), "clock_bound_ms": one.bound_ms,
        }  # fmt: skip


@dataclass(frozen=True)
class Stretch(Generic[Told]):
    """An hour that a sensor told of, or a stretch of which nothing is known."""

    line: dict[str, Any]
    """Station, sensor, start, end and length_s."""
    row: Told | None
    bound_ms: int = 0


def hours(
    tx: Tx, row_type: Literal[9, 11], kind: type[Told], wanted: Wanted, stations: Iterable[str], until_ms: int
) -> "Iterator[Stretch[Told]]":
    """What sensors told of their hours, and what lies between, by station, sensor and time."""
    end_ms = min(wanted.to_ms, until_ms)
    for station in sorted(stations):
        told: dict[int, list[tuple[int, int, Told]]] = {
            sensor: [] for sensor in _known(tx, station, row_type, kind, wanted.from_ms)
        }
        found = store_records.told_between(tx, station, row_type, wanted.from_ms, wanted.to_ms + _LATE_MS, limit=_MOST)
        for one in found:
            row = _parsed(bytes(one["row"]), kind)
            if row is not None and one["utc_ms"] > wanted.from_ms and one["utc_ms"] - row.length_ms < end_ms:
                told.setdefault(row.sensor, []).append((one["utc_ms"], one["bound_ms"], row))
        if not told and kind is Listening:
            told = {sensor: [] for sensor in _untold(tx, station, wanted.from_ms, end_ms)}
        for sensor in sorted(told):
            yield from _of_sensor(station, sensor, sorted(told[sensor], key=lambda each: each[0]), wanted, end_ms)


def _known(tx: Tx, station: str, row_type: Literal[9, 11], kind: type[Told], before_ms: int) -> set[int]:
    """Sensors that told of an hour before the period: one that tells nothing in it has died, and is not left out."""
    found = store_records.told_between(tx, station, row_type, max(0, before_ms - _LATE_MS), before_ms, limit=_KNOWN)
    parsed = (_parsed(bytes(one["row"]), kind) for one in found)
    return {row.sensor for row in parsed if row is not None}


def _untold(tx: Tx, station: str, from_ms: int, end_ms: int) -> list[int]:
    """The microphone of a station that never told of an hour: the first that its births or its events name, or none.

    What else listens there, for species, tells of no hours.
    """
    births = [one for one in store_stations.births_of(tx, station) if from_ms - _LATE_MS <= one["received_ms"] < end_ms]
    named = {each["number"] for one in births for each in one["body"]["sensors"] if each["kind"] == "microphone"}
    heard = store_events.sensors_of(tx, station, _SOUNDS, from_ms - _LATE_MS, end_ms)
    return sorted(named | heard)[:1]


def _of_sensor(
    station: str, sensor: int, told: list[tuple[int, int, Told]], wanted: Wanted, end_ms: int
) -> "Iterator[Stretch[Told]]":
    before_ms = wanted.from_ms
    for utc_ms, bound_ms, row in told:
        start_ms = utc_ms - row.length_ms
        if start_ms - before_ms >= LEAST_MS:
            yield Stretch(_line(station, sensor, before_ms, start_ms), None)
        yield Stretch(_line(station, sensor, start_ms, utc_ms), row, bound_ms)
        before_ms = max(before_ms, utc_ms)
    if end_ms - before_ms >= LEAST_MS:
        yield Stretch(_line(station, sensor, before_ms, end_ms), None)


def _line(station: str, sensor: int, start_ms: int, end_ms: int) -> dict[str, Any]:
    length_s = round((end_ms - start_ms) / 1000)
    return {"station": station, "sensor": sensor, "start": iso(start_ms), "end": iso(end_ms), "length_s": length_s}


def _vetoes(row: Listening) -> str:
    """`rain:1200|wind:60`, in seconds, the longest first."""
    ordered = sorted(row.vetoes.items(), key=lambda one: (-one[1], one[0]))
    return "|".join(f"{classes.name_of(cls)}:{round(lasted / 1000)}" for cls, lasted in ordered)


def _faults(row: Listening | Seeing, flags: type[MicrophoneFlag] | type[CameraFlag]) -> str:
    return "|".join(flag.name.lower() for flag in flags if flag & row.flags and flag.name)


def _parsed(raw: bytes, kind: type[Told]) -> Told | None:
    try:
        row = rows.parse(raw)
    except WireError:
        return None
    return row if isinstance(row, kind) else None
