"""YAMNet (Apache-2.0, 521 AudioSet classes) as a teacher: its opinion of a mixture is imitated besides the labels."""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from otorongo.models.manifest import SoundInput
from otorongo.models.mel import filter_bank

OUTPUTS = 521
_FRAMES = 96
_WINDOW, _HOP, _FFT = 400, 160, 512


class Teacher:
    """Scores mixtures at 16 kHz. Front end as in YAMNet: magnitudes, HTK mel, log(mel + 0.001)."""

    def __init__(self, path: Path) -> None:
        self._net = Interpreter(str(path), num_threads=1)
        self._net.allocate_tensors()
        self._input = self._net.get_input_details()[0]["index"]
        self._output = self._net.get_output_details()[0]["index"]
        given = SoundInput(
            rate_hz=16_000, window_s=1, hop_s=1, n_fft=_FFT, stft_hop=_HOP, n_mels=64,
            fmin_hz=125, fmax_hz=7500, mel_scale="htk", mel_norm="none",
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

    def probabilities(self, sound: np.ndarray) -> np.ndarray:
        """The highest probability of each class over the patches (521,)."""
        best = np.zeros(OUTPUTS, np.float32)
        for patch in self.patches(sound):
            self._net.set_tensor(self._input, patch[None])
            self._net.invoke()
            best = np.maximum(best, self._net.get_tensor(self._output)[0])
        return best
