"""What an export says of who named an event: a machine and its standing, or people who looked at it.

Nobody's own name leaves: a reviewer is `reviewer BCDF`, always the same at this hub, so that agreement can be counted.
How people closed an alert says whether its activity went on, not whether each label under it is right: a true alarm may
rest on a false sound. So it stands in a column and a tag of its own and never makes a label a person's.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from otorongo.hub import review, shown, store_media, store_reviews, users
from otorongo.hub.review import Settled
from otorongo.hub.shown import Shown
from otorongo.hub.store import Found, Tx
from otorongo.wire import species

KEY: Final = "pseudonym_key"
"""The hub's small fact from which pseudonyms are made."""


def told(tx: Tx, rows: Sequence[Found]) -> list[dict[str, Any]]:
    """What is added to each event of an export: `shown`, `people` (Settled), `reviewers`, `named`, `closed_alert`.

    `named` are the numbers of all animals that anybody has said it was, whatever is settled.
    """
    keys = [(row["station"], row["outbox"], row["event"]) for row in rows]
    said, closed = store_reviews.of_events(tx, keys), store_reviews.closings(tx, keys)
    key = (store_media.mark(tx, KEY) or "").encode()
    out = []
    for row, of in zip(rows, keys, strict=True):
        answers = [review.answer_of(one) for one in said.get(of, ())]
        frame = shown.of(tx, row)
        people = review.settled(row, answers, frame.counted(row["species"]) if frame else ())
        names = [f"reviewer {users.pseudonym(key, name)}" for name in people.who]
        named = frozenset(number for one in answers for number, _ in one.said)
        people_said = {"people": people, "reviewers": names, "named": named}
        out.append({"shown": frame, **people_said, "closed_alert": closed.get(of, "")})
    return out


def standing(row: Found) -> str:
    """Of a machine's name: `validated` on animals of the region, or `unvalidated`; empty: it has no name."""
    frame: Shown | None = row.get("shown")
    if not row["scientific"]:
        return ""
    return "validated" if frame and frame.validated else "unvalidated"


def name_p(row: Found) -> float | None:
    """Probability of the event's own name; None: it has none, or its station did not tell.

    A sound's name comes from the network that heard it, and so its peak is the name's; a picture's does not.
    """
    frame: Shown | None = row.get("shown")
    if not row["scientific"]:
        return None
    if frame and frame.bundle:
        return frame.p_of(row["species"])
    return float(row["peak"]) / 100 if row["sense"] == "sound" else None


def columns(row: Found) -> dict[str, Any]:
    """The columns of a table that say who named an event, and what people said of it."""
    frame: Shown | None = row.get("shown")
    people: Settled = row["people"]
    p = name_p(row)
    named = bool(row["scientific"])
    several = frame.several(row["species"]) if frame else ()
    return {
        "name_by": (frame.bundle if frame and frame.bundle else row["model"]) if named else "",
        "name_source": frame.source if named and frame else "",
        "name_probability": "" if p is None else round(p, 3),
        "name_standing": standing(row),
        "kinds": as_kinds((one.species, one.most) for one in several),
        "kinds_probability": "; ".join(str(round(one.p, 3)) if one.species else "?" for one in several),
        "review": people.standing,
        "reviewed_as": as_text(people) if people.standing == "agreed" else "",
        "reviewed_by": ", ".join(row["reviewers"]),
        "alert_closed": row["closed_alert"],
    }


def as_text(people: Settled) -> str:
    """What people settled on: `right`, `nothing`, `person`, or the animals with their number."""
    if people.verdict == "other":
        return as_kinds(people.said)
    return people.verdict or ""


def as_kinds(kinds: Iterable[tuple[int, int]]) -> str:
    """Animals with their number; `?` is one of no name."""
    return "; ".join(f"{species.name_of(number) or '?'} {count}" for number, count in kinds)
