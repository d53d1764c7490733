"""The bench runs; no test depends on a time."""

import importlib

import pytest

from bench import wire
from bench.__main__ import MODULES, machine
from bench.child import python


def test_the_wire_is_measured_beside_both_peers() -> None:
    """Openings and closings, alone and in a batch, and what BirdNET-Go and Frigate take for the same."""
    lines = wire.measure()
    assert len(lines) == 5
    for line in lines[:4]:
        assert "BirdNET-Go" in line.beside
        assert "Frigate" in line.beside
        assert float(line.figure.removesuffix(" B")) > 0


@pytest.mark.parametrize("name", MODULES)
def test_every_part_can_be_measured(name: str) -> None:
    """Each module of the table has a function that gives its lines."""
    assert callable(importlib.import_module(f"bench.{name}").measure)


def test_a_child_is_measured_without_its_parent() -> None:
    """Memory is the child's own high-water mark; a child that fails is told with what it said."""
    grown = [0] * 20_000_000  # 160 MB in this process
    took = python("import time; time.sleep(0.2)")
    assert 1 < took.rss_mb < 100
    assert took.wall_s >= 0.2
    assert len(grown) == 20_000_000
    with pytest.raises(RuntimeError, match="went wrong"):
        python("raise SystemExit('went wrong')")
    assert "Python" in machine()
