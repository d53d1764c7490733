"""Nobody is hidden behind an animal: what a frame's boxes and their classifier say, as records. Pure.

An ensemble that is tuned to save reviewing lets a surer animal, or a blank, win over a person. Here each box is judged,
a person or vehicle keeps a record of its own whatever else is said, and only what is left over is named as an animal.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from otorongo.models.rollup import LIMITS, Candidate, Decision, Limits, Look, decide
from otorongo.wire.classes import BY_NAME, is_threat

LEAST: Final = 0.1
"""From this probability on a person or vehicle is a record; far below what makes an event."""
ANIMAL: Final = BY_NAME["animal"].number
THREATS: Final = {"human": BY_NAME["person"].number, "vehicle": BY_NAME["vehicle"].number}
"""Wire classes of the labels that a network of species has for them."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A box of a detector and what the network of species says of what is in it."""

    cls: int
    """Wire class."""
    p: float
    """Calibrated."""
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that a frame shows."""

    cls: int
    p: float
    source: str
    """`detector`, `classifier`, or what named the animal."""
    animal: Decision | None = None
    """Its name, of an animal."""
    doubtful: float = 0.0
    """How sure the network of species is that nothing is there: shown later, never left out."""


def judge(seen: Seen, least: float = LEAST, limits: Limits = LIMITS) -> tuple[Record, ...]:
    """The records of one box: threats first, each at least as sure as its own evidence.

    `least` is the probability from which a threat is a record. A box of any class but animal keeps its own record; one
    of no threat has it from 0 on.
    """
    blank = max((one.p for one in seen.candidates if one.label.special == "blank"), default=0.0)
    threats: dict[int, Record] = {}
    if seen.cls != ANIMAL and (seen.p >= least or not is_threat(seen.cls)):
        threats[seen.cls] = Record(seen.cls, seen.p, "detector", doubtful=blank)
    for label, p in seen.candidates:
        cls = THREATS.get(label.special)
        if cls is not None and p >= least and p > (threats[cls].p if cls in threats else 0.0):
            threats[cls] = Record(cls, p, "classifier", doubtful=blank)
    return (*threats.values(), *_animal(seen, blank, limits))


def _animal(seen: Seen, blank: float, limits: Limits) -> Iterable[Record]:
    """An animal's box stays one, with a name if it bears one; another's is an animal's too if it surely is named."""
    decision = decide(Look(seen.p if seen.cls == ANIMAL else 0.0, seen.candidates), limits)
    if seen.cls == ANIMAL:
        yield Record(ANIMAL, seen.p, decision.source, decision, blank)
    elif decision.number:
        yield Record(ANIMAL, decision.p, decision.source, decision, blank)


def judge_all(boxes: Sequence[Seen], least: float = LEAST, limits: Limits = LIMITS) -> tuple[Record, ...]:
    """The records of all boxes of a frame, people and vehicles before everything else, the surest first.

    Every box is judged apart: a dog beside a person hides nobody.
    """
    found = [record for seen in boxes for record in judge(seen, least, limits)]
    return tuple(sorted(found, key=lambda one: (not is_threat(one.cls), one.doubtful > limits.empty, -one.p)))
