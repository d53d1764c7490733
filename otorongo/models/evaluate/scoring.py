"""Windows in, calibrated probabilities out: of the shipped network, of the float one, and of both opinions together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from otorongo.language import say
from otorongo.models import manifest, runtime
from otorongo.models.errors import BundleError, InputError
from otorongo.models.evaluate.recordings import Recording, decode, truth
from otorongo.models.manifest import Bundle, File, SoundInput
from otorongo.models.runtime import Classifier
from otorongo.models.second import SecondOpinion, joints, thresholds
from otorongo.wire.classes import BY_NAME

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

SHIPPED: Final = "shipped"
FLOAT: Final = "float"
SECOND: Final = "second"
"""The second opinion alone, with its own classes and thresholds."""
BOTH: Final = "both"
_FINEST: Final = 1e-12


@dataclass(frozen=True)
class Ears:
    """A bundle and what is measured beside it."""

    bundle: Bundle
    by_name: Mapping[str, Classifier]
    """SHIPPED, and FLOAT, SECOND and BOTH where they were asked for."""

    @property
    def given(self) -> SoundInput:
        """The bundle's input."""
        sound = self.bundle.manifest.sound
        assert sound is not None  # noqa: S101 - open_ears refuses others
        return sound

    @property
    def wires(self) -> tuple[str, ...]:
        """Wire class of each of the bundle's classes."""
        return tuple(spec.wire for spec in self.bundle.manifest.classes)

    @property
    def thresholds(self) -> Floats:
        """Calibrated p of a hit of the bundle's own network (classes,)."""
        return np.array([spec.threshold for spec in self.bundle.manifest.classes])

    def threshold(self, name: str, wire: str) -> float:
        """Calibrated p of a hit, as this ear counts it: a second opinion has thresholds of its own."""
        return thresholds(self.by_name[name])[BY_NAME[wire].number]

    @property
    def names(self) -> dict[str, str]:
        """What each ear is called in a report."""
        own = self.bundle.manifest.reference
        both = self.by_name.get(BOTH)
        second = both.second.manifest.reference if isinstance(both, SecondOpinion) else ""
        words = {SHIPPED: own, FLOAT: f"{own}, float", SECOND: second, BOTH: f"{own} + {second}"}
        return {name: words[name] for name in self.by_name}

    def of(self, wire: str) -> list[str]:
        """The ears that have an opinion of their own on a class: both together only where they are joined, the second
        alone only where it has the class.
        """
        both = self.by_name.get(BOTH)
        joined = joints(self.bundle.manifest, both.second.manifest) if isinstance(both, SecondOpinion) else {}
        label = self.bundle.manifest.classes[self.wires.index(wire)].label
        other = self.by_name.get(SECOND)
        theirs = {spec.wire for spec in other.bundle.manifest.classes} if other else set()
        return [
            name
            for name in self.by_name
            if (name not in (BOTH, SECOND)) or (label in joined if name == BOTH else wire in theirs)
        ]

    def p(self, name: str, window: NDArray[np.float32]) -> Floats:
        """Calibrated p of every class (classes,) in one window at the bundle's rate; nan for one that it has not."""
        p: Floats = self.told(name, window)[0]
        return p

    def told(self, name: str, window: NDArray[np.float32]) -> Floats:
        """(2, classes): calibrated p and the evidence (natural units) that a station would send; nan as in `p`."""
        scores = self.by_name[name].scores(window, self.given.rate_hz).scores
        if name != SECOND:
            return np.array([(score.p, score.evidence) for score in scores]).T
        by_wire: dict[int, tuple[float, float]] = {}
        for score in scores:
            by_wire.setdefault(score.wire_class, (score.p, score.evidence))
        none = (np.nan, np.nan)
        return np.array([by_wire.get(spec.wire_class, none) for spec in self.bundle.manifest.classes]).T


def open_ears(reference: str, float_model: Path | None = None, second: str | None = None) -> Ears:
    """Open a sound bundle, its float network and a second opinion. Raises BundleError."""
    bundle = manifest.load(reference)
    if bundle.manifest.kind != "sound" or "species" in bundle.manifest.files:
        raise BundleError(
            say(
                "{reference}: is not a bundle of sounds and threats, which is what `evaluate sound` measures",
                reference=reference,
            )
        )
    found: dict[str, Classifier] = {SHIPPED: runtime.open_classifier(bundle)}
    if float_model is not None:
        if not float_model.is_file():
            raise BundleError(say("--float {float_model}: no such file", float_model=float_model))
        found[FLOAT] = runtime.open_classifier(with_model(bundle, float_model))
    if second is not None:
        found[SECOND] = runtime.open_classifier(manifest.load(second))
        found[BOTH] = SecondOpinion(found[SHIPPED], found[SECOND])
    return Ears(bundle, found)


def with_model(bundle: Bundle, path: Path) -> Bundle:
    """The same bundle around another network, which nobody has sealed."""
    files = {**bundle.manifest.files, "model": File(name=str(path.resolve()), sha256="")}
    return Bundle(bundle.folder, msgspec.structs.replace(bundle.manifest, files=files, embedding=""), bundle.digest)


def windows(sound: NDArray[Any], given: SoundInput) -> list[NDArray[np.float32]]:
    """The windows a station would score of int16 sound (n,); the last partial one only when it is all there is."""
    size, hop = given.window_samples, round(given.hop_s * given.rate_hz)
    plain = as_float(sound)
    if len(plain) <= size:
        return [plain]
    return [plain[start : start + size] for start in range(0, len(plain) - size + 1, hop)]


def as_float(sound: NDArray[Any]) -> NDArray[np.float32]:
    """int16 (n,) as float32 in [-1, 1]."""
    return np.asarray(sound, np.float32) / np.float32(32768)


@dataclass
class Scored:
    """What every ear says of every window."""

    p: dict[str, Floats]
    """By ear: (windows, classes)."""
    truth: Ints
    """(windows, classes): 1, 0, or -1 for unknown."""
    recording: Ints
    """Number of the recording of each window."""
    label: NDArray[np.str_]
    hop_s: float
    damaged: list[str] = field(default_factory=list)

    def recordings(self, chosen: NDArray[np.bool_]) -> int:
        """How many independent recordings these windows (windows,) are from."""
        return len(np.unique(self.recording[chosen]))


def score(ears: Ears, recordings: Iterable[Recording]) -> Scored:
    """Score every recording as recorded; files that cannot be read are named and left out."""
    numbers: dict[str, int] = {}
    parts: dict[str, list[Floats]] = {name: [] for name in ears.by_name}
    known: list[Ints] = []
    which: list[int] = []
    labels: list[str] = []
    damaged: list[str] = []
    for each in recordings:
        try:
            cut = windows(decode(each.path, ears.given.rate_hz), ears.given)
        except InputError as error:
            damaged.append(str(error))
            continue
        for window in cut:
            for name in ears.by_name:
                parts[name].append(ears.p(name, window))
        known += [np.array([truth(each.label, wire) for wire in ears.wires])] * len(cut)
        which += [numbers.setdefault(each.recording, len(numbers))] * len(cut)
        labels += [each.label] * len(cut)
    if not which:
        raise InputError(say("none of the recordings could be read: {why}", why="; ".join(damaged[:3])))
    scores = {name: np.stack(rows) for name, rows in parts.items()}
    return Scored(scores, np.stack(known), np.array(which), np.array(labels), ears.given.hop_s, damaged)


def logit(p: Floats) -> Floats:
    """ln(p / (1 - p)), finite."""
    sure = np.clip(p, _FINEST, 1 - _FINEST)
    return np.asarray(np.log(sure / (1 - sure)))
