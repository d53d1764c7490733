"""Golden files freeze version 1: whoever breaks it breaks these."""

import pytest

from tests.wire.golden import ALL, FOLDER, Golden

each = pytest.mark.parametrize("golden", ALL, ids=lambda golden: golden.name)


def _bytes(golden: Golden) -> bytes:
    return bytes.fromhex((FOLDER / f"{golden.name}.hex").read_text().replace("\n", ""))


@each
def test_a_golden_file_decodes_to_its_values(golden: Golden) -> None:
    """What a station of version 1 once sent is still read."""
    assert golden.decode(_bytes(golden)) == golden.value


@each
def test_the_values_encode_to_the_golden_file(golden: Golden) -> None:
    """What this program sends is what version 1 has always sent; deflated bytes may differ between zlib's versions."""
    now, then = golden.encode(golden.value), _bytes(golden)
    if now != then:
        assert golden.name == "batch-every-row"
        assert golden.decode(now) == golden.decode(then)


def test_every_golden_file_is_read() -> None:
    """No file lies in the folder unread."""
    assert {path.stem for path in FOLDER.iterdir()} == {golden.name for golden in ALL}
