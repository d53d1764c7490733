"""The projection of embeddings, and the figures that say what it is worth."""

import numpy as np
import pytest

from otorongo.models.train.embed_figures import NEAREST, fit, nearest, retrieval


def test_the_projection_keeps_what_differs_most() -> None:
    """Of features that vary in three directions, three bytes keep who is near whom; they fill int8 and not more."""
    rng = np.random.default_rng(1)
    inner = rng.normal(size=(500, 3)) * (5.0, 3.0, 2.0)
    features = inner @ rng.normal(size=(3, 40)) + 7.0 + 0.01 * rng.normal(size=(500, 40))
    weights, bias = fit(features, 3)
    found = np.round(features @ weights + bias)
    assert 120 <= np.quantile(np.abs(found), 0.999) <= 128
    assert np.abs(found.mean(0)).max() < 1
    own = np.arange(500)
    kept = [len(set(a) & set(b)) for a, b in zip(nearest(found, own), nearest(inner, own), strict=True)]
    assert np.mean(kept) > 0.6 * NEAREST
    assert (fit(features, 3)[0] == weights).all()


def test_more_directions_than_there_are_are_refused() -> None:
    """Features that vary in two directions give no four bytes."""
    rng = np.random.default_rng(1)
    with pytest.raises(SystemExit, match="fewer than 4 directions"):
        fit(rng.normal(size=(100, 2)) @ rng.normal(size=(2, 40)), 4)


def test_only_other_recordings_count() -> None:
    """Windows of one recording lie on one another and say nothing; two recordings of a label find one another."""
    rng = np.random.default_rng(2)
    centre = {"saw": rng.normal(size=8), "rain": rng.normal(size=8)}
    label = np.array(["saw"] * 40 + ["rain"] * 40 + ["lone"] * 5)
    recording = np.array([f"r{number // 20}" for number in range(80)] + ["lone"] * 5)
    values = np.array([centre.get(each, np.zeros(8)) for each in label]) + 0.01 * rng.normal(size=(85, 8))
    places = nearest(values, recording)
    assert not (recording[places] == recording[:, None]).any()
    found = retrieval(values, recording, label)
    assert (found["labels"], found["windows"]) == (2, 80)
    assert found["precision"] == found["first"] == found["of_windows"] == found["most"] == 1.0
    assert found["chance"] == pytest.approx(20 / 65, abs=0.001)
    assert found["precision_interval"] == found["first_interval"] == [1.0, 1.0]
    assert found["by_label"] == {"rain": [2, 1.0, 0.342, 1.0], "saw": [2, 1.0, 0.342, 1.0]}


def test_what_tells_nothing_is_chance() -> None:
    """Values without meaning reach what a blind draw does."""
    rng = np.random.default_rng(3)
    label, recording = np.repeat(list("abcd"), 60), np.arange(240) // 20
    found = retrieval(rng.normal(size=(240, 16)), recording.astype(str), label)
    assert found["precision"] == pytest.approx(found["chance"], abs=0.05)


def test_intervals_of_retrieval_go_by_recording() -> None:
    """Two of four recordings of a label lie on one another and two apart: the interval is as wide as that leaves."""
    rng = np.random.default_rng(4)
    label, recording = np.repeat(["saw", "rain"], 80), np.arange(160) // 20
    place = {number: 10.0 * np.eye(8)[number] for number in range(8)} | {1: 10.0 * np.eye(8)[0]}
    values = np.array([place[number] for number in recording.tolist()]) + 0.01 * rng.normal(size=(160, 8))
    found = retrieval(values, recording.astype(str), label)
    count, share, low, high = found["by_label"]["saw"]
    assert (count, share) == (4, pytest.approx(0.5, abs=0.25))
    assert low < 0.35
    assert high > 0.9
    ends = found["precision_interval"]
    assert ends[0] < found["precision"] < ends[1]
    assert ends[1] - ends[0] > 0.15
