"""Pure: how milliseconds since a station's boot become UTC, and which dates to believe."""

import bisect
from collections.abc import Sequence
from typing import Final

from msgspec import Struct, structs

from otorongo.wire.batch import UNKNOWN_BOUND, Mapping
from otorongo.wire.codes import Clock

FUTURE_MS: Final = 300_000
"""A row this much later than its receipt, beyond the clock's bound, is quarantined."""
UNKNOWN_MS: Final = 1 << UNKNOWN_BOUND
"""The bound of a date that nobody vouches for."""
EARLIEST_MS: Final = 946_684_800_000
LATEST_MS: Final = 4_102_444_800_000
"""2000 and 2100: a clock that told another time was never set, or lies."""


class Boot(Struct, frozen=True):
    """One clock domain of one outbox. Times in ms; UTC since 1970."""

    boot: int
    first_ms: int
    """Smallest and largest time of its rows, since boot."""
    last_ms: int
    latest_utc0_ms: int
    """UTC of boot cannot have been later: its rows were received by then."""
    clock: int = Clock.UNSET
    """What the station's clock was set by; UNSET: it never told UTC."""
    told_utc0_ms: int = 0
    told_bound_ms: int = UNKNOWN_MS
    utc0_ms: int = 0
    """UTC of boot by which rows are dated."""
    bound_ms: int = UNKNOWN_MS
    """How wrong that may be."""

    @property
    def told(self) -> bool:
        """True if the station ever knew what time it was in this boot."""
        return self.clock != Clock.UNSET


def meet(known: Boot | None, boot: int, first_ms: int, last_ms: int, mapping: Mapping, now_ms: int) -> Boot:
    """What is known of a boot after a batch with rows from `first_ms` to `last_ms`, received at `now_ms`.

    The better mapping stays: of the better clock, then of the smaller bound, then the later one, so that it does not
    matter in which order batches come.
    """
    latest = now_ms - last_ms
    merged = Boot(boot, first_ms, last_ms, latest) if known is None else _widened(known, first_ms, last_ms, latest)
    if mapping.clock == Clock.UNSET or not EARLIEST_MS <= mapping.utc0_ms < LATEST_MS:
        return merged
    offered = (mapping.clock, -mapping.bound_ms, mapping.utc0_ms)
    if merged.told and offered <= (merged.clock, -merged.told_bound_ms, merged.told_utc0_ms):
        return merged
    utc0_ms, bound_ms = mapping.utc0_ms, mapping.bound_ms
    told = structs.replace(merged, clock=mapping.clock, told_utc0_ms=utc0_ms, told_bound_ms=bound_ms)
    return structs.replace(told, utc0_ms=utc0_ms, bound_ms=bound_ms)


def _widened(known: Boot, first_ms: int, last_ms: int, latest_utc0_ms: int) -> Boot:
    return structs.replace(
        known,
        first_ms=min(known.first_ms, first_ms),
        last_ms=max(known.last_ms, last_ms),
        latest_utc0_ms=min(known.latest_utc0_ms, latest_utc0_ms),
    )


def between_neighbours(boots: Sequence[Boot]) -> list[Boot]:
    """Date the boots of one outbox that never had a clock, and return all of them in order.

    Such a boot lies after the last row of the dated boot before it, before the first row of the next, and before its
    own rows were received; rows are dated in the middle of what is left, with half of it as the bound. Neighbours that
    contradict each other, as a replay of old recordings does, say nothing.
    """
    ordered = sorted(boots, key=lambda boot: boot.boot)
    dated = [boot for boot in ordered if boot.told]
    numbers = [boot.boot for boot in dated]
    out = []
    for boot in ordered:
        if boot.told:
            out.append(boot)
            continue
        place = bisect.bisect(numbers, boot.boot)
        before = dated[place - 1] if place else None
        after = dated[place] if place < len(dated) else None
        out.append(_squeezed(boot, before, after))
    return out


def _squeezed(boot: Boot, before: Boot | None, after: Boot | None) -> Boot:
    latest = boot.latest_utc0_ms
    if after is not None:
        latest = min(latest, after.utc0_ms + after.first_ms - boot.last_ms)
    earliest = None if before is None else before.utc0_ms + before.last_ms - boot.first_ms
    if earliest is None or earliest > latest:
        return structs.replace(boot, utc0_ms=max(boot.latest_utc0_ms, 0), bound_ms=UNKNOWN_MS)
    middle = (earliest + latest) // 2
    return structs.replace(boot, utc0_ms=middle, bound_ms=max(latest - middle, 1))


def is_future(utc_ms: int, bound_ms: int, received_ms: int) -> bool:
    """True if a row claims to have happened after it was received, beyond what its clock's bound explains."""
    return utc_ms > received_ms + bound_ms + FUTURE_MS
