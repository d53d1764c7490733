"""Eight-bit weights: no kernel saturates with them, and they are nearer to the float ones than those of seven bits."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import TensorProto, helper, numpy_helper

from otorongo.models.runtime import Session
from otorongo.models.train import pair_weights
from otorongo.models.train.picture_networks import Graph

shapes = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3))
weights = shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=st.floats(-3, 3)))


def error(weights: np.ndarray, whole: np.ndarray, scale: np.ndarray) -> float:
    """Squared error of whole numbers and a scale per channel."""
    return float(((whole * scale.reshape(-1, 1, 1, 1) - weights) ** 2).sum())


@given(weights)
def test_no_pair_of_bytes_passes_sixteen_bits(weights: np.ndarray) -> None:
    """Whichever of two orders a kernel takes, 255 times two neighbours stays below 32768, and each is at most 127."""
    whole, _ = pair_weights.fitted(weights, pair_weights.least_scale(weights))
    assert np.abs(whole.astype(int)).max() <= 127
    for order in ((0, 1, 2, 3), (0, 2, 3, 1)):
        flat = whole.transpose(order).reshape(len(whole), -1).astype(int)
        flat = np.pad(flat, ((0, 0), (0, flat.shape[1] % 2)))
        assert np.abs(255 * (flat[:, ::2] + flat[:, 1::2])).max() <= 32767


@given(weights)
def test_weights_are_never_farther_off_than_those_of_seven_bits(weights: np.ndarray) -> None:
    """Double the scale without any pair in mind is always among what is tried."""
    scale = pair_weights.least_scale(weights)
    whole, wider = pair_weights.fitted(weights, scale)
    assert (wider >= scale * 0.999).all()
    halved = np.round(weights / (2 * scale).reshape(-1, 1, 1, 1))
    assert error(weights, whole, wider) <= error(weights, halved, 2 * scale) * 1.001 + 1e-9


def test_what_fits_stays_as_it_is() -> None:
    """Whole numbers of which no pair is over come back unchanged, at their own scale."""
    whole = np.array([[[[127.0, 1.0]], [[1.0, -100.0]]], [[[3.0, 4.0]], [[-5.0, 120.0]]]])
    scale = np.array([0.5, 0.01])
    out, wider = pair_weights.fitted(whole * scale.reshape(-1, 1, 1, 1), scale)
    assert np.array_equal(out, whole)
    assert wider == pytest.approx(scale)


def test_one_pair_that_is_over_costs_its_channel_little() -> None:
    """Among five hundred weights two large neighbours are shrunk, and the scale hardly grows."""
    rng = np.random.default_rng(1)
    values = np.round(rng.normal(0, 12, (1, 64, 3, 3)))
    values[0, :2, 1, 1] = 127, 20
    out, wider = pair_weights.fitted(values, np.ones(1))
    assert wider[0] < 1.2
    assert abs(int(out[0, 0, 1, 1]) + int(out[0, 1, 1, 1])) <= 128


# ---- in a network


def quantized(node: str, weights: np.ndarray, scale: np.ndarray) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """A DequantizeLinear of constant weights."""
    held = [
        numpy_helper.from_array(weights, f"{node}_q"),
        numpy_helper.from_array(scale.astype(np.float32), f"{node}_scale"),
        numpy_helper.from_array(np.zeros(len(scale), weights.dtype), f"{node}_zero"),
    ]
    return [helper.make_node("DequantizeLinear", [one.name for one in held], [node], axis=0)], held


def network(weights: np.ndarray, scale: np.ndarray, bias: np.ndarray, low: float, high: float) -> onnx.ModelProto:
    """Input, bytes of it, one convolution, bytes of that from `low` to `high`, SiLU."""
    given = 1 / 255
    step = (high - low) / 255
    consts = [
        numpy_helper.from_array(np.array(given, np.float32), "in_scale"),
        numpy_helper.from_array(np.array(0, np.uint8), "in_zero"),
        numpy_helper.from_array(np.array(step, np.float32), "out_scale"),
        numpy_helper.from_array(np.array(round(-low / step), np.uint8), "out_zero"),
    ]
    kernels, held = quantized("w", weights, scale)
    biases, more = quantized("b", np.round(bias / (scale * given)).astype(np.int32), scale * given)
    nodes = [
        *kernels,
        *biases,
        helper.make_node("QuantizeLinear", ["x", "in_scale", "in_zero"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "in_scale", "in_zero"], ["xd"]),
        helper.make_node("Conv", ["xd", "w", "b"], ["c"], name="conv"),
        helper.make_node("QuantizeLinear", ["c", "out_scale", "out_zero"], ["cq"]),
        helper.make_node("DequantizeLinear", ["cq", "out_scale", "out_zero"], ["cd"]),
        helper.make_node("Sigmoid", ["cd"], ["s"]),
        helper.make_node("Mul", ["cd", "s"], ["y"]),
    ]
    shapes = [[1, weights.shape[1], 6, 6], [1, len(weights), None, None]]
    graph = helper.make_graph(
        nodes, "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shapes[0])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shapes[1])],
        [*consts, *held, *more],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def say(model: onnx.ModelProto, path: Path, given: np.ndarray) -> np.ndarray:
    """What a network makes of an input."""
    onnx.save(model, path)
    return Session(path).run(given)[0]


def silu(given: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """The same in float: convolution without padding, then x * sigmoid(x)."""
    height, width = weights.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(given[0], (height, width), axis=(1, 2))
    plain = np.einsum("cyxhw,ochw->oyx", windows, weights) + bias[:, None, None]
    return np.asarray(plain / (1 + np.exp(-plain)))[None]


def test_a_networks_weights_are_fitted_with_their_bias(tmp_path: Path) -> None:
    """From the float weights or from its own bytes: no pair is over, and the answers stay near the float ones."""
    rng = np.random.default_rng(3)
    exact, bias = rng.normal(0, 1, (4, 6, 3, 3)), rng.normal(0, 2, 4)
    scale = pair_weights.least_scale(exact)
    whole = np.round(exact / scale.reshape(-1, 1, 1, 1)).astype(np.int8)
    assert pair_weights.pair_sums(whole.astype(float)).max() > 128
    given = rng.uniform(0, 1, (1, 6, 6, 6)).astype(np.float32)
    wanted = silu(given, exact, bias)
    floats = helper.make_graph(
        [helper.make_node("Conv", ["x", "exact", "bias"], ["c"], name="conv")], "float", [], [],
        [numpy_helper.from_array(exact.astype(np.float32), "exact")],
    )  # fmt: skip
    for exact_graph in (None, floats):
        model = network(whole, scale, bias, -30, 30)
        graph = Graph(model)
        graph.pair_weights(exact_graph)
        graph.prune()
        onnx.checker.check_model(model)
        kernels = [numpy_helper.to_array(one) for one in model.graph.initializer if one.data_type == TensorProto.INT8]
        assert [pair_weights.pair_sums(one.astype(float)).max() <= 128 for one in kernels if one.ndim == 4] == [True]
        assert np.abs(say(model, tmp_path / "n.onnx", given) - wanted).max() < 0.35


def test_bytes_are_not_spent_on_what_silu_makes_nothing_of(tmp_path: Path) -> None:
    """A range of -60 to 20 begins at -8: steps are a third as wide, and answers much nearer."""
    rng = np.random.default_rng(4)
    exact, bias = rng.normal(0, 1, (4, 6, 3, 3)), rng.normal(0, 2, 4)
    scale = pair_weights.least_scale(exact)
    whole = np.round(exact / scale.reshape(-1, 1, 1, 1)).astype(np.int8)
    given = rng.uniform(0, 1, (1, 6, 6, 6)).astype(np.float32)
    wanted = silu(given, exact, bias)
    before = network(whole, scale, bias, -60, 20)
    after = network(whole, scale, bias, -60, 20)
    Graph(after).end_silu_ranges(-8.0)
    onnx.checker.check_model(after)
    off = [float(np.abs(say(one, tmp_path / "n.onnx", given) - wanted).mean()) for one in (before, after)]
    assert off[1] < off[0] * 0.6
    held = {one.name: numpy_helper.to_array(one) for one in after.graph.initializer}
    node = next(one for one in after.graph.node if one.output[0] == "cq")
    step, zero = float(held[node.input[1]]), int(held[node.input[2]])
    assert -zero * step == pytest.approx(-8, abs=step)
    assert (255 - zero) * step == pytest.approx(20, abs=step)
    narrow = network(whole, scale, bias, -5, 20)
    Graph(narrow).end_silu_ranges(-8.0)
    assert narrow == network(whole, scale, bias, -5, 20)
