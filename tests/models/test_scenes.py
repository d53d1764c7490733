"""Rendered sound: the same seed gives the same sound, and the physics holds."""

import numpy as np
import pytest

from otorongo.models.train import machines, scenes
from otorongo.models.train.scenes import Source, at_distance, render_soundscape

RATE_HZ = 16_000


@pytest.mark.parametrize("voice", sorted(scenes.VOICES))
def test_a_voice_is_its_seed(voice: str) -> None:
    """Same seed, same samples; another seed, others; float32, finite, of the length asked for."""
    first, again, other = (scenes.VOICES[voice](2.0, RATE_HZ, seed) for seed in (4, 4, 5))
    assert first.dtype == np.float32
    assert first.shape == (2 * RATE_HZ,)
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


def test_a_scene_is_its_seed() -> None:
    """A mixture with a passing boat and a shot repeats exactly, and stays within full scale."""
    sources = [Source("outboard", 0, 6, 50, passes=True), Source("gunshot", 3, 2, 20), Source("rain", 0, 6)]
    first, again = (render_soundscape(sources, 6.0, RATE_HZ, 9, background="night") for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (6 * RATE_HZ,)
    assert np.abs(first).max() <= 1.0


def test_an_unknown_voice_or_background_is_refused() -> None:
    """A misspelt name is an error, not silence."""
    with pytest.raises(KeyError):
        render_soundscape([Source("chainsow")], 1.0, RATE_HZ, 1)
    with pytest.raises(KeyError):
        render_soundscape([], 1.0, RATE_HZ, 1, background="nigth")


@pytest.mark.parametrize(("hz", "extra_db_per_100_m"), [(63, 4.0), (250, 6.3), (1000, 10.0), (4000, 15.9)])
def test_distance_follows_the_foliage_law(hz: int, extra_db_per_100_m: float) -> None:
    """From 100 m to 200 m a tone loses 6 dB by spreading, and by foliage what the law says for its frequency."""
    tone = np.sin(2 * np.pi * hz * np.arange(2 * RATE_HZ) / RATE_HZ).astype(np.float32)

    def level_db(distance_m: float) -> float:
        # The reverberant share is the same draw, and grows with distance: its power is taken out.
        share = min(0.9, distance_m / 400.0)
        heard = at_distance(tone, RATE_HZ, distance_m, seed=1)[RATE_HZ // 2 : 2 * RATE_HZ]
        return float(10 * np.log10(np.mean(heard**2)) - 10 * np.log10(1 + share**2))

    lost = level_db(100) - level_db(200)
    assert lost == pytest.approx(6.0 + extra_db_per_100_m, abs=2.5)


def test_a_diesel_has_the_comb_of_its_speed() -> None:
    """Four cylinders at 1,800 turns fire 60 times a second, and that line stands 10 dB above its neighbourhood."""
    sound = machines.diesel(8.0, RATE_HZ, 3, rpm=1800, cylinders=4)
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    bins_hz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    line = power[(bins_hz > 58.5) & (bins_hz < 61.5)].max()
    beside = np.median(power[(bins_hz > 46) & (bins_hz < 56)])
    assert 10 * np.log10(line / beside) > 10


def test_a_boat_comes_and_goes() -> None:
    """A pass-by is loudest in its middle third."""
    sound = render_soundscape(
        [Source("outboard", 0, 30, 40, passes=True, speed_m_s=12)], 30.0, RATE_HZ, 2, background="none", background_db=0
    )
    thirds = np.sqrt(np.mean(sound.reshape(3, -1) ** 2, axis=1))
    assert thirds[1] > 1.5 * thirds[0]
    assert thirds[1] > 1.5 * thirds[2]


def test_what_passes_is_higher_when_it_comes_than_when_it_goes() -> None:
    """A tone of 400 Hz at 20 m/s is heard some 47 Hz higher on its way here than on its way off."""
    tone = np.sin(2 * np.pi * 400 * np.arange(20 * RATE_HZ) / RATE_HZ).astype(np.float32)
    source = Source("outboard", seconds=20, distance_m=20, passes=True, speed_m_s=20, recorded=tone)
    sound = scenes.at_microphone(source, RATE_HZ, 1)
    coming, going = (np.abs(np.fft.rfft(part)).argmax() / 4 for part in (sound[: 4 * RATE_HZ], sound[-4 * RATE_HZ :]))
    assert coming - going == pytest.approx(400 * (1 / (1 - 20 / 343) - 1 / (1 + 20 / 343)), abs=6)


def test_a_recorded_background_has_the_level_that_was_asked_for() -> None:
    """A recording as background is repeated to the scene's length, at its own sound pressure level."""
    noise = np.random.default_rng(3).standard_normal(RATE_HZ).astype(np.float32)
    scene = render_soundscape([], 3.5, RATE_HZ, 1, background=0.2 * noise, background_db=60.0)
    assert scene.shape == (round(3.5 * RATE_HZ),)
    assert 20 * np.log10(scene.std()) == pytest.approx(60.0 - scenes.FULL_SCALE_DB, abs=0.3)


def test_a_dredge_keeps_its_turns() -> None:
    """A dredge's comb is steady within 2 % for half a minute, however much gravel it brings up."""
    sound = machines.dredge(30.0, RATE_HZ, 3)
    lines = []
    for part in sound.reshape(6, -1):
        power = np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2
        hz = np.fft.rfftfreq(len(part), 1 / RATE_HZ)
        low = (hz > 20) & (hz < 120)
        lines.append(hz[low][power[low].argmax()])
    assert np.std(lines) / np.mean(lines) < 0.02


def test_a_shot_is_short() -> None:
    """Nine tenths of a near shot's energy lie within 100 ms."""
    sound = machines.gunshot(2.0, RATE_HZ, 8, at_s=0.5)
    energy = np.cumsum(sound.astype(np.float64) ** 2) / np.sum(sound.astype(np.float64) ** 2)
    assert (np.searchsorted(energy, 0.95) - np.searchsorted(energy, 0.05)) / RATE_HZ < 0.1
