"""Networks that nobody has asked for a while are let go. Asked after every item, ticks too."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from otorongo.station.handed import Judged


@dataclass
class Resting:
    """Watches a classifier's work."""

    classify: Callable[..., Judged]
    rest: Callable[[], None]
    idle_ms: int
    """0: never."""
    uptime_ms: Callable[[], int]
    _used_ms: int | None = None

    def judge(self, data: Any, rate_hz: int, **more: Any) -> Judged:
        """The classifier, whose time is noted."""
        try:
            return self.classify(data, rate_hz, **more)
        finally:
            self._used_ms = self.uptime_ms()

    def look(self) -> None:
        """Let the networks go if they have been idle for long enough."""
        if self._used_ms is not None and 0 < self.idle_ms <= self.uptime_ms() - self._used_ms:
            self._used_ms = None
            self.rest()
