"""What quantizing costs is counted by recording."""

import numpy as np
import pytest

from otorongo.models.train.gate_sound import drop, verdict


def test_the_drop_is_paired_and_its_interval_goes_by_recording() -> None:
    """Two recordings of three lose one window in four: the drop is a sixth, and between nothing and a quarter."""
    recording = np.repeat([0, 1, 2], 8)
    floats = np.ones(24, bool)
    int8 = floats.copy()
    int8[[0, 4, 8, 12]] = False
    lost, low, high = drop(floats, int8, recording)
    assert lost == pytest.approx(4 / 24)
    assert low == 0.0
    assert high == pytest.approx(0.25)


def test_windows_gained_and_lost_cancel() -> None:
    """A network that hears other windows, as many, loses nothing."""
    floats = np.array([True, False] * 10)
    assert drop(floats, ~floats, np.zeros(20, int))[0] == 0.0


@pytest.mark.parametrize(
    ("lost", "recordings", "said"),
    [(0.02, 5, "fails"), (0.011, 90, "fails"), (0.01, 19, "not shown"), (0.0, 20, "passes"), (-0.1, 90, "passes")],
)
def test_few_recordings_show_nothing(lost: float, recordings: int, said: str) -> None:
    """Over a point fails in any case; below twenty recordings nothing passes."""
    assert verdict(lost, recordings) == said
