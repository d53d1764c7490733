"""Begin `threats` with what YAMNet's first layers have learned from millions of clips.

Some hundred recordings cannot teach a network what all other sounds are like; layers that were trained on AudioSet know
it already. The first eleven of YAMNet's fourteen convolutions (MobileNet v1, Apache-2.0) are read out of the INT8 file.
Front end, strides and bands differ from ours, so the batch norm behind each convolution is set to give every channel
the mean and spread that it has in YAMNet on the same sounds; training then moves all of it.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor, nn

from otorongo.models.train.sound_net import SoundNet

_FIRST, _LAST = 4, 57
"""Tensors of the publisher's file: weights and biases in turn, 3x3 and 1x1 convolutions in turn."""
_STRIDED = (0, 3, 7, 11, 23)
"""Which convolutions halve rows and columns."""


def read_layers(path: Path) -> list[tuple[Tensor, Tensor]]:
    """Weights (out, in, rows, columns) and biases (out,) of every convolution; rows are bands, columns time."""
    net = Interpreter(str(path), experimental_preserve_all_tensors=True)
    net.allocate_tensors()
    details = {each["index"]: each for each in net.get_tensor_details()}
    layers = []
    for index in range(_FIRST, _LAST, 2):
        weights, biases = (_dequantized(net, details[place]) for place in (index, index + 1))
        depthwise = weights.shape[0] == 1
        # TFLite: (out, time, bands, in), or (1, time, bands, channels) for a depthwise one.
        order = (3, 0, 2, 1) if depthwise else (0, 3, 2, 1)
        layers.append((torch.from_numpy(weights.transpose(order).copy()), torch.from_numpy(biases)))
    return layers


def _dequantized(net: Interpreter, detail: dict[str, Any]) -> np.ndarray:
    given = detail["quantization_parameters"]
    raw = net.get_tensor(detail["index"]).astype(np.float32)
    axis = [1] * raw.ndim
    axis[given["quantized_dimension"]] = -1
    return np.asarray(raw * given["scales"].reshape(axis), np.float32)


@torch.no_grad()
def spreads(layers: list[tuple[Tensor, Tensor]], patches: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Mean and deviation of every channel before its ReLU6, on log-mel patches (n, 96, 64), layer by layer."""
    x, found = patches.transpose(1, 2)[:, None], []
    for place, (weights, biases) in enumerate(layers):
        stride = 2 if place in _STRIDED else 1
        if weights.shape[2] == 3:  # "same" as TensorFlow pads: behind first
            x = nn.functional.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
        groups = weights.shape[0] if place and weights.shape[1] == 1 else 1
        x = nn.functional.conv2d(x, weights, biases, stride, groups=groups)
        found.append((x.mean((0, 2, 3)), x.std((0, 2, 3))))
        x = nn.functional.relu6(x)
    return found


@torch.no_grad()
def begin(net: SoundNet, yamnet: Path, patches: Tensor, inputs: Tensor) -> None:
    """Fill the trunk of `net`; of the same sounds, `patches` (n, 96, 64) and `inputs` (m, 1, bands, frames)."""
    layers = read_layers(yamnet)
    for unit, (weights, _), (mean, spread) in zip(net.trunk, layers, spreads(layers, patches), strict=False):
        unit.conv.weight.copy_(weights)
        unit.norm.weight.copy_(spread.clamp(min=0.05))
        unit.norm.bias.copy_(mean)
        unit.norm.momentum = 1.0
    net.train()
    net.trunk(inputs)
    for unit in net.trunk:
        unit.norm.momentum = 0.1
