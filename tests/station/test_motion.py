"""The gate of pictures: what moves passes, what only flickers does not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from otorongo.station.motion import Motion, Moved, moved

Picture = NDArray[np.uint8]
GRAIN = np.random.default_rng(0).normal(0, 1, 640 * 480 * 3).astype(np.float32)


def forest(rng: np.random.Generator, *, infrared: bool = False) -> Picture:
    """A still, textured scene of 640 x 480."""
    coarse = rng.integers(40, 180, (24, 32, 3))
    if infrared:
        coarse = np.repeat(coarse.mean(axis=2, keepdims=True), 3, axis=2).astype(np.int64)
    return np.kron(coarse, np.ones((20, 20, 1))).astype(np.uint8)


def noisy(scene: Picture, rng: np.random.Generator, level: float = 6.0, lift: float = 0.0) -> Picture:
    """The scene as a sensor sees it: one grain, laid down somewhere else each time (drawing a new one costs more)."""
    grain = np.roll(GRAIN, int(rng.integers(GRAIN.size)))[: scene.size].reshape(scene.shape)
    return np.clip(scene + (grain * np.float32(level) + np.float32(lift)), 0, 255).astype(np.uint8)


def settle(scene: Picture, rng: np.random.Generator, frames: int = 30) -> Motion:
    """A gate that has seen the scene for a while."""
    state = None
    for _ in range(frames):
        state, _ = moved(state, noisy(scene, rng))
    assert state is not None
    return state


@pytest.fixture
def rng() -> np.random.Generator:
    """Always the same chance."""
    return np.random.default_rng(7)


def test_the_first_frame_passes(rng: np.random.Generator) -> None:
    """A camera that wakes for something must not lose its first frame."""
    assert moved(None, forest(rng))[1] == Moved(passed=True, share=1.0)


def test_a_still_scene_does_not_pass_however_noisy(rng: np.random.Generator) -> None:
    """Sensor noise alone wakes no classifier in two hundred frames."""
    scene = forest(rng)
    state = settle(scene, rng)
    for _ in range(200):
        state, seen = moved(state, noisy(scene, rng))
        assert not seen.passed


@pytest.mark.parametrize("size", [(30, 20), (60, 40), (200, 120)])
def test_an_animal_that_walks_in_passes(rng: np.random.Generator, size: tuple[int, int]) -> None:
    """Something of another shade, from a few percent of the picture's width on, passes wherever it is."""
    scene = forest(rng)
    state = settle(scene, rng)
    for x in range(10, 430, 70):
        frame = noisy(scene, rng)
        part = frame[200 : 200 + size[1], x : x + size[0]]
        part[:] = np.where(part > 110, part - 70, part + 70)
        state, seen = moved(state, frame)
        assert seen.passed
        assert seen.share < 0.2


@pytest.mark.parametrize("lift", [25.0, -25.0])
def test_a_cloud_does_not_pass(rng: np.random.Generator, lift: float) -> None:
    """The light of the whole picture may change within a frame."""
    scene = np.clip(forest(rng), 60, 180).astype(np.uint8)
    state = settle(scene, rng)
    assert not moved(state, noisy(scene, rng, lift=lift))[1].passed


@pytest.mark.parametrize(("gain", "lift"), [(0.6, 30.0), (1.4, -40.0), (0.7, 40.0)])
def test_another_exposure_does_not_pass(rng: np.random.Generator, gain: float, lift: float) -> None:
    """The camera may open its iris: contrast and brightness change together."""
    scene = np.clip(forest(rng), 60, 170).astype(np.uint8)
    state = settle(scene, rng)
    exposed = np.clip(scene * gain + lift, 0, 255).astype(np.uint8)
    assert not moved(state, noisy(exposed, rng))[1].passed


def test_who_walks_in_under_a_cloud_passes(rng: np.random.Generator) -> None:
    """The light changes and somebody comes in the same frame."""
    scene = np.clip(forest(rng), 60, 170).astype(np.uint8)
    state = settle(scene, rng)
    frame = np.clip(scene * 0.7 + 20, 0, 255).astype(np.uint8)
    frame[150:400, 200:300] = 15
    state, seen = moved(state, noisy(frame, rng))
    assert seen.passed
    assert 0.05 < seen.share < 0.2


def test_somebody_close_to_the_lens_passes(rng: np.random.Generator) -> None:
    """A shirt that fills nine tenths of the frame is no change of light, and is not taken for one."""
    scene = forest(rng)
    state = settle(scene, rng)
    frame = scene.copy()
    frame[:, :576] = (70, 60, 50)
    state, seen = moved(state, noisy(frame, rng))
    assert seen.passed
    assert seen.share > 0.3


def test_sun_through_leaves_is_told_as_light(rng: np.random.Generator) -> None:
    """Light that differs from place to place moves nearly every cell, and the texture stays: not worth a look."""
    scene = np.clip(forest(rng), 60, 130).astype(np.uint8)
    state = settle(scene, rng)
    across = np.linspace(-50, 110, 640, dtype=np.float32)[None, :, None]
    sunny = np.clip(scene + across, 0, 255).astype(np.uint8)
    state, seen = moved(state, noisy(sunny, rng))
    assert (seen.passed, seen.why) == (False, "light")
    assert not moved(state, noisy(sunny, rng))[1].passed


def test_another_scene_passes_once_and_becomes_the_background(rng: np.random.Generator) -> None:
    """Somebody close to the lens, or a frame of another hour, changes everything: it is looked at, then known."""
    state = settle(forest(rng), rng)
    other = forest(np.random.default_rng(99))
    state, seen = moved(state, noisy(other, rng))
    assert seen.passed
    assert not seen.why
    for _ in range(20):
        state, seen = moved(state, noisy(other, rng))
        assert not seen.passed


def test_night_begins_a_background_of_its_own(rng: np.random.Generator) -> None:
    """The first infrared frame passes, the next ones only if something moves."""
    state = settle(forest(rng), rng)
    dark = forest(rng, infrared=True)
    grain = rng.normal(0, 6, (*dark.shape[:2], 1))
    night = np.clip(dark + grain, 0, 255).astype(np.uint8)
    state, seen = moved(state, night)
    assert seen.passed
    assert state.infrared
    state, seen = moved(state, night)
    assert not seen.passed


def test_a_new_log_becomes_scenery(rng: np.random.Generator) -> None:
    """What stays where it is stops passing after some hundreds of frames."""
    scene = forest(rng)
    state = settle(scene, rng)
    scene = scene.copy()
    scene[200:260, 100:300] = np.where(scene[200:260, 100:300] > 110, 40, 180)
    passes = []
    for _ in range(900):
        state, seen = moved(state, noisy(scene, rng))
        passes.append(seen.passed)
    assert passes[0]
    assert not any(passes[-50:])


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (16, 20_000), (5000, 1), (20_000, 16)])
def test_what_is_all_height_or_all_width_is_compared_in_little_memory(size: tuple[int, int]) -> None:
    """Of any size that lies on a card: the second one that is the same does not pass."""
    picture = np.full((*size, 3), 90, np.uint8)
    state, first = moved(None, picture)
    again = moved(state, picture)[1]
    assert (first.passed, again.passed) == (True, False)
    assert state.background.size <= 160 * 640


def test_a_picture_of_another_shape_is_refused_by_name() -> None:
    """Grey arrays are no pictures."""
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        moved(None, np.zeros((480, 640), np.uint8))
