"""From scores of a network of species to one name that holds in Peru: as deep in the tree as the scores bear. Pure.

The rules are those that SpeciesNet's ensemble has for animals (Gadot et al. 2024, IET Computer Vision; its label,
geofence and rollup rules), over the list of Peru instead of a map of the world: a name that is not on the list climbs
until it reaches one that is, and sums of calibrated scores decide how far. People, vehicles and blanks are no animals
and are never rolled up; `threat_first` keeps them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, NamedTuple

from otorongo.wire import species
from otorongo.wire.species import RANKS, Rank

Lineage = tuple[str, str, str, str, str]
"""Class, order, family, genus and species (the whole binomial); empty below its own rank; all empty: an animal."""
Special = Literal["", "human", "vehicle", "blank", "unknown"]

ANIMAL: Final[Lineage] = ("", "", "", "", "")
_BY_COMMON_NAME: Final[dict[str, Special]] = {
    "human": "human",
    "person": "human",
    "vehicle": "vehicle",
    "blank": "blank",
    "empty": "blank",
}


class Label(NamedTuple):
    """What one output of a network means."""

    lineage: Lineage = ANIMAL
    special: Special = ""
    """`human`, `vehicle` or `blank`: no animal, whatever its lineage; `unknown`: nothing that the list can speak of."""

    @property
    def name(self) -> str:
        """The deepest name of it."""
        return self.special or next((part for part in reversed(self.lineage) if part), "animal")


HUMAN: Final = Label(special="human")
VEHICLE: Final = Label(special="vehicle")
BLANK: Final = Label(special="blank")
UNKNOWN: Final = Label(special="unknown")


class Candidate(NamedTuple):
    """A label and its calibrated probability."""

    label: Label
    p: float


class Look(NamedTuple):
    """What was seen of one box: how sure the detector is that it is an animal, and what the network of species says."""

    box_p: float
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """When a score is enough; calibrated probabilities, those of SpeciesNet's ensemble."""

    sure: float = 0.8
    """A species over this is told, whatever the detector thinks of the box."""
    likely: float = 0.65
    """A species over this is told of a box that the detector takes for an animal; sums of groups must be over it."""
    animal: float = 0.2
    """The detector takes a box for an animal."""
    clearly: float = 0.5
    """The detector alone: over this it is an animal, of no name."""
    empty: float = 0.99
    """A blank over this says that nothing is there."""


LIMITS: Final = Limits()
MOST: Final = 5
"""Candidates that count, the likeliest: a long tail of small scores bears no name."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a look is told to be, and why; what the network said stays beside it."""

    name: str
    """Scientific name, `animal`, `blank`, or empty: nothing can be said."""
    number: int
    """In `wire.species`; 0 for what has no name there."""
    p: float
    source: str
    """`classifier`, `classifier+geofence+rollup_to_family`, `classifier+rollup_to_genus`, `detector` or `none`."""
    raw: tuple[Candidate, ...] = ()


def label_of(fields: Sequence[str], common: str = "") -> Label:
    """The label of class, order, family, genus and species (epithet or binomial), as SpeciesNet's files have them.

    Where the table knows a name, its own ranks count (lists disagree on families); a species that it does not know
    stands under the deepest group that it does. What has no place in the tree and is no animal either (a teapot, `no cv
    result`) is unknown: it says nothing.
    """
    parts = [part.strip().lower() for part in (*fields, *[""] * 5)[:5]]
    special = _special(parts, common.strip().lower())
    if special:
        return Label(special=special)
    names = [part.capitalize() for part in parts]
    if parts[4]:
        names[4] = _species(parts[3], parts[4])
    for depth in range(5, 0, -1):
        known = species.taxon(species.numbers().get(names[depth - 1].lower(), 0)) if names[depth - 1] else None
        if known and known.rank == RANKS[depth - 1]:
            merged = (*known.lineage[:depth], *names[depth:])
            return Label(special="human") if known.kind == "human" and depth >= 4 else Label(_five(merged))
    return Label(_five(names))


def _species(genus: str, epithet: str) -> str:
    """The whole name, of an epithet or of a name with its genus; of a subspecies that nobody knows, its species."""
    whole = (epithet, f"{genus} {epithet}") if " " in epithet else (f"{genus} {epithet}",)
    tried = (*whole, *(" ".join(name.split()[:2]) for name in whole))
    return next((name for name in tried if name in species.numbers()), whole[0]).capitalize()


def _special(parts: Sequence[str], common: str) -> Special:
    """People, vehicles and blanks, by their place in the tree or, without one, by their common name."""
    if parts[3] == "homo" or (parts[2] == "hominidae" and common in {"human", "person"}):
        return "human"
    if any(parts) or common == "animal":
        return ""
    return _BY_COMMON_NAME.get(common, "unknown")


def _five(names: Sequence[str]) -> Lineage:
    a, b, c, d, e = names
    return a, b, c, d, e


def ancestor(lineage: Lineage, rank: Rank | Literal["kingdom"]) -> Lineage | None:
    """The group of that rank above (or the same, if it is of that rank); None if its list does not name one."""
    depth = 0 if rank == "kingdom" else RANKS.index(rank) + 1
    if depth and not lineage[depth - 1]:
        return None
    return _five((*lineage[:depth], *[""] * (5 - depth)))


@cache
def allowed(lineage: Lineage) -> bool:
    """Whether it lives in Peru: it is on the list, or a group that an animal of the list is in."""
    line = species.taxon(number_of(lineage))
    return lineage == ANIMAL or (line is not None and line.kind != "human")


def number_of(lineage: Lineage) -> int:
    """Its number on the wire; 0 for an animal without a name, and for what is not on the list."""
    deepest = next((part for part in reversed(lineage) if part), "")
    return species.numbers().get(deepest.lower(), 0)


def rollup(
    candidates: Iterable[Candidate], ranks: Sequence[Rank | Literal["kingdom"]], over: float
) -> tuple[Lineage, float, str] | None:
    """The first rank at which the scores under one allowed group sum up to more than `over`: group, sum and rank."""
    animals = [one for one in candidates if not one.label.special]
    for rank in ranks:
        sums: dict[Lineage, float] = {}
        for label, p in animals:
            group = ancestor(label.lineage, rank)
            if group is not None and allowed(group):
                sums[group] = sums.get(group, 0.0) + p
        best = max(sums, key=sums.__getitem__, default=None)  # of equals, the first that was seen
        if best is not None and sums[best] > over:
            return best, min(sums[best], 1.0), rank
    return None


def decide(look: Look, limits: Limits = LIMITS) -> Decision:
    """The name of what a look shows, from its likeliest candidates. What bears no name is an animal, or nothing."""
    ordered = tuple(sorted(look.candidates, key=lambda one: -one.p))[:MOST]
    top = ordered[0] if ordered else Candidate(ANIMAL_LABEL, 0.0)
    if top.label.special == "blank" and (top.p > limits.empty or (look.box_p < limits.animal and top.p > 0.5)):
        return Decision("blank", 0, top.p, "classifier", ordered)
    animals = [one for one in ordered if not one.label.special]
    first = animals[0] if animals else None
    if first and (first.p > limits.sure or (first.p > limits.likely and look.box_p > limits.animal)):
        return _fenced(first, animals, ordered)
    found = rollup(animals, ("genus", "family", "order", "class", "kingdom"), limits.likely)
    if found:
        return _told(found[0], found[1], f"classifier+rollup_to_{found[2]}", ordered)
    if look.box_p > limits.clearly:
        return Decision("animal", 0, look.box_p, "detector", ordered)
    return Decision("", 0, 0.0, "none", ordered)


ANIMAL_LABEL: Final = Label()


def _fenced(first: Candidate, animals: Sequence[Candidate], raw: tuple[Candidate, ...]) -> Decision:
    """The first of all if it lives here; else the group that it would share with what does."""
    if allowed(first.label.lineage):
        return _told(first.label.lineage, first.p, "classifier", raw)
    found = rollup(animals, ("family", "order", "class", "kingdom"), first.p - 1e-10)
    if found is None:  # not reached: the sum of all animals is at least the first of them
        return Decision("animal", 0, first.p, "classifier+geofence", raw)
    return _told(found[0], found[1], f"classifier+geofence+rollup_to_{found[2]}", raw)


def _told(lineage: Lineage, p: float, source: str, raw: tuple[Candidate, ...]) -> Decision:
    return Decision(Label(lineage).name, number_of(lineage), p, source, raw)


def pooled(looks: Sequence[Look]) -> Look:
    """Several looks at one animal as one: the mean of what was said of it, so that one bad frame names nobody."""
    sums: dict[Label, float] = {}
    for look in looks:
        for label, p in look.candidates:
            sums[label] = sums.get(label, 0.0) + p
    candidates = tuple(Candidate(label, total / len(looks)) for label, total in sums.items())
    return Look(max((look.box_p for look in looks), default=0.0), candidates)
