"""Pure: what time brings. Nobody goes, a party is not back, an alert has gone quiet."""

from typing import Final

from msgspec.structs import replace

from otorongo.hub.alerts import Alert, Decision, Going, Reason, Severity
from otorongo.hub.config import NotifyConfig
from otorongo.hub.config_activities import ActivityConfig

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS


def first_called(alert: Alert) -> tuple[str, ...]:
    """The roles that an alert rings first."""
    return ("protocol_holder",) if alert.sealed else ("ranger",)


def looks_after(alert: Alert) -> tuple[str, ...]:
    """The roles that are told first of a party that is not back, or stays away longer."""
    return ("protocol_holder",) if alert.sealed else ("coordinator",)


def watches_closings(alert: Alert) -> tuple[str, ...]:
    """The roles that are told of closings. Of a sealed alert nobody else may learn that it is there."""
    return ("protocol_holder",) if alert.sealed else ("auditor",)


def called(alert: Alert, round_: int, notify: NotifyConfig) -> tuple[str, ...]:
    """The roles that are rung in a round, 0 being the first. A sealed alert never reaches anybody else."""
    roles = list(first_called(alert))
    if not alert.sealed:
        roles += ["coordinator"] if round_ >= notify.escalate_after_rounds else []
        roles += ["second_organisation"] if round_ >= notify.second_organisation_after_rounds else []
    return tuple(roles)


def advance(alert: Alert, now_ms: int, activity: ActivityConfig, notify: NotifyConfig) -> tuple[Alert, list[Decision]]:
    """Let time pass over one alert.

    "Seen", "confirmed" and a closing that waits for a second person stop nothing here; "I go" does, until its deadline.
    A party that is out is looked after whatever has become of the alert.
    """
    alert, decisions = _overdue(alert, now_ms, notify)
    if alert.state == "resolved":
        return alert, decisions
    if alert.rung < Severity.ALERT:
        alert, told = (alert, []) if alert.going else _quiet(alert, now_ms, activity)
        return alert, decisions + told
    due_ms = max(alert.rung_ms + notify.re_ring_after_min * MINUTE_MS, held_until_ms(alert, notify))
    if now_ms < due_ms or alert.round + 1 >= notify.rounds:
        return alert, decisions
    number = alert.rings
    alert = replace(alert, round=alert.round + 1, rings=number + 1, rung_ms=now_ms, changed_ms=now_ms)
    rering = Decision(
        what="rering",
        alert=alert.id,
        severity=alert.rung,
        round=number,
        reason=replace(alert.reason, code="rering", detail={}),
        to=called(alert, alert.round, notify),
    )
    return alert, [*decisions, rering]


def held_until_ms(alert: Alert, notify: NotifyConfig) -> float:
    """Until when parties that are out hold the rings; 0: none does.

    Each does until it should be back and the grace after that, but never past `going_at_most_h` after anybody of its
    group first went: nobody holds them longer by changing the trip, by going again, or by taking turns.
    """
    grace_ms, at_most_ms = notify.overdue_grace_min * MINUTE_MS, notify.going_at_most_h * HOUR_MS
    until_ms = 0.0
    for one in alert.going:
        mine = (said.at_ms for said in alert.gone if said.who == one.who or said.group == one.group)
        until_ms = max(until_ms, min(one.back_ms, min(mine, default=one.since_ms) + at_most_ms) + grace_ms)
    return until_ms


def _quiet(alert: Alert, now_ms: int, activity: ActivityConfig) -> tuple[Alert, list[Decision]]:
    """What never rang leaves the list of the living when nothing comes any more. It can come back."""
    if now_ms - max(alert.last_ms, alert.changed_ms) <= activity.quiet_min * MINUTE_MS:
        return alert, []
    reason = replace(alert.reason, code="quiet", detail={})
    told = Decision(what="quiet", alert=alert.id, severity=alert.severity, reason=reason)
    return replace(alert, state="resolved", resolution="quiet", resolved_ms=now_ms, changed_ms=now_ms), [told]


def _overdue(alert: Alert, now_ms: int, notify: NotifyConfig) -> tuple[Alert, list[Decision]]:
    """A party that is not back rings the coordinator, then a second organisation."""
    decisions = []
    for going in alert.going:
        alert, told = _overdue_party(alert, going, now_ms, notify)
        decisions += told
    return alert, decisions


def _overdue_party(alert: Alert, going: Going, now_ms: int, notify: NotifyConfig) -> tuple[Alert, list[Decision]]:
    grace_ms = notify.overdue_grace_min * MINUTE_MS
    stage = int(now_ms >= going.back_ms + grace_ms) + int(now_ms >= going.back_ms + 2 * grace_ms)
    if stage <= going.overdue_told:
        return alert, []
    roles = looks_after(alert) if alert.sealed else ("coordinator", "second_organisation")[:stage]
    detail = {"back_ms": going.back_ms, "route": going.route, "party": going.party}
    told = Decision(
        what="overdue",
        alert=alert.id,
        severity=alert.rung,
        round=alert.overdues,
        reason=Reason(code="overdue", who=going.who, detail=detail),
        to=roles,
    )
    parties = tuple(replace(one, overdue_told=stage) if one.who == going.who else one for one in alert.going)
    return replace(alert, going=parties, overdues=alert.overdues + 1, changed_ms=now_ms), [told]
