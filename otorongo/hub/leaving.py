"""What may leave the hub: in an export, by the API, and what of no_contact land the pages show to those who log in.

Persons and threats leave only if they are asked for. From `no_contact` places nothing leaves unasked, and in no case
what shows where people live there: not only persons and voices, but every sign of them. Which classes may leave from
there stands below by name, so that a class that is newer than this list stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from otorongo.hub import store_events, store_evidence, store_kinds, store_media, store_reviews
from otorongo.hub.rules import Rules
from otorongo.hub.store import Found, Tx
from otorongo.hub.store_alerts import EventKey
from otorongo.hub.store_events import HUMAN
from otorongo.wire import classes, species
from otorongo.wire.codes import Tag


def _numbers(*names: str) -> frozenset[int]:
    return frozenset(classes.BY_NAME[name].number for name in names)


PERSONS: Final = _numbers("person", "speech")
NATURE: Final = _numbers("rain", "wind", "thunder", "insects", "frogs", "birds", "howler", "animal", "blank", "other")
MACHINES: Final = _numbers("chainsaw", "engine", "engine_steady", "vehicle", "aircraft", "excavator", "generator")
"""Of outsiders: peoples in isolation have none. A boat may be a canoe."""
_SURE: Final = NATURE - _numbers("blank", "other")
"""A picture of nothing may show somebody whom the models did not see."""
TAME: Final = (*HUMAN, *(number for number, taxon in species.taxa().items() if taxon.kind == "domestic"))
"""People, and animals that live with them: a picture's animal may bear their name."""
_NEVER: Final = Tag.DRILL | Tag.OWN_PATROL
_NEAR_MS: Final = 10_000
"""So long before and after somebody was noticed at a station, its pictures and sounds may hold them too."""
_LONGEST_MS: Final = 86_400_000
Positions = Mapping[str, tuple[float, float] | None]
"""Where stations say that they stand: latitude and longitude, degrees."""


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
    exact: bool = False
    """Exact coordinates, also where a sensitive animal is among the events."""


class Land(Struct, frozen=True):
    """What is known of the land of peoples in isolation; `land` makes one."""

    hidden_stations: frozenset[str]
    """In no_contact places."""
    people: Mapping[str, tuple[tuple[int, int], ...]] = {}
    """By station, when somebody was noticed: UTC ms from and to."""
    said: frozenset[EventKey] = frozenset()
    """Events of which somebody who looked says that they show people."""

    tame: frozenset[EventKey] = frozenset()
    """Events of several kinds of animals, one of which lives with people."""

    def nature(self, row: Found) -> bool:
        """Whether an event is of nature or of machines alone, and so no sign of people who live there."""
        return row["cls"] in NATURE | MACHINES and row["species"] not in TAME and _key(row) not in self.tame

    def person(self, row: Found, tags: int) -> bool:
        """Whether an event, or a piece of it with these tags, is of a person."""
        return _is_person(row["cls"], tags) or row["species"] in HUMAN or _key(row) in self.said

    def hides(self, station: str, tags: int) -> bool:
        """Whether a station stands there, by its place or by what its rows say."""
        return bool(tags & Tag.NO_CONTACT) or station in self.hidden_stations

    def keeps(self, row: Found) -> bool:
        """Whether an event from there may be seen outside of a sealed alert by nobody: a person, a voice."""
        return self.hides(row["station"], row["tags"]) and self.person(row, row["tags"])

    def keeps_piece(self, row: Found, piece: Found) -> bool:
        """Whether a picture or sound of an event is from there and may hold people."""
        tags = row["tags"] | piece["tags"]
        if not self.hides(row["station"], tags):
            return False
        sure = row["cls"] in _SURE | MACHINES and self.nature(row)
        return self.person(row, tags) or not sure or self.near(row["station"], piece)

    def near(self, station: str, piece: Found) -> bool:
        """Whether somebody was noticed at the station about when a piece was made."""
        start_ms, end_ms = piece["utc_ms"] - _NEAR_MS, piece["utc_ms"] + piece["duration_ms"] + _NEAR_MS
        return any(start_ms <= last and first <= end_ms for first, last in self.people.get(station, ()))


class Gate(Struct, frozen=True):
    """Judges events and pieces; `gate` makes one."""

    wanted: Wanted
    land: Land
    sealed: frozenset[EventKey]
    """Events of sealed alerts."""

    def event(self, row: Found) -> bool:
        """Whether an event may leave."""
        return self._may(row, row["tags"])

    def piece(self, row: Found, piece: Found) -> bool:
        """Whether a picture or sound of an event may leave: by its own tags too, and by who was near.

        What is sealed leaves by the hands of those who can open it, and by no export.
        """
        tags = row["tags"] | piece["tags"]
        if tags & Tag.SEALED:
            return False
        if not self._may(row, tags):
            return False
        return not self.land.keeps_piece(row, piece) and (
            self.wanted.persons or not self.land.near(row["station"], piece)
        )

    def _may(self, row: Found, tags: int) -> bool:
        wanted, station, cls = self.wanted, row["station"], row["cls"]
        person, threat = self.land.person(row, tags), bool(tags & Tag.THREAT) or classes.is_threat(cls)
        if _key(row) in self.sealed or tags & _NEVER or (wanted.stations and station not in wanted.stations):
            return False
        if self.land.hides(station, tags) and (person or not wanted.no_contact or not self.land.nature(row)):
            return False
        return (wanted.persons or not person) and (wanted.threats or not threat or (person and wanted.persons))


def gate(tx: Tx, rules: Rules, wanted: Wanted, positions: Positions) -> Gate:
    """What is to be known of a period before anything of it leaves."""
    span = wanted.from_ms - _LONGEST_MS, wanted.to_ms + _LONGEST_MS
    said = store_reviews.people_said(tx, *span)
    found = store_events.events_between(tx, *span, quarantined=True)
    known = Land(_hidden(rules, positions), _people(found, said, span[1]), said)
    return Gate(wanted, _with_tame(tx, known, found), frozenset(store_media.sealed_events(tx)))


def near_gate(
    tx: Tx, rules: Rules, positions: Positions, rows: Sequence[Found], *, unsaid: EventKey | None = None
) -> Gate:
    """The same for these events alone, with nothing asked for: what the pages show of them beside no alert.

    `unsaid`: of this event nobody is taken to have said that it shows people.
    """
    people: dict[str, tuple[tuple[int, int], ...]] = {}
    said: set[EventKey] = set()
    for row in rows:
        end_ms = row["start_ms"] if row["end_ms"] is None else row["end_ms"]
        span = row["start_ms"] - _LONGEST_MS, end_ms + _LONGEST_MS
        mine = store_reviews.people_said(tx, *span, station=row["station"]) - {unsaid}
        near = store_events.people_between(tx, row["station"], *span)
        spans = _people(near, mine, 1 << 62).get(row["station"], ())
        people[row["station"]] = people.get(row["station"], ()) + spans
        said |= mine
    return Gate(
        Wanted(0, 1 << 62),
        _with_tame(tx, Land(_hidden(rules, positions), people, frozenset(said)), rows),
        frozenset(store_media.sealed_events(tx)),
    )


def by_api(tx: Tx, rules: Rules, positions: Positions, rows: Sequence[Found]) -> list[Found]:
    """Those of these events that a program may have: of no_contact land no more than any export takes along."""
    there, sealed = land(tx, rules, positions, rows), frozenset(store_media.sealed_events(tx))
    return [
        row
        for row in rows
        if _key(row) not in sealed
        and (not there.hides(row["station"], row["tags"]) or (there.nature(row) and not there.person(row, row["tags"])))
    ]


def land(tx: Tx, rules: Rules, positions: Positions, rows: Iterable[Found]) -> Land:
    """What is to be known before these events and their pieces are shown outside of a sealed alert."""
    hidden = Land(_hidden(rules, positions))
    there: dict[str, list[Found]] = {}
    for row in rows:
        if hidden.hides(row["station"], row["tags"]):
            there.setdefault(row["station"], []).append(row)
    near: list[Found] = []
    said: set[EventKey] = set()
    for station, mine in there.items():
        first, last = min(row["start_ms"] for row in mine), max(row["start_ms"] for row in mine)
        from_ms, to_ms = first - _LONGEST_MS, last + _LONGEST_MS
        near += store_events.events_between(tx, from_ms, to_ms, station=station, quarantined=True)
        said |= store_reviews.people_said(tx, from_ms, to_ms, station=station)
    known = Land(hidden.hidden_stations, _people(near, said, 1 << 62), frozenset(said))
    return _with_tame(tx, known, [row for mine in there.values() for row in mine])


def _with_tame(tx: Tx, known: Land, rows: Iterable[Found]) -> Land:
    there = (_key(row) for row in rows if known.hides(row["station"], row["tags"]))
    return replace(known, tame=store_kinds.holding(tx, there, TAME))


def stations_apart(tx: Tx, rules: Rules) -> frozenset[str]:
    """Stations in land of peoples in isolation, as far as places and positions tell."""
    return _hidden(rules, store_evidence.positions(tx))


def _hidden(rules: Rules, positions: Positions) -> frozenset[str]:
    within = rules.sites(positions).within
    return frozenset(name for name, place in within.items() if rules.places[place].sealed)


def _people(
    rows: Iterable[Found], said: AbstractSet[EventKey], open_until_ms: int
) -> dict[str, tuple[tuple[int, int], ...]]:
    found: dict[str, list[tuple[int, int]]] = {}
    for row in rows:
        if _is_person(row["cls"], row["tags"]) or row["species"] in HUMAN or _key(row) in said:
            end_ms = row["end_ms"] if row["end_ms"] is not None else open_until_ms
            found.setdefault(row["station"], []).append((row["start_ms"], end_ms))
    return {name: tuple(spans) for name, spans in found.items()}


def _is_person(cls: int, tags: int) -> bool:
    return cls in PERSONS or bool(tags & Tag.PERSON)


def _key(row: Found) -> EventKey:
    return row["station"], row["outbox"], row["event"]
