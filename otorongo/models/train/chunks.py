"""What training mixtures are read into: spectrograms, labels, and what each class should be. No torch."""

from pathlib import Path

import numpy as np

from otorongo.models.train.figures import platt_fit
from otorongo.models.train.labels import CLASSES
from otorongo.models.train.mixtures import INPUT, LOWEST_DB, STEP_DB
from otorongo.models.train.second_manifest import AUDIOSET

TOLD = AUDIOSET | {"speech": (*range(13), 63, 64, 65), "dog": (69, 70, 71, 72, 73, 74), "fire": (292, 293)}
"""Which of the teacher's classes mean what of ours."""
DOUBTFUL = ("aircraft", "thunder", "wind", "insects", "frogs", "birds", "speech", "dog")
"""Classes whose recordings hold them only part of the time: the teacher says in which windows."""


def load_chunks(folder: Path, limit: int = 0, *more: str) -> tuple[np.ndarray, ...]:
    """Spectrograms u8 (n, n_mels, frames), labels (n, classes), and `more` of what a chunk holds (`mixtures`).

    Raises SystemExit without mixtures, and where the teacher is wanted and was not asked.
    """
    paths = [path for path in sorted(folder.glob("[0-9]*.npz")) if ".part" not in path.name][: limit or None]
    if not paths:
        raise SystemExit(f"{folder}: no mixtures; run python -m otorongo.models.train.mixtures first")
    chunks = [np.load(path) for path in paths]
    found = tuple(np.concatenate([chunk[name] for chunk in chunks]) for name in ("mel", "label", *more))
    if "teacher" in more and not len(found[2]):
        raise SystemExit(f"{folder}: the teacher was not asked; make the mixtures with --teacher")
    return found


def as_input(mel: np.ndarray) -> np.ndarray:
    """Stored u8 spectrograms (n, n_mels, frames) as the network's input f32 (n, 1, n_mels, frames), as
    `mel.Spectrogram.tensor` makes it.
    """
    decibels = mel.astype(np.float32) * np.float32(STEP_DB) + np.float32(LOWEST_DB)
    return ((decibels - decibels.mean((1, 2), keepdims=True)) / np.float32(INPUT.scale_db))[:, None]


def targets(labels: np.ndarray, teacher: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each class should be (n, classes) and how much that counts (n, classes), from labels and 521 logits.

    A label of 0 stays 0: the teacher takes leaf blowers for saws. Of 1, the teacher says a fifth. Where nothing is
    known, the teacher's word counts half; so it does where it hears nothing of a class that need not sound all through
    its recordings. Its logits become probabilities of ours by Platt's fit to the known labels.
    """
    wanted, weight = (labels == 1).astype(np.float32), (labels >= 0).astype(np.float32)
    for place, name in enumerate(CLASSES):
        if name not in TOLD:
            continue
        loudest = teacher[:, list(TOLD[name])].max(1).astype(np.float64)
        known = labels[:, place] >= 0
        slope, offset = platt_fit(loudest[known], labels[known, place])
        p = 1 / (1 + np.exp(-(slope * loudest + offset)))
        doubted = (labels[:, place] == 1) & (p < 0.03) if name in DOUBTFUL else np.zeros(len(p), bool)
        open_ = ~known | doubted
        wanted[:, place] = np.where(open_, p, np.where(labels[:, place] == 1, 0.8 + 0.2 * p, 0.0))
        weight[open_, place] = 0.5
    return wanted, weight
