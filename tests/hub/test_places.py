"""Sectors: polygons, and where stations stand."""

import json
from pathlib import Path
from typing import Any

import pytest

from otorongo.hub import places
from otorongo.hub.config import PlaceConfig
from otorongo.hub.config_activities import ActivityConfig
from otorongo.hub.places import Place, PlaceError
from otorongo.wire.codes import Tag
from tests.hub.scenes import COMMONS, FAR, LAKE, rules, square


def place(folder: Path, geometry: Any, name: str = "P", kind: str = "protected") -> Place:
    """A place of this geometry."""
    (folder / f"{name}.geojson").write_text(json.dumps(geometry))
    return places.load(PlaceConfig(name=name, kind=kind, polygon=f"{name}.geojson"), folder)  # type: ignore[arg-type]


def test_the_smallest_place_holds_and_no_contact_before_all(tmp_path: Path) -> None:
    """A parcel within a reserve is the parcel's; land of peoples in isolation comes before everything."""
    reserve = place(tmp_path, square(-12, -70, 1.0), "reserve")
    parcel = place(tmp_path, {"type": "Feature", "geometry": square(-12.2, -69.8, 0.2)}, "parcel")
    isolated = place(tmp_path, square(-12, -70, 0.5), "isolated", "no_contact")
    found = [places.place_at([reserve, parcel], at) for at in ((-12.3, -69.7), (-12.9, -69.1), (0, 0))]
    assert [one.name if one else None for one in found] == ["parcel", "reserve", None]
    assert places.place_at([reserve, parcel, isolated], (-12.3, -69.7)) is isolated


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is no GeoJSON"),
        ("[" * 100_000, "is no GeoJSON"),
        ('{"type": "Point", "coordinates": [1, 2]}', "holds no polygon: draw"),
        ('{"type": "Polygon", "coordinates": 7}', "a geometry cannot be read"),
        (json.dumps(square(8_600_000, 350_000)), r"is not in degrees \(WGS 84\): export it as EPSG:4326"),
        ('{"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [2, 2], [0, 0]]]}', "the outline crosses itself"),
    ],
)
def test_a_polygon_that_does_not_load_says_why(tmp_path: Path, text: str, reason: str) -> None:
    """The error names the file, the reason and what to do."""
    (tmp_path / "x.geojson").write_text(text)
    with pytest.raises(PlaceError, match=reason) as error:
        places.polygon(tmp_path / "x.geojson")
    assert str(error.value).startswith(str(tmp_path / "x.geojson"))


def test_stations_outside_are_fused_around_the_first(tmp_path: Path) -> None:
    """Groups are as wide as the radius, whatever stands between them, and do not depend on the order."""
    line = {name: (0.0, 0.01 * number) for number, name in enumerate("ABCDE")}  # 1.1 km apart
    groups = {"A": "~A", "B": "~A", "C": "~C", "D": "~C", "E": "~E"}
    assert places.around(line, 1500) == groups
    assert places.around(dict(reversed(line.items())), 1500) == groups


def test_stations_find_their_place(tmp_path: Path) -> None:
    """By hub.toml before what they say; outside all places each radius makes its own groups."""
    here = rules(tmp_path)
    sites = here.sites({"K-01": (0.0, 0.0), "X": (5.0, 5.0), "Y": (5.0, 5.01), "Z": None})
    logging = here.activities["logging"]
    assert [sites.place_of(name, logging) for name in ("K-01", "C-01", "N-01", "X", "Y", "Z", "?")] == [
        *(LAKE, COMMONS, FAR, "~X", "~X", "~Z", "~?")
    ]
    near = ActivityConfig(name="near", weights={"dog": 1.0}, radius_m=10)
    assert sites.place_of("Y", near) == "~Y"
    assert sites.stations_of("~X", logging) == ["X", "Y"]


def test_persons_in_isolation_speak_for_presence_alone(tmp_path: Path) -> None:
    """Persons at a no_contact place, or where the station says so, enter nothing but the sealed activity."""
    sites = rules(tmp_path).sites({})
    person, chainsaw = 32, 1
    assert [one.name for one in sites.judged_as("N-01", person, 0)] == ["presence"]
    assert [one.name for one in sites.judged_as("K-01", person, Tag.NO_CONTACT)] == ["presence"]
    assert "presence" not in [one.name for one in sites.judged_as("K-01", person, 0)]
    assert [one.name for one in sites.judged_as("N-01", chainsaw, 0)] == ["logging", "clearing"]
