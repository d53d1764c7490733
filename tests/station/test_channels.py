"""Recordings of several channels: what cancels itself is heard by one of them, everything else by their mean."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from otorongo.models.evaluate.recordings import decode
from otorongo.station.adapters.replay_sound import SoundReader
from otorongo.station.channels import FADE_S, Channels
from otorongo.station.errors import SensorError
from otorongo.station.loudness import level_db
from otorongo.station.samples import Sample, Sound

RATE = 16_000
READER = SoundReader(RATE, 3.0, 1.5)


def noise(seed: int, seconds: float = 12.0, level: float = 0.05) -> Sound:
    """As a forest's, white."""
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def windows(path: Path, position: int = 0) -> tuple[list[Sample], str]:
    """The windows of a file from a place on, and what is told of it."""
    found = []
    try:
        for part in READER(path, position):
            found.append(part.sample)
    except SensorError as error:
        return found, str(error)
    return found, ""


def heard(path: Path) -> tuple[Sound, str]:
    """The whole sound that the windows of a file make, and what is told of it."""
    found, told = windows(path)
    return np.concatenate([one.data[len(one.data) - round(one.new_ms * RATE / 1000) :] for one in found]), told


def written(folder: Path, *channels: Sound) -> Path:
    """A recording of these."""
    path = folder / "20260111_170000.wav"
    soundfile.write(path, np.stack(channels, axis=1), RATE, subtype="FLOAT")
    return path


@pytest.mark.parametrize("gain", [-1.0, -0.85])
def test_two_channels_in_antiphase_are_heard_by_the_louder_and_told(tmp_path: Path, gain: float) -> None:
    """From the first sample on, but for a fade of 20 ms; it is told once, with the channel's number."""
    sound = noise(1)
    path = written(tmp_path, np.float32(gain) * sound, sound)
    found, told = heard(path)
    fade = round(FADE_S * RATE)
    assert np.array_equal(found[fade:], sound[fade:] if gain > -1 else -sound[fade:])
    assert told.count("are nearly silent: channel") == 1
    assert f"channel {2 if gain > -1 else 1} alone" in told
    assert abs(level_db(np.float32(1 / 32768) * decode(path, RATE).astype(np.float32)) - level_db(sound)) < 0.1


def test_a_replay_that_goes_on_in_the_middle_hears_the_same(tmp_path: Path) -> None:
    """After a restart the windows are those that it would have had without one."""
    sound = noise(2)
    path = written(tmp_path, sound, -sound)
    at = 4 * 24_000
    whole, rest = windows(path)[0], windows(path, at)[0]
    assert len(rest) == len(whole) - 4
    assert all(np.array_equal(a.data, b.data) for a, b in zip(whole[4:], rest, strict=True))


@pytest.mark.parametrize(
    "others",
    [
        (noise(4),),
        (noise(3),),
        (np.zeros_like(noise(3)),),
        (0.7 * noise(3) + 0.7 * noise(4),),
        (np.float32(-0.5) * noise(3),),
        (noise(4), noise(5), noise(6), np.zeros_like(noise(3))),
    ],
    ids=["apart", "alike", "one dead", "in part alike", "turned and fainter", "five"],
)
def test_other_recordings_are_heard_by_their_mean(tmp_path: Path, others: tuple[Sound, ...]) -> None:
    """Bit for bit as ever, and nothing is told."""
    channels = np.stack([noise(3), *others], axis=1)
    found, told = heard(written(tmp_path, *channels.T))
    assert np.array_equal(found, channels.mean(axis=1, dtype=np.float32))
    assert told == ""


def test_one_live_channel_among_sixteen_is_heard_as_loud_as_it_is(tmp_path: Path) -> None:
    """The mean would take 24 dB of it."""
    sound = noise(7, 4.0)
    found, told = heard(written(tmp_path, *[np.zeros_like(sound)] * 5, sound, *[np.zeros_like(sound)] * 10))
    assert level_db(found) == pytest.approx(level_db(sound), abs=0.1)
    assert "channel 6 alone" in told


def test_silence_tells_nothing(tmp_path: Path) -> None:
    """Channels without sound, or with nothing but offsets that cancel, are silence."""
    offset = np.full(4 * RATE, 0.2, np.float32)
    for channels in ((0 * offset, 0 * offset), (offset, -offset)):
        found, told = heard(written(tmp_path, *channels))
        assert (float(np.ptp(found)), told) == (0.0, "")


def test_an_offset_of_both_channels_hides_nothing(tmp_path: Path) -> None:
    """A recorder with the same constant offset on both has it in the mean, where nothing can be heard all the same."""
    sound = noise(8, level=0.002)
    found, told = heard(written(tmp_path, sound + np.float32(0.1), np.float32(0.1) - sound))
    assert level_db(found) == pytest.approx(level_db(sound), abs=0.3)
    assert told


def test_where_it_begins_in_the_middle_is_no_step() -> None:
    """From the mean to one channel it goes little by little, and never back; a short block decides nothing."""
    channels, low = Channels(RATE), np.full(RATE, 0.3, np.float32)
    wave = 0.5 * np.sin(np.arange(RATE) / 300).astype(np.float32)
    pair = np.stack([low + wave, low - wave], axis=1)
    assert channels.mono(pair[:1000]).std() < 1e-6
    assert channels.alone is None
    first = channels.mono(pair[1000:])
    assert abs(first[0] - 0.3) < 1e-6
    assert np.abs(np.diff(first)).max() < 0.01
    alike = np.stack([wave, wave], axis=1)
    alike[:, 1] *= 0.5
    assert np.array_equal(channels.mono(alike), wave)
