"""What a visit showed, from its `Seen` row: on the pages' side of the wire, in exports, and what of it stays here."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from frictionless import Package

from otorongo.hub import export, shown, store_events
from otorongo.hub.belief import NO_RULES
from otorongo.hub.config import HubConfig, StationConfig
from otorongo.hub.ingest import accept
from otorongo.hub.leaving import Wanted
from otorongo.hub.presence import take_birth
from otorongo.hub.rules import Rules
from otorongo.hub.shown import Shown
from otorongo.hub.store import Store
from otorongo.wire import birth, seen, species
from otorongo.wire.classes import BY_NAME
from otorongo.wire.codes import Kind, NameSource
from otorongo.wire.rows import Event, Seen
from tests.hub import camtrap_schema
from tests.hub.fakes import NOON_MS, Card

ANIMAL, PERSON = BY_NAME["animal"].number, BY_NAME["person"].number
NUMBERS = species.numbers()
DAY = Wanted(NOON_MS - 1, NOON_MS + 86_400_000)
EXACT = Wanted(DAY.from_ms, DAY.to_ms, exact=True)
BOXES = (seen.Box(ANIMAL, 0.9, 0.25, 0.3, 0.5, 0.4), seen.Box(PERSON, 0.8, 0.8, 0.1, 0.1, 0.5))


def card(*, validated: bool = False) -> Card:
    """A station with a detector and a bundle of names."""
    made = Card("K-02", 7)
    bundles = (birth.Bundle("boxes", 1, "00" * 32), birth.Bundle("names", 1, "11" * 32, validated))
    sensor = birth.Sensor(2, "camera", "opencv")
    made.payload = birth.encode(birth.Birth(7, 1, "otorongo 9", bundles, (sensor,)))  # type: ignore[attr-defined]
    made.birth_hash = birth.hash_of(made.payload)  # type: ignore[attr-defined]
    return made


def visit(on: Card, name: str, *said: tuple[str, float], source: int = NameSource.CLASSIFIER) -> None:
    """A visit that was told when it ended, and what its best frame showed."""
    t_ms = 60_000 * (on.last + 1)
    event = on.put(Event(t_ms, 2, ANIMAL, 40, 0, Kind.CLOSE, species=NUMBERS.get(name, 0), hits=3, peak=90, count=1))
    names = [seen.Name(NUMBERS.get(one, 0), p) for one, p in said]
    packed = seen.pack_boxes(BOXES), seen.pack_names(names)
    on.put(Seen(t_ms, 2, on.last + 1 - event, *packed, source, 1))


def arrive(store: Store, on: Card) -> None:
    """All of it comes."""
    take_birth(store, NO_RULES, on.station, on.payload, NOON_MS)  # type: ignore[attr-defined]
    assert accept(store, NO_RULES, on.station, on.batch(), NOON_MS + 3_600_000) is not None


def told(store: Store) -> list[Shown | None]:
    """What the hub knows of each event."""
    with store.read() as tx:
        return [shown.of(tx, row) for row in store_events.events_between(tx, DAY.from_ms, DAY.to_ms)]


@pytest.mark.parametrize("validated", [False, True])
def test_a_visit_is_told_with_what_named_it(store: Store, *, validated: bool) -> None:
    """Names, source and bundle of its own row, and whether that bundle is validated; of each event its own."""
    on = card(validated=validated)
    visit(on, "felidae", ("panthera onca", 0.5), ("puma concolor", 0.4), source=NameSource.ROLLUP)
    visit(on, "", ("panthera onca", 0.2), source=NameSource.DETECTOR)
    arrive(store, on)
    first, second = told(store)
    assert first is not None
    assert second is not None
    assert (first.source, first.bundle, first.validated) == ("rollup", "names@1", validated)
    assert first.p_of(NUMBERS["felidae"]) == pytest.approx(0.9, abs=0.01)
    assert first.p_of(NUMBERS["panthera onca"]) == pytest.approx(0.5, abs=0.01)
    assert first.p_of(NUMBERS["tapirus terrestris"]) is None
    assert [round(one.p, 1) for one in second.names] == [0.2]


def test_who_stands_beside_an_animal_is_not_told_with_it(store: Store) -> None:
    """Neither the person's box nor a human's score leaves with the animal: in closed land they would betray people."""
    on = card()
    visit(on, "", ("homo sapiens", 0.4), ("panthera onca", 0.3))
    arrive(store, on)
    (one,) = told(store)
    assert one is not None
    assert [box.cls for box in one.boxes] == [ANIMAL]
    assert [name.species for name in one.names] == [NUMBERS["panthera onca"]]


def test_an_event_without_such_a_row_has_none(store: Store) -> None:
    """A sound's, or of an older station."""
    on = card()
    on.put(Event(60_000, 1, BY_NAME["howler"].number, 40, 0, Kind.CLOSE, hits=3, peak=90))
    on.put(Seen(60_000, 2, 0, seen.pack_boxes(BOXES)))
    arrive(store, on)
    assert told(store) == [None]


def test_groups_that_may_mean_a_sensitive_animal_are_sensitive() -> None:
    """A jaguar, its genus and its family; no class, no other family, and nothing without a name."""
    assert all(shown.sensitive(NUMBERS[name]) for name in ("panthera onca", "panthera", "felidae"))
    assert not any(shown.sensitive(NUMBERS[name]) for name in ("puma concolor", "mammalia", "carnivora"))
    assert not shown.sensitive(0)
    assert not shown.sensitive(65_000)


def _export(store: Store, folder: Path, wanted: Wanted) -> tuple[dict[str, Any], dict[str, list[dict[str, str]]]]:
    """A package that frictionless finds valid: its description and its tables."""
    rules = Rules.of(
        HubConfig(station=(StationConfig(name="K-02", latitude_deg=-12.5678, longitude_deg=-69.1234),)), folder
    )
    out = folder / "dp"
    export.export(store, rules, wanted, "camtrap-dp", out, media=folder, who="ana")
    package = json.loads((out / "datapackage.json").read_text())
    described = json.loads(json.dumps(package)) | {"profile": "data-package"}
    for resource in described["resources"]:
        resource["schema"] = camtrap_schema.schema(resource["name"])
    report = Package.from_descriptor(described, basepath=str(out)).validate()
    assert report.valid, report.flatten(["type", "message"])
    tables = {}
    for name in ("deployments", "observations"):
        with (out / f"{name}.csv").open() as file:
            tables[name] = list(csv.DictReader(file))
    return package, tables


def test_camtrap_dp_tells_name_box_and_what_said_so(store: Store, tmp_path: Path) -> None:
    """Scientific name, probability of that name, classifier with its standing, and the box in its columns."""
    on = card()
    visit(on, "puma", ("puma concolor", 0.7), ("panthera onca", 0.2), source=NameSource.ROLLUP)
    arrive(store, on)
    _, tables = _export(store, tmp_path, DAY)
    (row,) = tables["observations"]
    assert row["scientificName"] == "Puma"
    assert row["classifiedBy"] == "names@1 (not validated), boxes@1"
    assert float(row["classificationProbability"]) == pytest.approx(0.7, abs=0.01)
    assert "namedBy:rollup" in row["observationTags"]
    box = [float(row[f"bbox{name}"]) for name in ("X", "Y", "Width", "Height")]
    assert box == pytest.approx([0.25, 0.3, 0.5, 0.4], abs=0.01)
    assert tables["deployments"][0]["latitude"] == "-12.5678"


def test_places_of_sensitive_animals_are_rounded(store: Store, tmp_path: Path) -> None:
    """One jaguar, and no coordinate of the package is finer than 0.1 degrees, which it says; exact on request."""
    on = card()
    visit(on, "puma", ("puma concolor", 0.7))
    visit(on, "panthera onca", ("panthera onca", 0.95))
    arrive(store, on)
    package, tables = _export(store, tmp_path, DAY)
    (row,) = tables["deployments"]
    assert (row["latitude"], row["longitude"], row["coordinateUncertainty"]) == ("-12.6", "-69.1", "7900")
    assert package["coordinatePrecision"] == 0.1
    assert "12.56" not in json.dumps(package)
    (tmp_path / "whole").mkdir()
    package, tables = _export(store, tmp_path / "whole", EXACT)
    (row,) = tables["deployments"]
    assert (row["latitude"], row["coordinateUncertainty"]) == ("-12.5678", "")
    assert "coordinatePrecision" not in package


@pytest.mark.parametrize("form", ["csv", "geojson"])
def test_tables_and_maps_are_rounded_too(store: Store, tmp_path: Path, form: export.Format) -> None:
    """CSV and GeoJSON hold the same places."""
    on = card()
    visit(on, "panthera", ("panthera onca", 0.95))
    arrive(store, on)
    rules = Rules.of(
        HubConfig(station=(StationConfig(name="K-02", latitude_deg=-12.5678, longitude_deg=-69.1234),)), tmp_path
    )
    for wanted, there in ((DAY, False), (EXACT, True)):
        out = tmp_path / f"{there}.{form}"
        done = export.export(store, rules, wanted, form, out, media=tmp_path, who="ana")
        assert done.coarse is not there
        assert ("12.5678" in out.read_text()) is there
