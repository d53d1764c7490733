"""Where in a frame a thing stands: far away and moving, cut off by the edge, several at once."""

from collections.abc import Sequence
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
from otorongo.models.manifest import ClassSpec, load
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


WHOLE = np.array([0, 0, 1, 1], np.float32)
several_looks = st.lists(
    st.builds(
        lambda y, x, h, w: boxes.Look(slice(y, y + h), slice(x, x + w), WHOLE),
        st.integers(0, 300), st.integers(0, 300), st.integers(1, 200), st.integers(1, 200),
    ), max_size=8,
)  # fmt: skip


def holds_middle(one: boxes.Look, other: boxes.Look) -> bool:
    """Whether the middle of the other lies in the one."""
    y, x = (other.rows.start + other.rows.stop) // 2, (other.columns.start + other.columns.stop) // 2
    return bool(one.rows.start <= y < one.rows.stop and one.columns.start <= x < one.columns.stop)


@given(several_looks, several_looks)
def test_no_place_is_looked_at_twice(moving: list[boxes.Look], known: list[boxes.Look]) -> None:
    """What is left out has its middle in a look that is hardly larger; what is kept has not."""
    kept = boxes.beyond(moving, known)

    def covered(look: boxes.Look, by: list[boxes.Look]) -> bool:
        return any(holds_middle(one, look) and one.pixels <= 3 * look.pixels for one in by)

    for at, one in enumerate(kept):
        assert not covered(one, [*known, *kept[:at]])
    assert all(one in kept or covered(one, [*known, *kept]) for one in moving)


def test_a_wide_look_leaves_a_small_place_to_a_look_of_its_own() -> None:
    """160 pixels that move within 700 that are looked at would be shown small: they are looked at as well."""
    wide = boxes.Look(slice(0, 700), slice(0, 700), WHOLE)
    small = boxes.Look(slice(300, 460), slice(300, 460), WHOLE)
    alike = boxes.Look(slice(0, 500), slice(0, 500), WHOLE)
    assert boxes.beyond([small, alike], [wide]) == [small]


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


class Told(BoxClassifier):
    """boxes@1 that is told what it sees in the whole frame, sees nothing from near, and counts where it looked."""

    def __init__(self, somewhere: list[Place], **things: Place) -> None:
        super().__init__(load("boxes@1"))
        self.somewhere, self.things, self.near = self.found(*somewhere), things, -1

    def found(self, *places: Place) -> boxes.Found:
        """Sure boxes."""
        at = np.array([[one.x, one.y, one.x + one.w, one.y + one.h] for one in places], np.float32).reshape(-1, 4)
        return boxes.Found(at, np.full(len(at), 0.9, np.float32))

    def _somewhere(self, picture: Picture) -> boxes.Found:
        return self.somewhere

    def _look(self, picture: Picture, specs: Sequence[ClassSpec]) -> dict[str, boxes.Found]:
        self.near += 1
        seen = self.things if self.near == 0 else {}
        return {one.label: self.found(seen[one.label]) if one.label in seen else boxes.NOTHING for one in specs}


SPREAD = [Place(0.02 + 0.16 * at, 0.1 + 0.5 * (at % 2), 0.06, 0.1) for at in range(6)]


@pytest.mark.parametrize(
    ("somewhere", "things", "moved", "near"),
    [
        ([], {}, [], 0),
        (SPREAD, {}, [], 2),
        ([], {}, SPREAD, 2),
        (SPREAD[:3], {}, SPREAD[3:], 4),  # a frame never costs more
        (SPREAD[:2], {}, SPREAD[:2], 2),  # what was just looked at is not looked at again
        (SPREAD[:1], {"dog": SPREAD[0]}, [], 1),  # a dog may still be a person
        (SPREAD[:1], {"person": SPREAD[0]}, SPREAD[:1], 0),  # a person is one
    ],
)
def test_a_frame_is_looked_at_from_near_where_it_may_help(
    somewhere: list[Place], things: dict[str, Place], moved: list[Place], near: int
) -> None:
    """So often, given what the first network sees, what the second takes it for, and what moves."""
    told = Told(somewhere, **things)
    told.find(np.zeros((1500, 2000, 3), np.uint8), moved=moved)
    assert told.near == near


ROWS, COLUMNS = slice(400, 800), slice(400, 800)


def near_scores(boxes_: list[tuple[float, ...]], raw: list[float], around: tuple[float, ...]) -> np.ndarray:
    """What is left of raw scores of boxes (in shares of a look of 400 pixels in 1000) if this box (in shares) asked."""
    found = boxes.Found(np.array(boxes_, np.float32).reshape(-1, 4), np.array(raw, np.float32))
    look = boxes.Look(ROWS, COLUMNS, np.array(around, np.float32))
    return boxes.doubted(found, look, boxes.outward(found.boxes, ROWS, COLUMNS, 1000, 1000))


@given(st.lists(st.tuples(st.floats(0.02, 0.99), st.sampled_from(["aimed", "aside", "small"])), max_size=6))
def test_what_a_second_look_finds_needs_more_evidence(found: list[tuple[float, str]]) -> None:
    """Each score loses half a natural unit; a whole one where the box is not what was looked at, or still small."""
    places = {"aimed": (0.3, 0.2, 0.6, 0.8), "aside": (0.0, 0.0, 0.3, 0.3), "small": (0.4, 0.4, 0.45, 0.64)}
    raw = [score for score, _ in found]
    less = near_scores([places[where] for _, where in found], raw, (0.52, 0.48, 0.64, 0.72))
    lost = np.log(np.array(raw) / (1 - np.array(raw))) - np.log(less / (1 - less))
    assert lost == pytest.approx(np.array([0.48 if where == "aimed" else 1.0 for _, where in found]), abs=1e-3)


def test_a_part_of_what_was_looked_at_is_where_the_look_was_aimed() -> None:
    """A head in the box of a body, and a body around the box of a head, lose no more than any second look."""
    body, head = (0.3, 0.1, 0.6, 0.9), (0.4, 0.1, 0.5, 0.4)
    for box, asked in ((head, body), (body, head)):
        around = tuple(0.4 + 0.4 * each for each in asked)
        assert near_scores([box], [0.5], around)[0] == pytest.approx(1 / (1 + np.exp(0.48)), abs=1e-3)


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
