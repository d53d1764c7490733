"""An event as a row of the wire. Pure."""

from collections.abc import Iterator, Mapping

from otorongo.station.naming import seen_row
from otorongo.station.samples import Event
from otorongo.station.tracks import Tracks
from otorongo.wire import rows
from otorongo.wire.classes import BY_NAME, is_threat
from otorongo.wire.codes import Kind, Tag

_PERSONS = frozenset((BY_NAME["person"].number, BY_NAME["speech"].number))


def row(event: Event, sensor: int, *, bundle: int = 0, tags: int = 0) -> rows.Event:
    """The row of one revision; the outbox fills in `back`.

    An opening is dated at the start of what was noticed, later revisions at their own time.
    """
    if is_threat(event.cls):
        tags |= Tag.THREAT
    if event.cls in _PERSONS:
        tags |= Tag.PERSON
    if event.scenery:
        tags |= Tag.SCENERY
    if event.kind == Kind.OPEN:  # small, to ring soon: what it is and how sure; the rest comes with the next revision
        return rows.Event(
            event.start_ms, sensor, event.cls, _tenths(event.evidence), tags, bundle=bundle, count=_small(event.count)
        )
    lasted = max(0, event.t_ms - event.start_ms)
    return rows.Event(
        t_ms=event.t_ms,
        sensor=sensor,
        cls=event.cls,
        evidence=_tenths(event.evidence),
        tags=tags,
        kind=event.kind,
        bundle=bundle,
        species=event.named.species,
        duration_ms=min(lasted, 0xFFFFFFFF),
        hits=min(event.hits, 0xFFFF),
        peak=max(0, min(100, round(event.peak * 100))),
        level_db=max(-128, min(0, event.level_db)),
        floor_db=max(-128, min(0, event.floor_db)),
        f0_dhz=max(0, min(round(event.f0_hz * 10), 0xFFFF)),
        count=_small(event.count),
        reason=event.reason,
        trend=event.trend,
    )


def beside(event: Event, sensor: int, tracks: Tracks | None, names: int) -> Iterator[rows.Track | rows.Seen]:
    """What an event leaves when it ends: its scores window by window, and what its best frame showed.

    `names` is the place in the birth's list of the bundle that names animals.
    """
    if tracks and (track := tracks.of(event)):
        yield track
    if row := seen_row(event, sensor, names):
        yield row


def _tenths(evidence: float) -> int:
    return max(-80, min(80, round(evidence * 10)))


def _small(count: int) -> int:
    """How many at once; one is what an event means anyway."""
    return min(count, 0xFF) if count > 1 else 0


def beat(t_ms: int, sensor: int, every_s: int, counters: Mapping[int, int], missed_ms: int) -> rows.Heartbeat:
    """The row that says that a sensor lives, with every counter; the next one is due in `every_s` and a quarter."""
    told = {int(number): value for number, value in counters.items() if value}
    return rows.Heartbeat(t_ms, sensor, every_s + every_s // 4, counters=told, missed_ms=min(missed_ms, 0xFFFFFFFF))
