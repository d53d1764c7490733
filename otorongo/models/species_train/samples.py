"""What a head learns from: places in pictures, each with the class that somebody gave it, and where it was taken."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from otorongo.language import later, say
from otorongo.models.errors import InputError
from otorongo.models.megadetector_json import Detection, Result
from otorongo.models.species_train.names import Class

LEAST_PICTURES: Final = 10
LEAST_PLACES: Final = 2
LEAST_BOX: Final = 0.2
"""A box of MegaDetector's file counts from this score on."""
FEW: Final = later("{count} pictures (needed: {least})")
ONE_PLACE: Final = later("one place (needed: {least}; one cannot be held out)")
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


class Reason(NamedTuple):
    """Why something is left out: said to whoever trains in their language, in English in the card of the bundle."""

    text: str
    values: tuple[tuple[str, object], ...] = ()

    def __str__(self) -> str:
        return self.text.format(**dict(self.values)) if self.values else self.text

    def spoken(self) -> str:
        """In the language that is spoken."""
        return say(self.text, **dict(self.values))


FAILED: Final = Reason(later("failed in the file of boxes"))
NO_BOX: Final = Reason(later("no box of an animal in it"))
NOT_THERE: Final = Reason(later("not in the file of boxes"))


class Gathered(NamedTuple):
    """What a folder or a package holds."""

    samples: tuple[Sample, ...]
    classes: Mapping[str, Class]
    """By name."""
    left: Mapping[Reason, int]
    """Why something was left out, and how often."""
    places_known: bool
    reviewed: bool = True
    """A person gave all the labels."""
    called: tuple[tuple[str, str], ...] = ()
    """What folders are called, and the classes that they were taken for, where these have other names."""


def box_for(result: Result | None, name: str) -> Box | None:
    """The surest box that may hold the class; None where there is none. Of a blank, the surest of any kind."""
    if result is None:
        return None
    fit = [one for one in result.detections if one.p >= LEAST_BOX and _may_hold(one, name)]
    best = max(fit, key=lambda one: one.p, default=None)
    return (best.x, best.y, best.x + best.w, best.y + best.h) if best else None


def boxed(boxes: Mapping[str, Result] | None, file: str, one: Class) -> Box | Reason | None:
    """Where in a picture a class is, None: in the whole of it; or why it is left out.

    With a file of boxes only blanks, people and vehicles may do without one: an animal that nobody boxed is not there.
    """
    if boxes is None:
        return None
    result = boxes.get(file)
    if result is not None and result.failure:
        return FAILED
    box = box_for(result, one.name)
    return box if box or one.special else NO_BOX if result else NOT_THERE


def _may_hold(box: Detection, name: str) -> bool:
    if name == "blank":
        return True
    if name == "human":
        return box.cls == "person"
    return box.cls in {"vehicle", "boat"} if name == "vehicle" else box.cls not in {"person", "vehicle", "boat"}


def enough(gathered: Gathered) -> tuple[Gathered, tuple[tuple[str, Reason], ...]]:
    """The classes that can be learnt and judged, and which were dropped and why. Raises InputError if too few stay."""
    counts = Counter(one.name for one in gathered.samples)
    places = {name: {one.place for one in gathered.samples if one.name == name} for name in gathered.classes}
    why: dict[str, Reason] = {}
    for name in sorted(gathered.classes):
        count = counts[name]
        if count < LEAST_PICTURES:
            why[name] = Reason(FEW, (("count", count), ("least", LEAST_PICTURES)))
        elif len(places[name]) < LEAST_PLACES:
            why[name] = Reason(ONE_PLACE, (("least", LEAST_PLACES),))
    kept = gathered._replace(
        samples=tuple(one for one in gathered.samples if one.name not in why),
        classes={name: one for name, one in gathered.classes.items() if name not in why},
    )
    if len(kept.classes) < 2 or all(one.special for one in kept.classes.values()):
        told = "; ".join(f"{name}: {reason.spoken()}" for name, reason in why.items()) or say("no more")
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
