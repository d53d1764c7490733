"""Camtrap DP 1.0.2: the columns of its three tables in their order, and the package around them."""

import csv
import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from otorongo.hub.review import Settled
from otorongo.hub.reviewed import name_p
from otorongo.hub.shown import Shown, source_of
from otorongo.hub.store import Found
from otorongo.wire import species
from otorongo.wire.seen import Box, Name

VERSION: Final = "1.0.2"
_BASE: Final = f"https://raw.githubusercontent.com/tdwg/camtrap-dp/{VERSION}"
MEDIATYPES: Final = {".webp": "image/webp", ".opus": "audio/ogg"}

DEPLOYMENTS: Final = (
    *("deploymentID", "locationID", "locationName", "latitude", "longitude", "coordinateUncertainty"),
    *("deploymentStart", "deploymentEnd", "setupBy", "cameraID", "cameraModel", "cameraDelay", "cameraHeight"),
    *("cameraDepth", "cameraTilt", "cameraHeading", "detectionDistance", "timestampIssues", "baitUse", "featureType"),
    *("habitat", "deploymentGroups", "deploymentTags", "deploymentComments"),
)
MEDIA: Final = (
    *("mediaID", "deploymentID", "captureMethod", "timestamp", "filePath", "filePublic", "fileName"),
    *("fileMediatype", "exifData", "favorite", "mediaComments"),
)
OBSERVATIONS: Final = (
    *("observationID", "deploymentID", "mediaID", "eventID", "eventStart", "eventEnd", "observationLevel"),
    *("observationType", "cameraSetupType", "scientificName", "count", "lifeStage", "sex", "behavior"),
    *("individualID", "individualPositionRadius", "individualPositionAngle", "individualSpeed", "bboxX", "bboxY"),
    *("bboxWidth", "bboxHeight", "classificationMethod", "classifiedBy", "classificationTimestamp"),
    *("classificationProbability", "observationTags", "observationComments"),
)
COARSE_DEG: Final = 0.1
COARSE_M: Final = 7900
"""From the middle of a square of 0.1 degrees at the equator to its corner."""
TABLES: Final = {"deployments": DEPLOYMENTS, "media": MEDIA, "observations": OBSERVATIONS}
Row = Mapping[str, Any]
_NO_BOX: Final = dict.fromkeys(("bboxX", "bboxY", "bboxWidth", "bboxHeight", "observationComments"))


def iso(utc_ms: int) -> str:
    """`2026-01-31T12:00:00Z`: an offset is mandatory, fractions of a second are not allowed."""
    return dt.datetime.fromtimestamp(utc_ms // 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def deployment(
    station: str,
    at: tuple[float, float],
    height_m: float | None,
    from_ms: int,
    to_ms: int,
    *,
    timestamp_issues: bool,
    coarse: bool = False,
) -> Row:
    """One station in the period; `coarse`: its coordinates were rounded to `COARSE_DEG`."""
    return {
        "deploymentID": station,
        "locationID": station,
        "latitude": at[0],
        "longitude": at[1],
        "coordinateUncertainty": COARSE_M if coarse else None,
        "deploymentStart": iso(from_ms),
        "deploymentEnd": iso(max(to_ms, from_ms + 1000)),
        "cameraHeight": height_m if height_m is not None and height_m >= 0 else None,
        "timestampIssues": timestamp_issues,
    }


def media(event: Found, piece: Found, path: str) -> Row:
    """One file of the package."""
    suffix = Path(path).suffix
    return {
        "mediaID": f"{event['id']}-{piece['seq']}",
        "deploymentID": event["station"],
        "captureMethod": "activityDetection",
        "timestamp": iso(piece["utc_ms"]),
        "filePath": path,
        "filePublic": False,
        "fileName": Path(path).name,
        "fileMediatype": MEDIATYPES[suffix],
    }


def observations(event: Found, kind: str, now_ms: int) -> list[Row]:
    """One event: what people settled on, or else what the machine said; each kind of animal by itself."""
    machine = by_machine(event, kind, now_ms)
    people: Settled | None = event.get("people")
    if people is None or not people.standing:
        return machine
    if people.standing != "agreed":
        return [{**one, "observationTags": f"{one['observationTags']} | review:{people.standing}"} for one in machine]
    return _by_people(event, machine, people)


def by_machine(event: Found, kind: str, now_ms: int) -> list[Row]:
    """What a station told of an event. Of several kinds nobody knows whose box it is."""
    told: Shown | None = event.get("shown")
    several = told.several(event["species"]) if told and kind == "animal" else ()
    if told is None or not several:
        return [observation(event, kind, now_ms)]
    rows: list[Row] = []
    for at, one in enumerate(several):
        name, source = species.name_of(one.species), source_of(one.source)
        frame = replace(told, boxes=(), source=source, names=(Name(one.species, one.p),))
        this = {**event, "species": one.species, "scientific": name, "count": one.most, "shown": frame}
        row = observation(this, kind, now_ms)
        rows.append({**row, "observationID": _numbered(event, at, one.species)})
    return rows


def _numbered(event: Found, at: int, number: int) -> str:
    """The id of one of several observations of an event: the first has that of the event itself."""
    return f"{event['id']}-{number}" if at else str(event["id"])


def _by_people(event: Found, machine: Sequence[Row], people: Settled) -> list[Row]:
    """The rows of an event that people reviewed; the machine's word stands in their tags."""
    human = {
        "classificationMethod": "human",
        "classifiedBy": ", ".join(event["reviewers"]),
        "classificationTimestamp": iso(people.at_ms),
        "classificationProbability": None,
    }
    if people.verdict == "right":
        return [{**one, **human, "observationTags": _with_machine([one])} for one in machine]
    row = {**machine[0], **human, "observationTags": _with_machine(machine)}
    if people.verdict != "other" or len(people.said) > 1:  # the box is that of one animal, and nobody said of which
        row |= _NO_BOX
    if people.verdict != "other":
        seen = "human" if people.verdict == "person" else "blank"
        return [{**row, "observationType": seen, "scientificName": None, "count": None}]
    return [
        {
            **row,
            "observationID": _numbered(event, at, number),
            "observationType": "animal",
            "scientificName": species.name_of(number),
            "count": count,
        }
        for at, (number, count) in enumerate(people.said)
    ]


def _with_machine(rows: Sequence[Row]) -> str:
    """The tags of a machine's rows, with what it said in each."""
    told = [rows[0]["observationTags"]]
    for one in rows:
        p, name = one["classificationProbability"], one["scientificName"] or one["observationType"]
        told.append(f"machine:{name}{'' if p is None else f' {p}'} by {one['classifiedBy']}")
    return " | ".join(told)


def observation(event: Found, kind: str, now_ms: int) -> Row:
    """One event as its station told it. `event`-level observations exclude each other, so that their counts add up."""
    tags = [f"{event['sense'] or 'sense'}:{event['name']}", f"clockBound:{event['bound_ms']}ms"]
    named = kind == "animal" and event["scientific"]
    told: Shown | None = event.get("shown")
    box = told.box if told else None
    by = [event["model"] or "otorongo"]
    p: float | None = event["peak"] / 100
    if named:
        p = name_p(event)
    if named and told and told.bundle:
        by = [f"{told.bundle}{'' if told.validated else ' (not validated)'}", *by]
        tags.append(f"namedBy:{told.source or 'none'}")
    if event.get("closed_alert"):
        tags.append(f"alertClosed:{event['closed_alert']}")
    return {
        "observationID": event["id"],
        "deploymentID": event["station"],
        "eventID": event["id"],
        "eventStart": iso(event["start_ms"]),
        "eventEnd": iso(event["stop_ms"]),
        "observationLevel": "event",
        "observationType": kind,
        "scientificName": named or None,
        "count": event["count"] or None,
        **(_box(box) if box else {}),
        "classificationMethod": "machine",
        "classifiedBy": ", ".join(by),
        "classificationTimestamp": iso(min(event["received_ms"], now_ms)),
        "classificationProbability": None if p is None else round(p, 3),
        "observationTags": " | ".join(tags),
        "observationComments": "bbox: in the whole best frame of the visit, not in a file" if box else None,
    }


def _box(box: Box) -> Row:
    """A box as the standard has it: inside the frame, and at least a little wide and high."""
    width, height = (min(1.0, max(1 / 255, side)) for side in (box.w, box.h))
    places = {"bboxX": min(box.x, 1 - width), "bboxY": min(box.y, 1 - height), "bboxWidth": width, "bboxHeight": height}
    return {name: round(value, 4) for name, value in places.items()}


def write(
    folder: Path,
    deployments: Sequence[Row],
    media_rows: Sequence[Row],
    observations: Sequence[Row],
    *,
    name: str,
    now_ms: int,
    coarse: bool = False,
) -> None:
    """Write the three tables and `datapackage.json` into a folder. Raises OSError."""
    for table, rows in (("deployments", deployments), ("media", media_rows), ("observations", observations)):
        _table(folder / f"{table}.csv", TABLES[table], rows)
    told = package(deployments, observations, name=name, now_ms=now_ms)
    if coarse:
        told["coordinatePrecision"] = COARSE_DEG
    text = json.dumps(told, ensure_ascii=False, indent=2)
    (folder / "datapackage.json").write_text(text + "\n", encoding="utf-8")


def package(deployments: Sequence[Row], observations: Sequence[Row], *, name: str, now_ms: int) -> dict[str, Any]:
    """The package's own description."""
    days = [row[key][:10] for row in deployments for key in ("deploymentStart", "deploymentEnd")]
    today = iso(now_ms)[:10]
    found = sorted({row["scientificName"] for row in observations if row.get("scientificName")})
    return {
        "profile": f"{_BASE}/camtrap-dp-profile.json",
        "name": name,
        "created": iso(now_ms),
        "version": "1.0",
        "contributors": [{"title": "Otorongo hub", "role": "contributor"}],
        "project": {
            "title": "Otorongo",
            "samplingDesign": "opportunistic",
            "captureMethod": ["activityDetection"],
            "individualAnimals": False,
            "observationLevel": ["event"],
        },
        "spatial": _spatial(deployments),
        "temporal": {"start": min(days, default=today), "end": max(days, default=today)},
        "taxonomic": [_taxonomic(one) for one in found],
        "resources": [
            {
                "name": table,
                "path": f"{table}.csv",
                "profile": "tabular-data-resource",
                "format": "csv",
                "mediatype": "text/csv",
                "encoding": "utf-8",
                "schema": f"{_BASE}/{table}-table-schema.json",
            }
            for table in TABLES
        ],
    }


def _taxonomic(scientific: str) -> dict[str, Any]:
    """What the table of species says of a name; of one that is newer than the table, only the name."""
    line = species.taxon(species.numbers().get(scientific.lower(), 0))
    if line is None:
        return {"scientificName": scientific}
    ranks: dict[str, str] = {rank: name for rank, name in zip(species.RANKS[:-1], line.lineage, strict=False) if name}
    key = {"taxonID": f"https://www.gbif.org/species/{line.gbif}"} if line.gbif else {}
    names = {"eng": line.english, "spa": line.spanish}
    return {"scientificName": scientific, **key, "taxonRank": line.rank, **ranks, "vernacularNames": names}


def _spatial(deployments: Sequence[Row]) -> dict[str, Any]:
    points = [[row["longitude"], row["latitude"]] for row in deployments]
    return {"type": "MultiPoint", "coordinates": points}


def _table(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """All columns in the order of the schema, empty where nothing is known."""
    with path.open("x", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_cell(row.get(column)) for column in columns])


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value
