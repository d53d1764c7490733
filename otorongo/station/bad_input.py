"""Samples that nothing could be made of, kept for whoever mends the program: a few, and never at the alert's cost."""

import io
import logging
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from otorongo.station.errors import SealError
from otorongo.station.samples import Sample
from otorongo.station.sealing import ENDING, Sealer

log = logging.getLogger(__name__)

_HEADER: Final = 4096
"""Room for what NumPy writes before the numbers."""


@dataclass(frozen=True)
class BadInput:
    """A folder of NumPy files (`.npy`, one sample each), the newest of them."""

    folder: Path
    most_files: int = 20
    most_bytes: int = 20_000_000
    sealer: Sealer | None = None
    """Nobody has looked at them, so they may show people: sealed (`.npy.age`); None: as they are."""

    def keep(self, sample: Sample) -> Path | None:
        """Write a sample and let the oldest go; None if it is too large or the card does not take it."""
        if sample.data.nbytes > self.most_bytes - _HEADER:
            return None
        at_ms = sample.t_ms + (sample.domain.utc0_ms if sample.domain else 0)
        path = self.folder / f"{at_ms}.npy{ENDING if self.sealer else ''}"
        part = self.folder / f"{at_ms}.part"
        try:
            content = _as_file(sample)
            content = self.sealer.seal(content) if self.sealer else content
            self.folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
            part.replace(path)
            self._trim(path)
        except (OSError, ValueError, SealError) as error:
            log.warning("%s: a bad sample was not kept: %s", self.folder, error)
            with suppress(OSError):
                part.unlink(missing_ok=True)
            return None
        return path

    def _trim(self, newest: Path) -> None:
        files = sorted(self.folder.iterdir(), key=lambda one: (one == newest, one.stat().st_mtime_ns))
        total = sum(one.stat().st_size for one in files)
        while len(files) > self.most_files or total > self.most_bytes:
            oldest = files.pop(0)
            total -= oldest.stat().st_size
            oldest.unlink()


def _as_file(sample: Sample) -> bytes:
    """Raises ValueError for what NumPy cannot write."""
    out = io.BytesIO()
    np.save(out, sample.data, allow_pickle=False)
    return out.getvalue()
