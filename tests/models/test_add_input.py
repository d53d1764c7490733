"""What a network that somebody brings is given of a picture, number by number: size, place, order, colours, scale.

The networks are made to tell what they were given, so that a changed line of any of it is seen.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from otorongo.models import add_picture, manifest, runtime
from otorongo.models.boxes import Found
from otorongo.models.detectors import Detector
from otorongo.models.name_animals import Namer, cut
from tests.models.others import telling

COLOURS = ((220, 60, 100), (30, 90, 250), (140, 200, 20), (80, 160, 40))
"""Top left, top right, bottom left, bottom right of a picture."""
SIDE = 64
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, which DeepFaune was trained with: of values from 0 to 1."""


def quarters(height: int, width: int) -> NDArray[np.uint8]:
    """A picture of four colours."""
    out = np.zeros((height, width, 3), np.uint8)
    rows, columns = (slice(0, height // 2), slice(height // 2, None)), (slice(0, width // 2), slice(width // 2, None))
    for number, colour in enumerate(COLOURS):
        out[rows[number // 2], columns[number % 2]] = colour
    return out


def added(kind: str, network: bytes, tmp_path: Path, outputs: int = 0) -> manifest.Bundle:
    """The bundle of a network that somebody brings."""
    labels = "\n".join(f"x;mammalia;rodentia;muridae;mus;m{number};mouse {number}" for number in range(outputs))
    wanted = add_picture.Wanted(kind, network, "x", labels, "MIT", reference="theirs@1")
    return manifest.load(add_picture.add(wanted, tmp_path / "shelf")[0])


def values(namer: Namer, crop: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What the network was given, (n, 3), of what it says: its last output is always 0."""
    p = namer.probabilities(crop)
    told: NDArray[np.float64] = np.log(p[:-1] / p[-1])
    return told.reshape(-1, 3)


def namer_of(
    kind: str, tmp_path: Path, places: Sequence[tuple[int, int]], shape: Sequence[int] = (1, SIDE, SIDE, 3)
) -> Namer:
    """A network of names that tells what it is given at these places."""
    bundle = added(kind, telling(places, shape), tmp_path, 3 * len(places) + 1)
    namer = runtime.open_classifier(bundle)
    assert isinstance(namer, Namer)
    return namer


@pytest.mark.parametrize("shape", [(1, 3, 48, 64), (1, 48, 64, 3)])
@pytest.mark.parametrize("kind", ["speciesnet", "deepfaune"])
def test_a_network_of_names_is_given_the_whole_crop_in_its_own_scale(
    kind: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    """Stretched to its width and height; red, green, blue; SpeciesNet from 0 to 1, DeepFaune less ImageNet's mean."""
    places = [(3, 4), (3, 60), (44, 4), (44, 60), (22, 30), (22, 33), (25, 30), (25, 33)]
    told = values(namer_of(kind, tmp_path, places, shape), quarters(96, 32))
    wanted = np.array(COLOURS * 2) / 255
    if kind == "deepfaune":
        wanted = (wanted - MEAN) / STD
    assert told == pytest.approx(wanted, abs=1e-4)


def test_what_is_made_smaller_is_averaged(tmp_path: Path) -> None:
    """Stripes a pixel wide become the grey between them, and no pattern of their own."""
    striped = np.zeros((256, 256, 3), np.uint8)
    striped[:, ::2] = 200
    places = [(10, column) for column in (5, 6, 7, 8, 40)]
    told = values(namer_of("speciesnet", tmp_path, places), striped)
    assert told == pytest.approx(np.full((5, 3), 100 / 255), abs=0.003)


def detector_of(tmp_path: Path, places: Sequence[tuple[int, int]], shape: Sequence[int]) -> Detector:
    """A detector that tells what it is given at these places."""
    detector = runtime.open_classifier(added("megadetector", telling(places, shape, boxed=True), tmp_path))
    assert isinstance(detector, Detector)
    return detector


def told_by(found: Found, count: int, width: float, height: float) -> NDArray[np.float64]:
    """Scores (count, 3) by the place of their boxes, whose input is so many boxes wide and high."""
    out = np.zeros(count * 3)
    for (x, y, *_), score in zip(found.boxes.tolist(), found.scores.tolist(), strict=True):
        out[round(x * width) + 8 * round(y * height)] = score
    return out.reshape(-1, 3)


@pytest.mark.parametrize("shape", [(1, 3, SIDE, SIDE), (1, SIDE, SIDE, 3)])
def test_a_detector_is_given_the_whole_frame_in_its_shape(shape: tuple[int, ...], tmp_path: Path) -> None:
    """A wide frame fills the width and half of the height; grey 114 lies below, and boxes come back in its shares."""
    places = [(3, 4), (3, 60), (29, 4), (29, 60), (33, 4), (63, 63)]
    found = detector_of(tmp_path, places, shape).find(quarters(64, 128))["animal"]
    wanted = np.array([*COLOURS, (114,) * 3, (114,) * 3]) / 255
    assert told_by(found, 6, 8, 4) == pytest.approx(wanted, abs=1e-4)


def test_a_tall_frame_is_fitted_by_its_height(tmp_path: Path) -> None:
    """It fills the height and half of the width, grey beside it; a box is as far from its left as it is there."""
    places = [(3, 3), (3, 28), (60, 3), (60, 28), (3, 33)]
    found = detector_of(tmp_path, places, (1, 3, SIDE, SIDE)).find(quarters(128, 64))["animal"]
    # What lies in the grey beyond the frame's right edge is drawn at that edge: columns 4 to 7 of boxes.
    inside = [box[0] < 1 for box in found.boxes.tolist()]
    assert found.boxes[:, 0].max() == 1.0
    kept = Found(found.boxes[inside], found.scores[inside])
    told = told_by(kept, 5, 4, 8)
    flat = np.concatenate([np.array(COLOURS).reshape(-1), (114,) * 3]) / 255
    at = [n for n in range(15) if n % 8 < 4]
    assert told.reshape(-1)[at] == pytest.approx(flat[at], abs=1e-4)


@pytest.mark.parametrize(("kind", "height"), [("speciesnet", 0.2), ("deepfaune", 0.4)])
def test_a_network_of_names_is_given_what_lies_in_the_box(kind: str, height: float, tmp_path: Path) -> None:
    """SpeciesNet the box as it is, DeepFaune as a square around it; nothing of the frame beyond, and all of it."""
    frame = np.full((400, 400, 3), (10, 20, 30), np.uint8)
    left, right, low, high = 120, 280, round(200 - 200 * height), round(200 + 200 * height)
    frame[low:high, left:right] = (200, 100, 50)
    edges = [(0, 0), (0, SIDE - 1), (SIDE - 1, 0), (SIDE - 1, SIDE - 1)]
    namer = namer_of(kind, tmp_path, edges)
    box = (0.3, 0.4, 0.7, 0.6)
    wanted = np.array([(200, 100, 50)] * 4) / 255
    if kind == "deepfaune":
        wanted = (wanted - MEAN) / STD
    assert values(namer, cut(frame, box, namer.crop)) == pytest.approx(wanted, abs=1e-4)
    frame[[low, high - 1], left:right] = (10, 20, 30)  # one line less, and the edge of the crop shows it
    assert np.abs(values(namer, cut(frame, box, namer.crop)) - wanted).min() > 0.05
