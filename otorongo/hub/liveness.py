"""Pure: heartbeats and the time now, into what to tell of stations and sensors: late, silent and back, once each.

A station is alive when anything comes from it; it is late when the next contact that it announced is overdue by a
grace, and silent after that by a multiple of its own cadence. A planned sleep is not silence. Intervals and sleeps are
believed up to a bound, so that no station can announce its own alarm away. While the station itself is late nothing is
told of its sensors: the link is down, and their heartbeats wait on the card.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from msgspec import Struct

State = Literal["up", "late", "silent"]
News = Literal["late", "silent", "back"]
SensorKey = tuple[str, int]
"""Station and sensor; sensor 0 is the station itself."""

STATION: Final = 0


class Cadence(Struct, frozen=True):
    """When the hub worries."""

    unannounced_s: int = 3600
    """Next contact of a station that did not announce one."""
    grace_s: int = 120
    """So long after the announced contact it is late."""
    silent_after: int = 3
    """So many announced intervals after that it is silent."""
    silent_at_least_s: int = 1800
    announced_at_most_s: int = 86_400
    """A longer time to the next contact is taken as this."""
    asleep_at_most_s: int = 7 * 86_400
    """A sleep is believed for so long after the last contact."""


class Heard(Struct, frozen=True):
    """What was last heard of a station or a sensor."""

    station: str
    sensor: int
    heard_ms: int
    """When its newest heartbeat came, or for the station itself, anything."""
    next_contact_s: int = 0
    """What the heartbeat announced; 0: nothing."""
    asleep_until_ms: int = 0
    """End of a planned sleep; 0: none."""


class Health(Struct, frozen=True):
    """What was last told of a station or a sensor."""

    state: State
    since_ms: int
    due_ms: int
    """When it becomes late."""


class Telling(Struct, frozen=True):
    """One thing to tell."""

    station: str
    sensor: int
    news: News
    heard_ms: int
    since_ms: int
    """Of `back`: since when it was away."""
    was_silent: bool = False
    """Of `back`: it was not only late."""


def judge(
    heard: Iterable[Heard], told: Mapping[SensorKey, Health], now_ms: int, cadence: Cadence
) -> tuple[dict[SensorKey, Health], list[Telling]]:
    """The health of everything that was heard, and what of it is news since `told`."""
    healths: dict[SensorKey, Health] = {}
    news: list[Telling] = []
    for one in sorted(heard, key=lambda one: (one.station, one.sensor)):
        key = (one.station, one.sensor)
        before = told.get(key)
        station = healths.get((one.station, STATION))
        if one.sensor != STATION and station is not None and station.state != "up" and before is not None:
            healths[key] = before
            continue
        state, due_ms = _state(one, now_ms, cadence)
        if before is not None and before.state == "silent" and state == "late":
            state = "silent"  # it was told; a change of the announced interval is no news
        same = before is not None and before.state == state
        healths[key] = Health(state, before.since_ms if before is not None and same else now_ms, due_ms)
        if not same and (before is not None or state != "up"):
            since_ms = before.since_ms if before is not None else one.heard_ms
            told_silent = before is not None and before.state == "silent"
            news.append(Telling(*key, "back" if state == "up" else state, one.heard_ms, since_ms, told_silent))
    return healths, news


def _state(one: Heard, now_ms: int, cadence: Cadence) -> tuple[State, int]:
    interval_s = min(one.next_contact_s or cadence.unannounced_s, cadence.announced_at_most_s)
    awake_ms = min(one.asleep_until_ms, one.heard_ms + cadence.asleep_at_most_s * 1000)
    due_ms = max(one.heard_ms + interval_s * 1000, awake_ms) + cadence.grace_s * 1000
    silent_ms = due_ms + max(cadence.silent_after * interval_s, cadence.silent_at_least_s) * 1000
    if now_ms <= due_ms:
        return "up", due_ms
    return ("late" if now_ms <= silent_ms else "silent"), due_ms
