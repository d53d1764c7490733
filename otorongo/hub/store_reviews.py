"""Statements on what people said of events, and on how the alerts were closed that cover them."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_, select, tuple_

from otorongo.hub.db import alert_events, alerts, events, reviews
from otorongo.hub.review import PERSONS
from otorongo.hub.store import Found, Tx, Values, listed
from otorongo.hub.store_alerts import EventKey

BY_PEOPLE: Final = ("confirmed", "false", "by_right")
"""Resolutions that people gave, where two were needed both of them."""
MOST: Final = 200
"""Answers of one event that are read, the newest."""
_CHUNK: Final = 200
_KEY: Final = (reviews.c.station, reviews.c.outbox, reviews.c.event)


def add(tx: Tx, row: Values) -> None:
    """Append an answer."""
    tx.execute(reviews.insert().values(**row))


def of_event(tx: Tx, key: EventKey) -> list[Found]:
    """What was said of an event, oldest first, at most the newest `MOST`."""
    station, outbox, event = key
    where = (reviews.c.station == station, reviews.c.outbox == outbox, reviews.c.event == event)
    rows = listed(tx, select(reviews).where(*where).order_by(reviews.c.id.desc()).limit(MOST))
    return rows[::-1]


def of_events(tx: Tx, keys: Iterable[EventKey]) -> dict[EventKey, list[Found]]:
    """The same of several; without those of which nobody said anything."""
    out: dict[EventKey, list[Found]] = {}
    for part in _parts(sorted(set(keys))):
        for row in listed(tx, select(reviews).where(tuple_(*_KEY).in_(part)).order_by(reviews.c.id)):
            out.setdefault((row["station"], row["outbox"], row["event"]), []).append(row)
    return out


_SAME: Final = and_(
    events.c.station == reviews.c.station, events.c.outbox == reviews.c.outbox, events.c.event == reviews.c.event
)


def _of_same(row: Any, other: Any) -> ColumnElement[bool]:
    return and_(*(other.c[name] == row.c[name] for name in ("station", "outbox", "event")))


def _last(row: Any) -> ColumnElement[bool]:
    """Of an answer: they have said nothing else of the event since."""
    later = reviews.alias()
    return ~select(later.c.id).where(_of_same(row, later), later.c.who == row.c.who, later.c.id > row.c.id).exists()


def _denies(row: Any) -> ColumnElement[bool]:
    right = and_(row.c.verdict == "right", row.c.cls.not_in(sorted(PERSONS)))
    return and_(or_(row.c.verdict.in_(("nothing", "other")), right), row.c.team != "", _last(row))


def _set_aside() -> ColumnElement[bool]:
    """Of a claim: nobody else makes it, and two of different groups have said otherwise since (`review.withdrawn`)."""
    other, one, two = reviews.alias(), reviews.alias(), reviews.alias()
    same = (_of_same(reviews, other), other.c.who != reviews.c.who, other.c.verdict == "person", _last(other))
    after = (
        *(_of_same(reviews, row) for row in (one, two)),
        *(row.c.id > reviews.c.id for row in (one, two)),
        *(_denies(row) for row in (one, two)),
        one.c.team < two.c.team,
    )
    return and_(~select(other.c.id).where(*same).exists(), select(one.c.id).where(*after).exists())


_CLAIM: Final = and_(reviews.c.verdict == "person", _last(reviews))
_PEOPLE: Final = and_(_CLAIM, ~_set_aside())
SHOWS_PEOPLE: Final = select(reviews.c.id).where(_SAME, _PEOPLE).correlate(events).exists()
"""Of an event: somebody says that it shows people, and neither they nor two others have taken it back. One is enough:
it is for their sake."""
SAID_PEOPLE: Final = select(reviews.c.id).where(_SAME, _CLAIM).correlate(events).exists()
"""The same, whatever others say: where peoples in isolation live nobody sets it aside."""


def answered(who: str) -> ColumnElement[bool]:
    """Of an event: this person has looked at it and said what it is, and may want to say otherwise."""
    return select(reviews.c.id).where(_SAME, reviews.c.who == who).correlate(events).exists()


def people_said(tx: Tx, from_ms: int, to_ms: int, *, station: str | None = None) -> frozenset[EventKey]:
    """Events that began in a period of which somebody says that they show people."""
    where = [_PEOPLE, events.c.start_ms >= from_ms, events.c.start_ms < to_ms]
    if station is not None:
        where.append(reviews.c.station == station)
    rows = tx.execute(select(*_KEY).select_from(reviews.join(events, _SAME)).where(*where).distinct())
    return frozenset((name, outbox, event) for name, outbox, event in rows)


def closings(tx: Tx, keys: Iterable[EventKey]) -> dict[EventKey, str]:
    """How people closed the newest alert in which an event counted: `confirmed`, `false` or `by_right`.

    Without sealed alerts, drills, and events that came late or were suppressed.
    """
    out: dict[EventKey, str] = {}
    key = (alert_events.c.station, alert_events.c.outbox, alert_events.c.event)
    where = (
        alerts.c.state == "resolved",
        alerts.c.resolution.in_(BY_PEOPLE),
        alerts.c.sealed.is_(False),
        alerts.c.drill.is_(False),
        alert_events.c.late.is_(False),
        alert_events.c.suppressed.is_(False),
    )
    joined = alert_events.join(alerts, alerts.c.id == alert_events.c.alert)
    for part in _parts(sorted(set(keys))):
        statement = select(*key, alerts.c.resolution).select_from(joined).where(tuple_(*key).in_(part), *where)
        for station, outbox, event, resolution in tx.execute(statement.order_by(alerts.c.resolved_ms, alerts.c.id)):
            out[station, outbox, event] = resolution
    return out


def _parts(keys: Sequence[EventKey]) -> list[Sequence[EventKey]]:
    return [keys[at : at + _CHUNK] for at in range(0, len(keys), _CHUNK)]
