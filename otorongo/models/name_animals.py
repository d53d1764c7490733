"""A bundle of names at work: what an animal in a picture may be, in calibrated probabilities.

The network sees what a detector's box holds. Its outputs are those of the file `labels`; several may mean the same
label, and then count together. What becomes of the candidates is decided elsewhere: `rollup` names, `threat_first`
keeps people and vehicles.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otorongo.language import say
from otorongo.models import calibrate, image, labels
from otorongo.models.errors import BundleError
from otorongo.models.lazy import of_pictures
from otorongo.models.manifest import Bundle, Crop, PictureInput
from otorongo.models.rollup import MOST, Candidate, Label
from otorongo.models.runtime import ClassScore, Verdict
from otorongo.models.threat_first import LEAST, THREATS
from otorongo.wire.classes import BY_NAME

LEAST_PX: Final = 16
"""A crop is at least so wide and high: a smaller box takes in what is around it."""
ANIMAL: Final = BY_NAME["animal"].number
TINY: Final = 1e-12


class Namer:
    """The network, its labels and its calibration; the network is loaded when a crop comes, and rests when told to."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        """Raises BundleError for a bundle of another kind, and for a network that cannot be run as it says."""
        if bundle.manifest.picture is None or not bundle.manifest.names:
            raise BundleError(
                say("{folder}: is no bundle of names: it needs [picture] and files.labels", folder=bundle.folder)
            )
        outputs = labels.read(bundle.path("labels"))
        self.bundle = bundle
        self.labels: tuple[Label, ...] = tuple(dict.fromkeys(outputs))
        """Each once."""
        self.crop = bundle.manifest.crop or Crop()
        self._given: PictureInput = bundle.manifest.picture
        self._places = _places(outputs, self.labels)
        self._head = _head(bundle, len(self._places)) if "head" in bundle.manifest.files else None
        self._network = of_pictures(bundle, self._given, threads)

    def candidates(self, crop: image.Picture) -> tuple[Candidate, ...]:
        """The likeliest labels of a crop (uint8 RGB, H x W x 3), falling. Raises BundleError, InputError.

        At most 5, and a person or vehicle besides: five animals alike crowd nobody out.
        """
        p = self.probabilities(crop)
        ordered = np.argsort(-p, kind="stable").tolist()
        threats = [at for at in ordered[MOST:] if self.labels[at].special in THREATS and p[at] >= LEAST]
        told = ordered[:MOST] + threats
        return tuple(Candidate(self.labels[at], float(p[at])) for at in told)

    def probabilities(self, crop: image.Picture) -> NDArray[np.float64]:
        """Of each of `labels`, (n,), calibrated."""
        given, _ = image.tensor(image.as_picture(crop), self._given)
        out = self._network.run(given)[0].reshape(-1).astype(np.float32)
        if self._head is not None:
            weights, bias = self._head
            if len(out) != len(weights):
                raise BundleError(
                    say(
                        "{head}: takes {count} features, the network gives {count_2}",
                        head=self.bundle.path("head"),
                        count=len(weights),
                        count_2=len(out),
                    )
                )
            out = out @ weights + bias  # in float32: a head of 1280 x 1000 takes 5 MB
        if len(out) != len(self._places):
            lines = f"has {len(self._places)} lines, but the network has {len(out)} outputs"
            raise BundleError(
                say("{labels}: {lines} (allowed: one line for each)", labels=self.bundle.path("labels"), lines=lines)
            )
        if not np.isfinite(out).all():
            raise BundleError(
                say(
                    "{model}: gives numbers that are none: it is damaged, or of another kind",
                    model=self.bundle.path("model"),
                )
            )
        p = self._calibrated(out.astype(np.float64))
        return np.minimum(np.bincount(self._places, p, len(self.labels)), 1.0)

    def scores(self, data: NDArray[Any], rate_hz: int = 0) -> Verdict:
        """A score per label, by its name, of a picture as one crop: what `otorongo-models check` compares."""
        found = zip(self.labels, self.probabilities(image.as_picture(data)).tolist(), strict=True)
        return Verdict(
            tuple(
                ClassScore(ANIMAL, p, calibrate.clip(calibrate.logit(p)), hit=False, label=label.name)
                for label, p in found
            )
        )

    def rest(self) -> None:
        """Let the network go until the next crop: for small boards."""
        self._network.rest()

    def _calibrated(self, out: NDArray[np.float64]) -> NDArray[np.float64]:
        manifest = self.bundle.manifest
        if manifest.activation == "none":
            if manifest.temperature == 1.0:
                return np.clip(out, 0.0, 1.0)
            out = np.log(np.maximum(out, TINY))
        return softmax(out / manifest.temperature)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities (n,) of logits (n,), without overflow."""
    powers = np.exp(logits - logits.max())
    out: NDArray[np.float64] = powers / powers.sum()
    return out


def cut(picture: image.Picture, box: tuple[float, float, float, float], crop: Crop) -> image.Picture:
    """What a network of names is given of a frame (H, W, 3), around a box x0, y0, x1, y1 in shares of it."""
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = box
    across, down = (x1 - x0) * width, (y1 - y0) * height
    more = 2 * crop.margin * max(across, down)
    across, down = across + more, down + more
    if crop.square:
        across = down = max(across, down)
    columns = _span((x0 + x1) / 2 * width, max(across, LEAST_PX), width)
    rows = _span((y0 + y1) / 2 * height, max(down, LEAST_PX), height)
    return picture[rows, columns]


def _span(centre: float, length: float, most: int) -> slice:
    """Where a piece of this length lies, moved into 0 to `most` rather than cut, and as long as that at most."""
    whole = min(most, round(length))
    first = min(max(0, round(centre - length / 2)), most - whole)
    return slice(first, first + whole)


def _places(lines: tuple[Label, ...], once: tuple[Label, ...]) -> NDArray[np.intp]:
    """For each output, which of the labels it means."""
    of = {label: at for at, label in enumerate(once)}
    return np.array([of[label] for label in lines], np.intp)


def _head(bundle: Bundle, outputs: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights (features, n) and bias (n,) of the last layer. Raises BundleError."""
    path = bundle.path("head")
    try:
        with np.load(path, allow_pickle=False) as file:
            weights, bias = (np.asarray(file[name], np.float32) for name in ("weights", "bias"))
    except Exception as error:  # zipfile, zlib and numpy raise exceptions of their own
        raise BundleError(
            say("{path}: is no .npz with `weights` and `bias`: {error}", path=path, error=error)
        ) from error
    if weights.ndim != 2 or weights.shape[1] != outputs or bias.shape != (outputs,):
        shapes = f"weights {weights.shape}, bias {bias.shape}"
        raise BundleError(
            say(
                "{path}: {shapes}, but files.labels has {outputs} lines (allowed: (features, n) and (n,))",
                path=path,
                shapes=shapes,
                outputs=outputs,
            )
        )
    if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
        raise BundleError(say("{path}: holds numbers that are none: make it again", path=path))
    return weights, bias
