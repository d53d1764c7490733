"""Sectors: polygons from GeoJSON, and in which of them a station stands."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shapely import Point, make_valid
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import nearest_points, unary_union
from shapely.validation import explain_validity

from otorongo.hub.config import PlaceConfig
from otorongo.hub.errors import HubError
from otorongo.language import say, why

OUTSIDE: Final = "~"
"""Begins the name under which stations that stand in no place are fused: `~` and the first of them."""
MAX_BYTES: Final = 8 * 1024 * 1024
Position = tuple[float, float]
"""Latitude and longitude, degrees."""
_METRES_PER_DEGREE: Final = 111_195.0


class PlaceError(HubError):
    """A polygon that cannot be used."""


@dataclass(frozen=True)
class Place:
    """A sector with its shape."""

    config: PlaceConfig
    shape: BaseGeometry
    """Degrees, x is longitude."""

    @property
    def name(self) -> str:
        """The sector's name."""
        return self.config.name

    @property
    def sealed(self) -> bool:
        """Land of peoples in isolation."""
        return self.config.kind == "no_contact"

    def holds(self, at: Position) -> bool:
        """Whether a position lies in it, or on its edge."""
        return bool(self.shape.intersects(Point(at[1], at[0])))


def load(config: PlaceConfig, folder: Path) -> Place:
    """Read the polygon of a place, relative to `folder`. Raises PlaceError, which says what is wrong and what to do."""
    path = folder / config.polygon
    return Place(config, polygon(path))


def polygon(path: Path) -> BaseGeometry:
    """The polygon of a GeoJSON file, all its features together. Raises PlaceError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PlaceError(
                say(
                    "{path}: is larger than {value} MB: simplify the polygon",
                    path=path,
                    value=MAX_BYTES // 1024 // 1024,
                )
            )
        data = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise PlaceError(say("{path}: cannot be read: {why}", path=path, why=why(error))) from error
    except (ValueError, RecursionError) as error:
        raise PlaceError(say("{path}: is no GeoJSON: {error}", path=path, error=error)) from error
    try:
        parts = [shape(one) for one in _geometries(data)]
    except (ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise PlaceError(say("{path}: a geometry cannot be read: {error}", path=path, error=error)) from error
    found = [one for one in parts if one.geom_type in ("Polygon", "MultiPolygon") and not one.is_empty]
    if not found:
        raise PlaceError(
            say("{path}: holds no polygon: draw the sector's outline as Polygon or MultiPolygon", path=path)
        )
    for one in found:
        west, south, east, north = one.bounds
        if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
            raise PlaceError(
                say("{path}: is not in degrees (WGS 84): export it as EPSG:4326, not in metres (UTM)", path=path)
            )
        if not one.is_valid and make_valid(one).geom_type not in ("Polygon", "MultiPolygon"):
            raise PlaceError(
                say(
                    "{path}: the outline crosses itself ({value}): redraw it there",
                    path=path,
                    value=explain_validity(one),
                )
            )
    whole: BaseGeometry = unary_union([one if one.is_valid else make_valid(one) for one in found])
    return whole


def _geometries(data: Any) -> Iterable[Any]:
    match data:
        case {"type": "FeatureCollection", "features": list(features)}:
            for one in features:
                yield from _geometries(one)
        case {"type": "Feature", "geometry": geometry}:
            yield from _geometries(geometry)
        case {"type": "GeometryCollection", "geometries": list(geometries)}:
            for one in geometries:
                yield from _geometries(one)
        case {"type": str()}:
            yield data


def place_at(places: Iterable[Place], at: Position) -> Place | None:
    """The place of a position: a no_contact one before all others, then the smallest that holds it."""
    holding = [one for one in places if one.holds(at)]
    return min(holding, key=lambda one: (not one.sealed, one.shape.area, one.name), default=None)


def nearest(places: Iterable[Place], at: Position) -> tuple[Place, float] | None:
    """The place nearest to a position, and how many metres its edge is away: 0 within it. None: there are no places."""
    found: list[tuple[float, str, Place]] = []
    for one in places:
        edge = nearest_points(one.shape, Point(at[1], at[0]))[0]
        found.append((0.0 if one.holds(at) else distance_m(at, (edge.y, edge.x)), one.name, one))
    metres, _, place = min(found, key=lambda each: each[:2], default=(0.0, "", None))
    return (place, metres) if place else None


def distance_m(one: Position, other: Position) -> float:
    """Distance over the ground, good to a percent within a hundred kilometres (equirectangular)."""
    north = (other[0] - one[0]) * _METRES_PER_DEGREE
    east = (other[1] - one[1]) * _METRES_PER_DEGREE * math.cos(math.radians((one[0] + other[0]) / 2))
    return math.hypot(north, east)


def around(outside: Mapping[str, Position], radius_m: float) -> dict[str, str]:
    """Stations that stand in no place, fused: each with the first, by name, that stands within the radius.

    The first of a group is in its middle, so that a group is never wider than twice the radius however many there are.
    """
    middles: list[str] = []
    found: dict[str, str] = {}
    for name in sorted(outside):
        near = next((m for m in middles if distance_m(outside[m], outside[name]) <= radius_m), None)
        if near is None:
            middles.append(name)
        found[name] = OUTSIDE + (near or name)
    return found
