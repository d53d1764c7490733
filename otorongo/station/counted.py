"""What samples, faults and evidence bring to the counters of a heartbeat, each in place, in a dict by counter."""

from typing import Final

from otorongo.station.samples import Fault, Sample
from otorongo.wire.codes import Counter, MediaKind, NoteKind, Tag
from otorongo.wire.rows import Media, Row

_BY_KIND: Final = {NoteKind.BAD_INPUT: Counter.BAD_INPUT, NoteKind.SENSOR_FAULT: Counter.RESTARTS}


def came(counters: dict[int, int], sample: Sample) -> None:
    """Count a sample, how it was triggered, and what of it had to be replaced."""
    more = {Counter.SAMPLES: 1, Counter.NOT_FINITE: sample.not_finite}
    if sample.trigger_ms >= 0:
        more |= {Counter.TRIGGERED: 1, Counter.TRIGGER_MS: sample.trigger_ms}
        counters[Counter.TRIGGER_WORST_MS] = max(counters.get(Counter.TRIGGER_WORST_MS, 0), sample.trigger_ms)
    for counter, by in more.items():
        if by or counter == Counter.TRIGGER_MS:
            counters[counter] = counters.get(counter, 0) + by


def told(counters: dict[int, int], fault: Fault) -> None:
    """Count a fault by its own counter, else by that of its kind, and what was lost with it."""
    counter = fault.counter or _BY_KIND.get(NoteKind(fault.kind))
    if counter:
        counters[counter] = counters.get(counter, 0) + 1
    if fault.kind == NoteKind.OTHER:
        counters[Counter.OVERRUNS] = counters.get(Counter.OVERRUNS, 0) + fault.lost


def kept(counters: dict[int, int], row: Row) -> None:
    """Count a piece of evidence that lies on the card."""
    sealed = isinstance(row, Media) and bool(row.tags & Tag.SEALED)
    audit = isinstance(row, Media) and row.kind == MediaKind.AUDIT
    for counter, by in ((Counter.MEDIA_KEPT, 1), (Counter.SEALED, sealed), (Counter.AUDITED, audit)):
        counters[counter] = counters.get(counter, 0) + by


def judged(counters: dict[int, int], scenery: int, *, fault: bool) -> None:
    """Count a sample that was classified, the events that were only scenery, and what failed beside it."""
    for counter, by in ((Counter.CLASSIFIED, 1), (Counter.SCENERY, scenery), (Counter.CLASSIFIER_FAULTS, fault)):
        if by:
            counters[counter] = counters.get(counter, 0) + by


def unjudged(counters: dict[int, int]) -> None:
    """Count a sample that should have been classified and could not be."""
    for counter in (Counter.CLASSIFIER_FAULTS, Counter.UNJUDGED):
        counters[counter] = counters.get(counter, 0) + 1
