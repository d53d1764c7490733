"""Masks and zones: polygons that are none are refused with a reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.station.view import View, area, fault_of, inside, open_share

SQUARE = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))


@pytest.mark.parametrize(
    ("points", "word"),
    [
        (((0, 0), (1, 1)), "at least 3"),
        (((0, 0), (1, 0), (1, 1.2)), "outside"),
        (((0, 0), (0.5, 0.5), (1, 1)), "no area"),
        (((0, 0), (1, 1), (1, 0), (0, 0.8)), "cross"),
        (((0, 0), (1, 1), (1, 0), (0, 1)), "cross"),
    ],
)
def test_what_is_no_polygon_is_told_with_its_reason(points: tuple[tuple[float, float], ...], word: str) -> None:
    """Too few points, outside of the picture, on a line, crossing itself."""
    assert word in fault_of(points)


def test_a_polygon_may_be_hollow() -> None:
    """An L is one; what lies in its hollow is outside."""
    corner = ((0.0, 0.0), (1.0, 0.0), (1.0, 0.2), (0.2, 0.2), (0.2, 1.0), (0.0, 1.0))
    assert not fault_of(corner)
    assert inside(corner, (0.1, 0.9))
    assert not inside(corner, (0.6, 0.6))
    assert area(corner) == pytest.approx(0.36)


def test_how_much_of_a_picture_is_left() -> None:
    """A zone less a mask, to a percent or two."""
    assert open_share(View()) == 1.0
    assert open_share(View(masks=(SQUARE,))) == pytest.approx(0.75, abs=0.02)
    assert open_share(View(zones=(SQUARE,))) == pytest.approx(0.25, abs=0.02)
    assert open_share(View(masks=(SQUARE,), zones=(SQUARE,))) == 0.0


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=3))
def test_the_middle_of_a_triangle_lies_in_it(points: list[tuple[float, float]]) -> None:
    """Whichever way round its points are given."""
    triangle = tuple(points)
    if not fault_of(triangle):
        middle = (sum(x for x, _ in points) / 3, sum(y for _, y in points) / 3)
        assert inside(triangle, middle)
        assert inside(triangle[::-1], middle)
