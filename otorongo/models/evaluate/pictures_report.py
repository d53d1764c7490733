"""An evaluation of pictures in words and tables: Markdown that stands on its own, and in the bundle's card."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Final

from otorongo.models.evaluate import gate
from otorongo.models.evaluate import pictures_figures as figures
from otorongo.models.evaluate.measures import Share
from otorongo.models.evaluate.pictures import FRAMES, REGRESSION, Left
from otorongo.models.evaluate.pictures_figures import OfClass
from otorongo.models.evaluate.pictures_look import FLOAT, GREY, SHIPPED, Eyes, Looked
from otorongo.models.evidence_pictures import PictureEvidence, aims_table, gate_table, rendered_table

_CLASSES: Final = """\
At the working threshold, by picture. *Found*: of the pictures with the class (recall); *false*: of those without it;
*right*: of all that reached it (precision). 95 % intervals by place, or by picture where no place is known: the wider
of bootstrap and Wilson's. *AP*: average precision by picture, and by box where boxes are labelled (greedy, IoU 0.5).
`anything`: any class reached its own threshold; in a picture that shows something it is found only where such a box is
on a labelled one (IoU 0.5), or, where not all of it has boxes, by a class that may be there. A dog or cow that is
called an animal counts as neither; where nobody knows whether a class is in a picture, the picture counts for nothing.
What was kept of float networks has no boxes: they are counted by class."""
_BESIDE: Final = """\
In {count} of the {all} pictures that show something, only what is not there was told, such as a tree taken for a \
person beside an animal: somebody would look at them, but they count as missed."""
_ROWS: Final = """\
Camera-trap frames only ({sets} and folders of one's own). Day or night is as the labels say, and else by colour: a mean
saturation below {grey} counts as night, so that a grey picture by day does as well. {given} of {all} frames said it
themselves."""
_SIZES: Final = f"""\
At the working threshold, by box, in pictures whose boxes of the class are all labelled; height in shares of the frame:
small below {figures.SMALL:g}, medium below {figures.LARGE:g}, large. *Found* (recall): of the labelled boxes, those
that a drawn one of the class overlaps by IoU 0.5. *Right* (precision): of the drawn boxes, those that found one. What
found a labelled box has its size, and what found none, a false box, its own. *AP*: of all drawn boxes of that size,
those below the threshold too."""
_EVENTS: Final = "Frames of one sequence are one event, found if any frame is; intervals by place."
_GATE: Final = f"""\
Recall at the working threshold over all sets (paired, interval by place), float against shipped, people first. A drop
over one point fails; fewer than {gate.ENOUGH} places show nothing either way. A set that the detectors have learned
from serves here too: what is compared is two versions of the same networks. `anything`: of the pictures that show
something, those in which any class reached its threshold."""
_MISTAKEN: Final = """\
Of the {lost} pictures whose something only the float networks noticed, {wrong} they noticed by a class that is known \
not to be there, such as a person in an animal's picture; {gained} only the shipped ones noticed."""
_NOT_MEASURED: Final = "Not measured here: give --float with the float networks to set them beside the shipped ones."


@dataclass(frozen=True)
class Measured:
    """All that was measured."""

    eyes: Eyes
    looked: tuple[Looked, ...]
    left_out: tuple[Left, ...]
    damaged: tuple[str, ...]
    evidence: PictureEvidence
    lost: tuple[gate.Lost, ...]


def report(given: Measured) -> str:
    """Everything, beginning with the aims that `check` wants to find in a card."""
    parts = [aims_table(given.evidence), _data(given), _classes(given), _rows(given), rendered_table(given.evidence)]
    return "\n".join([*filter(None, parts), _sizes(given), _events(given), _gate(given)])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines) + "\n"


def _data(given: Measured) -> str:
    rows = [
        [one.name, one.standing, str(one.files), str(one.places), f"`{one.sha256[:16]}`"] for one in given.evidence.data
    ]
    out = ["### Pictures", "", _table(["set", "what it is", "pictures", "places", "SHA-256"], rows)]
    out += [f"Left out: {why}." for why in given.left_out]
    out += [f"Could not be read: {why}." for why in given.damaged]
    return "\n".join(out) + "\n"


def _classes(given: Measured) -> str:
    shipped = figures.tables(given.eyes, given.looked, SHIPPED)
    has_float = all(FLOAT in one.by_name for one in given.looked)
    floats = figures.tables(given.eyes, given.looked, FLOAT) if has_float else [None] * len(shipped)
    head = ["class", "set", "found", "false", "right", "AP by picture", "AP by box"]
    head += ["found, float", "false, float", "AP, float"] if has_float else []
    rows = []
    for one, beside in zip(shipped, floats, strict=True):
        row = [one.wire, _set(one.pictures), share(one.found), share(one.false), share(one.right)]
        row += [_ap(one), _by_box(one)]
        row += [str(beside.found.hits), str(beside.false.hits), f"{beside.precision.value:.3f}"] if beside else []
        rows.append([cell.replace("nan", "-") for cell in row])
    return "\n".join(["### By class and set", "", _CLASSES, "", _table(head, rows), f"{fill(_beside(given), 120)}\n"])


def _beside(given: Measured) -> str:
    """How often `anything` was told where something is, but not of it."""
    there = sum(one.picture.anything == 1 for one in given.looked)
    return _BESIDE.format(count=figures.beside(given.eyes, given.looked, SHIPPED), all=there)


def _set(name: str) -> str:
    return f"{name} (training data)" if name == REGRESSION else name


def share(one: Share) -> str:
    """`3 of 4 (0.30 to 0.95)`; of nothing it says so."""
    return f"{one.hits} of {one.tries} ({one.low:.2f} to {one.high:.2f})" if one.tries else "-"


def _ap(one: OfClass) -> str:
    each = one.precision
    return "-" if math.isnan(each.value) else f"{each.value:.3f} ({each.low:.3f} to {each.high:.3f})"


def _by_box(one: OfClass) -> str:
    return f"{one.by_box:.3f} ({one.boxes} boxes)" if one.boxes else "-"


def _or_none(one: Share) -> str:
    return share(one) if one.tries else "0 pictures: not shown"


def _rows(given: Measured) -> str:
    frames = [one for one in given.looked if one.picture.is_frame]
    said = sum(one.picture.night is not None for one in frames)
    words = fill(_ROWS.format(sets=", ".join(sorted(FRAMES)), grey=GREY, given=said, all=len(frames)), 120)
    rows = [
        [one.wire, one.pictures, _or_none(one.found), _or_none(one.false), share(one.right), _ap(one), _by_box(one)]
        for one in figures.rows(given.eyes, given.looked, SHIPPED)
    ]
    head = ["class", "", "found", "false", "right", "AP by picture", "AP by box"]
    return "\n".join(["### By day and night, in rain, and far away", "", words, "", _table(head, rows)])


def _sizes(given: Measured) -> str:
    rows = [
        [one.wire, _set(one.set), one.size, share(one.found) if one.found.tries else "0 boxes: not shown",
         share(one.right), "-" if math.isnan(one.precision) else f"{one.precision:.3f}"]
        for one in figures.sizes(given.eyes, given.looked, SHIPPED)
    ]  # fmt: skip
    head = ["class", "set", "size", "found", "right", "AP"]
    told = _table(head, rows) if rows else "No set has boxes: not shown.\n"
    return f"### By size of the box\n\n{_SIZES}\n\n{told}"


def _events(given: Measured) -> str:
    rows = [
        [one.wire, one.pictures, _or_none(one.found), _or_none(one.false), share(one.right), _ap(one)]
        for one in figures.events(given.eyes, given.looked, SHIPPED)
    ]
    told = (
        _table(["class", "", "found", "false", "right", "AP"], rows) if rows else "0 sequences are named: not shown.\n"
    )
    return f"### By event\n\n{_EVENTS}\n\n{told}"


def _gate(given: Measured) -> str:
    head = ["### What quantizing costs", ""]
    if not given.lost:
        return "\n".join([*head, _NOT_MEASURED, ""])
    return "\n".join([*head, _GATE, "", gate_table(given.evidence), f"{fill(_mistaken(given), 120)}\n"])


def _mistaken(given: Measured) -> str:
    """What the float networks were right by, where only they noticed that something is there."""
    eyes = given.eyes
    there = [one for one in given.looked if one.picture.anything == 1]
    floats, shipped = (
        [figures.reached(eyes, one, figures.ANYTHING, name) for one in there] for name in (FLOAT, SHIPPED)
    )
    only = [one for one, then, now in zip(there, floats, shipped, strict=True) if then and not now]
    wrong = [
        one for one in only
        if all(one.picture.truth(wire) == 0 for wire in eyes.wires if figures.reached(eyes, one, wire, FLOAT))
    ]  # fmt: skip
    gained = sum(now and not then for then, now in zip(floats, shipped, strict=True))
    return _MISTAKEN.format(lost=len(only), wrong=len(wrong), gained=gained)
