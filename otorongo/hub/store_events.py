"""Statements on events: the highest revision of each counts, dated by its boot."""

import functools
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, case, func, or_, select, tuple_, update

from otorongo.hub.dating import FUTURE_MS, Boot
from otorongo.hub.db import alert_events, events, heartbeats, media, notes, records
from otorongo.hub.store import Found, Tx, Values, found, insert_of, listed
from otorongo.hub.store_alerts import EventKey
from otorongo.hub.store_records import BoxKey
from otorongo.hub.store_reviews import SHOWS_PEOPLE
from otorongo.wire import species
from otorongo.wire.classes import BY_NAME
from otorongo.wire.codes import CloseReason, Kind, MediaKind, Tag

_KEYS: Final = ("station", "outbox", "event")
_FIRST: Final = ("received_ms",)
"""Set when the hub first hears of an event, and never again."""
_CHUNK: Final = 200

_DURATION = case((events.c.kind == Kind.OPEN, 0), else_=events.c.duration_ms)
_START = bindparam("utc0", type_=events.c.start_ms.type) + events.c.t_ms - _DURATION
_STOPPED = bindparam("utc0", type_=events.c.start_ms.type) + events.c.t_ms - _DURATION + events.c.duration_ms
_AT_BOOT = (
    events.c.station == bindparam("s"),
    events.c.outbox == bindparam("o"),
    events.c.boot == bindparam("n"),
)
_REDATE = (
    events.update()
    .where(*_AT_BOOT)
    .values(
        start_ms=_START,
        end_ms=case((events.c.end_ms.is_(None), None), else_=_STOPPED),
        bound_ms=bindparam("bound"),
        quarantined=events.c.received_ms + bindparam("bound") + FUTURE_MS < _START,
    )
)


def put_revisions(tx: Tx, rows: Sequence[Values]) -> None:
    """Keep revisions of events, one row of all columns each; a lower one than the hub has changes nothing."""
    if rows:
        tx.execute(_revise(tx.dialect.name), rows)


@functools.cache
def _revise(engine: str) -> Any:
    statement = insert_of(engine, events)
    changed = {c.name: statement.excluded[c.name] for c in events.c if c.name not in (*_KEYS, *_FIRST)}
    newer = statement.excluded.seq > events.c.seq
    return statement.on_conflict_do_update(index_elements=_KEYS, set_=changed, where=newer)


def redate(tx: Tx, key: BoxKey, boot: Boot) -> list[int]:
    """Date the events, heartbeats, media and notes of a boot anew; the events it changed."""
    station, outbox = key
    tx.execute(_REDATE, {"s": station, "o": outbox, "n": boot.boot, "utc0": boot.utc0_ms, "bound": boot.bound_ms})
    told = records.alias()
    utc_ms = told.c.t_ms + boot.utc0_ms
    no_later = case((utc_ms > told.c.received_ms, told.c.received_ms), else_=utc_ms)  # a note is of what has been
    for table, at, value in (
        (heartbeats, heartbeats.c.utc_ms, utc_ms),
        (media, media.c.utc_ms, utc_ms),
        (notes, notes.c.at_ms, no_later),
    ):
        same = (told.c.station == station) & (told.c.outbox == outbox) & (told.c.seq == table.c.seq)
        when = select(value).where(same, told.c.boot == boot.boot).correlate(table).scalar_subquery()
        mine = (table.c.station == station) & (table.c.outbox == outbox) & when.is_not(None)
        tx.execute(update(table).where(mine).values({at: when}))
    where = (events.c.station == station) & (events.c.outbox == outbox) & (events.c.boot == boot.boot)
    return list(tx.execute(select(events.c.event).where(where).order_by(events.c.event)).scalars())


def close_lost(tx: Tx, key: BoxKey, now_ms: int) -> list[int]:
    """Close as lost what an outbox left open; the events it closed. A true close that comes later wins."""
    return [event for _, _, event in _close(tx, now_ms, events.c.station == key[0], events.c.outbox == key[1])]


def close_timed_out(tx: Tx, revised_before_ms: int, now_ms: int) -> list[EventKey]:
    """Close as lost the events that have been open without a word since then; which they were."""
    return _close(tx, now_ms, events.c.revised_ms < revised_before_ms)


def _close(tx: Tx, now_ms: int, *where: ColumnElement[bool]) -> list[EventKey]:
    left = select(*(events.c[name] for name in _KEYS)).where(events.c.end_ms.is_(None), *where).with_for_update()
    keys = [(station, outbox, event) for station, outbox, event in tx.execute(left)]
    for part in _parts(keys):
        tx.execute(
            update(events)
            .where(tuple_(*(events.c[name] for name in _KEYS)).in_(part))
            .values(
                end_ms=events.c.start_ms + events.c.duration_ms,
                reason=CloseReason.LOST,
                closed_by="hub",
                revised_ms=now_ms,
            )
        )
    return keys


def events_at(tx: Tx, keys: Sequence[EventKey]) -> list[Found]:
    """These events, by start."""
    out: list[Found] = []
    for part in _parts(sorted(set(keys))):
        out += listed(tx, select(events).where(tuple_(*(events.c[name] for name in _KEYS)).in_(part)))
    return sorted(out, key=lambda row: (row["start_ms"], row["station"], row["event"]))


def open_events(tx: Tx, station: str, *, limit: int = 200) -> list[EventKey]:
    """The events of a station that have not closed."""
    where = (events.c.station == station) & events.c.end_ms.is_(None)
    rows = tx.execute(select(*_keys()).where(where).order_by(events.c.start_ms.desc()).limit(limit))
    return [(name, outbox, number) for name, outbox, number in rows]


def event(tx: Tx, key: EventKey) -> Found | None:
    """One event."""
    where = and_(events.c.station == key[0], events.c.outbox == key[1], events.c.event == key[2])
    return found(tx, select(events).where(where))


def sensors_of(tx: Tx, station: str, classes: Sequence[int], from_ms: int, to_ms: int) -> set[int]:
    """Which sensors of a station told of events of these classes that began in a period."""
    period = (events.c.start_ms >= from_ms, events.c.start_ms < to_ms)
    where = (events.c.station == station, events.c.cls.in_(classes), *period)
    return set(tx.execute(select(events.c.sensor).where(*where).distinct()).scalars())


def events_between(
    tx: Tx,
    from_ms: int,
    to_ms: int,
    *,
    station: str | None = None,
    classes: Sequence[int] = (),
    quarantined: bool = False,
    limit: int | None = None,
    newest_first: bool = False,
) -> list[Found]:
    """Events that began in a period, oldest first."""
    where = [events.c.start_ms >= from_ms, events.c.start_ms < to_ms]
    if station is not None:
        where.append(events.c.station == station)
    if classes:
        where.append(events.c.cls.in_(classes))
    if not quarantined:
        where.append(events.c.quarantined.is_(False))
    first = events.c.start_ms.desc() if newest_first else events.c.start_ms
    statement = select(events).where(*where).order_by(first, events.c.station, events.c.outbox, events.c.event)
    return listed(tx, statement.limit(limit))


def people_between(tx: Tx, station: str, from_ms: int, to_ms: int) -> list[Found]:
    """The events of a station that began in a period and are of people: by class, by mark, or as somebody says."""
    where = (
        events.c.station == station,
        events.c.start_ms >= from_ms,
        events.c.start_ms < to_ms,
        or_(
            events.c.cls.in_(PERSONS),
            events.c.species.in_(HUMAN),
            events.c.tags.op("&")(int(Tag.PERSON)) != 0,
            SHOWS_PEOPLE,
        ),
    )
    return listed(tx, select(events).where(*where))


def events_revised(tx: Tx, after: tuple[int, str, int, int], *, limit: int = 200) -> list[Found]:
    """Events revised after (revised_ms, station, outbox, event), in that order: for `tail` and pages that follow."""
    place = tuple_(events.c.revised_ms, *(events.c[name] for name in _KEYS))
    statement = select(events).where(place > tuple_(*after)).order_by(events.c.revised_ms, *_keys()).limit(limit)
    return listed(tx, statement)


def _keys() -> "list[Any]":
    return [events.c[name] for name in _KEYS]


def count_events(tx: Tx, from_ms: int, to_ms: int) -> dict[int, int]:
    """How many events of each class began in a period."""
    where = (events.c.start_ms >= from_ms) & (events.c.start_ms < to_ms) & events.c.quarantined.is_(False)
    rows = tx.execute(select(events.c.cls, func.count()).where(where).group_by(events.c.cls))
    return {cls: int(count) for cls, count in rows}


def threats_without_close(tx: Tx) -> int:
    """How many threat events are open."""
    where = events.c.end_ms.is_(None) & (events.c.tags.op("&")(int(Tag.THREAT)) != 0)
    return int(tx.execute(select(func.count()).select_from(events).where(where)).scalar_one())


PERSONS: Final = (BY_NAME["person"].number, BY_NAME["speech"].number)
HUMAN: Final = tuple(number for number, taxon in species.taxa().items() if taxon.kind == "human")
"""Names that a picture's animal may bear by mistake, or by malice."""
ANIMAL: Final = BY_NAME["animal"].number
_PEOPLED: Final = Tag.PERSON | Tag.NO_CONTACT | Tag.SEALED | Tag.THREAT | Tag.DRILL
"""What bears one of these is no picture of an animal alone."""

_ALERTED = (
    select(alert_events.c.event)
    .where(
        alert_events.c.station == media.c.station,
        alert_events.c.outbox == media.c.outbox,
        alert_events.c.event == media.c.event,
    )
    .exists()
)


def media_to_want(
    tx: Tx, asked_before_ms: int, most_bytes: int, *, without: Sequence[str] = (), limit: int = 32
) -> list[Found]:
    """Media of events that an alert covers, not whole yet and not asked for since then, small first; not `without`.

    Of what is sealed only thumbnails come by themselves: originals and whole frames are large, and travel when somebody
    wants them. After these comes what somebody wants of events that no alert covers, and of rejected frames: `beside`.
    """
    sealed = media.c.tags.op("&")(int(Tag.SEALED)) != 0
    large = or_(and_(sealed, media.c.kind != MediaKind.THUMBNAIL), media.c.kind == MediaKind.FRAME)
    by_hand = media.c.kind.in_((MediaKind.CLIP, MediaKind.AUDIT))
    where = (
        media.c.state.in_(("told", "part")),
        media.c.wanted_ms < asked_before_ms,
        media.c.changed_ms < asked_before_ms,
        media.c.bytes <= most_bytes,
        media.c.station.not_in(without),
        or_(and_(_ALERTED, ~large), and_(or_(large, by_hand), media.c.wanted_ms > 0)),
    )
    beside = case((~_ALERTED, 1), else_=0).label("beside")
    order = (beside, media.c.bytes, media.c.told_ms)
    return listed(tx, select(media, beside).where(*where).order_by(*order).limit(limit))


def animals_to_want(
    tx: Tx,
    asked_before_ms: int,
    most_bytes: int,
    *,
    without: Sequence[str] = (),
    spent: Sequence[str] = (),
    limit: int = 32,
) -> list[Found]:
    """Thumbnails of animals that no alert covers, not here yet and not asked for since then, newest first.

    None that may show people, none from land of peoples in isolation, none of stations `without`, and of those that are
    `spent` only what was begun.
    """
    where = (
        media.c.kind == MediaKind.THUMBNAIL,
        media.c.state.in_(("told", "part")),
        media.c.wanted_ms < asked_before_ms,
        media.c.changed_ms < asked_before_ms,
        media.c.bytes <= most_bytes,
        media.c.station.not_in(without),
        events.c.cls == ANIMAL,
        (media.c.tags.op("|")(events.c.tags)).op("&")(int(_PEOPLED)) == 0,
        or_(media.c.wanted_ms > 0, media.c.station.not_in(spent)),
        ~_ALERTED,
    )
    same = and_(events.c.station == media.c.station, events.c.outbox == media.c.outbox, events.c.event == media.c.event)
    begun_first = (media.c.wanted_ms == 0, media.c.told_ms.desc(), media.c.seq.desc())
    return listed(tx, select(media).join(events, same).where(*where).order_by(*begun_first).limit(limit))


def animals_asked_for(tx: Tx, since_ms: int) -> dict[str, int]:
    """By station, how many thumbnails that no alert covers were asked for since then."""
    where = (media.c.kind == MediaKind.THUMBNAIL, media.c.wanted_ms >= since_ms, ~_ALERTED)
    rows = tx.execute(select(media.c.station, func.count()).where(*where).group_by(media.c.station))
    return {station: int(count) for station, count in rows}


def media_to_forget(tx: Tx, told_before_ms: int, *, limit: int = 200) -> list[Found]:
    """Whole media of events that no alert covers, told of before then, oldest first; and those half forgotten."""
    old = and_(media.c.state == "whole", media.c.told_ms < told_before_ms, ~_ALERTED)
    begun = and_(media.c.state == "gone", media.c.path != "")
    return listed(tx, select(media).where(or_(old, begun)).order_by(media.c.told_ms).limit(limit))


def _parts(keys: Sequence[EventKey]) -> list[Sequence[EventKey]]:
    return [keys[at : at + _CHUNK] for at in range(0, len(keys), _CHUNK)]
