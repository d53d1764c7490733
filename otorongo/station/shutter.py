"""When a camera's next frame is due: by its rate, by a trigger, in a burst, by the clock."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from otorongo.station.samples import ClockDomain, Picture, Sample, Wait

TICK_S: Final = 2.0
"""Nothing is waited for longer: a service manager watches, and events close by time."""
REST_MS: Final = 10_000
"""What moves after so long without anything is another start."""


class Shutter:
    """`fps` frames a second; with a trigger `burst` frames each time it rises, as fast as they are taken in.

    While a trigger stays high, or after `hurry`, frames go on: at `fps`, or as fast. `look_s`: with a trigger, a frame
    comes at least so often all the same (0: none), so that a covered lens and a dead camera are noticed.
    """

    def __init__(
        self,
        fps: float,
        *,
        burst: int = 5,
        wait: Wait | None = None,
        look_s: float = 0.0,
        monotonic_s: Callable[[], float] = time.monotonic,
        sleep_s: Callable[[float], None] = time.sleep,
    ) -> None:
        self.triggers = wait is not None
        self._period_s = 1 / fps
        self._burst = burst
        self._wait = wait
        self._look_s = look_s
        self._now_s = monotonic_s
        self._sleep_s = sleep_s
        self._left = 0
        self._fast = 0
        self._next_s = self._looked_s = monotonic_s()
        self._rose_ms = self._last_ms = -1

    @property
    def at_rest(self) -> bool:
        """Whether nothing is due before the next trigger, or the next look."""
        return self.triggers and self._left == 0

    def hurry(self, frames: int) -> None:
        """The next so many frames come as fast as they are taken in: something has begun to move."""
        self._fast = max(self._fast, frames)

    def due(self) -> bool:
        """Wait up to `TICK_S` for the moment of the next frame; False: it has not come yet."""
        if self._wait and self._left == 0:
            if self._look_s and self._now_s() - self._looked_s >= self._look_s:
                return True
            rose_ms = self._wait(TICK_S)
            if rose_ms is None:
                return False
            self._left, self._rose_ms = self._burst, rose_ms
            self._fast = self._burst if rose_ms > self._last_ms else 0
        left_s = 0.0 if self._fast else self._next_s - self._now_s()
        if left_s > 0:
            self._sleep_s(min(TICK_S, left_s))
        return left_s <= TICK_S

    def taken(self, t_ms: int, picture: Picture, full: Callable[[], Picture] | None = None) -> Sample:
        """The frame that was due as a sample; `t_ms`: when it was captured, in ms since boot."""
        now_s, triggered = self._now_s(), self._left > 0
        self._next_s, self._looked_s = max(self._next_s + self._period_s, now_s), now_s
        self._left, self._fast = max(0, self._left - 1), max(0, self._fast - 1)
        begins = triggered and self._rose_ms > self._last_ms  # else a burst goes on, because the pin is still high
        trigger_ms = max(0, t_ms - self._rose_ms) if begins else -1
        self._last_ms = max(t_ms, self._rose_ms)
        return Sample(t_ms, picture, triggered=triggered, trigger_ms=trigger_ms, full=full)


@dataclass
class Bursts:
    """After a start of motion so many frames are looked at whatever the gate says: who stands still is still there."""

    frames: int
    """0: none are."""
    _left: int = 0
    _moved_ms: int | None = None

    def begins(self, t_ms: int, *, moved: bool) -> bool:
        """Whether a frame begins one: it moves after `REST_MS` without."""
        if not moved:
            return False
        rested = self._moved_ms is None or t_ms - self._moved_ms > REST_MS or t_ms < self._moved_ms
        self._moved_ms = t_ms
        if not rested or not self.frames:
            return False
        self._left = self.frames
        return True

    def goes_on(self) -> bool:
        """Whether a frame is one of a burst's; each frame asks once."""
        going = self._left > 0
        self._left -= going
        return going


@dataclass
class Lapse:
    """One frame in so long, whatever moves: counted on a grid of time, so that pauses add up to none."""

    every_ms: int
    """0: none."""
    _last: tuple[ClockDomain | None, int] | None = None

    def due(self, domain: ClockDomain | None, t_ms: int) -> bool:
        """Whether this frame is one."""
        if not self.every_ms:
            return False
        now = (domain, t_ms // self.every_ms)
        due, self._last = now != self._last, now
        return due
