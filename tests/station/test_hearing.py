"""Third octaves, how far a saw is heard, the microphone's health and the vetoes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from otorongo.station import listening, veto
from otorongo.station.bands import CENTRES_HZ, Bands, Levels, quantile_db
from otorongo.station.microphone import SENTENCES, Baseline, Look, judge, look
from otorongo.station.samples import Score, Sound
from otorongo.wire.classes import BY_NAME, CLASSES
from otorongo.wire.codes import MicrophoneFlag as Flag

RATE_HZ = 16_000
BANDS = Bands(RATE_HZ)


def tone(hz: float, level: float = 0.1, seconds: float = 1.5) -> Sound:
    """A sine."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (level * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)


def noise(level: float = 0.01, seed: int = 1, seconds: float = 3.0) -> Sound:
    """White noise."""
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ))).astype(np.float32)


# Third octaves


@pytest.mark.parametrize("band", range(len(CENTRES_HZ)))
def test_a_tone_is_in_its_band_at_its_level(band: int) -> None:
    """A sine in the middle of a band has its level there, and 20 dB less in every other one."""
    levels = BANDS.levels_db(tone(CENTRES_HZ[band]))
    assert levels[band] == pytest.approx(20 * np.log10(0.1 / np.sqrt(2)), abs=0.3)
    assert np.all(np.delete(levels, band) < levels[band] - 20)


def test_the_bands_of_noise_add_up_to_its_level() -> None:
    """White noise has as much power in all bands together as between their edges."""
    power = np.sum(10 ** (BANDS.levels_db(noise(0.1)) / 10))
    share = (CENTRES_HZ[-1] * 2 ** (1 / 6) - CENTRES_HZ[0] * 2 ** (-1 / 6)) / (RATE_HZ / 2)
    assert 10 * np.log10(power) == pytest.approx(-20 + 10 * np.log10(share), abs=0.3)


def test_bands_that_a_rate_cannot_hold_are_not_known() -> None:
    """At 8 kHz nothing is said of 5 kHz; silence and damaged sound raise nothing."""
    levels = Bands(8_000).levels_db(np.zeros(12_000, np.float32))
    assert np.isnan(levels[-3:]).all()
    assert levels[:-3] == pytest.approx(-150)
    assert np.isfinite(BANDS.levels_db(np.array([np.nan, 1.0, np.inf], np.float32))).all()
    assert BANDS.levels_db(np.zeros(0, np.float32)) == pytest.approx(-150)


def test_the_floor_is_what_most_windows_exceed() -> None:
    """One loud window in ten does not move the floor; without windows it is not known."""
    rows = [BANDS.levels_db(noise(0.1 if index == 5 else 0.001, seed=index)) for index in range(10)]
    assert np.nanmedian(quantile_db(rows, 0.1)) < np.nanmedian(rows[5]) - 30
    assert np.isnan(quantile_db([], 0.5)).all()


# Listening


def test_a_saw_carries_as_far_as_was_measured() -> None:
    """Over a quiet forest's 15 to 25 dB in each third octave a saw is heard at some hundreds of metres."""
    for noise_db, least_m, most_m in ((15.0, 350, 600), (25.0, 200, 400)):
        assert least_m < listening.reach_m(np.full(22, noise_db - 120)) < most_m


def test_the_loss_is_the_law_of_the_reference() -> None:
    """500 m take 54 dB by spreading and 50 dB of 1 kHz in foliage."""
    at_1k = list(CENTRES_HZ).index(1000.0)
    assert listening.loss_db(500.0)[at_1k] == pytest.approx(20 * np.log10(500) + 50, abs=0.1)
    assert listening.loss_db(1.0)[at_1k] == pytest.approx(0.1)


@given(st.lists(st.floats(-130, -20), min_size=22, max_size=22), st.floats(0.5, 40))
@settings(max_examples=80, deadline=None)
def test_more_noise_never_carries_farther(levels: list[float], more_db: float) -> None:
    """Whatever the noise, more of it shortens the reach, and the reach stays within its bounds."""
    quiet = np.array(levels)
    near, far = listening.reach_m(quiet + more_db), listening.reach_m(quiet)
    assert 0 <= near <= far <= listening.FARTHEST_M


@given(st.floats(-130, -60), st.floats(0, 10), st.floats(-100, -20))
@settings(max_examples=80, deadline=None)
def test_what_a_saw_must_bring_besides_only_shortens_its_reach(
    level: float, raised_db: float, least_dbfs: float
) -> None:
    """A raised threshold and a gate take from the reach, never add to it; a saw at the reach passes the gate."""
    noise_dbfs = np.full(22, level)
    free = listening.reach_m(noise_dbfs)
    reach = listening.reach_m(noise_dbfs, raised_db=raised_db, least_dbfs=least_dbfs)
    assert reach <= min(free, listening.reach_m(noise_dbfs, raised_db=raised_db))
    if reach > 1:
        saw_db = np.array(listening.SAW_DB) - listening.loss_db(reach - 0.5)  # it is told in whole metres
        assert 10 * np.log10((10 ** (saw_db / 10)).sum()) - 120 >= least_dbfs - 0.01


def test_unknown_noise_is_no_reach() -> None:
    """Without levels nothing is promised, and in a roar not even a saw beside the station is heard."""
    assert listening.reach_m(np.full(22, np.nan)) == 0
    assert listening.reach_m(np.full(22, 0.0)) == 0


# The microphone


def looks(sounds: list[Sound]) -> list[Look]:
    """Looks at some sounds, enough for an hour."""
    once = [look(each, RATE_HZ, BANDS) for each in sounds]
    return (once * (40 // len(once) + 1))[:40]


@pytest.fixture(scope="module")
def forest(shared: Path) -> list[Sound]:
    """Real windows of a forest at 16 kHz, over a whole day."""
    files = sorted((shared / "media/sounds/forest_jura").glob("*.flac"))[::4]
    found = []
    for path in files:
        sound, rate_hz = soundfile.read(path, dtype="float32", frames=3 * 22_050)
        sound = soxr.resample(sound, rate_hz, RATE_HZ)[: 3 * RATE_HZ]
        found.append((sound - sound.mean()).astype(np.float32))  # this recorder has 2.5 % of its own
    return found


def _low_pass(sound: Sound) -> Sound:
    """What a film of water does: nothing below 1 kHz, 12 dB per octave above."""
    series = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    return np.fft.irfft(series / np.maximum(1, hz / 1000) ** 2, len(sound)).astype(np.float32)


def test_a_sound_microphone_is_well(forest: list[Sound]) -> None:
    """Real forest windows raise no flag, with or without their own floor as the usual one."""
    first = judge(looks(forest))
    assert first.flags == 0, first.sentences()
    assert judge(looks(forest), first.floor_db).flags == 0


@pytest.mark.parametrize(
    ("flag", "damage"),
    [
        (Flag.DEAD, lambda sound: sound * 1e-6),
        (Flag.DEAD, lambda sound: np.full_like(sound, 0.3) * 0),
        (Flag.DEAD, lambda sound: np.full_like(sound, np.nan)),
        (Flag.OFFSET, lambda sound: sound + np.float32(0.2)),
        (Flag.CLIPPED, lambda sound: np.clip(sound / np.abs(sound).max() * 20, -1, 1)),
        (Flag.HUM, lambda sound: sound + sum(tone(60 * n, 0.02, 3.0)[: len(sound)] for n in (1, 2, 3, 4))),
        (Flag.HUM, lambda sound: sound + sum(tone(50 * n, 0.02, 3.0)[: len(sound)] for n in (1, 2, 3, 4))),
        (Flag.WET, _low_pass),
        (Flag.BLOCKED, lambda sound: sound * 0.1),
        (Flag.DRIFTED, lambda sound: sound * 4),
    ],
    ids=["dead", "zero", "nan", "offset", "clipped", "hum60", "hum50", "wet", "blocked", "louder"],
)
def test_each_fault_is_told_from_the_others(forest: list[Sound], flag: Flag, damage: Callable[[Sound], Sound]) -> None:
    """Real windows, altered as each fault would, raise that flag and no other."""
    usual = judge(looks(forest)).floor_db
    found = judge(looks([damage(sound).astype(np.float32) for sound in forest]), usual)
    assert found.flags == flag
    assert found.sentences() == [SENTENCES[flag]]


def test_rain_is_no_fault_of_the_microphone(forest: list[Sound]) -> None:
    """In a noisy hour the floor is not compared."""
    usual = judge(looks(forest)).floor_db
    assert judge(looks([sound * 4 for sound in forest]), usual, noisy=True).flags == 0


def test_few_looks_are_not_compared() -> None:
    """A process that has just started judges what is in itself wrong, and nothing else."""
    one = look(noise(), RATE_HZ, BANDS)
    assert judge([one] * 5, one.bands_db + 40).flags == 0
    assert judge([]).flags == 0


def test_a_baseline_needs_three_days_and_stays_small() -> None:
    """An hour is known after three days; a year of all hours fits into 5 kB, and survives as text."""
    floor: Levels = np.full(22, -70.0)
    floor[-1] = np.nan
    base = Baseline()
    for _ in range(2):
        base = base.learned(5, floor)
    assert base.floor_db(5) is None
    base = base.learned(5, floor)
    known = base.floor_db(5)
    assert known is not None
    assert np.isnan(known[-1])
    assert known[:-1] == pytest.approx(-70)
    for day in range(30):
        for hour in range(24):
            base = base.learned(hour, np.full(22, -70.0 + day % 3))
    assert len(base.dump()) < 5000
    assert Baseline.load(base.dump()) == base


def test_a_dying_microphone_does_not_become_normal() -> None:
    """A settled baseline follows by half a decibel a day at most."""
    base = Baseline()
    for _ in range(20):
        base = base.learned(0, np.full(22, -60.0))
    for _ in range(10):
        base = base.learned(0, np.full(22, -90.0))
    known = base.floor_db(0)
    assert known is not None
    assert known.min() >= -65.5


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"hours": {"a": 1}}', '{"hours": {"1": {"days": "x"}}}'])
def test_a_damaged_baseline_is_learned_anew(text: str | None) -> None:
    """Whatever lies on the card, there is a baseline."""
    assert Baseline.load(text) == Baseline()


@given(st.lists(st.floats(-2, 2, width=32), max_size=400))
@settings(max_examples=60, deadline=None)
def test_no_samples_make_a_look_raise(samples: list[float]) -> None:
    """Any sound can be looked at, also none."""
    assert np.isfinite(look(np.array(samples, np.float32), RATE_HZ, BANDS).level_db)


# Vetoes


def scores(**p: float) -> list[Score]:
    """One window's scores by class."""
    return [Score(BY_NAME[name].number, value, 0.0, value > 0.5) for name, value in p.items()]


def after(count: int, **p: float) -> veto.Now:
    """What holds after some windows."""
    state, now = veto.Recent(), veto.NOTHING
    for _ in range(count):
        state, now = veto.advance(state, scores(**p))
    return now


def shot(p: float) -> Score:
    """A shot."""
    return Score(BY_NAME["gunshot"].number, p, 5.0, True)


def test_heavy_rain_closes_the_ear_for_shots_and_asks_more_of_saws() -> None:
    """In rain a shot cannot be told, and a saw needs one natural unit more than its threshold."""
    now = after(8, rain=0.95)
    assert str(now) == "rain"
    assert not now.allows(shot(0.999), 0.5)
    saw = BY_NAME["chainsaw"].number
    assert not now.allows(Score(saw, 0.981, 4.0, True), 0.98)
    assert now.allows(Score(saw, 0.995, 4.0, True), 0.98)


def test_one_drop_is_no_rain() -> None:
    """A single window of rain vetoes nothing, and the veto ends soon after the rain."""
    assert after(1, rain=1.0) == veto.NOTHING
    state, now = veto.Recent(), veto.NOTHING
    for p in [1.0] * 6 + [0.0] * 3:
        state, now = veto.advance(state, scores(rain=p))
    assert now == veto.NOTHING
    assert now.allows(shot(0.6), 0.5)


def test_confusers_add_up_by_the_strongest() -> None:
    """Rain and a howler together ask of an engine what the stricter of them asks."""
    now = after(6, rain=0.9, howler=0.9)
    assert str(now) == "rain, howler"
    assert now.raised[BY_NAME["engine"].number] == 2.0


@given(st.lists(st.dictionaries(st.sampled_from(sorted(veto.DEFAULTS)), st.floats(0, 1)), max_size=20))
@settings(max_examples=60, deadline=None)
def test_a_veto_never_makes_a_hit(windows: list[dict[str, float]]) -> None:
    """Whatever was heard, vetoes only ask for more; and what is remembered stays small."""
    state, now = veto.Recent(), veto.NOTHING
    for window in windows:
        state, now = veto.advance(state, scores(**window))
    assert all(more > 0 for more in now.raised.values())
    assert all(len(kept) <= veto.WINDOWS for kept in state.p.values())


def test_names_in_vetoes_are_wire_classes() -> None:
    """Whatever a default names, as a cause or as what it raises or suspends, is a class of sound."""
    known = {line.name for line in CLASSES if line.sense in ("sound", "both")}
    for name, one in veto.DEFAULTS.items():
        assert {name, *one.raises, *one.suspends} <= known, name
