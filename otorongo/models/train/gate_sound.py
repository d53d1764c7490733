"""What quantizing costs: recall of INT8 against float at the working threshold, window by window.

    python -m otorongo.models.train.gate_sound --data var/train

Test recordings of each threat are cut, played faster and slower, set back and laid over test backgrounds, and both
networks hear the same windows. Recordings are drawn anew for the interval (paired bootstrap): windows of one are no
independent facts. Fewer than ENOUGH recordings show nothing, whatever the figure says.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from otorongo.models.mel import Spectrogram
from otorongo.models.runtime import Session
from otorongo.models.train.evaluate_sound import calibrated
from otorongo.models.train.figures import Fit
from otorongo.models.train.mixtures import INPUT, RATE_HZ, Shelf, crop, loudness
from otorongo.models.train.scenes import at_distance

THREATS = ("chainsaw", "gunshot", "engine", "aircraft", "speech", "dog", "fire")
WINDOWS = 450
"""Of each class: over 2,000 in all."""
ENOUGH = 20
LARGEST_DROP = 0.01
ROUNDS = 2000


def window(shelf: Shelf, takes: list[Any], rng: np.random.Generator) -> np.ndarray:
    """One augmented window of a recording, -3 to +20 dB over a background, half of them from 50 to 400 m."""
    sound, _ = crop(takes[rng.integers(len(takes))], rng)
    if rng.random() < 0.5:
        sound = at_distance(sound, RATE_HZ, float(rng.uniform(50, 400)), int(rng.integers(1 << 31)))[: len(sound)]
    bed, _ = crop(shelf.bed(rng), rng, whole=True)
    mixed = bed + sound / (loudness(sound) + 1e-12) * 10 ** (rng.uniform(-3, 20) / 20)
    return (0.5 * mixed / np.abs(mixed).max()).astype(np.float32)


def drop(float_hits: np.ndarray, int8_hits: np.ndarray, recording: np.ndarray) -> tuple[float, float, float]:
    """Recall lost (n,) windows, and where 95 % of it lie when recordings are drawn anew."""
    lost = float_hits.astype(float) - int8_hits.astype(float)
    numbers = np.unique(recording)
    sums = np.array([lost[recording == number].sum() for number in numbers])
    sizes = np.array([(recording == number).sum() for number in numbers])
    chosen = np.random.default_rng(13).integers(len(numbers), size=(ROUNDS, len(numbers)))
    low, high = np.quantile(sums[chosen].sum(1) / sizes[chosen].sum(1), [0.025, 0.975])
    return float(lost.mean()), float(low), float(high)


def verdict(lost: float, recordings: int) -> str:
    """`fails` above LARGEST_DROP, `not shown` below ENOUGH recordings, else `passes`."""
    if lost > LARGEST_DROP:
        return "fails"
    return "not shown" if recordings < ENOUGH else "passes"


def gate(data: Path, name: str, windows: int = WINDOWS) -> dict[str, dict[str, Any]]:
    """By class: recall of both, the drop with its interval, recordings, windows, verdict."""
    fits = {key: Fit(**each) for key, each in json.loads((data / f"{name}-calibration.json").read_text()).items()}
    shelf, front = Shelf(data, "test", bank_seed=3, bank_size=2), Spectrogram(INPUT)
    nets = [Session(data / f"{name}-{kind}.onnx") for kind in ("float", "int8")]
    found = {}
    for label in (each for each in THREATS if each in fits):
        place, recordings = list(fits).index(label), sorted(shelf.real[label].items())
        rng = np.random.default_rng(17)
        hits, where = [], []
        for number in range(windows):
            tensor = front.tensor(window(shelf, recordings[number % len(recordings)][1], rng))
            p = [calibrated(net.run(tensor)[0], fits)[0, place] for net in nets]
            hits.append([each >= fits[label].threshold for each in p])
            where.append(number % len(recordings))
        both = np.array(hits)
        lost, low, high = drop(both[:, 0], both[:, 1], np.array(where))
        found[label] = {
            "float": round(float(both[:, 0].mean()), 4), "int8": round(float(both[:, 1].mean()), 4),
            "drop": round(lost, 4), "low": round(low, 4), "high": round(high, 4),
            "recordings": len(recordings), "windows": windows, "verdict": verdict(lost, len(recordings)),
        }  # fmt: skip
    return found


def main() -> None:
    """Write `threats-gate.json` and print it; the exit status is 1 when a class fails."""
    parser = argparse.ArgumentParser(
        prog="python -m otorongo.models.train.gate_sound", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--data", type=Path, default=Path("var/train"))
    parser.add_argument("--name", default="threats")
    given = parser.parse_args()
    found = gate(given.data, given.name)
    (given.data / f"{given.name}-gate.json").write_text(json.dumps(found, indent=1))
    for label, each in found.items():
        print(f"{label:10} {each}")
    raise SystemExit(any(each["verdict"] == "fails" for each in found.values()))


if __name__ == "__main__":
    main()
