"""Pure: what people have closed, and how far it holds.

What two people of different groups closed is over: nothing of its events counts any more. What one person closed holds
for what had been judged by then, so that nobody silences alone what goes on, grows or is noticed by others too.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from msgspec import Struct

from otorongo.hub.alerts import Alert, Covered, EventKey, Evidence, Severity
from otorongo.hub.config import NotifyConfig


class Closings(Struct, frozen=True):
    """The events that closed alerts cover."""

    for_good: frozenset[EventKey]
    """Two people closed them."""
    by_one: Mapping[EventKey, tuple[Alert, Covered]]
    """One person did: the last alert that was closed over each, and what the event was judged to be in it."""
    grace_ms: float
    """What lasts so little longer than its closing has not gone on: stations tell of an end a little later."""


def of(alerts: Iterable[Alert], notify: NotifyConfig) -> Closings:
    """What people have closed among these alerts."""
    closed = sorted((one for one in alerts if one.closed_by_people), key=lambda one: (one.resolved_ms, one.id))
    for_good = frozenset(c.key for one in closed if one.agreed for c in one.covered)
    by_one = {c.key: (one, c) for one in closed if not one.agreed for c in one.covered if c.key not in for_good}
    return Closings(for_good, by_one, notify.re_ring_after_min * 60_000)


def held(closed: Closings, events: Sequence[Evidence], covered: Sequence[Covered]) -> frozenset[EventKey]:
    """Those of these events, with what they are judged to be now, of which a closing by one person holds."""
    if not closed.by_one:
        return frozenset()
    pairs = zip(events, covered, strict=True)
    return frozenset(one.key for one, now in pairs if one.key in closed.by_one and not _more(closed, one, now))


def _more(closed: Closings, one: Evidence, now: Covered) -> bool:
    """Whether an event is more than what was closed: stronger, longer, or it counts and did not."""
    alert, then = closed.by_one[one.key]
    stronger = now.llr > then.llr + 1e-9
    counts = now.why == "counted" and then.why != "counted"
    return stronger or counts or one.last_ms > alert.resolved_ms + closed.grace_ms


def rung(closed: Closings, keys: AbstractSet[EventKey]) -> Severity:
    """The highest severity for which people had been rung for these events when one person closed them."""
    return max((closed.by_one[key][0].rung for key in keys), default=Severity.NONE)


def fallen(closed: Closings, keys: AbstractSet[EventKey]) -> list[str]:
    """Codes of the alerts of which a new one takes these events up again."""
    return sorted({closed.by_one[key][0].id for key in keys if key in closed.by_one})
