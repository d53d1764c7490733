"""Calibration and figures of merit, from plain arrays: numpy alone."""

import math
from dataclasses import dataclass

import numpy as np

FALSE_ALIKE = 0.05
"""Share of a lookalike's windows that may be hits: of 40 windows four are then hits one time in seven."""


@dataclass(frozen=True)
class Fit:
    """What the manifest says of one class besides its name."""

    slope: float
    offset: float
    prior: float
    threshold: float
    positives: int
    negatives: int


def platt_fit(scores: np.ndarray, labels: np.ndarray, rounds: int = 100) -> tuple[float, float]:
    """Slope and offset that maximise the likelihood of labels (n,) given logits (n,), with Platt's (1999) soft targets.

    Newton's method with a light pull towards slope 1; the slope stays above 0.05 so that the order of scores is kept.
    """
    positives, negatives = int((labels == 1).sum()), int((labels == 0).sum())
    targets = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    centre = float(np.mean(scores))
    design = np.stack([scores - centre, np.ones_like(scores)], 1).astype(np.float64)
    weights = np.array([1.0, 0.0])
    pull = np.diag([1.0, 1e-3])
    for _ in range(rounds):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (p - targets) + pull @ (weights - [1.0, 0.0])
        hessian = (design * (p * (1 - p))[:, None]).T @ design + pull
        step = np.clip(np.linalg.solve(hessian, gradient), -2, 2)
        weights = weights - step
        if np.abs(step).max() < 1e-9:
            break
    slope = max(0.05, float(weights[0]))
    return slope, float(weights[1]) - slope * centre


def fit(
    scores: np.ndarray,
    labels: np.ndarray,
    false_hits: float | None,
    plain: np.ndarray,
    alike: np.ndarray | None = None,
) -> Fit:
    """Calibrate one class from logits and labels (n,) of 1, 0 and -1 for unknown.

    Slope, offset and prior are of windows without a lookalike (`alike`, (n,) bool): with one in ten of them, far more
    than there are outdoors, a saw as loud as ever says so little that two stations that hear it no longer ring.
    The threshold is where precision and recall balance, or, with `false_hits`, where that share of the windows without
    the class is a hit, to the nearest whole one; among `plain`, logits (m,) of unmixed recordings without it, thrice
    that share; among windows with a lookalike FALSE_ALIKE; whichever lets the fewest through.
    """
    known = labels >= 0
    alike = np.zeros(len(labels), bool) if alike is None else alike.astype(bool)
    scores, labels, alike = scores[known].astype(np.float64), labels[known], alike[known]
    slope, offset = platt_fit(scores[~alike], labels[~alike])
    p = 1 / (1 + np.exp(-(slope * scores + offset)))
    positive = p[labels == 1]
    negative, tempting = (np.sort(p[(labels == 0) & those])[::-1] for those in (~alike, alike))
    if false_hits is None:
        cuts = np.linspace(0.1, 0.95, 86)
        balance = [2 * (positive >= c).sum() / ((p >= c).sum() + len(positive) + 1e-9) for c in cuts]
        threshold = float(cuts[int(np.argmax(balance))])
    else:
        calm = np.sort(1 / (1 + np.exp(-(slope * plain + offset))))[::-1]
        least = max(_exceeded(negative, false_hits), _exceeded(calm, 3 * false_hits), _exceeded(tempting, FALSE_ALIKE))
        threshold = float(np.clip(least + 1e-3, 0.5, 0.98))
    prior = float(np.clip((labels[~alike] == 1).mean(), 1e-4, 0.9))
    return Fit(
        round(slope, 4),
        round(offset, 4),
        round(prior, 5),
        round(threshold, 5),
        len(positive),
        len(negative),
    )


def wilson(hits: float, of: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); (0, 1) of nothing."""
    if of == 0:
        return 0.0, 1.0
    share = hits / of
    middle = share + z * z / (2 * of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, (middle - half) / (1 + z * z / of)), min(1.0, (middle + half) / (1 + z * z / of))


def _exceeded(falling: np.ndarray, share: float) -> float:
    """The value that `share` of the sorted values (n,), to the nearest whole number of them, exceed."""
    return float(falling[min(round(share * len(falling)), len(falling) - 1)]) if len(falling) else 0.0


def as_many(first: np.ndarray, threshold: float, other: np.ndarray) -> float:
    """The threshold that no more values of `other` (n,) reach than of `first` (n,) reach theirs."""
    few = int((first >= threshold).sum())
    falling = np.sort(other)[::-1]
    return float(np.nextafter(falling[min(few, len(falling) - 1)], 2))


def most_events(seen: int) -> float:
    """The largest mean at which a count as low as `seen` still has a chance of 1 in 40 (Garwood 1936, upper end)."""
    low, high = float(seen), seen + 10.0 * math.sqrt(seen + 1) + 10
    for _ in range(60):
        middle = (low + high) / 2
        chance = sum(math.exp(k * math.log(middle) - middle - math.lgamma(k + 1)) for k in range(seen + 1))
        low, high = (middle, high) if chance > 0.025 else (low, middle)
    return high


def opens(hits: np.ndarray, least: int, of: int) -> bool:
    """True when `least` of some `of` windows in a row (n,) are hits."""
    counts = np.convolve(np.append(hits, False).astype(int), np.ones(of, int))
    return bool(counts.max() >= least)


def average_precision(scores: np.ndarray, labels: np.ndarray) -> float:
    """Area under precision and recall of one class; unknowns (-1) left out; nan without positives."""
    scores, labels = scores[labels >= 0], labels[labels >= 0]
    if not (labels == 1).any():
        return float("nan")
    hits = labels[np.argsort(-scores, kind="stable")] == 1
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())
