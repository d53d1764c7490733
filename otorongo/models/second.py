"""A second opinion: a small network hears everything, another judges only what the first takes for a threat.

The two must not be added up: they hear the same window, and the small one was taught by the other, so that most of what
they know they know together. `Joint` (see manifest.py) is one logit over both calibrated logits, fitted on recordings
that neither was trained on: its slope is what the two are worth together. Where nobody has fitted one for the two, the
mean of their evidence stands: never surer than the surer of the two, whatever they have in common.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from otorongo.language import say
from otorongo.models import calibrate
from otorongo.models.errors import BundleError
from otorongo.models.manifest import Bundle, ClassSpec, Joint, Manifest
from otorongo.models.runtime import Classifier, ClassScore, Verdict
from otorongo.wire.classes import is_threat

ASKED_AT = 0.25
"""Without a fit, the second bundle is asked from this share of the first one's threshold on."""


LIMIT = 12.0
"""Calibrated logits are capped here before they are joined: p has no more digits to say it with."""


class SecondOpinion:
    """Two classifiers that look like one: the first one's classes, window and bundle, with the second's judgement."""

    def __init__(self, first: Classifier, second: Classifier) -> None:
        _check(first.bundle, second.bundle)
        self.bundle = first.bundle
        self.second = second.bundle
        self.windows = 0
        """Scored so far."""
        self.asked = 0
        """Of them, judged by the second bundle too."""
        self.first, self._second = first, second
        self._joints = joints(first.bundle.manifest, second.bundle.manifest)

    def scores(self, data: NDArray[Any], rate_hz: int = 0) -> Verdict:
        """Score one window as the first bundle takes it. Raises InputError."""
        verdict = self.first.scores(data, rate_hz)
        self.windows += 1
        if not candidates(verdict, self._joints):
            return verdict
        self.asked += 1
        return combine(verdict, self._second.scores(data, rate_hz), self._joints)


def joints(first: Manifest, second: Manifest) -> dict[str, Joint]:
    """How to join the two, by the first one's labels: as the second's manifest says, else the mean of evidence."""
    fitted = {each.label: each for each in second.joint if each.bundle == first.reference}
    if fitted:
        return fitted
    theirs = {spec.wire: spec for spec in reversed(second.classes)}
    return {
        spec.label: _mean(first.reference, spec, theirs[spec.wire])
        for spec in first.classes
        if is_threat(spec.wire_class) and spec.wire in theirs
    }


def by_label(classifier: Classifier) -> dict[str, float]:
    """By label: calibrated p at and above which this classifier counts a hit; where two judge, the joint's."""
    manifest = classifier.bundle.manifest
    joined = joints(manifest, classifier.second.manifest) if isinstance(classifier, SecondOpinion) else {}
    return {spec.label: joined.get(spec.label, spec).threshold for spec in manifest.classes}


def thresholds(classifier: Classifier) -> dict[int, float]:
    """As `by_label`, by wire class. Of several labels with one wire class the first one's counts."""
    found = by_label(classifier)
    return {spec.wire_class: found[spec.label] for spec in reversed(classifier.bundle.manifest.classes)}


def candidates(verdict: Verdict, by_label: Mapping[str, Joint]) -> list[str]:
    """The labels that the first bundle holds possible enough to ask the second."""
    return [
        score.label
        for score in verdict.scores
        if score.label in by_label and score.p >= by_label[score.label].candidate
    ]


def combine(first: Verdict, second: Verdict, by_label: Mapping[str, Joint]) -> Verdict:
    """The first verdict, with the candidates' scores replaced by what both together say."""
    wanted = candidates(first, by_label)
    scores = tuple(
        joined(score, second.of(by_label[score.label].own), by_label[score.label]) if score.label in wanted else score
        for score in first.scores
    )
    return Verdict(scores, first.boxes, doubted=tuple(score for score in first.scores if score.label in wanted))


def joined(first: ClassScore, second: ClassScore, joint: Joint) -> ClassScore:
    """One score of two of the same window."""
    theirs, own = (calibrate.clip(calibrate.logit(score.p), LIMIT) for score in (first, second))
    p = calibrate.sigmoid(joint.first * theirs + joint.second * own + joint.offset)
    return ClassScore(first.wire_class, p, calibrate.evidence(p, joint.prior), p >= joint.threshold, first.label)


def _mean(reference: str, first: ClassSpec, second: ClassSpec) -> Joint:
    """Half of each one's evidence, on top of the first one's prior."""
    own, other = calibrate.logit(first.prior), calibrate.logit(second.prior)
    return Joint(
        bundle=reference, label=first.label, own=second.label, first=0.5, second=0.5, offset=(own - other) / 2,
        prior=first.prior, threshold=first.threshold, candidate=first.threshold * ASKED_AT,
    )  # fmt: skip


def _check(first: Bundle, second: Bundle) -> None:
    """Refuse, at the start, a pair that cannot hear the same window. Raises BundleError."""
    theirs, ours = first.manifest.sound, second.manifest.sound
    if theirs is None or ours is None:
        raise BundleError(
            say(
                "{reference}: a second opinion is for sound, with a bundle for sound",
                reference=second.manifest.reference,
            )
        )
    if ours.window_s < theirs.window_s:
        raise BundleError(
            say(
                "{reference}: hears {window_s} s, but a window of {reference_2} has {window_s_2} s (allowed: "
                "at least that)",
                reference=second.manifest.reference,
                window_s=ours.window_s,
                reference_2=first.manifest.reference,
                window_s_2=theirs.window_s,
            )
        )
    missing = _unknown(joints(first.manifest, second.manifest).values(), first.manifest, second.manifest)
    if missing:
        raise BundleError(
            say(
                "{reference}: joint: labels {missing} are in neither bundle's classes",
                reference=second.manifest.reference,
                missing=missing,
            )
        )
    if not joints(first.manifest, second.manifest):
        raise BundleError(
            say(
                "{reference}: has no threat class that {reference_2} has too",
                reference=second.manifest.reference,
                reference_2=first.manifest.reference,
            )
        )


def _unknown(found: Iterable[Joint], first: Manifest, second: Manifest) -> list[str]:
    known, own = {spec.label for spec in first.classes}, {spec.label for spec in second.classes}
    return [each.label for each in found if each.label not in known or each.own not in own]
