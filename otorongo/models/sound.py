"""A sound bundle at work: a window of sound in, calibrated scores out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from otorongo.models.errors import BundleError, InputError
from otorongo.models.manifest import Bundle, SoundInput
from otorongo.models.mel import Array, Spectrogram, resample
from otorongo.models.runtime import Session, Verdict, class_score


class SoundClassifier:
    """Front end, network and calibration of one sound bundle."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        if bundle.manifest.sound is None:
            raise BundleError(f"{bundle.folder}: is a {bundle.manifest.kind} bundle, not one for sound")
        self.bundle = bundle
        self._given = bundle.manifest.sound
        self._front = Spectrogram(self._given)
        self._session = Session(bundle.path("model"), threads)
        _check_shape(self._session, self._given, bundle)

    def scores(self, data: NDArray[Any], rate_hz: int = 0) -> Verdict:
        """Score at most one window of float mono sound (n,) in [-1, 1] at `rate_hz` (0: the bundle's own rate).

        Sound shorter than the window is repeated, or followed by silence, as the manifest says. Values that are not
        finite count as silence. Raises InputError for an empty, longer, or not mono sample.
        """
        window = fill(as_mono(data, rate_hz or self._given.rate_hz, self._given), self._given)
        logits = self._session.run(self._front.tensor(window))[0].reshape(-1)
        specs = self.bundle.manifest.classes
        return Verdict(tuple(class_score(spec, float(score)) for spec, score in zip(specs, logits, strict=True)))


def as_mono(data: NDArray[Any], rate_hz: int, given: SoundInput) -> Array:
    """A sample as float32 at the bundle's rate. Raises InputError."""
    if data.ndim != 1 or not np.issubdtype(data.dtype, np.floating):
        raise InputError(f"sound must be float and mono of shape (n,), not {data.dtype} of shape {data.shape}")
    if not 1000 <= rate_hz <= 384_000:
        raise InputError(f"sound at {rate_hz} Hz cannot be scored (allowed: 1000 to 384000)")
    seconds = len(data) / rate_hz
    if len(data) == 0 or seconds > given.window_s + 0.001:
        raise InputError(f"a sample of {seconds:.3f} s cannot be scored (allowed: above 0, at most {given.window_s} s)")
    sound = data.astype(np.float32, copy=False)
    if not np.isfinite(sound).all():
        sound = np.nan_to_num(sound, nan=0.0, posinf=0.0, neginf=0.0)
    return resample(sound, rate_hz, given.rate_hz)


def fill(sound: Array, given: SoundInput) -> Array:
    """Exactly one window (window_samples,): cut, repeated, or followed by silence."""
    wanted = given.window_samples
    if len(sound) >= wanted:
        return sound[:wanted]
    if given.short == "repeat" and len(sound):
        return np.resize(sound, wanted)
    return np.pad(sound, (0, wanted - len(sound)))


def _check_shape(session: Session, given: SoundInput, bundle: Bundle) -> None:
    """Refuse a network that does not fit its manifest now, rather than at the first sound in the forest."""
    path = bundle.path("model")
    wanted = [1, 1, given.n_mels, given.frames]
    for shape in session.inputs.values():
        if shape != wanted:
            raise BundleError(f"{path}: input has shape {shape}, but the manifest's [sound] makes {wanted}")
    shape = next(iter(session.outputs.values()))
    if shape[-1] != len(bundle.manifest.classes):
        raise BundleError(f"{path}: {shape[-1]} outputs, but the manifest has {len(bundle.manifest.classes)} classes")
