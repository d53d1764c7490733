"""Where in a frame a thing stands: far away and moving, cut off by the edge, several at once."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.models import boxes, image
from otorongo.models.boxes import BoxClassifier
from otorongo.models.image import Picture
from otorongo.models.manifest import load
from otorongo.models.runtime import open_classifier
from otorongo.wire.classes import BY_NAME

PERSON, ANIMAL = (BY_NAME[name].number for name in ("person", "animal"))
BEASTS = {ANIMAL, BY_NAME["cattle"].number, BY_NAME["dog"].number}
"""A bear may be called either of them."""


class Place(NamedTuple):
    """Where something moved."""

    x: float
    y: float
    w: float
    h: float


@pytest.fixture(scope="module")
def classifier() -> BoxClassifier:
    """boxes@1."""
    opened = open_classifier(load("boxes@1"))
    assert isinstance(opened, BoxClassifier)
    return opened


def paste(frame: Picture, cutout: Picture, x: int, y: int, high: int) -> None:
    """Put a cut-out into a frame, so many pixels high; what lies beyond the edge is cut off."""
    small = cv2.resize(cutout, (high * cutout.shape[1] // cutout.shape[0], high), interpolation=cv2.INTER_AREA)
    height, width = frame.shape[:2]
    y0, x0, y1, x1 = max(0, y), max(0, x), min(height, y + high), min(width, x + small.shape[1])
    frame[y0:y1, x0:x1] = small[y0 - y : y1 - y, x0 - x : x1 - x]


def cut_out(classifier: BoxClassifier, path: Path, cls: int, margin: float = 0.0) -> Picture:
    """The surest box of a class in a photograph."""
    picture = image.decode(path.read_bytes())
    box = max((one for one in classifier.scores(picture).boxes if one.wire_class == cls), key=lambda one: one.p)
    height, width = picture.shape[:2]
    rows = slice(int((box.y - margin) * height), int((box.y + box.h + margin) * height))
    return picture[rows, int((box.x - margin) * width) : int((box.x + box.w + margin) * width)]


def empty(folder: Path, width: int, height: int) -> Picture:
    """A camera trap's frame with nobody in it."""
    blank = image.decode((folder / "blank2.jpg").read_bytes())
    return np.asarray(cv2.resize(blank, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


# ---- where something moves


squares = st.builds(
    lambda y, x, h, w: (slice(y, y + h), slice(x, x + w)),
    st.integers(0, 300), st.integers(0, 300), st.integers(1, 200), st.integers(1, 200),
)  # fmt: skip


@given(st.lists(squares, max_size=8), st.lists(squares, max_size=8))
def test_no_place_is_looked_at_twice(moving: list[boxes.Square], known: list[boxes.Square]) -> None:
    """What is left out has its middle in a square that is looked at; what is kept has not."""
    kept = boxes.beyond(moving, known)

    def covered(square: boxes.Square, by: list[boxes.Square]) -> bool:
        y, x = ((one.start + one.stop) // 2 for one in square)
        return any(rows.start <= y < rows.stop and columns.start <= x < columns.stop for rows, columns in by)

    for at, one in enumerate(kept):
        assert not covered(one, [*known, *kept[:at]])
    assert all(one in kept or covered(one, [*known, *kept]) for one in moving)


def test_somebody_far_away_is_found_where_something_moves(shared: Path, classifier: BoxClassifier) -> None:
    """90 pixels high in a frame of 2048 x 1536, to which both networks are blind: the gate's piece leads to them."""
    folder = shared / "media/pictures/cameratrapai"
    frame = empty(folder, 2048, 1536)
    paste(frame, cut_out(classifier, folder / "human.jpg", PERSON, 0.02), 1500, 500, 90)
    sure = classifier.bundle.by_label["person"].threshold
    there = Place(1490 / 2048, 490 / 1536, 60 / 2048, 110 / 1536)
    elsewhere = Place(0.1, 0.8, 0.03, 0.06)
    blind, aside, led = (
        classifier.scores(frame, looks=looks) for looks in ((), (elsewhere,), (elsewhere, there, elsewhere))
    )
    assert max(blind.of("person").p, aside.of("person").p) < sure <= led.of("person").p
    box = max((one for one in led.boxes if one.wire_class == PERSON), key=lambda one: one.p)
    assert 1480 / 2048 < box.x < box.x + box.w < 1580 / 2048


def test_motion_adds_looks_and_takes_none_away(shared: Path, classifier: BoxClassifier) -> None:
    """Whatever moves, no score of a person or vehicle is lower for it."""
    folder = shared / "media/pictures/cameratrapai"
    places = [Place(0.1 * n, 0.1 * n, 0.08, 0.1) for n in range(8)]
    for name in ("human.jpg", "vehicle.jpg", "blank.jpg", "ocelot.jpg"):
        picture = image.decode((folder / name).read_bytes())
        plain, more = classifier.scores(picture), classifier.scores(picture, looks=places)
        for label in ("person", "vehicle", "boat"):
            assert more.of(label).p >= plain.of(label).p, (name, label)


@given(st.lists(st.floats(0.02, 1.0), max_size=6), st.floats(0, 5))
def test_what_motion_alone_led_to_needs_more_evidence(scores: list[float], doubt: float) -> None:
    """Each score loses so many natural units, keeps its order and its box; without doubt it is the same."""
    raw = np.array(sorted(scores, reverse=True), np.float32)
    found = boxes.Found(np.zeros((len(raw), 4), np.float32), raw)
    less = boxes._doubted(found, doubt)
    assert (less.scores <= raw + 1e-6).all()
    assert (less.scores > 0).all()
    assert list(less.scores) == sorted(less.scores, reverse=True)
    assert len(less.boxes) == len(raw)
    inner = raw < 0.99
    lost = np.log(raw[inner] / (1 - raw[inner])) - np.log(less.scores[inner] / (1 - less.scores[inner]))
    assert lost == pytest.approx(np.full(inner.sum(), doubt), abs=1e-3)


# ---- animals


@pytest.mark.parametrize(
    ("side", "share"),
    [("left", 0.7), ("left", 0.35), ("right", 0.7), ("right", 0.35), ("top", 0.7), ("top", 0.5)],
)
def test_an_animal_cut_by_the_edge_is_one(shared: Path, classifier: BoxClassifier, side: str, share: float) -> None:
    """A bear of which so much is in the frame; of its legs and belly alone (0.35 from above) it is not told."""
    folder = shared / "media/pictures/cameratrapai"
    frame = empty(folder, 1280, 960)
    bear = cut_out(classifier, folder / "american_black_bear.jpg", ANIMAL)
    high, wide = 400, 400 * bear.shape[1] // bear.shape[0]
    x = {"left": -int(wide * (1 - share)), "right": 1280 - int(wide * share), "top": 400}[side]
    paste(frame, bear, x, -int(high * (1 - share)) if side == "top" else 450, high)
    (box,) = classifier.scores(frame).boxes
    assert box.wire_class in BEASTS
    assert min(box.x, box.y, 1 - box.x - box.w) < 0.02


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_each_of_several_animals_has_a_box(shared: Path, classifier: BoxClassifier, count: int) -> None:
    """Side by side, each as wide as a fifth of the frame: as many boxes as bears."""
    folder = shared / "media/pictures/cameratrapai"
    frame = empty(folder, 1280, 960)
    bear = cut_out(classifier, folder / "american_black_bear.jpg", ANIMAL)
    for number in range(count):
        paste(frame, bear, 20 + 250 * number, 600, 180)
    found = [box.wire_class for box in classifier.scores(frame).boxes]
    assert len(found) == count
    assert set(found) <= BEASTS
