"""The card of a bundle of names that somebody made: what it was learnt from, and what it reaches. Pure."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

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


class Say(Protocol):
    """Puts values into a text, in some language: `otorongo.language.say`, or `english`."""

    def __call__(self, text: str, /, **values: object) -> str:
        """The text."""


def english(text: str, /, **values: object) -> str:
    """As it stands in the code."""
    return text.format(**values) if values else text


def card(reference: str, base: str, judged: Judged, say: Say = english) -> str:
    """The whole text: in English, as it lies in the bundle and travels with it, or as whoever makes it reads it."""
    heads = (
        say("class"),
        say("crops"),
        say("places"),
        say("right"),
        say("group"),
        say("wrong"),
        say("no name"),
        say("false"),
        say("recall"),
        say("precision"),
        say("taken for"),
    )
    lines = [
        f"# {reference}",
        "",
        *_wrapped(
            say(
                "Names of animals, learnt from {crops} crops of {places} places by `otorongo-models train-species` on "
                "the frozen network of {base}.",
                crops=judged.crops,
                places=judged.places,
                base=base,
            )
        ),
        "",
        "## " + say("What it reaches"),
        "",
        *_wrapped(
            say(
                "Each place was held out once: its crops were judged by a head that was fitted, chosen and calibrated "
                "on other places (five parts, seed {seed}). A name is told as a station would tell it: over {likely} "
                "of a sure box, else the group that the scores bear. *Group*: the animal is in it. *False*: crops of "
                "other classes told to be of this one. In brackets: 95 % by drawing places again; **not shown** below "
                "{least} places.",
                seed=judged.seed,
                likely=LIMITS.likely,
                least=LEAST_PLACES,
            )
        ),
        "",
        f"| {' | '.join(heads)} |",
        "|" + "---|" * len(heads),
        *(_row(one, say, known=judged.places_known) for one in judged.figures),
        "",
        *_wrapped(_gate(judged.gate, say)),
        "",
        "## " + say("What to know of it"),
        "",
    ]
    known = []
    if not judged.places_known:
        known.append(
            say("**Places are not known**: crops of one place were on both sides, and the figures are optimistic.")
        )
    if not judged.reviewed:
        known.append(say("Some labels were given by a machine: the figures say how alike it is to that machine."))
    known += [
        say("The figures are of heads fitted to four fifths of the places; the head in here was fitted to all."),
        say(
            "L2 {penalty:g}, temperature {temperature:g}: chosen on places held out within the others.",
            penalty=judged.penalty,
            temperature=judged.temperature,
        ),
        say(
            "What it never saw it takes for something that it knows, or gives no name. Crops of a place with other "
            "light, other cameras or other animals can be worse than these."
        ),
        say("It only names animals: what it says of people and vehicles adds to the detector's evidence."),
    ]
    left = [(str(count), why) for why, count in sorted(judged.left.items(), key=str)]
    for what, why in (*judged.dropped, *left):
        known.append(say("Left out, {what}: {why}.", what=what, why=say(why.text, **dict(why.values))))
    known += [say("{count} pictures could not be read.", count=judged.broken)] if judged.broken else []
    return "\n".join([*lines, *(line for one in known for line in _wrapped(f"- {one}", "  ")), ""])


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, 110, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _row(one: Figure, say: Say, *, known: bool) -> str:
    recall = _share(one.right, one.crops, one.recall, say, shown=one.shown and known)
    precision = _share(one.right, one.right + one.false, one.precision, say, shown=one.shown and known)
    taken = ", ".join(f"{name} {count}" for name, count in one.taken_for)
    counts = (one.crops, one.places, one.right, one.group, one.wrong, one.none, one.false)
    return f"| {one.name} | {' | '.join(map(str, counts))} | {recall} | {precision} | {taken} |"


def _share(good: int, of: int, interval: tuple[float, float], say: Say, *, shown: bool) -> str:
    if not of:
        return say("none")
    low, high = interval
    told = say("({low:.2f} to {high:.2f})", low=low, high=high) if shown else say("(not shown)")
    return f"{good / of:.2f} {told}"


def _gate(gate: Gate | None, say: Say) -> str:
    if gate is None:
        return say("Against the float network: **not shown**, it was not given (`--float`).")
    low, high = gate.lost
    return say(
        "Against the float network, whose likeliest name is right in {floating:.3f} (mean over the classes): the "
        "shipped one is in {shipped:.3f}, a loss of {lost:+.3f} (95 % by place {low:+.3f} to {high:+.3f}; allowed "
        "0.010): {result}.",
        floating=gate.floating,
        shipped=gate.shipped,
        lost=gate.floating - gate.shipped,
        low=low,
        high=high,
        result=say("passed") if gate.passed else say("**failed**"),
    )
