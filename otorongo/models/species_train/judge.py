"""What a head reaches on places that it never saw: counts per class, with intervals over places. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from otorongo.models.rollup import LIMITS, Candidate, Label, Look, decide

LEAST_PLACES: Final = 20
"""Below so many places nothing is shown."""
ROUNDS: Final = 1000


class Answer(NamedTuple):
    """What was told of one crop."""

    name: str
    """Scientific name, `blank`, `human`, `vehicle`; empty: no name."""
    outcome: str
    """`right`, `group` (a group that the animal is in), `wrong`, `none`."""


class Figure(NamedTuple):
    """Of one class."""

    name: str
    crops: int
    places: int
    right: int
    group: int
    wrong: int
    none: int
    false: int
    """Crops of other classes that were wrongly told to be of this one; a group that they are in is none."""
    recall: tuple[float, float]
    """Bootstrap over places, 95 %."""
    precision: tuple[float, float]
    taken_for: tuple[tuple[str, int], ...]
    """What it was wrongly told to be, the most frequent first."""

    @property
    def shown(self) -> bool:
        """It was seen at enough places to say so."""
        return self.places >= LEAST_PLACES


def answers(p: NDArray[np.float64], labels: Sequence[Label], truth: Sequence[int]) -> tuple[Answer, ...]:
    """What a station would tell of each crop (n, classes), at the limits of the rollup, of a sure box of an animal."""
    return tuple(_answer(row, labels, labels[of]) for row, of in zip(p, truth, strict=True))


def _answer(p: NDArray[np.float64], labels: Sequence[Label], truth: Label) -> Answer:
    best = int(p.argmax())
    if labels[best].special:
        name = str(labels[best].special) if p[best] > LIMITS.likely else ""
    else:
        order = np.argsort(-p, kind="stable")[:5]
        decision = decide(Look(1.0, tuple(Candidate(labels[at], float(p[at])) for at in order)))
        name = decision.name if decision.number or decision.name == "blank" else ""
    if not name:
        return Answer("", "none")
    if name == truth.name:
        return Answer(name, "right")
    return Answer(name, "group" if not truth.special and name in truth.lineage else "wrong")


def figures(
    told: Sequence[Answer], truth: Sequence[int], places: NDArray[np.intp], names: Sequence[str], seed: int
) -> tuple[Figure, ...]:
    """One line per class."""
    y = np.asarray(truth)
    said, outcome = np.array([one.name for one in told]), np.array([one.outcome for one in told])
    rng = np.random.default_rng(seed)
    count = int(places.max()) + 1
    draws = rng.multinomial(count, np.full(count, 1 / count), ROUNDS).astype(np.float64)
    out = []
    for number, name in enumerate(names):
        own = y == number
        counted = Counter(one.outcome for one, mine in zip(told, own, strict=True) if mine)
        hit, false = own & (said == name), ~own & (said == name) & (outcome == "wrong")
        by_place = [np.bincount(places, which, count).astype(np.float64) for which in (own, hit, false)]
        wrong = Counter(one.name for one, mine in zip(told, own, strict=True) if mine and one.outcome == "wrong")
        out.append(
            Figure(
                name, int(own.sum()), len(set(places[own].tolist())),
                counted["right"], counted["group"], counted["wrong"], counted["none"], int(false.sum()),
                _interval(draws, by_place[1], by_place[0]), _interval(draws, by_place[1], by_place[1] + by_place[2]),
                tuple(wrong.most_common(3)),
            )
        )  # fmt: skip
    return tuple(out)


def _interval(draws: NDArray[np.float64], good: NDArray[np.float64], of: NDArray[np.float64]) -> tuple[float, float]:
    """95 % of the share `good / of` when places are drawn again and again; NaN where there is none."""
    whole = draws @ of
    shares = (draws @ good)[whole > 0] / whole[whole > 0]
    if not len(shares):
        return float("nan"), float("nan")
    low, high = np.percentile(shares, (2.5, 97.5))
    return float(low), float(high)


class Gate(NamedTuple):
    """The same heads on features of the float network, crop by crop."""

    shipped: float
    """Mean over the classes of the share whose likeliest name is right."""
    floating: float
    lost: tuple[float, float]
    """Of the difference float - shipped, bootstrap over places, 95 %."""

    @property
    def passed(self) -> bool:
        """At most one point is lost."""
        return self.floating - self.shipped <= 0.01


def gate(
    shipped: NDArray[np.float64],
    floating: NDArray[np.float64],
    truth: Sequence[int],
    places: NDArray[np.intp],
    seed: int,
) -> Gate:
    """Compare probabilities (n, classes) of both, paired, by place."""
    y = np.asarray(truth)
    count, classes = int(places.max()) + 1, shipped.shape[1]
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), ROUNDS).astype(np.float64)
    draws = np.vstack([np.ones(count), draws])
    means = []
    for p in (shipped, floating):
        shares = np.full((len(draws), classes), np.nan)
        for one in range(classes):
            own = y == one
            good, of = (np.bincount(places, which, count) for which in (own & (p.argmax(axis=1) == one), own))
            whole = draws @ of
            shares[whole > 0, one] = (draws @ good)[whole > 0] / whole[whole > 0]
        means.append(np.nanmean(shares, axis=1))
    low, high = np.percentile((means[1] - means[0])[1:], (2.5, 97.5))
    return Gate(float(means[0][0]), float(means[1][0]), (float(low), float(high)))
