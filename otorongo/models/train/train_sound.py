"""Train `threats` on mixtures, imitating a teacher besides the labels. Resumes from its last epoch.

    python -m otorongo.models.train.train_sound --data var/train --yamnet ../shared/weights/yamnet_spectra_in.tflite

The network begins with the teacher's first layers (`start_sound`), learns the teacher's logits and embedding of every
mixture, and our labels; where a label is unknown, or too broad for a window, what the teacher says of the class counts.
What is kept is the running mean of the weights.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from otorongo.models.train.chunks import as_input, load_chunks, targets
from otorongo.models.train.figures import average_precision
from otorongo.models.train.labels import CLASSES
from otorongo.models.train.mixtures import INPUT, WINDOW
from otorongo.models.train.sound_net import POOLED, TEACHER_EMBEDDING, TEACHER_OUTPUTS, SoundNet, parameters
from otorongo.models.train.start_sound import begin
from otorongo.models.train.teacher import PEAK, Teacher

SEED = 20261122
OWN_SHARE, SCORE_SHARE, INNER_SHARE = 1.0, 1.0, 1.0


def to_tensor(mel: np.ndarray) -> Tensor:
    """Stored u8 spectrograms (n, n_mels, frames) as the network's input (`chunks.as_input`)."""
    return torch.from_numpy(as_input(mel))


def spread(x: Tensor, wanted: Tensor, weight: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Augment a batch: shift in time, mask bands and spells, lay some pairs over each other (louder bin wins).

    Returns also how much the teacher counts (n,): of pairs it knows nothing.
    """
    size = len(x)
    shifts = torch.randint(-20, 21, (size,), generator=generator)
    x = torch.stack([torch.roll(one, int(shift), -1) for one, shift in zip(x, shifts, strict=True)])
    for axis, widest in ((2, 10), (3, 25)):
        for index in range(size):
            if torch.rand(1, generator=generator) < 0.25:
                width = int(torch.randint(1, widest, (1,), generator=generator))
                start = int(torch.randint(0, x.shape[axis] - width, (1,), generator=generator))
                x[index].narrow(axis - 1, start, width).fill_(float(x[index].mean()))
    x = x + 0.1 * torch.randn(size, 1, x.shape[2], 1, generator=generator)
    pairs = torch.randperm(size, generator=generator)[: size // 8]
    partners = torch.randperm(size, generator=generator)[: size // 8]
    x[pairs] = torch.maximum(x[pairs], x[partners] - 0.3 * torch.rand(len(pairs), 1, 1, 1, generator=generator))
    wanted, weight, told = wanted.clone(), weight.clone(), torch.ones(size)
    mine, theirs = wanted[pairs], wanted[partners]
    wanted[pairs] = torch.maximum(mine, theirs)
    weight[pairs] = torch.where(wanted[pairs] > 0.7, 1.0, torch.minimum(weight[pairs], weight[partners]))
    told[pairs] = 0.0
    return x, wanted, weight, told


class Guess(nn.Module):
    """Logits and embedding of the teacher from what the trunk gives; thrown away after training."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Linear(POOLED, TEACHER_OUTPUTS)
        self.inner = nn.Linear(POOLED, TEACHER_EMBEDDING)


def losses(net: SoundNet, guess: Guess, batch: tuple[Tensor, ...], scale: Tensor) -> Tensor:
    """Binary cross-entropy with our targets and with the teacher's probabilities, and its embedding's squared error.

    `batch`: inputs, targets, their weights, how much the teacher counts, its logits, its embedding; `scale` (1024,) is
    the embedding's spread.
    """
    x, wanted, weight, told, logits, inner = batch
    pooled = net.pooled(x)
    entropy = nn.functional.binary_cross_entropy_with_logits
    own = entropy(net.classify(pooled), wanted * 0.98 + 0.01, reduction="none")
    loss = OWN_SHARE * (own * weight).sum() / weight.sum()
    said = entropy(guess.scores(pooled), torch.sigmoid(logits), reduction="none").sum(1)
    loss = loss + SCORE_SHARE * 0.03 * (said * told).sum() / told.sum()
    apart = (((guess.inner(pooled) - inner) / scale) ** 2).mean(1)
    return loss + INNER_SHARE * 0.3 * (apart * told).sum() / told.sum()


def patches_of(data: Path, teacher: Teacher, count: int = 192) -> tuple[Tensor, Tensor]:
    """The teacher's patches (n, 96, 64) and our inputs (count, 1, bands, frames) of training windows as recorded."""
    from otorongo.models.mel import Spectrogram

    rows = [row for row in json.loads((data / "catalogue.json").read_text()) if row["split"] == "train"]
    rows = [row for row in rows if row["count"] >= WINDOW]
    store, rng, front = np.load(data / "sounds.npy", mmap_mode="r"), np.random.default_rng(SEED), Spectrogram(INPUT)
    theirs, ours = [], []
    for row in (rows[index] for index in rng.permutation(len(rows))[:count]):
        sound = np.asarray(store[row["start"] : row["start"] + WINDOW], np.float32)
        sound = sound * (PEAK / (np.abs(sound).max() + 1e-9))
        theirs.append(teacher.patches(sound))
        ours.append(front.tensor(sound)[0])
    return torch.from_numpy(np.concatenate(theirs)), torch.from_numpy(np.stack(ours))


def main() -> None:
    """Train, keep the last state in `threats.pt`, print average precision per class on the calibration mixtures."""
    parser = argparse.ArgumentParser(
        prog="python -m otorongo.models.train.train_sound", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--data", type=Path, default=Path("var/train"))
    parser.add_argument("--yamnet", type=Path, default=Path("../shared/weights/yamnet_spectra_in.tflite"))
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--stop-after", type=int, default=0, metavar="N", help="of the planned epochs; 0: all of them")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-3, help="of the heads; the trunk learns at a third of it")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int, default=0, help="use only this many chunks")
    parser.add_argument("--name", default="threats")
    parser.add_argument("--device", help="else a GPU where there is one, and the CPU")
    given = parser.parse_args()
    device = torch.device(given.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    torch.set_num_threads(given.threads)
    torch.manual_seed(SEED)
    mel, labels, teacher, inner = load_chunks(given.data / "mixtures-train", given.limit, "teacher", "embedding")
    check = load_chunks(given.data / "mixtures-calibrate", 4)
    wanted, weight = targets(labels, teacher)
    scale = torch.from_numpy(inner[::7].astype(np.float32).std(0)).clamp(min=0.05).to(device)
    net, guess = SoundNet(), Guess()
    begin(net, given.yamnet, *patches_of(given.data, Teacher(given.yamnet)))
    net, guess = net.to(device, memory_format=torch.channels_last), guess.to(device)  # a third faster on a CPU
    heads = [*net.mix.parameters(), *net.head.parameters(), *guess.parameters()]
    groups = [{"params": [*net.trunk.parameters()], "lr": given.rate / 3}, {"params": heads, "lr": given.rate}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.02)
    rounds = len(mel) // given.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [given.rate / 3, given.rate], total_steps=given.epochs * rounds, pct_start=0.1
    )
    slow = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True
    )
    kept = {"guess": guess, "optimizer": optimizer, "schedule": schedule, "fast": net}
    state_path, first = given.data / f"{given.name}.pt", 0
    if state_path.exists():
        state = torch.load(state_path, weights_only=True, map_location=device)
        if state["epoch"] + 1 >= given.epochs and state["epochs"] == given.epochs:
            raise SystemExit(f"{state_path}: all {given.epochs} epochs are done; remove it to start again")
        if state["epochs"] == given.epochs:
            for name, each in kept.items():
                each.load_state_dict(state[name])
            slow.module.load_state_dict(state["net"])
            slow.n_averaged.fill_(state["averaged"])
            first = state["epoch"] + 1
    print(
        f"{parameters(net)} parameters, {len(mel)} mixtures, {rounds} steps an epoch, from epoch {first}, on {device}",
        flush=True,
    )
    for epoch in range(first, given.stop_after or given.epochs):
        torch.manual_seed(SEED + epoch)  # a resumed epoch drops what it would have dropped
        generator = torch.Generator().manual_seed(SEED + epoch)
        order = torch.randperm(len(mel), generator=generator).numpy()
        net.train()
        total, started = 0.0, time.time()
        for step in tqdm(range(rounds), desc=f"epoch {epoch}", mininterval=60):
            chosen = np.sort(order[step * given.batch : (step + 1) * given.batch])
            x, *rest = spread(
                to_tensor(mel[chosen]), torch.from_numpy(wanted[chosen]), torch.from_numpy(weight[chosen]), generator
            )
            said = [torch.from_numpy(each[chosen]).float() for each in (teacher, inner)]
            loss = losses(net, guess, tuple(each.to(device) for each in (x, *rest, *said)), scale)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_([each for group in groups for each in group["params"]], 2.0)
            optimizer.step()
            schedule.step()
            slow.update_parameters(net)
            total += float(loss.detach())
        state = {"epoch": epoch, "epochs": given.epochs, "averaged": int(slow.n_averaged)}
        state |= {"net": slow.module.state_dict()} | {name: each.state_dict() for name, each in kept.items()}
        part = state_path.with_suffix(".part")
        torch.save(state, part)
        part.replace(state_path)  # killed meanwhile: the epoch before stands
        scores = predict(slow.module, check[0])
        precision = {name: round(average_precision(scores[:, i], check[1][:, i]), 3) for i, name in enumerate(CLASSES)}
        print(
            f"epoch {epoch} loss {total / rounds:.4f} {time.time() - started:.0f} s {json.dumps(precision)}", flush=True
        )


@torch.no_grad()
def predict(net: SoundNet, mel: np.ndarray) -> np.ndarray:
    """Logits (n, classes) of stored spectrograms."""
    net.eval()
    device = next(net.parameters()).device
    parts = (to_tensor(mel[at : at + 256]).to(device) for at in range(0, len(mel), 256))
    return np.concatenate([net(each).cpu().numpy() for each in parts])


if __name__ == "__main__":
    main()
