"""What a visit showed: its best frame, and the names that the looks at its animals bear together. Pure."""

from collections.abc import Sequence
from typing import Final

from otorongo.models import rollup
from otorongo.models.rollup import Candidate, Decision
from otorongo.station.kinds import Sight, groups
from otorongo.station.samples import Event, Named
from otorongo.wire import rows, seen, species
from otorongo.wire.codes import NameSource

NAMES: Final = 5
HUMAN: Final = "homo sapiens"


def named(sights: Sequence[Sight]) -> Named:
    """The name that the looks of a visit bear together, or the names of several kinds; none without looks."""
    found = groups(sights)
    if not found:
        return Named()
    kinds: dict[int, seen.Kind] = {}
    for group in found:
        told = rollup.decide(group.pooled)
        kind = seen.Kind(told.number, told.p, source_of(told), group.count)
        kinds.setdefault(told.number, kind)  # of one name in the end, the one with most looks
    first = next(iter(kinds.values()))
    raw = sorted(found[0].pooled.candidates, key=lambda one: -one.p)[:NAMES]
    several = tuple(kinds.values()) if len(kinds) > 1 else ()
    return Named(first.species, first.source, tuple(_name(one) for one in raw), first.p, several)


def source_of(decision: Decision) -> NameSource:
    """What gave the name, as the wire has it."""
    if not decision.number:
        return NameSource.DETECTOR if decision.name == "animal" else NameSource.NONE
    if "geofence" in decision.source:
        return NameSource.GEOFENCE
    return NameSource.ROLLUP if "rollup" in decision.source else NameSource.CLASSIFIER


def seen_row(event: Event, sensor: int, bundle: int) -> rows.Seen | None:
    """What the best frame of an event showed, as a row whose `back` the outbox fills in; None: nothing is known of it.

    `bundle` is the place in the birth's list of the bundle that says the names.
    """
    if not event.boxes and not event.named.names:
        return None
    boxes = [seen.Box(box.wire_class, box.p, box.x, box.y, box.w, box.h) for box in event.boxes]
    boxes.sort(key=lambda box: (box.cls != event.cls, -box.p))  # if there are too many, its own are told
    return rows.Seen(
        t_ms=event.seen_ms,
        sensor=sensor,
        back=0,
        boxes=seen.pack_boxes(boxes),
        names=seen.pack_names(event.named.names),
        source=event.named.source,
        bundle=bundle if event.named.names else 0,
        kinds=seen.pack_kinds(event.named.kinds),
    )


def _name(one: Candidate) -> seen.Name:
    if one.label.special == "human":
        return seen.Name(species.numbers().get(HUMAN, 0), one.p)
    if one.label.special:
        return seen.Name(0, one.p)
    numbers = species.numbers()
    known = (numbers.get(part.lower(), 0) for part in reversed(one.label.lineage) if part)
    return seen.Name(next(filter(None, known), 0), one.p)  # a leopard has no number here: its genus has
