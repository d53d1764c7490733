"""Time in which a microphone gave nothing: it is missed, and what was going on then did not become quiet. Pure."""

from dataclasses import dataclass
from typing import Final

from otorongo.station.samples import Sample, Tick

LOST_MS: Final = 10_000
"""Without sound for so long, nobody knows how an event went on. A device that stumbles is back in less."""
HOLE_MS: Final = 500
"""Less is the clock's, or a window's rounding."""


@dataclass
class Unheard:
    """Up to when was listened, from the first sound on. Only of a device: a replay's pauses were nobody's to hear."""

    listens: bool = False
    """It is a microphone: before its first sound its ticks tell of time that is missed, for it may never come."""
    heard_ms: int | None = None
    """End of the newest sound."""
    _told_ms: int = 0
    """Up to here time was heard, or told as missed."""

    def take(self, item: Sample | Tick) -> tuple[int, bool]:
        """Sound or a tick comes: how much more time was missed, in ms, and whether what goes on is lost by it, now."""
        sound = isinstance(item, Sample) and item.rate_hz > 0
        silent = not sound and (isinstance(item, Sample) or (self.heard_ms is None and not self.listens))
        if item.domain is not None or silent:
            self.heard_ms = None
            return 0, False
        now_ms = item.end_ms - item.new_ms if isinstance(item, Sample) else item.t_ms
        if self.heard_ms is None or now_ms < self.heard_ms - LOST_MS:  # the first, or a clock that began anew
            missed_ms, lost = 0, False
            self.heard_ms = self._told_ms = now_ms
        else:
            missed_ms = now_ms - self._told_ms
            over = isinstance(item, Sample) or now_ms - self.heard_ms >= LOST_MS
            missed_ms = missed_ms if over and missed_ms >= HOLE_MS else 0
            lost = self._told_ms - self.heard_ms < LOST_MS <= now_ms - self.heard_ms
            self._told_ms += missed_ms
        if isinstance(item, Sample):
            self.heard_ms = self._told_ms = item.end_ms
        return missed_ms, lost
