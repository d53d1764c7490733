"""Who can open a sealed piece, in four bytes each."""

from hypothesis import given
from hypothesis import strategies as st

from otorongo.wire import sealed

keys = st.text("023456789acdefghjklmnpqrstuvwxyz", min_size=58, max_size=58).map("age1".__add__)


@given(st.sets(keys, max_size=16))
def test_every_recipient_is_found_again(recipients: set[str]) -> None:
    """What a row carries holds the fingerprint of each recipient and no other, whatever their order."""
    field = sealed.fingerprints(recipients)
    assert len(field) <= 64
    assert sealed.split(field) == tuple(sorted(sealed.fingerprint(one) for one in recipients))
    assert sealed.fingerprints(sorted(recipients, reverse=True)) == field


@given(st.binary(max_size=64))
def test_a_field_of_any_length_is_split_without_error(field: bytes) -> None:
    """A damaged or newer field gives whole fingerprints only."""
    assert b"".join(sealed.split(field)) == field[: len(field) // 4 * 4]
