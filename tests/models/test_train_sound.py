"""Training with torch, on a handful of mixtures: what a batch becomes, what is learned, and what a kill costs."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("ai_edge_litert", reason="the teacher's runtime is not installed")

from otorongo.models.runtime import Session  # noqa: E402
from otorongo.models.train import quantize, sound_net, train_sound  # noqa: E402
from otorongo.models.train.chunks import as_input, load_chunks  # noqa: E402
from otorongo.models.train.labels import CLASSES  # noqa: E402
from otorongo.models.train.mixtures import INPUT  # noqa: E402

SIZE = 16


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Sums on several threads are not in a fixed order."""
    torch.set_num_threads(1)


def batch(seed: int) -> tuple[Any, Any, Any]:
    """Inputs (SIZE, 1, bands, frames), targets (SIZE, 4) of which the first is sure, and weights."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(SIZE, 1, INPUT.n_mels, INPUT.frames, generator=draw)
    wanted = torch.rand(SIZE, 4, generator=draw) * 0.6
    wanted[:, 0] = (torch.arange(SIZE) % 2).float()
    return x, wanted, torch.rand(SIZE, 4, generator=draw)


def test_a_batch_is_spread_and_what_it_is_remains_known() -> None:
    """Two of sixteen are laid over others: they have the targets of both, sure ones whole weight, and no teacher."""
    changed = 0
    for seed in range(10):
        x, wanted, weight = batch(seed)
        kept = x.clone(), wanted.clone(), weight.clone()
        out, new, heavy, told = train_sound.spread(x, wanted, weight, torch.Generator().manual_seed(seed))
        assert all(torch.equal(*pair) for pair in zip((x, wanted, weight), kept, strict=True))
        assert out.shape == x.shape
        assert torch.isfinite(out).all()
        assert not torch.equal(out, x)
        pairs = told == 0
        assert int(pairs.sum()) == SIZE // 8
        assert set(told.tolist()) == {0.0, 1.0}
        assert torch.equal(new[~pairs], wanted[~pairs])
        assert torch.equal(heavy[~pairs], weight[~pairs])
        assert (new[pairs] >= wanted[pairs]).all()
        sure = new[pairs] > 0.7
        assert (heavy[pairs][sure] == 1.0).all()
        assert (heavy[pairs][~sure] <= weight[pairs][~sure]).all()
        changed += int((new != wanted).any())
    assert changed >= 8


def test_a_batch_is_spread_the_same_way_from_the_same_seed() -> None:
    """What a resumed epoch sees is what the killed one saw."""
    x, wanted, weight = batch(1)
    first, again, other = (
        train_sound.spread(x, wanted, weight, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)
    )
    assert all(torch.equal(*pair) for pair in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def learn(**changed: Any) -> float:
    """The loss of a fixed batch, parts of which may be another."""
    torch.manual_seed(1)
    net, guess = sound_net.SoundNet().eval(), train_sound.Guess()
    draw = torch.Generator().manual_seed(2)
    parts = {
        "x": torch.randn(4, 1, INPUT.n_mels, INPUT.frames, generator=draw),
        "wanted": (torch.rand(4, len(CLASSES), generator=draw) > 0.5).float(),
        "weight": torch.ones(4, len(CLASSES)),
        "told": torch.tensor([1.0, 1.0, 1.0, 0.0]),
        "logits": torch.randn(4, sound_net.TEACHER_OUTPUTS, generator=draw),
        "inner": torch.randn(4, sound_net.TEACHER_EMBEDDING, generator=draw),
    } | changed
    loss = train_sound.losses(net, guess, tuple(parts.values()), torch.ones(sound_net.TEACHER_EMBEDDING))
    assert loss.shape == ()
    assert torch.isfinite(loss)
    return float(loss.detach())


def test_what_has_no_weight_teaches_nothing() -> None:
    """Targets without weight and a teacher that does not count leave the loss as it is; those that count do not."""
    first = learn()
    assert learn() == first
    draw = torch.Generator().manual_seed(2)
    torch.randn(4, 1, INPUT.n_mels, INPUT.frames, generator=draw)
    wanted = (torch.rand(4, len(CLASSES), generator=draw) > 0.5).float()
    weight = torch.ones(4, len(CLASSES))
    weight[1] = 0.0
    other = wanted.clone()
    other[1] = 1 - other[1]
    assert learn(weight=weight, wanted=wanted) == learn(weight=weight, wanted=other)
    assert learn(wanted=wanted) != learn(wanted=other)
    logits, inner = torch.zeros(4, sound_net.TEACHER_OUTPUTS), torch.zeros(4, sound_net.TEACHER_EMBEDDING)
    for name, values in (("logits", logits), ("inner", inner)):
        silent, heard = values.clone(), values.clone()
        silent[3], heard[0] = 5.0, 5.0
        assert learn(**{name: silent}) == learn(**{name: values})
        assert learn(**{name: heard}) != learn(**{name: values})


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight mixtures to train on and four to look at, of noise; the network begins with weights of chance."""
    rng = np.random.default_rng(3)
    for split, count in (("train", 8), ("calibrate", 4)):
        folder = tmp_path / f"mixtures-{split}"
        folder.mkdir()
        labels = rng.integers(-1, 2, (count, len(CLASSES))).astype(np.int8)
        labels[:2] = [[0], [1]]
        np.savez(
            folder / "00000.npz",
            mel=rng.integers(0, 256, (count, INPUT.n_mels, INPUT.frames)).astype(np.uint8),
            label=labels,
            alike=np.zeros(count, bool),
            teacher=rng.normal(0, 3, (count, sound_net.TEACHER_OUTPUTS)).astype(np.float16),
            embedding=rng.normal(0, 1, (count, sound_net.TEACHER_EMBEDDING)).astype(np.float16),
        )
    monkeypatch.setattr(train_sound, "Teacher", lambda _path: None)
    monkeypatch.setattr(train_sound, "patches_of", lambda *_: (None, None))
    monkeypatch.setattr(train_sound, "begin", lambda *_: None)
    return tmp_path


def train(data: Path, monkeypatch: pytest.MonkeyPatch, name: str, *more: str) -> dict[str, Any]:
    """Run the command; what it kept."""
    fixed = ["train_sound", "--data", str(data), "--epochs", "2", "--batch", "4", "--threads", "1", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", [*fixed, "--name", name, *more])
    train_sound.main()
    kept: dict[str, Any] = torch.load(data / f"{name}.pt", weights_only=True)
    return kept


def test_training_goes_on_after_a_kill_as_if_there_had_been_none(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in its second epoch, and while it writes: the first stands, and going on gives the very same network."""
    whole = train(data, monkeypatch, "whole")
    half = train(data, monkeypatch, "half", "--stop-after", "1")
    assert (half["epoch"], whole["epoch"]) == (0, 1)

    def killed(state: Any, path: Path) -> None:
        path.write_bytes(b"half of it")
        raise KeyboardInterrupt

    with monkeypatch.context() as during:
        during.setattr(torch, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            train(data, monkeypatch, "half")
    again = train(data, monkeypatch, "half")
    assert again["epoch"] == 1
    for key in ("net", "fast", "guess"):
        assert again[key].keys() == whole[key].keys()
        assert all(torch.equal(again[key][name], whole[key][name]) for name in whole[key])
    assert not torch.equal(half["net"]["head.weight"], again["net"]["head.weight"])
    with pytest.raises(SystemExit, match="all 2 epochs are done"):
        train(data, monkeypatch, "half")


def test_a_trained_network_is_exported_and_quantized(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `train_sound` kept scores the same in ONNX as in torch, and nearly so in eight bits, in a third of the size.

    The last layer was fitted: over the training mixtures its mean logits are those of the float one.
    """
    train(data, monkeypatch, "net", "--stop-after", "1")
    monkeypatch.setattr(sys, "argv", ["quantize", "--data", str(data), "--name", "net"])
    quantize.main()
    net = sound_net.load(data / "net.pt")
    mel, _ = load_chunks(data / "mixtures-train")
    there, small = (
        np.concatenate([Session(data / f"net-{kind}.onnx").run(as_input(row[None]))[0] for row in mel])
        for kind in ("float", "int8")
    )
    assert there.shape == (len(mel), len(CLASSES))
    assert np.abs(there - train_sound.predict(net, mel)).max() < 1e-3
    assert 0 < np.abs(small - there).max() < 0.3
    assert np.abs((small - there)[1:].mean(0)).max() < 1e-3
    sizes = [(data / f"net-{kind}.onnx").stat().st_size for kind in ("float", "int8")]
    assert sizes[1] < 0.4 * sizes[0]
    assert sound_net.parameters(net) < 1_500_000
