"""The ears' bench hears the same with all, and says what it could not measure; no test depends on a time."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench import ears


def test_front_end_and_network_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A child prints both parts of our bundle, in ms of CPU per second of sound."""
    np.save(tmp_path / "16000.npy", np.random.default_rng(1).normal(0, 0.1, 96_000).astype(np.float32))
    ears.score("threats@5", 1, str(tmp_path))
    said = json.loads(capsys.readouterr().out)
    assert said["mel_ms"] > 0
    assert said["net_ms"] > 0


def test_a_peer_that_is_not_here_is_told(tmp_path: Path) -> None:
    """Without its weights a peer has a line that names the command that brings them."""
    (line,) = ears._peer("Nobody", "nobody@1", 1, tmp_path, 1.0)
    assert line.figure == "not here"
    assert "otorongo-models add nobody" in line.beside
