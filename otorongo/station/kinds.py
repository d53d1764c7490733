"""Which kinds of animals a visit showed: looks that belong together, and how many were seen at once. Pure.

Each look is named by itself first. Names are told apart only where that is no mistake of one frame: both stand in one
frame, or they are of different families and each was said twice. All other looks, and those that bear no name, go to
the kind that they are most like, and count together there: one bad frame names nobody. A name that holds another (cats,
jaguar) is never told apart from it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from otorongo.models import rollup
from otorongo.models.rollup import ANIMAL, Lineage, Look
from otorongo.wire import species

LOOKS: Final = 16
"""Looks of one name that are remembered: those in which the detector was surest."""
MOST: Final = 64
"""Looks of one visit that are remembered."""
TWICE: Final = 2
FAMILY: Final = 3
"""Ranks from the top to the family."""


class Sight(NamedTuple):
    """One look at one animal."""

    frame: int
    """Number of its frame: looks of one frame are of different animals. Not its time: cameras that say theirs in whole
    seconds take several frames in one."""
    look: Look
    number: int
    """What it would be called by itself, in `wire.species`; 0: it bears no name."""

    @property
    def lineage(self) -> Lineage:
        """Of that name."""
        taxon = species.taxon(self.number)
        return taxon.lineage if taxon else ANIMAL


def kept(sights: Sequence[Sight], looks: Iterable[Look]) -> tuple[Sight, ...]:
    """The looks that are remembered, with those of a frame that came now."""
    frame = 1 + max((one.frame for one in sights), default=0)
    new = (Sight(frame, look, rollup.decide(look).number) for look in looks)
    every = sorted((*sights, *new), key=lambda one: -one.look.box_p)
    before: Counter[int] = Counter()
    placed: list[tuple[int, Sight]] = []
    for one in every:
        placed.append((before[one.number], one))
        before[one.number] += 1
    placed.sort(key=lambda one: one[0])  # the surest of each name before the second of any
    return tuple(one for place, one in placed[:MOST] if place < LOOKS)


@dataclass(frozen=True, slots=True)
class Group:
    """Looks at one kind of animal."""

    lineage: Lineage
    sights: tuple[Sight, ...]

    @property
    def pooled(self) -> Look:
        """All of them as one."""
        return rollup.pooled([one.look for one in self.sights])

    @property
    def count(self) -> int:
        """The most at once, of those that bear a name."""
        at_once = Counter(one.frame for one in self.sights if one.number)
        return max(at_once.values(), default=1)

    def joined(self, other: "Group") -> "Group":
        """With the looks of another."""
        return Group(self.lineage, self.sights + other.sights)


def groups(sights: Sequence[Sight]) -> tuple[Group, ...]:
    """The kinds, those with most looks first; none without looks."""
    by_name: dict[int, list[Sight]] = {}
    for one in sights:
        by_name.setdefault(one.number, []).append(one)
    found = [Group(each[0].lineage, tuple(each)) for each in by_name.values()]
    found.sort(key=lambda group: (group.lineage == ANIMAL, -len(group.sights), -_sure(group), group.lineage))
    standing: list[Group] = []
    for group in found:
        like = [at for at, other in enumerate(standing) if not apart(group, other)]
        if not like:
            standing.append(group)
            continue
        best = max(like, key=lambda at: (_alike(standing[at].pooled, group.pooled), -at))
        standing[best] = standing[best].joined(group)
    return tuple(sorted(standing, key=lambda group: -len(group.sights)))


def apart(one: Group, other: Group) -> bool:
    """Whether two names are of two animals."""
    pairs = [(a, b) for a, b in zip(one.lineage, other.lineage, strict=True) if a and b]
    if all(a == b for a, b in pairs):
        return False
    if {each.frame for each in one.sights} & {each.frame for each in other.sights}:
        return True
    far = any(a != b for a, b in pairs[:FAMILY])
    return far and min(len(one.sights), len(other.sights)) >= TWICE


def _sure(group: Group) -> float:
    return sum(one.look.box_p for one in group.sights)


def _alike(one: Look, other: Look) -> float:
    """How much of what was said of both is the same."""
    said = {candidate.label: candidate.p for candidate in one.candidates}
    return sum(min(candidate.p, said.get(candidate.label, 0.0)) for candidate in other.candidates)
