"""Between the store and the evidence engine: events become evidence, decisions become alerts and delivery intents."""

import logging
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from msgspec.structs import replace

from otorongo.hub import engine, ledger, store_alerts, store_events, store_evidence
from otorongo.hub.alerts import EventKey, Evidence, State
from otorongo.hub.rules import NO_RULES, Rules, Sites
from otorongo.hub.store import Found, Store, Tx
from otorongo.wire import classes
from otorongo.wire.codes import Kind

__all__ = ["NO_RULES", "Rules", "believe", "evidence_of", "tick"]

log = logging.getLogger(__name__)

MOST_EVENTS: Final = 400
"""At one place for one activity in one judgement. Beyond that somebody's microphone is broken; the newest count."""
REACH: Final = 6
"""Half-lives after which evidence no longer bears on anything: 8 natural units are an eighth of one by then."""
_CLOSE: Final = int(Kind.CLOSE)
_Span = tuple[int, int]


def believe(tx: Tx, rules: Rules, touched: AbstractSet[EventKey], now_ms: int) -> None:
    """Judge anew every place and activity that these events speak for; alerts and intents are in the transaction."""
    if not touched or not rules.active:
        return
    rows = [row for row in store_events.events_at(tx, sorted(touched)) if row["cls"] in rules.weighed]
    if not rows:
        return
    sites = rules.sites(store_evidence.positions(tx))
    spans: dict[tuple[str, str], _Span] = {}
    for row in rows:
        start, last = row["start_ms"], _last_ms(row)
        for activity in sites.judged_as(row["station"], row["cls"], row["tags"]):
            key = (sites.place_of(row["station"], activity), activity.name)
            low, high = spans.get(key, (start, last))
            spans[key] = min(low, start), max(high, last)
    for place, name, first, last in store_evidence.alerts_over(
        tx, [(r["station"], r["outbox"], r["event"]) for r in rows]
    ):
        low, high = spans.get((place, name), (first, last))  # they may have been dated elsewhere before
        if name in rules.activities:
            spans[place, name] = min(low, first), max(high, last)
    for place, name in sorted(spans):  # in this order, so that two workers never wait for each other
        _judge(tx, rules, sites, place, name, spans[place, name], now_ms)


def tick(store: Store, rules: Rules, now_ms: int) -> int:
    """Let time pass over every living alert; how many places and activities have one."""
    with store.read() as tx:
        waiting = store_evidence.unresolved(tx)
    for place, activity in waiting:
        with store.write() as tx:
            store_alerts.lock_belief(tx, place, activity)
            alerts = [ledger.alert_of(row) for row in store_evidence.unresolved_of(tx, place, activity)]
            state = State(place=place, activity=activity, alerts=tuple(alerts))
            state, decisions = engine.step(state, (), now_ms, rules)
            ledger.record(tx, rules, alerts, state.alerts, decisions, now_ms)
    return len(waiting)


def evidence_of(row: Sequence[Any]) -> Evidence:
    """An event of the store, as `store_evidence.events_of` finds it, as the engine takes it."""
    station, outbox, event, seq, sensor, cls, evidence, tags, kind, duration_ms, *more = row
    hits, peak, f0_dhz, trend, count, start_ms, end_ms, received_ms = more
    return Evidence(
        station=station,
        outbox=outbox,
        event=event,
        seq=seq,
        sensor=sensor,
        cls=cls,
        llr=evidence / 10,
        start_ms=start_ms,
        last_ms=end_ms if end_ms is not None else start_ms + duration_ms,
        closed=kind == _CLOSE,
        received_ms=received_ms,
        tags=tags,
        hits=hits,
        peak=peak,
        f0_dhz=f0_dhz,
        trend=trend,
        count=count,
    )


def _last_ms(row: Found) -> int:
    """Its end; while it is open, as far as the station has told."""
    return int(row["end_ms"] if row["end_ms"] is not None else row["start_ms"] + row["duration_ms"])


def _judge(tx: Tx, rules: Rules, sites: Sites, place: str, name: str, span: _Span, now_ms: int) -> None:
    store_alerts.lock_belief(tx, place, name)
    activity = rules.activities[name]
    reach_ms = int(max(activity.quiet_min, REACH * activity.half_life_min) * 60_000)
    low, high = span[0] - reach_ms, span[1] + reach_ms
    near = store_evidence.alerts_near(tx, place, name, low, high)
    alive = [row for row in near if row["resolution"] in ("", "quiet")]
    # Of an alert that has gone on for days only what bears on the new evidence is judged anew.
    low = max(min([low, *(row["first_ms"] for row in alive)]), low - reach_ms)
    high = min(max([high, *(row["last_ms"] for row in alive)]), high + reach_ms)
    wanted = [classes.BY_NAME[cls].number for cls in activity.weights]
    stations = sites.stations_of(place, activity)
    rows = store_evidence.events_of(tx, stations, wanted, low, high, limit=MOST_EVENTS)
    if len(rows) == MOST_EVENTS:
        log.debug("place %s, %s: more than %d events at once; the newest count", place, name, MOST_EVENTS)
    speaks: dict[tuple[str, int, int], bool] = {}
    mine = []
    for one in map(evidence_of, rows):
        key = one.station, one.cls, one.tags
        if key not in speaks:
            speaks[key] = any(judged.name == name for judged in sites.judged_as(*key))
        if speaks[key]:
            mine.append(one)
    alerts = ledger.alerts_of(tx, near, low, high)
    before = State(place=place, activity=name, alerts=tuple(alerts), since_ms=low, until_ms=high)
    state, decisions = engine.step(before, mine, now_ms, rules)
    # Forty bits of a hash meet by chance in years, and by force in hours: no alert takes the place of another.
    while taken := store_alerts.known(tx, {one.id for one in state.alerts} - {one.id for one in alerts}):
        before = replace(before, taken=before.taken | taken)
        state, decisions = engine.step(before, mine, now_ms, rules)
    ledger.record(tx, rules, alerts, state.alerts, decisions, now_ms)
