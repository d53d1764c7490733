"""Pure: what begins anew under an alert that never ended.

Faint or rejected evidence, of one microphone by a road or of somebody who wants it so, can keep an alert going for
days. Its rings are spent by then, and what everybody would be rung for must not fall silent into it.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from otorongo.hub import escalation, fusion
from otorongo.hub.alerts import RINGING, Alert, Covered, Decision, Evidence
from otorongo.hub.config_activities import ActivityConfig
from otorongo.hub.rules import Rules

_MINUTE_MS: Final = 60_000
_AHEAD_MS: Final = 300_000
"""A station's clock may be so far ahead: what begins so shortly after a ring may be what it was for."""


def anew(
    alert: Alert,
    events: Sequence[Evidence],
    covered: Iterable[Covered],
    activity: ActivityConfig,
    rules: Rules,
    since_ms: int,
    now_ms: int,
) -> tuple[Alert, list[Decision]]:
    """Ring again for evidence that would ring by itself, and began after `quiet_min` in which nothing would have.

    `since_ms`: evidence from before it has been left out. While a party that is out holds the rings, the rounds begin
    anew when it no longer does.
    """
    quiet_ms = activity.quiet_min * _MINUTE_MS
    earliest_ms = max(alert.rung_ms + _AHEAD_MS, since_ms + quiet_ms if since_ms else 0)
    if alert.rung not in RINGING or not any(earliest_ms < one.start_ms <= now_ms for one in events):
        return alert, []
    counted = [(one, c.llr) for one, c in zip(events, covered, strict=True) if c.why == "counted"]
    stretches = fusion.loud(counted, activity, rules.kind_of(alert.place), quiet_ms)
    if not any(earliest_ms < first <= now_ms for first, _ in stretches):
        return alert, []
    again = replace(alert, round=0, rung_ms=now_ms, changed_ms=now_ms)
    if escalation.held_until_ms(alert, rules.config.notify) > now_ms:
        return again, []
    told = Decision(
        what="ring",
        alert=alert.id,
        severity=alert.severity,
        round=alert.rings,
        reason=replace(alert.reason, code="anew", detail={}),
        to=escalation.first_called(alert),
    )
    return replace(again, rings=alert.rings + 1), [told]
