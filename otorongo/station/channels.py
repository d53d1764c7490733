"""Several channels as one: their mean, or one of them where the mean would be silence. Pure."""

from typing import Final

import numpy as np

from otorongo.station.samples import Sound

CANCELLED: Final = 0.01
"""Of the loudest channel's power: two channels leave so little only if they are alike but for their sign."""
SILENT: Final = 1e-10
"""Power: a channel of less holds no sound."""
LEAST_S: Final = 0.25
"""Less sound may be of opposite sign by chance."""
FADE_S: Final = 0.02


class Channels:
    """One stream of several channels. From the first block in which they cancel each other on, only one is taken."""

    def __init__(self, rate_hz: int) -> None:
        self.alone: int | None = None
        """Number of the channel that is taken alone, from 0; None: the mean of all."""
        self._least = round(LEAST_S * rate_hz)
        self._fade = round(FADE_S * rate_hz)

    def mono(self, block: Sound) -> Sound:
        """Frames of finite float sound (n, channels) as (n,)."""
        if self.alone is not None or block.shape[1] == 1:
            return block[:, self.alone or 0]
        mean: Sound = block.mean(axis=1, dtype=np.float32)
        if len(block) < self._least:
            return mean
        powers = [float(np.var(channel)) for channel in block.T]
        loudest = max(powers)
        if loudest < SILENT or float(np.var(mean)) > CANCELLED * loudest:
            return mean
        self.alone = powers.index(loudest)
        taken = block[:, self.alone].copy()
        share = np.linspace(0, 1, self._fade, dtype=np.float32)  # a step would be heard as a shot
        taken[: self._fade] = share * taken[: self._fade] + (1 - share) * mean[: self._fade]
        return taken
