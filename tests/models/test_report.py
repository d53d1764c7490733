"""What the cards of sound bundles say: a number with its interval and count, an aim as it was asked for."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from otorongo.models.evaluate import aims, report
from otorongo.models.evaluate.hours import Heard, Tally
from otorongo.models.evaluate.measured import Measured, OfClass
from otorongo.models.evaluate.measures import AtRate, Figure, Reliability, Share
from otorongo.models.evaluate.scoring import BOTH, SHIPPED, Ears
from otorongo.models.train import card_sound
from otorongo.models.train.evaluate_sound import judge
from otorongo.models.train.figures import Fit, average_precision
from otorongo.models.train.labels import CLASSES
from otorongo.models.train.second_report import area, interval
from otorongo.wire.classes import BY_NAME

FIGURE = Figure(0.5, 0.25, 1.0, 3)
OLD = {
    "ap": 0.989, "auc": 0.9991, "found": 6, "of": 6, "false": 1, "false_of": 265, "false_events": 0,
}  # fmt: skip
NEW = OLD | {"ap_interval": [0.9, 1.0], "auc_interval": [0.99, 1.0], "false_events": 2}


@pytest.mark.parametrize(
    ("own", "other", "said"),
    [
        (0.95, 0.94, "reached"),
        (0.94, 0.95, "missed by 0.010"),
        (1.0, 1.0, "missed: a tie"),
        (0.99996, 0.99991, "missed: a tie"),
        (0.99951, 0.99949, "reached"),
    ],
)
def test_better_is_better_and_a_tie_is_a_tie(own: float, other: float, said: str) -> None:
    """More than the second opinion is asked: what reads the same in the table is no more, and is called a tie."""
    assert aims.better(own, other) == said


def test_a_recall_that_is_not_shown_has_its_interval_and_count() -> None:
    """Recall at a rate has interval and recordings, shown or not."""
    shown = AtRate(10.0, 7, FIGURE, shown=True)
    assert report._rate(shown) == "0.50 (0.25 to 1.00; 3)"
    assert report._rate(replace(shown, shown=False)) == "not shown (0.50 (0.25 to 1.00; 3))"


def test_false_windows_and_calibration_have_interval_and_count() -> None:
    """False windows count the recordings without the class, the calibration error those with it as well."""
    windows, found, false = (
        Share(17, 1697, 0.004, 0.021, 246),
        Share(3, 3, 0.44, 1.0, 3),
        Share(5, 246, 0.01, 0.05, 246),
    )
    none = np.zeros(10)
    each = OfClass(FIGURE, FIGURE, found, found, false, windows, (), Reliability(none, none, none.astype(int), FIGURE))
    assert report._windows(windows) == "17 of 1697 (0.004 to 0.021; 246)"
    assert report._windows(Share(0, 0, 0.0, 1.0, 0)) == "0 of 0"
    assert report._error(each) == "0.500 (0.250 to 1.000; 249)"
    assert report._scenes(0, 6) == "0 of 6; 0.00 to 0.39"


def test_hours_with_a_second_opinion_have_their_bound() -> None:
    """Both ears together are told with recordings and the bound of their own events; without an hour it is unknown."""
    tally = Tally(hours={"real": 0.5, "other": 0.1, "rendered": 0.0}, recordings={"a", "b"})
    tally.events.update({"real": 1, "other": 2})
    found = Heard({BY_NAME["chainsaw"].number: tally, BY_NAME["gunshot"].number: Tally()})
    ears = cast("Ears", SimpleNamespace(names={SHIPPED: "threats@5", BOTH: "threats@5 + yamnet@1"}))
    given = cast("Measured", SimpleNamespace(heard={SHIPPED: found, BOTH: found}, ears=ears))
    text = "\n".join(report._events(given))
    assert "| class, with a second opinion | real hours | recordings | real | at most in 24 h | other |" in text
    assert "| chainsaw | 0.50 | 2 | 1 | 227.7 | 2 |" in text
    assert "| gunshot | 0.00 | 0 | 0 | unknown | 0 |" in text


def written(tmp_path: Path, **more: Any) -> str:
    """The card of a network of three bytes."""
    (tmp_path / "model.onnx").write_bytes(b"net")
    return card_sound.card({"int8": {"chainsaw": NEW}}, [], tmp_path / "model.onnx", 5, **more)


def test_a_version_stands_beside_the_one_before_with_intervals(tmp_path: Path) -> None:
    """Figures have their intervals; where the earlier version was measured without, its figure stands alone."""
    text = written(tmp_path, before=(4, {"int8": {"chainsaw": OLD}}))
    row = next(line for line in text.splitlines() if line.startswith("| chainsaw | 0.989"))
    assert row == (
        "| chainsaw | 0.989 | 0.989 (0.900 to 1.000) | 0.9991 | 0.9991 (0.990 to 1.000) "
        "| 6 of 6 (0.61 to 1.00) | 6 of 6 (0.61 to 1.00) | 1 of 265 (0.00 to 0.02) | 1 of 265 (0.00 to 0.02) "
        "| 0 (at most 3.7) | 2 (at most 7.2) |"
    )


def test_the_card_says_what_rests_on_rendered_machines_and_what_is_left_out(tmp_path: Path) -> None:
    """What combs tell is called experimental, and that there is no class for falling trees is said with its reason."""
    text = " ".join(written(tmp_path).split())
    assert "made of rendered machines alone. They are experimental too." in text
    assert "**tree_fall is left out** for lack of data" in text


def test_what_sounds_alike_has_intervals(tmp_path: Path) -> None:
    """Shares of the nearest have their intervals, by label with the count of recordings."""
    one = {
        "labels": 1, "windows": 40, "precision": 0.34, "precision_interval": [0.3, 0.4], "first": 0.45,
        "first_interval": [0.4, 0.5], "most": 0.8, "chance": 0.03, "by_label": {"rain": [12, 0.35, 0.2, 0.6]},
    }  # fmt: skip
    text = written(tmp_path, embedding={"size": 64, "fitted_on": 4000, "equal_logits": 9, "full": one, "reduced": one})
    assert "| 64 bytes | 0.34 (0.30 to 0.40) | 0.45 (0.40 to 0.50) | 0.80 | 0.03 |" in text
    assert "rain 0.35 (0.20 to 0.60; 12)." in text


def test_the_quick_look_gives_intervals_by_recording() -> None:
    """Of six saws, one unheard, the interval reaches from below the figure to 1; a class in no recording has none."""
    rng = np.random.default_rng(1)
    labels = ["chainsaw"] * 6 + ["rain"] * 12
    rows = [{"recording": str(number), "label": label} for number, label in enumerate(labels)]
    scores = [rng.uniform(0, 0.6, (5, len(CLASSES))) for _ in rows]
    for each in scores[1:6]:
        each[:, CLASSES.index("chainsaw")] += 0.4
    found = judge(rows, scores, {name: Fit(1.0, 0.0, 0.1, 0.5, 1, 1) for name in CLASSES})
    saw = found["chainsaw"]
    for name in ("ap", "auc"):
        low, high = saw[f"{name}_interval"]
        assert 0.3 < low < saw[name] - 0.02
        assert high > saw[name] + 0.01
    assert all(math.isnan(end) for end in found["gunshot"]["ap_interval"])


def test_one_recording_has_an_interval_of_no_width() -> None:
    """Thirty windows of one recording with a class and one without say no more than the figure itself."""
    truth = np.repeat([1, 0], 30)
    scores = np.random.default_rng(2).uniform(0, 1, 60) + truth * 0.2
    for figure in (average_precision, area):
        low, high = interval(figure, scores, truth, truth)
        assert low == pytest.approx(high) == pytest.approx(figure(scores, truth))
