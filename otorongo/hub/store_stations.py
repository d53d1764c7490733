"""Statements on stations: births, status, heartbeats, health, notes for the technician, and input that was kept."""

import functools
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import and_, bindparam, delete, func, or_, select, update

from otorongo.hub.db import births, events, health, heartbeats, kept, notes, stations
from otorongo.hub.store import Found, Tx, Values, found, insert_new, insert_of, listed, put
from otorongo.wire.codes import NoteKind

KEPT_BYTES: Final = 64 * 1024
"""At most so much of one payload is kept."""
KEPT_BYTES_OF_STATION: Final = 10_000_000
KEPT_OF_STATION: Final = 2000

_KNOWN = select(stations.c.folded, stations.c.station).where(stations.c.folded.in_(bindparam("f", expanding=True)))
_BIRTH = select(births.c.hash).where(births.c.station == bindparam("s"), births.c.hash == bindparam("h"))


def touch(tx: Tx, names: Iterable[str], now_ms: int, *, heard: bool = True) -> dict[str, str]:
    """Say that stations were heard, new ones too: each name as given, to the name under which it is known.

    Not `heard`: the broker spoke for it, by a retained message or a last will. Names are unique without regard to case;
    the first spelling stays. On PostgreSQL this also lets one transaction at a time work on a station, because it holds
    the row.
    """
    folded = {name: name.casefold() for name in sorted(set(names))}
    contact_ms = now_ms if heard else 0
    rows = [
        {"station": name, "folded": fold, "first_contact_ms": now_ms, "last_contact_ms": contact_ms}
        for name, fold in folded.items()
    ]
    tx.execute(_touch(tx.dialect.name, heard), rows)
    by_fold = {str(fold): str(name) for fold, name in tx.execute(_KNOWN, {"f": list(folded.values())})}
    return {name: by_fold[fold] for name, fold in folded.items()}


@functools.cache
def _touch(engine: str, heard: bool) -> Any:
    statement = insert_of(engine, stations)
    latest = statement.excluded.last_contact_ms if heard else stations.c.last_contact_ms
    same = statement.excluded.station == stations.c.station  # who bears its name in another case keeps nobody alive
    return statement.on_conflict_do_update(index_elements=["folded"], set_={"last_contact_ms": latest}, where=same)


def touch_one(tx: Tx, name: str, leaf: str, payload: bytes, now_ms: int, *, heard: bool = True) -> bool:
    """Say that a station was heard; False if its name is known in another case: then the payload is kept."""
    known = touch(tx, [name], now_ms, heard=heard)[name]
    if known != name:
        keep(tx, known, leaf, payload, misnamed(name, known), now_ms)
    return known == name


def misnamed(given: str, known: str) -> str:
    """Why what came under a name is not taken."""
    return f"station {given!r} is known as {known!r}: names that differ only in case are one, and the first stays"


def station(tx: Tx, name: str) -> Found | None:
    """One station."""
    return found(tx, select(stations).where(stations.c.station == name))


def stations_by_name(tx: Tx) -> list[Found]:
    """Every station."""
    return listed(tx, select(stations).order_by(stations.c.folded))


def stations_at(tx: Tx, names: Iterable[str]) -> dict[str, Found]:
    """These stations, by name."""
    rows = listed(tx, select(stations).where(stations.c.station.in_(sorted(set(names)))))
    return {row["station"]: row for row in rows}


def set_station(tx: Tx, name: str, **columns: Any) -> None:
    """Set columns of a station."""
    tx.execute(update(stations).where(stations.c.station == name).values(**columns))


def count_up(tx: Tx, name: str, column: str, by: int = 1) -> None:
    """Add to one of a station's counters: `bad_headers` or `kept_dropped`."""
    set_station(tx, name, **{column: stations.c[column] + by})


class SensorTold(NamedTuple):
    """What a birth tells of one sensor."""

    bundles: list[Any]
    """Those that its rows name by their place."""
    kind: str
    """microphone, camera, or "" where nobody told."""


def add_birth(tx: Tx, values: Values) -> bool:
    """Keep a birth: {station, hash, outbox, boot, payload, body, received_ms}; True if it is new."""
    return insert_new(tx, births, [values]) == 1


def knows_birth(tx: Tx, name: str, number: int) -> bool:
    """True if the hub has the birth by which a batch names its bundles."""
    return tx.execute(_BIRTH, {"s": name, "h": number}).first() is not None


def birth(tx: Tx, name: str, number: int) -> Found | None:
    """One birth."""
    return found(tx, select(births).where(births.c.station == name, births.c.hash == number))


def sensor_of(tx: Tx, event: Found) -> SensorTold:
    """What was told of the sensor of an event: by the birth that its row refers to.

    Where that never came, what the whole station told of the sensor in the same boot counts, if it told one thing only.
    """
    if told := birth(tx, event["station"], event["birth"]):
        sensors = [one["kind"] for one in told["body"].get("sensors", []) if one["number"] == event["sensor"]]
        return SensorTold(told["body"].get("bundles", []), sensors[0] if sensors else "")
    same = [one for one in births_of(tx, event["station"]) if all(one[key] == event[key] for key in ("outbox", "boot"))]
    found = [one for row in same for one in _sensor_in(row["body"], event["sensor"])]
    return found[0] if found and all(one == found[0] for one in found) else SensorTold([], "")


def _sensor_in(body: Any, number: int) -> list[SensorTold]:
    """What a whole station's birth tells of a sensor: its bundles are those from its own place to the next one's."""
    sensors, bundles = body.get("sensors", []), body.get("bundles", [])
    ends = [one["bundle"] for one in sensors]
    return [
        SensorTold(bundles[at : min((end for end in ends if end > at), default=None)], one["kind"])
        for one, at in zip(sensors, ends, strict=True)
        if one["number"] == number
    ]


def births_of(tx: Tx, name: str) -> list[Found]:
    """Every birth of a station, newest first."""
    return listed(tx, select(births).where(births.c.station == name).order_by(births.c.received_ms.desc()))


def put_heartbeat(tx: Tx, row: Values) -> None:
    """Keep a heartbeat of a sensor, all columns, if it is newer: of a higher seq, or received later if of another card.

    Of another card the hub's own clock counts: that of the old card may have been years ahead.
    """
    tx.execute(_beat(tx.dialect.name), [dict(row)])


@functools.cache
def _beat(engine: str) -> Any:
    statement = insert_of(engine, heartbeats)
    changed = {c.name: statement.excluded[c.name] for c in heartbeats.c if c.name not in ("station", "sensor")}
    same_card = statement.excluded.outbox == heartbeats.c.outbox
    newer = (same_card & (statement.excluded.seq > heartbeats.c.seq)) | (
        ~same_card & (statement.excluded.received_ms >= heartbeats.c.received_ms)
    )
    return statement.on_conflict_do_update(index_elements=["station", "sensor"], set_=changed, where=newer)


def heartbeats_newest(tx: Tx, name: str | None = None) -> list[Found]:
    """The newest heartbeat of each sensor, of every station or of one."""
    statement = select(heartbeats) if name is None else select(heartbeats).where(heartbeats.c.station == name)
    return listed(tx, statement.order_by(heartbeats.c.station, heartbeats.c.sensor))


def healths(tx: Tx, name: str | None = None) -> list[Found]:
    """What was last told of each sensor, of every station or of one."""
    statement = select(health) if name is None else select(health).where(health.c.station == name)
    return listed(tx, statement.order_by(health.c.station, health.c.sensor))


def put_health(tx: Tx, row: Values) -> None:
    """Remember what was told: {station, sensor, state, since_ms, due_ms}."""
    put(tx, health, row)


_PRIVATE: Final = notes.c.kind.in_((int(NoteKind.VOICES), int(NoteKind.PEOPLE)))


def add_note(tx: Tx, name: str, at_ms: int, what: str, text: str, *, source: str | None = None, **more: int) -> bool:
    """Write a note for the technician; False if its `source` has told it before. `more`: sensor, kind, outbox, seq."""
    row = {"station": name, "at_ms": at_ms, "what": what, "text": clean(text), "source": source, **more}
    return insert_new(tx, notes, [row]) == 1


def notes_newest(tx: Tx, name: str | None = None, *, unseen: bool = False, limit: int = 200) -> list[Found]:
    """Notes, newest first."""
    statement = select(notes) if name is None else select(notes).where(notes.c.station == name)
    statement = statement.where(notes.c.seen_ms == 0) if unseen else statement
    return listed(tx, statement.order_by(notes.c.id.desc()).limit(limit))


_WORDS: Final = (int(NoteKind.SENSOR_FAULT), int(NoteKind.SENSOR_BACK), int(NoteKind.STOPPED))


def last_words(tx: Tx, names: Sequence[str], since_ms: int) -> list[Found]:
    """The newest note of each sensor of these stations that says that it fails, is back, or that its process ended."""
    where = (notes.c.station.in_(names), notes.c.at_ms >= since_ms, notes.c.what == "station", notes.c.kind.in_(_WORDS))
    newest = select(func.max(notes.c.id)).where(*where).group_by(notes.c.station, notes.c.sensor)
    return listed(tx, select(notes).where(notes.c.id.in_(newest)))


def last_openings(tx: Tx, names: Sequence[str], since_ms: int) -> list[Found]:
    """The newest event of each sensor of these stations that began since then: station, sensor, outbox and so on."""
    order = (events.c.start_ms.desc(), events.c.event.desc())
    place = func.row_number().over(partition_by=(events.c.station, events.c.sensor), order_by=order).label("place")
    where = (events.c.station.in_(names), events.c.start_ms >= since_ms, events.c.quarantined.is_(False))
    columns = (events.c.station, events.c.sensor, events.c.outbox, events.c.event, events.c.start_ms)
    ranked = select(*columns, place).where(*where).subquery()
    return listed(tx, select(ranked).where(ranked.c.place == 1))


def notes_after(tx: Tx, number: int, *, limit: int = 200) -> list[Found]:
    """Notes after the one with that number, oldest first."""
    return listed(tx, select(notes).where(notes.c.id > number).order_by(notes.c.id).limit(limit))


def notes_before(tx: Tx, at_ms: int) -> int:
    """Number of the last note before a time; 0: none."""
    number: int | None = tx.execute(select(func.max(notes.c.id)).where(notes.c.at_ms < at_ms)).scalar_one()
    return number or 0


def discarded_of(tx: Tx, row: Found, beside_ms: int, near_rows: int) -> set[int]:
    """The notes that evidence of an event was discarded, because people may be heard or seen in it.

    Told by its sensor at its time, or (of a recording that was replayed) within so many rows of its last revision.
    """
    end_ms = row["end_ms"] or row["start_ms"] + row["duration_ms"]
    of_time = and_(notes.c.at_ms >= row["start_ms"] - beside_ms, notes.c.at_ms < end_ms + beside_ms)
    of_rows = and_(notes.c.outbox == row["outbox"], notes.c.seq > row["event"], notes.c.seq - near_rows <= row["seq"])
    where = (notes.c.station == row["station"], notes.c.sensor == row["sensor"], notes.c.what == "station", _PRIVATE)
    return set(tx.execute(select(notes.c.id).where(*where, or_(of_time, of_rows))).scalars())


def see_notes(tx: Tx, numbers: Sequence[int], now_ms: int) -> None:
    """Say that a technician has read these notes."""
    tx.execute(update(notes).where(notes.c.id.in_(numbers), notes.c.seen_ms == 0).values(seen_ms=now_ms))


def clean(text: str) -> str:
    """Text on one line, without what PostgreSQL cannot store (NUL), drives a terminal, or turns other text around."""
    return "".join(one if one.isprintable() else " " if one.isspace() else "\ufffd" for one in text)


def keep(tx: Tx, name: str, leaf: str, payload: bytes, reason: str, now_ms: int) -> None:
    """Keep input that could not be read, with the reason; beyond 10 MB or 2,000 of a station its oldest give way."""
    body = payload[:KEPT_BYTES]
    row = {"station": name, "leaf": leaf, "received_ms": now_ms, "reason": clean(reason)[:2000]}
    tx.execute(kept.insert().values(**row, payload=body, bytes=len(payload)))
    size = func.length(kept.c.payload)
    mine = select(kept.c.id, size).where(kept.c.station == name).order_by(kept.c.id.desc())
    total, too_old = 0, []
    for place, (number, length) in enumerate(tx.execute(mine)):
        total += length
        if total > KEPT_BYTES_OF_STATION or place >= KEPT_OF_STATION:
            too_old.append(number)
    if too_old:
        tx.execute(delete(kept).where(kept.c.id.in_(too_old)))
        count_up(tx, name, "kept_dropped", len(too_old))


def kept_newest(tx: Tx, name: str | None = None, *, limit: int = 100) -> list[Found]:
    """Kept input without its bytes, newest first."""
    columns = [column for column in kept.c if column.name != "payload"]
    statement = select(*columns) if name is None else select(*columns).where(kept.c.station == name)
    return listed(tx, statement.order_by(kept.c.id.desc()).limit(limit))


def kept_payload(tx: Tx, number: int) -> bytes | None:
    """The bytes of one kept input."""
    payload: bytes | None = tx.execute(select(kept.c.payload).where(kept.c.id == number)).scalar_one_or_none()
    return payload


def count_kept(tx: Tx) -> dict[str, int]:
    """How many inputs are kept of each station."""
    rows = tx.execute(select(kept.c.station, func.count()).group_by(kept.c.station))
    return {name: int(count) for name, count in rows}
