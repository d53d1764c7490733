"""A last layer for names, from features: multinomial logistic regression, chosen and measured across places. Pure.

Every place is held out once: a head that never saw it says what its pictures show. Within the other places some are
held out again, to choose how simple the head must be and how sure it may be (its temperature). So no figure rests on
a place that had any say in the head which it judges.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]
"""(n, features)."""
Classes = NDArray[np.intp]
"""(n,), which of the classes each is."""
Logits = NDArray[np.float64]

FOLDS: Final = 5
INNER: Final = 4
FEW: Final = 500
"""Up to so many crops each of the inner parts is held out once: one part of few crops says little; else one part."""
PENALTIES: Final = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""L2 on the weights of standardized features, beside the mean loss."""
STEPS: Final = 60
MEMORY: Final = 8
TEMPERATURES: Final = np.geomspace(0.25, 8.0, 61)
Told = Callable[[int, int], None]


class Head(NamedTuple):
    """features @ weights + bias are logits; divided by the temperature, their softmax is calibrated."""

    weights: NDArray[np.float64]
    """(features, classes)."""
    bias: NDArray[np.float64]
    penalty: float
    temperature: float = 1.0

    def logits(self, x: Features) -> Logits:
        """(n, classes), not yet divided by the temperature."""
        return np.asarray(x @ self.weights.astype(np.float32), np.float64) + self.bias


class Fitted(NamedTuple):
    """The head of all places, and what heads that never saw a picture's place say of it."""

    head: Head
    p: NDArray[np.float64]
    """(n, classes), each row by a head that was fitted, chosen and calibrated without its place."""
    folds: NDArray[np.intp]
    """(n,), in which part each picture was held out."""


def folds_of(y: Classes, places: NDArray[np.intp], count: int, seed: int) -> NDArray[np.intp]:
    """(n,): which of `count` parts each picture is in; a place is in one, and each class spread over as many as can be.

    Places with many pictures are laid down first, each into the part that then is least uneven.
    """
    order = np.random.default_rng(seed).permutation(places.max() + 1)
    table = np.zeros((len(order), y.max() + 1))
    np.add.at(table, (places, y), 1.0)
    share = table / np.maximum(table.sum(axis=0), 1.0)
    filled = np.zeros((count, table.shape[1]))
    where = np.zeros(len(order), np.intp)
    for place in sorted(order, key=lambda one: -share[one].sum()):
        uneven = ((filled + share[place]) ** 2 - filled**2).sum(axis=1)
        where[place] = int(np.argmin(np.where(filled.any(axis=1), uneven, -1.0)))  # no part stays empty
        filled[where[place]] += share[place]
    return where[places]


def fit(x: Features, y: Classes, places: NDArray[np.intp], classes: int, *, seed: int = 1, told: Told) -> Fitted:
    """Fit across places, then a head of all of them. At least two places. `told` hears how far it is."""
    folds = folds_of(y, places, min(FOLDS, int(places.max()) + 1), seed)
    parts = sorted(set(folds.tolist()))
    p = np.zeros((len(y), classes))
    for done, part in enumerate(parts):
        told(done, len(parts) + 1)
        held = folds == part
        head = _chosen(x[~held], y[~held], _renumbered(places[~held]), classes, seed)
        p[held] = softmax(head.logits(x[held]) / head.temperature)
    told(len(parts), len(parts) + 1)
    head = _chosen(x, y, places, classes, seed)
    told(len(parts) + 1, len(parts) + 1)
    return Fitted(head._replace(temperature=round(head.temperature, 4)), p, folds)


def _chosen(x: Features, y: Classes, places: NDArray[np.intp], classes: int, seed: int) -> Head:
    """The head whose penalty and temperature do best on places of these that it did not see."""
    if places.max() == 0:  # of one place, nothing can be held out
        return logistic(x, y, classes, PENALTIES[-1])
    folds = folds_of(y, places, min(INNER, int(places.max()) + 1), seed + 1)
    parts = range(int(folds.max()) + 1) if len(y) <= FEW else range(1)
    best: tuple[float, float, float] = (np.inf, PENALTIES[-1], 1.0)
    for penalty in PENALTIES:
        held = [folds == part for part in parts]
        logits = np.vstack([logistic(x[~one], y[~one], classes, penalty).logits(x[one]) for one in held])
        truth = np.concatenate([y[one] for one in held])
        temperature = temperature_of(logits, truth)
        best = min(best, (loss_of(logits / temperature, truth), penalty, temperature))
    return logistic(x, y, classes, best[1])._replace(temperature=best[2])


def _renumbered(places: NDArray[np.intp]) -> NDArray[np.intp]:
    """The same places, counted from 0 without gaps."""
    return np.unique(places, return_inverse=True)[1].astype(np.intp)


def logistic(x: Features, y: Classes, classes: int, penalty: float) -> Head:
    """Multinomial logistic regression by L-BFGS (Nocedal 1980); a class counts by the root of how often it is there."""
    mean = x.mean(axis=0, dtype=np.float64)
    spread = np.maximum(x.std(axis=0, dtype=np.float64), 1e-6)
    z = np.asarray((x - mean.astype(np.float32)) / spread.astype(np.float32), np.float32)
    counts = np.bincount(y, minlength=classes)
    weight = 1.0 / np.sqrt(np.maximum(counts, 1))[y]
    weight /= weight.sum()
    shape = (x.shape[1] + 1, classes)

    def value(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        w = flat.reshape(shape)
        p = softmax(np.asarray(z @ w[:-1].astype(np.float32), np.float64) + w[-1])
        loss = -float(weight @ np.log(np.maximum(p[np.arange(len(y)), y], 1e-12)))
        p[np.arange(len(y)), y] -= 1.0
        p *= weight[:, None]
        slope = np.vstack([np.asarray(z.T @ p.astype(np.float32), np.float64), p.sum(axis=0)])
        slope[:-1] += penalty * w[:-1]
        slope[-1] += 1e-4 * w[-1]
        return loss + 0.5 * penalty * float((w[:-1] ** 2).sum()) + 0.5e-4 * float((w[-1] ** 2).sum()), slope.ravel()

    w = _minimum(value, np.zeros(shape[0] * shape[1])).reshape(shape)
    weights = w[:-1] / spread[:, None]
    return Head(weights, w[-1] - mean @ weights, penalty)


def _minimum(
    value: Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Where a smooth convex function is least, or as near as `STEPS` steps come."""
    at, (here, slope) = start, value(start)
    past: list[tuple[NDArray[np.float64], NDArray[np.float64], float]] = []
    for _ in range(STEPS):
        way = -_curved(slope, past)
        down = float(slope @ way)
        if down > -1e-9:
            break
        length = 1.0 if past else min(1.0, 1.0 / float(np.abs(slope).sum()))
        for _ in range(20):
            there, steeper = value(at + length * way)
            if there <= here + 1e-4 * length * down:
                break
            length /= 2
        else:
            break
        moved, turned = length * way, steeper - slope
        if (bend := float(moved @ turned)) > 1e-12:
            past = [*past[-MEMORY + 1 :], (moved, turned, 1.0 / bend)]
        small = here - there < 1e-7 * max(1.0, abs(here))
        at, here, slope = at + moved, there, steeper
        if small:
            break
    return at


def _curved(
    slope: NDArray[np.float64], past: list[tuple[NDArray[np.float64], NDArray[np.float64], float]]
) -> NDArray[np.float64]:
    """The slope times what the last steps tell of the inverse of the curvature (two loops)."""
    out, shares = slope.copy(), []
    for moved, turned, rho in reversed(past):
        shares.append(rho * float(moved @ out))
        out -= shares[-1] * turned
    if past:
        moved, turned, _ = past[-1]
        out *= float(moved @ turned) / float(turned @ turned)
    for (moved, turned, rho), share in zip(past, reversed(shares), strict=True):
        out += (share - rho * float(turned @ out)) * moved
    return out


def temperature_of(logits: Logits, y: Classes) -> float:
    """What the logits are divided by, so that the softmax is right as often as it says (Guo et al. 2017)."""
    return float(min(TEMPERATURES, key=lambda one: loss_of(logits / one, y)))


def loss_of(logits: Logits, y: Classes) -> float:
    """Mean negative log-likelihood."""
    return float(-np.log(np.maximum(softmax(logits)[np.arange(len(y)), y], 1e-12)).mean())


def softmax(logits: Logits) -> NDArray[np.float64]:
    """Row by row, without overflow."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    out: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return out
