"""One outbox's batches become rows of the database: records, boots, events, and the rest. Called by `ingest` alone."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct

from otorongo.hub import noted, receipts, shown, store_events, store_kinds, store_media, store_records, store_stations
from otorongo.hub.dating import Boot, between_neighbours, is_future, meet
from otorongo.hub.store import Found, Tx
from otorongo.hub.store_alerts import EventKey
from otorongo.hub.store_records import BoxKey
from otorongo.language import either
from otorongo.wire.batch import Batch, runs_of
from otorongo.wire.codes import Kind
from otorongo.wire.rows import (
    ROW_TYPES,
    Event,
    Gap,
    Heartbeat,
    Media,
    Note,
    Row,
    Seal,
    Seen,
    Tamper,
    Unknown,
    standalone,
)

log = logging.getLogger(__name__)

_TAGS: Final = {kind: tag for tag, kind in ROW_TYPES.items()}
_COPIED: Final = (
    *("t_ms", "kind", "sensor", "cls", "evidence", "tags", "bundle", "species", "duration_ms", "hits", "peak"),
    *("level_db", "floor_db", "f0_dhz", "count", "reason", "trend"),
)
_NO_LEVEL_DB: Final = -128
"""What cameras once told for a level that nobody measured."""
_BEATEN: Final = ("next_contact_s", "temperature_dc", "disk_free_mb", "battery_mv", "waiting", "missed_ms")


class Taken(Struct, frozen=True):
    """What came of the batches of one outbox."""

    events: frozenset[EventKey]
    """Events that are new, revised, closed or dated anew."""
    sealed: bool
    """Seals may now be verifiable."""
    conflicts: frozenset[int]
    """Seqs that came again with other bytes; then nothing of these batches was committed."""
    tampers: int = 0
    """New rows that say that somebody or something was at the station."""


class _Came(Struct, frozen=True):
    """One row as it came."""

    seq: int
    row: Row | Unknown
    boot: int
    birth: int
    raw: bytes

    @property
    def t_ms(self) -> int:
        """Milliseconds since boot; 0 of a row whose type is newer than this hub and begins otherwise."""
        if not isinstance(self.row, Unknown):
            return self.row.t_ms
        first = self.row.fields[0] if self.row.fields else 0
        return first if type(first) is int and 0 <= first <= 0xFFFFFFFFFF else 0


def begin_outbox(tx: Tx, key: BoxKey, now_ms: int) -> tuple[Found, frozenset[EventKey]]:
    """The outbox, begun if it is new; and the events that it closes, because a new outbox means a lost card."""
    box = store_records.outbox(tx, key)
    if box is not None:
        return box, frozenset()
    closed: set[EventKey] = set()
    for lost in store_records.add_outbox(tx, key, now_ms):
        left = store_events.close_lost(tx, (key[0], lost), now_ms)
        closed.update((key[0], lost, event) for event in left)
        text = f"a new card (outbox {key[1]}) has taken the place of outbox {lost}; events closed as lost: {len(left)}"
        said = (
            f"una tarjeta nueva ({key[1]}) ocupa el lugar de la tarjeta {lost}; eventos cerrados como perdidos: "
            f"{len(left)}"
        )
        source = f"lost/{key[0]}/{lost}"
        store_stations.add_note(tx, key[0], now_ms, "lost_outbox", noted.both(said, text), source=source)
        log.warning("station %s: %s", key[0], either(said, text))
    return store_records.outbox(tx, key) or {}, frozenset(closed)


def give_up(tx: Tx, key: BoxKey, seqs: frozenset[int], now_ms: int) -> frozenset[EventKey]:
    """Rows of an outbox came with other bytes: two cards write into it. The events that this closes.

    Whose rows are whose cannot be told, nor by whose clock to date them, so none of either is committed any more: the
    receipts make both cards begin outboxes of their own, and everything that waits on them comes again under those.
    """
    store_records.set_outbox(tx, key, state=receipts.COPIED)
    left = store_events.close_lost(tx, key, now_ms)
    shown = ", ".join(map(str, sorted(seqs)[:10]))
    text = (
        f"outbox {key[1]}: rows {shown} came with other bytes than were committed: its card was copied or put back to "
        "an older state; every card that uses it is told to begin a new outbox"
    )
    said = (
        f"tarjeta {key[1]}: los registros {shown} llegaron con otro contenido que el guardado: fue copiada o vuelta a "
        "un estado anterior; a cada copia se le pide empezar de nuevo con otro número"
    )
    log.error("station %s: %s", key[0], either(said, text))
    source = f"conflict/{key[0]}/{key[1]}"
    store_stations.add_note(tx, key[0], now_ms, "conflict", noted.both(said, text), source=source)
    return frozenset((*key, event) for event in left)


def take(tx: Tx, key: BoxKey, box: Found, batches: Sequence[Batch], now_ms: int) -> Taken:
    """Commit what is new of these batches of one outbox, and everything that follows from it except alerts."""
    came, conflicts = _rows_of(batches)
    seqs = sorted(came)
    runs = runs_of(seqs)
    new = came
    before = store_records.add_spans(tx, key, runs)
    if before or conflicts:
        known = store_records.rows_at(tx, key, seqs)
        conflicts |= {seq for seq, raw in known.items() if raw != came[seq].raw}
        if conflicts:
            store_records.take_spans(tx, key, runs, kept=False)
            store_records.add_spans(tx, key, tuple(before))
            return Taken(frozenset(), False, frozenset(conflicts))
        new = {seq: one for seq, one in came.items() if seq not in known}
    if box["kept"]:
        store_records.take_spans(tx, key, runs, kept=True)  # rows that came damaged may come again whole
    boots, redated = _date(tx, key, batches, came, now_ms)
    touched = [event for boot in redated for event in _redate(tx, key, boot)]
    store_records.add_records(tx, [_record(key, one, now_ms) for one in new.values()])
    if new and box["state"] == "lost":
        store_records.set_outbox(tx, key, state="open")
        text = noted.both(f"volvió la tarjeta {key[1]}", f"the card with outbox {key[1]} is back")
        store_stations.add_note(tx, key[0], now_ms, "outbox_back", text)
    sealed = _seals_and_gaps(tx, key, new.values(), now_ms)
    touched += _events(tx, key, new.values(), boots, now_ms)
    tampers = _others(tx, key, new.values(), boots, now_ms)
    return Taken(frozenset((*key, event) for event in touched), sealed, frozenset(), tampers)


def _rows_of(batches: Iterable[Batch]) -> tuple[dict[int, _Came], set[int]]:
    came: dict[int, _Came] = {}
    conflicts: set[int] = set()
    for batch in batches:
        header = batch.header
        for record in batch.records:
            one = _Came(record.seq, record.row, header.mapping.boot, header.birth, standalone(record.row))
            if came.setdefault(record.seq, one).raw != one.raw:
                conflicts.add(record.seq)
    return came, conflicts


def _date(
    tx: Tx, key: BoxKey, batches: Sequence[Batch], came: dict[int, _Came], now_ms: int
) -> tuple[dict[int, Boot], list[Boot]]:
    """The boots that these rows need, and those by which older rows must be dated anew."""
    numbers = {batch.header.mapping.boot for batch in batches}
    stored = {boot.boot: boot for boot in store_records.boots_of(tx, key, numbers)}
    boots = dict(stored)
    for batch in batches:
        number = batch.header.mapping.boot
        times = [came[record.seq].t_ms for record in batch.records]
        boots[number] = meet(boots.get(number), number, min(times), max(times), batch.header.mapping, now_ms)
    if not all(boot.told for boot in boots.values()):
        everything = {boot.boot: boot for boot in store_records.boots_of(tx, key)} | boots
        boots = {boot.boot: boot for boot in between_neighbours(list(everything.values()))}
    redated = []
    for number, boot in boots.items():
        before = stored.get(number)
        if boot != before:
            store_records.put_boot(tx, key, boot)
        if before is not None and (boot.utc0_ms, boot.bound_ms) != (before.utc0_ms, before.bound_ms):
            redated.append(boot)
    return boots, redated


def _redate(tx: Tx, key: BoxKey, boot: Boot) -> list[int]:
    changed = store_events.redate(tx, key, boot)
    log.info("station %s outbox %s boot %s: dated anew, %s events", *key, boot.boot, len(changed))
    return changed


def _record(key: BoxKey, one: _Came, now_ms: int) -> dict[str, Any]:
    row = one.row
    return {
        "station": key[0],
        "outbox": key[1],
        "seq": one.seq,
        "boot": one.boot,
        "t_ms": one.t_ms,
        "type": row.tag if isinstance(row, Unknown) else _TAGS[type(row)],
        "tags": getattr(row, "tags", 0),
        "received_ms": now_ms,
        "row": one.raw,
    }


def _seals_and_gaps(tx: Tx, key: BoxKey, new: Iterable[_Came], now_ms: int) -> bool:
    """Note seals and gaps; True if there are seals that wait."""
    station, outbox = key
    gaps, seals, told = [], [], []
    for one in new:
        place = {"station": station, "outbox": outbox, "seq": one.seq, "received_ms": now_ms}
        if isinstance(one.row, Gap):
            row = one.row
            gaps.append({**place, "first": row.first, "last": row.last, "reason": row.reason, "head": row.head})
            if (
                1 <= row.first <= row.last < one.seq
            ):  # a gap tells of rows before it; anything else is told, not believed
                told.append((row.first, row.last))
        elif isinstance(one.row, Seal):
            seal = one.row
            seals.append({**place, "up_to": seal.up_to, "head": seal.head, "signature": seal.signature})
    if gaps:
        store_records.add_gaps(tx, gaps)
        for run in told:
            store_records.add_spans(tx, key, (run,))
    if seals:
        store_records.add_seals(tx, seals)
    return bool(seals) or bool(store_records.seals_waiting(tx, key, limit=1))


def _events(tx: Tx, key: BoxKey, new: Iterable[_Came], boots: dict[int, Boot], now_ms: int) -> list[int]:
    """Keep the highest revision of each event; which they are."""
    highest: dict[int, tuple[_Came, Event]] = {}
    for one in new:
        if isinstance(one.row, Event):
            event = one.seq - one.row.back
            if event not in highest or highest[event][0].seq < one.seq:
                highest[event] = one, one.row
    rows = [_event(key, event, *highest[event], boots, now_ms) for event in sorted(highest)]
    store_events.put_revisions(tx, rows)
    return sorted(highest)


def _event(key: BoxKey, event: int, one: _Came, row: Event, boots: dict[int, Boot], now_ms: int) -> dict[str, Any]:
    boot = boots[one.boot]
    start_ms = boot.utc0_ms + row.start_ms
    closed = row.kind == Kind.CLOSE
    return {
        "station": key[0],
        "outbox": key[1],
        "event": event,
        "seq": one.seq,
        "boot": one.boot,
        "birth": one.birth,
        **{name: getattr(row, name) for name in _COPIED},
        "level_db": row.level_db if row.level_db > _NO_LEVEL_DB else 0,
        "closed_by": "station" if closed else "",
        "start_ms": start_ms,
        "end_ms": start_ms + row.duration_ms if closed else None,
        "bound_ms": boot.bound_ms,
        "received_ms": now_ms,
        "revised_ms": now_ms,
        "quarantined": is_future(start_ms, boot.bound_ms, now_ms),
    }


def _others(tx: Tx, key: BoxKey, new: Iterable[_Came], boots: dict[int, Boot], now_ms: int) -> int:
    """Heartbeats, media, kinds of animals, notes and tampering; how many of the last."""
    station, outbox = key
    beats: dict[int, tuple[_Came, Heartbeat]] = {}
    media, kinds, tampers = [], [], 0
    for one in new:
        row, utc_ms = one.row, boots[one.boot].utc0_ms + one.t_ms
        if isinstance(row, Heartbeat):
            if row.sensor not in beats or beats[row.sensor][0].seq < one.seq:
                beats[row.sensor] = one, row
        elif isinstance(row, Media):
            media.append(_media(key, one, row, utc_ms, now_ms))
        elif isinstance(row, Seen) and row.back:
            kinds += [((*key, one.seq - row.back), kind.species) for kind in shown.kinds_of(row) if kind.species]
        elif isinstance(row, Note | Tamper):
            text = row.text if isinstance(row, Note) else ""
            what = "station" if isinstance(row, Note) else "tamper"
            source = f"{station}/{outbox}/{one.seq}"
            more = {"sensor": row.sensor, "kind": row.kind, "outbox": outbox, "seq": one.seq}
            told = store_stations.add_note(tx, station, min(utc_ms, now_ms), what, text, source=source, **more)
            tampers += told and isinstance(row, Tamper)
    for sensor, (one, beat) in sorted(beats.items()):
        copied = {name: getattr(beat, name) for name in _BEATEN}
        place = {"station": station, "sensor": sensor, "outbox": outbox, "seq": one.seq, "received_ms": now_ms}
        utc_ms = boots[one.boot].utc0_ms + one.t_ms
        counters = {str(number): value for number, value in beat.counters.items()}
        store_stations.put_heartbeat(tx, {**place, **copied, "utc_ms": utc_ms, "counters": counters})
    if media:
        store_media.add_media(tx, media)
    store_kinds.add(tx, kinds)
    return tampers


def _media(key: BoxKey, one: _Came, row: Media, utc_ms: int, now_ms: int) -> dict[str, Any]:
    return {
        "station": key[0],
        "outbox": key[1],
        "seq": one.seq,
        "event": one.seq - row.back if row.back else None,
        "sensor": row.sensor,
        "kind": row.kind,
        "tags": row.tags,
        "bytes": row.bytes,
        "sha256": row.sha256,
        "duration_ms": row.duration_ms,
        "utc_ms": utc_ms,
        "told_ms": now_ms,
    }
