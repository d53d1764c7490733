"""What happens at the hub, line by line, as it happens: events, alerts, deliveries and notes."""

import datetime as dt
from collections.abc import Iterator

from msgspec import Struct

from otorongo.hub import store_alerts, store_deliveries, store_events, store_stations, texts
from otorongo.hub.store import Found, Store
from otorongo.wire import classes
from otorongo.wire.codes import Kind, Tag


class Place(Struct):
    """How far `lines` has read."""

    events: tuple[int, str, int, int] = (0, "", 0, 0)
    log: int = 0
    notes: int = 0
    deliveries_ms: int = 0
    told: frozenset[tuple[str, str, int]] = frozenset()
    """Deliveries of the last moments, with state and attempts."""


def start(store: Store, since_ms: int) -> Place:
    """Begin with what happened since a time."""
    with store.read() as tx:
        return Place(
            (since_ms, "", 0, 0),
            store_alerts.log_before(tx, since_ms),
            store_stations.notes_before(tx, since_ms),
            since_ms,
        )


def lines(store: Store, place: Place, zone: dt.tzinfo) -> Iterator[str]:
    """What is new since the last time, in the order in which the hub heard of it; `place` moves on."""
    with store.read() as tx:
        events = store_events.events_revised(tx, place.events)
        logged = store_alerts.log_after(tx, place.log)
        notes = store_stations.notes_after(tx, place.notes)
        sent = store_deliveries.deliveries_since(tx, place.deliveries_ms)
    found = [(row["revised_ms"], _event(row, zone)) for row in events]
    found += [(row["at_ms"], _logged(row, zone)) for row in logged]
    found += [
        (row["at_ms"], f"{clock(row['at_ms'], zone)}  note      {row['station']}: {row['text'] or row['what']}")
        for row in notes
    ]
    for row in sent:
        state = (row["id"], row["state"], row["attempts"])
        if state not in place.told:
            found.append((max(row["created_ms"], row["sent_ms"]), _delivery(row, zone)))
    place.told = frozenset((row["id"], row["state"], row["attempts"]) for row in sent)
    if events:
        last = events[-1]
        place.events = (last["revised_ms"], last["station"], last["outbox"], last["event"])
    place.log = logged[-1]["id"] if logged else place.log
    place.notes = notes[-1]["id"] if notes else place.notes
    yield from (text for _, text in sorted(found, key=lambda one: one[0]))


def clock(utc_ms: int, zone: dt.tzinfo) -> str:
    """Day and time in a zone."""
    return texts.local(utc_ms, zone).strftime("%m-%d %H:%M:%S")


def _event(row: Found, zone: dt.tzinfo) -> str:
    kind = "closed" if row["end_ms"] is not None else Kind(row["kind"]).name.lower()
    told = [kind]
    told += [f"{row['duration_ms'] / 1000:.0f} s"] if row["duration_ms"] else []
    told += [f"{row['count']} of them"] if row["count"] > 1 else []
    told += [f"peak {row['peak']} %"] if row["peak"] else []  # an opening tells none: it is short
    told += [f"{row['f0_dhz'] / 10:.0f} Hz"] if row["f0_dhz"] else []
    marks = [tag.name.lower() for tag in Tag if row["tags"] & tag and tag.name] + ["future"] * bool(row["quarantined"])
    name = classes.name_of(row["cls"])
    return (
        f"{clock(row['start_ms'], zone)}  event     {row['station']}: {name} ({', '.join(told)})"
        f"{' [' + ' '.join(marks) + ']' if marks else ''}"
    )


def _logged(row: Found, zone: dt.tzinfo) -> str:
    who = f" by {row['who']}" if row["who"] else ""
    return f"{clock(row['at_ms'], zone)}  alert     {row['alert']}: {row['what']}{who}"


def _delivery(row: Found, zone: dt.tzinfo) -> str:
    again = f", try {row['attempts']}" if row["attempts"] > 1 else ""
    error = f": {row['last_error']}" if row["last_error"] else ""
    at_ms = row["sent_ms"] or row["created_ms"]
    return (
        f"{clock(at_ms, zone)}  delivery  {row['alert']} {row['kind']} to {row['person']}: {row['state']}{again}{error}"
    )
