"""What one frame says of the camera itself: light, flat parts, sharpness, edges, bright threads. Pure.

A frame is shrunk as the gate shrinks it. Flat and textured parts are told over 4 x 4 cells of that small frame. A soft
lens shows in full pixels only, so sharpness is taken from a small patch of the frame in each cell, as the spread of its
Laplacian beside its own contrast (variance of the Laplacian: Pech-Pacheco et al. 2000), which fog leaves as it is and a
lens out of focus does not.
"""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from otorongo.station.motion import INFRARED, colourless, small

CELLS: Final = 4
"""Each way."""
FLAT_DETAIL: Final = 1.5
"""Grey levels of fine detail below which a cell shows nothing: noise of a small frame's pixels stays below it."""
FLAT_SPREAD: Final = 8.0
"""A flat cell may be brighter on one side than on the other by about three times this."""
MOSTLY: Final = 14
"""So many flat cells of the 16, and nobody could be seen."""
BLACK: Final = 8.0
"""Mean grey level below which nothing is seen, whatever the noise looks like."""
WHITE: Final = 250
PATCH_PX: Final = 64
TEXTURED: Final = 6.0
"""Spread of a patch, in grey levels, from which on its sharpness can be told."""
EDGE_STEP: Final = 2
"""An edge map has one cell for so many pixels of the small frame, each way."""
AROUND: Final = 11
"""Edges are told beside those in so many cells around: light and contrast do not change them."""
THREAD_PX: Final = 7
"""What is bright and narrower than this, in pixels of the small frame, may be a thread."""
THREAD_LEVELS: Final = 10.0

Cells = NDArray[np.float32]
"""(16,), row by row."""
Grey = NDArray[np.float32]
"""A small grey frame, 160 pixels wide."""
Edges = NDArray[np.float32]
"""(rows, columns), about 45 x 80: strength of the edges beside that of their surroundings, 0 to 4."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What every frame is asked: could anybody have been seen in it?"""

    light: float
    """Mean grey level."""
    bright: float
    """Share that is as bright as it can be."""
    detail: Cells
    """Fine detail of each cell, grey levels."""
    spread: Cells
    """Standard deviation of each cell, grey levels."""
    infrared: bool

    @property
    def flat(self) -> NDArray[np.bool_]:
        """Cells that show nothing (16,)."""
        return np.asarray((self.detail < FLAT_DETAIL) & (self.spread < FLAT_SPREAD), np.bool_)

    @property
    def blind(self) -> bool:
        """Whether nobody could have been seen."""
        return self.light < BLACK or int(self.flat.sum()) >= MOSTLY


@dataclass(frozen=True, slots=True)
class Look:
    """What is asked a few times a minute."""

    glance: Glance
    contrast: float
    """Standard deviation of the small frame, grey levels."""
    sharp: float
    """Spread of the Laplacian beside the contrast, the median of the patches; NaN: none has texture."""


def glance(picture: NDArray[Any]) -> tuple[Glance, Grey]:
    """Of uint8 RGB (H, W, 3); and its small grey frame."""
    shrunk = small(picture)
    grey = np.asarray(cv2.cvtColor(shrunk, cv2.COLOR_RGB2GRAY), np.float32)
    fine = grey - cv2.blur(grey, (5, 5))
    seen = Glance(
        light=float(grey.mean()),
        bright=int(np.count_nonzero(grey >= WHITE)) / grey.size,
        detail=np.sqrt(np.maximum(_per_cell(fine * fine), 0)),
        spread=np.sqrt(np.maximum(_per_cell(grey * grey) - _per_cell(grey) ** 2, 0)),
        infrared=colourless(shrunk) < sum(INFRARED) / 2,
    )
    return seen, grey


def look(picture: NDArray[Any], seen: Glance, grey: Grey) -> Look:
    """Of uint8 RGB (H, W, 3), its glance and its small grey frame."""
    return Look(seen, float(grey.std()), _sharpness(picture))


def threads_of(grey: Grey) -> NDArray[np.bool_]:
    """Bright and narrow pixels of a small grey frame."""
    opened = cv2.morphologyEx(grey, cv2.MORPH_OPEN, np.ones((THREAD_PX, THREAD_PX), np.uint8))
    return np.asarray(grey - opened > THREAD_LEVELS, np.bool_)


def edges_of(grey: Grey) -> Edges:
    """The edge map of a small grey frame."""
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    strength = cv2.magnitude(across, down)
    size = (max(1, grey.shape[1] // EDGE_STEP), max(1, grey.shape[0] // EDGE_STEP))
    strength = np.asarray(cv2.resize(strength, size, interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(np.minimum(strength / (cv2.blur(strength, (AROUND, AROUND)) + 8), 4), np.float32)


def _per_cell(values: Grey) -> Cells:
    return np.asarray(cv2.resize(values, (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.float32).ravel()


def _sharpness(picture: NDArray[Any]) -> float:
    found = []
    height, width = picture.shape[:2]
    for row in range(CELLS):
        for column in range(CELLS):
            y, x = (2 * row + 1) * height // (2 * CELLS), (2 * column + 1) * width // (2 * CELLS)
            half = PATCH_PX // 2
            patch = np.ascontiguousarray(picture[max(0, y - half) : y + half, max(0, x - half) : x + half])
            grey = cv2.GaussianBlur(cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY).astype(np.float32), (3, 3), 0)
            spread = float(grey.std())
            if spread >= TEXTURED:
                found.append(float(cv2.Laplacian(grey, cv2.CV_32F).std()) / spread)
    return float(np.median(found)) if len(found) >= CELLS else float("nan")


@dataclass(frozen=True, slots=True)
class Match:
    """How an edge map lies beside a usual one."""

    same: float
    """Correlation where it should lie."""
    best: float
    """The highest, wherever that is."""
    shift: float = 0.0
    """How far that is, in widths of the picture."""
    turn_deg: float = 0.0
    """How far the view has turned there, clockwise."""


TURNS_DEG: Final = (-15.0, -12.5, -10.0, -7.5, -5.0, -2.5, 0.0, 2.5, 5.0, 7.5, 10.0, 12.5, 15.0)
MARGIN: Final = 0.2
"""The middle of the usual map, without so much on each side, is looked for in the new one."""


def match(edges: Edges, usual: Edges, *, whole: bool = True) -> Match:
    """Where the middle of the usual map (rows, columns) lies in another of the same shape; `whole`: turned as well."""
    rows, columns = usual.shape
    top, left = round(MARGIN * rows), round(MARGIN * columns)
    middle = np.ascontiguousarray(usual[top : rows - top, left : columns - left])
    if edges.shape != usual.shape or not middle.size or middle.std() < 1e-3 or edges.std() < 1e-3:
        return Match(0.0, 0.0)
    plain = cv2.matchTemplate(edges, middle, cv2.TM_CCOEFF_NORMED)
    same = float(plain[top, left])
    found = Match(same, same)
    for turn_deg in TURNS_DEG if whole else (0.0,):
        table = plain if not turn_deg else cv2.matchTemplate(_turned(edges, turn_deg), middle, cv2.TM_CCOEFF_NORMED)
        _, best, _, (x, y) = cv2.minMaxLoc(table)
        if best > found.best:
            found = Match(same, best, float(np.hypot(x - left, y - top)) / columns, turn_deg)
    return found


def _turned(edges: Edges, by_deg: float) -> Edges:
    """As if the view had not turned clockwise by so much, which turns what is in it the other way."""
    rows, columns = edges.shape
    turn = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), -by_deg, 1.0)
    return np.asarray(cv2.warpAffine(edges, turn, (columns, rows), borderMode=cv2.BORDER_REFLECT), np.float32)
