"""Pure: what evidence that rings nobody lacks to ring, by the numbers of the fusion."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from otorongo.hub import fusion
from otorongo.hub.alerts import Evidence, Severity
from otorongo.hub.config_activities import ActivityConfig
from otorongo.hub.fusion import Pair
from otorongo.wire import classes


class Lack(Struct, frozen=True):
    """What is missing at the moment at which the evidence is strongest; all of it at once."""

    belief: float
    """Probability that was reached; `ring_at` or more: it is sure enough."""
    ring_at: float
    second: bool
    """Another pair of station and class, so that one alone does not ring."""
    stranger: bool
    """Something else than shots and boats, where people hunt and fish by right."""


def of(counted: Iterable[tuple[Evidence, float]], activity: ActivityConfig, kind: str) -> Lack | None:
    """What is missing, given events with their weighted evidence; None: nothing, or there is no evidence at all."""
    there = list(counted)
    found = fusion.level(there, activity, kind)
    if found.severity >= Severity.ALERT:
        return None
    half_life_ms = activity.half_life_min * 60_000
    strongest: Mapping[Pair, float] = max(
        (dict(one) for one in fusion.moments(there, half_life_ms)), key=lambda one: sum(one.values()), default={}
    )
    if not strongest:
        return None
    supporting = [cls for (_, cls), strength in strongest.items() if strength >= fusion.MIN_SUPPORT]
    open_to_all = all(classes.name_of(cls) in fusion.OPEN_IN_SHARED_USE for cls in supporting)
    return Lack(
        found.belief,
        activity.ring_at,
        second=len(supporting) < 2 and not activity.alone,
        stranger=kind == "shared_use" and open_to_all,
    )
