"""Reviewed pictures in folders: CLASS/PLACE/picture, or CLASS/picture where places are not known."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from otorongo.language import say
from otorongo.models.errors import InputError
from otorongo.models.megadetector_json import Result
from otorongo.models.see import ENDINGS
from otorongo.models.species_train.names import Class, class_of, nearest
from otorongo.models.species_train.samples import Gathered, Sample, box_for

TOGETHER: Final = 10
"""Where places are not known, so many files of a class, in the order of their names, are held out together."""


def gather(folder: Path, boxes: Mapping[str, Result] | None) -> Gathered:
    """The samples of a folder by class. Raises InputError; for unknown names, with the three nearest of each."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    if not names:
        raise InputError(
            say("{folder}: holds no folders (needed: one for each class, CLASS/PLACE/pictures)", folder=folder)
        )
    classes = {name: class_of(name) for name in names}
    unknown = [f"{name} (nearest: {', '.join(nearest(name))})" for name, one in classes.items() if one is None]
    if unknown:
        raise InputError(
            say(
                "{folder}: unknown names: {names}. Call a folder as the table does, in Spanish, English or "
                "by its scientific name; blank, human and vehicle are allowed",
                folder=folder,
                names="; ".join(unknown),
            )
        )
    found: list[Sample] = []
    left: Counter[str] = Counter()
    for name, one in classes.items():
        if one is not None:
            found += _samples(folder, name, one, boxes, left)
    known = bool(found) and all(one.place for one in found)
    by_name = {one.name: one for one in classes.values() if one}
    return Gathered(tuple(found if known else _together(found)), by_name, left, known)


def _samples(
    folder: Path, name: str, one: Class, boxes: Mapping[str, Result] | None, left: Counter[str]
) -> Iterator[Sample]:
    for root, _, files in sorted(os.walk(folder / name)):
        for file in sorted(files):
            path = Path(root) / file
            if path.suffix.lower() not in ENDINGS or file[0] == ".":
                left["no picture (.jpg, .jpeg, .png, .webp)"] += 1
                continue
            below = path.relative_to(folder)
            place = below.parts[1] if len(below.parts) > 2 else ""
            result = boxes.get(below.as_posix()) if boxes is not None else None
            if result is not None and result.failure:
                left["failed in the file of boxes"] += 1
                continue
            box = box_for(result, one.name)
            if box is None and boxes is not None and not one.special:
                left["no box of an animal in it"] += 1
                continue
            yield Sample(path, box, one.name, place)


def _together(samples: list[Sample]) -> Iterator[Sample]:
    """Files without a place: neighbours by name, as the shots of a burst are, stay together."""
    count: Counter[str] = Counter()
    for one in samples:
        if one.place:
            yield one
        else:
            yield one._replace(place=f"{one.name} {count[one.name] // TOGETHER + 1}")
            count[one.name] += 1
