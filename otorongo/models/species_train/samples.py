"""What a head learns from: places in pictures, each with the class that somebody gave it, and where it was taken."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from otorongo.language import say, why
from otorongo.models import megadetector_json
from otorongo.models.errors import InputError
from otorongo.models.megadetector_json import Detection, Result
from otorongo.models.species_train.names import Class

LEAST_PICTURES: Final = 10
LEAST_PLACES: Final = 2
LEAST_BOX: Final = 0.2
"""A box of MegaDetector's file counts from this score on."""
Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in shares of the picture."""


class Sample(NamedTuple):
    """One place in one picture."""

    path: Path
    box: Box | None
    """None: the whole picture."""
    name: str
    """Of the class."""
    place: str


class Gathered(NamedTuple):
    """What a folder or a package holds."""

    samples: tuple[Sample, ...]
    classes: Mapping[str, Class]
    """By name."""
    left: Mapping[str, int]
    """Why something was left out, and how often."""
    places_known: bool
    reviewed: bool = True
    """A person gave all the labels."""


def boxes_of(path: Path | None) -> dict[str, Result] | None:
    """Boxes by file from MegaDetector's JSON. Raises InputError."""
    if path is None:
        return None
    try:
        return megadetector_json.by_file(megadetector_json.read(path.read_bytes(), str(path)))
    except OSError as error:
        raise InputError(say("{path}: cannot be read: {why}", path=path, why=why(error))) from error


def box_for(result: Result | None, name: str) -> Box | None:
    """The surest box that may hold the class; None where there is none. Of a blank, the surest of any kind."""
    if result is None:
        return None
    fit = [one for one in result.detections if one.p >= LEAST_BOX and _may_hold(one, name)]
    best = max(fit, key=lambda one: one.p, default=None)
    return (best.x, best.y, best.x + best.w, best.y + best.h) if best else None


def _may_hold(box: Detection, name: str) -> bool:
    if name == "blank":
        return True
    if name == "human":
        return box.cls == "person"
    return box.cls in {"vehicle", "boat"} if name == "vehicle" else box.cls not in {"person", "vehicle", "boat"}


def enough(gathered: Gathered) -> tuple[Gathered, tuple[tuple[str, str], ...]]:
    """The classes that can be learnt and judged, and which were dropped and why. Raises InputError if too few stay."""
    counts = Counter(one.name for one in gathered.samples)
    places = {name: {one.place for one in gathered.samples if one.name == name} for name in counts}
    why: dict[str, str] = {}
    for name, count in sorted(counts.items()):
        if count < LEAST_PICTURES:
            why[name] = f"{count} pictures (needed: {LEAST_PICTURES})"
        elif len(places[name]) < LEAST_PLACES:
            why[name] = f"{len(places[name])} place (needed: {LEAST_PLACES}; one cannot be held out)"
    kept = gathered._replace(
        samples=tuple(one for one in gathered.samples if one.name not in why),
        classes={name: one for name, one in gathered.classes.items() if name in counts and name not in why},
    )
    if len(kept.classes) < 2 or all(one.special for one in kept.classes.values()):
        told = "; ".join(f"{name}: {reason}" for name, reason in why.items()) or "no more"
        raise InputError(
            say(
                "only {count} classes can be learnt (needed: 2, one of them an animal). Left out: {told}",
                count=len(kept.classes),
                told=told,
            )
        )
    return kept, tuple(why.items())


def numbered(samples: Sequence[Sample], of: Sequence[str]) -> list[int]:
    """For each sample, which of the names its class is."""
    at = {name: number for number, name in enumerate(of)}
    return [at[one.name] for one in samples]
