"""The comb of one frame: what is heard, how exactly, and that nothing odd makes it stumble."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from otorongo.models.comb import INNER_HZ, NEAR, NOTHING, Comb, Floats, _highest
from otorongo.models.errors import InputError
from otorongo.models.train import machines, nature

RATE_HZ = 16_000
COMB = Comb(RATE_HZ)


def noise(seconds: float = 1.5, seed: int = 1, level: float = 0.01, rate_hz: int = RATE_HZ) -> Floats:
    """White noise."""
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal(round(seconds * rate_hz))).astype(np.float32)


def lines(f0_hz: float, seconds: float = 1.5, rate_hz: int = RATE_HZ, level: float = 0.01) -> Floats:
    """A comb to 1.2 kHz whose lines fall by 3 dB per octave, in noise."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    rng = np.random.default_rng(3)
    orders = np.arange(1, int(1200 / f0_hz) + 1)
    tones = [np.sin(2 * np.pi * f0_hz * n * time_s + rng.uniform(0, 6.3)) / np.sqrt(n) for n in orders]
    sound: Floats = (level * (np.sum(tones, axis=0) + 0.3 * rng.standard_normal(len(time_s)))).astype(np.float32)
    return sound


@given(f0_hz=st.floats(9.0, 240.0))
@settings(max_examples=60, deadline=None)
def test_the_spacing_of_a_comb_is_found_within_half_a_percent(f0_hz: float) -> None:
    """From 9 to 240 Hz a clear comb is found at its own spacing, neither at a multiple nor at a part of it."""
    frame = COMB.frame(lines(f0_hz))
    assert frame.f0_hz == pytest.approx(f0_hz, rel=0.005)
    assert frame.harmonicity_db > 5


@pytest.mark.parametrize("f0_hz", [100.04, 109.26, 120.24])
def test_a_tone_where_a_comb_ends_does_not_pull_its_spacing(f0_hz: float) -> None:
    """A strong tone beside the first line above 1.2 kHz, which no table holds any more: the lines below say it all."""
    order = int(1200 / f0_hz) + 1
    tone = np.sin(2 * np.pi * (order * f0_hz + 1.6) * np.arange(round(1.5 * RATE_HZ)) / RATE_HZ)
    sound = lines(f0_hz) + (0.05 * tone).astype(np.float32)
    assert COMB.frame(sound).f0_hz == pytest.approx(f0_hz, rel=0.0002)


@given(f0_hz=st.floats(15.0, 110.0), stretch=st.floats(0.6, 2.0))
@settings(max_examples=40, deadline=None)
def test_f0_scales_with_the_rate(f0_hz: float, stretch: float) -> None:
    """The same samples taken for a rate times as high have a comb times as wide."""
    rate_hz = round(RATE_HZ * stretch)
    sound = lines(f0_hz, seconds=4.0)
    there = Comb(rate_hz).frame(sound)
    assert there.f0_hz == pytest.approx(f0_hz * rate_hz / RATE_HZ, rel=0.006)


@pytest.mark.parametrize("rate_hz", [INNER_HZ, 8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_any_rate_gives_the_same_comb(rate_hz: int) -> None:
    """A diesel's 15 Hz are 15 Hz at every rate a microphone may have."""
    assert Comb(rate_hz).frame(lines(15.0, rate_hz=rate_hz)).f0_hz == pytest.approx(15.0, rel=0.005)


@given(gain_db=st.floats(-50.0, 20.0))
@settings(max_examples=30, deadline=None)
def test_level_changes_nothing_but_the_level(gain_db: float) -> None:
    """Louder or quieter, spacing, strength and tilt stay the same, and the level moves by the gain."""
    sound = machines.diesel(2.0, RATE_HZ, 4, rpm=1800, cylinders=3) * 0.05 + noise(2.0)
    one, other = COMB.frame(sound), COMB.frame((sound * 10 ** (gain_db / 20)).astype(np.float32))
    assert other.level_db - one.level_db == pytest.approx(gain_db, abs=0.1)
    for left, right in zip(one.candidates, other.candidates, strict=True):
        assert right.f0_hz == pytest.approx(left.f0_hz, rel=1e-3)
        assert right.score == pytest.approx(left.score, abs=0.05)
    assert other.tilt_db == pytest.approx(one.tilt_db, abs=0.1)
    assert (other.flutter_db, other.drop_db) == pytest.approx((one.flutter_db, one.drop_db), abs=0.1)


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(24_000, np.float32),
        np.full(24_000, 0.7, np.float32),
        np.full(24_000, np.nan, np.float32),
        np.r_[lines(50.0)[:-1], np.float32(np.inf)],
        np.zeros(0, np.float32),
        lines(50.0)[:23_999],
        np.zeros((24_000, 2), np.float32),
        np.zeros(24_000, np.int16),
        np.full(24_000, 1e30, np.float32),
    ],
    ids=["silence", "dc", "nan", "inf", "empty", "short", "stereo", "integers", "absurd"],
)
def test_what_is_no_sound_has_no_comb(sound: Floats) -> None:
    """Silence, a constant, what is not finite, too short or not mono says nothing, and raises nothing."""
    assert COMB.frame(sound) == NOTHING


@given(arrays(np.float32, st.integers(0, 30_000), elements=st.floats(width=32), fill=st.floats(-1, 1, width=32)))
@settings(max_examples=60, deadline=None)
def test_no_samples_make_it_raise(sound: Floats) -> None:
    """Whatever numbers come, there is a frame, and its figures are finite."""
    frame = COMB.frame(sound)
    values = (frame.level_db, frame.firing_hz, frame.tilt_db, frame.low_db, frame.flutter_db, frame.drop_db)
    assert np.isfinite(values).all()


def test_a_clipped_engine_keeps_its_spacing() -> None:
    """Clipping adds lines, but on the same comb."""
    sound = np.clip(20 * machines.diesel(1.5, RATE_HZ, 4, rpm=1800, cylinders=1), -1, 1)
    assert COMB.frame(sound).f0_hz == pytest.approx(15.0, rel=0.02)


def test_white_noise_hardly_ever_reaches_five() -> None:
    """The score is in standard deviations of noise: of 200 frames at most two reach 4.5."""
    scores = [max((one.score for one in COMB.frame(noise(seed=seed)).candidates), default=0.0) for seed in range(200)]
    assert sum(score > 4.5 for score in scores) <= 2
    assert np.median(scores) < 4


@pytest.mark.parametrize("voice", [nature.rain, nature.wind, nature.birds, nature.howler])
def test_nature_has_no_comb_to_speak_of(voice: Callable[[float, int, int], Floats]) -> None:
    """Of 40 frames of rendered rain, wind, birds and howlers hardly any has a comb."""
    sound = voice(60.0, RATE_HZ, 5)
    scores = [COMB.frame(sound[at : at + COMB.size]).candidates for at in range(0, len(sound) - COMB.size, COMB.size)]
    assert sum(bool(each) and each[0].score > 6 for each in scores) <= 2


def test_pulsed_calls_have_no_low_lines() -> None:
    """A call of 1 kHz in 60 pulses a second has lines around 1 kHz only; an engine of 60 Hz has low ones too."""
    time_s = np.arange(24_000) / RATE_HZ
    call = np.sin(2 * np.pi * 1000 * time_s) * (1 + np.sin(2 * np.pi * 60 * time_s)) ** 3
    frame = COMB.frame((0.01 * call).astype(np.float32) + noise(level=0.002))
    assert frame.low_db < 2
    assert COMB.frame(lines(60.0)).low_db > 6


def test_a_rate_below_the_inner_one_is_refused() -> None:
    """Sound of 3,000 samples a second does not hold the band."""
    with pytest.raises(InputError, match="3000 Hz"):
        Comb(3000)


@pytest.mark.parametrize("rate_hz", [INNER_HZ, 8_000, 11_025, 16_000, 48_000])
def test_short_transforms_side_by_side_are_the_long_one(rate_hz: int) -> None:
    """The slowed frame and its spectrum are those of one transform of the whole, cut off at the inner rate's half."""
    comb = Comb(rate_hz)
    piece = lines(15.0, rate_hz=rate_hz)[-comb.size :] + np.float32(0.2)
    slow, power = comb._slowed(piece)
    series = np.fft.rfft(piece.astype(np.float64) - piece.mean(dtype=np.float64))
    whole = np.fft.irfft(series[: len(slow) // 2 + 1], len(slow)) * (len(slow) / comb.size)
    assert np.abs(slow - whole).max() < 1e-6 * np.abs(whole).max()
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(len(whole)) / len(whole))
    windowed = np.abs(np.fft.rfft(whole * hann)[: len(power)]) ** 2 * 4 / len(whole) ** 2
    assert np.abs(power - windowed).max() < 1e-5 * windowed.max()
    assert np.abs(10 * np.log10(power[60:] / windowed[60:])).max() < 0.01


def test_the_noise_around_a_line_is_a_straight_line_between_blocks() -> None:
    """What the floor gives is what interpolation between the blocks' middles gives, and no bin is lower than zero."""
    grid = COMB._long
    levels = np.random.default_rng(5).normal(-60, 6, (2, grid.bins)).astype(np.float32)
    excess = grid.excess_db(levels)
    block = round(40 / grid.bin_hz)
    count = grid.bins // block
    for row, found in zip(levels, excess, strict=True):
        floors = np.sort(row[: count * block].reshape(count, block), axis=1)[:, int(0.35 * block)]
        smooth = np.interp(np.arange(grid.bins), (np.arange(count) + 0.5) * block, floors)
        above = np.clip(row - smooth, 0, 15)
        wanted = np.maximum(above[1:-1], np.maximum(above[:-2], above[2:]))
        assert found[1:-1] == pytest.approx(wanted, abs=1e-4)


@given(arrays(np.float64, st.integers(1, 40), elements=st.floats(-9, 9)))
def test_the_highest_within_four_steps_of_each_place(contrast: np.ndarray) -> None:
    """At the ends too, where fewer places are near."""
    near = [contrast[max(0, at - NEAR) : at + NEAR + 1].max() for at in range(len(contrast))]
    assert _highest(contrast).tolist() == near
