"""The figures that an alert's reason tells: the turns of engines, and how many shots. Pure."""

import math
from collections import Counter

from otorongo.hub.alerts import Covered, Evidence


def combs(told: list[tuple[Evidence, Covered]]) -> tuple[tuple[str, int, int], ...]:
    """Of engines: class, turns in 0.1 Hz and trend, each of the class's strongest event that has them."""
    strongest: dict[str, tuple[float, Evidence]] = {}
    for one, c in told:
        if one.f0_dhz and c.llr > strongest.get(one.cls_name, (-math.inf, one))[0]:
            strongest[one.cls_name] = c.llr, one
    return tuple((name, one.f0_dhz, one.trend) for name, (_, one) in sorted(strongest.items()))


def shots(told: list[tuple[Evidence, Covered]]) -> int:
    """How many shots the station that heard most of them heard; 0 for one or none.

    Stations may have heard the same shots, so they are not added up.
    """
    by_station: Counter[str] = Counter()
    for one, _ in told:
        if one.cls_name == "gunshot":
            by_station[one.station] += max(1, one.count)
    most = max(by_station.values(), default=0)
    return most if most > 1 else 0
