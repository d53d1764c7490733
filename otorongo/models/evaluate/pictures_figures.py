"""Figures over pictures: per class and set, by light, size, rain and distance, by event, and the project's aims."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from otorongo.models.evaluate import measures
from otorongo.models.evaluate.measures import Figure, Share
from otorongo.models.evaluate.pictures import REGRESSION, Place
from otorongo.models.evaluate.pictures_look import Eyes, Floats, Looked
from otorongo.models.evaluate.pictures_match import box_precision, matched
from otorongo.models.evidence_pictures import Aim

ANYTHING: Final = "anything"
RECALL_AIM: Final = 0.95
EMPTIES_AIM: Final = 0.02
SMALL: Final = 0.1
LARGE: Final = 0.3
"""Height of a box in shares of the frame: small below SMALL, large from LARGE on."""
FAR_M: Final = 10.0

Ints = NDArray[np.integer]


@dataclass(frozen=True)
class OfClass:
    """One class in some pictures."""

    wire: str
    pictures: str
    """Which: a set, or the words of a row."""
    found: Share
    """Of the pictures with it."""
    false: Share
    """Of those without it."""
    precision: Figure
    """Average precision by picture."""
    by_box: float = float("nan")
    """Average precision by box."""
    boxes: int = 0
    """Labelled ones."""

    @property
    def right(self) -> str:
        """Precision at the working threshold: pictures with the class of those that were hits."""
        hits = self.found.hits + self.false.hits
        return f"{self.found.hits} of {hits}" if hits else "-"


def reached(eyes: Eyes, one: Looked, wire: str, name: str) -> bool:
    """Whether a class reached its threshold; ANYTHING: whether any did."""
    return over_threshold(eyes, one.by_name[name].p, wire)


def over_threshold(eyes: Eyes, p: Floats, wire: str) -> bool:
    """The same of calibrated p (classes,)."""
    least = eyes.thresholds
    if wire == ANYTHING:
        return any(p[at] >= least[each] for at, each in enumerate(eyes.wires))
    return bool(p[eyes.wires.index(wire)] >= least[wire])


def score(eyes: Eyes, one: Looked, wire: str, name: str) -> float:
    """What pictures are ranked by: p; for ANYTHING, how far the best class is above its threshold."""
    p = one.by_name[name].p
    if wire == ANYTHING:
        return max(float(p[at]) / eyes.thresholds[each] for at, each in enumerate(eyes.wires))
    return float(p[eyes.wires.index(wire)])


def truth(one: Looked, wire: str) -> int:
    """1, 0, or -1 where nobody knows."""
    return one.picture.anything if wire == ANYTHING else one.picture.truth(wire)


def of_class(eyes: Eyes, looked: Sequence[Looked], wire: str, words: str, name: str) -> OfClass:
    """All figures of one class in some pictures, intervals by place."""
    known = [one for one in looked if truth(one, wire) >= 0]
    there = np.array([truth(one, wire) for one in known], int)
    hits = np.array([reached(eyes, one, wire, name) for one in known], bool)
    place = numbered([one.picture.spot for one in known])
    scores = np.array([score(eyes, one, wire, name) for one in known], float)
    ap = measures.precision(scores, there, place) if (there == 1).any() and (there == 0).any() else measures.NONE
    by_box, boxes = _by_box(known, wire, name)
    return OfClass(
        wire, words, measures.share(hits[there == 1], place[there == 1]),
        measures.share(hits[there == 0], place[there == 0]), ap, by_box, boxes,
    )  # fmt: skip


def numbered(names: Sequence[str]) -> Ints:
    """Numbers of places by their names, which intervals go by."""
    return np.unique(np.array(names, str), return_inverse=True)[1] if names else np.zeros(0, int)


def _by_box(looked: Sequence[Looked], wire: str, name: str) -> tuple[float, int]:
    """Average precision by box over the pictures of which every box of the class is labelled."""
    scores: list[float] = []
    hits: list[bool] = []
    labelled = 0
    for one in looked:
        if wire == ANYTHING or wire not in one.picture.boxed:
            continue
        there = _places(one, wire)
        drawn = [box for box in one.by_name[name].boxes if box[0] == wire]
        found = matched([box[2:] for box in drawn], [box[1] for box in drawn], there)
        scores += [box[1] for box in drawn]
        hits += [at >= 0 for at in found]
        labelled += len(there)
    return box_precision(np.array(scores, float), np.array(hits, bool), labelled), labelled


def _places(one: Looked, wire: str) -> list[Place]:
    return [place for label, place in one.picture.boxes if label == wire]


def tables(eyes: Eyes, looked: Sequence[Looked], name: str) -> list[OfClass]:
    """Every class in every set."""
    sets = list(dict.fromkeys(one.picture.set for one in looked))
    every = [
        of_class(eyes, [one for one in looked if one.picture.set == each], wire, each, name)
        for wire in (*eyes.wires, ANYTHING)
        for each in sets
    ]
    return [one for one in every if one.found.tries or one.false.tries]


def rows(eyes: Eyes, looked: Sequence[Looked], name: str) -> list[OfClass]:
    """People, vehicles and anything by day and night, in rain and beyond 10 m, the regression set apart from the rest.

    A row without any picture stays: what was never looked at is to be seen as well.
    """
    frames = [one for one in looked if one.picture.is_frame]
    kinds: list[tuple[str, Callable[[Looked], bool]]] = [
        ("day", lambda one: not one.night),
        ("night", lambda one: one.night),
        ("wet", lambda one: one.picture.wet is True),
        ("beyond 10 m", lambda one: (one.picture.distance_m or 0.0) > FAR_M),
    ]
    wires = [wire for wire in ("person", "vehicle", "animal") if wire in eyes.wires]
    return [
        of_class(eyes, [one for one in frames if chosen(one)], wire, words, name)
        for wire in (*wires, ANYTHING)
        for words, chosen in kinds
    ]


def sizes(eyes: Eyes, looked: Sequence[Looked], name: str) -> list[tuple[str, str, str, Share]]:
    """Set, class, size, and labelled boxes of that size that were found at the working threshold (IoU 0.5)."""
    out = []
    for each in dict.fromkeys(one.picture.set for one in looked if one.picture.boxes):
        mine = [one for one in looked if one.picture.set == each]
        for wire in eyes.wires:
            found: dict[str, list[tuple[bool, str]]] = {"small": [], "medium": [], "large": []}
            for one in (each for each in mine if wire in each.picture.boxed):
                there = _places(one, wire)
                drawn = [b for b in one.by_name[name].boxes if b[0] == wire and b[1] >= eyes.thresholds[wire]]
                own = set(matched([b[2:] for b in drawn], [b[1] for b in drawn], there))
                for number, place in enumerate(there):
                    found[_size(place)].append((number in own, one.picture.spot))
            if any(found.values()):
                out += [(each, wire, size, _of_boxes(some)) for size, some in found.items()]
    return out


def _of_boxes(found: Sequence[tuple[bool, str]]) -> Share:
    return measures.share(np.array([hit for hit, _ in found], bool), numbered([spot for _, spot in found]))


def _size(place: Place) -> str:
    high = place[3] - place[1]
    return "small" if high < SMALL else "medium" if high < LARGE else "large"


def events(eyes: Eyes, looked: Sequence[Looked], name: str) -> list[OfClass]:
    """Frames of one sequence as one event, which is found if any of its frames is; only sequences that somebody named.

    Its average precision is that of the best frame of each.
    """
    by_event: dict[str, list[Looked]] = {}
    for one in looked:
        if one.picture.sequence:
            by_event.setdefault(f"{one.picture.set}:{one.picture.sequence}", []).append(one)
    out = []
    for wire in (*eyes.wires, ANYTHING) if by_event else ():
        there, hits, best, spots = [], [], [], []
        for members in by_event.values():
            said = [truth(one, wire) for one in members]
            if 1 in said or -1 not in said:
                there.append(int(1 in said))
                hits.append(any(reached(eyes, one, wire, name) for one in members))
                best.append(max(score(eyes, one, wire, name) for one in members))
                spots.append(members[0].picture.spot if members[0].picture.place else members[0].picture.sequence)
        is_there, hit, place = np.array(there, int), np.array(hits, bool), numbered(spots)
        both = 0 < is_there.sum() < len(is_there)
        ap = measures.precision(np.array(best), is_there, place) if both else measures.NONE
        out.append(
            OfClass(
                wire, f"{len(by_event)} events", measures.share(hit[is_there == 1], place[is_there == 1]),
                measures.share(hit[is_there == 0], place[is_there == 0]), ap,
            )
        )  # fmt: skip
    return out


def aims(eyes: Eyes, looked: Sequence[Looked], name: str) -> tuple[Aim, ...]:
    """The project's aims over frames that count (`Picture.is_frame`)."""
    frames = [one for one in looked if one.picture.is_frame and one.picture.set != REGRESSION]
    something = [one for one in frames if one.picture.anything == 1]
    empty = [one for one in frames if one.picture.anything == 0]
    people = [one for one in frames if one.picture.truth("person") == 1 and not one.night]
    return (
        _aim(
            "an animal, a person, a vehicle or a boat is seen as anything",
            True,
            RECALL_AIM,
            eyes,
            something,
            ANYTHING,
            name,
        ),
        _aim("empties passed on", False, EMPTIES_AIM, eyes, empty, ANYTHING, name),
        _aim("a person by day is seen as a person", True, RECALL_AIM, eyes, people, "person", name),
    )


def _aim(words: str, at_least: bool, aim: float, eyes: Eyes, looked: Sequence[Looked], wire: str, name: str) -> Aim:
    hits = np.array([wire in (*eyes.wires, ANYTHING) and reached(eyes, one, wire, name) for one in looked], bool)
    found = measures.share(hits, numbered([one.picture.spot for one in looked]))
    return Aim(
        name=words, at_least=at_least, aim=aim, hits=found.hits, tries=found.tries, places=found.recordings,
        low=round(found.low, 4), high=round(found.high, 4),
    )  # fmt: skip


@dataclass(frozen=True)
class Mistake:
    """A picture of which a class was missed, or in which one was seen that is not there."""

    looked: Looked
    wire: str
    missed: bool


def mistakes(eyes: Eyes, looked: Sequence[Looked], name: str) -> list[Mistake]:
    """Every miss and every false alarm, class by class in the manifest's order, misses first."""
    out = []
    for wire in eyes.wires:
        for there in (1, 0):
            out += [
                Mistake(one, wire, there == 1)
                for one in looked
                if truth(one, wire) == there and reached(eyes, one, wire, name) != (there == 1)
            ]
    return out
