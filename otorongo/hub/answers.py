"""Pure: what people do with an alert, and what follows from it.

"Seen" changes nothing but who saw it. "I go" stops escalation until its deadline, and nobody can put that off without
end. A high alert is closed only when two people of different groups say so; until then everything goes on as if nobody
had said anything. That holds for "confirmed" too: what is real must not fall silent because somebody says that it is.
"""

from typing import Any, Final, Literal, NamedTuple

from msgspec.structs import replace

from otorongo.hub.alerts import Alert, Decision, Going, Pending, Reason, Said, Severity, What
from otorongo.hub.config import NotifyConfig
from otorongo.hub.escalation import HOUR_MS, looks_after, watches_closings

Act = Literal["seen", "going", "back", "confirmed", "false", "by_right", "agree", "refuse"]
ACTS: Final = ("seen", "going", "back", "confirmed", "false", "by_right", "agree", "refuse")
Outcome = Literal[
    "done",
    "waits",
    "closed",
    "unchanged",
    "already_closed",
    "nothing_pending",
    "same_person",
    "same_group",
    "no_group",
    "needs_party",
    "bad_time",
]
"""What became of it. `waits`: a second person of another group must agree; the last five: it was not taken."""
_LONGEST_TEXT: Final = 200


class Who(NamedTuple):
    """Somebody who acts."""

    name: str
    group: str = ""


class Plan(NamedTuple):
    """What comes with "I go"; stays inside."""

    party: str = ""
    """Who goes along."""
    route: str = ""
    back_ms: int = 0
    """When they will be back; UTC."""


class Answered(NamedTuple):
    """The alert afterwards, what to write and tell, and what became of it."""

    alert: Alert
    decisions: list[Decision]
    outcome: Outcome


def answer(
    alert: Alert, who: Who, act: Act, now_ms: int, notify: NotifyConfig, *, plan: Plan | None = None, note: str = ""
) -> Answered:
    """Somebody does something with an alert."""
    note = note[:_LONGEST_TEXT]
    if act == "seen":
        return _seen(alert, who, now_ms)
    if act == "back":
        return _back(alert, who, now_ms)
    if alert.state == "resolved" and alert.resolution != "quiet":
        return Answered(alert, [], "already_closed")
    if act == "going":
        return _going(alert, who, plan or Plan(), now_ms, notify)
    if act in ("agree", "refuse"):
        return _second(alert, who, act, now_ms, note)
    if act == "confirmed":
        return _confirm(alert, who, now_ms, note)
    return _deny(alert, who, "false" if act == "false" else "by_right", now_ms, note)


def _seen(alert: Alert, who: Who, now_ms: int) -> Answered:
    if who.name in alert.seen_by:
        return Answered(alert, [], "unchanged")
    seen = replace(alert, seen_by=tuple(sorted({*alert.seen_by, who.name})), changed_ms=now_ms)
    return Answered(seen, [_told(seen, "seen", who)], "done")


def _going(alert: Alert, who: Who, plan: Plan, now_ms: int, notify: NotifyConfig) -> Answered:
    if not plan.party.strip() or not plan.route.strip():
        return Answered(alert, [], "needs_party")
    before = next((one for one in alert.going if one.who == who.name), None)
    since_ms = before.since_ms if before else now_ms
    if not now_ms < plan.back_ms <= since_ms + notify.going_at_most_h * HOUR_MS:
        return Answered(alert, [], "bad_time")
    party, route = plan.party.strip()[:_LONGEST_TEXT], plan.route.strip()[:_LONGEST_TEXT]
    going = Going(who=who.name, group=who.group, party=party, route=route, back_ms=plan.back_ms, since_ms=since_ms)
    gone = replace(
        alert,
        going=(*(one for one in alert.going if one.who != who.name), going),
        gone=_with(alert.gone, who, now_ms),
        state="acknowledged",
        resolution="",
        resolved_ms=0,
        changed_ms=now_ms,
    )
    detail = {"party": party, "route": route, "back_ms": plan.back_ms}
    if before is None or plan.back_ms <= before.back_ms:
        return Answered(gone, [_told(gone, "going", who, detail=detail)], "done")
    told = _told(gone, "extended", who, detail=detail, to=looks_after(alert), number=alert.overdues)
    return Answered(replace(gone, overdues=alert.overdues + 1), [told], "done")


def _back(alert: Alert, who: Who, now_ms: int) -> Answered:
    others = tuple(one for one in alert.going if one.who != who.name)
    if len(others) == len(alert.going):
        return Answered(alert, [], "unchanged")
    state = alert.state
    if state == "acknowledged" and not others:
        state = "notified" if alert.rung >= Severity.ALERT else "open"
    # The last ring stays where it was: the next one is due at once if nobody else goes.
    back = replace(alert, going=others, state=state, changed_ms=now_ms)
    return Answered(back, [_told(back, "back", who)], "done")


def _confirm(alert: Alert, who: Who, now_ms: int, note: str) -> Answered:
    """It is real: noted, and closed only by two groups, or where less is at stake by one once somebody has gone."""
    marked = replace(alert, confirmed=_with(alert.confirmed, who, now_ms), changed_ms=now_ms)
    agreed = len({one.group for one in marked.confirmed if one.group}) > 1
    lesser = alert.severity < Severity.HIGH and (alert.rung < Severity.ALERT or bool(alert.gone))
    if agreed or lesser:
        return _close(marked, "confirmed", who, now_ms, note, agreed=agreed)
    if marked.confirmed == alert.confirmed:
        return Answered(alert, [], "unchanged")
    return Answered(marked, [_told(marked, "confirmed", who, detail={"note": note})], "waits")


def _with(said: tuple[Said, ...], who: Who, now_ms: int) -> tuple[Said, ...]:
    """What was said, and by them too; their first time stays."""
    if any(one.who == who.name for one in said):
        return said
    return (*said, Said(who=who.name, group=who.group, at_ms=now_ms))


def _deny(alert: Alert, who: Who, what: Literal["false", "by_right"], now_ms: int, note: str) -> Answered:
    if alert.severity < Severity.HIGH:
        return _close(alert, what, who, now_ms, note, agreed=False)
    if alert.pending is not None and alert.pending.what == what and alert.pending.who != who.name:
        return _second(alert, who, "agree", now_ms, note)
    if alert.pending is not None:
        return Answered(alert, [], "same_person" if alert.pending.who == who.name else "unchanged")
    pending = Pending(what=what, who=who.name, group=who.group, at_ms=now_ms, note=note)
    waits = replace(alert, pending=pending, audits=alert.audits + 1, changed_ms=now_ms)
    detail = {"what": what, "note": note}
    told = _told(waits, "pending", who, detail=detail, to=watches_closings(alert), number=waits.audits)
    return Answered(waits, [told], "waits")


def _second(alert: Alert, who: Who, act: Act, now_ms: int, note: str) -> Answered:
    pending = alert.pending
    if pending is None:
        return Answered(alert, [], "nothing_pending")
    if act == "refuse":  # also by whoever asked: they take it back
        refused = replace(alert, pending=None, changed_ms=now_ms)
        return Answered(refused, [_told(refused, "refused", who, detail={"what": pending.what, "note": note})], "done")
    if pending.who == who.name:
        return Answered(alert, [], "same_person")
    if not who.group or not pending.group:
        return Answered(alert, [], "no_group")
    if pending.group == who.group:
        return Answered(alert, [], "same_group")
    return _close(alert, pending.what, who, now_ms, note, agreed=True)


def _close(alert: Alert, what: Any, who: Who, now_ms: int, note: str, *, agreed: bool) -> Answered:
    """Close it; whoever watches over closings learns of it if anybody had been rung."""
    tell = alert.rung >= Severity.ALERT or alert.severity >= Severity.HIGH
    closed = replace(
        alert,
        state="resolved",
        resolution=what,
        agreed=agreed,
        pending=None,
        resolved_ms=now_ms,
        changed_ms=now_ms,
        audits=alert.audits + int(tell),
    )
    second = alert.pending is not None and what != "confirmed"
    name: What = "closed" if second else what
    to = watches_closings(alert) if tell else ()
    told = _told(closed, name, who, detail={"what": what, "note": note}, to=to, number=closed.audits)
    return Answered(closed, [told], "closed")


def _told(
    alert: Alert,
    what: What,
    who: Who,
    *,
    detail: dict[str, Any] | None = None,
    to: tuple[str, ...] = (),
    number: int = 0,
) -> Decision:
    return Decision(
        what=what,
        alert=alert.id,
        severity=alert.severity,
        round=number if to else 0,
        reason=Reason(code=what, who=who.name, detail=detail or {}),
        to=to,
    )
