"""Statements on alerts, what they cover, and their log."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from otorongo.hub.db import alert_events, alert_log, alerts, events
from otorongo.hub.store import Found, Tx, Values, found, insert, listed, lock, put

EventKey = tuple[str, int, int]
"""Station, outbox, and the seq of the opening."""


def lock_belief(tx: Tx, place: str, activity: str) -> None:
    """One transaction at a time works on a place's activity. Several: in sorted order."""
    lock(tx, "belief", place, activity)


def put_alert(tx: Tx, values: Values) -> None:
    """Insert an alert, or set the given columns of the one with its `id`."""
    put(tx, alerts, values)


def set_alert(tx: Tx, alert: str, **columns: Any) -> bool:
    """Set columns of an alert; False if there is none."""
    return bool(tx.execute(update(alerts).where(alerts.c.id == alert).values(**columns)).rowcount)


def alert(tx: Tx, code: str, *, for_update: bool = False) -> Found | None:
    """One alert; `for_update` keeps others from changing it until the transaction ends."""
    statement = select(alerts).where(alerts.c.id == code)
    return found(tx, statement.with_for_update() if for_update else statement)


def known(tx: Tx, codes: AbstractSet[str]) -> frozenset[str]:
    """Those of these codes that an alert bears."""
    if not codes:
        return frozenset()
    return frozenset(tx.execute(select(alerts.c.id).where(alerts.c.id.in_(sorted(codes)))).scalars())


def alerts_newest(
    tx: Tx,
    *,
    limit: int = 50,
    before: tuple[int, str] | None = None,
    states: Sequence[str] = (),
    places: Sequence[str] | None = None,
    activity: str = "",
    sealed: bool = False,
) -> list[Found]:
    """Alerts, newest opening first. `before` is (opened_ms, id) of the last one seen; sealed ones only if asked for."""
    where: list[ColumnElement[bool]] = [] if sealed else [alerts.c.sealed.is_(False)]
    if before is not None:
        opened_ms, code = before
        where.append(or_(alerts.c.opened_ms < opened_ms, and_(alerts.c.opened_ms == opened_ms, alerts.c.id < code)))
    if states:
        where.append(alerts.c.state.in_(states))
    if places is not None:
        where.append(alerts.c.place.in_(places))
    if activity:
        where.append(alerts.c.activity == activity)
    order = (alerts.c.opened_ms.desc(), alerts.c.id.desc())
    return listed(tx, select(alerts).where(*where).order_by(*order).limit(limit))


def alerts_unresolved(tx: Tx) -> list[Found]:
    """Every alert that is still alive, oldest first: what escalation looks at on a tick."""
    return listed(tx, select(alerts).where(alerts.c.state != "resolved").order_by(alerts.c.opened_ms, alerts.c.id))


def alerts_between(tx: Tx, from_ms: int, to_ms: int) -> list[Found]:
    """Alerts opened in a period, oldest first."""
    where = (alerts.c.opened_ms >= from_ms) & (alerts.c.opened_ms < to_ms)
    return listed(tx, select(alerts).where(where).order_by(alerts.c.opened_ms, alerts.c.id))


def count_alerts(tx: Tx) -> dict[str, int]:
    """How many alerts are in each state."""
    rows = tx.execute(select(alerts.c.state, func.count()).group_by(alerts.c.state))
    return {state: int(count) for state, count in rows}


def cover(tx: Tx, alert_id: str, covered: Iterable[Values]) -> None:
    """Say which events an alert covers: {station, outbox, event, weight, llr, late, suppressed, reason, added_ms}.

    A repeated event's columns are set anew, except `added_ms`.
    """
    rows = [{"alert": alert_id, "reason": None, **row} for row in covered]
    if not rows:
        return
    statement = insert(tx, alert_events)
    keys = [column.name for column in alert_events.primary_key]
    changed = {c.name: statement.excluded[c.name] for c in alert_events.c if c.name not in (*keys, "added_ms")}
    tx.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)


def covered_by(tx: Tx, alert_id: str) -> list[Found]:
    """The events that an alert covers, with everything known of them, oldest first."""
    joined = alert_events.join(
        events,
        and_(
            events.c.station == alert_events.c.station,
            events.c.outbox == alert_events.c.outbox,
            events.c.event == alert_events.c.event,
        ),
    )
    own = [column for column in alert_events.c if column.name not in ("station", "outbox", "event", "reason")]
    why = alert_events.c.reason.label("why")
    statement = select(events, *own, why).select_from(joined).where(alert_events.c.alert == alert_id)
    return listed(tx, statement.order_by(events.c.start_ms, events.c.station, events.c.event))


def alerts_of(tx: Tx, key: EventKey) -> list[str]:
    """The alerts that cover an event."""
    station, outbox, event = key
    where = and_(alert_events.c.station == station, alert_events.c.outbox == outbox, alert_events.c.event == event)
    return list(tx.execute(select(alert_events.c.alert).where(where).order_by(alert_events.c.alert)).scalars())


def log(tx: Tx, alert_id: str, at_ms: int, what: str, *, who: str = "", data: Any = None) -> None:
    """Append to an alert's life; `data` is a value that JSON can carry."""
    row = {"alert": alert_id, "at_ms": at_ms, "what": what, "who": who, "data": data}
    tx.execute(alert_log.insert().values(row))


def log_of(tx: Tx, alert_id: str) -> list[Found]:
    """An alert's life, oldest first."""
    return listed(tx, select(alert_log).where(alert_log.c.alert == alert_id).order_by(alert_log.c.id))


def log_after(tx: Tx, number: int, *, limit: int = 200) -> list[Found]:
    """What happened to any alert after the log's line `number`, oldest first: for `tail` and for pages that follow."""
    return listed(tx, select(alert_log).where(alert_log.c.id > number).order_by(alert_log.c.id).limit(limit))


def log_before(tx: Tx, at_ms: int) -> int:
    """Number of the last line of all logs before a time; 0: none."""
    number: int | None = tx.execute(select(func.max(alert_log.c.id)).where(alert_log.c.at_ms < at_ms)).scalar_one()
    return number or 0
