"""Detectors that others made, each one network: YOLOX, YOLOv5 and what came after, as their own exports give boxes.

MegaDetector v5 and some of v1000 are YOLOv5; v6 and the rest are YOLOv8 and later, or RT-DETR, whose boxes come in
shares of the input. What they see is reported in the bundle's classes, each judged apart, as `boxes` does it: no animal
lowers the score of a person.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otorongo.language import say
from otorongo.models import image
from otorongo.models.boxes import FLOOR, NOTHING, Boxes, Found, Moving, strongest, verdict_of, yolox_cells
from otorongo.models.errors import BundleError
from otorongo.models.lazy import of_pictures
from otorongo.models.manifest import Bundle
from otorongo.models.runtime import Verdict

END_TO_END: Final = 6
"""Columns of a network that has sorted its boxes out itself: x0, y0, x1, y1, score, class."""

MOST_SHARE: Final = 2.0
"""A box in shares of the input may reach beyond its edge, but not so far."""

Scores = NDArray[np.float32]
"""(n, classes), 0 to 1."""


def decoded(layout: str, out: NDArray[Any], size: tuple[int, int]) -> tuple[Boxes, Scores]:
    """Boxes in input pixels and a score per class, of the first output (without its batch) of a network.

    `layout` is `yolox` (raw cells (n, 5 + classes): Ge et al. 2021, arXiv 2107.08430), `yolov5` ((n, 5 + classes):
    centre and size in pixels, objectness, classes) or `yolov8` ((4 + classes, n), its transpose, or (n, 6): corners,
    score and class, of networks that need no suppression). `size` is (height, width) of the input: boxes that come in
    shares of it, as of RT-DETR, are told by their size. Raises ValueError for an output of another shape.
    """
    raw = np.asarray(out, np.float32)
    least = {"yolox": 6, "yolov5": 6, "yolov8": 5}[layout]
    if raw.ndim != 2 or min(raw.shape) < 1 or (layout != "yolov8" and raw.shape[1] < least):
        raise ValueError(
            say(
                "its output has shape {shape}, which is none of {layout} (allowed: (n, 5 + classes))",
                shape=out.shape,
                layout=layout,
            )
        )
    if layout == "yolox":
        cells = sum((size[0] // stride) * (size[1] // stride) for stride in (8, 16, 32))
        if len(raw) != cells:
            raise ValueError(
                say(
                    "its output has {count} cells, but an input of {size} makes {cells}",
                    count=len(raw),
                    size=size,
                    cells=cells,
                )
            )
        return yolox_cells(raw, size)[0], raw[:, 4:5] * raw[:, 5:]
    if layout == "yolov5":
        return _corners(raw[:, :4]), raw[:, 4:5] * raw[:, 5:]
    if raw.shape[1] == END_TO_END:
        boxes, scores = _sorted_out(raw)
        return _in_pixels(boxes, scores, size), scores
    if raw.shape[0] < raw.shape[1]:
        raw = raw.T
    if raw.shape[1] < least:
        raise ValueError(
            say("its output has shape {shape}, none of yolov8 (allowed: (4 + classes, n), (n, 6))", shape=out.shape)
        )
    return _in_pixels(_corners(raw[:, :4]), raw[:, 4:], size), raw[:, 4:]


def layout_of(out: NDArray[Any], classes: int) -> str:
    """Which layout an output (without its batch) of a network of so many classes has; empty: none of them.

    YOLOX has as many columns as YOLOv5 and is never guessed.
    """
    if out.ndim != 2:
        return ""
    if out.shape[1] == 5 + classes:
        return "yolov5"
    if out.shape[1] == END_TO_END or 4 + classes in out.shape:
        return "yolov8"
    return ""


def _in_pixels(boxes: Boxes, scores: Scores, size: tuple[int, int]) -> Boxes:
    """Boxes (n, 4) in pixels of an input of this (height, width), whether they came so or in shares of it.

    In pixels nothing that a network finds likely is as small as two by two, and all of it in one corner.
    """
    likely = boxes[scores.max(axis=1) >= FLOOR]
    if not len(likely) or np.abs(likely).max() > MOST_SHARE:
        return boxes
    return boxes * np.array([size[1], size[0]] * 2, np.float32)


def _corners(raw: Boxes) -> Boxes:
    """Centre and size (n, 4) to x0, y0, x1, y1."""
    half = raw[:, 2:] / 2
    return np.hstack([raw[:, :2] - half, raw[:, :2] + half]).astype(np.float32)


def _sorted_out(raw: NDArray[np.float32]) -> tuple[Boxes, Scores]:
    classes = np.clip(raw[:, 5].round(), 0, 1000).astype(np.intp)
    scores = np.zeros((len(raw), int(classes.max()) + 1), np.float32)
    scores[np.arange(len(raw)), classes] = raw[:, 4]
    return raw[:, :4], scores


class Detector:
    """The network and the calibration of one bundle with `detector = "yolov5"` and the like."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        if bundle.manifest.picture is None:
            raise BundleError(say("{folder}: is no bundle for pictures", folder=bundle.folder))
        self.bundle = bundle
        self._given = bundle.manifest.picture
        self._network = of_pictures(bundle, self._given, threads)

    def scores(self, data: NDArray[Any], rate_hz: int = 0, looks: Sequence[Moving] = ()) -> Verdict:
        """Look at one picture, uint8 RGB (H, W, 3). Raises InputError for anything else, BundleError.

        A camera's gate says where something moved (`looks`): this network sees the whole frame all the same.
        """
        return self.told(self.find(image.as_picture(data), moved=looks))

    def rest(self) -> None:
        """Let the network go until the next picture: MegaDetector takes hundreds of megabytes."""
        self._network.rest()

    def find(self, picture: image.Picture, *, moved: Sequence[Moving] = ()) -> dict[str, Found]:
        """Boxes and raw scores by label, wherever something `moved`.

        Raises BundleError if the output is not what the manifest says.
        """
        given, fit = image.tensor(picture, self._given)
        try:
            boxes, scores = decoded(
                self.bundle.manifest.detector,
                self._network.run(given)[0][0],
                (self._given.height, self._given.width),
            )
        except ValueError as error:
            raise BundleError(f"{self.bundle.path('model')}: {error}") from error
        places = fit.unfit(boxes)
        sound = np.isfinite(places).all(axis=1)
        out = {}
        for spec in self.bundle.manifest.classes:
            known = [at for at in spec.outputs if at < scores.shape[1]]
            best = scores[:, known].max(axis=1) if known else np.zeros(len(scores), np.float32)
            at = np.flatnonzero((best >= FLOOR) & sound)
            out[spec.label] = strongest(places[at], np.minimum(best[at], 1.0)) if len(at) else NOTHING
        return out

    def told(self, found: Mapping[str, Found]) -> Verdict:
        """The calibrated scores of what was found, and the boxes over their thresholds."""
        return verdict_of(self.bundle.manifest.classes, found)
