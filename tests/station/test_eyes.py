"""What a camera's process puts together: the gate with its bursts, its clock, and the whole of a frame."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from otorongo.station.app_eyes import gate
from otorongo.station.config import CameraConfig
from otorongo.station.errors import SensorError
from otorongo.station.samples import Item, Picture, Sample
from otorongo.wire.codes import Counter

WHOLE = np.full((8, 8, 3), 9, np.uint8)


class Camera:
    """A camera that can hurry."""

    def __init__(self) -> None:
        self.hurried: list[int] = []
        self.wholes = 0

    def samples(self) -> Iterator[Item]:
        """None."""
        yield from ()

    def close(self) -> None:
        """Nothing to close."""

    def hurry(self, frames: int) -> None:
        """Asked for."""
        self.hurried.append(frames)

    def whole(self) -> Picture:
        """A frame in full."""
        self.wholes += 1
        return WHOLE


@pytest.fixture
def rng() -> np.random.Generator:
    """The same noise each time."""
    return np.random.default_rng(7)


def scene(rng: np.random.Generator) -> Picture:
    """A still background with texture."""
    return np.repeat(np.repeat(rng.integers(60, 190, (60, 80, 3), np.uint8), 4, 0), 4, 1)


def with_somebody(picture: Picture, x: int) -> Picture:
    """Somebody dark stands at x."""
    out = picture.copy()
    out[100:180, x : x + 36] = 5
    return out


def judge(camera: Camera, **more: Any) -> Any:
    """A gate over this camera."""
    return gate(CameraConfig(driver="picamera", **more), camera)


def test_only_what_is_classified_is_fetched_whole(rng: np.random.Generator) -> None:
    """The gate looks at the small frame; the network, and what is kept, has the full one."""
    camera, still = Camera(), scene(rng)
    passed = judge(camera)
    said = [passed(Sample(n * 500, still, full=camera.whole)) for n in range(20)]
    assert said[0].classify, "the first frame always"
    assert [one.classify for one in said[10:]] == [False] * 10
    assert camera.wholes == sum(one.classify for one in said)
    came = passed(Sample(10_000, with_somebody(still, 100), full=camera.whole))
    assert came.sample.data is WHOLE
    assert came.sample.full is None


def test_a_whole_frame_that_is_gone_hides_nobody(rng: np.random.Generator) -> None:
    """The small one is classified instead."""

    def gone() -> Picture:
        raise SensorError("another one has been taken")

    small = scene(rng)
    said = judge(Camera())(Sample(0, small, full=gone))
    assert said.classify
    assert said.sample.data is small


def test_a_start_of_motion_asks_for_a_burst_that_is_looked_at_whole(rng: np.random.Generator) -> None:
    """Somebody who comes and stands still at once is seen in `burst` frames, whatever the gate makes of it."""
    camera, still = Camera(), scene(rng)
    passed = judge(camera, burst=4)
    for n in range(40):
        passed(Sample(n * 500, still))
    camera.hurried.clear()
    came = passed(Sample(20_000, with_somebody(still, 100)))
    gone = [passed(Sample(20_100 + n * 100, still)) for n in range(6)]
    assert came.classify
    assert camera.hurried == [4]
    assert [one.classify for one in gone][:3] == [True] * 3
    assert not gone[-1].classify
    assert not judge(camera, burst=4, gate=False)(Sample(0, still)).why
    assert camera.hurried == [4], "without a gate there are no starts"


def test_one_frame_in_so_long_is_classified_whatever_the_gate_says(rng: np.random.Generator) -> None:
    """A time lapse beside motion: counted as such, and only where the gate would have held it back."""
    camera, still = Camera(), scene(rng)
    passed = judge(camera, every_s=60.0)
    said = [passed(Sample(n * 1000, still)) for n in range(300)]
    timed = [n for n, one in enumerate(said) if one.why == Counter.TIMED]
    assert timed == [60, 120, 180, 240]
    assert all(said[n].classify for n in timed)


@pytest.mark.parametrize("triggered", [False, True])
def test_a_triggered_frame_is_no_gated_one(rng: np.random.Generator, *, triggered: bool) -> None:
    """The gate learns from it and has no say; no reason is counted against it."""
    still = scene(rng)
    passed = judge(Camera(), burst=1)
    said = [passed(Sample(n * 500, still, triggered=triggered)) for n in range(20)]
    assert [one.classify for one in said[5:]] == [triggered] * 15
    assert not any(one.why for one in said if one.classify)
