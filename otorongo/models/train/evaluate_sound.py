"""What the network reaches on recordings never trained or calibrated on: float beside INT8, counts and intervals.

    python -m otorongo.models.train.evaluate_sound --data var/train

Every recording of the test split is cut into the windows a station would score. A recording is found when one window is
a hit. Windows of one recording are no independent facts, so intervals (95 %; Wilson, bootstrap) are over recordings.
This is the quick look while training; what a bundle's card says is measured by `otorongo-models evaluate sound`.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from otorongo.models.mel import Array, Spectrogram
from otorongo.models.runtime import Session
from otorongo.models.sound import fill
from otorongo.models.train.figures import Fit, average_precision, most_events, opens, wilson
from otorongo.models.train.labels import event_rule, meaning
from otorongo.models.train.mixtures import INPUT
from otorongo.models.train.second_report import area, interval


def windows(sound: NDArray[Any]) -> Array:
    """The windows a station would score (n, window_samples); the last partial one only when it is all there is."""
    size, hop = INPUT.window_samples, round(INPUT.hop_s * INPUT.rate_hz)
    sound = np.asarray(sound, np.float32) / np.float32(32768)
    if len(sound) <= size:
        return fill(sound, INPUT)[None]
    return np.stack([sound[start : start + size] for start in range(0, len(sound) - size + 1, hop)])


def score_all(session: Session, sounds: list[np.ndarray]) -> list[np.ndarray]:
    """Logits (windows, classes) of each sound (windows, samples)."""
    front = Spectrogram(INPUT)
    return [
        np.concatenate([session.run(front.tensor(window))[0] for window in each])
        for each in tqdm(sounds, desc="score", mininterval=5)
    ]


def calibrated(logits: np.ndarray, fits: dict[str, Fit]) -> np.ndarray:
    """Calibrated p (n, classes)."""
    slope = np.array([each.slope for each in fits.values()])
    offset = np.array([each.offset for each in fits.values()])
    return 1 / (1 + np.exp(-np.clip(logits * slope + offset, -40, 40)))


def judge(rows: list[dict[str, Any]], scores: list[np.ndarray], fits: dict[str, Fit]) -> dict[str, dict[str, Any]]:
    """Per class: average precision over windows, recordings found, false hits where the class is not.

    The intervals of average precision and area go by recording (`second_report.interval`).
    """
    result = {}
    recording = np.repeat([row["recording"] for row in rows], [len(each) for each in scores])
    for place, name in enumerate(tqdm(fits, desc="figures")):
        truth, values = [], []
        found: dict[str, bool] = {}
        false: dict[str, bool] = {}
        false_windows = clean_windows = false_events = 0
        for row, p in zip(rows, scores, strict=True):
            positive, unknown = meaning(row["label"])
            label = 1 if name in positive else -1 if name in unknown else 0
            hits = p[:, place] >= fits[name].threshold
            truth.append(np.full(len(p), label))
            values.append(p[:, place])
            if label == 1:
                found[row["recording"]] = found.get(row["recording"], False) or bool(hits.any())
            elif label == 0:
                false[row["recording"]] = false.get(row["recording"], False) or bool(hits.any())
                false_events += opens(hits, *event_rule(name))
                false_windows += int(hits.sum())
                clean_windows += len(hits)
        scored, known = np.concatenate(values), np.concatenate(truth)
        told = known >= 0
        intervals = (interval(each, scored[told], known[told], recording[told]) for each in (average_precision, area))
        by_precision, by_area = ([round(end, 4) for end in each] for each in intervals)
        result[name] = {
            "ap": round(average_precision(scored, known), 3), "ap_interval": by_precision,
            "auc": round(area(scored, known), 4), "auc_interval": by_area,
            "found": sum(found.values()), "of": len(found), "recall": wilson(sum(found.values()), len(found)),
            "missed": sorted(key for key, value in found.items() if not value),
            "false": sum(false.values()), "false_of": len(false), "false_rate": wilson(sum(false.values()), len(false)),
            "false_recordings": sorted(key for key, value in false.items() if value),
            "false_windows": false_windows, "clean_windows": clean_windows,
            "false_events": false_events, "most_events": most_events(false_events),
            "clean_hours": clean_windows * INPUT.hop_s / 3600,
        }  # fmt: skip
    return result


def main() -> None:
    """Write `threats-evaluation.json` and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m otorongo.models.train.evaluate_sound", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--data", type=Path, default=Path("var/train"))
    parser.add_argument("--split", default="test")
    parser.add_argument("--name", default="threats")
    given = parser.parse_args()
    fits = {
        name: Fit(**each)
        for name, each in json.loads((given.data / f"{given.name}-calibration.json").read_text()).items()
    }
    store = np.load(given.data / "sounds.npy", mmap_mode="r")
    rows = [row for row in json.loads((given.data / "catalogue.json").read_text()) if row["split"] == given.split]
    sounds = [windows(store[row["start"] : row["start"] + row["count"]]) for row in rows]
    report: dict[str, Any] = {"recordings": len({row["recording"] for row in rows}), "windows": sum(map(len, sounds))}
    for kind in ("float", "int8"):
        session = Session(given.data / f"{given.name}-{kind}.onnx")
        scores = [calibrated(each, fits) for each in score_all(session, sounds)]
        report[kind] = judge(rows, scores, fits)
    (given.data / f"{given.name}-evaluation.json").write_text(json.dumps(report, indent=1))
    print_table(report)


def print_table(report: dict[str, Any]) -> None:
    """One line per class."""
    print(f"{report['recordings']} recordings, {report['windows']} windows")
    print("class      AP float/int8   found             interval    false recordings    false windows")
    for name in report["int8"]:
        a, b = report["float"][name], report["int8"][name]
        low, high = b["recall"]
        print(
            f"{name:10} {a['ap']:.3f} {b['ap']:.3f}    {a['found']:3} {b['found']:3} of {b['of']:3}   "
            f"{low:.2f} to {high:.2f}    {a['false']:3} {b['false']:3} of {b['false_of']:4}    "
            f"{b['false_windows']:4} of {b['clean_windows']}"
        )
    for name in ("chainsaw", "gunshot", "engine"):
        print(name, "missed", report["int8"][name]["missed"], "false", report["int8"][name]["false_recordings"])


if __name__ == "__main__":
    main()
