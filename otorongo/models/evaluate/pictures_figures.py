"""Figures over pictures: per class and set, by light, size, rain and distance, by event, and the project's aims."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from otorongo.language import later
from otorongo.models.boxes import overlaps
from otorongo.models.evaluate import measures
from otorongo.models.evaluate.measures import Figure, Share
from otorongo.models.evaluate.pictures import REGRESSION, Place
from otorongo.models.evaluate.pictures_look import Eyes, Floats, Looked
from otorongo.models.evaluate.pictures_match import LEAST_IOU, box_precision, matched
from otorongo.models.evidence_pictures import Aim

ANYTHING: Final = "anything"
RECALL_AIM: Final = 0.95
EMPTIES_AIM: Final = 0.02
SMALL: Final = 0.1
LARGE: Final = 0.3
SIZES: Final = ("small", "medium", "large")
"""Height of a box in shares of the frame: small below SMALL, large from LARGE on."""
FAR_M: Final = 10.0
TOLD_FAR: Final = ("person", "vehicle", "animal", ANYTHING)
"""Classes with rows of rain and distance."""

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
    right: Share
    """Of those that reached its threshold, those with it: precision."""
    precision: Figure
    """Average precision by picture."""
    by_box: float = float("nan")
    """Average precision by box."""
    boxes: int = 0
    """Labelled ones."""


@dataclass(frozen=True)
class OfSize:
    """Boxes of one class and size in one set."""

    set: str
    wire: str
    size: str
    found: Share
    """Of the labelled ones, at the working threshold."""
    right: Share
    """Of the drawn ones at the working threshold, those that found one."""
    precision: float
    """Average precision; nan without a labelled one."""


def reached(eyes: Eyes, one: Looked, wire: str, name: str) -> bool:
    """Whether a class reached its threshold; ANYTHING: whether any did."""
    return over_threshold(eyes, one.by_name[name].p, wire)


def over_threshold(eyes: Eyes, p: Floats, wire: str) -> bool:
    """The same of calibrated p (classes,)."""
    least = eyes.thresholds
    if wire == ANYTHING:
        return any(p[at] >= least[each] for at, each in enumerate(eyes.wires))
    return bool(p[eyes.wires.index(wire)] >= least[wire])


def noticed(eyes: Eyes, one: Looked, wire: str, name: str) -> bool:
    """Whether a class was found in a picture that shows it, or told in one that does not.

    ANYTHING counts in a picture that shows something only where a drawn box is on a labelled one, or, where not all of
    it has boxes, if a class reached its threshold that may be there: a tree that is taken for a person beside an animal
    finds no animal.
    """
    if wire != ANYTHING or one.picture.anything != 1:
        return reached(eyes, one, wire, name)
    drawn = [(box[0], box[2:]) for box in one.by_name[name].boxes if box[1] >= eyes.thresholds[box[0]]]
    there = np.array([place for _, place in one.picture.boxes], np.float32).reshape(-1, 4)
    if len(there) and any(overlaps(np.array(place, np.float32), there).max() >= LEAST_IOU for _, place in drawn):
        return True
    if one.by_name[name].boxes and one.picture.labels <= one.picture.boxed:
        return False
    return any(truth(one, each) != 0 and reached(eyes, one, each, name) for each in eyes.wires)


def beside(eyes: Eyes, looked: Sequence[Looked], name: str) -> int:
    """In how many pictures that show something only what is not there was told."""
    something = [one for one in looked if one.picture.anything == 1 and reached(eyes, one, ANYTHING, name)]
    return sum(not noticed(eyes, one, ANYTHING, name) for one in something)


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
    found, hits = (np.array([told(eyes, one, wire, name) for one in known], bool) for told in (noticed, reached))
    place = numbered([one.picture.spot for one in known])
    scores = np.array([score(eyes, one, wire, name) for one in known], float)
    ap = measures.precision(scores, there, place) if (there == 1).any() and (there == 0).any() else measures.NONE
    by_box, boxes = _by_box(known, wire, name)
    return OfClass(wire, words, *_shares(found, hits, there, place), ap, by_box, boxes)


def _shares(found: NDArray[np.bool_], hits: NDArray[np.bool_], there: Ints, place: Ints) -> tuple[Share, Share, Share]:
    """Found, false and right of pictures (n,)."""
    chosen = ((found, there == 1), (hits, there == 0), (there == 1, hits))
    recall, false, right = (measures.share(each[mine], place[mine]) for each, mine in chosen)
    return recall, false, right


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
    """Every class and anything by day and night; people, vehicles and animals in rain and beyond 10 m too.

    A row without any picture stays: what was never looked at is to be seen as well.
    """
    frames = [one for one in looked if one.picture.is_frame]
    kinds: list[tuple[str, Callable[[Looked], bool]]] = [
        ("day", lambda one: not one.night),
        ("night", lambda one: one.night),
        ("wet", lambda one: one.picture.wet is True),
        ("beyond 10 m", lambda one: (one.picture.distance_m or 0.0) > FAR_M),
    ]
    return [
        of_class(eyes, [one for one in frames if chosen(one)], wire, words, name)
        for wire in (*eyes.wires, ANYTHING)
        for words, chosen in (kinds if wire in TOLD_FAR else kinds[:2])
    ]


def sizes(eyes: Eyes, looked: Sequence[Looked], name: str) -> list[OfSize]:
    """Boxes by set, class and size; only of pictures of which every box of the class is labelled.

    A drawn box that found a labelled one (IoU 0.5) has the size of that one, and what found none its own.
    """
    out = []
    for each in dict.fromkeys(one.picture.set for one in looked if one.picture.boxes):
        mine = [one for one in looked if one.picture.set == each]
        for wire in eyes.wires:
            boxed = [one for one in mine if wire in one.picture.boxed]
            if any(_places(one, wire) for one in boxed):
                out += [_of_size(eyes, boxed, each, wire, size, name) for size in SIZES]
    return out


def _of_size(eyes: Eyes, looked: Sequence[Looked], of_set: str, wire: str, size: str, name: str) -> OfSize:
    found: list[tuple[bool, str]] = []
    """Of each labelled box of this size: whether it was found, and where; and of each drawn one likewise ..."""
    right: list[tuple[bool, str]] = []
    drawn: list[tuple[float, bool]] = []
    """... also far below the threshold, with its score."""
    for one in looked:
        there = _places(one, wire)
        boxes = [box for box in one.by_name[name].boxes if box[0] == wire]
        own = matched([box[2:] for box in boxes], [box[1] for box in boxes], there)
        sure = [box[1] >= eyes.thresholds[wire] for box in boxes]
        seen = {at for at, reaches in zip(own, sure, strict=True) if reaches}
        found += [(at in seen, one.picture.spot) for at, place in enumerate(there) if _size(place) == size]
        for box, at, reaches in zip(boxes, own, sure, strict=True):
            if _size(there[at] if at >= 0 else box[2:]) == size:
                drawn.append((box[1], at >= 0))
                right += [(at >= 0, one.picture.spot)] if reaches else []
    scores, hits = np.array([each[0] for each in drawn], float), np.array([each[1] for each in drawn], bool)
    return OfSize(of_set, wire, size, _of_boxes(found), _of_boxes(right), box_precision(scores, hits, len(found)))


def _of_boxes(found: Sequence[tuple[bool, str]]) -> Share:
    return measures.share(np.array([hit for hit, _ in found], bool), numbered([spot for _, spot in found]))


def _size(place: Place) -> str:
    high = place[3] - place[1]
    return SIZES[int(high >= SMALL) + int(high >= LARGE)]


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
        there, found, hits, best, spots = [], [], [], [], []
        for members in by_event.values():
            said = [truth(one, wire) for one in members]
            if 1 in said or -1 not in said:
                there.append(int(1 in said))
                found.append(any(noticed(eyes, one, wire, name) for one in members))
                hits.append(any(reached(eyes, one, wire, name) for one in members))
                best.append(max(score(eyes, one, wire, name) for one in members))
                spots.append(members[0].picture.spot if members[0].picture.place else members[0].picture.sequence)
        is_there, place = np.array(there, int), numbered(spots)
        both = 0 < is_there.sum() < len(is_there)
        ap = measures.precision(np.array(best), is_there, place) if both else measures.NONE
        shares = _shares(np.array(found, bool), np.array(hits, bool), is_there, place)
        out.append(OfClass(wire, f"{len(by_event)} events", *shares, ap))
    return out


def aims(eyes: Eyes, looked: Sequence[Looked], name: str) -> tuple[Aim, ...]:
    """The project's aims over frames that count (`Picture.is_frame`)."""
    frames = [one for one in looked if one.picture.is_frame and one.picture.set != REGRESSION]
    something = [one for one in frames if one.picture.anything == 1]
    empty = [one for one in frames if one.picture.anything == 0]
    people = [one for one in frames if one.picture.truth("person") == 1 and not one.night]
    return (
        _aim(
            later("an animal, a person, a vehicle or a boat is seen as anything"),
            True,
            RECALL_AIM,
            eyes,
            something,
            ANYTHING,
            name,
        ),
        _aim(later("empties passed on"), False, EMPTIES_AIM, eyes, empty, ANYTHING, name),
        _aim(later("a person by day is seen as a person"), True, RECALL_AIM, eyes, people, "person", name),
    )


def _aim(words: str, at_least: bool, aim: float, eyes: Eyes, looked: Sequence[Looked], wire: str, name: str) -> Aim:
    hits = np.array([wire in (*eyes.wires, ANYTHING) and noticed(eyes, one, wire, name) for one in looked], bool)
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
