"""No animal and no blank hides a person or a vehicle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.models.rollup import BLANK, HUMAN, VEHICLE, Candidate, Label, label_of
from otorongo.models.threat_first import ANIMAL, LEAST, THREATS, Record, Seen, judge, judge_all
from otorongo.wire.classes import BY_NAME, is_threat

PERSON, CAR = THREATS["human"], THREATS["vehicle"]
DOG = BY_NAME["dog"].number
CAPUCHIN = label_of(("mammalia", "primates", "cebidae", "sapajus", "apella"))
JAGUAR = label_of(("mammalia", "carnivora", "felidae", "panthera", "onca"))


def _seen(cls: int, p: float, *candidates: tuple[Label, float]) -> Seen:
    return Seen(cls, p, tuple(Candidate(*one) for one in candidates))


def _of(records: tuple[Record, ...], cls: int) -> Record:
    return next(one for one in records if one.cls == cls)


@pytest.mark.parametrize(
    ("seen", "cls", "p"),
    [
        (_seen(PERSON, 0.69, (CAPUCHIN, 0.9)), PERSON, 0.69),
        (_seen(PERSON, 0.65, (BLANK, 0.995)), PERSON, 0.65),
        (_seen(ANIMAL, 0.6, (HUMAN, 0.4), (CAPUCHIN, 0.3)), PERSON, 0.4),
        (_seen(ANIMAL, 0.9, (HUMAN, 0.95)), PERSON, 0.95),
        (_seen(CAR, 0.6, (BLANK, 0.6)), CAR, 0.6),
        (_seen(ANIMAL, 0.6, (VEHICLE, 0.5), (BLANK, 0.4)), CAR, 0.5),
        (_seen(PERSON, 0.3, (HUMAN, 0.8)), PERSON, 0.8),
    ],
)
def test_golden_cases_are_inverted(seen: Seen, cls: int, p: float) -> None:
    """Where an ensemble that saves reviewing says capuchin, primate or blank, the person or vehicle is told first."""
    first = judge_all([seen])[0]
    assert first.cls == cls
    assert first.p == p


def test_a_person_is_no_primate() -> None:
    """Of human .40 and capuchin .30 in an animal's box, the box stays an animal without a name beside the person."""
    records = judge(_seen(ANIMAL, 0.6, (HUMAN, 0.4), (CAPUCHIN, 0.3)))
    animal = _of(records, ANIMAL).animal
    assert animal is not None
    assert (animal.name, animal.source) == ("animal", "detector")
    assert len(animal.raw) == 2


def test_a_dog_beside_a_person_hides_nobody() -> None:
    """Every box is judged: a sure dog and an unsure person are two records, the person first."""
    records = judge_all([_seen(DOG, 0.98), _seen(PERSON, 0.25)])
    assert [one.cls for one in records] == [PERSON, DOG]


def test_a_capuchin_in_a_persons_box_is_told_too() -> None:
    """Nothing is lost the other way round: the person stands, and what the network is sure of stands beside it."""
    records = judge(_seen(PERSON, 0.69, (CAPUCHIN, 0.9)))
    assert [one.cls for one in records] == [PERSON, ANIMAL]
    assert records[1].animal is not None
    assert records[1].animal.name == "Sapajus macrocephalus"


def test_a_blank_only_puts_an_animal_behind_the_others() -> None:
    """What may be nothing is shown last, and stays."""
    records = judge_all([_seen(ANIMAL, 0.9, (BLANK, 0.999)), _seen(ANIMAL, 0.5, (JAGUAR, 0.9))])
    assert [one.p for one in records] == [0.5, 0.9]


chance = st.floats(0, 1)
harmless = st.lists(st.tuples(st.sampled_from([CAPUCHIN, JAGUAR, BLANK]), chance), max_size=4)
boxes = st.lists(st.tuples(st.sampled_from([PERSON, CAR, ANIMAL, DOG]), chance, harmless, chance, chance), max_size=5)


Box = tuple[int, float, list[tuple[Label, float]], float, float]
"""Class, p, scores of animals and blank, of a human, of a vehicle."""


@given(boxes)
def test_no_animal_or_blank_lowers_a_threat(frame: list[Box]) -> None:
    """Each person or vehicle, by its box or by its class, has a record at least as sure as its own evidence."""
    bare = [_seen(cls, p, (HUMAN, human), (VEHICLE, car)) for cls, p, _, human, car in frame]
    full = [_seen(cls, p, *others, (HUMAN, human), (VEHICLE, car)) for cls, p, others, human, car in frame]
    for cls in (PERSON, CAR):
        before = sorted(one.p for one in judge_all(bare) if one.cls == cls)
        after = sorted(one.p for one in judge_all(full) if one.cls == cls)
        assert before == after
    for seen in full:
        told = {one.cls: one.p for one in judge(seen) if is_threat(one.cls)}
        own = {PERSON: dict(seen.candidates)[HUMAN], CAR: dict(seen.candidates)[VEHICLE]}
        own[seen.cls] = max(own.get(seen.cls, 0.0), seen.p)
        for cls, p in own.items():
            assert p < LEAST or not is_threat(cls) or told[cls] >= p
