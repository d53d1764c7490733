"""Events as somebody may see them outside alerts, newest first, in pages that a cursor leads through.

Who may see which is decided in the database, so that a page is full whatever it leaves out, and no cursor and no count
tells of what is hidden. The rules are those of `leaving` and of the alerts:

- of land of peoples in isolation only nature and machines, as by the API; nothing of a sealed alert;
- who sees everywhere sees the rest, as by the API;
- everybody else sees their own places: nature as an export has it, and people and threats only where an alert that they
  see covers them.
"""

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, and_, literal_column, or_, select, tuple_, union_all

from otorongo.hub.db import alert_events, alerts, events
from otorongo.hub.leaving import MACHINES, NATURE, TAME
from otorongo.hub.store import Found, Tx, found, listed
from otorongo.hub.store_alerts import EventKey
from otorongo.hub.store_events import ANIMAL, HUMAN, PERSONS
from otorongo.hub.store_kinds import hold
from otorongo.hub.store_reviews import SAID_PEOPLE, SHOWS_PEOPLE, answered
from otorongo.hub.store_web import Sight, visible_to
from otorongo.wire.classes import CLASSES
from otorongo.wire.codes import Kind, Tag

CURSOR: Final = r"[0-9]{1,15}\.[A-Za-z0-9_-]{1,32}\.[0-9]{1,10}\.[0-9]{1,19}"
_KEY: Final = (events.c.station, events.c.outbox, events.c.event)
_HARMLESS: Final = tuple(line.number for line in CLASSES if not line.threat)
_OF_SOUND: Final = tuple(line.number for line in CLASSES if line.sense == "sound")
_OF_PICTURE: Final = tuple(line.number for line in CLASSES if line.sense == "picture")
_CHUNK: Final = 200
Cursor = tuple[int, str, int, int]
"""Start of the last event seen, and its key."""


class Eyes(NamedTuple):
    """Which events somebody may see."""

    sight: Sight
    """Which alerts."""
    everywhere: bool
    stations: tuple[str, ...]
    """Those of their places; of no meaning to who sees everywhere."""
    apart: tuple[str, ...]
    """Those in land of peoples in isolation."""
    who: str = ""
    """Under this name they say what events showed; what they themselves said to show people they see still."""


class Asked(NamedTuple):
    """Which of them they want to see."""

    from_ms: int
    to_ms: int
    stations: tuple[str, ...] | None = None
    """None: all."""
    classes: tuple[int, ...] = ()
    species: tuple[int, ...] = ()
    sense: str = ""
    """`sound`, `picture`, or either."""


def cursor_of(row: Found) -> str:
    """Where the page after an event begins."""
    return f"{row['start_ms']}.{row['station']}.{row['outbox']}.{row['event']}"


def cursor(text: str) -> Cursor | None:
    """A cursor; None if it is none."""
    if not re.fullmatch(CURSOR, text):
        return None
    start_ms, station, outbox, event = text.split(".")
    told = int(start_ms), station, int(outbox), int(event)
    return told if told[2] < 1 << 32 and told[3] < 1 << 63 else None


def newest(tx: Tx, eyes: Eyes, asked: Asked, *, limit: int, before: Cursor | None = None) -> list[Found]:
    """Events that somebody may see and wants to, newest beginning first; `before` is the last one seen."""
    where = [*_may(eyes), events.c.start_ms >= asked.from_ms, events.c.start_ms < asked.to_ms, *_wanted(asked)]
    if before is not None:
        start_ms, key = before[0], before[1:]
        where.append(events.c.start_ms <= start_ms)
        where.append(or_(events.c.start_ms < start_ms, tuple_(*_KEY) > tuple_(*key)))
    ways = [select(events).where(*where, *way).order_by(*_newest(events.c)).limit(limit) for way in _ways(asked)]
    if len(ways) == 1:
        return listed(tx, ways[0])
    both = union_all(*(select(way.subquery()) for way in ways)).subquery()
    return listed(tx, select(both).order_by(*_newest(both.c)).limit(limit))


def one(tx: Tx, eyes: Eyes, key: EventKey) -> Found | None:
    """An event, if somebody may see it."""
    return found(
        tx, select(events).where(*_may(eyes), *(column == value for column, value in zip(_KEY, key, strict=True)))
    )


def beside(tx: Tx, eyes: Eyes, row: Found, *, within_ms: int, limit: int = 20) -> list[Found]:
    """Other events of the same sensor that lasted while this one did: what else was in the frame or in the sound."""
    end_ms = row["end_ms"] if row["end_ms"] is not None else row["start_ms"] + row["duration_ms"]
    where = (
        *_may(eyes),
        events.c.station == row["station"],
        events.c.sensor == row["sensor"],
        events.c.start_ms >= row["start_ms"] - 86_400_000,
        events.c.start_ms <= end_ms + within_ms,
        or_(events.c.end_ms.is_(None), events.c.end_ms >= row["start_ms"] - within_ms),
        tuple_(*_KEY) != tuple_(row["station"], row["outbox"], row["event"]),
    )
    return listed(tx, select(events).where(*where).order_by(events.c.start_ms, *_KEY).limit(limit))


def alerts_over(tx: Tx, sight: Sight, keys: Iterable[EventKey]) -> dict[EventKey, list[Found]]:
    """The alerts that somebody may see over these events, by event, newest first: with id, place and state."""
    out: dict[EventKey, list[Found]] = {}
    of = (alert_events.c.station, alert_events.c.outbox, alert_events.c.event)
    told = (alerts.c.id, alerts.c.place, alerts.c.activity, alerts.c.state, alerts.c.resolution, alerts.c.sealed)
    chosen = sorted(set(keys))
    for at in range(0, len(chosen), _CHUNK):
        joined = alert_events.join(alerts, alerts.c.id == alert_events.c.alert)
        where = (tuple_(*of).in_(chosen[at : at + _CHUNK]), visible_to(sight), alerts.c.resolution != "merged")
        order = (alerts.c.opened_ms.desc(), alerts.c.id)
        for row in listed(tx, select(*of, *told).select_from(joined).where(*where).order_by(*order)):
            out.setdefault((row["station"], row["outbox"], row["event"]), []).append(row)
    return out


def _newest(columns: Any) -> tuple[Any, ...]:
    return columns.start_ms.desc(), columns.station, columns.outbox, columns.event


def _may(eyes: Eyes) -> list[ColumnElement[bool]]:
    apart = or_(events.c.station.in_(eyes.apart), _tagged(Tag.NO_CONTACT))
    marked = or_(events.c.cls.in_(PERSONS), events.c.species.in_(HUMAN), _tagged(Tag.PERSON))
    tame = or_(events.c.species.in_(TAME), hold(TAME))
    open_there = and_(events.c.cls.in_(sorted(NATURE | MACHINES)), ~tame, ~marked, ~SAID_PEOPLE)
    where = [events.c.quarantined.is_(False), ~_covered(alerts.c.sealed.is_(True)), or_(~apart, open_there)]
    if not eyes.everywhere:
        marks = Tag.THREAT | Tag.DRILL | Tag.OWN_PATROL
        people = and_(SHOWS_PEOPLE, ~answered(eyes.who))
        nature = and_(events.c.cls.in_(_HARMLESS), ~marked, ~people, ~_tagged(marks))
        where += [events.c.station.in_(eyes.stations), or_(nature, _covered(visible_to(eyes.sight)))]
    return where


def _wanted(asked: Asked) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if asked.stations is not None:
        where.append(events.c.station.in_(asked.stations))
    if asked.classes:
        where.append(events.c.cls.in_(asked.classes))
    if asked.sense:
        # Some classes are heard and seen. Only a microphone measures a level, and tells it once the event has grown.
        level = or_(events.c.level_db != 0, events.c.floor_db != 0)
        mine, other = (_OF_SOUND, _OF_PICTURE) if asked.sense == "sound" else (_OF_PICTURE, _OF_SOUND)
        fits = or_(level if asked.sense == "sound" else ~level, events.c.kind == Kind.OPEN)
        where.append(or_(events.c.cls.in_(mine), and_(events.c.cls.not_in(other), fits)))
    return where


def _ways(asked: Asked) -> list[list[ColumnElement[bool]]]:
    """By its own name, and as one of several kinds: apart, because no database finds both by their indexes at once."""
    if not asked.species:
        return [[]]
    named = events.c.species > literal_column("0")  # in these words the index of named events is found
    others = [events.c.species.not_in(asked.species), events.c.cls == ANIMAL, hold(asked.species)]
    return [[events.c.species.in_(asked.species), named], others]


def _tagged(tags: int) -> ColumnElement[bool]:
    return events.c.tags.op("&")(int(tags)) != 0


def _covered(of: Any) -> ColumnElement[bool]:
    """Whether an alert of this kind covers the event."""
    same = [alert_events.c[column.name] == column for column in _KEY]
    joined = alert_events.join(alerts, alerts.c.id == alert_events.c.alert)
    return select(alert_events.c.event).select_from(joined).where(*same, of).correlate(events).exists()
