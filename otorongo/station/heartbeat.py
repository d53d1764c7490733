"""The station's own heartbeat as a row. Pure."""

from collections.abc import Mapping

from otorongo.station.outbox import Stats
from otorongo.station.ports import Vitals
from otorongo.wire.rows import Heartbeat

_U16 = 0xFFFF
_U32 = 0xFFFFFFFF
_U63 = 0x7FFFFFFFFFFFFFFF


def station_heartbeat(
    t_ms: int, vitals: Vitals, stats: Stats, counters: Mapping[int, int], *, next_contact_s: int
) -> Heartbeat:
    """That the station lives, how it fares, and when it will say so again. Counters that are zero stay out."""
    return Heartbeat(
        t_ms,
        sensor=0,
        next_contact_s=_within(next_contact_s, _U32),
        temperature_dc=max(-0x8000, min(0x7FFF, vitals.temperature_dc)),
        disk_free_mb=_within(vitals.disk_free_mb, _U32),
        battery_mv=_within(vitals.battery_mv, _U16),
        waiting=_within(stats.waiting, _U32),
        counters={int(key): _within(value, _U63) for key, value in counters.items() if value},
    )


def _within(value: int, most: int) -> int:
    return max(0, min(most, value))
