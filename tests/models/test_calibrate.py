"""Scores become probabilities and evidence."""

import math

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from otorongo.models.calibrate import EVIDENCE_LIMIT, clip, evidence, logit, platt, sigmoid
from otorongo.models.train.figures import (
    FALSE_ALIKE,
    as_many,
    average_precision,
    fit,
    most_events,
    opens,
    platt_fit,
    wilson,
)

scores = st.floats(-1e3, 1e3, allow_nan=False)
probabilities = st.floats(0.0, 1.0)
priors = st.floats(0.001, 0.999)


@given(scores)
def test_a_sigmoid_is_a_probability_and_the_logit_brings_it_back(score: float) -> None:
    """Any score gives 0 to 1, and within +-20 the logit returns the score."""
    p = sigmoid(score)
    assert 0.0 <= p <= 1.0
    if abs(score) < 20:
        assert math.isclose(logit(p), score, abs_tol=1e-5)


@given(probabilities, priors)
def test_evidence_is_bounded_and_its_sign_says_more_or_less_than_the_prior(p: float, prior: float) -> None:
    """Evidence lies within +-8, is positive above the prior and negative below it."""
    found = evidence(p, prior)
    assert -EVIDENCE_LIMIT <= found <= EVIDENCE_LIMIT
    assert (found > 1e-9) <= (p > prior)
    assert (found < -1e-9) <= (p < prior)


@given(priors, priors)
def test_evidence_and_prior_give_the_probability_back(p: float, prior: float) -> None:
    """By Bayes' rule the prior's logit plus the evidence is the probability's logit, unless the cap was reached."""
    found = evidence(p, prior)
    if abs(found) < EVIDENCE_LIMIT:
        assert math.isclose(sigmoid(logit(prior) + found), p, rel_tol=1e-6)


@given(scores, scores, st.floats(0.05, 10), st.floats(-10, 10))
def test_calibration_keeps_the_order_of_scores(a: float, b: float, slope: float, offset: float) -> None:
    """A larger score never becomes a smaller one."""
    assert (platt(a, slope, offset) <= platt(b, slope, offset)) or a > b


def test_clip_is_symmetric() -> None:
    """Both ends are cut at the limit, and what lies between stays."""
    assert [clip(x) for x in (-9.0, -8.0, 0.5, 8.0, 99.0)] == [-8.0, -8.0, 0.5, 8.0, 8.0]


def test_platt_finds_the_law_that_made_the_labels() -> None:
    """From 20,000 labels drawn by sigmoid(1.7 s - 0.8), slope and offset come back within 0.1."""
    rng = np.random.default_rng(3)
    drawn = rng.normal(0, 2, 20_000)
    labels = (rng.random(len(drawn)) < 1 / (1 + np.exp(-(1.7 * drawn - 0.8)))).astype(int)
    slope, offset = platt_fit(drawn, labels)
    assert abs(slope - 1.7) < 0.1
    assert abs(offset + 0.8) < 0.1


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 6.0))
def test_few_calm_windows_and_not_many_lookalikes_are_hits(seed: int, likeness: float) -> None:
    """However near lookalikes come, at most one in twenty is a hit at the threshold, and of others one in a hundred."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([1, 0, 0], [200, 1000, 200])
    alike = np.repeat([False, False, True], [200, 1000, 200])
    scores = rng.normal(0, 1, 1400) + np.repeat([3.0, -3.0, likeness - 3.0], [200, 1000, 200])
    found = fit(scores, labels, 0.01, np.full(10, -9.0), alike)
    hits = 1 / (1 + np.exp(-(found.slope * scores + found.offset))) >= found.threshold
    if found.threshold < 0.98:  # the highest there is
        assert hits[(labels == 0) & ~alike].mean() <= 0.01
        assert hits[alike].mean() <= FALSE_ALIKE


@given(st.integers(0, 2**32 - 1), st.integers(1, 400))
def test_lookalikes_raise_the_threshold_and_leave_the_evidence(seed: int, count: int) -> None:
    """Slope, offset and prior are those of the same windows without lookalikes; the threshold is never below theirs."""
    rng = np.random.default_rng(seed)
    labels, calm = np.repeat([1, 0], [200, 1000]), np.full(10, -9.0)
    scores = rng.normal(0, 1, 1200) + np.repeat([3.0, -3.0], [200, 1000])
    alone = fit(scores, labels, 0.01, calm)
    tempting = (np.append(scores, rng.normal(2, 1, count)), np.append(labels, np.zeros(count, int)))
    both = fit(*tempting, 0.01, calm, np.arange(1200 + count) >= 1200)
    assert (both.slope, both.offset, both.prior) == (alone.slope, alone.offset, alone.prior)
    assert both.threshold >= alone.threshold


@given(st.lists(st.tuples(probabilities, probabilities), min_size=1, max_size=60), probabilities)
@example([(0.9, 0.9995), (0.1, 0.9990)], 0.5)
def test_two_judges_let_no_more_through_than_the_first_alone(p: list[tuple[float, float]], threshold: float) -> None:
    """At the threshold found, as many windows of the pair are hits as of the first at its own; fewer only of equals."""
    first, both = np.array(p).T
    if (first < threshold).any():
        there, allowed = (both >= as_many(first, threshold, both)).sum(), (first >= threshold).sum()
        assert there <= allowed
        assert there == allowed or len(set(both)) < len(both)


def test_the_share_of_false_windows_is_met_to_the_nearest_whole_one() -> None:
    """Of 1,000 windows without the class 0.17 % are two hits, not one: the next lower one is the third."""
    labels = np.repeat([1, 0, 0], [200, 4, 996])
    scores = np.concatenate([np.linspace(-3.0, 3.0, 200), [2.5, 2.0, 1.5, 1.0], np.linspace(-6.0, 0.0, 996)])
    found = fit(scores, labels, 0.0017, np.full(10, -9.0))
    second, third = (sigmoid(found.slope * score + found.offset) for score in (2.0, 1.5))
    assert 0.5 < third < found.threshold < second < 0.98


def test_platt_stays_finite_where_classes_are_apart() -> None:
    """Perfectly separated scores, and a class without positives, still give a finite, rising law."""
    apart = np.array([-3.0, -2.0, 2.0, 3.0])
    for labels in (np.array([0, 0, 1, 1]), np.zeros(4, int)):
        slope, offset = platt_fit(apart, labels)
        assert slope > 0
        assert math.isfinite(offset)


@given(st.integers(0, 50), st.integers(1, 50))
def test_wilson_contains_the_share(hits: int, of: int) -> None:
    """The interval lies in 0 to 1 and contains what was seen."""
    hits = min(hits, of)
    low, high = wilson(hits, of)
    assert 0.0 <= low <= hits / of + 1e-12
    assert hits / of - 1e-12 <= high <= 1.0


def test_average_precision_of_known_rankings() -> None:
    """Perfect ranking is 1, unknowns do not count, and a positive in second place of two is a half."""
    assert average_precision(np.array([0.9, 0.8, 0.1]), np.array([1, 1, 0])) == 1.0
    assert average_precision(np.array([0.95, 0.9, 0.1]), np.array([-1, 1, 0])) == 1.0
    assert average_precision(np.array([0.9, 0.1]), np.array([0, 1])) == 0.5


def test_nothing_seen_may_still_be_almost_four() -> None:
    """The upper ends of Garwood's table: 3.69 for none, 5.57 for one, 11.67 for five."""
    assert [round(most_events(seen), 2) for seen in (0, 1, 5)] == [3.69, 5.57, 11.67]


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 6), st.integers(1, 8))
def test_an_event_opens_where_some_windows_in_a_row_hold_enough_hits(hits: list[bool], least: int, of: int) -> None:
    """The quick count agrees with looking at every run of windows."""
    slow = any(sum(hits[start : start + of]) >= least for start in range(len(hits)))
    assert opens(np.array(hits, bool), least, of) == slow
