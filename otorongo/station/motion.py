"""The gate of pictures: has something moved? Pure: the state goes in and comes out.

A frame is made small and grey and compared with a slowly adapting background, cell by cell. What is not worth a look:

- **Noise**: a cell counts as moved when it differs by more than its own noise and that of the whole frame explain.
- **Light** (a cloud, sun through leaves, another exposure): where more than a little differs, the difference must
  outlast the local gain, and the surroundings must show another pattern than before: light changes brightness and
  contrast and leaves the texture of trunks and leaves.
- **Rain**: when many small bright pieces lie all over the picture, what is bright and narrow is taken out of it.
- **Sway**: a cell that differs again and again remembers how far, towards bright and towards dark, and only what goes
  beyond that counts. Never more than a part of the picture is dull in this way.
- **Insects** before an infrared lamp: bright pieces that are gone in the next frame wait for a second one.

What is left is joined into pieces; one that weighs enough and reaches into a zone makes a frame worth classifying.
Day and infrared have memories of their own. Much that changed at once, and is no light, always passes: another scene,
or somebody close to the lens. In doubt a frame passes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from otorongo.station.motion_look import LEAST_DIFFERENCE, MOST_NOISE, NOISE_FACTOR, Grey, Look, Mask, look, mean, share
from otorongo.station.motion_pieces import Piece, open_cells, pieces_of
from otorongo.station.view import WHOLE, View

WIDTH: Final = 160
"""Of the small frame, in pixels."""
TALLEST: Final = 4
"""So many times as high as wide at most, whatever was found on a card ..."""
LEAST_ROWS: Final = 16
"""... and of so many rows at least."""
STRIDE: Final = 4
"""A larger frame is thinned to about this many small pixels before it is averaged: reading is what costs."""
OTHER: Final = 0.3
"""More than this share has another texture: another scene."""
ADAPT_S: Final = 10.0
"""How fast the background takes in what it sees where nothing moves (time constant) ..."""
ADAPT_MOVED_S: Final = 100.0
"""... where something does ..."""
ADAPT_STILL_S: Final = 20.0
"""... and where something is new and stays as it is: a log, or the hole that somebody left who stood there first."""
EARLY: Final = 0.1
"""Down to this rate a new memory is the plain mean of its frames, whoever walked through them."""
RECUR_S: Final = 60.0
"""Over so long it is counted how often a cell begins to differ."""
RECURRING: Final = 0.03
"""Beginnings per frame, of a cell and its neighbours, from which on it sways."""
NEAR_CELLS: Final = 9
MOST_SWAY: Final = 0.3
"""No more of the picture sways, whatever recurs: elsewhere what moves is looked at."""
RESTLESS: Final = 0.004
"""Beginnings per frame and cell, on the mean, from which on the whole picture is restless: wind."""
TOLD_SWAY: Final = 0.002
"""Share of the picture in cells that sway from which on it is told."""
BEYOND: Final = 1.25
"""What goes so far beyond a cell's usual swing is no sway."""
FORGET_S: Final = 180.0
"""How fast a cell forgets how far it swung."""
INFRARED: Final = (3.0, 5.0)
"""Mean difference of the colours below which a frame becomes infrared, and above which it is day again."""
STEP_S: Final = (0.02, 5.0)
"""What lies longer apart counts as so far apart: a trigger may have slept for hours."""

_NEAR: Final = np.ones((5, 5), np.uint8)


@dataclass(frozen=True, slots=True)
class Motion:
    """What the gate remembers."""

    background: Grey
    noise: Grey
    """Mean absolute difference of each cell while nothing moved, grey levels."""
    infrared: bool
    frames: int
    recurs: Grey
    """How often each cell begins to differ, per frame."""
    up: Grey
    """How far each cell went towards bright, grey levels ..."""
    down: Grey
    """... and towards dark."""
    last: Grey
    """The frame before."""
    differed: Mask
    """Cells that differed in the frame before."""
    fleeting: tuple[Piece, ...] = ()
    """Pieces of the frame before that may have been insects."""
    other: "Motion | None" = None
    """The memory of the other light: of day in the night."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What the gate says of a frame."""

    passed: bool
    """Worth classifying."""
    share: float
    """Of the picture, the largest piece that moved."""
    why: Literal["", "light", "rain", "sway", "insects"] = ""
    """What it was, if it did not pass: no more than light; rain, and nobody in it; leaves, that differ again and again;
    insects before the lamp. Empty: nothing to speak of."""
    pieces: tuple[Piece, ...] = ()
    """All that moved, also what did not count, the largest first."""


def moved(state: Motion | None, picture: NDArray[Any], view: View = WHOLE, step_s: float = 0.5) -> tuple[Motion, Moved]:
    """The next state, and whether something moved in uint8 RGB (H, W, 3), `step_s` after the frame before.

    The first frame always passes, and the first of each change between day and infrared. Raises ValueError for a
    picture of another shape.
    """
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"a picture must have shape (H, W, 3), not {picture.shape}")
    shrunk = small(picture)
    infrared = colourless(shrunk) < INFRARED[1 if state and state.infrared else 0]
    grey = np.asarray(cv2.cvtColor(shrunk, cv2.COLOR_RGB2GRAY), np.float32)
    if state is None or state.background.shape != grey.shape:
        return _begun(grey, infrared=infrared), Moved(passed=True, share=1.0)
    if state.infrared != infrared:
        kept = state.other or _begun(grey, infrared=infrared)
        kept = replace(kept, background=grey, last=grey, fleeting=(), other=replace(state, other=None))
        return kept, Moved(passed=True, share=1.0)
    return _compared(state, grey, view, min(max(step_s, STEP_S[0]), STEP_S[1]))


def _begun(grey: Grey, *, infrared: bool) -> Motion:
    """A memory without any."""
    none = np.zeros_like(grey)
    return Motion(grey, np.full_like(grey, 2.0), infrared, 1, none, none, none, grey, none > 0)


def _compared(state: Motion, grey: Grey, view: View, step_s: float) -> tuple[Motion, Moved]:
    seen = look(grey, state.background, state.noise)
    shown = open_cells(view, *grey.shape)
    if (whole := share(seen.mask & shown) / max(share(shown), 1 / grey.size)) > OTHER:
        after = replace(_begun(grey, infrared=state.infrared), noise=state.noise, other=state.other)
        return after, Moved(passed=True, share=whole)
    swaying, recurs, up, down = _swings(state, seen, step_s)
    pieces = pieces_of(
        seen.mask & shown & ~swaying,
        seen.strength,
        seen.difference,
        infrared=state.infrared,
        before=state.fleeting,
        view=view,
        restless=seen.raining or float(recurs[::2, ::2].mean()) > RESTLESS,
    )
    background, noise = _taken_in(state, grey, seen, step_s)
    after = Motion(
        background=background,
        noise=noise,
        infrared=state.infrared,
        frames=state.frames + 1,
        recurs=recurs,
        up=up,
        down=down,
        last=grey,
        differed=seen.mask,
        fleeting=tuple(piece for piece in pieces if piece.fleeting),
        other=state.other,
    )
    counted = [piece for piece in pieces if piece.counts]
    largest = max((piece.share for piece in counted or pieces), default=0.0)
    why = "" if counted else _why(seen, pieces, share(swaying & shown))
    return after, Moved(bool(counted), largest, why, tuple(pieces))


def _why(seen: Look, pieces: Sequence[Piece], sways: float) -> Literal["", "light", "rain", "sway", "insects"]:
    if any(piece.fleeting for piece in pieces):
        return "insects"
    if seen.raining:
        return "rain"
    if sways >= TOLD_SWAY:
        return "sway"
    return "light" if seen.lit else ""


def _taken_in(state: Motion, grey: Grey, seen: Look, step_s: float) -> tuple[Grey, Grey]:
    """Background and noise after this frame."""
    first = np.float32(1 / (state.frames + 1))
    before = seen.expected if seen.lit and not seen.raining else state.background
    background = _towards(before, grey, max(_rate(ADAPT_S, step_s), first))
    there, was = grey[seen.mask], before[seen.mask]
    moving = np.abs(there - state.last[seen.mask]) > np.maximum(LEAST_DIFFERENCE, NOISE_FACTOR * state.noise[seen.mask])
    anew = np.where(moving, _rate(ADAPT_MOVED_S, step_s), _rate(ADAPT_STILL_S, step_s))
    anew = np.maximum(anew, first if first > EARLY else np.float32(0))
    background[seen.mask] = was + anew * (there - was)
    off = np.minimum(np.abs(seen.difference), np.float32(MOST_NOISE))
    noise = _towards(state.noise, off, _rate(ADAPT_S, step_s))
    noise[seen.changed] = state.noise[seen.changed]
    return background, noise


def _towards(cells: Grey, new: Grey, rate: np.float32) -> Grey:
    """An exponential mean."""
    return np.asarray(cv2.addWeighted(cells, 1 - float(rate), new, float(rate), 0), np.float32)


def _quantile(values: Grey, part: float) -> float:
    flat = values.ravel()
    at = int(part * (flat.size - 1))
    return float(np.partition(flat, at)[at])


def _rate(time_s: float, step_s: float) -> np.float32:
    """What an exponential mean of this time constant takes in of a new value after a step."""
    return np.float32(1 - np.exp(-step_s / time_s))


def _swings(state: Motion, seen: Look, step_s: float) -> tuple[Mask, Grey, Grey, Grey]:
    """Cells that differ only as they do again and again; and how often and how far each does, this frame taken in."""
    mask = seen.mask
    swaying = np.zeros_like(mask)
    rate, keep = _rate(RECUR_S, step_s), np.float32(1 - _rate(FORGET_S, step_s))
    recurs, up, down = state.recurs * (1 - rate), state.up * keep, state.down * keep
    if not mask.any():
        return swaying, recurs, up, down
    difference = seen.difference[mask]
    often = mean(state.recurs, NEAR_CELLS)
    limit = max(RECURRING, _quantile(often[::4, ::4], 1 - MOST_SWAY))
    far_up, far_down = (cv2.dilate(one, _NEAR)[mask] for one in (state.up, state.down))  # a leaf swings over neighbours
    within = (difference <= BEYOND * far_up) & (difference >= -BEYOND * far_down)
    swaying[mask] = (often[mask] > limit) & within
    recurs[mask & ~state.differed] += rate
    up[mask] = np.maximum(up[mask], difference)
    down[mask] = np.maximum(down[mask], -difference)
    return swaying, recurs, up, down


def small(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """The frame at a fixed width, averaged over areas; a large one is thinned first, and a strip gets no taller."""
    height, width = picture.shape[:2]
    step = max(1, width // (WIDTH * STRIDE))
    thin = np.ascontiguousarray(picture[::step, ::step])
    size = (WIDTH, min(WIDTH * TALLEST, max(LEAST_ROWS, round(height * WIDTH / width))))
    return np.asarray(cv2.resize(thin, size, interpolation=cv2.INTER_AREA), np.uint8)


def colourless(shrunk: NDArray[np.uint8]) -> float:
    """How far red and blue lie apart: all colours of an infrared frame are the same."""
    thin = shrunk[::4, ::4].astype(np.int16)
    return float(np.abs(thin[:, :, 0] - thin[:, :, 2]).mean())
