"""Combs followed through minutes, and the shapes that they take: on rendered machines whose truth is known."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otorongo.language import speak
from otorongo.models import engines, shapes
from otorongo.models.comb import NOTHING, Candidate, Comb, Floats, Frame
from otorongo.models.engines import Point, Tracker
from otorongo.models.train import machines, nature, scenes

RATE_HZ = 16_000
COMB = Comb(RATE_HZ)
HOP_MS = 1500


def heard(sound: Floats, seed: int = 1, noise: float = 0.001) -> list[Point]:
    """The path of a recording, in a little noise."""
    rng = np.random.default_rng(seed)
    sound = (sound + noise * rng.standard_normal(len(sound))).astype(np.float32)
    state = Tracker()
    for at in range(0, len(sound) - COMB.size + 1, COMB.size):
        state = engines.follow(state, at * 1000 // RATE_HZ + HOP_MS, COMB.frame(sound[at : at + COMB.size]))
    return engines.points(state)


def verdict(sound: Floats, noise: float = 0.001) -> shapes.Verdict:
    """The shape of a recording's longest bout."""
    found = engines.bouts(heard(sound, noise=noise))
    return shapes.judge(max(found, key=len, default=[]))


def passing(sound: Floats, speed_m_s: float, nearest_m: float) -> Floats:
    """A source that goes by on a straight line: nearest half-way, with spreading and Doppler."""
    time_s = np.arange(len(sound)) / RATE_HZ
    distance_m = np.hypot(nearest_m, speed_m_s * (time_s - time_s[-1] / 2))
    sent_s = time_s - (distance_m - distance_m[0]) / 343.0
    heard_: Floats = (np.interp(sent_s, time_s, sound) * nearest_m / distance_m).astype(np.float32)
    return heard_


def constant(f0_hz: float, score: float = 8.0, level_db: float = -40.0) -> Frame:
    """A frame with one comb."""
    return Frame((Candidate(f0_hz, score, 8.0),), level_db, f0_hz, -6.0, 8.0, 0.5, 1.0)


@pytest.mark.parametrize(("rpm", "cylinders"), [(1500, 1), (1800, 3), (2000, 4), (2100, 6)])
def test_a_dredge_is_a_steady_engine_and_its_speed_is_right(rpm: int, cylinders: int) -> None:
    """Three minutes of a governed diesel at 300 m: steady, and f0 is its cycle or a multiple of it, within 2 %."""
    sound = scenes.at_distance(machines.diesel(180, RATE_HZ, 7, rpm=rpm, cylinders=cylinders), RATE_HZ, 300.0, 7)
    found = verdict(sound / float(sound.std()) * 0.01)
    assert found.shape == shapes.STEADY, found.reason
    orders = found.summary.f0_hz / (rpm / 120)
    assert orders == pytest.approx(round(orders), rel=0.02)
    assert cylinders % round(orders) == 0


@pytest.mark.parametrize("seed", [0, 3, 4])
def test_a_saw_cuts_idles_and_races(seed: int) -> None:
    """Three minutes of a saw at 150 m are a saw, not an engine."""
    sound = scenes.at_distance(machines.chainsaw(180, RATE_HZ, seed), RATE_HZ, 150.0, seed)
    found = verdict(sound / float(sound.std()) * 0.01)
    assert found.shape == shapes.SAW, found.reason
    assert found.summary.cycles >= 2


def test_a_shape_is_told_to_people_as_they_speak_and_to_programs_in_english() -> None:
    """The same numbers and reason: `told` in Spanish where that is spoken, `reason` never."""
    found = shapes.Verdict(
        shapes.TRUCK, shapes.Summary(f0_hz=60, duration_s=90, trend_db=9, gears=3), "{of.gears} gears"
    )
    speak("es")
    assert found.told().startswith("60 Hz, 90 s, subiendo: 3 marchas; línea más fuerte")
    assert found.reason.startswith("60 Hz, 90 s, rising: 3 gears; strongest line")
    assert shapes.Verdict(why="a comb in {of.voiced_s:.0f} s only").told() == "un peine durante 0 s nada más"


def test_a_boat_comes_and_goes_and_drops_its_pitch() -> None:
    """A peque-peque that goes by in three minutes at 6 m/s: a bell, and f0 falls by about 3 %."""
    found = verdict(passing(machines.peque_peque(180, RATE_HZ, 2), 6.0, 60.0) * 0.03)
    assert found.shape == shapes.BOAT, found.reason
    assert -0.06 < found.summary.glide < -0.01
    assert found.reason.split(": ")[0].endswith("passing")


@pytest.mark.parametrize("seed", [1, 2])
def test_a_lorry_changes_gears(seed: int) -> None:
    """Two minutes of a lorry that climbs through its gears are a truck."""
    found = verdict(machines.lorry(120, RATE_HZ, seed) * 0.03)
    assert found.shape == shapes.TRUCK, found.reason


NATURE = [
    nature.howler, nature.rain, nature.wind, nature.insects, nature.birds, nature.frogs, nature.bee, nature.curassow,
]  # fmt: skip


@pytest.mark.parametrize("voice", NATURE)
def test_nature_is_no_machine(voice: Callable[[float, int, int], Floats]) -> None:
    """Rendered howlers, rain, wind, insects, birds, frogs, bees or curassows, near and far, are no machine."""
    for distance_m, seed in ((50.0, 2), (300.0, 4)):
        sound = voice(90.0, RATE_HZ, seed)
        if voice not in (nature.rain, nature.wind, nature.bee):
            sound = scenes.at_distance(sound, RATE_HZ, distance_m, seed)
        found = verdict(sound / float(sound.std()) * 0.01)
        assert found.shape in (shapes.NONE, shapes.NEAR, shapes.CALL), found.reason


def test_a_wing_at_the_membrane_is_near() -> None:
    """A bee that comes and goes in jerks for half a minute has holes that a forest would fill."""
    rng = np.random.default_rng(5)
    count = 45 * RATE_HZ
    wings = machines.engine(
        200 * (1 + 0.03 * machines.wander(count, RATE_HZ, 1.0, rng)), RATE_HZ, rng,
        cylinders=1, tilt_db=9, roughness=0.05,
    )  # fmt: skip
    jerks = np.repeat(rng.choice([0.02, 1.0], count // 4000 + 1, p=[0.4, 0.6]), 4000)[:count]
    found = verdict((0.03 * wings * machines.lag(jerks, RATE_HZ, 0.02)).astype(np.float32), noise=0.0002)
    assert found.shape == shapes.NEAR, found.reason


@pytest.mark.parametrize("voice", [nature.wasp, nature.hummingbird])
@pytest.mark.parametrize("seed", range(6))
def test_a_wing_that_hovers_is_no_steady_engine(voice: Callable[[float, int, int], Floats], seed: int) -> None:
    """Flies, wasps and hummingbirds that stay for minutes are no dredge, whether they swell slowly or flutter."""
    sound = voice(200.0, RATE_HZ, seed)
    found = verdict(sound / float(sound.std()) * 0.02)
    assert found.shape != shapes.STEADY, found.reason
    if voice is nature.wasp:
        assert found.shape in (shapes.NEAR, shapes.CALL), found.reason  # both veto engines


@pytest.mark.parametrize("distance_m", [20.0, 100.0, 800.0])
def test_an_engine_near_or_far_is_not_taken_for_a_wing(distance_m: float) -> None:
    """A governed diesel has a forest around it at 20 m and at 800 m, in little noise and in much."""
    sound = scenes.at_distance(machines.diesel(160, RATE_HZ, 3, rpm=2100, cylinders=6), RATE_HZ, distance_m, 3)
    for noise in (0.0005, 0.005):
        found = verdict(sound / float(sound.std()) * 0.01, noise=noise)
        assert found.shape == shapes.STEADY, found.reason
        assert "strongest line" in found.reason


def test_electronics_are_steadier_than_any_engine() -> None:
    """A comb of exactly 65 Hz for five minutes is a hum."""
    state = Tracker()
    for frame in range(200):
        state = engines.follow(state, frame * HOP_MS, constant(65.0))
    assert shapes.judge(engines.points(state)).shape == shapes.HUM


def test_one_frame_on_the_octave_does_not_move_the_path() -> None:
    """A strong candidate at half the spacing for one frame is passed over if the true one is there too."""
    state = Tracker()
    for frame in range(20):
        both = (Candidate(60.0, 9.0, 8.0), Candidate(120.0, 8.0, 8.0)) if frame == 10 else (Candidate(120.0, 8.0, 8.0),)
        state = engines.follow(state, frame * HOP_MS, Frame(both, -40.0))
    assert {point.f0_hz for point in engines.points(state)} == {120.0}


def test_noise_makes_no_path() -> None:
    """Weak candidates that jump about are no comb."""
    rng = np.random.default_rng(1)
    state = Tracker()
    for frame in range(100):
        state = engines.follow(state, frame * HOP_MS, Frame((Candidate(rng.uniform(10, 240), 4.5, 3.0),), -40.0))
    assert engines.bouts(engines.points(state)) == []


def test_what_is_remembered_is_bounded() -> None:
    """After hours the tracker holds twenty minutes, and its sums have not grown."""
    state = Tracker()
    for frame in range(1100):
        state = engines.follow(state, frame * HOP_MS, constant(50.0))
    assert len(state.steps) == engines.KEEP_MS // HOP_MS
    assert max(state.steps[-1].sums) == 0.0


@pytest.mark.parametrize("step_ms", [500, 1500, 3000, 10_000])
def test_minutes_are_minutes_at_any_cadence(step_ms: int) -> None:
    """However often windows come, fifteen minutes of one engine are remembered and have their length."""
    state, rng = Tracker(), np.random.default_rng(3)
    for t_ms in range(0, 1_800_000, step_ms):
        if engines.due(state, t_ms):
            state = engines.follow(state, t_ms, constant(50.0 * (1 + 0.004 * rng.standard_normal())))
    found = shapes.judge(engines.current(engines.points(state)))
    assert found.shape == shapes.STEADY, found.reason
    assert found.summary.duration_s == pytest.approx(1200, rel=0.02)
    assert found.summary.voiced_s == pytest.approx(1200, rel=0.02)
    assert len(state.steps) <= engines.KEEP_MS // engines.STEP_MS + 1


def test_a_clock_that_steps_begins_anew() -> None:
    """A time before the last one, or long after it, forgets what was."""
    state = engines.follow(engines.follow(Tracker(), 100_000, constant(50.0)), 101_500, constant(50.0))
    assert len(state.steps) == 2
    assert len(engines.follow(state, 5_000, constant(50.0)).steps) == 1
    assert len(engines.follow(state, 900_000, constant(50.0)).steps) == 1


def test_bouts_end_in_silence() -> None:
    """Twenty seconds without a comb end a bout, and what is over is not current."""
    state = Tracker()
    for frame in range(60):
        state = engines.follow(state, frame * HOP_MS, constant(50.0) if frame < 15 or 40 <= frame < 45 else NOTHING)
    path = engines.points(state)
    assert [len(bout) for bout in engines.bouts(path)] == [15, 5]
    assert engines.current(path, gap_ms=10_000) == []
    assert len(engines.current(path, gap_ms=60_000)) == 45


@given(
    st.lists(
        st.tuples(st.floats(8, 250), st.floats(3.5, 40), st.floats(-120, 0), st.floats(0, 60), st.booleans()),
        max_size=80,
    )
)
@settings(max_examples=60, deadline=None)
def test_no_path_makes_the_judge_raise(rows: list[tuple[float, float, float, float, bool]]) -> None:
    """Whatever was heard has a shape, and its numbers are finite and in their bounds."""
    state = Tracker()
    for index, (f0_hz, score, level_db, drop_db, comb) in enumerate(rows):
        found = (Candidate(f0_hz, score, 5.0),) if comb else ()
        state = engines.follow(state, index * HOP_MS, Frame(found, level_db, drop_db=drop_db))
    for bout in (engines.points(state), *engines.bouts(engines.points(state)), []):
        judged = shapes.judge(bout)
        of = judged.summary
        assert judged.shape in (
            shapes.NONE, shapes.ENGINE, shapes.STEADY, shapes.SAW, shapes.BOAT, shapes.TRUCK, shapes.NEAR,
            shapes.CALL, shapes.HUM,
        )  # fmt: skip
        assert np.isfinite([of.f0_hz, of.spread, of.level_db, of.glide, of.jitter, of.trend_db]).all()
        assert 0 <= of.held <= 1
        assert of.voiced_s <= of.duration_s


@given(
    combs=st.lists(st.booleans(), min_size=0, max_size=60),
    steps_ms=st.lists(st.sampled_from([1500, 3000, 9000, 20_000, 21_000]), min_size=60, max_size=60),
)
@settings(max_examples=60, deadline=None)
def test_the_bout_that_goes_on_is_found_from_the_end(combs: list[bool], steps_ms: list[int]) -> None:
    """Walking back only as far as the bout reaches finds what the whole path finds."""
    state, t_ms = Tracker(), 0
    for there, step_ms in zip(combs, steps_ms, strict=False):
        t_ms += step_ms
        state = engines.follow(state, t_ms, constant(60.0) if there else NOTHING)
    wanted = engines.current(engines.points(state))
    assert [repr(point) for point in engines.going_on(state)] == [repr(point) for point in wanted]
