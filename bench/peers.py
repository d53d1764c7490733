"""People in pictures: boxes@1 beside two detectors of the same size, at equal numbers of false alarms.

The labelled pictures are those that calibrate and evaluate boxes@1 (`OTORONGO_PICTURES`, a folder with coco128,
cameratrapai, ena24, lila and commons_animals); the peers are files (`OTORONGO_PEER`, efficientdet-lite0.tflite;
`OTORONGO_YOLOX`, yolox_nano.onnx of 416 pixels). All three learned from COCO, of which coco128 is a part: the table
compares them with one another, and says nothing of the forest.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np

from bench.line import Line
from bench.picture import PEER
from otorongo.models import image
from otorongo.models.boxes import BoxClassifier
from otorongo.models.errors import InputError
from otorongo.models.image import Picture
from otorongo.models.litert import LiteSession
from otorongo.models.manifest import PictureInput, load
from otorongo.models.runtime import Session
from otorongo.models.train.picture_sets import gather

PICTURES, YOLOX = "OTORONGO_PICTURES", "OTORONGO_YOLOX"
FALSE = (0, 3, 11)
"""Numbers of pictures without people in which one is told."""
Scores = list[tuple[str, bool, bool, float]]
"""Of each picture: its set, whether it calibrated, whether somebody is in it, and the surest score of a person."""


def measure() -> list[Line]:
    """Persons found at equal false alarms, in all pictures, and in the half that calibrated nothing."""
    folder = Path(os.environ.get(PICTURES, "/nowhere"))
    if not folder.is_dir():
        return [Line("peers: people found", "not here", f"name the pictures: {PICTURES}")]
    found: dict[str, Scores] = {"boxes@1": [], "EfficientDet-Lite0": [], "YOLOX-nano": []}
    looks = _looks()
    for one in gather(folder):
        if "person" not in one.known:
            continue
        try:
            picture = image.decode(one.path.read_bytes())
        except InputError:
            continue
        for name, look in looks.items():
            found[name].append((one.set, one.calibrates, "person" in one.labels, look(picture)))
    return [line for name, scores in found.items() for line in _lines(name, scores)]


def _lines(name: str, scores: Scores) -> list[Line]:
    if not scores:
        return [Line(f"peers: {name}", "not here", f"name its file: {PEER if 'Lite0' in name else YOLOX}")]
    out = []
    for half, chosen in (
        ("all pictures", scores),
        ("the half that calibrated nothing", [s for s in scores if not s[1]]),
    ):
        there = [score for _, _, person, score in chosen if person]
        absent = [score for _, _, person, score in chosen if not person]
        told = ", ".join(f"{at_false(there, absent, count)} at {count} false" for count in FALSE)
        out.append(
            Line(f"peers: people found by {name}, {half}", f"of {len(there)}", f"{told}; without: {len(absent)}")
        )
    return out


def at_false(there: list[float], absent: list[float], count: int) -> int:
    """How many reach a score that at most `count` of those without anybody reach."""
    falling = sorted(absent, reverse=True)
    limit = falling[count] if count < len(falling) else -1.0
    return sum(score > limit for score in there)


def _looks() -> Mapping[str, Callable[[Picture], float]]:
    """The surest raw score of a person in a picture, by each detector that is here."""
    ours = BoxClassifier(load("boxes@1"))

    def best(picture: Picture) -> float:
        return float(max(ours.find(picture)["person"].scores, default=0.0))

    looks: dict[str, Callable[[Picture], float]] = {"boxes@1": best}
    if (path := Path(os.environ.get(PEER, "/nowhere"))).is_file():
        looks["EfficientDet-Lite0"] = _lite0(path)
    if (path := Path(os.environ.get(YOLOX, "/nowhere"))).is_file():
        looks["YOLOX-nano"] = _yolox(path)
    return looks


def _lite0(path: Path) -> Callable[[Picture], float]:
    """Its outputs are boxes, classes, scores and a count, by their names from the last to the first; person is 0."""
    network = LiteSession(path, 1)
    _, height, width, _ = next(iter(network.inputs.values()))
    _, scores_name, classes_name, _ = sorted(network.outputs)

    def best(picture: Picture) -> float:
        small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        classes, scores = network.run(small[None], classes_name, scores_name)
        return float(max(scores[classes == 0], default=0.0))

    return best


def _yolox(path: Path) -> Callable[[Picture], float]:
    """Objectness times the class person, as numbers from 0 to 255 in BGR, the frame in the corner of a grey square."""
    network = Session(path)
    given = PictureInput(width=416, height=416, color="bgr", pad_value=114, mean=(0.0,) * 3, std=(1.0,) * 3)

    def best(picture: Picture) -> float:
        cells = network.run(image.tensor(picture, given)[0])[0][0]
        return float(np.max(cells[:, 4] * cells[:, 5]))

    return best
