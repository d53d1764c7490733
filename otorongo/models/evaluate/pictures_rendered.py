"""What a night, rain, a wet lens, distance and the edge of the frame take away, on rendered pictures.

There are no pictures of people in infrared or rain to be had. So the pictures that are there are changed
(`train.picture_scenes`), and what is found is counted before and after: paired, by place. It says what is lost, not
what is reached in the forest; no aim is judged by it.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from otorongo.models import image
from otorongo.models.evaluate import gate, measures
from otorongo.models.evaluate.pictures import REGRESSION, Place
from otorongo.models.evaluate.pictures_figures import ANYTHING, numbered, over_threshold, truth
from otorongo.models.evaluate.pictures_look import SHIPPED, Eyes, Floats, Looked
from otorongo.models.evidence_pictures import PictureRendered
from otorongo.models.train import picture_scenes as scenes

PERSON: Final = "person"
FRAMES: Final = "frames"
FAR_M: Final = (10, 15, 20, 30)
MOST_PEOPLE: Final = 40
STANDING: Final = 1.5
"""How many times as high as wide the box of somebody who stands is, at least."""
LEAST_PX: Final = 150
MARGIN: Final = 0.15
FAR_FRAME: Final = (2048, 1536)
EDGE_LEFT: Final = (0.5, 0.3)
"""Shares of a box that the edge of the frame leaves."""

Changed = Callable[[image.Picture, int, Sequence[Place]], image.Picture]
WEATHER: Final[dict[str, Changed]] = {
    "night, infrared lamp": scenes.night,
    "rain by day": lambda picture, seed, _: scenes.rain(picture, seed),
    "rain by night": lambda picture, seed, moving: scenes.rain(scenes.night(picture, seed, moving), seed),
    "drops on the lens": lambda picture, seed, _: scenes.drops(picture, seed),
}


@dataclass(frozen=True)
class Pair:
    """One picture, as it is and changed."""

    what: str
    wire: str
    there: bool
    """Whether the class is in it: else what is counted are false alarms."""
    set: str
    spot: str
    plain: bool
    """Whether the class was seen in the unaltered picture."""
    rendered: bool


def pictures_to_change(looked: Sequence[Looked]) -> list[Looked]:
    """Frames of camera traps, and the pictures of the regression set with people, for want of others."""
    return [one for one in looked if one.picture.is_frame or PERSON in one.picture.labels]


def count(looked: Sequence[Looked]) -> int:
    """How many pictures will be read: for a progress bar."""
    return len(pictures_to_change(looked)) + len(people(looked)) * bool(_empties(looked))


def rendered(eyes: Eyes, looked: Sequence[Looked], done: Callable[[], None]) -> tuple[PictureRendered, ...]:
    """Every row: by weather, by the edge of the frame, by distance."""
    pairs: list[Pair] = []
    for number, one in enumerate(pictures_to_change(looked)):
        picture = image.decode(one.picture.path.read_bytes())
        pairs += [*_weather(eyes, one, picture, number), *_edge(eyes, one, picture)]
        done()
    pairs += _far(eyes, looked, done)
    return rows(pairs)


def rows(pairs: Sequence[Pair]) -> tuple[PictureRendered, ...]:
    """Counts before and after, in the order in which they first came, with intervals by place."""
    by: dict[tuple[str, str, bool, str], list[Pair]] = {}
    for one in pairs:
        by.setdefault((one.what, one.wire, one.there, one.set), []).append(one)
    out = []
    for (what, wire, there, name), own in sorted(by.items(), key=lambda item: _order(item[0], list(by))):
        place = numbered([one.spot for one in own])
        plain, after = (np.array([getattr(one, side) for one in own], bool) for side in ("plain", "rendered"))
        share = measures.share(after, place)
        lost, low, high = gate.drop(plain, after, place)
        out.append(
            PictureRendered(
                what=what, name=wire, there=there, set=name, tries=len(own), places=share.recordings,
                plain=int(plain.sum()), hits=share.hits, low=round(share.low, 4), high=round(share.high, 4),
                lost=round(lost, 4), lost_low=round(low, 4), lost_high=round(high, 4),
            )
        )  # fmt: skip
    return tuple(out)


def _order(key: tuple[str, str, bool, str], keys: list[tuple[str, str, bool, str]]) -> tuple[int, bool, int, str]:
    """By change, as they came; what is there before what is not; people first."""
    whats = list(dict.fromkeys(each[0] for each in keys))
    return whats.index(key[0]), not key[2], key[1] != PERSON, key[3]


def _weather(eyes: Eyes, one: Looked, picture: image.Picture, seed: int) -> Iterator[Pair]:
    moving = [place for label, place in one.picture.boxes if label in one.picture.labels]
    for what, change in WEATHER.items():
        yield from _pairs(eyes, what, one, eyes.p(SHIPPED, change(picture, seed, moving)))


def _pairs(eyes: Eyes, what: str, one: Looked, after: Floats) -> Iterator[Pair]:
    before = one.by_name[SHIPPED].p
    for wire in (PERSON, ANYTHING) if one.picture.is_frame else (PERSON,):
        said = truth(one, wire)
        if said >= 0 and (wire in eyes.wires or wire == ANYTHING):
            seen = (over_threshold(eyes, p, wire) for p in (before, after))
            yield Pair(what, wire, said == 1, _set(one), one.picture.spot, *seen)


def _set(one: Looked) -> str:
    name = one.picture.set
    return FRAMES if one.picture.is_frame else f"{name} (training data)" if name == REGRESSION else name


def _edge(eyes: Eyes, one: Looked, picture: image.Picture) -> Iterator[Pair]:
    """A labelled box cut by the frame's edge, or, where there is none, the box in which something was seen."""
    wire = ANYTHING if one.picture.is_frame else PERSON
    place = _largest(one, wire)
    if place is None or truth(one, wire) != 1 or (wire not in eyes.wires and wire != ANYTHING):
        return
    plain = over_threshold(eyes, one.by_name[SHIPPED].p, wire)
    for left in EDGE_LEFT:
        after = eyes.p(SHIPPED, scenes.cut_by_edge(picture, place, left))
        what = f"cut by the frame's edge, {100 * left:.0f} % left"
        yield Pair(what, wire, True, _set(one), one.picture.spot, plain, over_threshold(eyes, after, wire))


def _largest(one: Looked, wire: str) -> Place | None:
    labelled = [place for label, place in one.picture.boxes if wire in (label, ANYTHING)]
    if labelled:
        return max(labelled, key=lambda place: (place[2] - place[0]) * (place[3] - place[1]))
    drawn = [box for box in one.by_name[SHIPPED].boxes if wire in (box[0], ANYTHING)]
    return max(drawn, key=lambda box: box[1])[2:] if drawn else None


def people(looked: Sequence[Looked]) -> list[tuple[Looked, Place]]:
    """The tallest labelled person of each picture who stands and is large enough to be made smaller."""
    out = []
    for one in looked:
        tall = max(
            (place for label, place in one.picture.boxes if label == PERSON),
            key=lambda place: place[3] - place[1],
            default=None,
        )
        if tall is not None and PERSON in one.picture.labels:
            out.append((one, tall))
    return out[:MOST_PEOPLE]


def _empties(looked: Sequence[Looked]) -> list[Looked]:
    return [one for one in looked if one.picture.is_frame and one.picture.anything == 0]


def _far(eyes: Eyes, looked: Sequence[Looked], done: Callable[[], None]) -> Iterator[Pair]:
    """People pasted into empty frames at distances, by day and by night."""
    empties = _empties(looked)
    if not empties or PERSON not in eyes.wires:
        return
    grounds = [scenes.resized(image.decode(one.picture.path.read_bytes()), *FAR_FRAME) for one in empties]
    for number, (one, place) in enumerate(people(looked)):
        done()
        cutout, high_px = _cut_out(image.decode(one.picture.path.read_bytes()), place)
        if high_px < LEAST_PX or cutout.shape[0] < STANDING * cutout.shape[1]:
            continue
        plain = over_threshold(eyes, one.by_name[SHIPPED].p, PERSON)
        for away in FAR_M:
            frame, at = scenes.person_at(grounds[number % len(grounds)], cutout, high_px, away, number)
            for when, picture in (("by day", frame), ("by night", scenes.night(frame, number, [at]))):
                seen = over_threshold(eyes, eyes.p(SHIPPED, picture), PERSON)
                yield Pair(f"{away} m away, {when}", PERSON, True, _set(one), one.picture.spot, plain, seen)


def _cut_out(picture: image.Picture, place: Place) -> tuple[image.Picture, float]:
    """A person with a margin, and how many pixels high they are."""
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = place
    reach_x, reach_y = (x1 - x0) * MARGIN, (y1 - y0) * MARGIN
    rows_ = slice(max(0, int((y0 - reach_y) * height)), math.ceil((y1 + reach_y) * height))
    columns = slice(max(0, int((x0 - reach_x) * width)), math.ceil((x1 + reach_x) * width))
    return picture[rows_, columns], (y1 - y0) * height
