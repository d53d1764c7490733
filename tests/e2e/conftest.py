"""Recordings, a phone and a database for whole ways through the house."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from demo.phone import Phone
from otorongo.models.train.scenes import Source, render_soundscape
from tests.hub.conftest import postgres_database, postgres_url

__all__ = ["postgres_database", "postgres_url"]

RATE = 16_000


@pytest.fixture(scope="session")
def saws(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders: the same chainsaw, rendered, as two stations hear it."""
    folders = []
    for name, distance_m in (("near", 100.0), ("far", 130.0)):
        folder = tmp_path_factory.mktemp(name)
        saw = Source("chainsaw", start_s=6, seconds=24, distance_m=distance_m)
        soundfile.write(folder / "20260111_170000.flac", render_soundscape([saw], 36.0, RATE, seed=5), RATE)
        folders.append(folder)
    return folders[0], folders[1]


@pytest.fixture
def phone() -> Iterator[Phone]:
    """A phone that takes what Apprise sends."""
    one = Phone()
    yield one
    one.close()
