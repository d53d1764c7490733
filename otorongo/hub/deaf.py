"""Which sensors tell of what happens, and which only seem to: a station that answers is not yet one that listens.

A sensor listens while its heartbeats come as announced, or an event of it began within the hour, and its last word is
neither that it fails nor that its process ended. A failing sensor goes on with its heartbeats, and tells of no more
than a few faults between two of them: one clears a fault only when none has followed it for a while.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from otorongo.hub import store_stations
from otorongo.hub.liveness import STATION, Health, SensorKey
from otorongo.hub.store import Found, Tx
from otorongo.wire.codes import NoteKind

Why = Literal["fault", "stopped", "mute"]

HOUR_MS: Final = 3_600_000
WORDS_MS: Final = 48 * HOUR_MS
"""Heartbeats are a day apart at most, and a fault that lasts is told anew after each."""
SETTLED_MS: Final = 120_000
"""A sensor that fails is tried again within about a minute."""
_WORST: Final[tuple[Why, ...]] = ("fault", "stopped", "mute")


def sensors(tx: Tx, healths: Mapping[SensorKey, Health], now_ms: int) -> dict[SensorKey, Why | None]:
    """Why each sensor of the stations that are up does not listen; None: it does. Stations themselves are not in it."""
    up = sorted(name for (name, sensor), health in healths.items() if sensor == STATION and health.state == "up")
    beats = {_key(one): one for one in store_stations.heartbeats_newest(tx) if one["station"] in set(up)}
    words = {_key(one): one for one in store_stations.last_words(tx, up, now_ms - WORDS_MS)}
    opened = {_key(one): one for one in store_stations.last_openings(tx, up, now_ms - HOUR_MS)}
    found: dict[SensorKey, Why | None] = {}
    for key in sorted({*beats, *words, *opened}):
        if key[1] != STATION:
            answers = key in opened or (key in healths and healths[key].state == "up")
            why = _said(words.get(key), beats.get(key), opened.get(key), now_ms)
            found[key] = why or (None if answers else "mute")
    return found


def stations(
    names: Iterable[str], healths: Mapping[SensorKey, Health], sensors: Mapping[SensorKey, Why | None]
) -> dict[str, Why]:
    """Of these stations those that are up and do not listen, because none of their sensors does, and why."""
    found: dict[str, Why] = {}
    for name in names:
        mine = [why for (station, _), why in sensors.items() if station == name]
        if healths[name, STATION].state == "up" and None not in mine:
            found[name] = min((why for why in mine if why), key=_WORST.index, default="mute")
    return found


def _key(row: Found) -> SensorKey:
    return row["station"], row["sensor"]


def _said(word: Found | None, beat: Found | None, opened: Found | None, now_ms: int) -> Why | None:
    """What the last word of a sensor says against it, unless something came after it."""
    if word is None or word["kind"] == NoteKind.SENSOR_BACK:
        return None
    if opened and _after(opened["outbox"], opened["event"], opened["start_ms"], word):
        return None
    later = beat is not None and _after(beat["outbox"], beat["seq"], beat["utc_ms"], word)
    if word["kind"] == NoteKind.STOPPED:
        return None if later else "stopped"
    return None if later and beat and now_ms - beat["received_ms"] >= SETTLED_MS else "fault"


def _after(outbox: int, seq: int, at_ms: int, word: Found) -> bool:
    return bool(seq > word["seq"] if outbox == word["outbox"] else at_ms > word["at_ms"])
