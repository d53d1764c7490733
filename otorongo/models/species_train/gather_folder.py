"""Reviewed pictures in folders: CLASS/PLACE/picture, or CLASS/picture where places are not known."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from otorongo.language import later, say
from otorongo.models.errors import InputError
from otorongo.models.megadetector_json import Result, by_file, of_file
from otorongo.models.see import ENDINGS
from otorongo.models.species_train.names import Class, class_of, nearest, plain
from otorongo.models.species_train.samples import Gathered, Reason, Sample, boxed

NO_PICTURE: Final = Reason(later("no picture (.jpg, .jpeg, .png, .webp)"))
TOGETHER: Final = 10
"""Where places are not known, so many files of a class, in the order of their names, are held out together."""


def gather(folder: Path, boxes: Path | None) -> Gathered:
    """The samples of a folder by class, with MegaDetector's file of boxes. Raises InputError.

    Of unknown names it tells the three nearest.
    """
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    if not names:
        raise InputError(
            say("{folder}: holds no folders (needed: one for each class, CLASS/PLACE/pictures)", folder=folder)
        )
    classes = {name: class_of(name) for name in names}
    unknown = [
        say("{name} (nearest: {names})", name=name, names=", ".join(nearest(name)))
        for name, one in classes.items()
        if one is None
    ]
    if unknown:
        raise InputError(
            say(
                "{folder}: unknown names: {names}. Call a folder as the table does, in Spanish, English or "
                "by its scientific name; blank, human and vehicle are allowed",
                folder=folder,
                names="; ".join(unknown),
            )
        )
    files = {name: _files(folder / name) for name in names}
    below = [path.relative_to(folder).as_posix() for several in files.values() for path in several if _shows(path)]
    theirs = by_file(of_file(boxes, folder, below).results) if boxes else None
    found: list[Sample] = []
    left: Counter[Reason] = Counter()
    for name, one in classes.items():
        if one is not None:
            found += _samples(folder, files[name], one, theirs, left)
    known = bool(found) and all(one.place for one in found)
    by_name = {one.name: one for one in classes.values() if one}
    called = tuple((name, one.name) for name, one in classes.items() if one and plain(name) != one.name.lower())
    return Gathered(tuple(found if known else _together(found)), by_name, left, known, called=called)


def _files(folder: Path) -> list[Path]:
    return [Path(root) / file for root, _, files in sorted(os.walk(folder)) for file in sorted(files)]


def _shows(path: Path) -> bool:
    """Whether it is a picture by its name."""
    return path.suffix.lower() in ENDINGS and path.name[0] != "."


def _samples(
    folder: Path, files: Sequence[Path], one: Class, boxes: Mapping[str, Result] | None, left: Counter[Reason]
) -> Iterator[Sample]:
    for path in files:
        if not _shows(path):
            left[NO_PICTURE] += 1
            continue
        below = path.relative_to(folder)
        place = below.parts[1] if len(below.parts) > 2 else ""
        box = boxed(boxes, below.as_posix(), one)
        if isinstance(box, Reason):
            left[box] += 1
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
