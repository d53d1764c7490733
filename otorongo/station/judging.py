"""A bundle's verdict as the loop takes it: one score per class, with how many boxes reach its threshold. Pure."""

from collections import Counter
from collections.abc import Mapping

from otorongo.models.runtime import BoxScore, Verdict
from otorongo.station.events import Rule
from otorongo.station.handed import Judged
from otorongo.station.samples import Score


def judged(verdict: Verdict, rules: Mapping[int, Rule]) -> Judged:
    """Scores and boxes under the rules, by wire class: a rule's own threshold holds for hits, boxes and counts."""
    own = {cls: rule.threshold for cls, rule in rules.items() if rule.threshold is not None}
    boxes = boxes_over(verdict, own)
    counts = Counter(box.wire_class for box in boxes)
    scores = tuple(
        Score(
            one.wire_class,
            one.p,
            one.evidence,
            one.p >= own[one.wire_class] if one.wire_class in own else one.hit,
            max(1, counts[one.wire_class]),
            looks=one.looks,
        )
        for one in verdict.scores
    )
    doubted = tuple(Score(one.wire_class, one.p, one.evidence, one.hit) for one in verdict.doubted)
    return Judged(scores, boxes, verdict.faint, doubted, fault=verdict.fault)


def boxes_over(verdict: Verdict, own: Mapping[int, float]) -> tuple[BoxScore, ...]:
    """The boxes that reach their thresholds: those of `own` by wire class, and the bundle's for the others."""
    theirs = [box for box in verdict.boxes if box.wire_class not in own]
    drawn = dict.fromkeys((*verdict.boxes, *verdict.faint))
    return (*theirs, *(box for box in drawn if box.wire_class in own and box.p >= own[box.wire_class]))
