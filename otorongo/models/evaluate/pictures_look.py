"""Pictures in, calibrated probabilities and boxes out: of the shipped networks, and of the float ones beside them."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from otorongo.language import say
from otorongo.models import calibrate, image, manifest, runtime
from otorongo.models.errors import BundleError, InputError
from otorongo.models.evaluate.pictures import MOST_BYTES, Picture
from otorongo.models.manifest import Bundle, File
from otorongo.models.runtime import BoxScore, Classifier, Verdict

SHIPPED: Final = "shipped"
FLOAT: Final = "float"
GREY: Final = 0.06
"""Mean saturation below which a picture is taken for one in infrared, where nobody says."""
_SAMPLED: Final = 40_000

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Eyes:
    """A bundle and, beside it, the same bundle with float networks."""

    bundle: Bundle
    by_name: dict[str, Classifier]

    @property
    def wires(self) -> tuple[str, ...]:
        """Wire classes, in the manifest's order; labels that share one count as one."""
        return tuple(dict.fromkeys(spec.wire for spec in self.bundle.manifest.classes))

    @property
    def thresholds(self) -> dict[str, float]:
        """Calibrated p of a hit by wire class: the lowest of its labels."""
        out: dict[str, float] = {}
        for spec in self.bundle.manifest.classes:
            out[spec.wire] = min(spec.threshold, out.get(spec.wire, 1.0))
        return out

    def p(self, name: str, picture: image.Picture) -> Floats:
        """Calibrated p of every wire class (classes,)."""
        return _by_wire(self, self.by_name[name].scores(picture))


def open_eyes(reference: str, floats: Sequence[Path] = ()) -> Eyes:
    """Open a picture bundle, and its float networks (of each role in turn: model, things). Raises BundleError."""
    bundle = manifest.load(reference)
    if bundle.manifest.kind != "picture" or bundle.manifest.names:
        raise BundleError(
            say("{reference}: draws no boxes, which is what `evaluate pictures` measures", reference=reference)
        )
    by_name = {SHIPPED: runtime.open_classifier(bundle)}
    if floats:
        by_name[FLOAT] = runtime.open_classifier(with_networks(bundle, floats))
    return Eyes(bundle, by_name)


def with_networks(bundle: Bundle, networks: Sequence[Path]) -> Bundle:
    """The same bundle with other networks in the places of its own (model, things). Raises BundleError, InputError."""
    roles = [role for role in ("model", "things") if role in bundle.manifest.files]
    if len(networks) != len(roles):
        raise InputError(
            say(
                "--float: {count} networks given; this bundle has {count_2} ({names})",
                count=len(networks),
                count_2=len(roles),
                names=", ".join(roles),
            )
        )
    files = dict(bundle.manifest.files)
    for role, path in zip(roles, networks, strict=True):
        if not path.is_file():
            raise BundleError(
                say("{path}: is not there; it is to be the float network of {role}", path=path, role=role)
            )
        # A whole path takes the place of the folder; networks may be opened long after this, when they are needed.
        files[role] = File(name=str(path.resolve()), sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    return replace(bundle, manifest=msgspec.structs.replace(bundle.manifest, files=files))


@dataclass(frozen=True)
class Seen:
    """What one network made of one picture."""

    p: Floats
    """(classes,), in the order of `Eyes.wires`."""
    boxes: tuple[tuple[str, float, float, float, float, float], ...]
    """Every box that it drew: class, calibrated p, x0, y0, x1, y1 in shares."""


@dataclass(frozen=True)
class Looked:
    """A picture, what the networks made of it, and how colourful it is."""

    picture: Picture
    by_name: dict[str, Seen]
    saturation: float
    """Mean, 0 to 1."""

    @property
    def night(self) -> bool:
        """As people say; else a picture without colours is taken for one in infrared."""
        return self.saturation < GREY if self.picture.night is None else self.picture.night


def look(eyes: Eyes, pictures: Iterable[Picture], done: Callable[[], None]) -> tuple[list[Looked], list[str]]:
    """Look at every picture with every network; and what could not be read."""
    out, damaged = [], []
    for one in pictures:
        try:
            if one.path.stat().st_size > MOST_BYTES:
                raise InputError(say("is larger than {most_bytes} MiB", most_bytes=MOST_BYTES >> 20))
            picture = image.decode(one.path.read_bytes(), str(one.path))
        except (OSError, InputError) as error:
            damaged.append(f"{one.set}/{one.name}: {error}")
        else:
            seen = {name: _seen(eyes, classifier.scores(picture)) for name, classifier in eyes.by_name.items()}
            out.append(Looked(one, seen, saturation(picture)))
        done()
    return out, damaged


def saturation(picture: image.Picture) -> float:
    """Mean saturation of uint8 RGB (H, W, 3), 0 for grey to 1."""
    step = max(1, int((picture.shape[0] * picture.shape[1] / _SAMPLED) ** 0.5))
    small = picture[::step, ::step].reshape(-1, 3).astype(np.float32)
    most = small.max(axis=1)
    return float(((most - small.min(axis=1)) / np.maximum(most, 1.0)).mean())


def _seen(eyes: Eyes, verdict: Verdict) -> Seen:
    names = {spec.wire_class: spec.wire for spec in eyes.bundle.manifest.classes}
    drawn: dict[BoxScore, None] = dict.fromkeys((*verdict.faint, *verdict.boxes))
    boxes = tuple((names[b.wire_class], b.p, b.x, b.y, b.x + b.w, b.y + b.h) for b in drawn if b.wire_class in names)
    return Seen(_by_wire(eyes, verdict), boxes)


def _by_wire(eyes: Eyes, verdict: Verdict) -> Floats:
    best: dict[str, float] = {}
    for spec, score in zip(eyes.bundle.manifest.classes, verdict.scores, strict=True):
        best[spec.wire] = max(score.p, best.get(spec.wire, 0.0))
    return np.array([best[wire] for wire in eyes.wires])


def logit(p: Floats) -> Floats:
    """Logit of probabilities, kept finite."""
    return np.array([calibrate.logit(min(max(float(each), 1e-6), 1 - 1e-6)) for each in p.ravel()]).reshape(p.shape)
