"""A second opinion: two bundles, one verdict, nothing counted twice."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from otorongo.models import calibrate, manifest
from otorongo.models.errors import BundleError
from otorongo.models.manifest import Bundle, ClassSpec, Joint, Manifest
from otorongo.models.runtime import ClassScore, Verdict
from otorongo.models.second import SecondOpinion, combine, joints, thresholds
from otorongo.wire.classes import BY_NAME

P = st.floats(0.0, 1.0)


def joint(**changed: Any) -> Joint:
    """How a saw of `small@1` is joined with one of `large@1`."""
    values: dict[str, Any] = {
        "bundle": "small@1", "label": "saw", "own": "chainsaw", "first": 0.5, "second": 0.5, "offset": 0.0,
        "prior": 0.2, "threshold": 0.8, "candidate": 0.1,
    }  # fmt: skip
    return Joint(**(values | changed))


def score(label: str, p: float, wire: str = "chainsaw") -> ClassScore:
    """A score as a bundle with prior 0.2 and threshold 0.8 says it."""
    return ClassScore(BY_NAME[wire].number, p, calibrate.evidence(p, 0.2), p >= 0.8, label)


@dataclass
class Fixed:
    """A classifier that always says the same, and counts how often it is asked."""

    bundle: Bundle
    verdict: Verdict
    asked: int = 0

    def scores(self, data: NDArray[Any], rate_hz: int = 0) -> Verdict:
        """The same."""
        self.asked += 1
        return self.verdict


def bundle(name: str, labels: dict[str, str], *joined: Joint, window_s: float = 3.0) -> Bundle:
    """A bundle with these labels and wire classes."""
    real = manifest.load("threats@5")
    specs = tuple(ClassSpec(label=label, wire=wire, threshold=0.8, prior=0.2) for label, wire in labels.items())
    sound = msgspec.structs.replace(real.manifest.sound, window_s=window_s) if real.manifest.sound else None
    about: Manifest = msgspec.structs.replace(
        real.manifest, name=name, version=1, classes=specs, joint=joined, sound=sound
    )
    return Bundle(real.folder, about, real.digest)


SMALL = bundle("small", {"saw": "chainsaw", "rain": "rain"})
LARGE = bundle("large", {"chainsaw": "chainsaw", "rain": "rain"}, joint())
WINDOW = np.zeros(48_000, np.float32)


def pair(first_p: float, second_p: float, large: Bundle = LARGE) -> tuple[SecondOpinion, Fixed]:
    """Both, and the second to be asked how often it was."""
    first = Fixed(SMALL, Verdict((score("saw", first_p), score("rain", 0.7, "rain"))))
    second = Fixed(large, Verdict((score("chainsaw", second_p), score("rain", 0.1, "rain"))))
    return SecondOpinion(first, second), second


def test_only_candidates_are_judged_twice() -> None:
    """Below the candidate's p the second network does not even run, and the first one's word stands."""
    both, second = pair(0.05, 0.99)
    assert both.scores(WINDOW).of("saw").p == 0.05
    assert (second.asked, both.asked, both.windows) == (0, 0, 1)
    both, second = pair(0.5, 0.99)
    assert both.scores(WINDOW).of("saw").p > 0.5
    assert (second.asked, both.asked, both.windows) == (1, 1, 1)


def test_classes_that_are_not_joined_stay_the_firsts() -> None:
    """Rain is the first bundle's matter whatever the second says."""
    both, _ = pair(0.9, 0.9)
    assert both.scores(WINDOW).of("rain").p == 0.7


@given(P, P)
def test_the_joint_opinion_lies_between_the_two(first: float, second: float) -> None:
    """With weights of a half, two networks are never surer than the surer of them: nothing counts twice."""
    saw = combine(Verdict((score("saw", first),)), Verdict((score("chainsaw", second),)), {"saw": joint()}).of("saw")
    if first < joint().candidate:
        assert saw.p == first
    else:
        low, high = sorted((first, second))
        assert low - 1e-5 <= saw.p <= high + 1e-5
    assert saw.evidence == pytest.approx(calibrate.evidence(saw.p, 0.2))
    assert saw.hit == (saw.p >= 0.8)


@given(st.floats(0.1, 1.0), P, P)
def test_a_surer_second_opinion_never_lowers_the_evidence(first: float, one: float, other: float) -> None:
    """The joint evidence rises with each of the two."""
    low, high = sorted((one, other))
    both = [
        combine(Verdict((score("saw", first),)), Verdict((score("chainsaw", p),)), {"saw": joint()}).of("saw")
        for p in (low, high)
    ]
    assert both[0].evidence <= both[1].evidence


def test_what_the_second_doubts_is_not_forgotten() -> None:
    """The first one's own word on what both have judged stays beside the joint one, and only that."""
    both, _ = pair(0.6, 0.01)
    verdict = both.scores(WINDOW)
    assert verdict.of("saw").p < 0.2
    assert [(one.label, one.p) for one in verdict.doubted] == [("saw", 0.6)]
    both, _ = pair(0.05, 0.01)
    assert both.scores(WINDOW).doubted == ()


def test_without_a_fit_the_mean_of_evidence_stands() -> None:
    """A second bundle that knows nothing of the first joins threats of the same wire class by half of each."""
    stranger = bundle("stranger", {"chainsaw": "chainsaw", "rain": "rain"})
    found = joints(SMALL.manifest, stranger.manifest)
    assert set(found) == {"saw"}
    both, _ = pair(0.6, 0.9, stranger)
    first, second = (calibrate.evidence(p, 0.2) for p in (0.6, 0.9))
    assert both.scores(WINDOW).of("saw").evidence == pytest.approx((first + second) / 2)


def test_a_pair_that_cannot_work_is_refused_at_the_start() -> None:
    """No common threat, too short a window, a joint that names an unknown label."""
    for large, reason in (
        (bundle("large", {"rain": "rain"}), "no threat class"),
        (bundle("large", {"chainsaw": "chainsaw"}, window_s=1.0), "hears 1.0 s"),
        (bundle("large", {"chainsaw": "chainsaw"}, joint(own="axe")), "neither"),
    ):
        with pytest.raises(BundleError, match=reason):
            pair(0.5, 0.5, large)


def test_the_pair_looks_like_one_classifier() -> None:
    """The pipeline sees the first bundle's manifest: window, hop, classes."""
    both, _ = pair(0.5, 0.5)
    assert both.bundle is SMALL
    assert both.second is LARGE


def test_a_pair_counts_hits_by_the_joints_thresholds() -> None:
    """What two judge together has the joint's threshold, all else the first bundle's; a bundle alone has its own."""
    large = bundle("large", {"chainsaw": "chainsaw"}, joint(threshold=0.95))
    both, _ = pair(0.5, 0.5, large)
    saw, rain = BY_NAME["chainsaw"].number, BY_NAME["rain"].number
    assert thresholds(both) == {saw: 0.95, rain: 0.8}
    assert thresholds(both.first) == {saw: 0.8, rain: 0.8}


def test_yamnet_beside_threats_hears_a_saw(shared: Path, tmp_path: Path) -> None:
    """The real pair, added from a path, on its golden samples: a saw is a hit, a night is none."""
    from otorongo.models import add_yamnet, runtime

    folder = add_yamnet.add(shared / "weights" / "yamnet_spectra_in.tflite", tmp_path)
    small, large = manifest.load("threats@5"), manifest.load(folder)
    both = SecondOpinion(runtime.open_classifier(small), runtime.open_classifier(large))
    assert {each.label for each in large.manifest.joint if each.bundle == "threats@5"} >= {"chainsaw", "engine"}
    for golden, hit in (("golden-saw", True), ("golden-night", False)):
        sound = np.load(large.path(golden)).astype(np.float32) / 128
        assert both.scores(sound, 16_000).of("chainsaw").hit == hit
