"""Reviewed pictures in a Camtrap DP package, which the hub and most other tools write: https://camtrap-dp.tdwg.org.

An observation is of one file (`mediaID`), or of an event: then it is of every picture of that deployment within its
time. An event with two kinds of things in it says of none of its pictures which it shows, unless they have boxes.
"""

import csv
import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from otorongo.language import later, say
from otorongo.models.errors import InputError
from otorongo.models.megadetector_json import Result, by_file, of_file
from otorongo.models.species_train.names import Class, class_of, nearest
from otorongo.models.species_train.samples import Box, Gathered, Reason, Sample, boxed

TABLES: Final = ("media", "observations")
NO_ROW: Final = Reason(later("no picture of the observation in media.csv"))
UNREVIEWED: Final = Reason(later("no person gave the label (--unreviewed takes them)"))
NO_NAME: Final = Reason(later("an animal without a name"))
UNKNOWN: Final = later("unknown name {word} (nearest: {names})")
OTHER: Final = later("observationType {kind}")
NO_TYPE: Final = Reason(later("observationType is missing"))
SEVERAL: Final = Reason(later("more than one kind in one picture or box"))
NO_PICTURE: Final = Reason(later("no picture (fileMediatype)"))
NOT_HERE: Final = Reason(later("the picture is not in the package's folder"))
MOST_ROWS: Final = 5_000_000
Row = Mapping[str, str]


def is_package(folder: Path) -> bool:
    """Whether the folder holds the tables of a package."""
    return all((folder / f"{name}.csv").is_file() for name in TABLES)


class _Wanted(NamedTuple):
    """How a package is read."""

    folder: Path
    boxes: Mapping[str, Result] | None
    unreviewed: bool


def gather(folder: Path, boxes: Path | None, *, unreviewed: bool) -> Gathered:
    """The samples of a package, with MegaDetector's file of boxes. Raises InputError, which names the table.

    Names that are not in the table, pictures that are not there and labels that no person gave are counted.
    """
    places = _places(folder)
    media = list(_rows(folder / "media.csv"))
    files = [row.get("filePath", "") for row in media]
    theirs = by_file(of_file(boxes, folder, files).results) if boxes else None
    wanted = _Wanted(folder, theirs, unreviewed)
    by_id = {row.get("mediaID", ""): row for row in media}
    by_deployment: dict[str, list[tuple[dt.datetime, Row]]] = defaultdict(list)
    for row in media:
        at = _time(row.get("timestamp", ""))
        if at:
            by_deployment[row.get("deploymentID", "")].append((at, row))
    left: Counter[Reason] = Counter()
    classes: dict[str, Class] = {}
    shown: dict[tuple[str, Box | None], set[str]] = defaultdict(set)
    machine = False
    for row in _rows(folder / "observations.csv"):
        one = _class(row, wanted, left)
        if one is None:
            continue
        machine |= row.get("classificationMethod", "").strip().lower() != "human"
        classes[one.name] = one
        of = by_id.get(row.get("mediaID", "")) if row.get("mediaID") else None
        several = [of] if of else list(_during(row, by_deployment.get(row.get("deploymentID", ""), ())))
        if not several:
            left[NO_ROW] += 1
        for picture in several:
            # The box of an event is in the frame, and what is here may be cut out of it: only a file's own says where.
            shown[picture.get("mediaID", ""), _box(row) if of else None].add(one.name)
    found = tuple(_samples(wanted, shown, by_id, places, classes, left))
    return Gathered(found, classes, left, all(one.place for one in found), reviewed=not machine)


def _class(row: Row, wanted: _Wanted, left: Counter[Reason]) -> Class | None:
    """What an observation is of; None and a word if it is nothing to learn from."""
    kind = row.get("observationType", "").strip().lower()
    if kind not in {"animal", "human", "vehicle", "blank"}:
        left[Reason(OTHER, (("kind", kind),)) if kind else NO_TYPE] += 1
        return None
    if row.get("classificationMethod", "").strip().lower() != "human" and not wanted.unreviewed:
        left[UNREVIEWED] += 1
        return None
    word = row.get("scientificName", "").strip() if kind == "animal" else kind
    one = class_of(word) if word else None
    if one is None:
        names = ", ".join(nearest(word)) if word else ""
        left[Reason(UNKNOWN, (("word", word), ("names", names))) if word else NO_NAME] += 1
    return one


def _during(row: Row, media: list[tuple[dt.datetime, Row]] | tuple[()]) -> Iterator[Row]:
    """The pictures of an event: those that bear its id, as the hub writes it, else those of its time."""
    event = row.get("eventID", "")
    named = [one for _, one in media if event and one.get("mediaID", "").startswith(f"{event}-")]
    if named:
        yield from named
        return
    start, end = _time(row.get("eventStart", "")), _time(row.get("eventEnd", ""))
    if start and end:
        yield from (one for at, one in media if start <= at <= end)


def _samples(
    wanted: _Wanted,
    shown: Mapping[tuple[str, Box | None], set[str]],
    by_id: Mapping[str, Row],
    places: Mapping[str, str],
    classes: Mapping[str, Class],
    left: Counter[Reason],
) -> Iterator[Sample]:
    root = wanted.folder.resolve()
    for (media, box), names in sorted(shown.items(), key=str):
        row = by_id[media]
        if len(names) > 1:
            left[SEVERAL] += 1
            continue
        name = next(iter(names))
        file = row.get("filePath", "")
        path = (root / file).resolve()
        if not row.get("fileMediatype", "image/").lower().startswith("image/"):
            left[NO_PICTURE] += 1
        elif "://" in file or not path.is_relative_to(root) or not path.is_file():
            left[NOT_HERE] += 1
        else:
            found = box or boxed(wanted.boxes, file, classes[name])
            if isinstance(found, Reason):
                left[found] += 1
                continue
            deployment = row.get("deploymentID", "")
            yield Sample(path, found, name, places.get(deployment) or deployment)


def _box(row: Row) -> Box | None:
    """Its place in the picture; None without one, or where it is none."""
    try:
        x, y, w, h = (float(row[key]) for key in ("bboxX", "bboxY", "bboxWidth", "bboxHeight"))
    except (KeyError, ValueError):
        return None
    inside = 0 <= x < 1 and 0 <= y < 1 and w > 0 and h > 0
    return (x, y, min(1.0, x + w), min(1.0, y + h)) if inside else None


def _places(folder: Path) -> dict[str, str]:
    """Where each deployment was, by its id; of two at one location, one place."""
    path = folder / "deployments.csv"
    rows = _rows(path) if path.is_file() else iter(())
    return {row.get("deploymentID", ""): row.get("locationID") or row.get("deploymentID", "") for row in rows}


def _rows(path: Path) -> Iterator[Row]:
    """The rows of a table. Raises InputError."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for number, row in enumerate(csv.DictReader(file)):
                if number >= MOST_ROWS:
                    raise InputError(say("{path}: has more than {most_rows} rows", path=path, most_rows=MOST_ROWS))
                yield {key: value or "" for key, value in row.items() if isinstance(key, str)}
    except UnicodeDecodeError as error:
        raise InputError(
            say("{path}: byte {start} is not UTF-8 text: save the file as UTF-8", path=path, start=error.start)
        ) from error
    except (OSError, csv.Error) as error:
        raise InputError(say("{path}: is no table that can be read: {error}", path=path, error=error)) from error


def _time(text: str) -> dt.datetime | None:
    """With an offset; without one, UTC."""
    try:
        found = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
