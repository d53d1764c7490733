"""Between a camera's networks and its loop: an animal that is only scenery is no hit, and what is told is marked.

The sieve stands around gate and classifier, because it must know when a frame was taken, and where something moved in
it. One that fails holds nothing back, nor does one whose gate has failed.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from msgspec import structs

from otorongo.station import scenery
from otorongo.station.events import Rule
from otorongo.station.handed import Judged, Passed
from otorongo.station.ports import ClockReading
from otorongo.station.samples import Sample, Score

log = logging.getLogger(__name__)

SAVE_MS: Final = 1_800_000
"""What was learned is kept so often."""


@dataclass
class Sieve:
    """The scenery of one camera."""

    gate: Callable[[Sample], Passed]
    classify: Callable[..., Judged]
    rules: Mapping[int, Rule]
    repeat: scenery.Repeat
    held: frozenset[int] = scenery.HELD
    """Classes whose scenery is not told."""
    memory: scenery.State = ()
    save: Callable[[str], None] = lambda text: None
    clock: Callable[[], ClockReading] = lambda: ClockReading(0)
    _now: Sample | None = None
    _holding: dict[int, int] = field(default_factory=dict)
    """By class: when something was held back last."""
    _saved_ms: int | None = None

    def passed(self, sample: Sample) -> Passed:
        """The gate, whose frame is remembered."""
        self._now = None
        passed = self.gate(sample)
        self._now = sample
        return passed

    def judge(self, data: Any, rate_hz: int, **more: Any) -> Judged:
        """The classifier, without what is only scenery."""
        judged = self.classify(data, rate_hz, **more)
        if self._now is None:
            return judged
        try:
            return self._sifted(judged, self._utc_ms(self._now), more.get("looks", ()))
        except Exception as error:  # noqa: BLE001 - whatever fails here: what was seen is told
            log.warning("camera: its scenery is not known: %s", error)
            return judged

    def close(self) -> None:
        """Keep what was learned last."""
        if self._saved_ms is not None:
            self.save(scenery.dump(self.memory))

    def _sifted(self, judged: Judged, t_ms: int, moved: Any) -> Judged:
        self.memory, still = scenery.sift(self.memory, judged.boxes, t_ms, self.repeat, judged.faint, moved)
        if self._saved_ms is None:
            self._saved_ms = t_ms
        if abs(t_ms - self._saved_ms) >= SAVE_MS:
            self._saved_ms = t_ms
            self.save(scenery.dump(self.memory))
        by_class: dict[int, list[bool]] = {}
        for box, one in zip(judged.boxes, still, strict=True):
            by_class.setdefault(box.wire_class, []).append(one)
        scores = tuple(self._score(score, by_class.get(score.cls, [])) for score in judged.scores)
        gone = {one.cls for one, was in zip(scores, judged.scores, strict=True) if was.hit and not one.hit}
        return replace(judged, scores=scores, held=tuple(sorted(cls for cls in gone if self._begins(cls, t_ms))))

    def _score(self, score: Score, still: list[bool]) -> Score:
        if not any(still):
            return score
        if score.cls in scenery.MARKED:
            return structs.replace(score, scenery=all(still))
        if score.cls not in self.held:
            return score
        return structs.replace(score, hit=score.hit and not all(still), count=max(1, still.count(False)))

    def _begins(self, cls: int, t_ms: int) -> bool:
        """Whether it would have been an event of its own, and not more of the one before."""
        before_ms, rule = self._holding.get(cls), self.rules.get(cls)
        self._holding[cls] = t_ms
        return before_ms is None or rule is None or not 0 <= t_ms - before_ms <= rule.quiet_ms

    def _utc_ms(self, sample: Sample) -> int:
        """UTC in ms, or ms since boot while nobody has set the clock."""
        return sample.t_ms + (sample.domain.utc0_ms if sample.domain else self.clock().utc0_ms)
