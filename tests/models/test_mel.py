"""The station's spectrogram against librosa's."""

from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from otorongo.models import manifest
from otorongo.models.manifest import SoundInput
from otorongo.models.mel import Array, Spectrogram, filter_bank, resample
from otorongo.models.train import scenes

WITHIN_DB = 1e-3
TONES_WITHIN_DB = 0.02
"""Beside a tone alone, single precision leaves so much of what lies 80 dB below it."""
BELOW_PEAK_DB = 80.0


def threats_input() -> SoundInput:
    """The parameters that the shipped bundle fixes."""
    found = manifest.load("threats@5").manifest.sound
    assert found is not None
    return found


def librosa_decibels(sound: Array, given_: SoundInput) -> np.ndarray:
    """What librosa makes of the same parameters."""
    power = librosa.feature.melspectrogram(
        y=sound, sr=given_.rate_hz, n_fft=given_.n_fft, hop_length=given_.stft_hop, n_mels=given_.n_mels,
        fmin=given_.fmin_hz, fmax=given_.fmax_hz, htk=given_.mel_scale == "htk",
        norm="slaney" if given_.mel_norm == "slaney" else None, center=given_.center, pad_mode=given_.pad_mode,
        power=given_.power,
    )  # fmt: skip
    ref = np.max if given_.ref == "max" else 1.0
    return np.asarray(librosa.power_to_db(power, ref=ref, amin=given_.amin, top_db=given_.top_db))


def largest_difference(sound: Array, given_: SoundInput) -> float:
    """Over all bins within 80 dB of the peak."""
    ours, theirs = Spectrogram(given_).decibels(sound), librosa_decibels(sound, given_)
    assert ours.shape == theirs.shape == (given_.n_mels, given_.frames)
    heard = theirs >= theirs.max() - BELOW_PEAK_DB
    return float(np.abs(ours - theirs)[heard].max())


def clips() -> list[Array]:
    """A hundred windows or more: rendered machines and nature, noises, tones, clicks, clipped and nearly silent."""
    rng = np.random.default_rng(1)
    found = []
    for voice in scenes.VOICES:
        sound = scenes.VOICES[voice](12.0, 16_000, 5)
        found += [
            sound[start : start + 48_000] * 10 ** rng.uniform(-3, 0) for start in range(0, 192_000 - 48_000, 32_000)
        ]
    time_s = np.arange(48_000) / 16_000
    found += [np.sin(2 * np.pi * hz * time_s) for hz in np.geomspace(31, 7900, 15)]
    found += [np.sign(rng.standard_normal(48_000)), np.eye(1, 48_000, 20_000)[0], 1e-5 * rng.standard_normal(48_000)]
    while len(found) < 100:
        found.append(rng.standard_normal(48_000) * 10 ** rng.uniform(-4, 0))
    return [np.asarray(each, np.float32) for each in found]


def test_it_equals_librosa_on_a_hundred_clips() -> None:
    """With the shipped bundle's parameters no bin within 80 dB of the peak is 0.02 dB away from librosa's."""
    made = clips()
    assert len(made) >= 100
    assert max(largest_difference(sound, threats_input()) for sound in made) < TONES_WITHIN_DB


def test_it_equals_librosa_on_real_recordings(shared: Path) -> None:
    """The same holds for forest recordings, saws and shots."""
    files = sorted((shared / "media/sounds").glob("forest_jura/*.flac"))[::4]
    files += sorted((shared / "media/sounds").glob("esc10/chainsaw/*.ogg"))
    files += sorted((shared / "media/sounds").glob("antummt/*fire*.ogg"))
    worst = 0.0
    for path in files:
        sound, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        mono = resample(sound[:, 0][: 3 * rate_hz].copy(), rate_hz, 16_000)
        worst = max(worst, largest_difference(np.resize(mono, 48_000), threats_input()))
    assert len(files) > 60
    assert worst < WITHIN_DB


@pytest.mark.parametrize(
    "changes",
    [
        {"mel_scale": "htk", "mel_norm": "none"},
        {"pad_mode": "reflect", "ref": "max", "top_db": 60.0},
        {"center": False, "power": 1.0},
        {"rate_hz": 48_000, "n_fft": 2048, "stft_hop": 480, "n_mels": 128, "fmax_hz": 24_000.0},
        {"rate_hz": 32_000, "n_fft": 1024, "n_mels": 64, "fmin_hz": 0.0, "fmax_hz": 14_000.0},
    ],
)
def test_every_parameter_of_a_manifest_means_what_it_means_in_librosa(changes: dict[str, object]) -> None:
    """Other scales, norms, paddings, powers and rates agree as well."""
    base = {name: getattr(threats_input(), name) for name in SoundInput.__struct_fields__}
    given_ = SoundInput(**{**base, **changes})
    rng = np.random.default_rng(2)
    sound = (0.1 * rng.standard_normal(given_.window_samples)).astype(np.float32)
    assert largest_difference(sound, given_) < WITHIN_DB


def test_the_filters_reach_down_to_the_firing_of_a_dredge() -> None:
    """The bank has a filter at 40 Hz: a slow diesel is not filtered away before the network."""
    given_ = threats_input()
    bins_hz = np.fft.rfftfreq(given_.n_fft, 1 / given_.rate_hz)
    assert given_.fmin_hz <= 40
    assert filter_bank(given_)[:, np.argmin(np.abs(bins_hz - 47))].max() > 0


def test_the_tensor_does_not_know_the_gain() -> None:
    """With the level of the window taken away, 20 dB less gain gives the same tensor."""
    sound = scenes.VOICES["chainsaw"](3.0, 16_000, 1) * np.float32(0.3)
    front = Spectrogram(threats_input())
    np.testing.assert_allclose(front.tensor(sound), front.tensor(sound * np.float32(0.1)), atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([8_000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000]), st.floats(60, 3_000))
def test_resampling_keeps_a_tone(rate_hz: int, tone_hz: float) -> None:
    """A tone below both Nyquist frequencies is the same at 16 kHz, away from the ends, and the length fits the time."""
    sound = np.sin(2 * np.pi * tone_hz * np.arange(2 * rate_hz) / rate_hz).astype(np.float32)
    out = resample(sound, rate_hz, 16_000)
    wanted = np.sin(2 * np.pi * tone_hz * np.arange(32_000) / 16_000)
    assert len(out) == 32_000
    assert np.abs(out - wanted)[2000:-2000].max() < 0.01


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.sampled_from(["on", "again", "jump"]), min_size=2, max_size=6))
def test_windows_that_follow_each_other_are_as_if_alone(seed: int, steps: list[str]) -> None:
    """What is taken over from the window before is what this window alone would give, wherever the windows lie."""
    bundle = manifest.load("threats@5").manifest.sound
    assert bundle is not None
    rng = np.random.default_rng(seed)
    sound = (rng.normal(0, 0.05, 400_000) + rng.uniform(-0.4, 0.4)).astype(np.float32)
    sound[200_000:] *= 0.01
    front, at = Spectrogram(bundle), 0
    for step in steps:
        at += {"on": 24_000, "again": 0, "jump": int(rng.integers(1, 60_000))}[step]
        window = sound[at : at + 48_000]
        assert np.abs(front.tensor(window) - Spectrogram(bundle).tensor(window)).max() * bundle.scale_db < 1e-2


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["constant", "reflect"]),
    st.sampled_from([256, 512, 1024]),
    st.sampled_from([160, 320]),
    st.sampled_from([0.5, 1.0, 1.5, 2.9]),
)
def test_every_kind_of_front_end_follows_its_windows(
    seed: int, pad_mode: str, n_fft: int, stft_hop: int, hop_s: float
) -> None:
    """With any padding, transform and hop, window by window gives what each window alone gives."""
    base = {name: getattr(threats_input(), name) for name in SoundInput.__struct_fields__}
    given_ = SoundInput(
        **{**base, "pad_mode": pad_mode, "n_fft": n_fft, "stft_hop": stft_hop, "hop_s": hop_s, "fmin_hz": 2e4 / n_fft}
    )
    hop, size = round(hop_s * given_.rate_hz), given_.window_samples
    sound = np.random.default_rng(seed).normal(0.1, 0.05, size + 4 * hop).astype(np.float32)
    front = Spectrogram(given_)
    for at in range(0, len(sound) - size + 1, hop):
        window = sound[at : at + size]
        alone = Spectrogram(given_).tensor(window)
        assert np.abs(front.tensor(window) - alone).max() * given_.scale_db < 1e-2
        assert front._last is not None
        assert front._shift == hop


def test_a_bank_in_parts_is_the_bank() -> None:
    """The filters, multiplied in parts with the bins that they need, give what the whole bank gives."""
    given_ = threats_input()
    front, bank = Spectrogram(given_), filter_bank(given_)
    frames = np.random.default_rng(6).normal(0, 0.1, (30, given_.n_fft)).astype(np.float32)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(given_.n_fft) / given_.n_fft)
    power = np.abs(np.fft.rfft(frames * hann)) ** 2
    np.testing.assert_allclose(front._bands(frames), bank.astype(np.float64) @ power.T, rtol=1e-4)
    assert sum(weights.size for _, _, weights in front._blocks) < bank.size / 5
