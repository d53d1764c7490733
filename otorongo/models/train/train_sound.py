"""Train `threats` on mixtures, imitating a teacher besides the labels. Resumes from its last epoch.

python -m otorongo.models.train.train_sound --data var/train --epochs 20
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from otorongo.models.train.figures import average_precision
from otorongo.models.train.labels import CLASSES
from otorongo.models.train.mixtures import INPUT, LOWEST_DB, STEP_DB
from otorongo.models.train.sound_net import TEACHER_OUTPUTS, SoundNet, parameters

SEED = 20261122


def load_chunks(folder: Path, limit: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spectrograms u8 (n, n_mels, frames), labels (n, classes), teacher probabilities (n, 521) or (n, 0)."""
    chunks = [np.load(path) for path in sorted(folder.glob("[0-9]*.npz"))[: limit or None] if ".part" not in path.name]
    if not chunks:
        raise SystemExit(f"{folder}: no mixtures; run python -m otorongo.models.train.mixtures first")
    teacher = np.concatenate([chunk["teacher"].reshape(len(chunk["mel"]), -1) for chunk in chunks])
    return (
        np.concatenate([chunk["mel"] for chunk in chunks]),
        np.concatenate([chunk["label"] for chunk in chunks]),
        teacher,
    )


def to_tensor(mel: np.ndarray) -> Tensor:
    """Stored u8 spectrograms (n, n_mels, frames) as the network's input, as `mel.Spectrogram.tensor` makes it."""
    decibels = torch.from_numpy(mel).float() * STEP_DB + LOWEST_DB
    return ((decibels - decibels.mean((1, 2), keepdim=True)) / INPUT.scale_db)[:, None]


def spread(x: Tensor, labels: Tensor, teacher: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Augment a batch: shift in time, mask bands and spells, lay some pairs over each other (louder bin wins)."""
    size = len(x)
    shifts = torch.randint(-20, 21, (size,), generator=generator)
    x = torch.stack([torch.roll(one, int(shift), -1) for one, shift in zip(x, shifts, strict=True)])
    for axis, widest in ((2, 10), (3, 25)):
        for index in range(size):
            if torch.rand(1, generator=generator) < 0.3:
                width = int(torch.randint(1, widest, (1,), generator=generator))
                start = int(torch.randint(0, x.shape[axis] - width, (1,), generator=generator))
                x[index].narrow(axis - 1, start, width).fill_(float(x[index].mean()))
    x = x + 0.1 * torch.randn(size, 1, x.shape[2], 1, generator=generator)
    pairs = torch.randperm(size, generator=generator)[: size // 6]
    partners = torch.randperm(size, generator=generator)[: size // 6]
    x[pairs] = torch.maximum(x[pairs], x[partners] - 0.3 * torch.rand(len(pairs), 1, 1, 1, generator=generator))
    mine, theirs = labels[pairs], labels[partners]
    both = torch.where((mine == 1) | (theirs == 1), 1, torch.where((mine < 0) | (theirs < 0), -1, 0))
    labels = labels.clone()
    labels[pairs] = both.to(labels.dtype)
    if teacher.shape[1]:
        teacher = teacher.clone()
        teacher[pairs] = -1
    return x, labels, teacher


def losses(net: SoundNet, guess: nn.Linear, batch: tuple[Tensor, Tensor, Tensor], share: float) -> Tensor:
    """Binary cross-entropy where the label is known, and the teacher's probabilities where it was asked."""
    x, labels, teacher = batch
    embedded = net.embed(x)
    known = (labels >= 0).float()
    smooth = labels.clamp(0, 1).float() * 0.96 + 0.02
    own = nn.functional.binary_cross_entropy_with_logits(net.head(net.drop(embedded)), smooth, reduction="none")
    loss = (own * known).sum() / known.sum()
    if share and teacher.shape[1]:
        asked = (teacher >= 0).float()
        told = nn.functional.binary_cross_entropy_with_logits(guess(embedded), teacher.clamp(0, 1), reduction="none")
        loss = loss + share * (told * asked).sum() / asked.sum().clamp(min=1) * 5
    return loss


def main() -> None:
    """Train, keep the last state in `threats.pt`, print average precision per class on the calibration mixtures."""
    parser = argparse.ArgumentParser(
        prog="python -m otorongo.models.train.train_sound", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--data", type=Path, default=Path("var/train"))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--width", type=int, default=24)
    parser.add_argument("--teach", type=float, default=1.0, help="weight of the teacher; 0: labels only")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int, default=0, help="use only this many chunks")
    parser.add_argument("--name", default="threats")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(SEED)
    mel, labels, teacher = load_chunks(given.data / "mixtures-train", given.limit)
    check = load_chunks(given.data / "mixtures-calibrate")
    net = SoundNet(INPUT.n_mels, given.width).to(memory_format=torch.channels_last)  # a third faster on a CPU
    guess = nn.Linear(256, TEACHER_OUTPUTS)
    steps = given.epochs * (len(mel) // given.batch)
    optimizer = torch.optim.AdamW([*net.parameters(), *guess.parameters()], given.rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, given.rate, total_steps=steps, pct_start=0.15)
    state_path, first = given.data / f"{given.name}.pt", 0
    if state_path.exists():
        state = torch.load(state_path, weights_only=True)
        if state["epoch"] + 1 >= given.epochs and state["epochs"] == given.epochs:
            raise SystemExit(f"{state_path}: all {given.epochs} epochs are done; remove it to start again")
        if state["epochs"] == given.epochs:
            net.load_state_dict(state["net"])
            guess.load_state_dict(state["guess"])
            optimizer.load_state_dict(state["optimizer"])
            schedule.load_state_dict(state["schedule"])
            first = state["epoch"] + 1
    print(f"{parameters(net)} parameters, {len(mel)} mixtures, {steps} steps, from epoch {first}")
    for epoch in range(first, given.epochs):
        torch.manual_seed(SEED + epoch)  # a resumed epoch drops what it would have dropped
        generator = torch.Generator().manual_seed(SEED + epoch)
        order = torch.randperm(len(mel), generator=generator).numpy()
        net.train()
        total, started = 0.0, time.time()
        rounds = len(mel) // given.batch
        for step in tqdm(range(rounds), desc=f"epoch {epoch}", mininterval=5):
            chosen = np.sort(order[step * given.batch : (step + 1) * given.batch])
            batch = spread(
                to_tensor(mel[chosen]),
                torch.from_numpy(labels[chosen]),
                torch.from_numpy(teacher[chosen]).float(),
                generator,
            )
            loss = losses(net, guess, batch, given.teach)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        state = {"epoch": epoch, "epochs": given.epochs, "width": given.width, "net": net.state_dict()}
        state |= {"guess": guess.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
        torch.save(state, state_path)
        scores = predict(net, check[0])
        precision = {name: round(average_precision(scores[:, i], check[1][:, i]), 3) for i, name in enumerate(CLASSES)}
        print(
            f"epoch {epoch} loss {total / rounds:.4f} {time.time() - started:.0f} s {json.dumps(precision)}", flush=True
        )


@torch.no_grad()
def predict(net: SoundNet, mel: np.ndarray) -> np.ndarray:
    """Logits (n, classes) of stored spectrograms."""
    net.eval()
    return np.concatenate([net(to_tensor(mel[at : at + 256])).numpy() for at in range(0, len(mel), 256)])


if __name__ == "__main__":
    main()
