"""Statements on pieces of evidence, and the hub's small facts."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import case, func, select, update

from otorongo.hub.db import alert_events, alerts, marks, media
from otorongo.hub.store import Found, Tx, Values, found, insert_new, listed, put
from otorongo.hub.store_alerts import EventKey
from otorongo.hub.store_stations import add_note

MediaKey = tuple[str, int, int]
"""Station, outbox, and the seq of the media row."""
ASKED_MS: Final = 1
"""When a piece counts as asked for that a person wants, so that the station is asked at once and until it is here."""


def add_media(tx: Tx, rows: Sequence[Values]) -> int:
    """Remember pieces of evidence that a station told of; how many were new."""
    return insert_new(tx, media, rows)


def piece(tx: Tx, key: MediaKey) -> Found | None:
    """One piece of evidence."""
    where = (media.c.station == key[0]) & (media.c.outbox == key[1]) & (media.c.seq == key[2])
    return found(tx, select(media).where(where))


def set_piece(tx: Tx, key: MediaKey, **columns: Any) -> None:
    """Set columns of a piece of evidence."""
    where = (media.c.station == key[0]) & (media.c.outbox == key[1]) & (media.c.seq == key[2])
    tx.execute(update(media).where(where).values(**columns))


def pieces_of(tx: Tx, key: EventKey) -> list[Found]:
    """The evidence of an event, by kind."""
    where = (media.c.station == key[0]) & (media.c.outbox == key[1]) & (media.c.event == key[2])
    return listed(tx, select(media).where(where).order_by(media.c.kind, media.c.seq))


def pieces_whole(tx: Tx) -> list[Found]:
    """Every piece of evidence that is complete."""
    return listed(tx, select(media).where(media.c.state == "whole").order_by(media.c.changed_ms, media.c.seq))


def pieces_begun(tx: Tx) -> list[Found]:
    """Every piece of evidence of which the hub has, or should have, bytes."""
    return listed(tx, select(media).where(media.c.state.in_(("whole", "part"))))


def ask_again(tx: Tx, row: Found) -> bool:
    """Set a piece whose file is missing or damaged back to what the station told; False if it changed meanwhile."""
    key = (media.c.station == row["station"]) & (media.c.outbox == row["outbox"]) & (media.c.seq == row["seq"])
    same = key & (media.c.state == row["state"]) & (media.c.path == row["path"])
    fresh = {"state": "told", "path": "", "have": 0, "wanted_ms": min(row["wanted_ms"], ASKED_MS)}
    return tx.execute(update(media).where(same).values(**fresh)).rowcount == 1


def ask_for(tx: Tx, key: MediaKey) -> bool:
    """Somebody wants a piece that does not come by itself; False if it is here, on its way or gone."""
    where = (media.c.station == key[0]) & (media.c.outbox == key[1]) & (media.c.seq == key[2])
    waits = where & media.c.state.in_(("told", "part")) & (media.c.wanted_ms == 0)
    return tx.execute(update(media).where(waits).values(wanted_ms=ASKED_MS)).rowcount == 1


def tell_lost(tx: Tx, station: str, reasons: Sequence[str], now_ms: int) -> None:
    """Write a note for the technician: evidence of a station was lost or damaged, and is asked for again."""
    first = "; ".join(reasons[:3]) + (" ..." if len(reasons) > 3 else "")
    text = (
        f"{len(reasons)} archivos de evidencia faltan o están dañados; se piden otra vez a la estación. / "
        f"{len(reasons)} pieces of evidence are missing or damaged; the station is asked for them again. {first}"
    )
    add_note(tx, station, now_ms, "evidence_lost", text)


def progress(tx: Tx, station: str, outbox: int, *, limit: int = 32) -> list[tuple[int, int]]:
    """(seq, bytes the hub has from the start) of the pieces that moved last."""
    where = (media.c.station == station) & (media.c.outbox == outbox) & (media.c.have > 0)
    statement = select(media.c.seq, media.c.have).where(where).order_by(media.c.changed_ms.desc()).limit(limit)
    return sorted((seq, have) for seq, have in tx.execute(statement))


def sealed_events(tx: Tx) -> list[EventKey]:
    """The events of sealed alerts: persons in no_contact places."""
    columns = (alert_events.c.station, alert_events.c.outbox, alert_events.c.event)
    statement = select(*columns).join(alerts, alerts.c.id == alert_events.c.alert).where(alerts.c.sealed.is_(True))
    return [(station, outbox, event) for station, outbox, event in tx.execute(statement)]


def media_bytes_since(tx: Tx, station: str, since_ms: int) -> int:
    """Bytes of evidence that a station sent since then, about."""
    where = (media.c.station == station) & (media.c.changed_ms >= since_ms)
    return int(tx.execute(select(func.coalesce(func.sum(media.c.have), 0)).where(where)).scalar_one())


def media_load(tx: Tx, since_ms: int, asked_since_ms: int) -> dict[str, int]:
    """By station: bytes of evidence that came since a time, about, and those that were asked for and may be coming."""
    came = case((media.c.changed_ms >= since_ms, media.c.have), else_=0)
    asked = media.c.state.in_(("told", "part")) & (media.c.wanted_ms >= asked_since_ms)
    coming = case((asked, media.c.bytes - media.c.have), else_=0)
    where = (media.c.changed_ms >= since_ms) | (media.c.wanted_ms >= asked_since_ms)
    rows = tx.execute(select(media.c.station, func.sum(came + coming)).where(where).group_by(media.c.station))
    return {station: int(size) for station, size in rows}


def mark(tx: Tx, name: str) -> str | None:
    """One of the hub's small facts."""
    value: str | None = tx.execute(select(marks.c.value).where(marks.c.name == name)).scalar_one_or_none()
    return value


def put_mark(tx: Tx, name: str, value: str) -> None:
    """Remember one of the hub's small facts."""
    put(tx, marks, {"name": name, "value": value})
