"""Stations as a technician wants to see them: are they there, when are they due, what ails them."""

from collections import Counter as Tally
from collections.abc import Mapping
from typing import Any, Final

from otorongo.hub import deaf, liveness, messages, noted, store_evidence, store_stations, store_web, texts, watch
from otorongo.hub.liveness import STATION, Cadence, Health
from otorongo.hub.store import Found, Tx
from otorongo.hub.users import May
from otorongo.hub.web import view_listening, view_rejected, view_seeing
from otorongo.hub.web.render import Page
from otorongo.hub.web.viewer import Viewer
from otorongo.wire.codes import Counter, GapReason

HOT_DC: Final = 800
"""Tenths of a degree at which a Raspberry Pi begins to slow down (80 degC)."""
LOW_DISK_MB: Final = 1000
WORST: Final = ("up", "deaf", "late", "silent")


def healths(tx: Tx, page: Page) -> dict[liveness.SensorKey, Health]:
    """How every station and sensor is now, as the hub judges on a tick; since when, as far as it was told."""
    told = {
        (row["station"], row["sensor"]): Health(row["state"], row["since_ms"], row["due_ms"])
        for row in store_stations.healths(tx)
    }
    return liveness.judge(watch.heard(tx), told, page.now_ms, Cadence())[0]


def places_of(tx: Tx, page: Page) -> Mapping[str, str]:
    """The place of each station that stands in one."""
    return page.site.rules.sites(store_evidence.positions(tx)).within


def watching(tx: Tx, page: Page, viewer: Viewer) -> dict[str, Any]:
    """How many stations listen where the viewer looks: an empty list means nothing where nobody listens.

    `deaf` are sentences: stations that answer while none of their sensors listens.
    """
    places, states = places_of(tx, page), healths(tx, page)
    seen = [name for name, sensor in states if sensor == STATION and _in_sight(viewer, places.get(name, ""))]
    ailing = _resting(tx, deaf.stations(seen, states, deaf.sensors(tx, states, page.now_ms)))
    tally = Tally("deaf" if name in ailing else states[name, STATION].state for name in seen)
    told = [page.t("page.watching.deaf", name=name, why=page.t(f"deaf.{ailing[name]}")) for name in sorted(ailing)]
    return {"total": len(seen), **{state: tally[state] for state in WORST}, "deaf": told}


def _in_sight(viewer: Viewer, place: str) -> bool:
    return viewer.places is None or place in viewer.places


def _resting(tx: Tx, ailing: Mapping[str, deaf.Why]) -> dict[str, deaf.Why]:
    """Without those that sleep, as they announced."""
    asleep = {row["station"] for row in store_stations.stations_by_name(tx) if row["status"] == "sleeping"}
    return {name: why for name, why in ailing.items() if name not in asleep}


def all_of(tx: Tx, page: Page, viewer: Viewer) -> list[dict[str, Any]]:
    """The stations that a viewer may see, those with trouble first."""
    places, states = places_of(tx, page), healths(tx, page)
    hearing = deaf.sensors(tx, states, page.now_ms)
    kept, dropped, missing = store_stations.count_kept(tx), store_web.rows_dropped(tx), store_web.rows_missing(tx)
    beats: dict[str, list[Found]] = {}
    for beat in store_stations.heartbeats_newest(tx):
        beats.setdefault(beat["station"], []).append(beat)
    found = []
    for row in store_stations.stations_by_name(tx):
        name = row["station"]
        if viewer.sees_station(places.get(name, "")):
            summary = _summary(page, row, states, hearing, beats.get(name, []), missing)
            counts = {"kept": kept.get(name, 0) + row["kept_dropped"], "dropped": dropped.get(name, 0)}
            found.append({**summary, **counts, "place": _place(page, places, name)})
    return sorted(found, key=lambda one: (-WORST.index(one["state"]), one["name"].casefold()))


def _place(page: Page, places: Mapping[str, str], name: str) -> str:
    return messages.sector(page.lang, places.get(name, "~"))


def _summary(
    page: Page,
    row: Found,
    states: Mapping[liveness.SensorKey, Health],
    hearing: Mapping[liveness.SensorKey, deaf.Why | None],
    beats: list[Found],
    missing: Mapping[str, int],
) -> dict[str, Any]:
    name = row["station"]
    own = states[name, STATION]
    asleep = row["status"] == "sleeping" and own.state == "up"
    ailing = [sensor for (station, sensor), why in hearing.items() if station == name and why]
    why = None if asleep else deaf.stations([name], states, hearing).get(name)
    state = "deaf" if why else own.state
    return {
        "name": name,
        "state": state,
        "state_text": page.t("page.station.asleep" if asleep else f"page.station.{state}"),
        "why_deaf": page.t("page.watching.deaf", name=name, why=page.t(f"deaf.{why}")) if why else "",
        "since_ms": own.since_ms,
        "contact_ms": row["last_contact_ms"],
        "due_ms": own.due_ms,
        "deaf": ailing,
        "bad_headers": row["bad_headers"],
        "software": row["software"],
        **_measured(beats, missing.get(name)),
    }


def _measured(beats: list[Found], missing: int | None) -> dict[str, Any]:
    """What the newest heartbeats say of the machine; None where nobody measures.

    Of the rows that waited at the heartbeat those count no more that have come since: `missing` of them have not.
    """
    own = next((beat for beat in beats if beat["sensor"] == STATION), beats[0] if beats else None)
    if own is None:
        return {"celsius": None, "hot": False, "disk_gb": None, "full": False, "volts": None, "waiting": None}
    hottest = max(beat["temperature_dc"] for beat in beats)
    disk_mb = own["disk_free_mb"]
    return {
        "celsius": hottest / 10 if hottest else None,
        "hot": hottest >= HOT_DC,
        "disk_gb": disk_mb / 1000 if disk_mb else None,
        "full": 0 < disk_mb < LOW_DISK_MB,
        "volts": own["battery_mv"] / 1000 if own["battery_mv"] else None,
        "waiting": own["waiting"] if missing is None else min(own["waiting"], missing),
    }


def one_of(tx: Tx, page: Page, viewer: Viewer, name: str) -> dict[str, Any] | None:
    """Everything about one station; None if there is none, or it is none of the viewer's."""
    places = places_of(tx, page)
    row = store_stations.station(tx, name)
    if row is None or not viewer.sees_station(places.get(name, "")):
        return None
    states = healths(tx, page)
    hearing = deaf.sensors(tx, states, page.now_ms)
    beats = store_stations.heartbeats_newest(tx, name)
    birth = store_stations.birth(tx, name, row["birth"])
    body = birth["body"] if birth else {}
    kinds = {one["number"]: one["kind"] for one in body.get("sensors", ())}
    technical = viewer.may(May.EVERYWHERE)
    return {
        **_summary(page, row, states, hearing, beats, store_web.rows_missing(tx, name)),
        "place": _place(page, places, name),
        "first_ms": row["first_contact_ms"],
        "position": _position(page, row) if technical else "",
        "height_m": row["height_m"] if technical else None,
        "config_digest": row["config_digest"][:12],
        "bundles": [f"{one['name']}@{one['version']}" for one in body.get("bundles", ())],
        "sensors": [_sensor(page, beat, kinds, states.get(_key(beat)), hearing.get(_key(beat))) for beat in beats],
        "listening": view_listening.of(tx, page, name),
        "seeing": view_seeing.of(tx, page, name),
        "notes": [_note(page, one, kinds) for one in store_stations.notes_newest(tx, name, limit=30)],
        "gaps": [_gap(page, one) for one in store_web.gaps_newest(tx, name, limit=20)],
        "kept": store_stations.kept_newest(tx, name, limit=20),
        "kept_dropped": row["kept_dropped"],
        "outboxes": [_outbox(page, one) for one in store_web.outboxes_of(tx, name)],
        **view_rejected.of(tx, page, viewer, name, places.get(name, "")),
    }


def _position(page: Page, row: Found) -> str:
    at = page.site.rules.fixed.get(row["station"])
    if at is None and row["latitude_deg"] is not None and row["longitude_deg"] is not None:
        at = (row["latitude_deg"], row["longitude_deg"])
    return f"{at[0]:.5f}, {at[1]:.5f}" if at else ""


def _key(beat: Found) -> liveness.SensorKey:
    return beat["station"], beat["sensor"]


def _sensor(
    page: Page, beat: Found, kinds: Mapping[int, str], health: Health | None, why: deaf.Why | None
) -> dict[str, Any]:
    number, state = beat["sensor"], health.state if health else "up"
    failing = why in ("fault", "stopped")
    kind = "station" if number == STATION else kinds.get(number, "sensor")
    return {
        "name": page.t(f"sensor.{kind}", number=number),
        "state": "deaf" if failing else state,
        "state_text": page.t(f"deaf.{why}" if failing else f"page.station.{state}"),
        "heard_ms": beat["received_ms"],
        "missed": texts.duration(beat["missed_ms"]) if beat["missed_ms"] else "",
        "counters": [(_counter(page, number_), value) for number_, value in sorted(_numbers(beat["counters"]).items())],
    }


def _numbers(counters: Mapping[str, int]) -> dict[int, int]:
    """JSON knows only text as a key."""
    return {int(number): int(value) for number, value in (counters or {}).items()}


def _counter(page: Page, number: int) -> str:
    names = {int(one): one.name.lower() for one in Counter}
    return texts.named(page.lang, "counter", names.get(number, f"counter-{number}"))


def _note(page: Page, row: Found, kinds: Mapping[int, str]) -> dict[str, Any]:
    kind, text = kinds.get(row["sensor"], "sensor"), noted.text(page.lang, row)
    return {
        "at_ms": row["at_ms"],
        "label": noted.label(page.lang, row),
        "text": "" if text == kind else text,
        "bad": row["what"] in ("tamper", "silent", "lost_outbox", "conflict", "chain", "key_changed"),
        "sensor": page.t(f"sensor.{kind}", number=row["sensor"]) if row["sensor"] else "",
    }


def _outbox(page: Page, row: Found) -> dict[str, Any]:
    return {**row, "chain_fault": noted.half(row["chain_fault"], page.lang)}


def _gap(page: Page, row: Found) -> dict[str, Any]:
    known = {int(one): one.name.lower() for one in GapReason}
    reason = texts.named(page.lang, "gap", known.get(row["reason"], f"gap-{row['reason']}"))
    return {
        "rows": row["last"] - row["first"] + 1,
        "reason": reason,
        "at_ms": row["received_ms"],
        "first": row["first"],
    }
