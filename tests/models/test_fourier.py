"""The lowest lines of a Fourier series, by short transforms."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from otorongo.models.fourier import Lowest


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 4000), st.integers(0, 2**32 - 1), st.data())
def test_the_lowest_lines_are_those_of_the_whole_transform(size: int, seed: int, data: st.DataObject) -> None:
    """Of any size and of any number of lines, within what single precision can hold."""
    kept = data.draw(st.integers(1, size // 2 + 1))
    piece = np.random.default_rng(seed).normal(0.1, 1.0, size).astype(np.float32)
    whole = np.fft.rfft(piece.astype(np.float64))
    found = Lowest(size, kept)(piece)
    assert found.shape == (kept,)
    assert np.abs(found - whole[:kept]).max() <= 2e-6 * np.abs(whole).max()


def test_a_long_piece_is_cut_into_many_parts() -> None:
    """A second and a half of sound needs transforms of a quarter of its length for the lines up to 1.6 kHz."""
    assert Lowest(24_000, 2401)._parts == 4
    assert Lowest(48_000, 751)._parts == 32
    assert Lowest(24_000, 12_001)._parts == 1
