"""Eight bits of a small network made here: what stays float, and how far its answers go from the float ones."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from otorongo.models.runtime import Session
from otorongo.models.train import quantize
from otorongo.models.train.chunks import as_input
from otorongo.models.train.labels import CLASSES
from otorongo.models.train.mixtures import INPUT

CHANNELS = 8
FLOAT, CONVOLUTIONS = 5, 8


@pytest.fixture(scope="module")
def mel() -> np.ndarray:
    """Spectrograms as mixtures keep them: noise under bands of any height."""
    rng = np.random.default_rng(1)
    bands = rng.normal(100, 25, (48, INPUT.n_mels, 1)) + rng.normal(0, 15, (48, INPUT.n_mels, INPUT.frames))
    return np.clip(bands, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight convolutions with ReLU, the mean of every channel, one layer of logits: random, in float."""
    rng = np.random.default_rng(2)
    nodes, weights, name = [], [], "log_mel"
    for number in range(CONVOLUTIONS):
        inside = CHANNELS if number else 1
        values = rng.normal(0, np.sqrt(2 / (9 * inside)), (CHANNELS, inside, 3, 3))
        weights.append(numpy_helper.from_array(values.astype(np.float32), f"w{number}"))
        more: dict[str, Any] = {
            "kernel_shape": [3, 3],
            "pads": [1, 1, 1, 1],
            "strides": [2, 2] if number in (0, 1, 6) else [1, 1],
        }
        nodes.append(helper.make_node("Conv", [name, f"w{number}"], [f"c{number}"], name=f"conv{number}", **more))
        nodes.append(helper.make_node("Relu", [f"c{number}"], [f"r{number}"], name=f"relu{number}"))
        name = f"r{number}"
    nodes.append(helper.make_node("GlobalAveragePool", [name], ["mean"], name="mean"))
    nodes.append(helper.make_node("Flatten", ["mean"], ["flat"], name="flat"))
    nodes.append(helper.make_node("Gemm", ["flat", "w", "b"], ["logits"], name="last", transB=1))
    weights.append(numpy_helper.from_array(rng.normal(0, 3, (len(CLASSES), CHANNELS)).astype(np.float32), "w"))
    weights.append(numpy_helper.from_array(rng.normal(0, 1, len(CLASSES)).astype(np.float32), "b"))
    shape = [1, 1, INPUT.n_mels, INPUT.frames]
    graph = helper.make_graph(
        nodes, "small", [helper.make_tensor_value_info("log_mel", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, len(CLASSES)])], weights,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path_factory.mktemp("network") / "float.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture(scope="module")
def quantized(network: Path, mel: np.ndarray) -> Path:
    """The network in eight bits, not straightened."""
    path = network.with_name("int8.onnx")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantize, "FLOAT_CONVOLUTIONS", FLOAT)
        quantize.quantize(network, path, mel[:24])
    return path


def logits(path: Path, mel: np.ndarray) -> np.ndarray:
    """Logits (n, classes)."""
    session = Session(path)
    return np.concatenate([session.run(as_input(row[None]))[0] for row in mel])


def test_the_first_convolutions_and_the_last_layer_stay_float(quantized: Path) -> None:
    """Weights of the first five convolutions and of the last layer are float, all others are of seven bits."""
    graph = onnx.load(quantized).graph
    stored = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    made = {name: node for node in graph.node for name in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert len(convolutions) == CONVOLUTIONS
    for number, node in enumerate(convolutions):
        if number < FLOAT:
            assert stored[node.input[1]].dtype == np.float32
        else:
            source = made[node.input[1]]
            assert source.op_type == "DequantizeLinear"
            values = stored[source.input[0]]
            assert values.dtype == np.int8
            assert 60 <= np.abs(values.astype(int)).max() <= 64
            assert stored[source.input[1]].shape == (CHANNELS,)
    last = quantize.last_layer(onnx.load(quantized))
    assert last.op_type == "Gemm"
    assert stored[last.input[1]].dtype == np.float32


def test_eight_bits_follow_the_float_network(network: Path, quantized: Path, mel: np.ndarray) -> None:
    """On windows that set no range, logits lie in the mean within a tenth of their spread of the float ones."""
    exact, rounded = (logits(path, mel[24:]) for path in (network, quantized))
    apart = np.abs(rounded - exact).mean(0) / exact.std(0)
    assert 0 < apart.mean() < 0.1
    assert apart.max() < 0.2
    assert not list(quantized.parent.glob("*.prepared.onnx"))


def test_straightening_takes_out_what_rounding_shifts(
    network: Path, quantized: Path, mel: np.ndarray, tmp_path: Path
) -> None:
    """A last layer that drifted, in slope and offset, gives the float network's logits again; nothing else changes."""
    model = onnx.load(quantized)
    last = quantize.last_layer(model)
    for each in model.graph.initializer:
        if each.name in last.input[1:]:
            drifted = numpy_helper.to_array(each) * np.float32(0.7) + np.float32(0.5 * (each.name == last.input[2]))
            each.CopyFrom(numpy_helper.from_array(drifted, each.name))
    path = tmp_path / "drifted.onnx"
    onnx.save(model, path)
    exact, before = logits(network, mel), logits(path, mel)
    quantize.straighten(network, path, mel)
    after = logits(path, mel)
    assert np.abs(before.mean(0) - exact.mean(0)).max() > 0.2
    top = np.where(exact >= np.quantile(exact, 0.9, axis=0), 9.0, 1.0)
    assert np.abs((top * (after - exact)).sum(0) / top.sum(0)).max() < 1e-3
    apart, undrifted = (((each - exact) ** 2 * top).sum(0) for each in (after, logits(quantized, mel)))
    assert (apart <= undrifted * 1.001).all()
    kept = {each.name: each for each in onnx.load(path).graph.initializer}
    assert all(kept[each.name] == each for each in model.graph.initializer if each.name not in last.input[1:])
