"""Small bundles of names made on the spot: a network that sees colours, and says of each which animal it is."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from otorongo.models.shelves import FILE_NAME

SIDE = 32
JAGUAR = "a1;mammalia;carnivora;felidae;panthera;onca;jaguar"
LEOPARD = "a2;mammalia;carnivora;felidae;panthera;pardus;leopard"
CAPUCHIN = "a3;mammalia;primates;cebidae;sapajus;apella;tufted capuchin"
HUMAN = "a4;mammalia;primates;hominidae;homo;sapiens;human"
BLANK = "a5;;;;;;blank"
TEAPOT = "a6;;;;;;teapot"
RED, GREEN, BLUE = ((200, 0, 0), (0, 200, 0), (0, 0, 200))
"""Colours that the first three outputs of `colours` stand for."""


def painted(colour: tuple[int, int, int], width: int = SIDE, height: int = SIDE) -> NDArray[np.uint8]:
    """A picture of one colour."""
    return np.full((height, width, 3), colour, np.uint8)


def colours(outputs: int, gain: float = 10.0) -> bytes:
    """A network from (1, 3, 32, 32) of 0 to 1 to `outputs` logits: the first three are red, green and blue x gain."""
    weights = np.zeros((3, outputs), np.float32)
    weights[range(min(3, outputs)), range(min(3, outputs))] = gain
    return _network(weights)


def constant(*p: float) -> bytes:
    """A network that says the same probabilities of every picture: for `activation = "none"`."""
    zeros = np.zeros((3, len(p)), np.float32)
    return _network(zeros, np.array(p, np.float32))


def _network(weights: NDArray[np.float32], bias: NDArray[np.float32] | None = None) -> bytes:
    kept = {"weights": weights, "bias": np.zeros(weights.shape[1], np.float32) if bias is None else bias}
    nodes = [
        helper.make_node("GlobalAveragePool", ["picture"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["logits"]),
    ]
    given = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    told = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, weights.shape[1]])
    initial = [numpy_helper.from_array(value, name) for name, value in kept.items()]
    graph = helper.make_graph(nodes, "colours", [given], [told], initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def make(
    folder: Path,
    labels: Sequence[str] = (JAGUAR, CAPUCHIN, BLANK),
    *,
    network: bytes | None = None,
    golden: dict[str, float] | None = None,
    more: str = "",
    head: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> Path:
    """A bundle of names in a folder: red is the first label, green the second, blue the third."""
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(network or colours(len(labels)))
    (folder / "labels.txt").write_text("\n".join(labels) + "\n")
    np.save(folder / "red.npy", painted(RED))
    roles = {"model": "model.onnx", "labels": "labels.txt", "red": "red.npy"}
    if head:
        np.savez(folder / "head.npz", weights=head[0], bias=head[1])
        roles["head"] = "head.npz"
    files = "\n".join(
        f'{role} = {{ name = "{name}", sha256 = "{hashlib.sha256((folder / name).read_bytes()).hexdigest()}" }}'
        for role, name in roles.items()
    )
    expected = ", ".join(f'"{name}" = {p}' for name, p in (golden or {"Panthera onca": 0.9991}).items())
    (folder / FILE_NAME).write_text(
        f'name = "names"\nversion = 1\nsummary = "colours as animals"\nlicence = "CC0-1.0"\n{more}\n'
        f'[picture]\nwidth = {SIDE}\nheight = {SIDE}\nfit = "stretch"\nstd = [255.0, 255.0, 255.0]\n\n'
        f'[files]\n{files}\n\n[[golden]]\nfile = "red"\np = {{ {expected} }}\n\n'
        '[[sources]]\nwhat = "nothing"\nlicence = "CC0-1.0"\n'
    )
    return folder
