"""Statements that the evidence engine asks: events of a place in a period, and the alerts that lie near them."""

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, Text, bindparam, cast, func, or_, select, tuple_

from otorongo.hub.db import alert_events, alerts, events, stations
from otorongo.hub.store import Found, Tx, listed
from otorongo.hub.store_alerts import EventKey

LONGEST_MS = 6 * 3600 * 1000
"""No event is longer than this, or if it is, it has been told again since."""
_WAITING = or_(alerts.c.state != "resolved", alerts.c.parties > 0)
"""Time still brings something to it: a party that is not back is looked after whatever has become of its alert."""
_COLUMNS = (
    *("station", "outbox", "event", "seq", "sensor", "cls", "evidence", "tags", "kind", "duration_ms"),
    *("hits", "peak", "f0_dhz", "trend", "count", "start_ms", "end_ms", "received_ms"),
)


def positions(tx: Tx) -> dict[str, tuple[float, float] | None]:
    """Where every station says that it stands: latitude and longitude, degrees; None: it does not say."""
    rows = tx.execute(select(stations.c.station, stations.c.latitude_deg, stations.c.longitude_deg))
    return {name: None if north is None or east is None else (north, east) for name, north, east in rows}


def events_of(
    tx: Tx, names: Sequence[str], classes: Sequence[int], from_ms: int, to_ms: int, *, limit: int
) -> Sequence[Sequence[Any]]:
    """Events of stations and classes that touch a period, at most `limit`, the newest if there are more.

    Each has the columns that `belief.evidence_of` takes. Of each station and class an even share is kept, so that one
    that sends much cannot crowd out the others; what is dated in the future is left out.
    """
    values = {"names": list(names), "classes": list(classes), "low": from_ms, "high": to_ms, "limit": limit}
    return tx.execute(_events_of(), {**values, "earliest": from_ms - LONGEST_MS}).all()


@functools.cache
def _events_of() -> Select[Any]:
    """Made once: it is asked for every batch, and making it takes longer than running it."""
    where = (
        events.c.station.in_(bindparam("names", expanding=True)),
        events.c.cls.in_(bindparam("classes", expanding=True)),
        events.c.start_ms >= bindparam("earliest"),
        events.c.start_ms <= bindparam("high"),
        or_(events.c.end_ms.is_(None), events.c.end_ms >= bindparam("low")),
        events.c.quarantined.is_(False),
    )
    order = (events.c.start_ms.desc(), events.c.station, events.c.outbox, events.c.event)
    share = func.row_number().over(partition_by=(events.c.station, events.c.cls), order_by=order).label("share")
    found = select(*(events.c[name] for name in _COLUMNS), share).where(*where).subquery()
    fair = (found.c.share, *(found.c[name] for name in ("station", "outbox", "event")))
    return select(*(found.c[name] for name in _COLUMNS)).order_by(*fair).limit(bindparam("limit"))


def alerts_near(tx: Tx, place: str, activity: str, from_ms: int, to_ms: int) -> list[Found]:
    """Alerts of a place and activity whose evidence touches a period, locked until the transaction ends.

    Merged ones too, so that no other alert gets their codes.
    """
    where = (
        alerts.c.place == place,
        alerts.c.activity == activity,
        alerts.c.first_ms <= to_ms,
        alerts.c.last_ms >= from_ms,
    )
    return listed(tx, select(alerts).where(*where).order_by(alerts.c.id).with_for_update())


def alerts_over(tx: Tx, keys: Sequence[EventKey]) -> list[tuple[str, str, int, int]]:
    """Place, activity, first_ms and last_ms of the alerts that cover any of these events."""
    found: set[tuple[str, str, int, int]] = set()
    columns = (alerts.c.place, alerts.c.activity, alerts.c.first_ms, alerts.c.last_ms)
    key = tuple_(*(alert_events.c[name] for name in ("station", "outbox", "event")))
    for at in range(0, len(keys), 200):
        where = (alert_events.c.alert == alerts.c.id, key.in_(keys[at : at + 200]))
        found |= {(place, name, first, last) for place, name, first, last in tx.execute(select(*columns).where(*where))}
    return sorted(found)


def unresolved_of(tx: Tx, place: str, activity: str) -> list[Found]:
    """The alerts of a place and activity that are alive or have a party out, locked until the transaction ends."""
    where = (alerts.c.place == place, alerts.c.activity == activity, _WAITING)
    return listed(tx, select(alerts).where(*where).order_by(alerts.c.id).with_for_update())


def unresolved(tx: Tx) -> list[tuple[str, str]]:
    """Every place and activity with an alert that is alive or has a party out, sorted."""
    statement = select(alerts.c.place, alerts.c.activity).where(_WAITING).distinct()
    return sorted((place, activity) for place, activity in tx.execute(statement))


def covers(tx: Tx, codes: Sequence[str], from_ms: int, to_ms: int) -> list[tuple[str, EventKey, float, float, Found]]:
    """Alert, event, weight, llr and reason of what these alerts cover, of events that began in a period."""
    rows = tx.execute(_covers(), {"codes": list(codes), "earliest": from_ms - LONGEST_MS, "high": to_ms})
    return [
        (alert, (station, outbox, event), weight, llr, _reason(reason))
        for alert, station, outbox, event, weight, llr, reason in rows.all()
    ]


@functools.cache
def _covers() -> Select[Any]:
    same = [alert_events.c[name] == events.c[name] for name in ("station", "outbox", "event")]
    within = (*same, events.c.start_ms >= bindparam("earliest"), events.c.start_ms <= bindparam("high"))
    names = ("alert", "station", "outbox", "event", "weight", "llr")
    columns = [*(alert_events.c[name] for name in names), cast(alert_events.c.reason, Text)]
    return select(*columns).where(alert_events.c.alert.in_(bindparam("codes", expanding=True)), *within)


@functools.lru_cache(maxsize=1024)
def _reason(text: str) -> Found:
    """Reasons are few and alike, and reading each of hundreds anew costs more than the database."""
    found: Found = msgspec.json.decode(text) or {}
    return found


def uncover(tx: Tx, code: str, keys: Iterable[EventKey]) -> None:
    """An alert no longer covers these events."""
    for station, outbox, event in keys:
        where = (alert_events.c.station == station, alert_events.c.outbox == outbox, alert_events.c.event == event)
        tx.execute(alert_events.delete().where(alert_events.c.alert == code, *where))
