"""What every room's tests may ask for."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real recordings and reference figures: `../shared`, or the folder that OTORONGO_SHARED names.

    They are not in the repository, so a test that needs them skips, and says so, where they are absent.
    """
    folder = Path(os.environ.get("OTORONGO_SHARED", ROOT.parent / "shared"))
    if not (folder / "media").is_dir():
        pytest.skip(f"no recordings: {folder / 'media'} is not there (name a folder in OTORONGO_SHARED)")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The quick tests first: who breaks one hears of it at once."""
    items.sort(key=lambda item: [bool(list(item.iter_markers(name))) for name in ("faults", "slow")])
