"""YAMNet (Apache-2.0, 521 AudioSet classes) as a teacher: what it says of a mixture is imitated besides the labels.

It gives its logits (eight bits of probability flatten what is below 1/512) and its embedding. It was trained at
ordinary levels and has an absolute floor, so it hears everything at one peak level.
"""

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from otorongo.models.add_yamnet import adapted
from otorongo.models.manifest import SoundInput
from otorongo.models.mel import filter_bank

OUTPUTS = 521
EMBEDDING = 1024
PEAK = 0.7
_FRAMES = 96
_WINDOW, _HOP, _FFT = 400, 160, 512


class Teacher:
    """Scores mixtures at 16 kHz. Front end as in YAMNet: magnitudes, HTK mel, log(mel + 0.001)."""

    def __init__(self, path: Path) -> None:
        self._net = Interpreter(model_content=adapted(path.read_bytes()), num_threads=1)
        self._net.allocate_tensors()
        self._input = self._net.get_input_details()[0]["index"]
        self._outputs = self._net.get_output_details()
        given = SoundInput(
            rate_hz=16_000, window_s=1, hop_s=1, n_fft=_FFT, stft_hop=_HOP, n_mels=64,
            fmin_hz=125, fmax_hz=7500, mel_scale="htk", mel_norm="none", ramps="mel",
        )  # fmt: skip
        self._bank = filter_bank(given)
        phase = 2 * np.pi * np.arange(_WINDOW) / _WINDOW
        self._hann = (0.5 - 0.5 * np.cos(phase)).astype(np.float32)

    def patches(self, sound: np.ndarray) -> np.ndarray:
        """Log-mel patches (patches, 96, 64) of sound (n,), laid end to end."""
        frames = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[::_HOP] * self._hann
        mel = np.abs(np.fft.rfft(frames, _FFT)) @ self._bank.T
        log_mel = np.log(mel + 0.001).astype(np.float32)
        count = len(log_mel) // _FRAMES
        return log_mel[: count * _FRAMES].reshape(count, _FRAMES, 64)

    def opinion(self, sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The highest logit of each class over the patches (521,), and the mean embedding (1024,)."""
        sound = sound * (PEAK / (float(np.abs(sound).max()) + 1e-9))
        said = [self._patch(patch) for patch in self.patches(sound)]
        return np.max([logits for logits, _ in said], axis=0), np.mean([inner for _, inner in said], axis=0)

    def _patch(self, patch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self._net.set_tensor(self._input, patch[None])
        self._net.invoke()
        logits, inner = (self._number(each) for each in self._outputs)
        return logits, inner

    def _number(self, detail: dict[str, Any]) -> np.ndarray:
        raw = np.asarray(self._net.get_tensor(detail["index"]), np.float32).reshape(-1)
        scale, zero = detail["quantization"]
        return (raw - zero) * scale if scale else raw
