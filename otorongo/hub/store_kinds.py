"""Statements on the names in visits that showed several kinds of animals: which events hold which."""

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import ColumnElement, select, tuple_

from otorongo.hub.db import events, kinds
from otorongo.hub.store import Tx, insert_new
from otorongo.hub.store_alerts import EventKey

_CHUNK: Final = 200


def add(tx: Tx, found: Iterable[tuple[EventKey, int]]) -> None:
    """Remember that an event holds an animal, by its number in `wire.species`."""
    rows = [
        {"station": station, "outbox": outbox, "event": event, "species": number}
        for (station, outbox, event), number in sorted(set(found))
    ]
    insert_new(tx, kinds, rows)


def holding(tx: Tx, keys: Iterable[EventKey], numbers: Sequence[int]) -> frozenset[EventKey]:
    """Those of these events in which one of these animals was one of several kinds."""
    chosen, found = sorted(set(keys)), set[EventKey]()
    key = (kinds.c.station, kinds.c.outbox, kinds.c.event)
    for at in range(0, len(chosen), _CHUNK):
        where = tuple_(*key).in_(chosen[at : at + _CHUNK]), kinds.c.species.in_(numbers)
        found.update((station, outbox, event) for station, outbox, event in tx.execute(select(*key).where(*where)))
    return frozenset(found)


def hold(numbers: Sequence[int]) -> ColumnElement[bool]:
    """Of an event: several kinds were there, and one of these among them."""
    same = select(kinds.c.station, kinds.c.outbox, kinds.c.event).where(kinds.c.species.in_(numbers))
    return tuple_(events.c.station, events.c.outbox, events.c.event).in_(same)
