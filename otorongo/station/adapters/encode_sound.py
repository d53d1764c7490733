"""Sound into a file by libsndfile: Ogg Opus for evidence that travels, FLAC for what stays whole on the card."""

import io
from typing import Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from otorongo.station.samples import Sound

RATES: Final = (8_000, 12_000, 16_000, 24_000, 48_000)
"""What Opus carries."""


def opus(sound: Sound, rate_hz: int) -> bytes:
    """Float mono (n,) as an Ogg Opus file. Raises RuntimeError if libsndfile cannot write it."""
    if rate_hz not in RATES:
        wanted = min((rate for rate in RATES if rate >= rate_hz), default=RATES[-1])
        sound, rate_hz = soxr.resample(sound, rate_hz, wanted), wanted
    out = io.BytesIO()
    soundfile.write(out, np.clip(sound, -1.0, 1.0), rate_hz, format="OGG", subtype="OPUS", compression_level=0.9)
    return out.getvalue()


def flac(sound: NDArray[np.int16], rate_hz: int) -> bytes:
    """Mono (n,) of 16 bits as a FLAC file. Raises RuntimeError if libsndfile cannot write it."""
    out = io.BytesIO()
    soundfile.write(out, sound, rate_hz, format="FLAC", subtype="PCM_16")
    return out.getvalue()
