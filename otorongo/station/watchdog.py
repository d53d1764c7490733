"""Whether a process may tell the service manager that it lives: only if its work moved. Pure.

A timer thread that pings by itself would keep a hung camera alive for ever; here a counter of samples, frames, ticks or
rows must have moved within two cadences.
"""

from collections.abc import Mapping

from msgspec import Struct

CADENCES = 2
"""How many cadences the work may stand still."""


class Watch(Struct, frozen=True):
    """What was seen last, and when it moved."""

    counters: Mapping[str, int]
    moved_s: float
    """Seconds, of the same clock as `now_s`."""


def start(counters: Mapping[str, int], now_s: float) -> Watch:
    """Begin to watch: a process has two cadences to do its first work."""
    return Watch(dict(counters), now_s)


def look(watch: Watch, counters: Mapping[str, int], now_s: float, cadence_s: float) -> tuple[Watch, bool]:
    """What is seen now, and whether to ping: True if any counter moved within the last two cadences."""
    if counters != watch.counters:
        watch = Watch(dict(counters), now_s)
    return watch, now_s - watch.moved_s <= CADENCES * cadence_s
