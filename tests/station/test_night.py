"""Night falls and day breaks, by brightness, and a lamp makes no day."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from otorongo.station.night import BRIGHT, DARK, DUSK_MS, MOST_DAWN_MS, DayAndNight, Night, judged
from otorongo.station.samples import Item, Sample, Tick


def switches(levels: "list[tuple[int, float]]") -> list[tuple[int, bool]]:
    """When it was believed to be what, of frames at these times with these grey levels."""
    state, out = Night(), []
    for t_ms, level in levels:
        before, state = state, judged(state, t_ms, level)
        if state.dark != before.dark:
            out.append((t_ms, state.dark))
    return out


def test_dusk_and_dawn_are_believed_after_a_while() -> None:
    """A hand before the lens makes no night, a torch no day; what lasts does."""
    hand = [(n * 1000, 5.0 if 10 <= n < 25 else 120.0) for n in range(60)]
    assert switches(hand) == []
    night = [(n * 1000, 5.0) for n in range(300)]
    torch = [(300_000 + n * 1000, 200.0 if n < 30 else 40.0) for n in range(300)]
    day = [(600_000 + n * 1000, 200.0) for n in range(300)]
    assert switches([*night, *torch, *day]) == [(20_000, True), (660_000, False)]


def test_a_lamp_that_lights_the_scene_makes_fewer_and_fewer_dawns() -> None:
    """With its lamp it looks like day, without it dark: the attempts grow rare, up to one in half an hour and a bit."""
    state, dark_again = Night(), []
    for n in range(6 * 3600):
        before = state
        state = judged(state, n * 1000, 150.0 if state.dark else 4.0)
        if state.dark and not before.dark:
            dark_again.append(n)
    gaps = np.diff(dark_again)
    assert (np.diff(gaps) >= 0).all()
    assert gaps[-1] * 1000 == MOST_DAWN_MS + DUSK_MS + 2000
    assert len(dark_again) < 20


@given(st.lists(st.tuples(st.integers(1, 40_000), st.floats(0, 255)), max_size=200))
def test_it_never_flickers(steps: list[tuple[int, float]]) -> None:
    """Whatever is seen, two switches lie at least a dusk apart, and levels between the two bounds change nothing."""
    times = np.cumsum([gap for gap, _ in steps]).tolist()
    told = switches(list(zip(times, [level for _, level in steps], strict=True)))
    assert all(b - a >= DUSK_MS for (a, _), (b, _) in pairwise(told))
    middle = [(t_ms, DARK + level / 255 * (BRIGHT - DARK)) for t_ms, (_, level) in zip(times, steps, strict=True)]
    assert switches(middle) == []


class Camera:
    """A camera that sees a grey level for each second."""

    def __init__(self, levels: list[int]) -> None:
        self.levels = levels
        self.hurried = 0

    def samples(self) -> "list[Item]":
        """A tick, and the frames."""
        frames = [Sample(n * 1000, np.full((32, 32, 3), level, np.uint8)) for n, level in enumerate(self.levels)]
        return [Tick(0), *frames]

    def close(self) -> None:
        """Nothing to close."""

    def hurry(self, frames: int) -> None:
        """Asked for."""
        self.hurried += frames


def test_the_switch_is_set_at_the_start_and_at_each_change() -> None:
    """By day at first, whatever the pin was left at; nothing of the camera's own is lost."""
    told: list[bool] = []
    lens = Camera([100] * 5 + [3] * 30)
    camera = DayAndNight(lens, told.append)  # type: ignore[arg-type]
    assert len(list(camera.samples())) == 36
    assert told == [False, True]
    camera.hurry(4)
    assert lens.hurried == 4
