"""What happens at the hub, line by line, as it happens: events, alerts, deliveries and notes."""

import datetime as dt
from collections.abc import Iterator

from msgspec import Struct

from otorongo.hub import (
    ledger,
    messages,
    noted,
    reasons,
    store_alerts,
    store_deliveries,
    store_events,
    store_stations,
    texts,
)
from otorongo.hub.store import Found, Store
from otorongo.language import language, say
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
        called = {code: store_alerts.alert(tx, code) for code in {row["alert"] for row in logged}}
        sent = store_deliveries.deliveries_since(tx, place.deliveries_ms)
    found = [(row["revised_ms"], _event(row, zone)) for row in events]
    found += [(row["at_ms"], _logged(row, called[row["alert"]], zone)) for row in logged]
    found += [(row["at_ms"], _note(row, zone)) for row in notes]
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
    opened = say("opened") if row["kind"] == Kind.OPEN else say("goes on")
    told = [say("closed") if row["end_ms"] is not None else opened]
    told += [f"{row['duration_ms'] / 1000:.0f} s"] if row["duration_ms"] else []
    told += [say("{count} of them", count=row["count"])] if row["count"] > 1 else []
    told += [say("peak {peak} %", peak=row["peak"])] if row["peak"] else []  # an opening tells none: it is short
    told += [f"{row['f0_dhz'] / 10:.0f} Hz"] if row["f0_dhz"] else []
    marks = _marks(row)
    name = texts.named(language(), "class", classes.name_of(row["cls"]))
    number = say("event {event}", event=row["event"])
    told_all = f"{row['station']}: {name}, {number} ({', '.join(told)}){' [' + ' '.join(marks) + ']' if marks else ''}"
    return _line(row["start_ms"], zone, say("event"), told_all)


def _marks(row: Found) -> list[str]:
    """What an event carries besides, in a word each."""
    words = {
        Tag.THREAT: say("threat"),
        Tag.PERSON: say("person"),
        Tag.NO_CONTACT: say("no contact"),
        Tag.OWN_PATROL: say("own patrol"),
        Tag.DRILL: say("drill"),
        Tag.VETOED: say("vetoed"),
        Tag.SEALED: say("sealed"),
        Tag.SCENERY: say("scenery"),
    }
    return [word for tag, word in words.items() if row["tags"] & tag] + [say("future")] * bool(row["quarantined"])


def _logged(row: Found, alert: Found | None, zone: dt.tzinfo) -> str:
    data = row["data"] or {}
    if row["what"] == "not_sent":
        said = texts.text(language(), "page.life.not_sent", who=str(data.get("person", "")))
    else:
        reason = ledger.reason_of(data.get("reason") or {"code": row["what"]})
        told = texts.has(language(), f"reason.code.{reason.code}")  # that a message went out is told by its name alone
        said = reasons.sentence(reason, language()) if told else texts.named(language(), "delivery.state", row["what"])
    of = ""
    if alert:
        activity = texts.named(language(), "activity", alert["activity"])
        of = f" ({activity}, {messages.sector(language(), alert['place'])})"
    return _line(row["at_ms"], zone, say("alert"), f"{row['alert']}{of}: {said}")


def _delivery(row: Found, zone: dt.tzinfo) -> str:
    again = say(", try {number}", number=row["attempts"]) if row["attempts"] > 1 else ""
    error = f": {row['last_error']}" if row["last_error"] else ""
    at_ms = row["sent_ms"] or row["created_ms"]
    kind, state = (
        texts.named(language(), key, row[name]) for key, name in (("delivery", "kind"), ("delivery.state", "state"))
    )
    to = say("{kind} to {person}: {state}", kind=kind, person=row["person"], state=state)
    return _line(at_ms, zone, say("delivery"), f"{row['alert']} {to}{again}{error}")


def _note(row: Found, zone: dt.tzinfo) -> str:
    told = ": ".join(part for part in (noted.label(language(), row), noted.text(language(), row)) if part)
    told += say(", sensor {number}", number=row["sensor"]) if row["sensor"] else ""
    return _line(row["at_ms"], zone, say("note"), f"{row['station']}: {told}")


def _line(at_ms: int, zone: dt.tzinfo, what: str, told: str) -> str:
    return f"{clock(at_ms, zone)}  {what:<8}  {told}"
