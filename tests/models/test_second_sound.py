"""Two opinions are joined so that both together let no more through than the first alone."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from otorongo.models.manifest import Joint
from otorongo.models.train import second_sound
from otorongo.models.train.figures import Fit
from otorongo.models.train.second_report import Heard
from otorongo.models.train.second_sound import Pair, calibrate_p, join, worth

SECOND = Fit(1.0, 0.0, 0.2, 0.5, 400, 1600)
PAIR = cast(
    Pair,
    SimpleNamespace(
        labels=["chainsaw"],
        first=SimpleNamespace(
            bundle=SimpleNamespace(
                manifest=SimpleNamespace(reference="threats@9", classes=[SimpleNamespace(threshold=0.9)])
            )
        ),
    ),
)


def heard(seed: int, apart: float, count: int = 2000) -> Heard:
    """Windows, a fifth of them with a saw: the first network's logits, and the second's, `apart` higher for a saw."""
    rng = np.random.default_rng(seed)
    truth = (np.arange(count) % 5 == 0).astype(int)
    first = rng.normal(-3, 1.5, count) + 5 * truth
    second = rng.normal(-3, 1.5, count) + apart * truth
    return Heard({"chainsaw": first}, {"saw": second}, {"chainsaw": truth}, np.arange(count))


def hits(each: Heard, both: bool, joint: Joint) -> np.ndarray:
    """Windows over the threshold: of both where the second is asked, else of the first."""
    first = each.first["chainsaw"]
    together = calibrate_p(joint.first * first + joint.second * each.second["saw"] + joint.offset)
    return together >= joint.threshold if both else calibrate_p(first) >= 0.9


@pytest.mark.parametrize("seed", range(4))
def test_both_together_let_no_more_through_than_the_first_alone(seed: int) -> None:
    """Among mixtures and among plain recordings, false hits of the joint are as few, and saws found are more."""
    mixed, plain = heard(seed, 5.0), heard(seed + 100, 5.0, 600)
    joint = join(PAIR, "chainsaw", "saw", mixed, plain, SECOND)
    for each in (mixed, plain):
        calm = each.truth["chainsaw"] == 0
        assert hits(each, True, joint)[calm].sum() <= hits(each, False, joint)[calm].sum()
    saws = mixed.truth["chainsaw"] == 1
    assert hits(mixed, True, joint)[saws].mean() > hits(mixed, False, joint)[saws].mean()
    assert joint.second / joint.first == pytest.approx(second_sound.SECOND_WEIGHT, abs=0.01)


def test_what_a_second_opinion_is_worth_is_told_from_what_it_costs() -> None:
    """One that hears saws raises the recall of both at as many false windows; one that knows nothing lowers it."""
    plain = heard(9, 5.0, 600)
    gained, lost = (
        worth(join(PAIR, "chainsaw", "saw", mixed, plain, SECOND), mixed, SECOND)
        for mixed in (heard(1, 5.0), heard(1, 0.0))
    )
    assert gained[1] > gained[0] + second_sound.LOST
    assert lost[1] < lost[0]
