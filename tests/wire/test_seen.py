"""Boxes and names of a visit fit their bytes and come back."""

from hypothesis import given
from hypothesis import strategies as st

from otorongo.wire import seen

shares = st.floats(0, 1)
boxes = st.lists(st.builds(seen.Box, st.integers(0, 255), shares, shares, shares, shares, shares), max_size=40)
names = st.lists(st.builds(seen.Name, st.integers(0, 0xFFFF), shares), max_size=12)


@given(boxes)
def test_boxes_come_back_within_half_a_step(given_boxes: list[seen.Box]) -> None:
    """Of many, the first 32 travel; no share is off by more than half of 1/255."""
    back = seen.unpack_boxes(seen.pack_boxes(given_boxes))
    assert len(back) == min(len(given_boxes), seen.MOST_BOXES)
    for one, other in zip(given_boxes, back, strict=False):
        assert one.cls == other.cls
        assert all(abs(a - b) <= 0.5 / 255 + 1e-9 for a, b in zip(one[1:], other[1:], strict=True))


@given(names)
def test_names_come_back(given_names: list[seen.Name]) -> None:
    """Of many, the first 8 travel, each with its number."""
    back = seen.unpack_names(seen.pack_names(given_names))
    assert [one.species for one in back] == [one.species for one in given_names[: seen.MOST_NAMES]]


kinds = st.lists(
    st.builds(seen.Kind, st.integers(0, 0xFFFF), shares, st.integers(0, 255), st.integers(0, 300)), max_size=9
)


@given(kinds)
def test_kinds_come_back(given_kinds: list[seen.Kind]) -> None:
    """Of many, the first 6 travel, each with its number, its source and how many there were, up to 255."""
    back = seen.unpack_kinds(seen.pack_kinds(given_kinds))
    assert len(back) == min(len(given_kinds), seen.MOST_KINDS)
    for one, other in zip(given_kinds, back, strict=False):
        assert (one.species, one.source, min(255, one.most)) == (other.species, other.source, other.most)
        assert abs(one.p - other.p) <= 0.5 / 255 + 1e-9


@given(st.binary(max_size=200))
def test_any_bytes_are_read(data: bytes) -> None:
    """A hostile station's bytes are boxes, names and kinds of something, and break nothing."""
    assert len(seen.unpack_boxes(data)) == len(data) // 6
    assert len(seen.unpack_names(data)) == len(data) // 3
    assert len(seen.unpack_kinds(data)) == len(data) // 5


def test_what_is_out_of_bounds_is_brought_to_them() -> None:
    """A box that reaches over the frame's edge is cut off there."""
    assert seen.unpack_boxes(seen.pack_boxes([seen.Box(33, 1.2, -0.1, 0, 1, 1)])) == (seen.Box(33, 1, 0, 0, 1, 1),)
