"""The teacher: YAMNet's scores and embedding of a mixture, at whatever level it comes."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="the extra `litert` is not installed")

from otorongo.models.train import scenes, teacher
from otorongo.models.train.chunks import TOLD
from otorongo.models.train.mixtures import RATE_HZ, WINDOW


@pytest.fixture(scope="module")
def yamnet(shared: Path) -> teacher.Teacher:
    """The teacher, from the shared weights."""
    path = shared / "weights" / "yamnet_spectra_in.tflite"
    if not path.is_file():
        pytest.skip(f"no weights: {path} is not there")
    return teacher.Teacher(path)


def test_the_teacher_hears_all_at_one_level(yamnet: teacher.Teacher) -> None:
    """A voice forty times softer has the same scores and embedding, of the stated sizes; silence has finite ones."""
    sound = scenes.VOICES["chainsaw"](3.0, RATE_HZ, 5)[:WINDOW].astype(np.float32)
    logits, inner = yamnet.opinion(sound)
    assert (logits.shape, inner.shape) == ((teacher.OUTPUTS,), (teacher.EMBEDDING,))
    softer = yamnet.opinion(sound / 40)
    assert np.abs(softer[0] - logits).max() < 0.3
    assert np.corrcoef(softer[1], inner)[0, 1] > 0.99
    for silent in yamnet.opinion(np.zeros(WINDOW, np.float32)):
        assert np.isfinite(silent).all()


def test_the_teacher_tells_an_engine_from_rain(yamnet: teacher.Teacher) -> None:
    """A rendered saw's best engine score is above its best rain score, and the other way for rendered rain."""
    above = {}
    for voice in ("chainsaw", "rain"):
        logits, _ = yamnet.opinion(scenes.VOICES[voice](3.0, RATE_HZ, 5)[:WINDOW].astype(np.float32))
        engine = max(logits[list(TOLD["engine"])].max(), logits[list(TOLD["chainsaw"])].max())
        above[voice] = float(engine - logits[list(TOLD["rain"])].max())
    assert above["chainsaw"] > 0 > above["rain"]


def test_a_window_is_cut_into_patches_end_to_end(yamnet: teacher.Teacher) -> None:
    """Three seconds give three patches of 0.96 s; a patch holds what its own time holds."""
    sound = np.zeros(WINDOW, np.float32)
    sound[RATE_HZ // 2 : RATE_HZ // 2 + 800] = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(800) / RATE_HZ)
    patches = yamnet.patches(sound)
    assert patches.shape == (3, 96, 64)
    assert patches[0].max() > 0 > patches[1].max()
