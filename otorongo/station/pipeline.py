"""The one loop, for sight and sound: gate, classifier, events, rows, outbox, evidence. In this order, always.

1 a sample comes (or a tick, or a fault)   2 the gate: worth classifying?   3 the classifier   4 scores into events
5 revisions become rows, committed with the replay's cursor   6 evidence, after the alert is on the card
7 now and then a heartbeat with every counter
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from numpy.typing import NDArray

from otorongo.errors import OtorongoError
from otorongo.station import events, report
from otorongo.station.events import Rule
from otorongo.station.outbox_write import Of
from otorongo.station.samples import ClockDomain, Event, Fault, Item, Sample, Score, Scores, Tick
from otorongo.wire.classes import name_of
from otorongo.wire.codes import CloseReason, Counter, Kind, NoteKind, Tag
from otorongo.wire.rows import Heartbeat, Note, Row

log = logging.getLogger(__name__)

MOST_FAULT_NOTES: Final = 20
"""Faults of one kind that are told as notes between two heartbeats; the rest is only counted."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What the gate says of a sample."""

    classify: bool
    level_db: int = 0
    floor_db: int = 0


@dataclass(frozen=True, slots=True)
class Judged:
    """What the classifier says of a sample: scores by wire class, and boxes for the picture that is kept."""

    scores: tuple[Score, ...]
    boxes: tuple[Any, ...] = ()


class Box(Protocol):
    """The outbox, as far as the loop needs it."""

    boot: int

    def put(
        self, rows: "list[Row | Of]", *, boot: int | None = ..., cursor: tuple[str, str] | None = ..., alert: bool = ...
    ) -> list[int]:
        """Commit rows and the cursor; returns their seqs."""

    def domain(self, key: str, utc0_ms: int, state: int = ..., bound_ms: int = ...) -> int:
        """The number of a replay's clock domain."""


class Keeper(Protocol):
    """Keeps evidence: sees every sample, is told of events, and writes files when nothing else waits."""

    def see(self, sample: Sample, judged: Judged | None) -> None:
        """A sample came."""

    def about(self, revision: Event, opening: int, boot: int, tags: int) -> None:
        """An event opened, grew or closed."""

    def work(self, now_ms: int, *, last: bool = False) -> list[tuple[Of, int]]:
        """Write what is due; media rows with their clock domain. `last`: nothing more will come."""


@dataclass
class Sense:
    """One sensor's loop and all that it remembers."""

    name: str
    """The section of station.toml, and the name of the cursor."""
    number: int
    outbox: Box
    gate: Callable[[Sample], Passed]
    classify: Callable[[NDArray[Any], int], Judged]
    rules: Mapping[int, Rule]
    keeper: Keeper | None = None
    tags: int = 0
    """Put on every event (a drill)."""
    heartbeat_s: int = 3600
    uptime_ms: Callable[[], int] = lambda: 0
    alive: Callable[[int], None] = lambda moved: None
    """Told after each item how many there were: the watchdog."""
    show: Callable[[Event, Sample | None], None] = lambda event, sample: None
    """Told each revision: a person may be watching."""
    counters: dict[int, int] = field(default_factory=dict)
    _state: events.State = field(default_factory=events.State)
    _openings: dict[int, int] = field(default_factory=dict)
    _domain: ClockDomain | None = None
    _cursor: str | None = None
    """Of the last sample that was taken in whole."""
    _last_ms: int = 0
    _beat_ms: int | None = None
    _moved: int = 0
    _faults: dict[int, int] = field(default_factory=dict)
    _missed_ms: int = 0

    def run(self, items: Iterable[Item]) -> None:
        """Take in everything until the sensor ends; then close what is open."""
        self.heartbeat()
        for item in items:
            self.step(item)
        self._finish(CloseReason.QUIET)
        self._keep(last=True)
        if self._cursor:
            self.outbox.put([], cursor=(self.name, self._cursor))
        self.heartbeat()

    def step(self, item: Item) -> None:
        """Take in one item. What goes wrong with one sample is counted and told, and the next one is taken."""
        if isinstance(item, Fault):
            self._fault(item)
        elif isinstance(item, Tick):
            self.count(Counter.TICKS)
            if item.t_ms >= self._last_ms:
                self._last_ms = item.t_ms
                self._tell(item, None, None)
        else:
            self._sample(item)
        self._keep()
        self._moved += 1
        self.alive(self._moved)
        if self._beat_ms is None or self.uptime_ms() - self._beat_ms >= self.heartbeat_s * 1000:
            self.heartbeat()

    def count(self, counter: Counter, by: int = 1) -> None:
        """Count something."""
        self.counters[counter] = self.counters.get(counter, 0) + by

    def heartbeat(self) -> None:
        """Say that this sensor lives, with every counter."""
        now_ms = self.uptime_ms()
        self.counters[Counter.UNCONFIRMED] = self._state.unconfirmed
        row = Heartbeat(
            t_ms=now_ms,
            sensor=self.number,
            next_contact_s=self.heartbeat_s + self.heartbeat_s // 4,
            counters={int(number): value for number, value in self.counters.items() if value},
            missed_ms=self._missed_ms,
        )
        self.outbox.put([row])
        self._beat_ms, self._missed_ms, self._faults = now_ms, 0, {}

    def _sample(self, sample: Sample) -> None:
        self.count(Counter.SAMPLES)
        if sample.domain != self._domain:
            self._finish(CloseReason.QUIET)
            self._domain = sample.domain
        self._last_ms = sample.end_ms
        passed = self.gate(sample)
        judged = self._judge(sample) if passed.classify else None
        if not passed.classify:
            self.count(Counter.GATED)
        scores = judged.scores if judged else ()
        if judged and not any(score.hit for score in scores):
            self.count(Counter.BELOW_THRESHOLD)
        if self.keeper:
            self.keeper.see(sample, judged)
        item = Scores(sample.t_ms, sample.duration_ms, scores, passed.level_db, passed.floor_db)
        self._tell(item, sample.cursor, sample)
        self._cursor = sample.cursor
        if sample.last and sample.cursor:
            self.outbox.put([], cursor=(self.name, sample.cursor))

    def _judge(self, sample: Sample) -> Judged | None:
        began_ms = self.uptime_ms()
        try:
            judged = self.classify(sample.data, sample.rate_hz)
        except (OtorongoError, ValueError, RuntimeError) as error:  # onnxruntime raises RuntimeErrors of its own
            self.count(Counter.CLASSIFIER_FAULTS)
            self._note(NoteKind.SENSOR_FAULT, f"{sample.source or self.name}: cannot be classified: {error}")
            return None
        self.count(Counter.CLASSIFIED)
        log.debug("scored: taken in after %d ms", self.uptime_ms() - began_ms)
        return judged

    def _tell(self, item: Scores | Tick, cursor: str | None, sample: Sample | None) -> None:
        """Advance the events, and commit what is to be told, with the cursor."""
        self._state, revisions = events.advance(self._state, item, self.rules)
        self._commit(revisions, cursor, sample)

    def _commit(self, revisions: list[Event], cursor: str | None, sample: Sample | None) -> None:
        if not revisions:
            return
        rows: list[Row | Of] = []
        for revision in revisions:
            row = report.row(revision, self.number, tags=self.tags)
            opening = self._openings.get(revision.key, 0)
            rows.append(row if revision.kind == Kind.OPEN else Of(opening, row))
        place = (self.name, cursor) if cursor else None
        seqs = self.outbox.put(rows, boot=self._boot(), cursor=place)
        self.count(Counter.ROWS_PUT, len(rows))
        for revision, seq in zip(revisions, seqs, strict=True):
            self._told(revision, seq, sample)

    def _told(self, revision: Event, seq: int, sample: Sample | None) -> None:
        if revision.kind == Kind.OPEN:
            self._openings[revision.key] = seq
            self.count(Counter.OPENED)
        opening = self._openings[revision.key]
        if revision.kind == Kind.CLOSE:
            del self._openings[revision.key]
            self.count(Counter.CLOSED)
        kind = Kind(revision.kind).name.lower()
        log.info(
            "%s: %s %s, event %d, evidence %.1f", self.name, kind, name_of(revision.cls), opening, revision.evidence
        )
        if self.keeper:
            tags = report.row(revision, self.number, tags=self.tags).tags
            self.keeper.about(revision, opening, self._boot(), tags)
        self.show(revision, sample)

    def _finish(self, reason: CloseReason) -> None:
        self._state, closings = events.finish(self._state, self._last_ms, reason)
        self._commit(closings, self._cursor, None)

    def _boot(self) -> int:
        """The clock domain of what comes now."""
        domain = self._domain
        if domain is None:
            return self.outbox.boot
        return self.outbox.domain(domain.key, domain.utc0_ms, domain.state, domain.bound_ms)

    def _keep(self, *, last: bool = False) -> None:
        """Write the evidence that is due, and say that it is there."""
        if not self.keeper:
            return
        try:
            kept = self.keeper.work(self._last_ms, last=last)
        except (OSError, OtorongoError, ValueError, RuntimeError) as error:  # a full card, an encoder: never the alert
            self.count(Counter.MEDIA_DROPPED)
            self._note(NoteKind.OTHER, f"{self.name}: evidence was not kept: {error}")
            return
        for row, boot in kept:
            self.outbox.put([row], boot=boot)
            self.count(Counter.MEDIA_KEPT)

    def _fault(self, fault: Fault) -> None:
        if fault.kind == NoteKind.BAD_INPUT:
            self.count(Counter.BAD_INPUT)
        if fault.kind == NoteKind.SENSOR_FAULT:
            self.count(Counter.RESTARTS)
        self.count(Counter.OVERRUNS, fault.lost if fault.kind == NoteKind.OTHER else 0)
        self._note(NoteKind(fault.kind), fault.text, fault.cursor)

    def _note(self, kind: NoteKind, text: str, cursor: str | None = None) -> None:
        """A sentence for the technician, and the cursor with it; floods are counted, not told."""
        log.warning("%s", text)
        self._faults[kind] = self._faults.get(kind, 0) + 1
        rows: list[Row | Of] = []
        if self._faults[kind] <= MOST_FAULT_NOTES:
            rows = [Note(self.uptime_ms(), kind, text[:500], self.number)]
        if rows or cursor:
            self.outbox.put(rows, cursor=(self.name, cursor) if cursor else None)


def drill_tags(*, drill: bool) -> int:
    """The tags of a drill."""
    return int(Tag.DRILL) if drill else 0
