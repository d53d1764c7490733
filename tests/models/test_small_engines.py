"""Rendered small engines and wings: what tells each from a saw is in its sound."""

import numpy as np
import pytest

from otorongo.models.train import near, scenes, soundscape
from otorongo.models.train.draws import LOOKALIKES, RENDERED
from otorongo.models.train.small_engines import brush_cutter, leaf_blower, motorbike

RATE_HZ = 16_000
SEEDS = range(6)


def line_hz(sound: np.ndarray, low_hz: float, high_hz: float) -> float:
    """The strongest line of a sound between two frequencies."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    bins_hz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    inside = (bins_hz >= low_hz) & (bins_hz <= high_hz)
    return float(bins_hz[inside][power[inside].argmax()])


def share_above(sound: np.ndarray, hz: float) -> float:
    """Share of the power above a frequency."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    return float(power[np.fft.rfftfreq(len(sound), 1 / RATE_HZ) >= hz].sum() / power.sum())


def test_a_leaf_blower_is_more_air_than_a_motorbike() -> None:
    """Over 1 kHz a leaf blower has many times the share of power that a motorbike has."""
    air = np.median([share_above(leaf_blower(6.0, RATE_HZ, seed), 1000) for seed in SEEDS])
    road = np.median([share_above(motorbike(6.0, RATE_HZ, seed), 1000) for seed in SEEDS])
    assert air > 2 * road


def test_a_brush_cutter_keeps_its_speed_where_a_saw_does_not() -> None:
    """Held, it fires 85 to 160 times a second in every half second, within a tenth; it idles between bouts alone."""
    for seed in SEEDS:
        sound = brush_cutter(8.0, RATE_HZ, seed).reshape(-1, RATE_HZ // 2)
        loud = sorted(sound, key=lambda part: -float(np.mean(part**2)))[:6]
        speeds = [line_hz(part, 85, 160) for part in loud]
        assert np.ptp(speeds) / np.median(speeds) < 0.15


def test_a_motorbike_changes_its_speed() -> None:
    """Over twenty seconds of gears its firing line moves by a third and more."""
    moved = []
    for seed in SEEDS:
        parts = motorbike(20.0, RATE_HZ, seed).reshape(-1, RATE_HZ)
        speeds = [line_hz(part, 15, 160) for part in parts]
        moved.append(np.ptp(speeds) / np.median(speeds))
    assert np.median(moved) > 0.33


def test_wings_come_and_go() -> None:
    """Within ten seconds what hums at the membrane is at times at least 12 dB quieter than at others."""
    for seed in SEEDS:
        levels = np.sqrt(np.mean(near.wings(10.0, RATE_HZ, seed).reshape(-1, RATE_HZ // 4) ** 2, axis=1))
        assert levels.max() > 4 * np.quantile(levels, 0.1)


@pytest.mark.parametrize("voice", ["brush_cutter", "leaf_blower", "motorbike", "wings"])
def test_a_voice_can_be_placed_in_a_scene(voice: str) -> None:
    """Each has a level and a length, and is trained as something that is no saw."""
    assert voice in scenes.LEVEL_DB
    assert voice in soundscape.LENGTH_S
    assert "chainsaw" not in " ".join(RENDERED[voice])


def test_whatever_is_trained_with_can_be_rendered() -> None:
    """Every voice of the mixtures is one of the scenes, and what is taken for a saw is among them."""
    assert set(RENDERED) <= set(scenes.VOICES)
    assert set(LOOKALIKES) <= set(RENDERED)
