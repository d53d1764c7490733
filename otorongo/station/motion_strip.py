"""What the gate saw, as one picture to look at: frames with their pieces and why each counts or not. Pure.

Of many frames a few are drawn, some of each kind: passed, rain, leaves, light, insects, and nothing at all.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from otorongo.station.motion import TALLEST, Motion, Moved
from otorongo.station.motion_look import LEAST_DIFFERENCE, NOISE_FACTOR
from otorongo.station.motion_pieces import LEAST, Piece
from otorongo.station.samples import Picture
from otorongo.station.view import Polygon, View

WIDTH_PX: Final = 480
"""Of one frame in the strip."""
COLUMNS: Final = 3
LINE_PX: Final = 20
HEAD_LINES: Final = 5
"""Above all frames: the title, the colours over two, and two that say what the numbers are."""
LINES: Final = 3
"""Of text below each frame."""
_GAP_PX: Final = 8
_PAPER: Final = (24, 24, 24)
_INK: Final = (235, 235, 235)
_FAINT: Final = (150, 150, 150)
_PASSED: Final = (90, 220, 110)
_HELD: Final = (235, 110, 90)
_COUNTS: Final = (255, 220, 0)
_NOT: Final = (120, 190, 255)
_DIFFERS: Final = (255, 140, 0)
_MASK: Final = (200, 60, 60)
_ZONE: Final = (90, 220, 110)
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame, small, and what the gate said of it."""

    label: str
    order: int
    picture: Picture
    seen: Moved
    infrared: bool
    differs: Picture
    """255 where a cell differed by more than its threshold."""
    threshold: tuple[float, float]
    """Grey levels by which a cell must differ: the median, and the highest."""

    @property
    def kind(self) -> str:
        """What it is an example of."""
        if self.seen.passed:
            return "passed"
        return self.seen.why or ("small" if self.seen.pieces else "nothing")


@dataclass
class Strip:
    """Of the frames that came the `most` that say most."""

    most: int
    passed: int = 0
    count: int = 0
    _kept: dict[str, list[Shot]] = field(default_factory=dict)

    def see(self, label: str, picture: Picture, state: Motion, seen: Moved) -> None:
        """A frame came, RGB (H, W, 3); `state` is the gate's after it."""
        limits = np.maximum(LEAST_DIFFERENCE, NOISE_FACTOR * state.noise)
        threshold = float(np.median(limits)), float(limits.max())
        small = _at_width(picture, WIDTH_PX)
        differs = np.asarray(state.differed, np.uint8) * np.uint8(255)
        shot = Shot(label, self.count, small, seen, state.infrared, differs, threshold)
        kept = self._kept.setdefault(shot.kind, [])
        kept.append(shot)
        if len(kept) > self.most:
            # The two that lie closest together say the same: the one with less in it goes.
            gaps = [(b.order - a.order, n) for n, (a, b) in enumerate(pairwise(kept))]
            at = min(gaps)[1]
            kept.pop(at if kept[at].seen.share <= kept[at + 1].seen.share else at + 1)
        self.count += 1
        self.passed += seen.passed

    def shots(self) -> list[Shot]:
        """In order of time, of each kind as many as there is room for."""
        rows = [_spread(shots) for shots in self._kept.values()]
        chosen: list[Shot] = []
        while len(chosen) < self.most and any(rows):
            for row in rows:
                if row and len(chosen) < self.most:
                    chosen.append(row.pop(0))
        return sorted(chosen, key=lambda shot: shot.order)


def _spread(shots: Sequence[Shot]) -> list[Shot]:
    """The first, the last, and then what lies between, always in the middle of the widest gap."""
    ends = sorted({0, len(shots) - 1})
    left = [n for n in range(len(shots)) if n not in ends]
    taken = list(ends)
    while left:
        best = max(left, key=lambda n: min(abs(n - one) for one in taken))
        left.remove(best)
        taken.append(best)
    return [shots[n] for n in taken]


def drawn(shots: Sequence[Shot], view: View, words: Mapping[str, str], title: str) -> Picture:
    """All of them on one sheet, RGB; `words` translates what stands on it."""
    panels = [_panel(shot, view, words) for shot in shots]
    columns = min(COLUMNS, max(1, len(panels)))
    height = max((panel.shape[0] for panel in panels), default=0)
    top = 2 * _GAP_PX + HEAD_LINES * LINE_PX
    rows = -(-len(panels) // columns)
    width = max(columns, 2) * (WIDTH_PX + _GAP_PX) + _GAP_PX
    out = np.full((top + rows * (height + _GAP_PX), width, 3), _PAPER, np.uint8)
    _text(out, title, (_GAP_PX, _GAP_PX + LINE_PX - 6), _INK)
    _draw_legend(out, words, _GAP_PX + 2 * LINE_PX - 6)
    for number, key in enumerate(("explains 1", "explains 2"), HEAD_LINES - 1):
        _text(out, words[key].format(least=LEAST), (_GAP_PX, _GAP_PX + number * LINE_PX - 6), _FAINT)
    for number, panel in enumerate(panels):
        x = _GAP_PX + number % columns * (WIDTH_PX + _GAP_PX)
        y = top + number // columns * (height + _GAP_PX)
        out[y : y + panel.shape[0], x : x + WIDTH_PX] = panel
    return out


def _draw_legend(out: Picture, words: Mapping[str, str], y: int) -> None:
    """The colours, over two lines."""
    x = _GAP_PX
    for colour, key in (
        (_PASSED, "frame passes"),
        (_HELD, "frame held"),
        (_COUNTS, "counts"),
        (_NOT, "counts not"),
        (_DIFFERS, "differs"),
        (_MASK, "mask"),
        (_ZONE, "zone"),
    ):
        if x + 18 + _width(words[key]) > out.shape[1]:
            x, y = _GAP_PX, y + LINE_PX
        cv2.rectangle(out, (x, y - 10), (x + 12, y + 2), colour, 2 if key.startswith("frame") else -1)
        x += 18
        x += _text(out, words[key], (x, y), _INK) + 18


def _panel(shot: Shot, view: View, words: Mapping[str, str]) -> Picture:
    height = shot.picture.shape[0]
    out = np.full((height + LINES * LINE_PX + 6, WIDTH_PX, 3), _PAPER, np.uint8)
    frame = np.ascontiguousarray(shot.picture)
    _tint(frame, shot.differs)
    for points in view.masks:
        _hatched(frame, points)
    for points in view.zones:
        cv2.polylines(frame, [_corners(points, frame)], True, _ZONE, 2, cv2.LINE_AA)
    for piece in reversed(shot.seen.pieces):
        _box(frame, piece)
    colour = _PASSED if shot.seen.passed else _HELD
    cv2.rectangle(frame, (0, 0), (WIDTH_PX - 1, height - 1), colour, 3)
    out[:height] = frame
    for number, (text, ink) in enumerate(zip(_lines(shot, words), (colour, _INK, _FAINT), strict=True), 1):
        _text(out, text, (4, height + number * LINE_PX - 4), ink)
    return out


def _lines(shot: Shot, words: Mapping[str, str]) -> Iterator[str]:
    said = words["passes"] if shot.seen.passed else words["held"]
    why = words[shot.seen.why] if shot.seen.why else "" if shot.seen.passed else words[shot.kind]
    night = f"  ({words['infrared']})" if shot.infrared else ""
    yield f"{said}{': ' + why if why else ''}{night}"
    told = [
        words["piece"].format(share=one.share, weight=one.weight, why=_because(one, words))
        for one in shot.seen.pieces[:2]
    ]
    yield "; ".join(told) or (words["all new"] if shot.seen.passed else words["no piece"])
    yield words["limits"].format(label=shot.label, grey=shot.threshold[0])


def _because(piece: Piece, words: Mapping[str, str]) -> str:
    return f" ({words[piece.why]})" if piece.why else ""


def _box(frame: Picture, piece: Piece) -> None:
    height, width = frame.shape[:2]
    low = round(piece.x * width), round(piece.y * height)
    high = round((piece.x + piece.w) * width), round((piece.y + piece.h) * height)
    cv2.rectangle(frame, low, high, (0, 0, 0), 4)
    cv2.rectangle(frame, low, high, _COUNTS if piece.counts else _NOT, 2)


def _tint(frame: Picture, differs: Picture) -> None:
    """Colours the cells that differ, and leaves what is in them to be seen."""
    mask = cv2.resize(differs, frame.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    frame[mask] = (0.55 * frame[mask] + 0.45 * np.array(_DIFFERS)).astype(np.uint8)


def _hatched(frame: Picture, points: Polygon) -> None:
    height, width = frame.shape[:2]
    inside = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [_corners(points, frame)], 1)
    diagonals = np.add.outer(np.arange(height), np.arange(width))
    lines = (inside > 0) & (diagonals % 12 < 3)
    frame[lines] = _MASK
    cv2.polylines(frame, [_corners(points, frame)], True, _MASK, 2, cv2.LINE_AA)


def _corners(points: Polygon, frame: Picture) -> NDArray[np.int32]:
    height, width = frame.shape[:2]
    return np.asarray(np.round(np.array(points) * (width - 1, height - 1)), np.int32)


def _text(out: Picture, text: str, at: tuple[int, int], ink: tuple[int, int, int]) -> int:
    """Writes, and says how wide it is in pixels."""
    cv2.putText(out, text, at, _FONT, 0.5, ink, 1, cv2.LINE_AA)
    return _width(text)


def _width(text: str) -> int:
    return int(cv2.getTextSize(text, _FONT, 0.5, 1)[0][0])


def _at_width(picture: Picture, width: int) -> Picture:
    height = min(width * TALLEST, max(1, round(picture.shape[0] * width / picture.shape[1])))
    way = cv2.INTER_AREA if picture.shape[1] > width else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(np.ascontiguousarray(picture), (width, height), interpolation=way), np.uint8)


def png(picture: Picture) -> bytes:
    """RGB (H, W, 3) as a PNG file."""
    return cv2.imencode(".png", np.ascontiguousarray(picture[:, :, ::-1]))[1].tobytes()
