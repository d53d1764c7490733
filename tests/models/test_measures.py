"""Figures of merit over windows, with intervals by recording."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otorongo.models.evaluate import measures
from otorongo.models.train.figures import average_precision
from otorongo.models.train.second_report import area


def some(seed: int, windows: int = 200, many: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, truth and recording of windows: the higher the truth the higher the score, in some."""
    rng = np.random.default_rng(seed)
    recording = rng.integers(0, many, windows)
    truth = (recording < many // 4).astype(int)
    return np.clip(rng.normal(0.3 + 0.3 * truth, 0.2), 0.01, 0.99), truth, recording


@settings(max_examples=8)
@given(st.integers(0, 10_000))
def test_figures_are_those_of_training(seed: int) -> None:
    """Average precision and area equal the plain definitions for any scores without ties."""
    scores, truth, _ = some(seed)
    scores = scores + np.arange(len(scores)) * 1e-9
    once = np.zeros(len(scores), int)
    once[truth == 1] = 1  # two recordings: the interval does not matter here
    assert measures.precision(scores, truth, once).value == pytest.approx(average_precision(scores, truth))
    assert measures.roc_area(scores, truth, once).value == pytest.approx(area(scores, truth))


def test_intervals_go_by_recording() -> None:
    """Thirty windows of one recording say no more than three: with one recording the interval is a point."""
    scores, truth, _ = some(1)
    alone = measures.precision(scores, truth, truth)
    assert alone.low == alone.high == alone.value
    assert alone.recordings == 1
    apart = measures.precision(scores, truth, some(1)[2])
    assert apart.low < apart.value < apart.high
    assert apart.recordings == 5


def test_recall_at_a_rate_says_when_the_hours_are_too_short() -> None:
    """At ten false windows an hour of half an hour, five may be higher; at one an hour nothing is shown."""
    truth = np.array([1] * 4 + [0] * 1200)
    scores = np.concatenate([[0.9, 0.8, 0.2, 0.1], np.linspace(0.001, 0.3, 1194), [0.5, 0.6, 0.7, 0.75, 0.78, 0.85]])
    ten = measures.recall_at(scores, truth, np.arange(1204), 1.5, 10.0)
    one = measures.recall_at(scores, truth, np.arange(1204), 1.5, 1.0)
    assert (ten.allowed, ten.shown, ten.recall.value) == (5, True, 0.5)
    assert (one.allowed, one.shown, one.recall.value) == (0, False, 0.25)


def test_probabilities_that_come_true_have_no_calibration_error() -> None:
    """Of windows that are said to be 0.25 and 0.75, so many have the class; said to be surer, they are off by that."""
    truth = np.array([1, 0, 0, 0] * 50 + [1, 1, 1, 0] * 50)
    p = np.array([0.25] * 200 + [0.75] * 200)
    assert measures.reliability(p, truth, np.arange(400)).ece.value == pytest.approx(0.0)
    surer = np.array([0.05] * 200 + [0.95] * 200)
    assert measures.reliability(surer, truth, np.arange(400)).ece.value == pytest.approx(0.2)


def test_a_share_that_all_recordings_agree_on_is_not_certain() -> None:
    """Six recordings that were all heard leave room down to 0.61, as Wilson has it, however many windows they have."""
    all_heard = measures.share(np.ones(60, bool), np.repeat(np.arange(6), 10))
    assert (all_heard.hits, all_heard.tries, all_heard.recordings) == (60, 60, 6)
    assert all_heard.low == pytest.approx(0.61, abs=0.01)
