"""Networks leave the memory when nothing was looked at for long enough, and only then."""

from typing import Any

import numpy as np
import pytest

from otorongo.station.handed import Judged
from otorongo.station.resting import Resting

FRAME = np.zeros((4, 4, 3), np.uint8)


class Clock:
    """A clock with hands."""

    now_ms = 0

    def __call__(self) -> int:
        """Ms since boot."""
        return self.now_ms


def watched(idle_ms: int) -> tuple[Resting, Clock, list[str]]:
    """A classifier of which it is told what it did."""
    did: list[str] = []
    clock = Clock()

    def look(data: Any, rate_hz: int, **more: Any) -> Judged:
        did.append("looked")
        if data is None:
            raise ValueError("no picture")
        return Judged(())

    return Resting(look, lambda: did.append("rested"), idle_ms, clock), clock, did


def test_they_rest_once_after_so_long_and_wake_with_the_next_frame() -> None:
    """Ticks every second: nothing before the time is over, one rest then, and none more until a frame came."""
    resting, clock, did = watched(10_000)
    resting.look()
    resting.judge(FRAME, 0)
    for clock.now_ms in range(0, 30_000, 1_000):
        resting.look()
        assert did == (["looked"] if clock.now_ms < 10_000 else ["looked", "rested"])
    resting.judge(FRAME, 0, looks=())
    clock.now_ms += 10_000
    resting.look()
    assert did == ["looked", "rested"] * 2


def test_zero_seconds_let_them_stay() -> None:
    """However long nothing comes."""
    resting, clock, did = watched(0)
    resting.judge(FRAME, 0)
    clock.now_ms = 10**9
    resting.look()
    assert did == ["looked"]


def test_a_frame_that_fails_has_loaded_them_too() -> None:
    """They rest after it as after any other."""
    resting, clock, did = watched(5_000)
    with pytest.raises(ValueError, match="no picture"):
        resting.judge(None, 0)
    clock.now_ms = 5_000
    resting.look()
    assert did == ["looked", "rested"]
