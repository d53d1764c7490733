"""Verdicts under the rules of an event: hits, boxes and counts by one threshold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.models.runtime import BoxScore, ClassScore, Verdict
from otorongo.station.events import Rule
from otorongo.station.judging import judged

PERSON, ANIMAL, THEIRS = 32, 33, 0.5


def rule(threshold: float | None) -> Rule:
    """A rule with a threshold of its own, or none."""
    return Rule(1, 1, 1000, 1000, 1000, threshold)


def verdict(*ps: float, cls: int = PERSON) -> Verdict:
    """Boxes of one class, as a bundle with the threshold 0.5 tells them."""
    boxes = tuple(BoxScore(cls, p, 0.1, 0.1, 0.2, 0.2) for p in sorted(ps, reverse=True))
    best = max(ps, default=0.005)
    scores = (ClassScore(cls, best, 1.0, best >= THEIRS, "it"),)
    return Verdict(scores, tuple(box for box in boxes if box.p >= THEIRS), boxes)


@pytest.mark.parametrize(("own", "hit", "count"), [(None, True, 2), (0.2, True, 3), (0.65, True, 1), (0.95, False, 1)])
def test_a_rule_counts_by_its_own_threshold(own: float | None, hit: bool, count: int) -> None:
    """Two reach the bundle's threshold; a lower one counts the third, a higher one the surest alone."""
    seen = judged(verdict(0.9, 0.6, 0.3, 0.05), {PERSON: rule(own)})
    assert [(one.hit, one.count) for one in seen.scores] == [(hit, count)]
    assert len(seen.boxes) == (count if hit else 0)
    assert len(seen.faint) == 4


@given(st.lists(st.floats(0.01, 0.99), max_size=6), st.none() | st.floats(0.01, 0.99))
def test_a_hit_has_as_many_boxes_as_it_counts(ps: list[float], own: float | None) -> None:
    """Whatever the threshold: boxes and count agree, all boxes reach it, and nothing is lost of the faint ones."""
    seen = judged(verdict(*ps), {PERSON: rule(own)})
    (score,) = seen.scores
    assert score.hit is bool(seen.boxes)
    assert score.count == max(1, len(seen.boxes))
    assert all(box.p >= (THEIRS if own is None else own) for box in seen.boxes)
    assert len(seen.faint) == len(ps)


def test_a_rule_of_one_class_changes_no_other() -> None:
    """An animal's threshold leaves a person's boxes as the bundle tells them."""
    both = Verdict(
        verdict(0.6).scores + verdict(0.6, cls=ANIMAL).scores,
        verdict(0.6).boxes + verdict(0.6, cls=ANIMAL).boxes,
        verdict(0.6, 0.3).faint + verdict(0.6, cls=ANIMAL).faint,
    )
    seen = judged(both, {ANIMAL: rule(0.9), PERSON: rule(None)})
    assert [(one.cls, one.hit) for one in seen.scores] == [(PERSON, True), (ANIMAL, False)]
    assert [box.wire_class for box in seen.boxes] == [PERSON]
