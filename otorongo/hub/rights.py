"""Pure: whether somebody may do what was noticed. What a right covers is recorded, not alerted."""

import datetime as dt
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from otorongo.hub.config import RightConfig, minutes_of

DAY_MIN: Final = 24 * 60
RightState = Literal["none", "covered", "outside_hours", "outside_season", "review_overdue"]
_NEAREST: Final[tuple[RightState, ...]] = ("covered", "outside_hours", "review_overdue", "outside_season")


class Judged(NamedTuple):
    """What the rights of a place say of something that happened there."""

    state: RightState
    right: str = ""
    """Resolution and holder of the right that covers it, or of the nearest that does not."""


def judge(rights: Sequence[RightConfig], start_ms: int, last_ms: int) -> Judged:
    """Whether one of these rights, all of the place and activity in question, covers all of a period (UTC, ms)."""
    if not rights:
        return Judged("none")
    found = [Judged(_state(right, start_ms, last_ms), name(right)) for right in rights]
    return min(found, key=lambda one: (_NEAREST.index(one.state), one.right))


def name(right: RightConfig) -> str:
    """`R-000-2026 (Concesion Ejemplo, 120 m3)`."""
    whose = f"{right.holder}, {right.volume}" if right.volume else right.holder
    return f"{right.resolution} ({whose})" if right.resolution else whose


def _state(right: RightConfig, start_ms: int, last_ms: int) -> RightState:
    first_min, end_min = minutes_of(right.hours)
    length_min = (end_min - first_min) % DAY_MIN or DAY_MIN
    # As if the day began with the hours: then a night's hours lie within one day too.
    start, last = (_local(ms, right.zone) - dt.timedelta(minutes=first_min) for ms in (start_ms, last_ms))
    if length_min == DAY_MIN:
        start, last = _local(start_ms, right.zone), _local(last_ms, right.zone)
    if not all(_in_season(right, one.date()) for one in (start, last)):
        return "outside_season"
    if right.review_by is not None and last.date() > right.review_by:
        return "review_overdue"
    within = start.date() == last.date() and all(_minute(one) <= length_min for one in (start, last))
    return "covered" if length_min == DAY_MIN or within else "outside_hours"


def _local(utc_ms: int, zone: str) -> dt.datetime:
    return dt.datetime.fromtimestamp(utc_ms / 1000, dt.UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def _minute(at: dt.datetime) -> float:
    return at.hour * 60 + at.minute + at.second / 60


def _in_season(right: RightConfig, day: dt.date) -> bool:
    if right.season is None:
        return True
    first, last = right.season
    if not right.yearly:
        return first <= day <= last
    start, end, today = ((one.month, one.day) for one in (first, last, day))
    return start <= today <= end if start <= end else today >= start or today <= end
