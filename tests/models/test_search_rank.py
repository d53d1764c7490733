"""Which windows are alike: the pure part."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from otorongo.models.search_rank import alike, middle, nearest, unit

NONE = np.zeros((0, 4), np.float32)
rows = st.lists(st.lists(st.integers(-128, 127), min_size=4, max_size=4), min_size=1, max_size=30)


@given(rows, rows)
def test_alike_is_a_cosine(some: list[list[int]], wanted: list[list[int]]) -> None:
    """From -1 to 1 whatever the bytes; what is wanted is alike itself; loudness does not count."""
    vectors, likes = np.array(some, np.int8), unit(np.array(wanted, np.int8))
    found = alike(vectors, likes, NONE)
    assert found.shape == (len(some),)
    assert (abs(found) <= 1 + 1e-5).all()
    assert np.allclose(alike(vectors.astype(np.float32) * 3, likes, NONE), found, atol=1e-5)
    if np.any(wanted[0]):
        assert alike(np.array(wanted[:1], np.int8), likes, NONE)[0] > 1 - 1e-5


@given(rows, rows, rows)
def test_what_it_is_not_only_takes_away(some: list[list[int]], wanted: list[list[int]], not_: list[list[int]]) -> None:
    """No window gains by being unlike something."""
    vectors, likes, unlikes = np.array(some), unit(np.array(wanted)), unit(np.array(not_))
    assert (alike(vectors, likes, unlikes) <= alike(vectors, likes, NONE) + 1e-6).all()


@given(
    st.lists(st.lists(st.tuples(st.floats(-1, 1, width=32), st.integers(0, 200)), max_size=15), max_size=4),
    st.integers(1, 10),
    st.integers(0, 50),
)
def test_the_best_are_told_once_and_apart(parts: list[list[tuple[float, int]]], top: int, apart: int) -> None:
    """In order; none near a better one of its group; and nothing is left out but for one that is told or better."""
    scored = [np.array([value for value, _ in part], np.float32) for part in parts]
    times = [np.array([at for _, at in part], np.float64) for part in parts]
    groups = [number % 2 for number in range(len(parts))]
    found = nearest(scored, groups, times, top, apart)
    assert len(found) <= top
    assert [hit.alike for hit in found] == sorted((hit.alike for hit in found), reverse=True)
    told = [(groups[hit.part], times[hit.part][hit.row]) for hit in found]
    for number, (group, at) in enumerate(told):
        assert all(group != other or abs(at - when) >= apart for other, when in told[:number])
    if len(found) < top:  # then every other window is near one that was told
        for part, when in enumerate(times):
            for at in when:
                near = apart == 0 or any(groups[part] == group and abs(at - other) < apart for group, other in told)
                assert near
        if apart == 0:
            assert len(found) == sum(map(len, parts))


def test_several_windows_have_one_middle() -> None:
    """Each counts alike, however loud."""
    assert np.allclose(middle(np.array([[100, 0, 0, 0], [0, 1, 0, 0]])), [0.5**0.5, 0.5**0.5, 0, 0])
    assert not middle(np.zeros((2, 4))).any()
