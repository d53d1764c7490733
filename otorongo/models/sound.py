"""A sound bundle at work: a window of sound in, calibrated scores out."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otorongo.language import say
from otorongo.models.errors import BundleError, InputError
from otorongo.models.manifest import Bundle, SoundInput
from otorongo.models.mel import Array, Spectrogram, resample
from otorongo.models.runtime import Network, Verdict, class_score, open_session

MOST_EMBEDDING: Final = 512
"""Bytes."""


class SoundClassifier:
    """Front end, network and calibration of one sound bundle."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        if bundle.manifest.sound is None:
            raise BundleError(say("{folder}: is no bundle for sound", folder=bundle.folder))
        self.bundle = bundle
        self._given = bundle.manifest.sound
        self._front = Spectrogram(self._given) if self._given.tensor == "log_mel" else None
        self._session = open_session(bundle.path("model"), threads)
        self._places = _places(self._session, self._given, bundle)
        self._logits = next(iter(self._session.outputs))
        self.embedding_size = _embedding_size(self._session, bundle)
        """Bytes of an embedding; 0: this bundle gives none."""

    def scores(self, data: NDArray[Any], rate_hz: int = 0) -> Verdict:
        """Score at most one window of float mono sound (n,) in [-1, 1] at `rate_hz` (0: the bundle's own rate).

        Sound shorter than the window is repeated, or followed by silence, as the manifest says. Values that are not
        finite count as silence. Raises InputError for an empty, longer, or not mono sample.
        """
        answers = [self._session.run(tensor, self._logits)[0] for tensor in self._tensors(data, rate_hz)]
        best = answers[0] if len(answers) == 1 else np.max(answers, axis=0)
        return self._verdict(best.reshape(-1))

    def embedded(self, data: NDArray[Any], rate_hz: int = 0) -> tuple[Verdict, NDArray[np.int8]]:
        """Score at most one window, and say what it sounds like: int8 (embedding_size,), alike for sounds alike.

        Raises InputError as `scores` does, and BundleError when the bundle gives no embeddings.
        """
        about = self.bundle.manifest
        if not self.embedding_size:
            raise BundleError(
                say("{reference}: gives no embeddings (its manifest has no key `embedding`)", reference=about.reference)
            )
        (tensor,) = self._tensors(data, rate_hz)
        logits, embedding = self._session.run(tensor, self._logits, about.embedding)
        if embedding.dtype != np.int8:
            raise BundleError(
                say(
                    "{model}: output {embedding!r} holds {dtype}, not int8",
                    model=self.bundle.path("model"),
                    embedding=about.embedding,
                    dtype=embedding.dtype,
                )
            )
        return self._verdict(logits.reshape(-1)), embedding.reshape(-1)

    def _tensors(self, data: NDArray[Any], rate_hz: int) -> list[Array]:
        """What the network is fed for a window: one tensor for each of its patches."""
        window = fill(as_mono(data, rate_hz or self._given.rate_hz, self._given), self._given)
        return self._front.tensors(window) if self._front else [window[None]]

    def _verdict(self, logits: Array) -> Verdict:
        specs = self.bundle.manifest.classes
        raw: list[float] = logits.tolist()
        best = [max([raw[place] for place in places]) for places in self._places]
        return Verdict(tuple(class_score(spec, score) for spec, score in zip(specs, best, strict=True)))


def as_mono(data: NDArray[Any], rate_hz: int, given: SoundInput) -> Array:
    """A sample as float32 at the bundle's rate. Raises InputError."""
    if data.ndim != 1 or not np.issubdtype(data.dtype, np.floating):
        raise InputError(
            say(
                "sound must be float and mono of shape (n,), not {dtype} of shape {shape}",
                dtype=data.dtype,
                shape=data.shape,
            )
        )
    if not 1000 <= rate_hz <= 384_000:
        raise InputError(say("sound at {rate_hz} Hz cannot be scored (allowed: 1000 to 384000)", rate_hz=rate_hz))
    seconds = len(data) / rate_hz
    if len(data) == 0 or seconds > given.window_s + 0.001:
        raise InputError(
            say(
                "a sample of {seconds:.3f} s cannot be scored (allowed: above 0, at most {window_s} s)",
                seconds=seconds,
                window_s=given.window_s,
            )
        )
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
    if not len(sound):
        return np.zeros(wanted, np.float32)
    # Of a recorder with a constant offset, zeros would begin with a step, and a step is heard as a shot.
    return np.pad(sound, (0, wanted - len(sound)), constant_values=np.float32(sound.mean()))


def _embedding_size(session: Network, bundle: Bundle) -> int:
    """How many bytes the output has that the manifest calls `embedding`; 0: it names none. Raises BundleError."""
    name = bundle.manifest.embedding
    if not name:
        return 0
    shape = session.outputs.get(name)
    if shape is None or len(shape) != 2 or shape[0] != 1 or not isinstance(shape[1], int) or shape[1] > MOST_EMBEDDING:
        found = "there is none of that name" if shape is None else f"it has shape {shape}"
        wanted = f"one row of at most {MOST_EMBEDDING} values"
        raise BundleError(
            say(
                "{model}: output {name!r}, the manifest's embedding: {found} ({wanted})",
                model=bundle.path("model"),
                name=name,
                found=found,
                wanted=wanted,
            )
        )
    return shape[1]


def _places(session: Network, given: SoundInput, bundle: Bundle) -> list[list[int]]:
    """Which outputs each class has.

    Refuses a network that does not fit its manifest now, rather than at the first sound in the forest.
    """
    path, specs = bundle.path("model"), bundle.manifest.classes
    for shape in session.inputs.values():
        if shape != given.shape:
            raise BundleError(
                say(
                    "{path}: input has shape {shape}, but the manifest's [sound] makes {shape_2}",
                    path=path,
                    shape=shape,
                    shape_2=given.shape,
                )
            )
    count = next(iter(session.outputs.values()))[-1]
    named = [list(spec.outputs) for spec in specs]
    if not any(named):
        if count != len(specs):
            raise BundleError(
                say(
                    "{path}: {count} outputs, but the manifest has {count_2} classes",
                    path=path,
                    count=count,
                    count_2=len(specs),
                )
            )
        return [[place] for place in range(count)]
    for spec, places in zip(specs, named, strict=True):
        if not places or max(places) >= count:
            raise BundleError(
                say(
                    "{path}: class {label}: outputs are {places} (allowed: some of 0 to {count})",
                    path=path,
                    label=spec.label,
                    places=places,
                    count=count - 1,
                )
            )
    return named
