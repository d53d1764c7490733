"""The head of a bundle of names that users make: fitted, chosen, calibrated and judged across places."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otorongo.models.rollup import BLANK, label_of
from otorongo.models.species_train import fit, judge


def _silent(done: int, of: int) -> None:
    """Nobody watches."""


def _problem(seed: int, *, places: int, each: int, classes: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of clouds, one per class, that each place shifts a little; y; places."""
    rng = np.random.default_rng(seed)
    y = np.tile(np.arange(classes), places * each).astype(np.intp)
    where = np.repeat(np.arange(places), each * classes).astype(np.intp)
    x = rng.normal(0, 1, (classes, 6))[y] * 2 + rng.normal(0, 0.5, (places, 6))[where] + rng.normal(0, 1, (len(y), 6))
    return x.astype(np.float32), y, where


@given(
    rows=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 12)), min_size=2, max_size=80),
    count=st.integers(2, 5),
    seed=st.integers(0, 9),
)
def test_no_place_is_in_two_parts(rows: list[tuple[int, int]], count: int, seed: int) -> None:
    """Whatever the classes and the places are: all crops of a place are in one part, and every crop is in one."""
    y = np.array([one for one, _ in rows], np.intp)
    places = np.unique([place for _, place in rows], return_inverse=True)[1].astype(np.intp)
    folds = fit.folds_of(y, places, count, seed)
    assert folds.shape == y.shape
    assert set(folds.tolist()) <= set(range(count))
    for place in set(places.tolist()):
        assert len(set(folds[places == place].tolist())) == 1
    assert len(set(folds.tolist())) == min(count, int(places.max()) + 1)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 99), place=st.integers(0, 6))
def test_a_place_has_no_say_in_the_head_that_judges_its_part(seed: int, place: int) -> None:
    """Whatever is seen at one place, what is said of the other places of its part stays bit for bit the same."""
    x, y, places = _problem(seed, places=7, each=2)
    before = fit.fit(x, y, places, 3, told=_silent)
    other = x.copy()
    other[places == place] = np.random.default_rng(seed).normal(0, 50, other[places == place].shape)
    after = fit.fit(other, y, places, 3, told=_silent)
    part = before.folds[places == place][0]
    same = (before.folds == part) & (places != place)
    assert np.array_equal(before.folds, after.folds)
    assert np.array_equal(before.p[same], after.p[same])


def test_what_differs_is_told_apart_on_places_never_seen() -> None:
    """Three clouds: most crops of held-out places are right, probabilities sum up to one, and seeds repeat."""
    x, y, places = _problem(3, places=10, each=6)
    first, again = (fit.fit(x, y, places, 3, seed=5, told=_silent) for _ in range(2))
    assert (first.p.argmax(axis=1) == y).mean() > 0.9
    assert np.allclose(first.p.sum(axis=1), 1.0)
    assert np.array_equal(first.p, again.p)
    assert np.array_equal(first.head.weights, again.head.weights)


def test_few_crops_with_many_features_are_not_trusted_too_much() -> None:
    """Thirty crops, a thousand features, six of which tell a little: of unseen places no more is said than guessing."""
    rng = np.random.default_rng(2)
    x, y, places = _problem(1, places=10, each=1)
    x = np.hstack([x / 4, rng.normal(0, 1, (len(y), 1000))]).astype(np.float32)
    fitted = fit.fit(x, y, places, 3, told=_silent)
    assert fitted.head.penalty > 1.0
    assert fit.loss_of(np.log(fitted.p), y) < np.log(3) + 0.02  # one part alone: 1.37


def test_the_fit_is_the_least_there_is() -> None:
    """No step from the weights found makes the penalized loss smaller."""
    x, y, _ = _problem(1, places=6, each=5)
    head = fit.logistic(x, y, 3, 0.01)
    mean, spread = x.mean(axis=0), x.std(axis=0)

    def loss(weights: np.ndarray, bias: np.ndarray) -> float:
        standard = weights * spread[:, None]
        free = bias + mean @ weights
        value = fit.loss_of(x @ weights + bias, y)  # the classes are equally many: each crop counts alike
        return value + 0.005 * float((standard**2).sum()) + 0.5e-4 * float((free**2).sum())

    here = loss(head.weights, head.bias)
    rng = np.random.default_rng(0)
    for _ in range(30):
        moved = head.weights + rng.normal(0, 0.02, head.weights.shape)
        assert loss(moved, head.bias + rng.normal(0, 0.02, 3)) > here - 1e-6


def test_the_temperature_undoes_what_is_too_sure() -> None:
    """Labels drawn from a softmax whose logits are then tripled: the temperature is three."""
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 1.5, (6000, 4))
    p = fit.softmax(logits)
    y = np.array([rng.choice(4, p=row) for row in p], np.intp)
    assert fit.temperature_of(logits * 3, y) == pytest.approx(3.0, rel=0.15)


JAGUAR = label_of(("mammalia", "carnivora", "felidae", "panthera", "onca"))
OCELOT = label_of(("mammalia", "carnivora", "felidae", "leopardus", "pardalis"))
LABELS = (JAGUAR, OCELOT, BLANK)


def test_answers_are_those_of_a_station() -> None:
    """A sure name, a group that two bear together, a wrong name, an unsure blank."""
    p = np.array([[0.9, 0.05, 0.05], [0.45, 0.45, 0.1], [0.9, 0.05, 0.05], [0.3, 0.1, 0.6]])
    told = judge.answers(p, LABELS, [0, 1, 1, 2])
    assert [one.outcome for one in told] == ["right", "group", "wrong", "none"]
    assert [one.name for one in told] == ["Panthera onca", "Felidae", "Panthera onca", ""]


def test_figures_count_by_place() -> None:
    """Recall, false names and what a class is taken for; below twenty places nothing is shown."""
    told = [judge.Answer("Panthera onca", "right")] * 3 + [judge.Answer("Panthera onca", "wrong")]
    figures = judge.figures(told, [0, 0, 0, 1], np.array([0, 1, 1, 2]), ["Panthera onca", "Leopardus pardalis"], 1)
    jaguar, ocelot = figures
    assert (jaguar.crops, jaguar.places, jaguar.right, jaguar.false) == (3, 2, 3, 1)
    assert jaguar.recall == (1.0, 1.0)
    assert ocelot.taken_for == (("Panthera onca", 1),)
    assert not jaguar.shown


def test_a_group_that_an_animal_is_in_is_no_false_name() -> None:
    """A jaguar told as Felidae, where Felidae is a class too: the class loses no precision by it."""
    told = [judge.Answer("Felidae", "group"), judge.Answer("Felidae", "right"), judge.Answer("Felidae", "wrong")]
    felidae = judge.figures(told, [0, 1, 2], np.array([0, 1, 2]), ["Panthera onca", "Felidae", "blank"], 1)[1]
    assert (felidae.right, felidae.false) == (1, 1)


def test_the_gate_is_paired_and_fails_for_over_a_point() -> None:
    """The same answers lose nothing; one crop in twenty that only the float network knows is too much."""
    y = np.arange(40) % 2
    places = np.repeat(np.arange(10), 4).astype(np.intp)
    right = np.eye(2)[y]
    assert judge.gate(right, right, y.tolist(), places, 1) == judge.Gate(1.0, 1.0, (0.0, 0.0))
    worse = right.copy()
    worse[:2] = worse[:2, ::-1]
    found = judge.gate(worse, right, y.tolist(), places, 1)
    assert not found.passed
    assert found.shipped == pytest.approx(0.95)
    assert found.lost[0] >= 0.0
