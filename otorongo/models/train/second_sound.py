r"""Fit YAMNet's classes to ours, and its second opinion beside a bundle that always runs; measure both.

    python -m otorongo.models.train.second_sound --data var/train --first threats@5 \
        --yamnet ../shared/weights/yamnet_spectra_in.tflite

Fitted on mixtures of the calibration split, which neither network was trained on, without rendered sources, because the
first one learned from the same renderer; thresholds also on its recordings as they are. The result is written into
`otorongo/models/recipes/yamnet`; joints with other bundles stay. Then every window of the test split is scored by the
first bundle, by YAMNet, and by both as a station runs them. Windows of one recording are no independent facts:
intervals are bootstrapped over recordings.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from otorongo.models import calibrate, manifest, runtime
from otorongo.models.add_yamnet import adapted
from otorongo.models.litert import LiteSession
from otorongo.models.manifest import Joint
from otorongo.models.mel import Spectrogram
from otorongo.models.second import LIMIT
from otorongo.models.train.evaluate_sound import windows
from otorongo.models.train.figures import Fit, as_many, fit
from otorongo.models.train.labels import CLASSES, meaning
from otorongo.models.train.mixtures import Mixer, Shelf
from otorongo.models.train.second_manifest import AUDIOSET, FALSE_HITS, INPUT, JOINED, write
from otorongo.models.train.second_report import Heard, report

FIRST_SEED = 50_000_000
ASKED = 0.08
"""Share of plain windows without a class in which the second opinion is asked about it, within these limits of p:"""
LEAST_CANDIDATE, MOST_CANDIDATE = 0.01, 0.3
ALIKE = (0.02, 0.005, 0.001)
"""Shares of windows without the class that are hits, at which two opinions are compared."""
LOST = 0.01
"""So much recall a joint may cost on the calibration mixtures, as eight bits may: less is chance (415 engines)."""
HIGHEST = 0.99999
"""No threshold of a joint lies above; below it there is room, because two networks that agree are sure of much."""
WEIGHTS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0)
SECOND_WEIGHT = 0.25
"""What the second logit counts beside the first: of WEIGHTS the best for shots on the
calibration mixtures (`worth`: 0.55 alone, 0.59, and 0.53 with equal weights), and as good as the best for saws (0.86,
0.89, 0.86). One weight for all classes, because two or three recordings of a class cannot say more."""


class Pair:
    """Both networks."""

    def __init__(self, reference: str, yamnet: Path, scratch: Path) -> None:
        self.first = runtime.open_classifier(manifest.load(reference))
        self.labels = [spec.label for spec in self.first.bundle.manifest.classes]
        path = scratch / "yamnet.tflite"
        path.write_bytes(adapted(yamnet.read_bytes()))
        self._net, self._front = LiteSession(path), Spectrogram(INPUT)

    def hear(self, sound: np.ndarray) -> tuple[list[float], list[float]]:
        """Calibrated logits by label of the first, raw logits by AUDIOSET class of the second, of one window."""
        verdict = self.first.scores(sound.astype(np.float32), INPUT.rate_hz)
        answers = np.max([self._net.run(each)[0][0] for each in self._front.tensors(sound.astype(np.float32))], axis=0)
        own = [float(answers[list(places)].max()) for places in AUDIOSET.values()]
        return [calibrate.logit(score.p) for score in verdict.scores], own


def mixtures(pair: Pair, data: Path, count: int) -> Heard:
    """Both networks on mixtures of the calibration split."""
    shelf = Shelf(data, "calibrate", bank_seed=2, bank_size=4)
    # The first network learned from the same renderer: on what it renders it would look surer than it is outdoors.
    shelf.rendered = {}
    mixer = Mixer(shelf)
    heard, labels = [], []
    for number in tqdm(range(count), desc="mixtures", mininterval=60):
        sound, truth, _ = mixer.mixture(FIRST_SEED + number)
        heard.append(pair.hear(sound))
        labels.append(truth)
    by_class = {name: np.array(labels)[:, place] for place, name in enumerate(CLASSES)}
    return _heard(pair, heard, by_class, np.arange(count))


def recordings(pair: Pair, data: Path, split: str) -> tuple[Heard, list[dict[str, Any]]]:
    """Both networks on a split's recordings as they are, and the catalogue's rows."""
    store = np.load(data / "sounds.npy", mmap_mode="r")
    rows = [row for row in json.loads((data / "catalogue.json").read_text()) if row["split"] == split]
    names = sorted({row["recording"] for row in rows})
    heard, where, of = [], [], []
    for row in tqdm(rows, desc=split, mininterval=60):
        for window in windows(store[row["start"] : row["start"] + row["count"]]):
            heard.append(pair.hear(window))
            where.append(names.index(row["recording"]))
            of.append(meaning(row["label"]))
    truth = {
        name: np.array([1 if name in positive else -1 if name in unknown else 0 for positive, unknown in of])
        for name in CLASSES
    }
    return _heard(pair, heard, truth, np.array(where)), rows


def _heard(pair: Pair, heard: list[Any], truth: dict[str, np.ndarray], recording: np.ndarray) -> Heard:
    first, second = (np.array([each[side] for each in heard]) for side in (0, 1))
    return Heard(
        {label: first[:, place] for place, label in enumerate(pair.labels)},
        {name: second[:, place] for place, name in enumerate(AUDIOSET)},
        truth,
        recording,
    )


def join(
    pair: Pair, label: str, own: str, mixed: Heard, plain: Heard, second: Fit, weight: float = SECOND_WEIGHT
) -> Joint:
    """Both calibrated logits, weighed and calibrated together.

    The threshold lets as many false windows through as the first bundle alone does at its own, among the mixtures and
    among the recordings as they are: a second opinion is there to hear more at the same price.
    What both know alike is in the one slope that is fitted over their weighed mean.
    """
    weights = np.array([1.0, weight]) / (1 + weight)
    scores = [_both(heard, label, own, second) @ weights for heard in (mixed, plain)]
    fitted = fit(scores[0], mixed.truth[label], None, scores[1])
    own_threshold = pair.first.bundle.manifest.classes[pair.labels.index(label)].threshold
    together = [calibrate_p(fitted.slope * each + fitted.offset) for each in scores]
    heard = [(mixed, together[0]), (plain, together[1])]
    price = 0.5
    for each, both in heard:
        calm_ones = each.truth[label] == 0
        price = max(price, as_many(calibrate_p(each.first[label][calm_ones]), own_threshold, both[calm_ones]))
    without = calibrate_p(plain.first[label][plain.truth[label] == 0])
    candidate = float(np.clip(np.quantile(without, 1 - ASKED), LEAST_CANDIDATE, MOST_CANDIDATE))
    firsts, seconds = (round(fitted.slope * float(each), 4) for each in weights)
    return Joint(
        bundle=pair.first.bundle.manifest.reference, label=label, own=own, first=firsts, second=seconds,
        offset=fitted.offset, prior=fitted.prior, threshold=round(min(price + 5e-6, HIGHEST), 5),
        candidate=round(candidate, 4),
    )  # fmt: skip


def worth(joint: Joint, mixed: Heard, second: Fit) -> tuple[float, float]:
    """Recall of the first bundle alone and of both, as a station runs them, with as many false windows (ALIKE: mean).

    On the calibration mixtures: where the second opinion takes more than LOST away it is not asked at all.
    """
    truth = mixed.truth[joint.label]
    first = np.clip(mixed.first[joint.label], -LIMIT, LIMIT)
    theirs = np.clip(second.slope * mixed.second[joint.own] + second.offset, -LIMIT, LIMIT)
    together = joint.first * first + joint.second * theirs + joint.offset
    both = np.where(calibrate_p(first) >= joint.candidate, together, first)
    found = []
    for scores in (first, both):
        least = np.quantile(scores[truth == 0], 1 - np.array(ALIKE))
        found.append(float((scores[truth == 1][:, None] > least).mean()))
    return found[0], found[1]


def _both(heard: Heard, label: str, own: str, second: Fit) -> np.ndarray:
    """(windows, 2): both calibrated logits, as the station has them, within the limits of what p can say."""
    theirs = np.clip(second.slope * heard.second[own] + second.offset, -LIMIT, LIMIT)
    return np.stack([np.clip(heard.first[label], -LIMIT, LIMIT), theirs], axis=1)


def calibrate_p(logits: np.ndarray) -> np.ndarray:
    """Logits as probabilities."""
    return 1 / (1 + np.exp(-np.clip(logits, -40, 40)))


def main() -> None:
    """Fit, write the manifest, measure, and print the report."""
    parser = argparse.ArgumentParser(
        prog="python -m otorongo.models.train.second_sound", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--data", type=Path, default=Path("var/train"))
    parser.add_argument("--first", default="threats@5")
    parser.add_argument("--yamnet", type=Path, default=Path("../shared/weights/yamnet_spectra_in.tflite"))
    parser.add_argument("--count", type=int, default=4000, help="mixtures to fit on")
    given = parser.parse_args()
    pair = Pair(given.first, given.yamnet, given.data)
    mixed = mixtures(pair, given.data, given.count)
    plain, _ = recordings(pair, given.data, "calibrate")
    fits = {
        name: fit(
            mixed.second[name], mixed.truth[name], FALSE_HITS.get(name), plain.second[name][plain.truth[name] == 0]
        )
        for name in AUDIOSET
        if name in mixed.truth
    }
    joints = [
        join(pair, label, own, mixed, plain, fits[own])
        for label, own in JOINED.items()
        if label in pair.labels and label in mixed.truth and own in fits
    ]
    kept = []
    for joint in joints:
        alone, both = worth(joint, mixed, fits[joint.own])
        print(
            f"{joint.label:10} recall of mixtures at 2, 0.5 and 0.1 % false, mean: alone {alone:.3f}, both {both:.3f}",
            flush=True,
        )
        others = (join(pair, joint.label, joint.own, mixed, plain, fits[joint.own], weight) for weight in WEIGHTS)
        told = (
            f"{weight:g}: {worth(each, mixed, fits[joint.own])[1]:.3f}"
            for weight, each in zip(WEIGHTS, others, strict=True)
        )
        print(f"{joint.label:10} both by the weight of the second: {', '.join(told)}", flush=True)
        kept += [joint] if both > alone - LOST else []
    joints = kept
    test, rows = recordings(pair, given.data, "test")
    text = report(test, fits, joints, len({row["recording"] for row in rows}), pair.first.bundle.manifest)
    write(fits, joints, given.yamnet, text)
    print(text)


if __name__ == "__main__":
    main()
