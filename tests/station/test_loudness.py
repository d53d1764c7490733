"""How loud a window is, beside whatever offset a sound card adds."""

import numpy as np
import pytest

from otorongo.station.loudness import level_db


@pytest.mark.parametrize("offset", [0.0, 0.1, -0.5, 0.99])
@pytest.mark.parametrize("level", [-5.0, -18.0, -40.0, -85.0])
def test_an_offset_changes_no_level(offset: float, level: float) -> None:
    """Of noise far below an offset, as far as numbers of 32 bits hold it."""
    noise = 10 ** (level / 20) * np.random.default_rng(3).standard_normal(48_000)
    sound = (offset + noise).astype(np.float32)
    assert level_db(sound) == pytest.approx(10 * np.log10(np.var(sound.astype(np.float64))), abs=0.1)
