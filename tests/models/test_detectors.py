"""Detectors of others: each layout is read as boxes, and what is none is refused by name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.models import detectors, manifest, runtime
from otorongo.models.ensemble import Ensemble
from otorongo.models.errors import BundleError
from otorongo.models.name_animals import Namer
from otorongo.models.shelves import FILE_NAME
from otorongo.station.app_eyes import EVERYWHERE
from tests.models import name_bundles
from tests.models.others import ANIMAL, PERSON, SIDE, VEHICLE, Shown, detector, output

LAYOUTS = ("yolox", "yolov5", "yolov8", "end to end")
GREY = np.full((48, 96, 3), 128, np.uint8)
JAGUAR: Shown = (ANIMAL, 0.9, (0.1, 0.2, 0.4, 0.6))
RANGER: Shown = (PERSON, 0.4, (0.5, 0.1, 0.75, 0.9))

corner = st.floats(0.0, 0.7)
length = st.floats(0.1, 0.3)
places = st.tuples(corner, corner, length, length).map(lambda p: (p[0], p[1], p[0] + p[2], p[1] + p[3]))
shown = st.lists(st.tuples(st.integers(0, 2), st.floats(0.1, 1.0), places), min_size=1, max_size=7)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_shows_who_is_where(layout: str, tmp_path: Path) -> None:
    """An animal and a person come out of a network of that layout, with their scores and places."""
    classifier = runtime.open_classifier(manifest.load(detector(tmp_path / "b", layout, [JAGUAR, RANGER])))
    verdict = classifier.scores(GREY)
    assert verdict.of("animal").p == pytest.approx(0.9, abs=1e-4)
    assert verdict.of("person").p == pytest.approx(0.4, abs=1e-4)
    assert not verdict.of("vehicle").hit
    person = next(box for box in verdict.boxes if box.p < 0.5)
    assert (person.x, person.y, person.x + person.w, person.y + person.h) == pytest.approx(RANGER[2], abs=1e-4)


def test_an_added_detector_rests_and_sees_the_same_after_it(tmp_path: Path) -> None:
    """Its network is in memory from the first picture until it is told to rest, with the names beside it."""
    classifier: Any = runtime.open_classifier(manifest.load(detector(tmp_path / "b", "yolov5", [JAGUAR, RANGER])))
    both = Ensemble(classifier, Namer(manifest.load(name_bundles.make(tmp_path / "names"))))
    networks = classifier._network, both.namer._network
    assert not any(one.loaded for one in networks)
    before = both.scores(GREY)
    assert all(one.loaded for one in networks)
    both.rest()
    assert not any(one.loaded for one in networks)
    assert both.scores(GREY) == before


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_frame_in_which_the_gate_saw_motion_is_looked_at(layout: str, tmp_path: Path) -> None:
    """A camera says where something moved: the same people are found as without that, also where names are asked."""
    classifier: Any = runtime.open_classifier(manifest.load(detector(tmp_path / "b", layout, [JAGUAR, RANGER])))
    named = Ensemble(classifier, Namer(manifest.load(name_bundles.make(tmp_path / "names"))))
    for one in (classifier, named):
        verdict = one.scores(GREY, 0, looks=(EVERYWHERE,))
        assert verdict == one.scores(GREY)
        assert verdict.of("person").hit
        assert not verdict.fault


@given(st.sampled_from(LAYOUTS), shown)
def test_boxes_and_scores_come_back_from_every_layout(layout: str, things: list[Shown]) -> None:
    """What was laid out is read again, whatever it is."""
    kind = "yolov8" if layout == "end to end" else layout
    boxes, scores = detectors.decoded(kind, output(layout, things)[0], (SIDE, SIDE))
    for at, (cls, p, place) in enumerate(things):
        assert boxes[at] / SIDE == pytest.approx(place, abs=1e-4)
        assert scores[at, cls] == pytest.approx(p, abs=1e-6)


@given(st.sampled_from(("yolov8", "end to end")), shown)
def test_boxes_in_shares_of_the_input_are_boxes_in_pixels(layout: str, things: list[Shown]) -> None:
    """As RT-DETR gives them: a person who fills half of the frame does, and is no dot in its corner."""
    raw = output(layout, things)[0].copy()
    (raw.T if layout == "end to end" else raw)[:4] /= SIDE
    boxes, _ = detectors.decoded("yolov8", raw, (SIDE, SIDE))
    for at, (_, _, place) in enumerate(things):
        assert boxes[at] / SIDE == pytest.approx(place, abs=1e-4)


def test_an_animal_over_a_person_hides_nobody(tmp_path: Path) -> None:
    """A surer animal in the same place leaves the person its own score and box."""
    same = (0.2, 0.2, 0.6, 0.8)
    things = [(ANIMAL, 0.95, same), (PERSON, 0.35, same), (VEHICLE, 0.31, same)]
    verdict = runtime.open_classifier(manifest.load(detector(tmp_path / "b", "yolov5", things))).scores(GREY)
    assert [score.hit for score in verdict.scores] == [True, True, True]
    assert verdict.of("person").p == pytest.approx(0.35, abs=1e-4)
    assert len(verdict.boxes) == 3


def test_boxes_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    """One box of nonsense costs no other."""
    out = output("yolov5", [JAGUAR, RANGER])
    out[0, 0, 0] = np.nan
    boxes, scores = detectors.decoded("yolov5", out[0], (SIDE, SIDE))
    assert np.isnan(boxes[0]).any()
    folder = detector(tmp_path / "b", "yolov5", [(ANIMAL, 0.9, (float("nan"), 0.2, 0.4, 0.6)), RANGER])
    verdict = runtime.open_classifier(manifest.load(folder)).scores(GREY)
    assert [box.p for box in verdict.boxes] == [pytest.approx(0.4, abs=1e-4)]
    assert scores.shape == (40, 3)


@pytest.mark.parametrize(
    ("layout", "shape"),
    [("yolov5", (40, 5)), ("yolov5", (40,)), ("yolox", (7, 8)), ("yolov8", (4, 40)), ("yolov5", (0, 8))],
)
def test_an_output_of_another_shape_is_refused(layout: str, shape: tuple[int, ...]) -> None:
    """The error says what the output is and what was expected."""
    with pytest.raises(ValueError, match=r"its output has"):
        detectors.decoded(layout, np.zeros(shape, np.float32), (SIDE, SIDE))


def test_a_detector_without_outputs_is_refused(tmp_path: Path) -> None:
    """A class must say which of the network's outputs means it."""
    folder = detector(tmp_path / "b", "yolov5", [JAGUAR])
    path = folder / FILE_NAME
    path.write_text(path.read_text().replace("outputs = [1]\n", ""))
    with pytest.raises(BundleError, match=r"classes\[1\].outputs: are missing"):
        manifest.load(folder)
