"""The clock domains of recordings: one for each UTC day; what goes on past midnight stays in that of its first."""

import datetime as dt
from typing import Final

from otorongo.station.adapters.replay_times import DAY_MS
from otorongo.station.samples import ClockDomain
from otorongo.wire.codes import Clock

LEAST_MS: Final = 10_000
"""So far to both sides of a picture it counts whether somebody was there (`media_picture.BESIDE_MS`)."""


def of_day(name: str, utc_ms: int, bound_ms: int) -> ClockDomain:
    """The clock domain of what begins then; times count from its midnight."""
    midnight = utc_ms // DAY_MS * DAY_MS
    day = dt.datetime.fromtimestamp(midnight / 1000, dt.UTC).date()
    return ClockDomain(f"{name} {day} within {bound_ms} ms", midnight, Clock.RTC, bound_ms)


def goes_on(domain: ClockDomain, last_ms: int, utc_ms: int, bound_ms: int, apart_ms: int, early_ms: int = 0) -> bool:
    """Whether what begins then goes on with what a clock domain knows up to `last_ms`, on whatever day.

    Midnight of UTC is 19:00 in Lima, when animals come and people go home. By `early_ms` it may begin before that.
    """
    return bound_ms == domain.bound_ms and -early_ms <= utc_ms - domain.utc0_ms - last_ms <= max(apart_ms, LEAST_MS)
