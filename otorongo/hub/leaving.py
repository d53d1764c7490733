"""What may leave the hub in an export: which events, and which of their pictures and sounds.

Persons and threats leave only if they are asked for. From `no_contact` places nothing leaves unasked, and in no case
what shows where people live there: not only persons and voices, but every sign of them. Which classes may leave from
there stands below by name, so that a class that is newer than this list stays.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from otorongo.hub import store_events, store_media
from otorongo.hub.rules import Rules
from otorongo.hub.store import Found, Tx
from otorongo.hub.store_alerts import EventKey
from otorongo.wire import classes
from otorongo.wire.codes import Tag


def _numbers(*names: str) -> frozenset[int]:
    return frozenset(classes.BY_NAME[name].number for name in names)


PERSONS: Final = _numbers("person", "speech")
NATURE: Final = _numbers("rain", "wind", "thunder", "insects", "frogs", "birds", "howler", "animal", "blank", "other")
MACHINES: Final = _numbers("chainsaw", "engine", "engine_steady", "vehicle", "aircraft", "excavator", "generator")
"""Of outsiders: peoples in isolation have none. A boat may be a canoe."""
_SURE: Final = NATURE - _numbers("blank", "other")
"""A picture of nothing may show somebody whom the models did not see."""
_NEVER: Final = Tag.DRILL | Tag.OWN_PATROL
_NEAR_MS: Final = 10_000
"""So long before and after somebody was noticed at a station, its pictures and sounds may hold them too."""
_LONGEST_MS: Final = 86_400_000


class Wanted(Struct, frozen=True):
    """What to export."""

    from_ms: int
    """UTC, first moment."""
    to_ms: int
    """UTC, first moment after."""
    stations: tuple[str, ...] = ()
    """Empty: all."""
    persons: bool = False
    threats: bool = False
    no_contact: bool = False
    """Nature at stations in no_contact places, and machines with `threats`; persons and signs of them never."""


class Gate(Struct, frozen=True):
    """Judges events and pieces; `gate` makes one."""

    wanted: Wanted
    hidden_stations: frozenset[str]
    """In no_contact places."""
    sealed: frozenset[EventKey]
    """Events of sealed alerts."""
    people: Mapping[str, tuple[tuple[int, int], ...]]
    """By station, when somebody was noticed: UTC ms from and to."""

    def event(self, row: Found) -> bool:
        """Whether an event may leave."""
        return self._may(row["station"], row["cls"], row["tags"], sealed=_key(row) in self.sealed)

    def piece(self, row: Found, piece: Found) -> bool:
        """Whether a picture or sound of an event may leave: by its own tags too, and by who was near."""
        station, wanted = row["station"], self.wanted
        tags = row["tags"] | piece["tags"]
        if not self._may(station, row["cls"], tags, sealed=_key(row) in self.sealed):
            return False
        hidden = self._hidden(station, tags)
        if hidden and row["cls"] not in _SURE | MACHINES:
            return False
        start_ms, end_ms = piece["utc_ms"] - _NEAR_MS, piece["utc_ms"] + piece["duration_ms"] + _NEAR_MS
        near = any(start_ms <= last and first <= end_ms for first, last in self.people.get(station, ()))
        return not near or (wanted.persons and not hidden)

    def _may(self, station: str, cls: int, tags: int, *, sealed: bool) -> bool:
        wanted = self.wanted
        person = bool(tags & Tag.PERSON) or cls in PERSONS
        threat = bool(tags & Tag.THREAT) or classes.is_threat(cls)
        if sealed or tags & _NEVER or (wanted.stations and station not in wanted.stations):
            return False
        if self._hidden(station, tags) and (person or not wanted.no_contact or cls not in NATURE | MACHINES):
            return False
        return (wanted.persons or not person) and (wanted.threats or not threat or (person and wanted.persons))

    def _hidden(self, station: str, tags: int) -> bool:
        return bool(tags & Tag.NO_CONTACT) or station in self.hidden_stations


def gate(tx: Tx, rules: Rules, wanted: Wanted, positions: Mapping[str, tuple[float, float] | None]) -> Gate:
    """What is to be known of a period before anything of it leaves."""
    within = rules.sites(positions).within
    hidden = frozenset(name for name, place in within.items() if rules.places[place].sealed)
    people: dict[str, list[tuple[int, int]]] = {}
    near = store_events.events_between(tx, wanted.from_ms - _LONGEST_MS, wanted.to_ms + _LONGEST_MS, quarantined=True)
    for row in near:
        if row["cls"] in PERSONS or row["tags"] & Tag.PERSON:
            end_ms = row["end_ms"] if row["end_ms"] is not None else wanted.to_ms + _LONGEST_MS
            people.setdefault(row["station"], []).append((row["start_ms"], end_ms))
    sealed = frozenset(store_media.sealed_events(tx))
    return Gate(wanted, hidden, sealed, {name: tuple(spans) for name, spans in people.items()})


def _key(row: Found) -> EventKey:
    return row["station"], row["outbox"], row["event"]
