"""The gate in wind, rain and the night; masks and zones; and that nobody is hidden by what it has learned."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from otorongo.station.motion import MOST_SWAY, Motion, Moved, moved
from otorongo.station.motion_look import MOST_NOISE
from otorongo.station.view import View

Picture = NDArray[np.uint8]
GRAIN = np.random.default_rng(0).normal(0, 3, 700_000).astype(np.float32)


@pytest.fixture
def rng() -> np.random.Generator:
    """Always the same chance."""
    return np.random.default_rng(3)


def scene(*, infrared: bool = False) -> Picture:
    """A textured scene of 320 x 240, blurred as a lens blurs."""
    coarse = np.random.default_rng(5).integers(50, 150, (48, 64, 3))
    if infrared:
        coarse = np.repeat(coarse.mean(axis=2, keepdims=True) * 0.6, 3, axis=2).astype(np.int64)
    return np.asarray(cv2.resize(coarse.astype(np.uint8), (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8)


def seen(picture: NDArray[np.float32], rng: np.random.Generator, *, infrared: bool = False) -> Picture:
    """As a sensor sees it."""
    start = int(rng.integers(100_000))
    size = 320 * 240 * (1 if infrared else 3)
    grain = GRAIN[start : start + size].reshape(240, 320, -1)
    return np.asarray(np.clip(picture + grain, 0, 255), np.uint8)


def windy(picture: Picture, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A bush at the left swings by up to some 8 pixels."""
    rows, columns = np.mgrid[0:240, 0:320].astype(np.float32)
    bump = np.exp(-(((columns - 80) / 40) ** 2) - ((rows - 110) / 60) ** 2)
    columns = columns - bump * np.float32(8 * np.sin(2.1 * n + rng.normal(0, 0.3)))
    moving = cv2.remap(picture, columns.astype(np.float32), rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moving, np.float32)


def rainy(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Streaks one or two pixels wide."""
    veil = np.zeros((240, 320), np.float32)
    for _ in range(130):
        x, y, length = int(rng.integers(320)), int(rng.integers(-10, 240)), int(rng.integers(10, 30))
        cv2.line(veil, (x, y), (x + length // 7, y + length), float(rng.uniform(40, 120)), 1, cv2.LINE_AA)
    return picture + veil[:, :, None]


def run(state: Motion | None, frames: list[Picture], view: View | None = None) -> tuple[Motion, list[Moved]]:
    """The gate over some frames."""
    told = []
    for frame in frames:
        state, one = moved(state, frame, view or View())
        told.append(one)
    assert state is not None
    return state, told


def with_somebody(picture: NDArray[np.float32], x: int, y: int, level: float = 15.0) -> NDArray[np.float32]:
    """Somebody of 24 x 70 pixels stands there."""
    out = picture.astype(np.float32).copy()
    out[y : y + 70, x : x + 24] = level
    return out


def test_leaves_that_sway_stop_passing_and_who_walks_by_still_passes(rng: np.random.Generator) -> None:
    """After a minute of wind the bush is known; a walker beside it, and one right before it, are not."""
    state, told = run(None, [seen(windy(scene(), n, rng), rng) for n in range(240)])
    assert np.mean([one.passed for one in told[-60:]]) < 0.1
    assert any(one.why == "sway" for one in told[-60:])
    for x in (200, 70):
        frame = seen(with_somebody(windy(scene(), 500, rng), x, 100), rng)
        assert moved(state, frame)[1].passed


def test_rain_does_not_pass_and_who_walks_in_it_does(rng: np.random.Generator) -> None:
    """A downpour covers a tenth of the picture with streaks, none of them where it was."""
    still = scene().astype(np.float32)
    state, told = run(None, [seen(rainy(still, rng), rng) for _ in range(120)])
    assert np.mean([one.passed for one in told[20:]]) < 0.1
    assert any(one.why == "rain" for one in told[20:])
    state, [one] = run(state, [seen(rainy(with_somebody(still, 150, 120), rng), rng)])
    assert one.passed


def moth(picture: NDArray[np.float32], x: int, y: int) -> NDArray[np.float32]:
    """A bright blur before the lamp."""
    veil = np.zeros((240, 320), np.float32)
    cv2.circle(veil, (x, y), 12, 1.0, -1)
    veil = np.asarray(cv2.GaussianBlur(veil, (0, 0), 4), np.float32)
    return picture + veil[:, :, None] * 140


def night(rng: np.random.Generator) -> tuple[NDArray[np.float32], Motion]:
    """An infrared scene and a gate that knows it."""
    dark = scene(infrared=True).astype(np.float32)
    return dark, run(None, [seen(dark, rng, infrared=True) for _ in range(20)])[0]


def test_a_moth_before_the_lamp_waits_for_a_second_frame(rng: np.random.Generator) -> None:
    """One that is somewhere else in the next frame passes nothing and is told; one that stays there passes."""
    dark, state = night(rng)
    for x, y in ((40, 50), (280, 200), (50, 200), (270, 40)):
        state, one = moved(state, seen(moth(dark, x, y), rng, infrared=True))
        assert not one.passed
        assert one.why == "insects"
    _, [_, again] = run(state, [seen(moth(dark, 150, 120), rng, infrared=True) for _ in range(2)])
    assert again.passed, "a torch, or a bright animal, is there in the next frame too"


def test_somebody_in_the_night_passes_at_once(rng: np.random.Generator) -> None:
    """Darker than what is behind him, or much larger than an insect: no second frame is asked for."""
    dark, state = night(rng)
    assert moved(state, seen(with_somebody(dark, 150, 100, 5), rng, infrared=True))[1].passed
    close = dark.copy()
    close[:, 60:200] = 200
    assert moved(state, seen(close, rng, infrared=True))[1].passed


def test_day_and_night_have_memories_of_their_own(rng: np.random.Generator) -> None:
    """The change passes once each way; the wind of the day is still known the next morning."""
    state, _ = run(None, [seen(windy(scene(), n, rng), rng) for n in range(240)])
    dark = scene(infrared=True).astype(np.float32)
    state, told = run(state, [seen(dark, rng, infrared=True) for _ in range(10)])
    assert [one.passed for one in told] == [True] + [False] * 9
    state, told = run(state, [seen(windy(scene(), n, rng), rng) for n in range(60)])
    assert told[0].passed
    assert np.mean([one.passed for one in told[1:]]) < 0.2


def test_colours_that_nearly_vanish_do_not_flicker_between_day_and_night(rng: np.random.Generator) -> None:
    """Fog at dusk: between the two limits a frame stays what the frame before was."""
    grey = scene(infrared=True).astype(np.float32)
    for start in (0.0, 8.0):
        tint = np.array([start, 0, 0], np.float32)
        state, _ = run(None, [seen(grey + tint, rng, infrared=True)])
        for level in (3.5, 4.5, 3.5, 4.5):
            state, one = moved(state, seen(grey + np.array([level, 0, 0], np.float32), rng, infrared=True))
            assert state.infrared == (start == 0)
            assert not one.passed


def test_what_is_learned_never_blinds_the_gate(rng: np.random.Generator) -> None:
    """Chaos all over the picture for minutes: noise has a ceiling, only a part may sway, and somebody still passes."""
    still = scene().astype(np.float32)
    frames = []
    for _ in range(300):
        spots = cv2.resize(rng.normal(0, 1, (9, 12)).astype(np.float32), (320, 240), interpolation=cv2.INTER_CUBIC)
        lit = np.asarray(still * (1 + 0.35 * np.tanh(2 * spots))[:, :, None], np.float32)
        frames.append(seen(lit, rng))
    state, _ = run(None, frames)
    assert float(state.noise.max()) <= MOST_NOISE
    hidden = [
        not moved(state, seen(with_somebody(still, x, y), rng))[1].passed
        for x in range(10, 290, 40)
        for y in range(10, 170, 40)
    ]
    assert np.mean(hidden) <= MOST_SWAY


def test_what_lies_under_a_mask_does_not_count(rng: np.random.Generator) -> None:
    """Not even if it changes wholly, as a river does; beside the mask somebody passes."""
    still = scene().astype(np.float32)
    view = View(masks=(((0, 0), (0.5, 0), (0.5, 1), (0, 1)),))
    state, _ = run(None, [seen(still, rng) for _ in range(20)], view)
    river = still.copy()
    river[:, :156] = rng.integers(0, 255, (240, 156, 3))
    assert not moved(state, seen(river, rng), view)[1].passed
    assert moved(state, seen(with_somebody(still, 250, 100), rng), view)[1].passed
    assert not moved(state, seen(with_somebody(still, 60, 100), rng), view)[1].passed


def test_with_zones_a_piece_must_reach_into_one(rng: np.random.Generator) -> None:
    """With its feet on the trail it passes; elsewhere it is told, and why it does not count."""
    still = scene().astype(np.float32)
    view = View(zones=(((0, 0.6), (1, 0.6), (1, 1), (0, 1)),))
    state, _ = run(None, [seen(still, rng) for _ in range(20)], view)
    assert moved(state, seen(with_somebody(still, 150, 100), rng), view)[1].passed
    away = moved(state, seen(with_somebody(still, 150, 20), rng), view)[1]
    assert not away.passed
    assert away.pieces[0].why == "outside of every zone"


def test_the_background_adapts_by_time_and_not_by_frames(rng: np.random.Generator) -> None:
    """At ten frames a second a new log stays new as long as at one."""
    still = scene().astype(np.float32)
    times = {}
    for step_s in (0.1, 1.0):
        state, _ = run(None, [seen(still, rng) for _ in range(30)])
        for n in range(3000):
            state, one = moved(state, seen(with_somebody(still, 150, 100), rng), step_s=step_s)
            if not one.passed:
                times[step_s] = n * step_s
                break
    assert times[1.0] == pytest.approx(times[0.1], rel=0.4)
    assert times[1.0] > 20
