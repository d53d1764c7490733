"""Whether a camera sees: each fault rendered over days and nights of one scene, and weeks in which nothing is wrong."""

from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otorongo.station.eye import Eye
from otorongo.station.hearing import Hourly
from otorongo.station.samples import Picture, Sample
from otorongo.station.seeing import SENTENCES
from otorongo.station.seeing_look import edges_of, match
from otorongo.station.seeing_usual import Hour, Usual
from otorongo.wire.codes import CameraFlag as Flag
from otorongo.wire.rows import Seeing
from tests.station import seeing_scenes as scenes
from tests.station.seeing_scenes import HOUR_MS, Fault, Plane, Turned

EVERY_MS: Final = HOUR_MS // 6
NOON, MIDNIGHT = 17, 5
"""Hours of the day in UTC."""


def same(picture: Picture) -> Picture:
    """Nothing is wrong."""
    return picture


def of_day(t_ms: int) -> int:
    """The boot was at midnight, UTC."""
    return t_ms // HOUR_MS % 24


def live(
    eye: Eye, scene: Plane, from_h: float, to_h: float, fault: Fault = same, **more: object
) -> list[Hourly[Seeing]]:
    """Frames from an hour to another, counted from the start; what the eye says of them."""
    told = []
    for t_ms in range(round(from_h * HOUR_MS), round(to_h * HOUR_MS) + 1, EVERY_MS):
        eye.see(Sample(t_ms, fault(scenes.frame(scene, t_ms, **more))), (), ())  # type: ignore[arg-type]
        if (hour := eye.due(of_day)) is not None:
            told.append(hour)
    return told


def flags(told: list[Hourly[Seeing]]) -> list[Flag]:
    """Of each hour."""
    return [Flag(hour.row.flags) for hour in told]


def new_eye(memory: str = "") -> Eye:
    """A camera that sleeps between frames, so that an hour needs few of them."""
    return Eye(2, Usual.load(memory, ""), steady=False)


@pytest.fixture(scope="module")
def scene() -> Plane:
    """A forest."""
    return scenes.forest()


@pytest.fixture(scope="module")
def memory(scene: Plane) -> str:
    """What four days and nights of it have taught."""
    eye = new_eye()
    told = live(eye, scene, 0, 97)
    assert set(flags(told)) == {Flag(0)}
    return eye.usual.dump()


def test_days_nights_rain_and_wind_raise_nothing(scene: Plane, memory: str) -> None:
    """Three more days with sun, clouds, rain, sway and infrared nights are well, hour after hour."""
    told = live(new_eye(memory), scene, 24 * 4, 24 * 7 + 1)
    assert len(told) == 73
    assert set(flags(told)) == {Flag(0)}


@pytest.mark.parametrize(
    ("hour", "fault", "wanted"),
    [
        (NOON, scenes.fogged, Flag.FOGGED),
        (NOON, scenes.blurred, Flag.UNFOCUSED),
        (NOON, scenes.covered, Flag.BLOCKED),
        (NOON, scenes.half_covered, Flag.BLOCKED),
        (NOON, scenes.white, Flag.OVEREXPOSED),
        (NOON, scenes.black, Flag.DARK),
        (MIDNIGHT, scenes.webbed, Flag.WEB),
        (MIDNIGHT, scenes.black, Flag.LAMP_DEAD),
        (MIDNIGHT, scenes.covered, Flag.BLOCKED),
    ],
)
def test_each_fault_is_told_by_its_name(scene: Plane, memory: str, hour: int, fault: Fault, wanted: Flag) -> None:
    """Two hours with one thing wrong are flagged with just that, and with a sentence that says what to do."""
    told = live(new_eye(memory), scene, 24 * 7 + hour, 24 * 7 + hour + 2.2, fault)
    assert flags(told) == [wanted] * len(told)
    assert told
    assert told[0].sentences == (SENTENCES[wanted],)


@pytest.mark.parametrize(
    ("turned", "wanted"),
    [
        (Turned(0.1), Flag.MOVED),
        (Turned(-0.05, 0.04), Flag.MOVED),
        (Turned(deg=7), Flag.TILTED),
        (Turned(deg=-10), Flag.TILTED),
    ],
)
@pytest.mark.parametrize("hour", [NOON, MIDNIGHT])
def test_a_view_that_has_moved_says_how_far(scene: Plane, memory: str, turned: Turned, wanted: Flag, hour: int) -> None:
    """A shift is told in thousandths of the width, a turn in tenths of a degree."""
    told = live(new_eye(memory), scene, 24 * 7 + hour, 24 * 7 + hour + 1.2, turned=turned)
    (row,) = (one.row for one in told)
    assert wanted & row.flags
    if wanted == Flag.MOVED:
        assert row.shift_permille == pytest.approx(1000 * np.hypot(turned.x, turned.y), abs=20)
    else:
        assert row.tilt_ddeg == pytest.approx(10 * turned.deg, abs=30)


def test_another_view_altogether_is_moved(memory: str) -> None:
    """Nothing of the usual view is left: a whole width."""
    told = live(new_eye(memory), scenes.forest(9), 24 * 7 + NOON, 24 * 7 + NOON + 1.2)
    assert flags(told) == [Flag.MOVED]
    assert told[0].row.shift_permille == 1000


def test_a_fault_is_never_learned(scene: Plane, memory: str) -> None:
    """A lens that is covered for a fortnight is flagged in its last hour as in its first, and has taught nothing."""
    eye = new_eye(memory)
    before = eye.usual
    for day in range(7, 21):
        told = live(eye, scene, 24 * day + NOON, 24 * day + NOON + 1.2, scenes.covered)
        assert set(flags(told)) == {Flag.BLOCKED}
        eye.due(of_day, last=True)
    assert eye.usual == before


def test_a_lens_that_is_covered_from_the_first_day_is_told(scene: Plane) -> None:
    """Nothing is known of the place: flat is flat, and dark for more than a night is no night; neither is learned."""
    eye = new_eye()
    assert set(flags(live(eye, scene, 0, 5, scenes.covered))) == {Flag.BLOCKED}
    eye = new_eye()
    told = flags(live(eye, scene, 0, 24, scenes.black))
    assert told[:12] == [Flag(0)] * 12
    assert told[-1] == Flag.DARK
    assert not eye.usual.hours


def test_a_restart_keeps_what_is_usual_and_another_view_begins_anew(memory: str) -> None:
    """The memory is read again as it was; under another name, or damaged, it is empty."""
    known = Usual.load(memory, "")
    assert known.hour(NOON) is not None
    assert known.edges("day") is not None
    assert len(memory) < 40_000
    for text, view in ((memory, "the river"), ("{", ""), (None, ""), ('{"hours":3}', "")):
        assert Usual.load(text, view) == Usual(view)


@settings(max_examples=60, deadline=None)
@given(
    days=st.integers(14, 40),
    values=st.lists(st.floats(0, 255, allow_nan=False), min_size=1, max_size=3),
)
def test_what_is_settled_moves_slowly(days: int, values: list[float]) -> None:
    """Whatever comes, what is usual for a fortnight changes by no more than two in a hundred a day."""
    settled = Hour(days, 100.0, 40.0, 0.5, 0.1, 0.0, (20.0,) * 16, (9.0,) * 16)
    usual = Usual("", {3: settled})
    for value in values:
        before = usual.hours[3]
        now = Hour(1, value, value, value / 255, value / 255, value / 255, (value,) * 16, (value,) * 16)
        usual = usual.learned(3, now, {})
        after = usual.hours[3]
        for name in ("light", "contrast", "sharp"):
            was, new = getattr(before, name), getattr(after, name)
            assert abs(new - was) <= 0.0201 * was + 0.001


@settings(max_examples=25, deadline=None)
@given(x=st.integers(-12, 12), y=st.integers(-7, 7), seed=st.integers(0, 5))
def test_a_shift_is_found_wherever_it_goes(x: int, y: int, seed: int) -> None:
    """The middle of one map is found in another that is shifted by whole cells."""
    whole = scenes.forest(seed).mean(axis=2)
    there = edges_of(np.ascontiguousarray(whole[60:240, 60:380]))
    here = edges_of(np.ascontiguousarray(whole[60 - 2 * y : 240 - 2 * y, 60 - 2 * x : 380 - 2 * x]))
    found = match(here, there)
    assert found.best > 0.9
    assert found.shift == pytest.approx(np.hypot(x, y) / there.shape[1], abs=0.013)


def test_a_steady_camera_without_frames_was_blind(scene: Plane) -> None:
    """Time without a frame is blind time of a camera that never sleeps, and says nothing of one that does."""
    for steady, wanted_ms in ((True, HOUR_MS), (False, 0)):
        eye = Eye(2, Usual(), steady=steady)
        eye.see(Sample(0, scenes.frame(scene, NOON * HOUR_MS)), (), ())
        for t_ms in range(2_000, HOUR_MS + 31_000, 30_000):
            eye.wait(t_ms)
        hour = eye.due(of_day)
        assert hour is not None
        assert hour.row.blind_ms == pytest.approx(wanted_ms, abs=61_000)
        assert hour.row.frames == 1


@pytest.mark.parametrize("name", ["lila/wcs_camera_traps_animals_0090_1439.jpg", "lila/ena24_7904.jpg"])
def test_faults_over_real_pictures(shared: Path, name: str) -> None:
    """Over a photograph of a forest the same holds: well for a day, and each fault by its name."""
    scene = scenes.real(shared / "media/pictures" / name)
    eye = new_eye()
    assert set(flags(live(eye, scene, 0, 80))) == {Flag(0)}
    for fault, wanted in (
        (scenes.fogged, Flag.FOGGED),
        (scenes.blurred, Flag.UNFOCUSED),
        (scenes.covered, Flag.BLOCKED),
        (scenes.white, Flag.OVEREXPOSED),
    ):
        told = flags(live(new_eye(eye.usual.dump()), scene, 24 * 7 + NOON, 24 * 7 + NOON + 1.2, fault))
        assert set(told) == {wanted}, (name, wanted)
