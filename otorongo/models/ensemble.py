"""A detector and a network of names as one classifier: what is where, what animal it may be, and nobody hidden.

The detector's scores come first and are never lowered. The boxes that may hold an animal, and a few others, are cut out
and given to the network of names; `threat_first` makes records of both, and a record that is surer than the detector's
own score of its class takes that score's place. A network of names that fails costs a name, never a person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from otorongo.models import calibrate, image
from otorongo.models.boxes import Found, Moving, overlaps
from otorongo.models.manifest import Bundle
from otorongo.models.name_animals import ANIMAL, Namer, cut
from otorongo.models.rollup import Candidate, Look
from otorongo.models.runtime import BoxScore, ClassScore, Verdict, class_score
from otorongo.models.threat_first import LEAST, Record, Seen, judge

NAMED: Final = 3
"""Boxes at most of one frame that the network of names is given."""

SAME: Final = 0.5
"""Two boxes that share so much of both (intersection over union) are drawn around one animal."""

Place = tuple[float, float, float, float]
"""x0, y0, x1, y1 in shares of the picture."""


@runtime_checkable
class Finder(Protocol):
    """A detector: `boxes.BoxClassifier`, or another with the same two steps."""

    bundle: Bundle

    def find(self, picture: image.Picture, *, moved: Sequence[Moving] = ()) -> Mapping[str, Found]:
        """Boxes and raw scores by label, far below the thresholds too; `moved`: where it may look from near."""

    def told(self, found: Mapping[str, Found]) -> Verdict:
        """The calibrated scores of what was found, and the boxes over their thresholds."""


@dataclass(frozen=True)
class _Judged:
    """A box, and what it is taken for."""

    place: Place
    seen: Seen
    records: tuple[Record, ...]


class Ensemble:
    """A detector that is asked what its boxes hold."""

    def __init__(self, first: Finder, namer: Namer) -> None:
        self.bundle = first.bundle
        self.first = first
        self.namer = namer

    def scores(self, data: NDArray[Any], rate_hz: int = 0, looks: Sequence[Moving] = ()) -> Verdict:
        """Look at one picture, uint8 RGB (H, W, 3), from near where something moved. Raises InputError."""
        picture = image.as_picture(data)
        found = self.first.find(picture, moved=looks)
        own = self.first.told(found)
        boxes = self._boxes(found)
        fault = ""
        try:
            boxes = self._named(picture, boxes)
        except Exception as error:  # noqa: BLE001 - onnxruntime raises plain exceptions of its own
            fault = f"{self.namer.bundle.manifest.reference}: names nobody: {error}"
        judged = self._once([_Judged(place, seen, judge(seen)) for place, seen in boxes])
        scores = tuple(self._raised(score, judged) for score in own.scores)
        added = self._added(own, judged)
        return replace(own, scores=scores, boxes=own.boxes + self._sure(added), faint=own.faint + added, fault=fault)

    def rest(self) -> None:
        """Let the networks go until the next picture: for small boards."""
        self.namer.rest()
        if rest := getattr(self.first, "rest", None):
            rest()

    def _boxes(self, found: Mapping[str, Found]) -> list[tuple[Place, Seen]]:
        """Every box that may be something: the surest first, animals before all others."""
        out = []
        for spec in self.bundle.manifest.classes:
            seen = found[spec.label]
            for box, score in zip(seen.boxes.tolist(), seen.scores.tolist(), strict=True):
                p = class_score(spec, calibrate.logit(score)).p
                if p >= LEAST:
                    out.append((tuple(box), Seen(spec.wire_class, p)))
        return sorted(out, key=lambda one: (one[1].cls != ANIMAL, -one[1].p))

    def _named(self, picture: image.Picture, boxes: list[tuple[Place, Seen]]) -> list[tuple[Place, Seen]]:
        """The first few with what the network of names says of them."""
        named = [(place, replace(seen, candidates=self._candidates(picture, place))) for place, seen in boxes[:NAMED]]
        return named + boxes[NAMED:]

    def _candidates(self, picture: image.Picture, place: Place) -> tuple[Candidate, ...]:
        return self.namer.candidates(cut(picture, place, self.namer.crop))

    def _once(self, judged: list[_Judged]) -> list[_Judged]:
        """Without an animal in the box of something else on one that counts already: it is the same animal."""
        least = min((spec.threshold for spec in self.bundle.manifest.classes if spec.wire_class == ANIMAL), default=2.0)
        known = [one.place for one in judged if one.seen.cls == ANIMAL and one.seen.p >= least]
        out = []
        for one in judged:
            told = one
            if one.seen.cls != ANIMAL and any(record.cls == ANIMAL and record.p >= least for record in one.records):
                place, many = np.asarray(one.place, np.float32), np.asarray(known, np.float32).reshape(-1, 4)
                if overlaps(place, many).max(initial=0.0) >= SAME:
                    told = replace(one, records=tuple(record for record in one.records if record.cls != ANIMAL))
                else:
                    known.append(one.place)
            out.append(told)
        return out

    def _raised(self, score: ClassScore, judged: list[_Judged]) -> ClassScore:
        """A class's score, raised to the surest record of it; an animal's with the looks at those that count."""
        found = [(record.p, one.seen) for one in judged for record in one.records if record.cls == score.wire_class]
        if not found:
            return score
        found.sort(key=lambda one: -one[0])
        best, spec = found[0][0], self.bundle.by_label[score.label]
        raised = score
        if best > score.p:
            raised = structs.replace(
                score, p=best, evidence=calibrate.evidence(best, spec.prior), hit=best >= spec.threshold
            )
        if score.wire_class != ANIMAL:
            return raised
        counts = [seen for at, (p, seen) in enumerate(found) if not at or p >= spec.threshold]
        return structs.replace(raised, looks=tuple(_look(seen) for seen in counts if seen.candidates))

    def _added(self, own: Verdict, judged: list[_Judged]) -> tuple[BoxScore, ...]:
        """Boxes of what only the network of names says: who keeps pictures must know where somebody may be."""
        known = {(box.wire_class, box.x, box.y) for box in own.boxes + own.faint}
        return tuple(
            BoxScore(record.cls, record.p, x0, y0, x1 - x0, y1 - y0)
            for (x0, y0, x1, y1), records in ((one.place, one.records) for one in judged)
            for record in records
            if (record.cls, x0, y0) not in known
        )

    def _sure(self, boxes: tuple[BoxScore, ...]) -> tuple[BoxScore, ...]:
        """Those that reach the threshold of their class."""
        least: dict[int, float] = {}
        for spec in self.bundle.manifest.classes:
            least[spec.wire_class] = min(spec.threshold, least.get(spec.wire_class, 1.0))
        return tuple(box for box in boxes if box.p >= least.get(box.wire_class, 2.0))


def _look(seen: Seen) -> Look:
    return Look(seen.p if seen.cls == ANIMAL else 0.0, seen.candidates)
