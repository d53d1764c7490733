"""What every room's tests may ask for."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from otorongo import language

# As in the station's processes, and before numpy is loaded: threads that spin take the time of the tests beside.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

language.speak("en")  # for whoever copies the environment while tests are gathered

settings.register_profile("otorongo", deadline=None)  # a time says what else the machine does, not what is right
settings.load_profile("otorongo")

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _in_english() -> None:
    """Every test begins with commands that speak English, whatever the machine or the test before it speaks."""
    language.speak("en")


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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The quick tests first: who breaks one hears of it at once.

    Where several processes share the work, one begins with the longest, and the quick ones run beside it.
    """
    ranks = [[bool(list(item.iter_markers(name))) for name in ("faults", "slow")] for item in items]
    if hasattr(config, "workerinput"):
        ranks = [[not any(rank)] for rank in ranks]
    items[:] = [item for _, item in sorted(zip(ranks, items, strict=True), key=lambda both: both[0])]
