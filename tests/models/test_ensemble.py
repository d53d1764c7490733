"""A detector and a network of names together: nobody is hidden, and what is named lives here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.models import calibrate, image, manifest
from otorongo.models.boxes import BoxClassifier, Found, Moving
from otorongo.models.ensemble import NAMED, Ensemble
from otorongo.models.manifest import Bundle
from otorongo.models.name_animals import Namer
from otorongo.models.rollup import BLANK, HUMAN, VEHICLE, Candidate, Label, decide, label_of
from otorongo.models.runtime import BoxScore, Verdict, class_score
from otorongo.wire.classes import BY_NAME, is_threat
from tests.models import box_bundles, name_bundles
from tests.models.box_bundles import Shown

FRAME = np.full((96, 128, 3), 90, np.uint8)
JAGUAR = label_of(("mammalia", "carnivora", "felidae", "panthera", "onca"))
CAPUCHIN = label_of(("mammalia", "primates", "cebidae", "sapajus", "apella"))
LINES = [
    name_bundles.JAGUAR, name_bundles.LEOPARD, name_bundles.CAPUCHIN, name_bundles.HUMAN, name_bundles.BLANK,
    name_bundles.TEAPOT,
]  # fmt: skip


def ensemble(folder: Path, said: tuple[float, ...], *shown: Shown) -> Ensemble:
    """Both real classes over stub networks: what the detector sees, and what is said of every crop."""
    network = name_bundles.constant(*said)
    names = name_bundles.make(folder / "names", LINES, network=network, more='activation = "none"')
    boxes = box_bundles.make(folder / "boxes", *shown)
    return Ensemble(BoxClassifier(manifest.load(boxes)), Namer(manifest.load(names)))


def test_a_person_with_a_capuchins_score_stays_a_person(tmp_path: Path) -> None:
    """Person .69 and capuchin .90: the person's score and box are the detector's own, the monkey stands beside it."""
    verdict = ensemble(tmp_path, (0, 0, 0.9, 0, 0, 0), Shown("person", 0.69)).scores(FRAME)
    assert verdict.of("person").p == pytest.approx(0.69, abs=1e-4)
    assert verdict.of("person").hit
    (look,) = verdict.of("animal").looks
    assert decide(look).name == "Sapajus macrocephalus"
    assert {box.wire_class for box in verdict.boxes} == {BY_NAME["person"].number, BY_NAME["animal"].number}


def test_a_person_with_a_blanks_score_stays_a_person(tmp_path: Path) -> None:
    """Person .65 and blank .995: told as it was, and no animal."""
    verdict = ensemble(tmp_path, (0, 0, 0, 0, 0.995, 0), Shown("person", 0.65)).scores(FRAME)
    assert verdict.of("person").p == pytest.approx(0.65, abs=1e-4)
    assert verdict.of("person").hit
    assert not verdict.of("animal").hit


def test_a_dog_beside_a_person_hides_nobody(tmp_path: Path) -> None:
    """Two boxes, two records."""
    dog = Shown("dog", 0.98, (0.6, 0.6, 0.9, 0.9))
    verdict = ensemble(tmp_path, (0,) * 6, dog, Shown("person", 0.55, (0.1, 0.1, 0.4, 0.9))).scores(FRAME)
    assert verdict.of("dog").hit
    assert verdict.of("person").hit


def test_who_stands_in_an_animals_box_is_told(tmp_path: Path) -> None:
    """An animal's box that the network of names takes for a human at .8 is a person's hit, with the box around it."""
    verdict = ensemble(tmp_path, (0, 0, 0.1, 0.8, 0, 0), Shown("animal", 0.9)).scores(FRAME)
    person = BY_NAME["person"].number
    assert verdict.of("person").p == pytest.approx(0.8, abs=1e-4)
    assert verdict.of("person").hit
    assert verdict.of("animal").p == pytest.approx(0.9, abs=1e-4)
    (box,) = [one for one in verdict.boxes if one.wire_class == person]
    assert box.x == pytest.approx(0.25, abs=0.02)
    assert box.w == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("right", "count"), [(0.95, 1), (0.45, 2)])
def test_an_animal_that_is_drawn_as_a_dog_too_is_one_animal(tmp_path: Path, right: float, count: int) -> None:
    """A dog's box on an animal's own box holds no second animal, whatever is seen in both; one elsewhere does."""
    animal = Shown("animal", 0.9, (0.5, 0.1, 0.95, 0.9))
    dog = Shown("dog", 0.25, (right - 0.43, 0.1, right, 0.88))
    verdict = ensemble(tmp_path, (0.9, 0, 0, 0, 0, 0), animal, dog).scores(FRAME)
    assert sum(box.wire_class == BY_NAME["animal"].number for box in verdict.boxes) == count
    assert len(verdict.of("animal").looks) == count
    assert verdict.of("dog").p == pytest.approx(0.25, abs=1e-3), "the dog is as sure as it was"


def test_an_animal_that_is_drawn_as_a_dog_and_as_a_vehicle_is_one_animal(tmp_path: Path) -> None:
    """No box of an animal's own is there: the names in two boxes of one place make one."""
    dog, other = Shown("dog", 0.25, (0.52, 0.1, 0.95, 0.88)), Shown("vehicle", 0.2, (0.5, 0.1, 0.95, 0.9))
    verdict = ensemble(tmp_path, (0.9, 0, 0, 0, 0, 0), dog, other).scores(FRAME)
    assert sum(box.wire_class == BY_NAME["animal"].number for box in verdict.boxes) == 1
    assert len(verdict.of("animal").looks) == 1


def test_a_leopard_is_told_as_a_cat(tmp_path: Path) -> None:
    """What does not live in Peru climbs to what it shares with what does."""
    (look,) = ensemble(tmp_path, (0.08, 0.85, 0, 0, 0, 0), Shown("animal", 0.9)).scores(FRAME).of("animal").looks
    assert look.box_p == pytest.approx(0.9, abs=1e-4)
    assert (decide(look).name, decide(look).source) == ("Felidae", "classifier+geofence+rollup_to_family")
    assert decide(look).p == pytest.approx(0.93, abs=1e-4)


def test_unsure_boxes_are_named_too(tmp_path: Path) -> None:
    """A box of .3 opens no event; what it holds is asked all the same, and a human in it is found."""
    verdict = ensemble(tmp_path, (0, 0, 0, 0.7, 0, 0), Shown("animal", 0.3)).scores(FRAME)
    assert verdict.of("person").hit
    assert not verdict.of("animal").hit


def test_a_network_that_fails_costs_a_name_only(tmp_path: Path) -> None:
    """Labels that do not fit the outputs: the detector's verdict stands, and the fault is told."""
    verdict = ensemble(tmp_path, (0.5, 0.5), Shown("person", 0.69), Shown("animal", 0.9, (0.8, 0.8, 1, 1))).scores(
        FRAME
    )
    assert verdict.of("person").hit
    assert verdict.of("animal").hit
    assert "names@1: names nobody" in verdict.fault
    assert verdict.of("animal").looks == ()


def test_a_full_frame_asks_for_few_names(tmp_path: Path) -> None:
    """Of eight boxes three are named, animals first and the surest first: the time of a frame is bounded."""
    places = [(x / 4, y / 2, x / 4 + 0.2, y / 2 + 0.4) for x in range(4) for y in range(2)]
    shown = [Shown("animal", 0.9 - n / 20, place) for n, place in enumerate(places[:7])]
    both = ensemble(tmp_path, (0.9, 0, 0, 0, 0, 0), *shown, Shown("person", 0.95, places[7]))
    namer = Counting(both.namer)
    verdict = Ensemble(both.first, namer).scores(FRAME)  # type: ignore[arg-type]
    assert len(namer.asked) == NAMED
    assert verdict.of("person").hit
    assert len(verdict.of("animal").looks) == NAMED


class Counting:
    """A namer that counts what it is asked."""

    def __init__(self, namer: Namer) -> None:
        self.bundle, self.crop, self._namer = namer.bundle, namer.crop, namer
        self.asked: list[tuple[int, ...]] = []

    def candidates(self, crop: image.Picture) -> tuple[Candidate, ...]:
        """The same, counted."""
        self.asked.append(crop.shape)
        return self._namer.candidates(crop)


@dataclass
class Detector:
    """A detector with hands: boxes and raw scores by label."""

    bundle: Bundle
    shows: Mapping[str, list[tuple[float, float]]]
    """By label: where (x0 of a box a tenth wide) and how sure."""

    def find(self, picture: image.Picture, *, moved: Sequence[Moving] = ()) -> dict[str, Found]:
        """What it was told to show."""
        out = {}
        for spec in self.bundle.manifest.classes:
            given_ = sorted(self.shows.get(spec.label, []), key=lambda one: -one[1])
            boxes = np.array([[x, 0.2, x + 0.1, 0.6] for x, _ in given_], np.float32).reshape(-1, 4)
            out[spec.label] = Found(boxes, np.array([p for _, p in given_], np.float32))
        return out

    def told(self, found: Mapping[str, Found]) -> Verdict:
        """As the detector of the zoo does."""
        scores, boxes = [], []
        for spec in self.bundle.manifest.classes:
            ps = found[spec.label].scores.tolist()
            scores.append(class_score(spec, calibrate.logit(max(ps, default=0.01))))
            boxes += [BoxScore(spec.wire_class, p, 0.0, 0.2, 0.1, 0.4) for p in ps if p >= spec.threshold]
        return Verdict(tuple(scores), tuple(boxes))


@dataclass
class Says:
    """A namer with hands: what it says of each crop, in turn."""

    bundle: Bundle
    said: list[list[tuple[Label, float]]]
    crop: manifest.Crop = manifest.Crop()  # noqa: RUF009 - frozen

    def candidates(self, crop: image.Picture) -> tuple[Candidate, ...]:
        """The next answer."""
        return tuple(Candidate(*one) for one in (self.said.pop(0) if self.said else []))


chance = st.floats(0, 1)
answers = st.lists(
    st.lists(st.tuples(st.sampled_from([JAGUAR, CAPUCHIN, BLANK, HUMAN, VEHICLE]), chance), max_size=5), max_size=NAMED
)
shows = st.dictionaries(
    st.sampled_from(["person", "vehicle", "dog", "animal"]),
    st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.8]), chance), max_size=3),
)


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle with a person, a vehicle, a dog and an animal."""
    return manifest.load(box_bundles.make(tmp_path_factory.mktemp("boxes") / "b"))


@given(shows, answers)
def test_no_score_of_animals_or_blank_lowers_anything(
    stub: Bundle, seen: dict[str, list[tuple[float, float]]], said: list[list[tuple[Label, float]]]
) -> None:
    """Whatever is said of the crops, each class is at least as sure as the detector alone, and its boxes all stay.

    And a person or vehicle is as sure as with the animals' and the blank's scores left out.
    """
    detector = Detector(stub, seen)
    alone = detector.told(detector.find(FRAME))
    both = Ensemble(detector, Says(stub, [list(one) for one in said])).scores(FRAME)  # type: ignore[arg-type]
    assert not both.fault
    assert [score.label for score in both.scores] == [score.label for score in alone.scores]
    for score, before in zip(both.scores, alone.scores, strict=True):
        assert score.p >= before.p
        assert score.hit >= before.hit
    assert set(alone.boxes) <= set(both.boxes)
    bare = [[one for one in answer if one[0] in {HUMAN, VEHICLE}] for answer in said]
    without = Ensemble(detector, Says(stub, bare)).scores(FRAME)  # type: ignore[arg-type]
    for score, lone in zip(both.scores, without.scores, strict=True):
        if is_threat(score.wire_class):
            assert score.p == lone.p
