"""Sound that was cut off at its loudest, found where it was captured: a resampler rounds the corners off. Pure."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from otorongo.station.samples import Sound

FULL: Final = 0.998
"""Of full scale: from here on a sample is clipped."""
LOUD: Final = 0.1
"""A flat top below this share of full scale is no overload, but a faint sound in few steps."""
TOP: Final = 0.995
"""Of the loudest sample: a flat top lies above."""
STEP: Final = 4 / 32768
"""Neighbours in a flat top differ by so much at most: what is left of an amplifier's own noise."""
RUN: Final = 4
"""So many samples in a row ..."""
EDGE: Final = 8 * STEP
"""... and beside them, on one side at least, the sound falls off by so much at once, as it does where it was cut. The
crest of a low tone (the hum of the mains, a slow engine) is as flat, but bends away little by little."""


def clipped(sound: Sound) -> int:
    """How many samples of a block of some tenths of a second, float (n,), are at full scale or in flat tops below it.

    An amplifier before the converter has its own limit, which lies anywhere: there the crests of a loud sound are cut
    to one level, each many samples wide.
    """
    if len(sound) < RUN:
        return 0
    peak = max(float(sound.max()), -float(sound.min()))
    if peak < LOUD:
        return 0
    size = np.abs(sound)
    if not peak < FULL:
        return int(np.count_nonzero(size >= FULL))
    top = size >= TOP * peak
    if np.count_nonzero(top) < RUN:
        return 0
    level = top[1:] & top[:-1] & (np.abs(np.diff(sound)) <= STEP)  # of each sample: as its neighbour before
    edges = np.flatnonzero(np.diff(np.concatenate([[False], level, [False]]).astype(np.int8)))
    first, last = edges[::2], edges[1::2]
    lengths = last - first + 1
    step = np.concatenate([[0, 0], np.abs(np.diff(sound)), [0, 0]])  # the corner may lie between two samples
    cut = np.max([step[first], step[first + 1], step[last + 2], step[last + 3]], axis=0) >= EDGE
    return int(lengths[(lengths >= RUN) & cut].sum())


@dataclass
class Clipped:
    """Which share of a stream was clipped, where; times in seconds from its beginning."""

    rate_hz: int
    """Of what is pushed."""
    _blocks: deque[tuple[float, float, int]] = field(default_factory=deque)
    """Beginning, end, clipped samples."""
    _end: int = 0

    def push(self, sound: Sound) -> None:
        """The next block, in pieces of a quarter of a second."""
        piece = self.rate_hz // 4
        for at in range(0, len(sound), piece):
            part = sound[at : at + piece]
            begin, self._end = self._end, self._end + len(part)
            self._blocks.append((begin / self.rate_hz, self._end / self.rate_hz, clipped(part)))

    def share(self, start_s: float, end_s: float) -> float:
        """Of a window: of the pieces that touch it. What ended before it is forgotten, so windows come in order."""
        while self._blocks and self._blocks[0][1] <= start_s:
            self._blocks.popleft()
        inside = [one for one in self._blocks if one[0] < end_s]
        length_s = sum(end - begin for begin, end, _ in inside)
        return sum(count for _, _, count in inside) / (length_s * self.rate_hz) if length_s else 0.0
