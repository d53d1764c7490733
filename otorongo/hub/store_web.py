"""Statements that only the pages ask: alerts as one person may see them, sessions, and who looked at what."""

from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Float, and_, case, cast, delete, false, func, or_, select, true

from otorongo.hub.db import (
    access_log,
    alert_events,
    alert_log,
    alerts,
    deliveries,
    gaps,
    heartbeats,
    media,
    outboxes,
    sessions,
    spans,
)
from otorongo.hub.store import Found, Tx, found, listed, lock
from otorongo.hub.store_alerts import EventKey
from otorongo.hub.store_media import mark, put_mark
from otorongo.wire.codes import MediaKind, Tag

GRAVEST: Final = 99
"""Before every alert, where the gravest come first."""


class Sight(NamedTuple):
    """Which alerts somebody may see. None: of all places."""

    alerts: bool
    places: tuple[str, ...] | None
    sealed_places: tuple[str, ...] | None
    drills: bool


class Filter(NamedTuple):
    """Which of them they want to see."""

    live: bool = True
    place: str = ""
    activity: str = ""
    code: str = ""
    """Letters and digits out of it; the code of an alert that was merged leads on to the other."""


def visible_to(sight: Sight) -> ColumnElement[bool]:
    """The alerts that somebody may see, decided in the database: a page is full whatever it leaves out."""
    open_ones = _within(sight.places) if sight.alerts else false()
    if sight.drills:
        open_ones = or_(open_ones, alerts.c.drill.is_(True))
    return or_(
        and_(alerts.c.sealed.is_(False), open_ones),
        and_(alerts.c.sealed.is_(True), _within(sight.sealed_places)),
    )


def _within(places: tuple[str, ...] | None) -> ColumnElement[bool]:
    return true() if places is None else alerts.c.place.in_(places)


_grade: Final = case((alerts.c.drill, alerts.c.severity), else_=alerts.c.severity + 10)


def alerts_for(
    tx: Tx,
    sight: Sight,
    wanted: Filter,
    *,
    limit: int,
    before: tuple[int, str] | None = None,
    grade: int | None = None,
) -> list[Found]:
    """Alerts, newest opening first; `before` is (opened_ms, id) of the last one seen.

    Merged ones live on in others, and are there only for who asks for a code: messages carry it.

    With a `grade`, that of the last one seen or `GRAVEST`, the gravest come first, and drills after all others.
    """
    where = [visible_to(sight)]
    where.append(alerts.c.id.contains(wanted.code, autoescape=True) if wanted.code else alerts.c.resolution != "merged")
    if wanted.live:
        where.append(alerts.c.state != "resolved")
    if wanted.place:
        where.append(alerts.c.place == wanted.place)
    if wanted.activity:
        where.append(alerts.c.activity == wanted.activity)
    if before is not None:
        opened_ms, code = before
        after = or_(alerts.c.opened_ms < opened_ms, and_(alerts.c.opened_ms == opened_ms, alerts.c.id < code))
        where.append(after if grade is None else or_(_grade < grade, and_(_grade == grade, after)))
    order = [alerts.c.opened_ms.desc(), alerts.c.id.desc()]
    if grade is not None:
        order.insert(0, _grade.desc())
    return listed(tx, select(alerts).where(*where).order_by(*order).limit(limit))


def grade_of(row: Found) -> int:
    """The place of an alert among those that are sorted by how grave they are."""
    return int(row["severity"]) + (0 if row["drill"] else 10)


def filters_for(tx: Tx, sight: Sight) -> tuple[list[str], list[str]]:
    """The places and the activities of the alerts that somebody may see, sorted."""
    rows = tx.execute(select(alerts.c.place, alerts.c.activity).where(visible_to(sight)).distinct()).all()
    return sorted({place for place, _ in rows}), sorted({activity for _, activity in rows})


def deliveries_for(tx: Tx, sight: Sight, *, limit: int, before: tuple[int, str] | None = None) -> list[Found]:
    """Deliveries of alerts that somebody may see, newest first; `before` is (created_ms, id) of the last one seen."""
    where = [visible_to(sight), alerts.c.sealed.is_(False)]
    if before is not None:
        at_ms, key = before  # one tick tells many people in the same millisecond
        created = deliveries.c.created_ms
        where.append(or_(created < at_ms, and_(created == at_ms, deliveries.c.id > key)))
    statement = select(deliveries).join(alerts, alerts.c.id == deliveries.c.alert).where(*where)
    return listed(tx, statement.order_by(deliveries.c.created_ms.desc(), deliveries.c.id).limit(limit))


def covers(tx: Tx, alert: str, key: EventKey) -> bool:
    """Whether an alert covers an event."""
    station, outbox, event = key
    where = (alert_events.c.station == station, alert_events.c.outbox == outbox, alert_events.c.event == event)
    return tx.execute(select(alert_events.c.event).where(alert_events.c.alert == alert, *where)).first() is not None


def saw_lately(tx: Tx, who: str, what: str, subject: str, since_ms: int) -> bool:
    """Whether the log says so already: a page that is loaded again is one look."""
    where = (
        access_log.c.who == who,
        access_log.c.what == what,
        access_log.c.subject == subject,
        access_log.c.at_ms >= since_ms,
    )
    return tx.execute(select(access_log.c.id).where(*where).limit(1)).first() is not None


def looks_at(tx: Tx, subject: str, what: str) -> list[Found]:
    """Who looked at a subject: {who, first_ms, last_ms}, first one first."""
    first, last = func.min(access_log.c.at_ms).label("first_ms"), func.max(access_log.c.at_ms).label("last_ms")
    statement = select(access_log.c.who, first, last).where(access_log.c.subject == subject, access_log.c.what == what)
    return listed(tx, statement.group_by(access_log.c.who).order_by(first))


def was_here(tx: Tx, name: str, address: str) -> bool:
    """Whether a user has logged in from an address before."""
    where = (access_log.c.subject == name, access_log.c.what == "login", access_log.c.address == address)
    return tx.execute(select(access_log.c.id).where(*where).limit(1)).first() is not None


def sessions_of(tx: Tx, name: str, now_ms: int) -> list[Found]:
    """A user's sessions and tokens that have not expired, newest first."""
    where = (sessions.c.user == name, sessions.c.expires_ms > now_ms)
    return listed(tx, select(sessions).where(*where).order_by(sessions.c.created_ms.desc(), sessions.c.hash))


def end_sessions_but(tx: Tx, name: str, keep: bytes) -> int:
    """End a user's sessions and tokens but one; how many."""
    return int(tx.execute(delete(sessions).where(sessions.c.user == name, sessions.c.hash != keep)).rowcount)


def end_own_session(tx: Tx, name: str, digest: bytes) -> bool:
    """End one of a user's own sessions or tokens; False if it is none of theirs."""
    return bool(tx.execute(delete(sessions).where(sessions.c.user == name, sessions.c.hash == digest)).rowcount)


def gaps_newest(tx: Tx, station: str, *, limit: int = 50) -> list[Found]:
    """What a station had to drop, newest first."""
    statement = select(gaps).where(gaps.c.station == station)
    return listed(tx, statement.order_by(gaps.c.received_ms.desc(), gaps.c.seq.desc()).limit(limit))


def gap_near(tx: Tx, row: Found, rows: int) -> Found | None:
    """What a station had to drop from an event's opening to so many rows after its last revision, if anything."""
    own = (gaps.c.station == row["station"], gaps.c.outbox == row["outbox"])
    # What is added goes to the stored side, less: a station may tell numbers to which neither database adds any.
    where = (*own, gaps.c.last >= row["event"], gaps.c.first - rows <= row["seq"])
    return found(tx, select(gaps).where(*where).order_by(gaps.c.first).limit(1))


def rows_dropped(tx: Tx) -> dict[str, int]:
    """How many rows each station had to drop. What a gap tells of rows that were never written is no count."""
    # In floating point: a station may tell numbers of which neither database adds up two.
    count = func.sum(cast(gaps.c.last, Float) - cast(gaps.c.first, Float) + 1)
    told = (gaps.c.first >= 1, gaps.c.first <= gaps.c.last, gaps.c.last < gaps.c.seq)
    rows = tx.execute(select(gaps.c.station, count).where(*told).group_by(gaps.c.station))
    return {name: int(number) for name, number in rows}


def rows_missing(tx: Tx, name: str | None = None) -> dict[str, int]:
    """How many rows that came before a station's newest heartbeat are not here by now, told as lost ones aside."""
    upper = case((spans.c.last < heartbeats.c.seq, spans.c.last), else_=heartbeats.c.seq)
    here = func.sum(cast(upper, Float) - cast(spans.c.first, Float) + 1)
    own = (spans.c.station == heartbeats.c.station, spans.c.outbox == heartbeats.c.outbox, spans.c.kept.is_(False))
    where = [heartbeats.c.sensor == 0, *own, spans.c.first <= heartbeats.c.seq]
    if name is not None:
        where.append(heartbeats.c.station == name)
    statement = select(heartbeats.c.station, heartbeats.c.seq, here).where(*where)
    rows = tx.execute(statement.group_by(heartbeats.c.station, heartbeats.c.seq))
    return {station: max(0, seq - int(count)) for station, seq, count in rows}


def outboxes_of(tx: Tx, station: str) -> list[Found]:
    """A station's outboxes, the one heard last first."""
    statement = select(outboxes).where(outboxes.c.station == station)
    return listed(tx, statement.order_by(outboxes.c.last_received_ms.desc()))


def small_fact(tx: Tx, name: str, value: str) -> str:
    """One of the hub's small facts, set to `value` if it is not there yet."""
    lock(tx, "mark", name)
    there = mark(tx, name)
    if there is None:
        put_mark(tx, name, value)
    return there if there is not None else value


def answers(tx: Tx) -> bool:
    """Whether the database answers."""
    one: Any = found(tx, select(func.count().label("n")).select_from(outboxes))
    return one is not None


def log_newest(tx: Tx, alert: str, *, limit: int) -> list[Found]:
    """The newest lines of an alert's life, newest first; what was sent stands in the ledger of deliveries."""
    where = (alert_log.c.alert == alert, alert_log.c.what != "sent")
    return listed(tx, select(alert_log).where(*where).order_by(alert_log.c.id.desc()).limit(limit))


def deliveries_newest(tx: Tx, alert: str, *, limit: int) -> list[Found]:
    """An alert's newest deliveries, newest first."""
    order = (deliveries.c.created_ms.desc(), deliveries.c.person, deliveries.c.channel)
    return listed(tx, select(deliveries).where(deliveries.c.alert == alert).order_by(*order).limit(limit))


def pieces_to_show(tx: Tx, key: EventKey) -> list[Found]:
    """The sounds and pictures of an event, those that are here first, and of these the sealed ones last."""
    kinds = (MediaKind.THUMBNAIL, MediaKind.CLIP, MediaKind.FRAME, MediaKind.SPECTROGRAM, MediaKind.PREVIEW)
    where = (
        media.c.station == key[0],
        media.c.outbox == key[1],
        media.c.event == key[2],
        media.c.kind.in_(kinds),
    )
    rows = listed(tx, select(media).where(*where).order_by(media.c.seq))
    return sorted(rows, key=lambda row: (row["state"] != "whole", row["tags"] & Tag.SEALED))


def rejected(tx: Tx, station: str, *, limit: int) -> list[Found]:
    """Frames that a camera's gate or thresholds rejected and that were kept for somebody to look at, newest first."""
    where = (media.c.station == station, media.c.kind == MediaKind.AUDIT, media.c.event.is_(None))
    return listed(tx, select(media).where(*where).order_by(media.c.utc_ms.desc(), media.c.seq.desc()).limit(limit))
