"""Pure: how strongly the events of one activity at one place speak together.

The belief is a log-odds: that of the prior, plus for every pair of station and class the weighted evidence of its
strongest event, which is whole while the event lasts and halves with each half-life after it, in event time. Different
pairs are taken as independent given the activity, as in naive Bayes; windows and events of one pair are not, which is
why only the strongest counts. Evidence below zero counts as none: a station that hears little is no proof of silence.
"""

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from otorongo.hub import rights
from otorongo.hub.alerts import MAX_LLR, Covered, Evidence, Severity, Why
from otorongo.hub.config import RightConfig
from otorongo.hub.config_activities import ActivityConfig
from otorongo.wire import classes
from otorongo.wire.codes import Tag

MIN_SUPPORT: Final = 0.5
"""A pair that adds less than this, natural units, supports nothing."""
OPEN_IN_SHARED_USE: Final = frozenset({"gunshot", "boat"})
"""Classes that ring nobody by themselves where people hunt and fish by right."""
Pair = tuple[str, int]


class Level(Struct, frozen=True):
    """How strong evidence is at its strongest moment."""

    severity: Severity = Severity.NONE
    """What it may cause."""
    belief: float = 0.0
    """Probability, at whatever moment it was highest."""
    held: str = ""
    """What kept it from ringing although the belief was there: `alone` or `shared_use`."""


def weigh(one: Evidence, activity: ActivityConfig, granted: Sequence[RightConfig]) -> Covered:
    """One event as it counts for an activity, or why it does not."""
    weight = activity.weights.get(one.cls_name, 0.0)
    llr = min(max(one.llr, 0.0), MAX_LLR) * weight
    judged = rights.judge(granted, one.start_ms, one.last_ms)
    why: Why = "counted"
    if one.has(Tag.VETOED):
        why = "vetoed"
    elif one.has(Tag.OWN_PATROL):
        why = "own_patrol"
    elif judged.state == "covered":
        why = "right"
    elif one.received_ms - one.last_ms > activity.late_after_min * 60_000:
        why = "late"
    return Covered(key=one.key, weight=weight, llr=llr, why=why, right=judged.right, right_state=judged.state)


def episodes(evidence: Iterable[Evidence], quiet_ms: float) -> list[list[Evidence]]:
    """Events that belong together: none begins more than `quiet_ms` after all before it have ended."""
    found: list[list[Evidence]] = []
    until = -math.inf
    for one in sorted(evidence, key=lambda one: (one.start_ms, one.key)):
        if one.start_ms > until + quiet_ms:
            found.append([])
        found[-1].append(one)
        until = max(until, one.last_ms)
    return found


def level(counted: Iterable[tuple[Evidence, float]], activity: ActivityConfig, kind: str) -> Level:
    """The strongest moment of events with their weighted evidence, at a place of some kind."""
    best, top, held = Severity.NONE, -math.inf, ""
    steps = [(math.log(at / (1 - at)), name) for at, name in _thresholds(activity)]
    base = math.log(activity.prior / (1 - activity.prior))
    for strengths in moments(counted, activity.half_life_min * 60_000):
        odds = base + sum(strengths.values())
        top = max(top, odds)
        severity = max((name for at, name in steps if odds >= at - 1e-9), default=Severity.NONE)
        if severity <= best:
            continue
        if severity >= Severity.ALERT:
            why = _held(strengths, activity, kind)
            held = held or why
            severity = Severity.WATCH if why else severity
        best = max(best, severity)
    belief = 1 / (1 + math.exp(-top)) if top > -math.inf else 0.0
    return Level(best, belief, held if best < Severity.ALERT else "")


def _thresholds(activity: ActivityConfig) -> list[tuple[float, Severity]]:
    return [
        (activity.watch_at, Severity.WATCH),
        (activity.ring_at, Severity.ALERT),
        (activity.high_at, Severity.HIGH),
    ]


def _held(strengths: Mapping[Pair, float], activity: ActivityConfig, kind: str) -> str:
    """Why a belief that is high enough rings nobody all the same; empty: it rings."""
    supporting = [pair for pair, strength in strengths.items() if strength >= MIN_SUPPORT]
    if len(supporting) < 2 and not activity.alone:
        return "alone"
    if kind == "shared_use" and all(classes.name_of(cls) in OPEN_IN_SHARED_USE for _, cls in supporting):
        return "shared_use"
    return ""


def loud(
    counted: Iterable[tuple[Evidence, float]], activity: ActivityConfig, kind: str, quiet_ms: float
) -> list[tuple[int, int]]:
    """The stretches of time in which evidence rings, UTC ms from and to, with more than `quiet_ms` between them.

    Between the moments that are looked at belief only falls: what rings at two in a row has rung all the time.
    """
    base, bar = math.log(activity.prior / (1 - activity.prior)), math.log(activity.ring_at / (1 - activity.ring_at))
    found: list[tuple[int, int]] = []
    rang = False
    for now, strengths in _sweep(counted, activity.half_life_min * 60_000, ends=True):
        before, rang = rang, base + sum(strengths.values()) >= bar - 1e-9 and not _held(strengths, activity, kind)
        if rang and found and (before or now - found[-1][1] <= quiet_ms):
            found[-1] = (found[-1][0], now)
        elif rang:
            found.append((now, now))
    return found


def moments(counted: Iterable[tuple[Evidence, float]], half_life_ms: float) -> Iterator[Mapping[Pair, float]]:
    """The strength of every pair at each moment at which an event begins: between these nothing grows.

    Takes n log n steps and one step for each pair and moment, so that a microphone that never stops costs little.
    """
    return (strengths for _, strengths in _sweep(counted, half_life_ms, ends=False))


def _sweep(
    counted: Iterable[tuple[Evidence, float]], half_life_ms: float, *, ends: bool
) -> Iterator[tuple[int, Mapping[Pair, float]]]:
    """As `moments`, with the time; with `ends` also just before events begin, and when they end."""
    ordered = sorted(((one, value) for one, value in counted if value > 0), key=lambda item: item[0].start_ms)
    if not ordered:
        return
    zero = ordered[0][0].start_ms
    lasting: dict[Pair, list[tuple[float, int]]] = {}
    ended: dict[Pair, float] = {}  # log2 of what the strongest would have been at `zero`: comparable whenever it ended
    times = {one.start_ms for one, _ in ordered} | ({one.last_ms for one, _ in ordered} if ends else set())
    at = 0
    for now in sorted(times):
        if ends:
            yield now, {pair: _strength(pair, heap, ended, now, zero, half_life_ms) for pair, heap in lasting.items()}
        first = at
        while at < len(ordered) and ordered[at][0].start_ms == now:
            one, value = ordered[at]
            heapq.heappush(lasting.setdefault(one.pair, []), (-value, one.last_ms))
            at += 1
        if at > first:
            yield now, {pair: _strength(pair, heap, ended, now, zero, half_life_ms) for pair, heap in lasting.items()}


def _strength(
    pair: Pair, heap: list[tuple[float, int]], ended: dict[Pair, float], now: int, zero: int, half_life_ms: float
) -> float:
    while heap and heap[0][1] < now:
        value, last = heapq.heappop(heap)
        ended[pair] = max(ended.get(pair, -math.inf), math.log2(-value) + (last - zero) / half_life_ms)
    fading = ended.get(pair, -math.inf) - (now - zero) / half_life_ms
    return max(-heap[0][0] if heap else 0.0, 2.0**fading if fading > -30 else 0.0)
