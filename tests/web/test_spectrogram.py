"""Sound as a picture."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from otorongo.hub import spectrogram
from otorongo.hub.spectrogram import HEIGHT, WIDTH, SpectrogramError
from tests.web.rendered import clip


def light(sound: np.ndarray, rate_hz: int) -> np.ndarray:
    """(HEIGHT, WIDTH) brightness of the picture."""
    image = Image.open(io.BytesIO(spectrogram.picture(sound.astype(np.float32), rate_hz)))
    assert image.size == (WIDTH, HEIGHT)
    return np.asarray(image.convert("L"), dtype=float)


@pytest.mark.parametrize("tone_hz", [200, 440, 1500, 5000])
def test_a_tone_lights_its_pitch_at_its_time(tone_hz: int) -> None:
    """A tone in the second half is bright on its line there, and nowhere in the first."""
    rate_hz = 16_000
    t = np.arange(4 * rate_hz) / rate_hz
    sound = np.where(t >= 2, 0.3 * np.sin(2 * np.pi * tone_hz * t), 0)
    sound += 0.001 * np.random.default_rng(1).standard_normal(len(t))
    picture = light(sound, rate_hz)
    late, early = picture[:, WIDTH * 3 // 5 : WIDTH - 20].mean(axis=1), picture[:, 120 : WIDTH * 2 // 5].mean(axis=1)
    expected = np.log(8000 / tone_hz) / np.log(8000 / spectrogram.LOWEST_HZ) * HEIGHT
    late[HEIGHT - 30 :] = 0  # the seconds are written there
    assert abs(int(late.argmax()) - expected) <= 3
    assert late.max() > early.max() + 80


def test_a_clip_of_a_station_is_a_small_picture(tmp_path: Path) -> None:
    """Ogg Opus in, at most 60 kB of WebP out, and as WAV it is as long as it was."""
    path = tmp_path / "clip.opus"
    path.write_bytes(clip(8))
    sound, rate_hz = spectrogram.read(path)
    assert len(sound) / rate_hz == pytest.approx(8, abs=0.1)
    assert len(spectrogram.picture(sound, rate_hz)) < 60_000
    with soundfile.SoundFile(io.BytesIO(spectrogram.wav(sound, rate_hz))) as file:
        assert (file.frames, file.samplerate, file.subtype) == (len(sound), rate_hz, "PCM_16")


@pytest.mark.parametrize("data", [b"", b"OggS", b"\x00" * 4000, b"<html>not a sound</html>"])
def test_what_is_no_sound_is_told(tmp_path: Path, data: bytes) -> None:
    """A station may send anything."""
    path = tmp_path / "clip.opus"
    path.write_bytes(data)
    with pytest.raises(SpectrogramError, match=r"clip\.opus"):
        spectrogram.read(path)


def test_a_damaged_clip_is_read_or_told(tmp_path: Path) -> None:
    """Any byte of it may be wrong."""
    whole = bytearray(clip(1))
    path = tmp_path / "clip.opus"
    for at in range(0, len(whole), max(1, len(whole) // 40)):
        broken = bytearray(whole)
        broken[at] ^= 0xFF
        path.write_bytes(bytes(broken))
        try:
            sound, rate_hz = spectrogram.read(path)
        except SpectrogramError:
            continue
        assert np.isfinite(sound).all()
        assert rate_hz > 0


def test_an_hour_is_cut_to_its_beginning(tmp_path: Path) -> None:
    """So that one clip cannot hold the hub up."""
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(200 * 8000, dtype=np.float32), 8000)
    sound, rate_hz = spectrogram.read(path)
    assert len(sound) == spectrogram.LONGEST_S * rate_hz


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40_000), st.sampled_from([4000, 8000, 16_000, 48_000]), st.sampled_from([0.0, 1e-9, 1.0]))
def test_any_length_and_loudness_has_a_picture(samples: int, rate_hz: int, loud: float) -> None:
    """Silence, one sample, or a roar: a picture of the same size, never an error."""
    sound = np.full(samples, loud)
    assert light(sound, rate_hz).shape == (HEIGHT, WIDTH)
