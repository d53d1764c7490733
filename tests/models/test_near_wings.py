"""Wings at the membrane through the shipped network, ear and rules, and that saws lose nothing by them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from otorongo.models import manifest
from otorongo.models.evaluate import hours
from otorongo.models.runtime import open_classifier
from otorongo.models.train.scenes import Source, render_soundscape
from otorongo.station.samples import Sound
from otorongo.wire.classes import name_of
from tests.models.bundles import THREATS

RATE_HZ = 16_000
LENGTH_S = 60.0


@pytest.fixture(scope="module")
def station() -> hours.Station:
    """A microphone with the shipped bundle and the usual rules."""
    return hours.station(open_classifier(manifest.load(THREATS)))


def recorded(path: Path) -> Sound:
    """A recording at the bundle's rate, mono."""
    sound, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    return np.asarray(soxr.resample(sound.mean(axis=1), rate_hz, RATE_HZ), np.float32)


def saws(station: hours.Station, source: Source, seed: int, bed: str) -> bool:
    """Whether a scene of a minute opens the event of a saw."""
    scene = render_soundscape([source], LENGTH_S, RATE_HZ, seed, background=bed)
    return "chainsaw" in {name_of(each.cls) for each in hours.opened(station, hours.from_memory(station, scene))}


@pytest.mark.parametrize("bed", ["day", "night", "none"])
def test_a_rendered_bee_opens_no_saw(station: hours.Station, bed: str) -> None:
    """A minute of a bee that comes and goes: three falls and two units more let each of these days open one."""
    assert [seed for seed in (5, 7, 103) if saws(station, Source("bee", 0, LENGTH_S), seed, bed)] == []


def test_rendered_wings_open_no_more_saws_than_is_said(station: hours.Station) -> None:
    """What hovers for seconds falls seldom: of these four minutes at most two open one."""
    assert sum(saws(station, Source("wings", 5, LENGTH_S - 5), seed, "day") for seed in (0, 1, 4, 5)) <= 2


@pytest.mark.parametrize("bed", ["day", "none"])
def test_recorded_bees_open_no_saw(station: hours.Station, shared: Path, bed: str) -> None:
    """Each of the four recorded bees, repeated to a minute at the membrane."""
    found = sorted((shared / "media/sounds/antummt").glob("sounds_*bee*.ogg"))
    assert len(found) == 4
    opened = [path.name for path in found if saws(station, Source("bee", 0, LENGTH_S, recorded=recorded(path)), 0, bed)]
    assert opened == []


@pytest.mark.parametrize("distance_m", [5.0, 100.0])
def test_a_rendered_saw_is_told_near_and_far(station: hours.Station, distance_m: float) -> None:
    """A saw that falls between two cuts as a wing does is near, and the network sure of it."""
    assert all(saws(station, Source("chainsaw", 5, 50, distance_m), seed, "day") for seed in (500, 503))


def test_recorded_saws_that_fall_as_wings_do_are_told(station: hours.Station, shared: Path) -> None:
    """The two recordings of saws with the most falls of 12 dB in 0.2 s, as 5 m away."""
    for name in ("165856", "169127"):
        takes = sorted((shared / "media/sounds/esc10/chainsaw").glob(f"*-{name}-*"))
        assert takes, name
        sound = np.concatenate([recorded(path) for path in takes])
        assert saws(station, Source("chainsaw", 5, 50, 5.0, recorded=sound), 0, "day"), name
