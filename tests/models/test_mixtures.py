"""Training mixtures say only what can be heard."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from otorongo.models.train import mixtures
from otorongo.models.train.mixtures import RATE_HZ, WINDOW, Clip, crop, loudness

SAW, BED = frozenset({"chainsaw"}), frozenset({"wind"})


def tone(seconds: float, level: float = 8000.0) -> np.ndarray:
    """A tone as recordings are stored."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return np.round(level * np.sin(2 * np.pi * 150 * time_s)).astype(np.int16)


def clip(sound: np.ndarray) -> Clip:
    """A recording of a saw."""
    return Clip(sound, SAW, BED, rendered=False, loudest=mixtures._loudest(sound))


@pytest.mark.parametrize("seconds", [0.2, 2.9, 3.0, 3.3, 20.0])
@pytest.mark.parametrize("whole", [False, True])
def test_a_cut_is_one_window_of_unit_level_at_any_speed(seconds: float, whole: bool) -> None:
    """Short or long, faster or slower, what comes is a finite window whose loud part has level 1."""
    for seed in range(12):
        sound, heard = crop(clip(tone(seconds)), np.random.default_rng(seed), whole=whole)
        assert sound.shape == (WINDOW,)
        assert np.isfinite(sound).all()
        assert loudness(sound) == pytest.approx(1.0, abs=0.01)
        assert heard.positive == SAW


def test_recordings_are_played_faster_and_slower() -> None:
    """The pitch of a recording differs from cut to cut, by a quarter at most and not always."""
    pitches = []
    for seed in range(40):
        sound, _ = crop(clip(tone(12.0)), np.random.default_rng(seed))
        pitches.append(float(np.argmax(np.abs(np.fft.rfft(sound)))) * RATE_HZ / WINDOW)
    assert sum(abs(hz - 150) < 1 for hz in pitches) in range(5, 25)
    assert 110 < min(pitches) < 135
    assert 165 < max(pitches) < 204


def test_a_silent_part_of_a_saw_recording_is_no_saw() -> None:
    """Where a recording is far below its loudest window, its label counts as unknown; elsewhere it stands."""
    recording = clip(np.concatenate([tone(4.0), tone(60.0, 20.0)]))
    seen = {}
    for seed in range(60):
        sound, heard = crop(recording, np.random.default_rng(seed))
        assert heard.positive | heard.unknown >= SAW
        seen[bool(heard.positive)] = sound
    assert set(seen) == {True, False}


def test_a_short_shot_has_the_level_of_its_blast() -> None:
    """A blast of 30 ms in silence counts 12 dB below its loudest block, not as the silence around it."""
    sound = np.zeros(WINDOW, np.float32)
    sound[9600:10080] = 1.0
    assert loudness(sound) == pytest.approx(0.25)


def test_a_wet_or_blocked_membrane_takes_the_high_part() -> None:
    """Of white noise the part over 4 kHz loses at least as much as the part under 100 Hz; labels stay with it."""
    rng = np.random.default_rng(3)
    noise = rng.standard_normal(WINDOW).astype(np.float32)
    bins_hz = np.fft.rfftfreq(WINDOW, 1 / RATE_HZ)
    lost = []
    for seed in range(20):
        ((sound, heard),) = mixtures.muffled([(noise, clip(tone(3.0)))], np.random.default_rng(seed))
        before, after = (np.abs(np.fft.rfft(each)) ** 2 for each in (noise, sound))
        low, high = (10 * np.log10(after[part].sum() / before[part].sum()) for part in (bins_hz < 100, bins_hz > 4000))
        assert sound.shape == (WINDOW,)
        assert heard.positive == SAW
        assert low > -3
        lost.append(low - high)
    assert min(lost) > 3
    assert max(lost) > 30


def test_a_mixture_says_whether_a_lookalike_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flag is set when, and only when, one of the layers is a rendered voice that is taken for a threat."""
    saw = clip(tone(6.0))
    wings = replace(saw, positive=frozenset({"other"}), rendered=True, near=True, alike=True)
    seen = set()
    for event in (saw, wings):
        shelf = cast("mixtures.Shelf", SimpleNamespace(every={"a": [saw]}, bed=lambda _rng: saw))
        mixer = mixtures.Mixer(shelf)
        monkeypatch.setattr(shelf, "draw", lambda *_, event=event: event, raising=False)
        monkeypatch.setattr(mixer, "_plain", lambda rng: crop(saw, rng))
        monkeypatch.setattr(mixer, "_name", lambda _rng: "chainsaw")
        seen |= {(event.alike, mixer.mixture(seed)[2]) for seed in range(12)}
    assert seen == {(False, False), (True, False), (True, True)}
