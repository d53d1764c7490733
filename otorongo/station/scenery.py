"""What stands in the picture for hours is scenery: a log that a network takes for an animal. Pure.

A place is remembered by the box that was first seen there, so that what creeps away leaves it. Time counts only in
steps between two sightings, of an hour at most each: a clock that jumps makes no scenery. In doubt nothing is scenery:
not where something moves, where somebody may be, or where a network sees something else as well.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from otorongo.wire.classes import BY_NAME

HELD: Final = frozenset(BY_NAME[name].number for name in ("animal", "dog", "cattle"))
"""Classes whose scenery is not told. People, vehicles and boats always are."""
MARKED: Final = frozenset(BY_NAME[name].number for name in ("person", "vehicle", "boat"))
"""Classes that are told at once, and marked as scenery."""
PERSON: Final = BY_NAME["person"].number
STEP_MS: Final = 3_600_000
"""No two sightings are further apart than this, as far as the time that a thing has lasted is concerned."""
OTHER: Final = 0.5
"""A box of another class with this overlap (IoU) says that something else is there."""
COVERED: Final = 0.1
"""What moves over so much of a box moves in it."""
MOST: Final = 100
"""Places at most that are remembered."""


class Place(Protocol):
    """Left, top, width and height in shares of the picture."""

    @property
    def x(self) -> float: ...  # noqa: D102
    @property
    def y(self) -> float: ...  # noqa: D102
    @property
    def w(self) -> float: ...  # noqa: D102
    @property
    def h(self) -> float: ...  # noqa: D102


class Box(Place, Protocol):
    """A thing in a picture."""

    @property
    def wire_class(self) -> int: ...  # noqa: D102
    @property
    def p(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Repeat:
    """When a box is scenery."""

    iou: float = 0.9
    """Overlap with the first box at its place, from which on it is the same thing."""
    lasts_ms: int = 3 * 3_600_000
    hits: int = 20
    forget_ms: int = 72 * 3_600_000
    """A place where nothing was seen for so long is forgotten."""
    people_p: float = 0.05
    """From this calibrated probability on somebody may be there."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A thing at its place."""

    cls: int
    x: float
    y: float
    w: float
    h: float
    last_ms: int
    hits: int = 1
    lasted_ms: int = 0


State = tuple[Standing, ...]


def sift(
    state: State,
    boxes: Sequence[Box],
    t_ms: int,
    rule: Repeat,
    faint: Iterable[Box] = (),
    moved: Sequence[Place] = (),
) -> tuple[State, tuple[bool, ...]]:
    """The next state, and for each box whether it is scenery.

    `boxes` reach their thresholds, `faint` are all that were drawn, `moved` is where something moved. `t_ms` is UTC as
    far as the station knows it, and may jump.
    """
    known = [one for one in state if t_ms - one.last_ms <= rule.forget_ms]
    people = [*boxes, *(one for one in faint if one.p >= rule.people_p)]
    people = [one for one in people if one.wire_class == PERSON]
    out = []
    for box in boxes:
        if _disturbed(box, boxes, people, moved):
            out.append(False)
            continue
        at = _where(known, box, rule.iou)
        if at is None:
            known.append(Standing(box.wire_class, box.x, box.y, box.w, box.h, t_ms))
            out.append(False)
            continue
        one = known[at]
        step_ms = min(max(0, t_ms - one.last_ms), STEP_MS)
        known[at] = one = replace(one, last_ms=t_ms, hits=one.hits + 1, lasted_ms=one.lasted_ms + step_ms)
        out.append(one.hits >= rule.hits and one.lasted_ms >= rule.lasts_ms > 0)
    known.sort(key=lambda one: (-one.hits, -one.last_ms))
    return tuple(known[:MOST]), tuple(out)


def _disturbed(box: Box, boxes: Sequence[Box], people: Sequence[Box], moved: Sequence[Place]) -> bool:
    """Whether somebody may be in a box, something moves in it, or it is something else as well."""
    if box.wire_class != PERSON and any(_shared(box, one) > 0 for one in people):
        return True
    if any(one.wire_class != box.wire_class and iou(box, one) >= OTHER for one in boxes):
        return True
    return any(_inside(one, box) or _shared(box, one) >= COVERED * box.w * box.h for one in moved)


def _where(known: Sequence[Standing], box: Box, least: float) -> int | None:
    """The place of a box, if it is known."""
    near = [(iou(one, box), at) for at, one in enumerate(known) if one.cls == box.wire_class]
    best, at = max(near, default=(0.0, 0))
    return at if best >= least else None


def _shared(one: Place, two: Place) -> float:
    wide = min(one.x + one.w, two.x + two.w) - max(one.x, two.x)
    high = min(one.y + one.h, two.y + two.h) - max(one.y, two.y)
    return wide * high if wide > 0 and high > 0 else 0.0


def _inside(piece: Place, box: Place) -> bool:
    """Whether its middle is."""
    x, y = piece.x + piece.w / 2, piece.y + piece.h / 2
    return box.x <= x <= box.x + box.w and box.y <= y <= box.y + box.h


def iou(one: Place, two: Place) -> float:
    """Intersection over union."""
    shared = _shared(one, two)
    return shared / max(one.w * one.h + two.w * two.h - shared, 1e-12)


def dump(state: State) -> str:
    """The memory as text, to be kept over a restart."""
    return json.dumps([[one.cls, *(round(v, 4) for v in (one.x, one.y, one.w, one.h)), one.last_ms, one.hits,
                        one.lasted_ms] for one in state], separators=(",", ":"))  # fmt: skip


def load(text: str | None) -> State:
    """What was kept; nothing, if there is nothing or it is damaged: then what stands there is told once more."""
    try:
        rows: list[list[Any]] = json.loads(text or "[]")
        return tuple(
            Standing(int(cls), float(x), float(y), float(w), float(h), int(last), int(hits), int(lasted))
            for cls, x, y, w, h, last, hits, lasted in rows[:MOST]
        )
    except (ValueError, TypeError, OverflowError):
        return ()
