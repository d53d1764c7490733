"""Combs followed through minutes, and what machine they say: steady engine, saw, boat, truck, or none. Pure.

Frames (`comb.Frame`, one each 1.5 s or less often) go into a tracker: a path through their candidates and through "no
comb", found by Viterbi's method, that would rather stay at a speed than jump. A stretch with a comb is a bout; `judge`
says its shape.

    state = follow(state, t_ms, comb.frame(sound))
    shape = judge(bout(points(state)))          # Verdict("saw", "142 Hz, 47 s, rising")
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from otorongo.models.comb import Candidate, Frame

KEEP_MS: Final = 1_200_000
"""So long is remembered, however often frames come: longer than any shape must last."""
STEP_MS: Final = 1500
"""Frames that come more often than they are long say nothing new."""
LONGEST_STEP_MS: Final = 60_000
"""After a longer gap everything begins anew."""

# The path, in standard deviations of a frame of noise (its best spacing reaches 3.3 in the median, 4.3 in 99 %).
_WORTH: Final = 4.0
"""What a frame's comb must reach to be worth more than none."""
_MOST: Final = 12.0
_TURN: Final = 1.5
"""Of going from none to a comb or back."""
_JUMP: Final = 3.5
"""Of a change of speed, however large."""
_GLIDE: Final = 0.03
"""Share by which the speed may change at a cost of one."""
_FREE: Final = 0.01

GAP_MS: Final = 20_000
"""A bout ends where no comb was heard for so long."""


@dataclass(frozen=True, slots=True)
class Point:
    """One frame on the path."""

    t_ms: int
    f0_hz: float
    """0: no comb."""
    score: float
    harmonicity_db: float
    level_db: float
    low_db: float = 0.0
    flutter_db: float = 0.0
    drop_db: float = 0.0
    firing_hz: float = math.nan
    """The strongest line; this, the tilt and `low_db` are NaN where the path took another comb than the strongest."""
    tilt_db: float = math.nan


@dataclass(frozen=True, slots=True)
class _Step:
    """One frame in the tracker: for each way to read it, the best sum so far and where that came from."""

    t_ms: int
    frame: Frame
    sums: tuple[float, ...]
    """Of no comb, then of each candidate."""
    back: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tracker:
    """What is remembered of the last minutes."""

    steps: tuple[_Step, ...] = ()


def due(state: Tracker, t_ms: int) -> bool:
    """Whether a frame that ends now would say anything new; also when the clock has jumped."""
    last = state.steps[-1] if state.steps else None
    return last is None or not 0 <= t_ms - last.t_ms < STEP_MS - 10


def follow(state: Tracker, t_ms: int, frame: Frame) -> Tracker:
    """The next state. A time before the last one, or a gap of more than a minute, begins anew."""
    last = state.steps[-1] if state.steps else None
    if last is None or not 0 < t_ms - last.t_ms <= LONGEST_STEP_MS:
        first = (0.0, *(_gain(one) - _TURN for one in frame.candidates))
        return Tracker((_Step(t_ms, frame, first, (0,) * len(first)),))
    sums: list[float] = []
    back: list[int] = []
    for one in (None, *frame.candidates):
        ways = [
            total - _cost(before, one) for total, before in zip(last.sums, (None, *last.frame.candidates), strict=True)
        ]
        best = max(range(len(ways)), key=ways.__getitem__)
        sums.append(ways[best] + (_gain(one) if one else 0.0))
        back.append(best)
    top = max(sums)  # only differences count, and sums must not grow for hours
    old = next(at for at, step in enumerate((*state.steps, None)) if step is None or t_ms - step.t_ms < KEEP_MS)
    return Tracker((*state.steps[old:], _Step(t_ms, frame, tuple(x - top for x in sums), tuple(back))))


def points(state: Tracker) -> list[Point]:
    """The best path so far, oldest first."""
    found: list[Point] = []
    if not state.steps:
        return found
    at = max(range(len(state.steps[-1].sums)), key=state.steps[-1].sums.__getitem__)
    for step in reversed(state.steps):
        found.append(_point(step, step.frame.candidates[at - 1] if at else None))
        at = step.back[at]
    return found[::-1]


def bouts(path: Sequence[Point], gap_ms: int = GAP_MS) -> list[list[Point]]:
    """The stretches of a path with a comb, each from its first to its last frame with one."""
    found: list[list[Point]] = []
    last_ms = 0
    waiting: list[Point] = []
    for point in path:
        if not point.f0_hz:
            waiting.append(point)
            continue
        if not found or point.t_ms - last_ms > gap_ms:
            found.append([])
        else:
            found[-1] += waiting
        found[-1].append(point)
        waiting, last_ms = [], point.t_ms
    return found


def current(path: Sequence[Point], gap_ms: int = GAP_MS) -> list[Point]:
    """The bout that still goes on at the end of a path; empty: none."""
    found = bouts(path, gap_ms)
    return found[-1] if found and path[-1].t_ms - found[-1][-1].t_ms <= gap_ms else []


def going_on(state: Tracker, gap_ms: int = GAP_MS) -> list[Point]:
    """As `current` of `points`, from the end back to where the bout began: all that is remembered may be 20 minutes."""
    bout: list[Point] = []
    waiting: list[Point] = []
    if not state.steps:
        return bout
    after_ms = state.steps[-1].t_ms
    at = max(range(len(state.steps[-1].sums)), key=state.steps[-1].sums.__getitem__)
    for step in reversed(state.steps):
        if after_ms - step.t_ms > gap_ms:
            break
        waiting.append(_point(step, step.frame.candidates[at - 1] if at else None))
        if at:
            bout += waiting if bout else waiting[-1:]
            waiting, after_ms = [], step.t_ms
        at = step.back[at]
    return bout[::-1]


def _gain(one: Candidate) -> float:
    return min(one.score, _MOST) - _WORTH


def _cost(before: Candidate | None, now: Candidate | None) -> float:
    if before is None or now is None:
        return 0.0 if before is now else _TURN
    apart = abs(math.log(now.f0_hz / before.f0_hz))
    return min(_JUMP, max(0.0, apart - _FREE) / _GLIDE)


def _point(step: _Step, one: Candidate | None) -> Point:
    frame = step.frame
    own = one is not None and frame.candidates[0] is one  # the frame's details are those of its strongest comb
    return Point(
        step.t_ms,
        one.f0_hz if one else 0.0,
        one.score if one else 0.0,
        one.harmonicity_db if one else 0.0,
        frame.level_db,
        frame.low_db if own else math.nan,
        frame.flutter_db,
        frame.drop_db,
        frame.firing_hz if own else math.nan,
        frame.tilt_db if own else math.nan,
    )
