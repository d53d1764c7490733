"""Alerts as the store keeps them, and everything that a decision writes: the alert, its life, the messages it intends.

All of it happens in the caller's transaction, so that an alert and the intent to tell of it are there together or not
at all.
"""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from otorongo.hub import store_alerts, store_deliveries, store_evidence
from otorongo.hub.alerts import Alert, Covered, Decision, Going, Pending, Reason, Said, Severity
from otorongo.hub.config_persons import PersonConfig
from otorongo.hub.rules import Rules
from otorongo.hub.store import Found, Tx

NAMESPACE: Final = uuid.UUID("6f0f3f9e-52d4-5e64-9c0b-0b1f0c1d7a11")
RINGS: Final = ("ring", "raise", "rering")
"""Kinds of delivery that a closed alert no longer sends."""
_KINDS: Final = {"ring": "ring", "raised": "raise", "rering": "rering", "overdue": "overdue", "extended": "extended"}
_DATA: Final = (
    *("rung", "round", "rings", "going", "gone", "confirmed", "agreed", "pending", "seen_by", "audits", "overdues"),
    "merged_into",
)


def alert_of(row: Found, covered: Iterable[Covered] = ()) -> Alert:
    """An alert as the store has it."""
    data = row["data"] or {}
    return Alert(
        **{name: row[name] for name in ("id", "place", "activity", "state", "resolution", "belief")},
        **{name: row[name] for name in ("first_ms", "last_ms", "opened_ms", "changed_ms", "rung_ms", "resolved_ms")},
        sealed=bool(row["sealed"]),
        drill=bool(row["drill"]),
        severity=Severity(row["severity"]),
        reason=reason_of(row["reason"]),
        covered=tuple(covered),
        rung=Severity(data.get("rung", 0)),
        round=data.get("round", 0),
        rings=data.get("rings", data.get("round", 0) + 1 if data.get("rung") else 0),
        going=tuple(msgspec.convert(one, Going) for one in data.get("going") or ()),
        gone=tuple(msgspec.convert(one, Said) for one in data.get("gone") or ()),
        confirmed=tuple(msgspec.convert(one, Said) for one in data.get("confirmed") or ()),
        agreed=data.get("agreed", False),
        pending=msgspec.convert(data["pending"], Pending) if data.get("pending") else None,
        seen_by=tuple(data.get("seen_by", ())),
        audits=data.get("audits", 0),
        overdues=data.get("overdues", 0),
        merged_into=data.get("merged_into", ""),
    )


def alerts_of(tx: Tx, rows: Sequence[Found], from_ms: int = 0, to_ms: int = 1 << 62) -> list[Alert]:
    """Alerts with what they cover, of events that began in a period."""
    found: dict[str, list[Covered]] = {row["id"]: [] for row in rows}
    for alert, key, weight, llr, reason in store_evidence.covers(tx, list(found), from_ms, to_ms) if found else []:
        found[alert].append(
            Covered(
                key=key,
                weight=weight,
                llr=llr,
                why=reason.get("why", "counted"),
                right=reason.get("right", ""),
                right_state=reason.get("right_state", ""),
            )
        )
    return [alert_of(row, found[row["id"]]) for row in rows]


def reason_of(data: Any) -> Reason:
    """A reason as the store has it, of an alert, of a line of its life."""
    return msgspec.convert(data or {"code": ""}, Reason)


def record(
    tx: Tx, rules: Rules, before: Iterable[Alert], after: Iterable[Alert], decisions: Iterable[Decision], now_ms: int
) -> None:
    """Write what has changed, what was decided, and whom it is to be told."""
    old = {one.id: one for one in before}
    alerts = {one.id: one for one in after}
    for one in alerts.values():
        if old.get(one.id) != one:
            _put(tx, old.get(one.id), one, now_ms)
    for decision in decisions:
        alert = alerts[decision.alert]
        data = {"severity": int(decision.severity), "round": decision.round, "reason": _plain(decision.reason)}
        store_alerts.log(tx, alert.id, now_ms, decision.what, who=decision.reason.who, data=data)
        if decision.to:
            _intend(tx, rules, alert, decision, now_ms)
        if alert.state == "resolved" and alert.resolution != "merged":  # then another alert goes on with them
            store_deliveries.drop(tx, alert.id, f"the alert was closed: {alert.resolution}", kinds=RINGS)


def _put(tx: Tx, old: Alert | None, one: Alert, now_ms: int) -> None:
    columns = {name: getattr(one, name) for name in ("id", "place", "activity", "state", "resolution", "belief")}
    times = {name: getattr(one, name) for name in ("first_ms", "last_ms", "opened_ms", "changed_ms", "rung_ms")}
    store_alerts.put_alert(
        tx,
        {
            **columns,
            **times,
            "resolved_ms": one.resolved_ms,
            "severity": int(one.severity),
            "sealed": one.sealed,
            "drill": one.drill,
            "parties": len(one.going),
            "reason": _plain(one.reason),
            "data": {name: _plain(getattr(one, name)) for name in _DATA},
        },
    )
    had = {c.key: c for c in old.covered} if old else {}
    has = {c.key: c for c in one.covered}
    store_evidence.uncover(tx, one.id, sorted(had.keys() - has.keys()))
    store_alerts.cover(tx, one.id, [_covered(c, now_ms) for key, c in has.items() if had.get(key) != c])


def _covered(one: Covered, now_ms: int) -> dict[str, Any]:
    station, outbox, event = one.key
    return {
        "station": station,
        "outbox": outbox,
        "event": event,
        "weight": one.weight,
        "llr": one.llr,
        "late": one.late,
        "suppressed": one.suppressed,
        "added_ms": now_ms,
        "reason": {"why": one.why, "right": one.right, "right_state": one.right_state},
    }


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)


def _intend(tx: Tx, rules: Rules, alert: Alert, decision: Decision, now_ms: int) -> None:
    people = reached(rules, alert, decision.to)
    kind = _KINDS.get(decision.what, "audit")
    intents = [
        {
            "id": str(uuid.uuid5(NAMESPACE, f"{alert.id}/{one.name}/{n}/{kind}/{alert.rung:d}/{decision.round}")),
            "alert": alert.id,
            "person": one.name,
            "channel": n,
            "kind": kind,
            "severity": int(alert.rung),
            "round": decision.round,
            "created_ms": now_ms,
            "next_at_ms": now_ms,
        }
        for one in people
        for n in range(len(one.channels))
    ]
    store_deliveries.add(tx, intents)
    if not intents:
        reason = Reason(code="nobody", detail={"roles": list(decision.to)})
        store_alerts.log(tx, alert.id, now_ms, "held", data={"reason": _plain(reason)})


def reached(rules: Rules, alert: Alert, roles: Sequence[str]) -> list[PersonConfig]:
    """Whom an alert tells something: see `reachable`."""
    return reachable(rules, alert.place, alert.activity, roles, sealed=alert.sealed)


def reachable(
    rules: Rules, place: str, activity: str, roles: Sequence[str] = ("ranger",), *, sealed: bool = False
) -> list[PersonConfig]:
    """Those of these roles for a place who have a channel; if there are none, whoever stands beside them.

    What is sealed, and what auditors are told, reaches nobody else.
    """
    others: list[Sequence[str]] = [("coordinator",), ("second_organisation",), ("ranger",)]
    for one in [roles, *(others if {"ranger", "coordinator"} & set(roles) and not sealed else [])]:
        people = [person for person in rules.persons(place, activity, one) if person.channels]
        if people:
            return people
    return []
