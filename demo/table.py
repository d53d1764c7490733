"""The table at the end of the demo: events, bytes, alerts with their reasons, and how long it took."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import select

from demo.phone import Phone
from otorongo.hub import db, texts
from otorongo.hub.alerts import Reason
from otorongo.hub.reasons import sentence
from otorongo.hub.store import Store
from otorongo.language import language, say
from otorongo.wire.classes import name_of
from otorongo.wire.codes import Counter as Count

Rows = Sequence[Mapping[str, Any]]


def delivered(store: Store, phone: Phone) -> list[str]:
    """The activities of the alerts that rang on a phone, one for each alert."""
    arrived = {message.fields.get("delivery") for message in phone.messages}
    with store.read() as tx:
        sent = tx.execute(select(db.deliveries.c.id, db.deliveries.c.alert)).all()
        activity = dict(tx.execute(select(db.alerts.c.id, db.alerts.c.activity)).tuples().all())
    codes = sorted({alert for number, alert in sent if number in arrived})
    return [activity[code] for code in codes if code in activity]


def print_table(store: Store, phone: Phone) -> None:
    """Print it."""
    found: dict[str, Rows] = {}
    with store.read() as tx:
        for name in ("events", "heartbeats", "media", "alerts", "alert_events"):
            found[name] = [dict(row) for row in tx.execute(select(db.metadata.tables[name])).mappings()]
        records = Counter(tx.execute(select(db.records.c.station)).scalars())
    station, rows, events = say("station"), say("records"), say("events")
    evidence, up = say("evidence"), say("bytes up")
    print(f"\n{station:<8} {rows:>9} {up:>13}  {evidence:<15} {events}")
    for station in sorted(records):
        _print_station(station, records[station], found)
    print()
    for row in sorted(found["alerts"], key=lambda row: (-row["severity"], row["opened_ms"])):
        activity = texts.named(language(), "activity", row["activity"])
        severity = texts.text(language(), f"severity.{row['severity']}")
        rang = say("rang") if row["rung_ms"] else say("did not ring")
        alert = say("alert {code}", code=row["id"])
        print(f"{alert}: {activity}, {row['place']}, {severity}, {rang}")
        reason = sentence(msgspec.convert(row["reason"], Reason), language())
        print(textwrap.fill(reason, 79, initial_indent="    ", subsequent_indent="    "))
        _print_latency(row["id"], found, phone)


def _print_station(station: str, records: int, found: dict[str, Rows]) -> None:
    kinds = Counter(
        texts.named(language(), "class", name_of(row["cls"])) for row in found["events"] if row["station"] == station
    )
    words = ", ".join(f"{count} {name}" for name, count in sorted(kinds.items()))
    whole = [row["bytes"] for row in found["media"] if row["station"] == station and row["state"] == "whole"]
    beats = [row["counters"] for row in found["heartbeats"] if row["station"] == station and row["sensor"] == 0]
    up = beats[0].get(str(int(Count.BYTES_SENT)), 0) if beats else 0
    size = f"{len(whole)} ({sum(whole) / 1000:.0f} kB)"
    print(textwrap.fill(f"{station:<8} {records:>9} {up:>13}  {size:<15} {words}", 79, subsequent_indent=" " * 50))


def _print_latency(code: str, found: dict[str, Rows], phone: Phone) -> None:
    covered = {(row["station"], row["outbox"], row["event"]) for row in found["alert_events"] if row["alert"] == code}
    starts = [row["start_ms"] for row in found["events"] if (row["station"], row["outbox"], row["event"]) in covered]
    heard = [message.at_s for message in phone.messages if code in message.body]
    if starts and heard:
        print(say("    first capture to phone: {seconds:.1f} s", seconds=min(heard) - min(starts) / 1000))
