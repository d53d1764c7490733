"""Bundles of boxes made on the spot, whose networks say the same of every picture: what is wanted where."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from otorongo.models import calibrate
from otorongo.models.boxes import efficientdet_anchors
from otorongo.models.shelves import FILE_NAME

SIDE = 64
THINGS = ("person", "vehicle", "dog")
THRESHOLD = 0.5
Place = tuple[float, float, float, float]


@dataclass(frozen=True)
class Shown:
    """What the networks are to see: something at a place (x0, y0, x1, y1 in shares), or a person, vehicle or dog."""

    what: str
    p: float
    place: Place = (0.25, 0.25, 0.75, 0.75)


def make(folder: Path, *shown: Shown) -> Path:
    """A bundle of boxes in a folder: `animal` is what the first network sees, the others what the second does."""
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(_constant({"cells": _cells(shown)}))
    classes, raw = _things(shown)
    (folder / "things.onnx").write_bytes(_constant({"classes": classes, "raw": raw}))
    np.save(folder / "grey.npy", np.full((48, 48, 3), 128, np.uint8))
    roles = {"model": "model.onnx", "things": "things.onnx", "grey": "grey.npy"}
    files = "\n".join(
        f'{role} = {{ name = "{name}", sha256 = "{hashlib.sha256((folder / name).read_bytes()).hexdigest()}" }}'
        for role, name in roles.items()
    )
    every = (*((name, f"outputs = [{at}]") for at, name in enumerate(THINGS)), ("animal", ""))
    specs = "\n".join(
        f'[[classes]]\nlabel = "{name}"\nwire = "{name}"\nthreshold = {THRESHOLD}\nprior = 0.1\n{outputs}\n'
        for name, outputs in every
    )
    table = f'width = {SIDE}\nheight = {SIDE}\nfit = "stretch"\n'
    (folder / FILE_NAME).write_text(
        f'name = "stub"\nversion = 1\nsummary = "always the same"\nlicence = "CC0-1.0"\n\n[picture]\n{table}\n'
        f'[things]\n{table}\n[files]\n{files}\n\n{specs}\n[[golden]]\nfile = "grey"\np = {{ dog = 0.01 }}\n\n'
        '[[sources]]\nwhat = "nothing"\nlicence = "CC0-1.0"\n'
    )
    return folder


def _cells(shown: tuple[Shown, ...]) -> NDArray[np.float32]:
    """YOLOX's raw cells (1, n, 6) with the animals in the first cells."""
    count = sum((SIDE // stride) ** 2 for stride in (8, 16, 32))
    out = np.zeros((1, count, 6), np.float32)
    for at, one in enumerate(each for each in shown if each.what == "animal"):
        x0, y0, x1, y1 = (value * SIDE for value in one.place)
        out[0, at, :2] = (x0 + x1) / 2 / 8 - at, (y0 + y1) / 2 / 8  # the first row of cells, of stride 8
        out[0, at, 2:4] = np.log((x1 - x0) / 8), np.log((y1 - y0) / 8)
        out[0, at, 4:] = one.p, 1.0
    return out


def _things(shown: tuple[Shown, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """EfficientDet's raw classes (1, n, 3) and boxes (1, n, 4)."""
    anchors = efficientdet_anchors((SIDE, SIDE))
    classes = np.full((1, len(anchors), len(THINGS)), -12.0, np.float32)
    raw = np.zeros((1, len(anchors), 4), np.float32)
    for at, one in enumerate(each for each in shown if each.what != "animal"):
        x0, y0, x1, y1 = (value * SIDE for value in one.place)
        y, x, height, width = anchors[at]
        raw[0, at] = (
            ((y0 + y1) / 2 - y) / height,
            ((x0 + x1) / 2 - x) / width,
            *np.log(((y1 - y0) / height, (x1 - x0) / width)),
        )
        classes[0, at, THINGS.index(one.what)] = calibrate.logit(one.p)
    return classes, raw


def _constant(outputs: dict[str, NDArray[np.float32]]) -> bytes:
    """A network that says the same of every picture of (1, 3, 64, 64)."""
    nodes = [helper.make_node("Identity", [f"{name} kept"], [name]) for name in outputs]
    given = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    told = [helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape) for name, value in outputs.items()]
    kept = [numpy_helper.from_array(value, f"{name} kept") for name, value in outputs.items()]
    graph = helper.make_graph(nodes, "constant", [given], told, kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
