"""The projection behind a sound network's embedding, and how well what lies near sounds alike. numpy alone."""

from typing import Any

import numpy as np

from otorongo.models.train.figures import wilson

SIZE = 64
POWER = 0.25
"""Of a component's variance by which it is divided."""
FULL = 0.999
"""So much of all values lies within int8; the rest is cut."""
NEAREST = 10
ROUNDS = 1000
SEED = 11


def fit(pooled: np.ndarray, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """The projection of features (n, channels): weights (channels, size) and bias (size,), onto int8's scale."""
    mean = pooled.mean(0)
    centred = (pooled - mean).astype(np.float64)
    variance, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    chosen = np.argsort(-variance)[:size]
    if variance[chosen[-1]] <= 1e-9 * variance[chosen[0]]:
        raise SystemExit(f"the features have fewer than {size} directions: take a smaller embedding")
    axes = axes[:, chosen]
    axes *= np.sign(axes[np.abs(axes).argmax(0), np.arange(size)])  # a sign is free: the same file on every machine
    weights = axes / variance[chosen] ** POWER
    weights *= 127 / np.quantile(np.abs(centred @ weights), FULL)
    return weights, -mean @ weights


def nearest(values: np.ndarray, recording: np.ndarray) -> np.ndarray:
    """(n, NEAREST) places of the windows of other recordings nearest to each of values (n, d), by the cosine."""
    unit = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)
    alike = unit @ unit.T
    alike[recording[:, None] == recording[None, :]] = -2
    return np.argsort(-alike, axis=1, kind="stable")[:, :NEAREST]


def retrieval(values: np.ndarray, recording: np.ndarray, label: np.ndarray) -> dict[str, Any]:
    """How many of the nearest windows of other recordings have the label of the one asked for.

    `by_label` has the count of a label's recordings, the mean share over its windows, and the ends of its 95 % interval
    by recording; `precision` is the mean over labels, `of_windows` that over all windows, `first` the mean over labels
    for the nearest alone, both with an interval; `most` what could be reached (a label with fewer than NEAREST other
    windows cannot fill the list), `chance` what a blind draw reaches. Labels of one recording have nothing to be found.
    """
    owners = {each: set(recording[label == each]) for each in set(label)}
    asked = sorted(each for each, owned in owners.items() if len(owned) > 1)
    same = label[nearest(values, recording)] == label[:, None]
    others = (label[:, None] == label[None, :]) & (recording[:, None] != recording[None, :])
    free = (recording[:, None] != recording[None, :]).sum(1)
    of_label = {each: np.flatnonzero(label == each) for each in asked}

    def mean(each: np.ndarray) -> float:
        return round(float(np.mean([each[at].mean() for at in of_label.values()])), 3)

    rng = np.random.default_rng(SEED)
    drawn = {each: _drawn(same.mean(1)[at], recording[at], rng) for each, at in of_label.items()}
    first = [_drawn(same[at, 0].astype(float), recording[at], rng) for at in of_label.values()]
    return {
        "labels": len(asked),
        "windows": int(sum(map(len, of_label.values()))),
        "precision": mean(same.mean(1)),
        "precision_interval": _ends(np.mean(list(drawn.values()), axis=0)),
        "first": mean(same[:, 0]),
        "first_interval": _ends(np.mean(first, axis=0)),
        "of_windows": round(float(same[np.concatenate(list(of_label.values()))].mean()), 3),
        "most": mean(np.minimum(others.sum(1), NEAREST) / NEAREST),
        "chance": mean(others.sum(1) / free),
        "by_label": {
            each: [len(owners[each]), round(share, 2), *_wider(_ends(drawn[each]), share, len(owners[each]))]
            for each, share in ((each, float(same[at].mean())) for each, at in of_label.items())
        },
    }


def _drawn(values: np.ndarray, recording: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The mean of values (n,) in each of ROUNDS draws of their recordings."""
    place = np.unique(recording, return_inverse=True)[1]
    sums, sizes = np.bincount(place, values), np.bincount(place)
    chosen = rng.integers(len(sums), size=(ROUNDS, len(sums)))
    return np.asarray(sums[chosen].sum(1) / sizes[chosen].sum(1))


def _ends(drawn: np.ndarray) -> list[float]:
    return [round(float(each), 3) for each in np.quantile(drawn, [0.025, 0.975])]


def _wider(ends: list[float], share: float, recordings: int) -> list[float]:
    """Of bootstrap and Wilson's: few recordings that agree are no certainty."""
    low, high = wilson(share * recordings, recordings)
    return [round(min(ends[0], low), 3), round(max(ends[1], high), 3)]
