"""What each class of a training mixture should be, and the network's input from what is kept of it."""

import numpy as np
import pytest

from otorongo.models.mel import Spectrogram
from otorongo.models.train.chunks import DOUBTFUL, TOLD, as_input, targets
from otorongo.models.train.labels import CLASSES
from otorongo.models.train.mixtures import INPUT, LOWEST_DB, STEP_DB, WINDOW

COUNT = 400


def asked(name: str, sure: bool = True) -> tuple[np.ndarray, np.ndarray, int]:
    """Labels of a class, half 1 and half 0, logits of a teacher that tells them apart (or not), and its place."""
    rng = np.random.default_rng(5)
    labels = np.zeros((COUNT, len(CLASSES)), np.int8)
    labels[: COUNT // 2, CLASSES.index(name)] = 1
    teacher = rng.normal(-6, 1, (COUNT, 521)).astype(np.float16)
    if sure:
        teacher[: COUNT // 2, TOLD[name][0]] += 8
    return labels, teacher, CLASSES.index(name)


def test_a_label_of_nothing_stays_nothing_whatever_the_teacher_says() -> None:
    """A leaf blower that the teacher takes for a saw is none, with full weight."""
    labels, teacher, saw = asked("chainsaw")
    teacher[-50:, TOLD["chainsaw"][0]] = 8.0
    wanted, weight = targets(labels, teacher)
    assert (wanted[labels == 0] == 0.0).all()
    assert (weight[:, saw] == 1.0).all()


def test_of_a_label_the_teacher_says_a_fifth() -> None:
    """Where our label says saw, the target is from 0.8 to 1, the higher the surer the teacher; the weight is whole."""
    labels, teacher, saw = asked("chainsaw")
    teacher[:20, TOLD["chainsaw"][0]] = -8.0
    wanted, weight = targets(labels, teacher)
    sure, doubting = wanted[20 : COUNT // 2, saw], wanted[:20, saw]
    assert (doubting >= 0.8).all()
    assert doubting.max() < 0.85
    assert sure.min() > doubting.max()
    assert sure.mean() > 0.95
    assert (weight[: COUNT // 2, saw] == 1.0).all()


def test_where_nothing_is_known_the_teacher_counts_half() -> None:
    """An unknown label becomes the teacher's probability with half the weight; one it does not know has no weight."""
    labels, teacher, saw = asked("chainsaw")
    unknown = np.r_[0:20, COUNT - 20 : COUNT]
    labels[unknown, saw] = -1
    labels[unknown, CLASSES.index("other")] = -1
    wanted, weight = targets(labels, teacher)
    assert (weight[unknown, saw] == 0.5).all()
    assert wanted[:20, saw].min() > 0.8
    assert wanted[-20:, saw].max() < 0.2
    assert "other" not in TOLD
    assert (weight[unknown, CLASSES.index("other")] == 0.0).all()


@pytest.mark.parametrize("name", ["thunder", "chainsaw"])
def test_a_silent_window_of_a_doubtful_class_goes_by_the_teacher(name: str) -> None:
    """Thunder that the teacher does not hear in a window is doubted, half weight; a saw's recording is a saw."""
    labels, teacher, place = asked(name)
    teacher[:5, list(TOLD[name])] = -14.0
    wanted, weight = targets(labels, teacher)
    doubted = name in DOUBTFUL
    assert doubted == (name == "thunder")
    assert (wanted[:5, place] < 0.03).all() == doubted
    assert (weight[:5, place] == (0.5 if doubted else 1.0)).all()
    assert (weight[5:, place] == 1.0).all()


def test_a_teacher_that_knows_nothing_teaches_nothing() -> None:
    """Where its scores do not go with our labels, what is unknown becomes the share that the class has."""
    labels, teacher, saw = asked("chainsaw", sure=False)
    labels[:40, saw] = -1
    wanted, _ = targets(labels, teacher)
    assert wanted[:40, saw] == pytest.approx(160 / 360, abs=0.15)


def test_what_is_kept_is_what_a_station_feeds_the_network() -> None:
    """A spectrogram kept in steps of half a decibel is the station's own input to within a quarter of one."""
    front = Spectrogram(INPUT)
    sound = np.random.default_rng(7).normal(0, 0.1, WINDOW).astype(np.float32)
    kept = np.clip(np.round((front.decibels(sound) - LOWEST_DB) / STEP_DB), 0, 255).astype(np.uint8)
    given = as_input(kept[None])
    assert given.shape == (1, 1, INPUT.n_mels, INPUT.frames)
    assert given.dtype == np.float32
    assert np.abs(given - front.tensor(sound)).max() < 0.3 / INPUT.scale_db
