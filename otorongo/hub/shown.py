"""What the best frame of a visit showed, and what named its animal: the event's `Seen` row, in words.

Of an animal's frame only the animal is told: whoever stands beside it has an event of their own, which is kept or shown
under the rules for people.
"""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from otorongo.hub import store_records, store_stations
from otorongo.hub.store import Found, Tx
from otorongo.wire import rows, seen, species
from otorongo.wire.classes import BY_NAME
from otorongo.wire.codes import NameSource
from otorongo.wire.errors import WireError
from otorongo.wire.rows import Seen
from otorongo.wire.species import Taxon

WITHIN: Final = 32
"""The row is put with the closing of its event, and so stands among the next rows."""
ANIMAL: Final = BY_NAME["animal"].number
_TELLING: Final = ("genus", "family")
"""Groups small enough to tell that a sensitive animal may be meant."""


class Shown(Struct, frozen=True):
    """The best frame of one event."""

    boxes: tuple[seen.Box, ...]
    """Of the event's own class, in shares of the whole frame."""
    names: tuple[seen.Name, ...] = ()
    """What the network of names said, the likeliest first, before any rule."""
    source: str = ""
    """What gave the event its name: `classifier`, `rollup`, `geofence`, `detector`; empty: nothing did."""
    bundle: str = ""
    """`names@1`: what said the names."""
    kinds: tuple[seen.Kind, ...] = ()
    """If the visit showed several kinds of animals: each once, with how many were named at once."""
    validated: bool = False
    """Whether somebody has measured that bundle on animals of the region."""

    @property
    def box(self) -> seen.Box | None:
        """The surest."""
        return max(self.boxes, key=lambda box: box.p, default=None)

    def several(self, number: int) -> tuple[seen.Kind, ...]:
        """The kinds of a visit whose event has this name, its own first; empty: it showed one, or they are not its."""
        return self.kinds if len(self.kinds) > 1 and self.kinds[0].species == number else ()

    def counted(self, number: int) -> tuple[tuple[int, int], ...]:
        """The same as numbers of species with how many of each."""
        return tuple((one.species, one.most) for one in self.several(number))

    def p_of(self, number: int) -> float | None:
        """Probability of a name: all that was said of it and of what is under it; None: it cannot be told."""
        taxon = species.taxon(number)
        if taxon is None:
            return None
        for one in self.several(number)[:1]:
            return one.p
        under = [one.p for one in self.names if within(species.taxon(one.species), taxon)]
        return min(1.0, sum(under)) if under else None


def of(tx: Tx, event: Found) -> Shown | None:
    """What the best frame of a closed event showed; None: its station told nothing of it."""
    if event["end_ms"] is None:
        return None
    key = event["station"], event["outbox"]
    for one in store_records.rows_between(tx, key, rows.Seen, event["seq"], event["seq"] + WITHIN):
        row = _parsed(bytes(one["row"]))
        if row and one["seq"] - row.back == event["event"]:
            return _told(row, event["cls"], store_stations.sensor_of(tx, event).bundles)
    return None


def sensitive(number: int) -> bool:
    """Whether a name tells of an animal that is hunted for trade or easily disturbed, or may well mean one."""
    taxon = species.taxon(number)
    if taxon is None:
        return False
    if taxon.sensitive or taxon.rank not in _TELLING:
        return taxon.sensitive
    return any(one.sensitive and within(one, taxon) for one in species.taxa().values())


def source_of(number: int) -> str:
    """A rule that names animals, in a word; empty: none, or one that is newer than this hub."""
    return next((one.name.lower() for one in NameSource if one == number and one != NameSource.NONE), "")


def _parsed(raw: bytes) -> Seen | None:
    try:
        row = rows.parse(raw)
    except WireError:
        return None
    return row if isinstance(row, Seen) else None


def _told(row: Seen, cls: int, bundles: Sequence[Any]) -> Shown:
    names = tuple(one for one in seen.unpack_names(row.names) if not _human(one.species))
    bundle = bundles[row.bundle] if names and row.bundle < len(bundles) else None
    return Shown(
        boxes=tuple(box for box in seen.unpack_boxes(row.boxes) if box.cls == cls),
        names=names,
        source=source_of(row.source),
        kinds=kinds_of(row) if cls == ANIMAL else (),
        bundle=f"{store_stations.clean(bundle['name'])}@{bundle['version']}" if bundle else "",
        validated=bool(bundle and bundle.get("validated")),
    )


def kinds_of(row: Seen) -> tuple[seen.Kind, ...]:
    """The kinds of animals that a row tells, each name once, with one animal at least; nobody human."""
    found: dict[int, seen.Kind] = {}
    for one in seen.unpack_kinds(row.kinds):
        if not _human(one.species):
            found.setdefault(one.species, one._replace(most=max(1, one.most)))
    return tuple(found.values())


def _human(number: int) -> bool:
    taxon = species.taxon(number)
    return taxon is not None and taxon.kind == "human"


def within(one: Taxon | None, group: Taxon) -> bool:
    """Whether a taxon is a group's, or the group itself."""
    if one is None:
        return False
    depth = species.RANKS.index(group.rank) + 1
    return one.lineage[:depth] == group.lineage[:depth]
