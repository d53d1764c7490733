"""Pure: what people say that an event showed, and what may be told in their name.

A review stands beside what the machine said and never in its place: no alert, no evidence and no row of a station
changes by it. Of an animal one person's word is enough, as in every tool for camera traps; who says otherwise makes it
undecided. What a threat's event showed is unsaid only by two people of different groups: one alone cannot make a
person, a boat or a saw into nothing. One who sees somebody in a picture withdraws it at once; it comes back when they
take that back, or when two others of different groups say otherwise after them.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, get_args

from msgspec import Struct

from otorongo.hub.store import Found
from otorongo.wire import classes, species
from otorongo.wire.codes import Tag

Verdict = Literal["right", "other", "nothing", "person"]
VERDICTS: Final = get_args(Verdict)
MOST_KINDS: Final = 3
"""Kinds of animals that one review can name."""
MOST_COUNT: Final = 255

Counted = tuple[tuple[int, int], ...]
"""Numbers of species, and how many of each."""
Standing = Literal["", "agreed", "waiting", "split"]
"""Nobody has said anything that holds; it holds; a second person of another group must say the same; they disagree."""


class Answer(Struct, frozen=True):
    """What one person said of one event."""

    who: str
    group: str
    at_ms: int
    verdict: Verdict
    cls: int
    """What the event said when they looked ..."""
    species: int
    said: Counted = ()
    """Number of the species and how many: of `other` as they say, of `right` the kinds that the station told them."""


class Settled(Struct, frozen=True):
    """What the answers come to."""

    standing: Standing = ""
    verdict: Verdict | None = None
    said: Counted = ()
    who: tuple[str, ...] = ()
    """Those who say so, in order of time."""
    at_ms: int = 0
    """When the last of them did."""


NOBODY: Final = Settled()
PERSONS: Final = frozenset(classes.BY_NAME[name].number for name in ("person", "speech"))
"""Classes by which a station itself says that somebody is there."""


def answer_of(row: Found) -> Answer:
    """An answer as the store has it; of what is no pair of numbers in `said`, nothing."""
    said = tuple((int(number), int(count)) for number, count in row["said"] or ())
    return Answer(row["who"], row["team"], row["at_ms"], row["verdict"], row["cls"], row["species"], said)


def settled(event: Found, answers: Iterable[Answer], told: Counted = ()) -> Settled:
    """What may be told of an event in people's name, from answers in the order in which they came.

    Of each person the last one counts.

    "It is right" holds for the label that they saw, and ends when the station revises it; `told`: the kinds of animals
    that it tells, if there are several.
    """
    given = tuple(answers)
    last = {one.who: one for one in given}
    if not is_threat(event) and not withdrawn(given):  # who said "person" was set aside by two others
        last = {who: one for who, one in last.items() if one.verdict != "person"}
    label = (event["cls"], event["species"], told)
    holding = [one for one in last.values() if one.verdict != "right" or (one.cls, one.species, one.said) == label]
    if not holding:
        return NOBODY
    holding.sort(key=lambda one: one.at_ms)
    whole = {(one.verdict, tuple(sorted(one.said))) for one in holding}
    first, who, at_ms = holding[0], tuple(one.who for one in holding), holding[-1].at_ms
    said = first.said if first.verdict == "other" else ()
    if len(whole) > 1:
        return Settled("split", who=who, at_ms=at_ms)
    waits = unsays(event, first.verdict) and not _two_groups(holding)
    return Settled("waiting" if waits else "agreed", first.verdict, said, who, at_ms)


def withdrawn(answers: Sequence[Answer]) -> bool:
    """Whether somebody says that the event shows people, from answers in the order in which they came.

    One claim is set aside by the last words of two others of different groups, both after it; of two people who say so
    each takes it back themselves. `store_reviews.SHOWS_PEOPLE` says the same of the database.
    """
    last = {one.who: (place, one) for place, one in enumerate(answers)}
    claims = [place for place, one in last.values() if one.verdict == "person"]
    if len(claims) != 1:
        return bool(claims)
    return not _two_groups([one for place, one in last.values() if place > claims[0] and _denies(one)])


def _denies(answer: Answer) -> bool:
    """Whether an answer says that nobody is there: that the station is right says so only of what is no person."""
    return answer.verdict in ("nothing", "other") or (answer.verdict == "right" and answer.cls not in PERSONS)


def is_threat(event: Found) -> bool:
    """Whether an event is of people or of what they do: a class or a mark of the station's says so."""
    return bool(event["tags"] & (Tag.THREAT | Tag.PERSON)) or classes.is_threat(event["cls"])


def unsays(event: Found, verdict: str | None) -> bool:
    """Whether a verdict makes a threat into something else."""
    person = classes.BY_NAME["person"].number
    same = verdict == "right" or (verdict == "person" and event["cls"] == person)
    return is_threat(event) and not same


def kinds(given: Sequence[tuple[str, str]]) -> tuple[tuple[int, int], ...] | None:
    """Species and counts from the fields of a form, without the empty ones; None if one of them is none."""
    found: dict[int, int] = {}
    named = [(name, many or "1") for name, many in given if name]
    for name, many in named:
        taxon = species.taxon(int(name)) if name.isdecimal() and len(name) <= 5 else None
        if taxon is None or taxon.kind == "human" or not (many.isdecimal() and len(many) <= 3):
            return None
        found[taxon.number] = found.get(taxon.number, 0) + int(many)
    fine = len(named) <= MOST_KINDS and all(1 <= count <= MOST_COUNT for count in found.values())
    return tuple(found.items()) if found and fine else None


def values(event: Found, answer: Answer) -> dict[str, Any]:
    """The columns of an answer, as the store takes them."""
    key = {name: event[name] for name in ("station", "outbox", "event", "seq")}
    told = {
        "cls": answer.cls,
        "species": answer.species,
        "verdict": answer.verdict,
        "said": [list(one) for one in answer.said],
    }
    return {**key, **told, "who": answer.who, "team": answer.group, "at_ms": answer.at_ms}


def mark(event: Found, told: Counted = ()) -> str:
    """What a form was filled in about: a revision of the event, and the kinds of animals that it told."""
    return ".".join((str(event["seq"]), *(f"{number}x{count}" for number, count in told)))


def _two_groups(answers: Sequence[Answer]) -> bool:
    return len({one.group for one in answers if one.group}) > 1
