"""The scores of the last hour, window by window, so that the hub can judge an event again without its sound."""

import itertools
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from otorongo.station.samples import Event, Scores
from otorongo.wire.rows import Track

STEPS: Final = 15
"""A score is told in so many steps: four bits."""
MOST: Final = 2048
"""Windows in a row; a longer event is told in steps of two windows, four, ..."""
BEFORE_MS: Final = 15_000
AFTER_MS: Final = 6_000
KEEP_MS: Final = 3_700_000
LONGEST_STEP_MS: Final = 0xFFFF


@dataclass
class Tracks:
    """Remembers probabilities by class. Holds about 40 bytes a window beside one for each class."""

    sensor: int
    classes: tuple[int, ...]
    """Wire classes whose events get a track."""
    _seen: deque[tuple[int, bytes]] = field(default_factory=deque)
    """Start of each window, and a byte for each class: probability x 15."""

    def see(self, item: Scores) -> None:
        """Take in a window; one that the gate stopped counts as nothing heard. A clock that jumps back begins anew."""
        if self._seen and item.t_ms <= self._seen[-1][0]:
            self._seen.clear()
        best = dict.fromkeys(self.classes, 0.0)
        for score in item.scores:
            if score.cls in best:
                best[score.cls] = max(best[score.cls], score.p)
        self._seen.append((item.t_ms, bytes(_step(p) for p in best.values())))
        while self._seen[0][0] < item.t_ms - KEEP_MS:
            self._seen.popleft()

    def of(self, event: Event) -> Track | None:
        """The track of an event that has closed, from 15 s before to 6 s after it; None: its class has none."""
        if event.cls not in self.classes:
            return None
        at = self.classes.index(event.cls)
        first_ms, last_ms = event.start_ms - BEFORE_MS, event.t_ms + AFTER_MS
        seen = [(t_ms, values[at]) for t_ms, values in self._seen if first_ms <= t_ms < last_ms]
        if len(seen) < 2:
            return None
        steps = sorted(after[0] - before[0] for before, after in itertools.pairwise(seen))
        step_ms, values = _even(seen, min(steps[len(steps) // 2], LONGEST_STEP_MS))
        return Track(seen[0][0], self.sensor, event.cls, 0, step_ms, _packed(values))


def _even(seen: list[tuple[int, int]], step_ms: int) -> tuple[int, list[int]]:
    """Values at even steps, the strongest of each; where no window came, none. The step, and the values."""
    start_ms = seen[0][0]
    while (seen[-1][0] - start_ms) // step_ms >= MOST and step_ms * 2 <= LONGEST_STEP_MS:
        step_ms *= 2
    values = [0] * min(MOST, (seen[-1][0] - start_ms + step_ms // 2) // step_ms + 1)
    for t_ms, value in seen:
        index = (t_ms - start_ms + step_ms // 2) // step_ms
        if index < len(values):
            values[index] = max(values[index], value)
    return step_ms, values


def _packed(values: Iterable[int]) -> bytes:
    """Two values a byte, the high half first."""
    halves = [*values]
    halves += [0] * (len(halves) % 2)
    return bytes(high << 4 | low for high, low in zip(halves[::2], halves[1::2], strict=True))


def _step(p: float) -> int:
    return max(0, min(STEPS, round(p * STEPS)))
