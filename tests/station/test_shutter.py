"""When frames are due: by rate, trigger, burst, look and lapse."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from otorongo.station.samples import ClockDomain
from otorongo.station.shutter import Bursts, Lapse, Shutter

PICTURE = np.zeros((2, 2, 3), np.uint8)


class Clock:
    """A clock that only sleeping moves, and a trigger that rises at given times."""

    def __init__(self, *rises_ms: int) -> None:
        self.now_s = 0.0
        self.rises_ms = list(rises_ms)

    def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.now_s += seconds

    def wait(self, seconds: float) -> int | None:
        """Until the next rise, or in vain."""
        until_ms = round((self.now_s + seconds) * 1000)
        if self.rises_ms and self.rises_ms[0] <= until_ms:
            rose_ms = self.rises_ms.pop(0)
            self.now_s = max(self.now_s, rose_ms / 1000)
            return rose_ms
        self.now_s += seconds
        return None

    def frames(self, shutter: Shutter, until_s: float) -> list[tuple[int, bool, int]]:
        """Time in ms, triggered, ms after the trigger: of every frame; each takes 50 ms."""
        out = []
        while self.now_s < until_s:
            if shutter.due():
                self.now_s += 0.05
                sample = shutter.taken(round(self.now_s * 1000), PICTURE)
                out.append((sample.t_ms, sample.triggered, sample.trigger_ms))
        return out


def shutter(clock: Clock, fps: float, **more: object) -> Shutter:
    """On this clock."""
    return Shutter(fps, monotonic_s=lambda: clock.now_s, sleep_s=clock.sleep, **more)  # type: ignore[arg-type]


def test_without_a_trigger_frames_come_at_their_rate_and_faster_when_something_moves() -> None:
    """Two a second; after `hurry` as fast as they are taken in, and then as before."""
    clock = Clock()
    one = shutter(clock, 2.0)
    calm = clock.frames(one, 4.5)
    assert len(calm) == 10
    assert not any(triggered for _, triggered, _ in calm)
    one.hurry(6)
    times = [t_ms for t_ms, _, _ in clock.frames(one, 10.0)]
    gaps = np.diff(times)
    assert (gaps[:5] == 50).all()
    assert (gaps[6:] >= 450).all()


def test_a_trigger_gives_a_fast_burst_and_its_time_once() -> None:
    """Between two triggers nothing; a rise within a burst is no trigger of its own."""
    clock = Clock(10_000, 10_100, 60_000)
    told = clock.frames(shutter(clock, 2.0, burst=4, wait=clock.wait), 80.0)
    assert [t_ms for t_ms, _, _ in told][:4] == [10_050, 10_100, 10_150, 10_200]
    assert len(told) == 12
    assert [ms for _, _, ms in told if ms >= 0] == [50, 50]
    assert all(triggered for _, triggered, _ in told)


def test_a_camera_with_a_trigger_is_looked_through_now_and_then() -> None:
    """Nobody passes for an hour: a frame a minute comes all the same, and no trigger asked for it."""
    clock = Clock()
    told = clock.frames(shutter(clock, 2.0, wait=clock.wait, look_s=60.0), 600.0)
    assert len(told) == 9
    assert not any(triggered for _, triggered, _ in told)
    clock = Clock()
    assert clock.frames(shutter(clock, 2.0, wait=clock.wait), 600.0) == []


@given(st.lists(st.integers(1, 90_000), min_size=1, max_size=40), st.integers(1, 8), st.sampled_from([0.0, 60.0]))
def test_every_trigger_has_its_frames(gaps_ms: list[int], burst: int, look_s: float) -> None:
    """Whenever the pin rises, a whole burst comes after it, whatever went before, and no frame besides is triggered."""
    rises = np.cumsum(gaps_ms).tolist()
    clock = Clock(*rises)
    told = clock.frames(shutter(clock, 2.0, burst=burst, wait=clock.wait, look_s=look_s), rises[-1] / 1000 + 300)
    for number, rise in enumerate(rises):
        after = sum(triggered for t_ms, triggered, _ in told if t_ms > rise)
        assert after >= burst * (len(rises) - number)
    assert sum(triggered for _, triggered, _ in told) == burst * len(rises)


def test_a_burst_begins_when_something_begins_to_move() -> None:
    """Not while it goes on, and again after ten seconds without; so many frames are looked at."""
    bursts = Bursts(3)
    began = [
        bursts.begins(t_ms, moved=moved) for t_ms, moved in ((0, True), (500, True), (9_000, True), (9_500, False))
    ]
    assert began == [True, False, False, False]
    assert [bursts.goes_on() for _ in range(5)] == [True, True, True, False, False]
    assert not bursts.begins(19_000, moved=True)
    assert bursts.begins(29_001, moved=True)
    assert not Bursts(0).begins(0, moved=True)


@given(st.lists(st.integers(1, 30_000), min_size=1, max_size=100))
def test_a_lapse_takes_one_frame_of_each_stretch(gaps_ms: list[int]) -> None:
    """Exactly one in every stretch of time in which there are frames, the first of them; none without a rate."""
    times = np.cumsum(gaps_ms).tolist()
    lapse = Lapse(10_000)
    taken = [t_ms for t_ms in times if lapse.due(None, t_ms)]
    stretches = [t_ms // 10_000 for t_ms in taken]
    assert stretches == sorted({t_ms // 10_000 for t_ms in times})
    assert not any(Lapse(0).due(None, t_ms) for t_ms in times)
    assert lapse.due(ClockDomain("card", 0, 0, 0), times[-1]), "another clock is another stretch"
