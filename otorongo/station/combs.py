"""The comb of engines beside the network, window by window: what goes on, judged now and then. Holds its own memory."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from otorongo.models import engines, shapes
from otorongo.models.comb import Frame
from otorongo.models.engines import Tracker
from otorongo.wire.classes import BY_NAME

JUDGE_MS: Final = 6_000
"""How often the shape of the comb that goes on is judged: shapes take minutes ..."""
JUDGE_SHARE: Final = 0.05
"""... and one that has lasted long is judged again when it is so much older."""
KNOWN_S: Final = 4.5
NEAR_FRAMES: Final = 2
NEAR_OF: Final = 8
NEAR_FALL_DB: Final = 15.0
"""Something is at the membrane when so many of so many frames fall by so much in 0.2 s, as nothing far off can. That is
deeper than a shape's (`Limits.near_drop_db`), because two frames judge it: with 12 dB, a forest's own sounds cost one
saw of nine at 400 m."""
NO_ENGINE: Final = (shapes.NEAR, shapes.CALL, shapes.HUM)
TOLD_AS: Final = {
    shapes.STEADY: BY_NAME["engine_steady"].number,
    shapes.BOAT: BY_NAME["boat"].number,
    shapes.TRUCK: BY_NAME["vehicle"].number,
}
"""The class of an engine with this shape."""


@dataclass
class Combs:
    """One microphone's combs."""

    lasts_ms: Mapping[int, int]
    """By wire class that a comb can tell: how long it must have lasted. None: combs are not followed."""
    verdict: shapes.Verdict = field(default_factory=shapes.Verdict)
    """Of the comb that goes on."""
    _tracker: Tracker = field(default_factory=Tracker)
    _falls: deque[bool] = field(default_factory=lambda: deque(maxlen=NEAR_OF))
    _judged_ms: int = 0

    def hear(self, end_ms: int, frame: Callable[[], Frame]) -> None:
        """A window ended: follow its comb, unless it overlaps the last one too much to say anything new."""
        if self._tracker.steps and not 0 < end_ms - self._tracker.steps[-1].t_ms <= engines.LONGEST_STEP_MS:
            self.verdict = shapes.Verdict()
        if not self.lasts_ms or not engines.due(self._tracker, end_ms):
            return
        now = frame()
        self._falls.append(now.drop_db >= NEAR_FALL_DB)
        self._tracker = engines.follow(self._tracker, end_ms, now)
        often_ms = max(JUDGE_MS, JUDGE_SHARE * 1000 * self.verdict.summary.duration_s)
        if 0 <= end_ms - self._judged_ms < often_ms:
            return
        self._judged_ms = end_ms
        going_on = engines.going_on(self._tracker)
        self.verdict = shapes.judge(going_on) if going_on else shapes.Verdict()

    @property
    def told_as(self) -> int:
        """The wire class that an engine is told as, for its comb has lasted long enough; 0: as an engine."""
        cls = TOLD_AS.get(self.verdict.shape, 0)
        lasted_ms = round(self.verdict.summary.duration_s * 1000)
        return cls if cls and lasted_ms >= self.lasts_ms.get(cls, lasted_ms + 1) else 0

    @property
    def near(self) -> bool:
        """Whether something comes and goes at the membrane now: long before a shape is known."""
        return sum(self._falls) >= NEAR_FRAMES

    @property
    def is_none(self) -> bool:
        """Whether what goes on is no engine: a wing at the membrane, calls, or electronics."""
        return self.verdict.shape in NO_ENGINE

    @property
    def f0_hz(self) -> float:
        """Spacing of the comb that goes on, once it has lasted some seconds; 0: none, or of no machine."""
        of = self.verdict.summary
        return of.f0_hz if not self.is_none and of.voiced_s >= KNOWN_S else 0.0
