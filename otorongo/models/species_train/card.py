"""The card of a bundle of names that somebody made: what it was learnt from, and what it reaches. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from otorongo.language import later
from otorongo.models.rollup import LIMITS
from otorongo.models.species_train.judge import LEAST_PLACES, Figure, Gate
from otorongo.models.species_train.samples import Reason

NO_PLACES: Final = later("places are not known")
FEW_PLACES: Final = later("the figures stand on {count} places (needed: {least})")
BY_MACHINE: Final = later("some labels were given by a machine")
NO_GATE: Final = later("nobody knows what INT8 loses: the float network was not given (--float)")
LOSES: Final = later("INT8 loses {lost} against float (allowed: 0.01)")


class Judged(NamedTuple):
    """What is known of a head."""

    crops: int
    places: int
    places_known: bool
    reviewed: bool
    """A person gave all the labels."""
    figures: Sequence[Figure]
    gate: Gate | None
    """None: the float network was not given."""
    temperature: float
    penalty: float
    seed: int
    left: Mapping[Reason, int]
    """What was left out, and how often."""
    dropped: Sequence[tuple[str, Reason]]
    """Classes that were left out, and why."""
    broken: int
    """Pictures that could not be read."""


def doubts(judged: Judged) -> tuple[Reason, ...]:
    """Why nobody may call it validated; none: its maker may."""
    out = []
    if not judged.places_known:
        out.append(Reason(NO_PLACES))
    elif judged.places < LEAST_PLACES:
        out.append(Reason(FEW_PLACES, (("count", judged.places), ("least", LEAST_PLACES))))
    if not judged.reviewed:
        out.append(Reason(BY_MACHINE))
    if judged.gate is None:
        out.append(Reason(NO_GATE))
    elif not judged.gate.passed:
        out.append(Reason(LOSES, (("lost", round(judged.gate.floating - judged.gate.shipped, 3)),)))
    return tuple(out)


def card(reference: str, base: str, judged: Judged) -> str:
    """The whole text."""
    lines = [
        f"# {reference}",
        "",
        f"Names of animals, learnt from {judged.crops} crops of {judged.places} places by `otorongo-models",
        f"train-species` on the frozen network of {base}.",
        "",
        "## What it reaches",
        "",
        "Each place was held out once: its crops were judged by a head that was fitted, chosen and calibrated on",
        f"other places (five parts, seed {judged.seed}). A name is told as a station would tell it: over",
        f"{LIMITS.likely} of a sure box, else the group that the scores bear. *Group*: the animal is in it.",
        "*False*: crops of other classes told to be of this one. In brackets: 95 % by drawing places again;",
        f"**not shown** below {LEAST_PLACES} places.",
        "",
        "| class | crops | places | right | group | wrong | no name | false | recall | precision | taken for |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *(_row(one, known=judged.places_known) for one in judged.figures),
        "",
        *_gate(judged.gate),
        "",
        "## What to know of it",
        "",
    ]
    if not judged.places_known:
        lines.append(
            "- **Places are not known**: crops of one place were on both sides, and the figures are optimistic."
        )
    if not judged.reviewed:
        lines.append("- Some labels were given by a machine: the figures say how alike it is to that machine.")
    lines += [
        "- The figures are of heads fitted to four fifths of the places; the head in here was fitted to all.",
        f"- L2 {judged.penalty:g}, temperature {judged.temperature:g}: chosen on places held out within the others.",
        "- What it never saw it takes for something that it knows, or gives no name. Crops of a place with other",
        "  light, other cameras or other animals can be worse than these.",
        "- It only names animals: what it says of people and vehicles adds to the detector's evidence.",
    ]
    lines += [f"- Left out, {name}: {why}." for name, why in judged.dropped]
    lines += [f"- Left out, {count}: {why}." for why, count in sorted(judged.left.items(), key=str)]
    lines += [f"- {judged.broken} pictures could not be read."] if judged.broken else []
    return "\n".join([*lines, ""])


def _row(one: Figure, *, known: bool) -> str:
    recall = _share(one.right, one.crops, one.recall, shown=one.shown and known)
    precision = _share(one.right, one.right + one.false, one.precision, shown=one.shown and known)
    taken = ", ".join(f"{name} {count}" for name, count in one.taken_for)
    counts = (one.crops, one.places, one.right, one.group, one.wrong, one.none, one.false)
    return f"| {one.name} | {' | '.join(map(str, counts))} | {recall} | {precision} | {taken} |"


def _share(good: int, of: int, interval: tuple[float, float], *, shown: bool) -> str:
    if not of:
        return "none"
    told = f"({interval[0]:.2f} to {interval[1]:.2f})" if shown else "(not shown)"
    return f"{good / of:.2f} {told}"


def _gate(gate: Gate | None) -> list[str]:
    if gate is None:
        return ["Against the float network: **not shown**, it was not given (`--float`)."]
    low, high = gate.lost
    lost = f"{gate.floating - gate.shipped:+.3f} (95 % by place {low:+.3f} to {high:+.3f}; allowed 0.010)"
    return [
        f"Against the float network, whose likeliest name is right in {gate.floating:.3f} (mean over the classes):",
        f"the shipped one is in {gate.shipped:.3f}, a loss of {lost}: {'passed' if gate.passed else '**failed**'}.",
    ]
