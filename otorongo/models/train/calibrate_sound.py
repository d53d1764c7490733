"""Fit, per class, Platt's slope and offset, the prior, and the threshold, on mixtures of recordings never trained on.

    python -m otorongo.models.train.calibrate_sound --data var/train

Thresholds of threats are where at most 1 in 1,000 windows without the class is a hit, both among the mixtures and the
plain recordings; nature's are where precision and recall balance.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from otorongo.models.runtime import Session
from otorongo.models.train.labels import CLASSES
from otorongo.models.train.train_sound import load_chunks, to_tensor

THREATS = ("chainsaw", "engine", "aircraft", "gunshot", "speech")
FALSE_HITS = {"chainsaw": 0.001, "engine": 0.001, "aircraft": 0.002, "gunshot": 0.001, "speech": 0.002}


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


def fit(scores: np.ndarray, labels: np.ndarray, false_hits: float | None) -> Fit:
    """Calibrate one class from logits and labels (n,) of 1, 0 and -1 for unknown."""
    scores, labels = scores[labels >= 0].astype(np.float64), labels[labels >= 0]
    slope, offset = platt_fit(scores, labels)
    p = 1 / (1 + np.exp(-(slope * scores + offset)))
    positive, negative = p[labels == 1], np.sort(p[labels == 0])[::-1]
    if false_hits is None:
        cuts = np.linspace(0.1, 0.95, 86)
        balance = [2 * (positive >= c).sum() / ((p >= c).sum() + len(positive) + 1e-9) for c in cuts]
        threshold = float(cuts[int(np.argmax(balance))])
    else:
        allowed = int(false_hits * len(negative))
        threshold = float(np.clip(negative[min(allowed, len(negative) - 1)] + 1e-3, 0.5, 0.98))
    prior = float(np.clip(len(positive) / len(p), 1e-4, 0.9))
    return Fit(round(slope, 4), round(offset, 4), round(prior, 5), round(threshold, 3), len(positive), len(negative))


def main() -> None:
    """Write `threats-calibration.json`."""
    parser = argparse.ArgumentParser(
        prog="python -m otorongo.models.train.calibrate_sound", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--data", type=Path, default=Path("var/train"))
    parser.add_argument("--name", default="threats")
    given = parser.parse_args()
    mel, labels, _ = load_chunks(given.data / "mixtures-calibrate")
    session = Session(given.data / f"{given.name}-int8.onnx")
    scores = np.concatenate([session.run(to_tensor(row[None]).numpy())[0] for row in mel])
    fits = {name: fit(scores[:, i], labels[:, i], FALSE_HITS.get(name)) for i, name in enumerate(CLASSES)}
    path = given.data / f"{given.name}-calibration.json"
    path.write_text(json.dumps({name: asdict(each) for name, each in fits.items()}, indent=1))
    for name, each in fits.items():
        print(f"{name:10} {each}")


if __name__ == "__main__":
    main()
