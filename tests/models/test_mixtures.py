"""Training mixtures say only what can be heard."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from otorongo.models.train import mixtures
from otorongo.models.train.chunks import load_chunks
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


def share_over(sound: np.ndarray, hz: float) -> float:
    """Of the power, what lies above a frequency."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    return float(power[np.fft.rfftfreq(len(sound), 1 / RATE_HZ) > hz].sum() / power.sum())


def test_degrading_clips_some_and_cuts_the_band_of_some() -> None:
    """A window keeps its length in steps of 16 bits; some are clipped, some lose the high part, some are faint."""
    noise = np.random.default_rng(3).standard_normal(WINDOW).astype(np.float32)
    clipped, high, peaks = [], [], []
    for seed in range(80):
        sound = mixtures._degrade(noise, np.random.default_rng(seed))
        assert sound.shape == (WINDOW,)
        assert sound.dtype == np.float32
        assert np.isfinite(sound).all()
        assert np.abs(sound * 32767 - np.round(sound * 32767)).max() < 0.01
        peaks.append(float(np.abs(sound).max()))
        clipped.append(float((np.abs(sound) > 0.9999).mean()))
        high.append(share_over(sound, 6000))
    assert sum(each > 1.0 for each in peaks) <= 4  # what a codec makes of a clipped window
    assert min(peaks) < 0.05
    assert 1 <= sum(each > 0.001 for each in clipped) <= 20
    assert min(high) < 0.1 * float(np.median(high))
    assert float(np.median(high)) > 0.05


@pytest.mark.parametrize("kind", [0, 1, 2])
@pytest.mark.parametrize("samples", [WINDOW, 12_345])
def test_a_codec_leaves_the_sound_what_it_is(kind: int, samples: int) -> None:
    """Vorbis, Opus and MP3 give the same length, the same two tones, and 0.9 of the level."""
    time_s = np.arange(samples) / RATE_HZ
    sound = (0.4 * np.sin(2 * np.pi * 500 * time_s) + 0.2 * np.sin(2 * np.pi * 1500 * time_s)).astype(np.float32)
    rng = cast("np.random.Generator", SimpleNamespace(integers=lambda _count: kind))
    back = mixtures._through_codec(sound, rng)
    assert back.shape == sound.shape
    assert np.isfinite(back).all()
    before, after = (np.abs(np.fft.rfft(each * np.hanning(samples))) for each in (sound, back))
    for hz in (500, 1500):
        place = round(hz * samples / RATE_HZ)
        assert after[place - 1 : place + 2].max() == pytest.approx(0.9 * before[place], rel=0.1)
    assert share_over(back, 2000) < 0.01


class OneSaw(mixtures.Mixer):
    """Mixtures of nothing but a saw over itself."""

    def __init__(self) -> None:
        saw = clip(tone(6.0))
        super().__init__(cast("mixtures.Shelf", SimpleNamespace(every={"a": [saw]}, bed=lambda _rng: saw)))
        self.shelf.draw = lambda *_: saw  # type: ignore[method-assign]


def test_chunks_are_kept_after_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A half-written chunk is neither read nor counted; what is there is kept, and the rest made as if never killed."""
    monkeypatch.setattr(mixtures, "CHUNK", 3)
    worker: dict[str, Any] = {"mixer": OneSaw(), "teacher": None}
    monkeypatch.setattr(mixtures, "_worker", worker)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    for job in mixtures.missing(whole, 7):
        mixtures._chunk(job)
    expected = load_chunks(whole, 0, "alike")
    assert [len(each) for each in expected] == [9, 9, 9]
    mixtures._chunk(mixtures.missing(killed, 7)[0])
    made = (killed / "00000.npz").stat().st_mtime_ns

    def cut_short(path: Path, **_: Any) -> None:
        path.write_bytes((whole / "00001.npz").read_bytes()[:2000])
        raise KeyboardInterrupt

    with monkeypatch.context() as during:
        during.setattr(np, "savez", cut_short)
        with pytest.raises(KeyboardInterrupt):
            mixtures._chunk(mixtures.missing(killed, 7)[0])
    assert [path.name for path in sorted(killed.iterdir())] == ["00000.npz", "00001.part.npz"]
    assert len(load_chunks(killed)[0]) == len(load_chunks(killed, 2)[0]) == 3
    again = mixtures.missing(killed, 7)
    assert [number for number, _ in again] == [1, 2]
    for job in again:
        mixtures._chunk(job)
    assert (killed / "00000.npz").stat().st_mtime_ns == made
    assert mixtures.missing(killed, 7) == []
    for one, other in zip(load_chunks(killed, 0, "alike"), expected, strict=True):
        assert (one == other).all()


def test_mixtures_without_chunks_or_teacher_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing was mixed, or the teacher not asked and yet wanted, the command to run is named."""
    with pytest.raises(SystemExit, match="no mixtures; run python -m"):
        load_chunks(tmp_path)
    monkeypatch.setattr(mixtures, "CHUNK", 1)
    monkeypatch.setattr(mixtures, "_worker", {"mixer": OneSaw(), "teacher": None})
    mixtures._chunk((0, tmp_path / "00000.npz"))
    with pytest.raises(SystemExit, match="make the mixtures with --teacher"):
        load_chunks(tmp_path, 0, "teacher")
