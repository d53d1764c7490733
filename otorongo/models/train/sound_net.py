"""The network of `threats`: a small convolutional net over a log-mel spectrogram, one logit per class.

Depthwise-separable convolutions as in MobileNet v1 (Howard et al. 2017), of the widths of YAMNet's first 21, so that it
can begin with what those have learned (`start_sound`), at half of YAMNet's resolution in time. Mean and maximum over
time and frequency: the mean hears a saw, the maximum a shot.
"""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from otorongo.models.train.labels import CLASSES
from otorongo.models.train.mixtures import INPUT

TEACHER_OUTPUTS = 521
TEACHER_EMBEDDING = 1024
POOLED = 1024
HIDDEN = 80
"""With the 64 bytes of `embed_sound` behind the same features, all weights together stay below 1.5 million."""
_WIDTHS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512)
_STRIDES = ((1, 2), (2, 2), (1, 1), (2, 2), (1, 1), (2, 2), (1, 1), (1, 1), (1, 1), (1, 1))


class Unit(nn.Module):
    """A convolution, batch norm and ReLU6, whose fixed range suits eight bits."""

    def __init__(self, inside: int, outside: int, size: int, stride: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        groups = inside if size == 3 and inside == outside else 1
        self.conv = nn.Conv2d(inside, outside, size, stride, size // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outside)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inside, rows, columns) to (batch, outside, rows / stride, columns / stride)."""
        return nn.functional.relu6(self.norm(self.conv(x)))


class SoundNet(nn.Module):
    """(batch, 1, n_mels, frames) to logits (batch, classes)."""

    def __init__(self, hidden: int = HIDDEN) -> None:
        super().__init__()
        units = [Unit(1, _WIDTHS[0], 3, (2, 1))]
        for inside, outside, stride in zip(_WIDTHS, _WIDTHS[1:], _STRIDES, strict=False):
            units += [Unit(inside, inside, 3, stride), Unit(inside, outside, 1)]
        self.trunk = nn.Sequential(*units)
        self.mix = nn.Sequential(nn.Linear(POOLED, hidden), nn.ReLU())
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(hidden, len(CLASSES))

    def pooled(self, x: Tensor) -> Tensor:
        """(batch, POOLED): mean and maximum of every channel."""
        x = self.trunk(x)
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)

    def classify(self, pooled: Tensor) -> Tensor:
        """Logits (batch, classes) of what `pooled` gives."""
        return self.head(self.drop(self.mix(self.drop(pooled))))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        return self.classify(self.pooled(x))


def parameters(net: nn.Module) -> int:
    """How many numbers the network has."""
    return sum(each.numel() for each in net.parameters())


def load(path: Path) -> SoundNet:
    """The network that `train_sound` left, ready to score."""
    state = torch.load(path, weights_only=True, map_location="cpu")
    net = SoundNet()
    net.load_state_dict(state["net"])
    return net.eval()


def export(net: SoundNet, path: Path) -> None:
    """Write ONNX of one fixed shape: (1, 1, n_mels, frames) to (1, classes)."""
    example = torch.zeros(1, 1, INPUT.n_mels, INPUT.frames)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            net, (example,), str(path), dynamo=False, opset_version=17, input_names=["log_mel"], output_names=["logits"]
        )
