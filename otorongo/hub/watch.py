"""What time alone brings about: who is late, what never closed, seals to check, sessions and links that expire."""

import logging

from otorongo.hub import custody, notices, store_deliveries, store_events, store_people, store_stations
from otorongo.hub.belief import Rules, believe
from otorongo.hub.liveness import STATION, Cadence, Health, Heard, Telling, judge
from otorongo.hub.store import Store, Tx, lock

log = logging.getLogger(__name__)


def tick(store: Store, rules: Rules, cadence: Cadence, now_ms: int, *, close_after_ms: int) -> list[Telling]:
    """Everything that time alone brings about, once; what there is to tell of stations."""
    tellings = health(store, rules, cadence, now_ms)
    close(store, rules, now_ms, close_after_ms)
    tidy(store, now_ms)
    custody.verify_all(store)
    return tellings


def health(store: Store, rules: Rules, cadence: Cadence, now_ms: int) -> list[Telling]:
    """Judge stations and sensors, write notes, and let coordinators know; what there is to tell."""
    with store.write() as tx:
        lock(tx, "watch")  # several hubs on one PostgreSQL tell it once
        tellings = tell_health(tx, cadence, now_ms)
        _ring(tx, rules, tellings, now_ms)
    return tellings


def close(store: Store, rules: Rules, now_ms: int, close_after_ms: int) -> int:
    """Close as lost the events of which nothing was heard for so long; how many."""
    with store.write() as tx:
        lock(tx, "close")
        lost = store_events.close_timed_out(tx, now_ms - close_after_ms, now_ms)
        if lost:
            log.info("%d events never closed and are closed as lost", len(lost))
        believe(tx, rules, frozenset(lost), now_ms)
    return len(lost)


def tidy(store: Store, now_ms: int) -> None:
    """Forget sessions and links that have expired."""
    with store.write() as tx:
        store_people.drop_sessions(tx, now_ms)
        store_deliveries.drop_tokens(tx, now_ms)


def tell_health(tx: Tx, cadence: Cadence, now_ms: int) -> list[Telling]:
    """Judge every station and sensor, and note for the technician what is news."""
    told = {
        (row["station"], row["sensor"]): Health(row["state"], row["since_ms"], row["due_ms"])
        for row in store_stations.healths(tx)
    }
    healths, news = judge(heard(tx), told, now_ms, cadence)
    for (station, sensor), health in healths.items():
        if told.get((station, sensor)) != health:
            row = {"state": health.state, "since_ms": health.since_ms, "due_ms": health.due_ms}
            store_stations.put_health(tx, {"station": station, "sensor": sensor, **row})
    for one in news:
        who = f"station {one.station}" if one.sensor == STATION else f"station {one.station}, sensor {one.sensor}"
        text = f"{who}: {one.news}, last heard {(now_ms - one.heard_ms) // 60_000} min ago"
        if one.news == "back":
            text = f"{who}: back after {(now_ms - one.since_ms) // 60_000} min"
        log.warning("%s", text)
        store_stations.add_note(tx, one.station, now_ms, one.news, text, sensor=one.sensor)
    return news


def _ring(tx: Tx, rules: Rules, tellings: list[Telling], now_ms: int) -> None:
    """Coordinators get a message when a station or sensor falls silent, and when a silent one is back."""
    for one in tellings:
        if one.news == "silent" or (one.news == "back" and one.was_silent):
            told = {"station": one.station, "sensor": one.sensor, "news": one.news}
            notices.tell(tx, rules, ("coordinator",), "health", told, now_ms)


def heard(tx: Tx) -> list[Heard]:
    """What was last heard of every station and sensor."""
    beats = store_stations.heartbeats_newest(tx)
    announced = {row["station"]: row["next_contact_s"] for row in beats if row["sensor"] == STATION}
    out = []
    for row in store_stations.stations_by_name(tx):
        name, asleep = row["station"], row["status"] == "sleeping"
        until_ms = row["status_ms"] + row["status_until_s"] * 1000 if asleep else 0
        heard_ms = row["last_contact_ms"] or row["first_contact_ms"]  # the broker alone spoke for it
        out.append(Heard(name, STATION, heard_ms, announced.get(name, 0), until_ms))
        mine = [beat for beat in beats if beat["station"] == name and beat["sensor"] != STATION]
        out += [Heard(name, beat["sensor"], beat["received_ms"], beat["next_contact_s"], until_ms) for beat in mine]
    return out
