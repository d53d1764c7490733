"""What drowns or imitates threats: rain, wind, thunder, insects, aircraft and howlers raise thresholds or close an ear.

Pure: the last scores of the confusers go in, and for each class comes out how much more evidence a hit needs, or that
it cannot be told at all now, and why. Every veto is counted and reported: a vetoed hour is lost effort, never a zero.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from otorongo.station.samples import Score
from otorongo.wire.classes import BY_NAME, name_of


@dataclass(frozen=True, slots=True)
class Veto:
    """What one confuser does."""

    p: float
    """From this mean calibrated probability over the last windows."""
    raises: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """By class: natural units of evidence that a hit needs on top of its threshold."""
    suspends: tuple[str, ...] = ()
    """Classes that cannot be told while it lasts."""
    has_comb: bool = False
    """It has a steady comb of its own, so that beside it a comb alone is no witness of an engine."""


_ENGINES: Final = ("engine", "engine_steady", "boat", "vehicle", "generator", "excavator")

DEFAULTS: Final[Mapping[str, Veto]] = MappingProxyType(
    {
        # Drops on leaves and on the case are short and sharp; a saw in heavy rain still has its comb.
        "rain": Veto(0.7, {"chainsaw": 1.0, "aircraft": 1.0} | dict.fromkeys(_ENGINES, 1.0), ("gunshot", "tree_fall")),
        "wind": Veto(0.7, {"aircraft": 1.0, "fire": 1.0, "tree_fall": 1.0} | dict.fromkeys(_ENGINES, 1.0)),
        "thunder": Veto(0.5, {"aircraft": 1.0}, ("gunshot", "tree_fall")),
        "insects": Veto(0.9, {"chainsaw": 0.5, "aircraft": 0.5}),
        "aircraft": Veto(0.8, dict.fromkeys(_ENGINES, 1.0), has_comb=True),
        "howler": Veto(0.5, {"chainsaw": 1.0, "aircraft": 1.0} | dict.fromkeys(_ENGINES, 2.0)),
    }
)
"""Rules of thumb: what confuses whom stands in the literature (rain: Metcalf 2020; howlers: Schon Ybarra 1986), how
much does not: nobody has recorded hours of rain with saws in it."""

WINDOWS: Final = 6
"""One drop is no rain: the mean over so many windows (9 s) counts."""


@dataclass(frozen=True, slots=True)
class Now:
    """What holds now."""

    raised: dict[int, float] = field(default_factory=dict)
    """By wire class: natural units on top of the threshold."""
    suspended: frozenset[int] = frozenset()
    reasons: tuple[int, ...] = ()
    """Wire classes of the confusers."""
    has_comb: bool = False
    """One of them has a comb of its own."""

    def allows(self, score: Score, threshold: float) -> bool:
        """Whether a hit stands: its class is not suspended, and p is as far above the threshold as is now needed."""
        if score.cls in self.suspended:
            return False
        more = self.raised.get(score.cls, 0.0)
        return not more or _logit(score.p) >= _logit(threshold) + more

    def likely(self, score: Score, threshold: float, less: float) -> bool:
        """Whether a score misses what a hit needs now by at most so many natural units, or reaches it."""
        needed = _logit(threshold) + self.raised.get(score.cls, 0.0) - less
        return score.cls not in self.suspended and _logit(score.p) >= needed

    def raised_by(self, classes: Iterable[int], more: float) -> "Now":
        """As this, but hits of these classes need at least `more` natural units on top of their threshold."""
        return replace(self, raised=self.raised | {cls: max(more, self.raised.get(cls, 0.0)) for cls in classes})

    def __str__(self) -> str:
        """`rain, wind`, or `none`."""
        return ", ".join(name_of(cls) for cls in self.reasons) or "none"


NOTHING: Final = Now()


@dataclass(frozen=True, slots=True)
class Recent:
    """The last windows' probabilities of each confuser."""

    p: Mapping[int, tuple[float, ...]] = field(default_factory=lambda: MappingProxyType({}))


def advance(state: Recent, scores: Sequence[Score], vetoes: Mapping[str, Veto] = DEFAULTS) -> tuple[Recent, Now]:
    """The next state, and what holds now. A window without scores (the gate stopped it) counts as one without any."""
    best: dict[int, float] = {}
    for score in scores:
        best[score.cls] = max(score.p, best.get(score.cls, 0.0))
    kept: dict[int, tuple[float, ...]] = {}
    raised: dict[int, float] = {}
    suspended: set[int] = set()
    reasons, has_comb = [], False
    for name, veto in vetoes.items():
        cls = BY_NAME[name].number
        kept[cls] = (*state.p.get(cls, ()), best.get(cls, 0.0))[-WINDOWS:]
        if sum(kept[cls]) / WINDOWS < veto.p:
            continue
        reasons.append(cls)
        has_comb |= veto.has_comb
        suspended.update(BY_NAME[each].number for each in veto.suspends)
        for each, more in veto.raises.items():
            raised[BY_NAME[each].number] = max(more, raised.get(BY_NAME[each].number, 0.0))
    return Recent(MappingProxyType(kept)), Now(raised, frozenset(suspended), tuple(reasons), has_comb)


def _logit(p: float) -> float:
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))
