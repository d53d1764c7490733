"""What an alert that rang nobody lacks to ring, in one sentence."""

from collections.abc import Sequence

from otorongo.hub import lacking, reasons, texts
from otorongo.hub.alerts import RINGING, Alert, Evidence
from otorongo.hub.store import Found
from otorongo.hub.web.render import Page


def told(page: Page, alert: Alert, covered: Sequence[Found]) -> str:
    """The sentence; empty for an alert that rang, is over, or of which nothing counts."""
    activity = page.site.rules.activities.get(alert.activity)
    if alert.state != "open" or alert.severity in RINGING or activity is None:
        return ""
    counted = [(_evidence(row), row["llr"]) for row in covered if not row["suppressed"] and not row["late"]]
    lack = lacking.of(counted, activity, page.site.rules.kind_of(alert.place))
    if lack is None:
        return ""
    parts = []
    if lack.second:
        parts.append(page.t("page.lack.second"))
    if lack.stranger:
        parts.append(page.t("page.lack.stranger"))
    if lack.belief < lack.ring_at:
        now, need = texts.percent(reasons.believed(lack.belief)), texts.percent(f"{lack.ring_at * 100:g}")
        parts.append(page.t("page.lack.belief", now=now, need=need))
    return page.t("page.lack", parts=texts.listed(page.lang, parts)) if parts else ""


def _evidence(row: Found) -> Evidence:
    last_ms = row["end_ms"] if row["end_ms"] is not None else row["start_ms"] + row["duration_ms"]
    names = ("station", "outbox", "event", "seq", "cls", "start_ms", "received_ms")
    return Evidence(**{name: row[name] for name in names}, llr=row["llr"], last_ms=last_ms)
