"""What a bout of combs says: how steady, how long, rising or passing by, and which kind of machine does that. Pure.

The rules are physics (firing frequencies, governors, load, gear boxes, passing by), not statistics: nobody has an hour
of labelled dredge. `judge` says the shape with its numbers, so that a person can disagree.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from otorongo.language import later, say
from otorongo.models.engines import STEP_MS, Point

Values = NDArray[np.float64]

NONE: Final = "none"
ENGINE: Final = "engine"
"""A comb that lasts, of no shape that is known yet."""
STEADY: Final = "steady"
SAW: Final = "saw"
BOAT: Final = "boat"
TRUCK: Final = "truck"
NEAR: Final = "near"
"""A wing at the membrane, or a voice: no machine."""
CALL: Final = "call"
"""Calls in pulses, of frogs or insects: lines around their own pitch only."""
HUM: Final = "hum"
"""Steadier than any engine: electronics or mains."""

_IDLE_HZ: Final = (30.0, 62.0)
_WORK_HZ: Final = (100.0, 240.0)
"""A saw idles at about 42, cuts at 125 to 160, and races at 190 to 225 turns a second (Husqvarna 395XP)."""
_PARTS: Final = np.array([2, 3, 4, 5, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
"""Of another comb's spacing, one may be so much."""
_TRENDS: Final = {
    "rising": later("rising"), "falling": later("falling"), "passing": later("passing"), "steady": later("steady"),
}  # fmt: skip
_LINES: Final = later(
    "strongest line {of.firing_hz:.0f} Hz, {of.harmonicity_db:.0f} dB above what is between, "
    "{of.tilt_db:+.0f} dB per octave"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What separates the shapes."""

    least_s: float = 18.0
    """Fewer seconds with a comb say nothing ..."""
    least_share: float = 0.5
    """... nor does a bout that is mostly gaps: chance resonances of a forest come and go."""
    saw_s: float = 20.0
    saw_cycles: int = 2
    """Changes between idling, cutting and racing, and pauses, in a bout of a saw."""
    saw_held: float = 0.7
    """A saw stays within 2 % of its middle speed in less than this part of the frames: it bites, and is let go."""
    steady_s: float = 150.0
    steady_share: float = 0.02
    """A governor holds its speed so well ..."""
    steady_most: float = 0.85
    """... in at least this part of the frames."""
    hum_share: float = 0.0007
    """A comb that stays within this is electronic: governors swing by 0.5 % and more."""
    boat_s: tuple[float, float] = (40.0, 720.0)
    bell_db: float = 6.0
    """A boat rises by so much, and falls again."""
    gears: int = 2
    low_db: float = 2.0
    """An engine's lines below 400 Hz stand out by at least so much."""
    near_drop_db: float = 12.0
    """What comes from afar never falls by so much in 0.2 s, because the forest goes on sounding (T60 1.2 to 3 s)."""
    near_share: float = 0.25
    still_db: float = 0.5
    """The level of what comes from afar never stands still: it falls by more than this in 0.2 s in most frames, because
    lines meet over many paths and no engine burns evenly (rendered engines 20 to 800 m off: 1.0 and more; real motors
    0.8 and more; wings at the membrane that are held still: 0.2 to 0.6)."""
    wing_hz: float = 100.0
    """Flies, wasps and bees beat faster than this; no governed engine has been heard to turn faster and ..."""
    flutter_db: float = 1.1
    """... to flutter so much (real motors 0.4 to 1.0, real bees 1.2 to 4.7: standard deviation of levels of 0.1 s)."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A bout in numbers."""

    f0_hz: float = 0.0
    """Median; frames on double, triple, half or a third of it count as it."""
    spread: float = 0.0
    """Half the distance from the 10 % to the 90 % point of f0, as a share of the median."""
    duration_s: float = 0.0
    voiced_s: float = 0.0
    """Time with a comb."""
    held: float = 0.0
    """Part of the frames within 2 % of the median."""
    jitter: float = 0.0
    """Median change of f0 from frame to frame, as a share."""
    harmonicity_db: float = 0.0
    score: float = 0.0
    low_db: float = 0.0
    """Median of how far the lines below 400 Hz stand out."""
    level_db: float = 0.0
    """Loudest five frames."""
    rise_db: float = 0.0
    fall_db: float = 0.0
    """From the beginning to the loudest third, and from there to the end."""
    trend_db: float = 0.0
    """Level of the last third less that of the first."""
    glide: float = 0.0
    """f0 of the last third less that of the first, as a share: below zero for what passes by."""
    cycles: int = 0
    """Changes of a saw: idle, cut, race, pause."""
    gears: int = 0
    """Falls of f0 by 12 to 50 % at once, each after a climb."""
    octaves: int = 0
    """Frames on a multiple or a part of the median."""
    near: float = 0.0
    """Part of the frames in which the level falls by 12 dB and more in 0.2 s."""
    drop_db: float = 0.0
    """Median of the largest fall in 0.2 s."""
    flutter_db: float = 0.0
    """Median of the standard deviation of levels of 0.1 s."""
    firing_hz: float = 0.0
    """Median of the strongest line."""
    tilt_db: float = 0.0
    """Median slope of the lines, dB per octave: steep far away."""

    @property
    def bell_db(self) -> float:
        """By how much its level comes and goes."""
        return min(self.rise_db, self.fall_db)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A shape, and the numbers that it rests on."""

    shape: str = NONE
    summary: Summary = Summary()
    why: str = ""
    """Why it is that shape, its numbers not filled in yet."""
    limits: Limits = Limits()

    @property
    def reason(self) -> str:
        """The numbers and why, in English: for logs and other programs."""
        return self._told(str.format)

    def told(self) -> str:
        """The same for people, in the language that was spoken last."""
        return self._told(say)

    def _told(self, fill: Callable[..., str]) -> str:
        given = {"of": self.summary, "limits": self.limits}
        why = fill(self.why, **given)
        if not self.summary.f0_hz:
            return why
        return f"{words(self.summary, fill)}: {why}; {fill(_LINES, **given)}"


def summarise(bout: Sequence[Point], limits: Limits = Limits()) -> Summary:
    """A bout in numbers; an empty one gives zeros."""
    voiced = [point for point in bout if point.f0_hz]
    if not voiced:
        return Summary()
    raw = np.array([point.f0_hz for point in voiced])
    f0, octaves = _folded(raw)
    ordered: list[float] = sorted(f0.tolist())
    middle = _median(ordered)
    low, high = _quantile(ordered, 0.1), _quantile(ordered, 0.9)
    levels = _smooth(np.array([point.level_db for point in bout]))
    third = max(1, len(levels) // 3)
    first, last = float(levels[:third].mean()), float(levels[-third:].mean())
    loudest = float(np.sort(levels)[-min(5, len(levels)) :].mean())
    ends = max(1, len(f0) // 3)
    steps: list[float] = np.abs(np.diff(np.log(f0))).tolist()
    step_ms = _median([after.t_ms - point.t_ms for point, after in pairwise(bout)]) if len(bout) > 1 else STEP_MS
    duration_s = (bout[-1].t_ms - bout[0].t_ms + step_ms) / 1000
    return Summary(
        f0_hz=middle,
        spread=(high - low) / 2 / middle,
        duration_s=duration_s,
        voiced_s=min(duration_s, len(voiced) * step_ms / 1000),
        held=np.count_nonzero(np.abs(f0 / middle - 1) <= limits.steady_share) / len(f0),
        jitter=_median(steps),
        harmonicity_db=_median([point.harmonicity_db for point in voiced]),
        score=_median([point.score for point in voiced]),
        low_db=_median([point.low_db for point in voiced if not math.isnan(point.low_db)]),
        level_db=loudest,
        rise_db=loudest - float(levels[: max(1, len(levels) // 6)].mean()),
        fall_db=loudest - float(levels[-max(1, len(levels) // 6) :].mean()),
        trend_db=last - first,
        glide=_median(f0[-ends:].tolist()) / _median(f0[:ends].tolist()) - 1,
        cycles=_cycles(bout, f0),
        gears=_gears(raw),
        octaves=octaves,
        near=sum(point.drop_db >= limits.near_drop_db for point in voiced) / len(voiced),
        drop_db=_median([point.drop_db for point in voiced]),
        flutter_db=_median([point.flutter_db for point in voiced]),
        firing_hz=_median([point.firing_hz for point in voiced if not math.isnan(point.firing_hz)]),
        tilt_db=_median([point.tilt_db for point in voiced if not math.isnan(point.tilt_db)]),
    )


def judge(bout: Sequence[Point], limits: Limits = Limits()) -> Verdict:
    """The shape of a bout and its numbers. Never raises; what is too short, or nothing, is `none`."""
    of = summarise(bout, limits)
    shape, why = _shape(bout, of, limits)
    return Verdict(shape, of, why, limits)


def words(of: Summary, fill: Callable[..., str] = str.format) -> str:
    """`142 Hz, 47 s, rising`."""
    return f"{of.f0_hz:.0f} Hz, {of.duration_s:.0f} s, {fill(_TRENDS[trend(of)])}"


def trend(of: Summary) -> str:
    """`rising`, `falling`, `passing`, or `steady`: what the level does."""
    if of.rise_db >= 4 and of.fall_db >= 4 and of.duration_s >= 30:
        return "passing"
    return "rising" if of.trend_db > 3 else "falling" if of.trend_db < -3 else "steady"


def _shape(bout: Sequence[Point], of: Summary, limits: Limits) -> tuple[str, str]:
    if of.voiced_s < limits.least_s:
        return NONE, later("a comb in {of.voiced_s:.0f} s (at least {limits.least_s:.0f} s say something)")
    if of.voiced_s < limits.least_share * of.duration_s:
        return NONE, later("a comb in {of.voiced_s:.0f} s only")
    if of.near >= limits.near_share:
        return NEAR, later(
            "falls by {limits.near_drop_db:.0f} dB in 0.2 s in {of.near:.0%} of its frames: nothing far off"
        )
    held = of.held >= limits.steady_most
    if of.spread <= limits.hum_share and of.duration_s >= limits.steady_s and held:
        return HUM, later("within {of.spread:.2%}: no engine is so steady")
    if of.drop_db <= limits.still_db:
        return NEAR, later("its level stands still (falls of {of.drop_db:.1f} dB): no forest between")
    if held and of.f0_hz >= limits.wing_hz and of.flutter_db >= limits.flutter_db:
        return NEAR, later("{of.f0_hz:.0f} Hz that flutter by {of.flutter_db:.1f} dB: a wing")
    if of.low_db < limits.low_db:
        return CALL, later("its lines below 400 Hz stand out by {of.low_db:.1f} dB only")
    if of.gears >= limits.gears and of.held < limits.steady_most and not _works(bout):
        return TRUCK, later("{of.gears} gears")
    busy = of.cycles >= limits.saw_cycles and of.held < limits.saw_held
    if busy and of.voiced_s >= limits.saw_s and _works(bout):
        return SAW, later("{of.cycles} changes of speed, spread {of.spread:.1%}")
    if limits.boat_s[0] <= of.duration_s <= limits.boat_s[1] and of.bell_db >= limits.bell_db and of.spread < 0.12:
        return BOAT, later("comes and goes by {of.bell_db:.0f} dB, f0 {of.glide:+.1%}")
    if of.held >= limits.steady_most and of.duration_s >= limits.steady_s:
        return STEADY, later("within {limits.steady_share:.0%} for {of.held:.0%} of the time")
    return ENGINE, later("f0 within {limits.steady_share:.0%} for {of.held:.0%} of the time, {of.cycles} changes")


def _works(bout: Sequence[Point]) -> bool:
    """A saw's speeds: at least a fifth of the frames at work; others idle, or show every second turn only."""
    f0 = np.array([point.f0_hz for point in bout if point.f0_hz])
    work = (f0 >= _WORK_HZ[0]) & (f0 <= _WORK_HZ[1])
    return bool(np.mean(work) >= 1 / 5)


def _cycles(bout: Sequence[Point], f0: Values) -> int:
    """How often the speed class of a saw changes: idle, work, race, pause; each must hold for two frames.

    `f0` are the folded spacings of the frames that have one.
    """
    kinds, speeds = [], iter(f0)
    for point in bout:
        hz = float(next(speeds)) if point.f0_hz else 0.0
        kinds.append(0 if not hz else 1 if hz < _IDLE_HZ[1] else 3 if hz >= 175 else 2)
    held = [kind for kind, after in pairwise(kinds) if kind == after]
    return sum(one != other for one, other in pairwise(held))


def _gears(f0: Values) -> int:
    """Falls by 12 to 50 % at once after a climb of at least 8 %; a fall to exactly a half is an octave, not a gear."""
    gears, lowest = 0, float(f0[0])
    for before, now in pairwise(f0):
        fall = 1 - now / before
        if 0.12 <= fall <= 0.47 and before / lowest >= 1.08:
            gears += 1
            lowest = float(now)
        elif fall > 0.47:
            lowest = float(now)
        lowest = min(lowest, float(now))
    return gears


def _folded(raw: Values) -> tuple[Values, int]:
    """f0 with multiples and parts of the median (2, 3, 4, 5, within 2 %) brought to it, and how many there were."""
    on = np.abs(raw / (_mode(raw) * _PARTS[:, None]) - 1) <= 0.02
    out: Values = np.where(on.any(axis=0), raw / _PARTS[on.argmax(axis=0)], raw)
    return out, int(np.count_nonzero(on))


def _mode(raw: Values) -> float:
    """The value that most others are within 3 % of."""
    some = raw[:: len(raw) // 200 + 1]  # every pair is compared
    near = np.abs(np.log(some[:, None] / some[None, :])) <= math.log(1.03)
    return float(some[int(near.sum(axis=1).argmax())])


def _median(values: Sequence[float]) -> float:
    """0 of nothing. For some hundred numbers quicker than numpy's."""
    ordered, half = sorted(values), len(values) // 2
    return (ordered[half] + ordered[~half]) / 2 if ordered else 0.0


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Of numbers in order, on the straight line between two of them."""
    at = share * (len(ordered) - 1)
    low = int(at)
    return ordered[low] + (ordered[min(low + 1, len(ordered) - 1)] - ordered[low]) * (at - low)


def _smooth(levels: Values, width: int = 5) -> Values:
    """A moving median: one slammed door is no bell."""
    if len(levels) < width:
        return levels
    half = width // 2
    padded = np.concatenate([levels[:1].repeat(half), levels, levels[-1:].repeat(half)])
    smooth: Values = np.sort([padded[at : at + len(levels)] for at in range(width)], axis=0)[half]
    return smooth
