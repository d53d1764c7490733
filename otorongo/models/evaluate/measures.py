"""Figures of merit over windows, each with an interval by recording: its windows are no independent facts."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from otorongo.models.evaluate.scoring import Floats, Ints
from otorongo.models.train.figures import wilson

ROUNDS: Final = 1000
SEED: Final = 11
RATES_PER_H: Final = (10.0, 1.0, 0.1)
"""False windows an hour at which recall is told."""
BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, where 95 % of it lie when recordings are drawn anew, and how many there are."""

    value: float
    low: float
    high: float
    recordings: int

    def __str__(self) -> str:
        """`0.97 (0.91 to 1.00; 6)`."""
        if math.isnan(self.value):
            return "-"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f}; {self.recordings})"


NONE: Final = Figure(math.nan, math.nan, math.nan, 0)


def bootstrap(figure: Callable[[Floats], float], truth: Ints, recording: Ints) -> Figure:
    """A figure of weights (windows,), recordings with and without the class drawn anew apart; truth is 1 or 0."""
    numbers, place = np.unique(recording, return_inverse=True)
    has = np.bincount(place, truth == 1, len(numbers)) > 0
    value = figure(np.ones(len(truth))) if has.any() else math.nan
    if math.isnan(value):
        return NONE
    rng = np.random.default_rng(SEED)
    drawn = []
    for _ in range(ROUNDS):
        weight = np.zeros(len(numbers))
        for group in (np.flatnonzero(has), np.flatnonzero(~has)):
            if len(group):
                weight[group] = np.bincount(rng.integers(len(group), size=len(group)), minlength=len(group))
        drawn.append(figure(weight[place]))
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Figure(value, float(low), float(high), int(has.sum()))


def precision(scores: Floats, truth: Ints, recording: Ints) -> Figure:
    """Average precision: the mean, over windows with the class, of the precision at their score."""
    rank = np.unique(-scores, return_inverse=True)[1]

    def figure(weight: Floats) -> float:
        having, every = np.bincount(rank, weight * (truth == 1)), np.bincount(rank, weight)
        above = np.cumsum(every)
        return float((having * np.cumsum(having) / np.where(above > 0, above, 1)).sum() / having.sum())

    return bootstrap(figure, truth, recording)


def roc_area(scores: Floats, truth: Ints, recording: Ints) -> Figure:
    """Area under the ROC curve: how often a window with the class is above one without; ties count half."""
    rank = np.unique(scores, return_inverse=True)[1]

    def figure(weight: Floats) -> float:
        having, lacking = np.bincount(rank, weight * (truth == 1)), np.bincount(rank, weight * (truth == 0))
        below = np.cumsum(lacking) - lacking / 2
        total = having.sum() * lacking.sum()
        return float((having * below).sum() / total) if total else math.nan

    return bootstrap(figure, truth, recording)


def roc(scores: Floats, truth: Ints) -> tuple[Floats, Floats]:
    """Shares of windows without and with the class at and above each threshold, rising."""
    with_it, without = np.sort(scores[truth == 1]), np.sort(scores[truth == 0])
    cuts = np.unique(np.concatenate([with_it, without]))[::-1]
    false = 1 - np.searchsorted(without, cuts, "left") / max(1, len(without))
    found = 1 - np.searchsorted(with_it, cuts, "left") / max(1, len(with_it))
    return np.concatenate([[0.0], false]), np.concatenate([[0.0], found])


@dataclass(frozen=True, slots=True)
class AtRate:
    """Recall where so many windows an hour without the class are hits."""

    per_h: float
    allowed: int
    """False windows in the hours there are."""
    recall: Figure
    shown: bool
    """Whether the hours are long enough for one false window to be allowed."""


def recall_at(scores: Floats, truth: Ints, recording: Ints, hop_s: float, per_h: float) -> AtRate:
    """Recall of windows at the threshold that lets so many false windows an hour through, by the hours there are."""
    clean = np.sort(scores[truth == 0])[::-1]
    hours = len(clean) * hop_s / 3600
    allowed = int(hours * per_h)
    cut = float(clean[allowed]) if allowed < len(clean) else -math.inf
    hits = (scores > cut).astype(float)
    with_it = (truth == 1).astype(float)
    recall = bootstrap(
        lambda weight: _ratio((weight * hits * with_it).sum(), (weight * with_it).sum()), truth, recording
    )
    return AtRate(per_h, allowed, recall, hours * per_h >= 1)


@dataclass(frozen=True)
class Reliability:
    """What probabilities turned out to be worth: per bin mean p, share with the class, and windows."""

    said: Floats
    was: Floats
    windows: Ints
    ece: Figure
    """Expected calibration error: the mean distance of the two, weighted by windows."""


def reliability(p: Floats, truth: Ints, recording: Ints) -> Reliability:
    """Reliability in BINS equal bins of p (Guo et al. 2017)."""
    bins = np.minimum((p * BINS).astype(int), BINS - 1)
    count = np.bincount(bins, minlength=BINS)
    with np.errstate(invalid="ignore"):
        said = np.bincount(bins, p, BINS) / count
        was = np.bincount(bins, truth, BINS) / count

    def figure(weight: Floats) -> float:
        return float(np.abs(np.bincount(bins, weight * (p - truth), BINS)).sum() / weight.sum())

    return Reliability(said, was, count, bootstrap(figure, truth, recording))


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan


@dataclass(frozen=True, slots=True)
class Share:
    """Hits of tries, in so many recordings."""

    hits: int
    tries: int
    low: float
    high: float
    recordings: int

    @property
    def value(self) -> float:
        """Their share."""
        return self.hits / self.tries if self.tries else math.nan

    def __str__(self) -> str:
        """`0.91 (0.61 to 1.00)`."""
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})" if self.tries else "-"


def share(hits: NDArray[np.bool_], recording: Ints) -> Share:
    """A share of tries (n,), its interval by recording: the wider of bootstrap and Wilson's.

    A bootstrap of few recordings that agree would claim certainty; Wilson's counts each recording as one try.
    """
    numbers = np.unique(recording)
    if not len(numbers):
        return Share(0, 0, 0.0, 1.0, 0)
    sums = np.array([hits[recording == number].sum() for number in numbers])
    sizes = np.array([(recording == number).sum() for number in numbers])
    chosen = np.random.default_rng(SEED).integers(len(numbers), size=(ROUNDS, len(numbers)))
    low, high = np.quantile(sums[chosen].sum(1) / sizes[chosen].sum(1), [0.025, 0.975])
    least, most = wilson(float(hits.mean()) * len(numbers), len(numbers))
    return Share(int(hits.sum()), len(hits), min(float(low), least), max(float(high), most), len(numbers))
