"""Clipping: found where sound is captured, also below full scale, and not in sound that is only loud."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st

from otorongo.station.adapters.alsa import Alsa
from otorongo.station.adapters.replay_sound import SoundReader
from otorongo.station.bands import Bands
from otorongo.station.clipping import Clipped, clipped
from otorongo.station.microphone import CLIPPED_SHARE, look
from otorongo.station.samples import Sample, Sound
from tests.station.test_sensors import child, take, uptime_ms

RATE = 48_000


def noise(level: float, seconds: float = 4.0, seed: int = 3) -> Sound:
    """White noise at 48 kHz."""
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def share(sound: Sound) -> float:
    """Of all of it."""
    one = Clipped(RATE)
    one.push(sound)
    return one.share(0, 1e9)


def test_what_the_resampler_hides_is_counted_before_it() -> None:
    """Noise of which one sample in twenty was at full scale: at 16 kHz none is left to be seen, at capture all are."""
    sound = np.clip(noise(0.5), -1, 32767 / 32768)
    after = look(soxr.resample(sound, RATE, 16_000)[:48_000], 16_000, Bands(16_000))
    assert after.clipped < CLIPPED_SHARE
    assert share(sound) == pytest.approx(float(np.mean(np.abs(sound) >= 0.998)), rel=0.02)
    carried = look(soxr.resample(sound, RATE, 16_000)[:48_000], 16_000, Bands(16_000), share(sound))
    assert carried.clipped == share(sound)


@pytest.mark.parametrize("limit", [0.2, 0.5, 0.9])
def test_an_amplifier_that_is_overdriven_below_full_scale_is_clipped(limit: float) -> None:
    """Flat tops with an amplifier's own noise of two steps on them count, wherever the limit lies."""
    rough = np.convolve(noise(0.6), np.ones(24, np.float32) / 24**0.5, "same")
    sound = limit * np.clip(rough, -1, 1) + noise(2 / 32768, seed=4)
    assert share((np.round(sound * 32768) / 32768).astype(np.float32)) > 10 * CLIPPED_SHARE


@pytest.mark.parametrize(
    "make",
    [
        lambda: noise(0.2),
        lambda: (0.6 * np.sin(2 * np.pi * 100 * np.arange(RATE * 4) / RATE)).astype(np.float32),
        lambda: (0.9 * np.sin(2 * np.pi * 4000 * np.arange(RATE * 4) / RATE)).astype(np.float32),
        lambda: np.round(noise(2 / 32768) * 32768).astype(np.float32) / 32768,
        lambda: np.zeros(RATE, np.float32),
        lambda: np.zeros(2, np.float32),
    ],
)
def test_what_is_loud_or_faint_is_not_clipped(make: Callable[[], Sound]) -> None:
    """Noise, tones of an engine and an insect, sound in three steps, silence and too little have no flat tops."""
    assert share(make()) == 0


@pytest.mark.parametrize("level", [0.12, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("hz", [42, 60, 120, 140, 200])
@pytest.mark.parametrize("quiet", [0.0, 1e-5, 1e-4, 1e-3])
def test_the_crest_of_a_low_tone_is_no_flat_top(level: float, hz: float, quiet: float) -> None:
    """The hum of an inverter or a slow engine beside a quiet capsule, loud or not, in 16 bits: no gain is too high."""
    tone = level * np.sin(2 * np.pi * hz * np.arange(RATE * 2) / RATE) + noise(quiet, 2.0)
    assert share((np.round(tone * 32768) / 32768).astype(np.float32)) < CLIPPED_SHARE


@pytest.mark.parametrize("hz", [60, 140, 1000])
def test_a_low_tone_that_is_cut_off_is_clipped(hz: float) -> None:
    """The same tone, overdriven by a tenth at half of full scale."""
    tone = np.clip(0.55 * np.sin(2 * np.pi * hz * np.arange(RATE * 2) / RATE), -0.5, 0.5) + noise(2 / 32768, 2.0)
    assert share((np.round(tone * 32768) / 32768).astype(np.float32)) > 10 * CLIPPED_SHARE


def test_real_recordings_have_no_flat_tops_below_full_scale(shared: Path) -> None:
    """Saws, rain, helicopters and a forest: where no sample is at full scale, less than one in a thousand counts."""
    files = (
        sorted((shared / "media/sounds/esc10").glob("*/*"))[::4]
        + sorted((shared / "media/sounds/forest_jura").glob("*.flac"))[::8]
    )
    judged = 0
    for path in files:
        if path.suffix in (".ogg", ".flac", ".wav"):
            sound, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
            one = Clipped(rate_hz)
            one.push(sound[:, 0])
            full = float(np.mean(np.abs(sound[:, 0]) >= 0.998))
            judged += full < CLIPPED_SHARE
            assert full >= CLIPPED_SHARE or one.share(0, 1e9) < CLIPPED_SHARE, path
    assert judged > 40


@given(st.lists(st.integers(1, 30_000), min_size=1, max_size=6))
def test_shares_do_not_depend_on_how_the_stream_is_cut(sizes: list[int]) -> None:
    """A share is within 0 and 1, and that of the whole stream counts each clipped sample once."""
    one, parts = Clipped(RATE), [np.ones(size, np.float32) for size in sizes]
    for part in parts:
        one.push(part)
    enough = [min(12_000, size - at) for size in sizes for at in range(0, size, 12_000)]
    expected = sum(each for each in enough if each >= 4) / sum(sizes)
    assert one.share(0, 1e9) == pytest.approx(expected)
    assert clipped(np.zeros(0, np.float32)) == 0


def test_a_window_knows_only_its_own_clipping() -> None:
    """One loud second among ten: windows that touch it have a share, the others none."""
    one, sound = Clipped(RATE), np.concatenate([noise(0.1, 4), np.clip(noise(3, 1), -1, 1), noise(0.1, 5)])
    for at in range(0, len(sound), 12_000):
        one.push(sound[at : at + 12_000])
    found = [one.share(at, at + 3) > 0 for at in range(8)]
    assert found == [False, False, True, True, True, False, False, False]


def test_files_and_microphones_carry_the_share(tmp_path: Path) -> None:
    """A recording at 48 kHz and arecord's samples: each window at 16 kHz says how much of it was clipped."""
    sound = np.clip(noise(0.5, 6), -1, 32767 / 32768)
    soundfile.write(tmp_path / "loud.wav", np.stack([np.zeros(len(sound)), sound], axis=1), RATE)
    parts = list(SoundReader(16_000, 3.0, 1.5)(tmp_path / "loud.wav", 0))
    assert [part.sample.clipped for part in parts] == pytest.approx([0.047] * 3, abs=0.006)
    code = (
        "import sys, numpy as np; x = 0.5 * np.random.default_rng(1).standard_normal(4 * 48000);"
        "sys.stdout.buffer.write((np.clip(x, -1, 32767 / 32768) * 32768).astype('<i2').tobytes())"
    )
    assert sys.executable
    microphone = Alsa("hw:1,0", RATE, 16_000, 3.0, 1.5, uptime_ms, start=child(code), sleep_s=lambda s: None)
    (*_, heard) = take(microphone.samples(), lambda item: isinstance(item, Sample))
    microphone.close()
    assert isinstance(heard, Sample)
    assert heard.clipped == pytest.approx(0.047, abs=0.006)
