"""The network of `threats`: a small convolutional net over a log-mel spectrogram, one logit per class.

Depthwise-separable blocks as in MobileNet (Howard et al. 2017) with residuals, a learned bias per frequency row (where
a comb lies matters, and a convolution cannot see it), and mean and maximum over time and frequency: the mean hears a
saw, the maximum a shot.
"""

import torch
from torch import Tensor, nn

from otorongo.models.train.labels import CLASSES

TEACHER_OUTPUTS = 521


class Block(nn.Module):
    """Depthwise 3x3 and pointwise convolution, with the input added where the shape allows."""

    def __init__(self, inside: int, outside: int, stride: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        self.depth = nn.Sequential(
            nn.Conv2d(inside, inside, 3, stride, 1, groups=inside, bias=False), nn.BatchNorm2d(inside), nn.ReLU()
        )
        self.point = nn.Sequential(nn.Conv2d(inside, outside, 1, bias=False), nn.BatchNorm2d(outside))
        self.residual = inside == outside and stride == (1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inside, rows, columns) to (batch, outside, rows / stride, columns / stride)."""
        y = self.point(self.depth(x))
        return torch.relu(y + x if self.residual else y)


class SoundNet(nn.Module):
    """(batch, 1, n_mels, frames) to logits (batch, classes)."""

    def __init__(self, rows: int = 80, width: int = 24) -> None:
        super().__init__()
        w = width
        self.stem = nn.Sequential(nn.Conv2d(1, w, (5, 5), 2, 2, bias=False), nn.BatchNorm2d(w))
        self.rows = nn.Parameter(torch.zeros(1, w, (rows + 1) // 2, 1))
        self.body = nn.Sequential(
            Block(w, 2 * w, (1, 2)),
            Block(2 * w, 2 * w),
            Block(2 * w, 4 * w, (2, 2)),
            Block(4 * w, 4 * w),
            Block(4 * w, 4 * w),
            Block(4 * w, 8 * w, (2, 2)),
            Block(8 * w, 8 * w),
            Block(8 * w, 8 * w),
            Block(8 * w, 12 * w, (2, 1)),
            Block(12 * w, 12 * w),
        )
        self.mix = nn.Sequential(nn.Linear(24 * w, 256), nn.ReLU())
        self.drop = nn.Dropout(0.25)
        self.head = nn.Linear(256, len(CLASSES))

    def embed(self, x: Tensor) -> Tensor:
        """(batch, 256), what the heads look at."""
        x = self.body(torch.relu(self.stem(x) + self.rows))
        return self.mix(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        return self.head(self.drop(self.embed(x)))


def parameters(net: nn.Module) -> int:
    """How many numbers the network has."""
    return sum(each.numel() for each in net.parameters())
