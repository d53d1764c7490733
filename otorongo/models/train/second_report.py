"""What a second opinion is worth, on recordings that nothing was fitted on: the first bundle, YAMNet, and both."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from otorongo.models.manifest import Joint, Manifest
from otorongo.models.second import LIMIT
from otorongo.models.train.figures import Fit, average_precision, wilson

ROUNDS = 1000


@dataclass(frozen=True)
class Heard:
    """What both networks say of windows: calibrated logits of the first by label, the second's raw ones by class."""

    first: dict[str, np.ndarray]
    second: dict[str, np.ndarray]
    truth: dict[str, np.ndarray]
    """1, 0 or -1 for unknown, by class."""
    recording: np.ndarray
    """Number of the recording of each window."""


def report(test: Heard, fits: dict[str, Fit], joints: Sequence[Joint], count: int, first: Manifest) -> str:
    """Markdown: one table per class that both know."""
    asked = np.zeros(len(test.recording), bool)
    for joint in joints:
        asked |= _p(test.first[joint.label]) >= joint.candidate
    thresholds = {spec.label: spec.threshold for spec in first.classes}
    out = [
        f"{count} recordings of the test split, {len(test.recording)} windows of 3 s. Intervals (95 %): AP, AUC by",
        f"{ROUNDS} bootstraps over recordings, found recordings after Wilson. A recording is found when one of its",
        "windows is over the threshold; a false window is one over it where the class is not. `false at 0.9`: so",
        f"many with the threshold that nine in ten windows of the class reach. YAMNet was asked in {asked.mean():.0%}",
        "of all windows.",
    ]
    for joint in joints:
        logits = opinions(test, fits, joint)
        levels = {
            first.reference: thresholds[joint.label],
            "yamnet": fits[joint.own].threshold,
            "both": joint.threshold,
        }
        truth = test.truth[joint.label]
        share = float(np.mean(_p(logits[first.reference]) >= joint.candidate))
        out += [
            "",
            f"### {joint.label}",
            "",
            f"Weights {joint.first} and {joint.second}; YAMNet was asked about it in {share:.0%} of all windows.",
            "",
            "| | AP | AUC | found | false windows | in recordings | false at 0.9 |",
            "|---|---|---|---|---|---|---|",
        ]
        for name, values in logits.items():
            out.append(_line(name, values, truth, test.recording, levels[name]))
    return "\n".join(out) + "\n"


def opinions(test: Heard, fits: dict[str, Fit], joint: Joint) -> dict[str, np.ndarray]:
    """Calibrated logits (windows,) of the first bundle, of YAMNet, and of both as a station runs them."""
    fit = fits[joint.own]
    first = np.clip(test.first[joint.label], -LIMIT, LIMIT)
    second = np.clip(fit.slope * test.second[joint.own] + fit.offset, -LIMIT, LIMIT)
    together = joint.first * first + joint.second * second + joint.offset
    both = np.where(_p(first) >= joint.candidate, together, first)
    return {joint.bundle: first, "yamnet": second, "both": both}


def _line(name: str, logits: np.ndarray, truth: np.ndarray, recording: np.ndarray, threshold: float) -> str:
    hits = _p(logits) >= threshold
    of = set(recording[truth == 1])
    found = len(set(recording[(truth == 1) & hits]))
    false, clean = int(hits[truth == 0].sum()), int((truth == 0).sum())
    low, high = wilson(found, len(of))
    return (
        f"| {name} | {_with_interval(average_precision, logits, truth, recording)} "
        f"| {_with_interval(area, logits, truth, recording)} | {found} of {len(of)} ({low:.2f} to {high:.2f}) "
        f"| {false} of {clean} | {len(set(recording[(truth == 0) & hits]))} of {len(set(recording[truth == 0]))} "
        f"| {int((logits[truth == 0] >= np.quantile(logits[truth == 1], 0.1)).sum())} |"
    )


def _with_interval(
    figure: Callable[[np.ndarray, np.ndarray], float], scores: np.ndarray, truth: np.ndarray, recording: np.ndarray
) -> str:
    low, high = interval(figure, scores, truth, recording)
    return f"{figure(scores, truth):.3f} ({low:.3f} to {high:.3f})"


def interval(
    figure: Callable[[np.ndarray, np.ndarray], float], scores: np.ndarray, truth: np.ndarray, recording: np.ndarray
) -> tuple[float, float]:
    """Where 95 % of a figure of scores and truth (n,) lie when recordings, with and without the class apart, are drawn
    anew; nan where either kind is missing.
    """
    rng = np.random.default_rng(11)
    places = {number: np.flatnonzero(recording == number) for number in set(recording)}
    having = [number for number, where in places.items() if (truth[where] == 1).any()]
    lacking = [number for number in places if number not in set(having)]
    if not having or not lacking:
        return math.nan, math.nan
    drawn = []
    for _ in range(ROUNDS):
        chosen = [group[place] for group in (having, lacking) for place in rng.integers(len(group), size=len(group))]
        where = np.concatenate([places[number] for number in chosen])
        drawn.append(figure(scores[where], truth[where]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def area(scores: np.ndarray, labels: np.ndarray) -> float:
    """Area under the ROC curve: how often a window with the class is above one without; ties count half."""
    with_it, without = scores[labels == 1], np.sort(scores[labels == 0])
    below = np.searchsorted(without, with_it, "left") + np.searchsorted(without, with_it, "right")
    return float(below.mean() / 2 / len(without)) if len(with_it) and len(without) else float("nan")


def _p(logits: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -40, 40))))
