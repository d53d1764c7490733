"""What of its picture a camera is to look at: masks and zones, polygons in shares of width and height."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from otorongo.language import say, say_count

Point = tuple[float, float]
Polygon = tuple[Point, ...]
_GRID: Final = 40


@dataclass(frozen=True, slots=True)
class View:
    """Where nothing that moves counts, and where it must reach into to count."""

    masks: tuple[Polygon, ...] = ()
    zones: tuple[Polygon, ...] = ()
    """None: everywhere."""


WHOLE: Final = View()


def fault_of(points: Polygon) -> str:
    """What is wrong with a polygon, for whoever wrote it; empty: nothing."""
    if len(points) < 3:
        return say_count("{count} point (allowed: at least 3)", "{count} points (allowed: at least 3)", len(points))
    for x, y in points:
        if not (0 <= x <= 1 and 0 <= y <= 1):
            return say(
                "the point [{x:g}, {y:g}] lies outside (allowed: 0 to 1, from the left and from the top)", x=x, y=y
            )
    crossing = _crossing(points)
    if crossing:
        return say(
            "its sides {one} and {other} cross (allowed: points in their order around it)",
            one=crossing[0] + 1,
            other=crossing[1] + 1,
        )
    if area(points) < 1e-4:
        return say("it has no area: its points lie on a line (allowed: at least three that do not)")
    return ""


def area(points: Polygon) -> float:
    """Share of the picture (shoelace formula)."""
    return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in _sides(points))) / 2


def open_share(view: View) -> float:
    """Share of the picture where something may count, to a percent or two."""
    middles = [((column + 0.5) / _GRID, (row + 0.5) / _GRID) for row in range(_GRID) for column in range(_GRID)]
    counts = [
        (not view.zones or any(inside(zone, at) for zone in view.zones))
        and not any(inside(mask, at) for mask in view.masks)
        for at in middles
    ]
    return sum(counts) / len(counts)


def inside(points: Polygon, at: Point) -> bool:
    """Whether a point lies in a polygon (even-odd rule)."""
    x, y = at
    within = False
    for (ax, ay), (bx, by) in _sides(points):
        if (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * (bx - ax):
            within = not within
    return within


def _sides(points: Polygon) -> Sequence[tuple[Point, Point]]:
    return list(zip(points, (*points[1:], points[0]), strict=True))


def _crossing(points: Polygon) -> tuple[int, int] | None:
    """Two sides that cross, by their numbers."""
    sides = _sides(points)
    for first, (a, b) in enumerate(sides):
        for second in range(first + 2, len(sides)):
            if (second + 1) % len(sides) == first:
                continue  # neighbours meet in a corner
            c, d = sides[second]
            if _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0:
                return first, second
    return None


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
