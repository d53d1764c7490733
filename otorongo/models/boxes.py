"""A picture bundle at work: boxes of what is seen, and one calibrated score per class.

Two networks look at every frame. The first says where something is (an animal, a person, a vehicle: it does not tell
them apart). The second knows people, vehicles, boats, dogs and cattle from everyday pictures; where the first sees
something that is no threat so far, or where the camera's gate says that something moves, the second looks again from
near, for people and what they drive. A box of the first that the second does not explain is an animal. The classes are
judged apart: no animal can lower the score of a person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from otorongo.language import say
from otorongo.models import calibrate, image
from otorongo.models.errors import BundleError
from otorongo.models.lazy import LazySession
from otorongo.models.manifest import Bundle, ClassSpec
from otorongo.models.runtime import BoxScore, ClassScore, Verdict, class_score
from otorongo.wire.classes import BY_NAME, is_threat

Boxes = NDArray[np.float32]
"""(n, 4): x0, y0, x1, y1."""

FLOOR: Final = 0.02
"""Boxes with a lower raw score are not looked at."""
MOST: Final = 300
OVERLAP: Final = 0.5
EXPLAINS: Final = 0.3
"""What overlaps a box of the first network by this (IoU), or lies in it and is not much smaller, explains it."""
LOOKS: Final = 2
"""Boxes at most of one frame that are looked at again from near ..."""
LOOK_FLOOR: Final = 0.1
"""... from this raw score of the first network on. A person 180 pixels high in a frame of 2048 x 1536 is 34 pixels high
in the second network's input, and too small for it; the first still sees that something is there."""
LOOKS_MOVED: Final = 2
"""Places at most where something moved, and neither network sees what, that are looked at from near as well."""
LOOK_DOUBT: Final = 0.48
"""Natural units that a person's scores lose in a second look: it sees more people where nobody is. Of 544 looks at
random places in 68 camera-trap frames without people 15 reach the threshold (raw 0.25) without it, and 7 with it
(`python -m otorongo.models.train.far_people`). On the half that calibrates as many people are found with it, and
somebody in 6 instead of 9 of 146 pictures without."""
ASIDE_DOUBT: Final = 1.0
"""The same for a box that is not where the look was aimed (a tree trunk beside the animal), or less high and wide than
`LOOK_FILLS` of the look: too small to tell."""
LOOK_FILLS: Final = 0.25
COVERS: Final = 3.0
"""A look covers a place that asked for one of its own, unless it is so many times as large: it would show it small."""
LOOK_SIDE: Final = 1.6
"""Side of the square that is looked at, in longest sides of the box."""
LOOK_LEAST_PX: Final = 160
LOOK_MOST: Final = 0.7
"""A square of more than this share of the frame would show nothing new."""


@dataclass(frozen=True)
class Found:
    """Boxes in shares of the picture and their raw scores, the strongest first."""

    boxes: Boxes
    scores: NDArray[np.float32]


NOTHING: Final = Found(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


class Moving(Protocol):
    """A place where something moved: left, top, width and height in shares of the picture."""

    @property
    def x(self) -> float: ...  # noqa: D102
    @property
    def y(self) -> float: ...  # noqa: D102
    @property
    def w(self) -> float: ...  # noqa: D102
    @property
    def h(self) -> float: ...  # noqa: D102


def yolox_cells(cells: NDArray[np.float32], size: tuple[int, int]) -> tuple[Boxes, NDArray[np.float32]]:
    """Raw cells (n, 5 + classes) of YOLOX to boxes in input pixels and scores (n,), objectness times best class.

    Strides 8, 16 and 32, anchor-free, centre and log-size per cell (Ge et al. 2021, arXiv 2107.08430). `size` is
    (height, width) of the input; objectness and classes come as probabilities.
    """
    centres, strides = [], []
    for stride in (8, 16, 32):
        ys, xs = np.mgrid[0 : size[0] // stride, 0 : size[1] // stride]
        centres.append(np.stack([xs, ys], axis=-1).reshape(-1, 2))
        strides.append(np.full(xs.size, stride))
    stride_of = np.concatenate(strides).astype(np.float32)[:, None]
    centre = (cells[:, :2] + np.concatenate(centres)) * stride_of
    half = np.exp(np.minimum(cells[:, 2:4], 12.0)) * stride_of / 2
    return np.hstack([centre - half, centre + half]).astype(np.float32), cells[:, 4] * cells[:, 5:].max(axis=1)


def efficientdet_anchors(size: tuple[int, int]) -> NDArray[np.float32]:
    """Anchors (n, 4) centre y, x, height, width in input pixels: levels 3 to 7, three octaves, aspects 1, 2 and 1/2.

    Tan et al. 2020 (arXiv 1911.09070), with the anchor scale 3 of the Lite networks.
    """
    out = []
    for stride in (8, 16, 32, 64, 128):
        rows, columns = -(-size[0] // stride), -(-size[1] // stride)
        ys, xs = (np.mgrid[0:rows, 0:columns] + 0.5) * stride
        sizes = [
            (3.0 * stride * 2 ** (octave / 3) / root, 3.0 * stride * 2 ** (octave / 3) * root)
            for octave in range(3)
            for root in (1.0, 2**0.5, 2**-0.5)
        ]
        cells = [np.stack([ys, xs, np.full_like(ys, h), np.full_like(ys, w)], axis=-1) for h, w in sizes]
        out.append(np.stack(cells, axis=2).reshape(-1, 4))
    return np.concatenate(out).astype(np.float32)


def efficientdet_boxes(raw: NDArray[np.float32], anchors: NDArray[np.float32]) -> Boxes:
    """Raw regressions (n, 4) dy, dx, log h, log w against anchors to boxes in input pixels."""
    centre = raw[:, :2] * anchors[:, 2:] + anchors[:, :2]
    half = np.exp(np.minimum(raw[:, 2:], 12.0)) * anchors[:, 2:] / 2
    low, high = centre - half, centre + half
    return np.stack([low[:, 1], low[:, 0], high[:, 1], high[:, 0]], axis=1).astype(np.float32)


def overlaps(one: NDArray[np.float32], many: Boxes) -> NDArray[np.float32]:
    """Intersection over union of a box (4,) with boxes (n, 4): (n,)."""
    shared = _shared(one, many)
    union = np.maximum(_area(one[None]) + _area(many) - shared, 1e-9)
    return np.asarray(shared / union, np.float32)


def _shared(one: NDArray[np.float32], many: Boxes) -> NDArray[np.float32]:
    low, high = np.maximum(one[:2], many[:, :2]), np.minimum(one[2:], many[:, 2:])
    shared: NDArray[np.float32] = np.prod(np.maximum(high - low, 0.0), axis=1)
    return shared


def _area(boxes: Boxes) -> NDArray[np.float32]:
    area: NDArray[np.float32] = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0), axis=1)
    return area


def strongest(boxes: Boxes, scores: NDArray[np.float32]) -> Found:
    """Boxes that do not overlap a stronger one (greedy non-maximum suppression), the strongest first."""
    order = np.argsort(-scores, kind="stable")[:MOST]
    order = order[scores[order] >= FLOOR]
    kept: list[int] = []
    for at in order:
        if not kept or overlaps(boxes[at], boxes[kept]).max() < OVERLAP:
            kept.append(int(at))
    return Found(boxes[kept], scores[kept]) if kept else NOTHING


def unexplained(first: Found, others: Sequence[Found]) -> Found:
    """The boxes of the first network that no box of the second explains."""
    known = np.concatenate([other.boxes for other in others]) if others else NOTHING.boxes
    keep = []
    for at, box in enumerate(first.boxes):
        if not len(known):
            keep.append(at)
            continue
        inside = _shared(box, known) / np.maximum(_area(known), 1e-9)
        if overlaps(box, known).max() < EXPLAINS and not bool(
            ((inside > 0.8) & (_area(known) > 0.2 * _area(box[None]))).any()
        ):
            keep.append(at)
    return Found(first.boxes[keep], first.scores[keep])


class Look(NamedTuple):
    """A part of a picture that is looked at from near, and the box in it (4,), in shares, that asked for it."""

    rows: slice
    columns: slice
    around: NDArray[np.float32]

    @property
    def pixels(self) -> int:
        """Its area."""
        return int((self.rows.stop - self.rows.start) * (self.columns.stop - self.columns.start))

    def covers(self, other: "Look") -> bool:
        """Whether the other's middle lies in this one, and is not shown much smaller here than there."""
        y, x = (other.rows.start + other.rows.stop) // 2, (other.columns.start + other.columns.stop) // 2
        inside = self.rows.start <= y < self.rows.stop and self.columns.start <= x < self.columns.stop
        return inside and self.pixels <= COVERS * other.pixels


def nearer(boxes: Boxes, width: int, height: int) -> list[Look]:
    """The squares to look at again: around boxes (n, 4) in shares, cut off at the frame's edges."""
    out = []
    for box in boxes:
        x0, y0, x1, y1 = box.tolist()
        side = max((x1 - x0) * width, (y1 - y0) * height) * LOOK_SIDE
        half = max(side, LOOK_LEAST_PX) / 2
        x, y = (x0 + x1) / 2 * width, (y0 + y1) / 2 * height
        rows = slice(max(0, int(y - half)), min(height, int(y + half)))
        columns = slice(max(0, int(x - half)), min(width, int(x + half)))
        look = Look(rows, columns, box)
        if look.pixels <= LOOK_MOST * width * height:
            out.append(look)
    return out


def beyond(looks: Sequence[Look], known: Sequence[Look]) -> list[Look]:
    """The looks that none of those that are known, nor one of these before it, covers."""
    out: list[Look] = []
    for look in looks:
        if not any(one.covers(look) for one in (*known, *out)):
            out.append(look)
    return out


def doubted(found: Found, look: Look, placed: Boxes) -> NDArray[np.float32]:
    """Scores of what a look from near found, with less evidence; with still less beside its aim, or of small things.

    `placed`: the boxes in shares of the frame, which in `found` are in shares of the look.
    """
    smaller = np.minimum(_area(placed), _area(look.around[None]))
    aimed = _shared(look.around, placed) >= EXPLAINS * np.maximum(smaller, 1e-9)
    large = (found.boxes[:, 2:] - found.boxes[:, :2]).max(axis=1, initial=0) >= LOOK_FILLS
    odds = found.scores / np.maximum(1 - found.scores, 1e-6)
    odds = odds * np.exp(-np.where(aimed & large, LOOK_DOUBT, ASIDE_DOUBT))
    return np.asarray(odds / (1 + odds), np.float32)


def outward(boxes: Boxes, rows: slice, columns: slice, width: int, height: int) -> Boxes:
    """Boxes in shares of a part of a frame to shares of the frame."""
    size = np.array([columns.stop - columns.start, rows.stop - rows.start] * 2, np.float32)
    corner = np.array([columns.start, rows.start] * 2, np.float32)
    return np.asarray((boxes * size + corner) / np.array([width, height] * 2, np.float32), np.float32)


def verdict_of(specs: Sequence[ClassSpec], found: Mapping[str, Found]) -> Verdict:
    """What was found, by label, as calibrated scores, one per class, and boxes over their thresholds."""
    scores: list[ClassScore] = []
    boxes: list[BoxScore] = []
    faint: list[BoxScore] = []
    for spec in specs:
        seen = found[spec.label]
        best = float(seen.scores[0]) if len(seen.scores) else FLOOR / 2
        scores.append(class_score(spec, calibrate.logit(best)))
        drawn = _judged(spec, seen)
        boxes += [box for box in drawn if box.p >= spec.threshold]
        faint += drawn
    return Verdict(tuple(scores), tuple(boxes), tuple(faint))


class BoxClassifier:
    """Both networks and the calibration of one picture bundle."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        manifest = bundle.manifest
        if manifest.picture is None or manifest.things is None:
            raise BundleError(say("{folder}: needs a [picture] and a [things] table for boxes", folder=bundle.folder))
        self.bundle = bundle
        self._first = manifest.picture
        self._second = manifest.things
        self._where = LazySession(bundle.path("model"), threads, sha256=manifest.files["model"].sha256)
        self._what = LazySession(bundle.path("things"), threads, sha256=manifest.files["things"].sha256)
        self._anchors = efficientdet_anchors((self._second.height, self._second.width))
        self._check()

    def scores(self, data: NDArray[Any], rate_hz: int = 0, looks: Sequence[Moving] = ()) -> Verdict:
        """Look at one picture, uint8 RGB (H, W, 3): a score per class, and boxes.

        `looks`: where something moved, the largest first. Raises InputError for anything but a picture.
        """
        return self.told(self.find(image.as_picture(data), moved=looks))

    def told(self, found: Mapping[str, Found]) -> Verdict:
        """The calibrated scores of what was found, and the boxes over their thresholds."""
        return verdict_of(self.bundle.manifest.classes, found)

    def find(self, picture: image.Picture, looks: int = LOOKS, moved: Sequence[Moving] = ()) -> dict[str, Found]:
        """What both networks see, by label, before calibration; `looks` at most are from near.

        Of the places where something `moved`, `LOOKS_MOVED` more that none of these looks and no sure threat covers.
        """
        named = [spec for spec in self.bundle.manifest.classes if spec.outputs]
        threats = [spec for spec in named if is_threat(spec.wire_class)]
        people = {spec.label for spec in threats if spec.wire_class == BY_NAME["person"].number}
        out = self._look(picture, named)
        first = self._somewhere(picture)
        height, width = picture.shape[:2]
        # Only what is surely a threat needs no second look: a box that looks like a dog may still be a person.
        sure = self._certain(out, threats)
        doubtful = _at_least(unexplained(first, sure), LOOK_FLOOR).boxes[:looks]
        seen = nearer(doubtful, width, height)
        led = beyond(nearer(_unseen(moved, sure), width, height), seen)[:LOOKS_MOVED]
        for look in (*seen, *led):
            for label, found in self._look(picture[look.rows, look.columns], threats).items():
                placed = outward(found.boxes, look.rows, look.columns, width, height)
                scores = doubted(found, look, placed) if label in people else found.scores
                boxes = np.concatenate([out[label].boxes, placed])
                out[label] = strongest(boxes, np.concatenate([out[label].scores, scores]))
        left = unexplained(first, self._certain(out, named))
        return out | {spec.label: left for spec in self.bundle.manifest.classes if not spec.outputs}

    def rest(self) -> None:
        """Let both networks go until the next picture: for small boards."""
        self._where.rest()
        self._what.rest()

    def _certain(self, found: dict[str, Found], specs: Sequence[ClassSpec]) -> list[Found]:
        """The boxes of these classes that reach their thresholds."""
        return [_at_least(found[spec.label], self._sure(spec.label)) for spec in specs]

    def _sure(self, label: str) -> float:
        """The raw score at which a class of the second network reaches its threshold."""
        spec = self.bundle.by_label[label]
        wanted = calibrate.logit(spec.threshold)
        return calibrate.sigmoid((wanted - spec.calibration.offset) / spec.calibration.slope)

    def _somewhere(self, picture: image.Picture) -> Found:
        given, fit = image.tensor(picture, self._first)
        cells = self._where.run(given)[0][0]
        boxes, scores = yolox_cells(cells, (self._first.height, self._first.width))
        at = np.flatnonzero(scores >= FLOOR)
        return strongest(fit.unfit(boxes[at]), scores[at])

    def _look(self, picture: image.Picture, specs: Sequence[ClassSpec]) -> dict[str, Found]:
        """What the second network sees of some classes."""
        given, fit = image.tensor(picture, self._second)
        classes, raw = (each[0] for each in self._what.run(given))
        out = {}
        for spec in specs:
            logits = classes[:, list(spec.outputs)].max(axis=1)
            at = np.flatnonzero(logits >= calibrate.logit(FLOOR))
            probability = 1.0 / (1.0 + np.exp(-logits[at]))
            boxes = fit.unfit(efficientdet_boxes(raw[at], self._anchors[at]))
            out[spec.label] = strongest(boxes, probability.astype(np.float32))
        return out

    def _check(self) -> None:
        """Refuse networks that do not fit their manifest now, rather than at the first frame."""
        for session, role, given in ((self._where, "model", self._first), (self._what, "things", self._second)):
            wanted = image.shape(given)
            for shape in session.inputs.values():
                if shape != wanted:
                    path = self.bundle.path(role)
                    raise BundleError(
                        say(
                            "{path}: input has shape {shape}, but the manifest's table makes {wanted}",
                            path=path,
                            shape=shape,
                            wanted=wanted,
                        )
                    )


def _unseen(moved: Sequence[Moving], sure: Sequence[Found]) -> Boxes:
    """Places as boxes, without those that are surely explained."""
    places = np.array([[one.x, one.y, one.x + one.w, one.y + one.h] for one in moved], np.float32).reshape(-1, 4)
    return unexplained(Found(places, np.ones(len(places), np.float32)), sure).boxes


def _at_least(found: Found, score: float) -> Found:
    keep = found.scores >= score
    return Found(found.boxes[keep], found.scores[keep])


def _judged(spec: ClassSpec, found: Found) -> list[BoxScore]:
    """All boxes of one class with their calibrated p, the surest first."""
    out = []
    for box, score in zip(found.boxes, found.scores, strict=True):
        x0, y0, x1, y1 = (float(value) for value in box)
        p = class_score(spec, calibrate.logit(float(score))).p
        out.append(BoxScore(spec.wire_class, p, x0, y0, x1 - x0, y1 - y0))
    return out
