"""Pure: what time brings. Nobody goes, a party is not back, an alert has gone quiet."""

from typing import Final

from msgspec.structs import replace

from otorongo.hub.alerts import Alert, Decision, Going, Reason, Severity
from otorongo.hub.config import NotifyConfig
from otorongo.hub.config_activities import ActivityConfig

MINUTE_MS: Final = 60_000


def first_called(alert: Alert) -> tuple[str, ...]:
    """The roles that an alert rings first."""
    return ("protocol_holder",) if alert.sealed else ("ranger",)


def called(alert: Alert, round_: int, notify: NotifyConfig) -> tuple[str, ...]:
    """The roles that are rung in a round, 0 being the first. A sealed alert never reaches anybody else."""
    roles = list(first_called(alert))
    if not alert.sealed:
        roles += ["coordinator"] if round_ >= notify.escalate_after_rounds else []
        roles += ["second_organisation"] if round_ >= notify.second_organisation_after_rounds else []
    return tuple(roles)


def advance(alert: Alert, now_ms: int, activity: ActivityConfig, notify: NotifyConfig) -> tuple[Alert, list[Decision]]:
    """Let time pass over one alert.

    "Seen" and a closing that waits for a second person stop nothing here; "I go" does, until its deadline.
    """
    if alert.state == "resolved":
        return alert, []
    if alert.rung < Severity.ALERT:
        return _quiet(alert, now_ms, activity)
    alert, decisions = _overdue(alert, now_ms, notify)
    grace_ms = notify.overdue_grace_min * MINUTE_MS
    deadline_ms = max((one.back_ms + grace_ms for one in alert.going), default=0)
    due_ms = max(alert.rung_ms + notify.re_ring_after_min * MINUTE_MS, deadline_ms)
    if now_ms < due_ms or alert.round + 1 >= notify.rounds:
        return alert, decisions
    alert = replace(alert, round=alert.round + 1, rung_ms=now_ms, changed_ms=now_ms)
    told = Decision(
        what="rering",
        alert=alert.id,
        severity=alert.rung,
        round=alert.round,
        reason=replace(alert.reason, code="rering", detail={}),
        to=called(alert, alert.round, notify),
    )
    return alert, [*decisions, told]


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
    roles = ("protocol_holder",) if alert.sealed else ("coordinator", "second_organisation")[:stage]
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
