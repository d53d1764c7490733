"""Networks of the shapes that others export, made on the spot: each says the same of every picture."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from otorongo.models.shelves import FILE_NAME

SIDE = 64
ANIMAL, PERSON, VEHICLE = range(3)
Shown = tuple[int, float, tuple[float, float, float, float]]
"""Class, score and place (x0, y0, x1, y1 in shares)."""


def output(layout: str, shown: Sequence[Shown], classes: int = 3, rows: int = 40) -> NDArray[np.float32]:
    """What a network of that layout gives out for what is shown: with its batch, in pixels of a 64 x 64 input."""
    if layout == "end to end":
        out = np.zeros((1, rows, 6), np.float32)
        for at, (cls, p, place) in enumerate(shown):
            out[0, at] = (*(value * SIDE for value in place), p, cls)
        return out
    cells = sum((SIDE // stride) ** 2 for stride in (8, 16, 32)) if layout == "yolox" else rows
    columns = 4 + classes if layout == "yolov8" else 5 + classes
    out = np.zeros((1, cells, columns), np.float32)
    for at, (cls, p, (x0, y0, x1, y1)) in enumerate(shown):
        x, y, w, h = (x0 + x1) / 2 * SIDE, (y0 + y1) / 2 * SIDE, (x1 - x0) * SIDE, (y1 - y0) * SIDE
        if layout == "yolox":  # the first row of cells, of stride 8
            out[0, at, :4] = x / 8 - at, y / 8, np.log(w / 8), np.log(h / 8)
        else:
            out[0, at, :4] = x, y, w, h
        if layout != "yolov8":
            out[0, at, 4] = 1.0
        out[0, at, columns - classes + cls] = p
    return out.transpose(0, 2, 1) if layout == "yolov8" else out


def constant(value: NDArray[np.float32], shape: Sequence[int | str] = (1, 3, SIDE, SIDE)) -> bytes:
    """A network that gives this out for every input of that shape."""
    return _saved([helper.make_node("Identity", ["kept"], ["out"])], value, shape)


def colour(labels: int, shape: Sequence[int | str] = (1, SIDE, SIDE, 3), *, last: str = "Identity") -> bytes:
    """A network of names: the mean of red is the first output's logit x 9, of green the second's, of blue the third's.

    Its input is NHWC; `last` may be Softmax.
    """
    weights = np.zeros((3, labels), np.float32)
    weights[range(min(3, labels)), range(min(3, labels))] = 9.0
    nodes = [
        helper.make_node("ReduceMean", ["picture"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["mean", "kept"], ["logits"]),
        helper.make_node(last, ["logits"], ["out"]),
    ]
    return _saved(nodes, weights, shape, [1, labels])


def telling(places: Sequence[tuple[int, int]], shape: Sequence[int], *, boxed: bool = False) -> bytes:
    """A network that tells what it was given: the three channels of each place (row, column) of its input, then a 0.

    `boxed`: as the scores of so many animals of YOLOv5's layout instead, 8 pixels wide and high, one beside the other.
    """
    planar = shape[1] == 3
    height, width = shape[2:] if planar else shape[1:3]
    at = [
        (channel * height + row) * width + column if planar else (row * width + column) * 3 + channel
        for row, column in places
        for channel in range(3)
    ]
    kept: dict[str, NDArray[Any]] = {
        "all": np.array([-1], np.int64),
        "at": np.array(at, np.int64),
        "none": np.zeros(1, np.float32),
    }
    nodes = [
        helper.make_node("Reshape", ["picture", "all"], ["flat"]),
        helper.make_node("Gather", ["flat", "at"], ["values"]),
    ]
    if boxed:
        rows = np.array([[4 + 8 * (n % 8), 4 + 8 * (n // 8), 8, 8, 1] for n in range(len(at))], np.float32)
        kept |= {"column": np.array([-1, 1], np.int64), "rows": rows, "rest": np.zeros((len(at), 2), np.float32)}
        kept |= {"batch": np.array([1, len(at), 8], np.int64)}
        nodes += [
            helper.make_node("Reshape", ["values", "column"], ["scores"]),
            helper.make_node("Concat", ["rows", "scores", "rest"], ["boxes"], axis=1),
            helper.make_node("Reshape", ["boxes", "batch"], ["out"]),
        ]
    else:
        nodes.append(helper.make_node("Concat", ["values", "none"], ["out"], axis=0))
    return _made(nodes, kept, shape, [1, len(at), 8] if boxed else [len(at) + 1])


def _saved(
    nodes: list[onnx.NodeProto], kept: NDArray[np.float32], shape: Sequence[int | str], told: list[int] | None = None
) -> bytes:
    return _made(nodes, {"kept": kept}, shape, told or list(kept.shape))


def _made(
    nodes: list[onnx.NodeProto], kept: Mapping[str, NDArray[Any]], shape: Sequence[int | str], told: list[int]
) -> bytes:
    given = helper.make_tensor_value_info("picture", TensorProto.FLOAT, list(shape))
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, told)
    initial = [numpy_helper.from_array(value, name) for name, value in kept.items()]
    graph = helper.make_graph(nodes, "others", [given], [out], initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def detector(folder: Path, layout: str, shown: Sequence[Shown], *, name: str = "theirs") -> Path:
    """A bundle with such a detector."""
    folder.mkdir(parents=True)
    kind = "yolov8" if layout == "end to end" else layout
    (folder / "model.onnx").write_bytes(constant(output(layout, shown)))
    np.save(folder / "grey.npy", np.full((48, 48, 3), 128, np.uint8))
    files = "\n".join(
        f'{role} = {{ name = "{file}", sha256 = "{hashlib.sha256((folder / file).read_bytes()).hexdigest()}" }}'
        for role, file in (("model", "model.onnx"), ("grey", "grey.npy"))
    )
    specs = "\n".join(
        f'[[classes]]\nlabel = "{wire}"\nwire = "{wire}"\nthreshold = 0.3\nprior = 0.1\noutputs = [{at}]\n'
        for at, wire in enumerate(("animal", "person", "vehicle"))
    )
    (folder / FILE_NAME).write_text(
        f'name = "{name}"\nversion = 1\nsummary = "always the same"\nlicence = "CC0-1.0"\ndetector = "{kind}"\n\n'
        f'[picture]\nwidth = {SIDE}\nheight = {SIDE}\nfit = "stretch"\n\n[files]\n{files}\n\n{specs}\n'
        '[[golden]]\nfile = "grey"\np = { animal = 0.01 }\n\n[[sources]]\nwhat = "nothing"\nlicence = "CC0-1.0"\n'
    )
    return folder


def small_card(place: Path) -> Path:
    """Two pictures, one of them in a folder below, and a damaged one."""
    (place / "DCIM").mkdir(parents=True)
    red = np.full((60, 80, 3), (0, 0, 200), np.uint8)
    assert cv2.imwrite(str(place / "a.jpg"), red)
    assert cv2.imwrite(str(place / "DCIM" / "b.PNG"), red)
    (place / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    return place
