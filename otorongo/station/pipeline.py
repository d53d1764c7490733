"""The one loop, for sight and sound: gate, classifier, events, rows, outbox, evidence. In this order, always.

1 a sample comes (or a tick, or a fault)   2 the gate: worth classifying?   3 the classifier   4 scores into events
5 revisions become rows, committed with the replay's cursor   6 evidence, after the alert is on the card
7 now and then a heartbeat with every counter
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from otorongo.language import say
from otorongo.station import counted, events, report
from otorongo.station.box import Box
from otorongo.station.errors import OutboxError
from otorongo.station.events import Rule
from otorongo.station.handed import Judged, Keeper, Passed, Unkept
from otorongo.station.hearing import Ear, Hourly, memory_name, rows_of
from otorongo.station.outbox_write import Of
from otorongo.station.ports import ClockReading
from otorongo.station.samples import ClockDomain, Event, Fault, Item, Sample, Score, Scores, Tick
from otorongo.station.sighting import Eye, asked
from otorongo.station.tracks import Tracks
from otorongo.station.unheard import Unheard
from otorongo.wire.classes import name_of
from otorongo.wire.codes import CloseReason, Counter, Kind, NoteKind
from otorongo.wire.rows import Listening, Note, Row, Seeing

log = logging.getLogger(__name__)

BACK_MS: Final = 10_000
"""Time that runs back further than this was another clock's; less is a late block's, or a window's rounding."""
MOST_FAULT_NOTES: Final = 20
"""Faults of one kind that are told as notes between two heartbeats; the rest is only counted."""


@dataclass
class Sense:
    """One sensor's loop and all that it remembers."""

    name: str
    """The section of station.toml."""
    number: int
    outbox: Box
    gate: Callable[[Sample], Passed]
    classify: Callable[..., Judged]  # of data and rate in Hz, and of `looks` by name where the gate tells any
    rules: Mapping[int, Rule]
    keeper: Keeper | None = None
    ear: Ear | None = None
    eye: Eye | None = None
    reopen: Callable[[], None] = lambda: None  # lets the device go and opens it again
    tracks: Tracks | None = None
    unheard: Unheard = field(default_factory=Unheard)
    names: int = 0
    """Place in the birth's list of the bundle that names animals."""
    tags: int = 0
    """Put on every event (a drill)."""
    heartbeat_s: int = 3600
    uptime_ms: Callable[[], int] = lambda: 0
    clock: Callable[[], ClockReading] = lambda: ClockReading(0)
    """Asked at each heartbeat, so that rows are dated even where no uplink runs."""
    bad: Callable[[Sample], Path | None] = lambda sample: None
    """Keeps a sample that nothing could be made of."""
    alive: Callable[[int], None] = lambda moved: None
    """Told after each item how many there were: the watchdog."""
    show: Callable[[Event, Sample | None], None] = lambda event, sample: None
    """Told each revision: a person may be watching."""
    counters: dict[int, int] = field(default_factory=dict)
    _state: events.State = field(default_factory=events.State)
    _openings: dict[int, int] = field(default_factory=dict)
    _domain: ClockDomain | None = None
    _stopped: bool = False
    _cursor: tuple[str, str] | None = None
    """Of the last sample that was taken in whole."""
    _last_ms: int = 0
    _beat_ms: int | None = None
    _moved: int = 0
    _faults: dict[int, int] = field(default_factory=dict)
    _missed_ms: int = 0
    _failing: bool = False
    """The sensor told of a fault, and no sample came since."""
    _flags: int = 0
    """What was last told to be wrong with the sensor itself."""

    def run(self, items: Iterable[Item]) -> None:
        """Take in everything until the sensor ends or is stopped; then close what is open."""
        self.heartbeat()
        for item in items:
            self.step(item)
        self._finish(CloseReason.RESTART if self._stopped else CloseReason.QUIET)
        if self._cursor:
            self.outbox.put([], cursor=self._cursor)
        self.heartbeat()

    def stop(self) -> None:
        """Somebody ends this process: what is open goes on without being seen, and is not told as quiet."""
        self._stopped = True

    def step(self, item: Item) -> None:
        """Take in one item. What goes wrong with one sample is counted and told, and the next one is taken."""
        if isinstance(item, Fault):
            self._fault(item)
            self._failing = item.kind == NoteKind.SENSOR_FAULT or (self._failing and item.kind != NoteKind.SENSOR_BACK)
        elif isinstance(item, Tick):
            self.count(Counter.TICKS)
            self._enter(item)
            if item.t_ms >= self._last_ms:
                self._last_ms = item.t_ms
                self._tell(item, None, None)
            if self.eye:
                self.eye.wait(item.t_ms)
                self._listened()
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
        self.outbox.put([report.beat(now_ms, self.number, self.heartbeat_s, self.counters, self._missed_ms)])
        reading = self.clock()
        self.outbox.map_boot(self.outbox.boot, reading.utc0_ms, reading.state, reading.bound_ms)
        self._beat_ms, self._missed_ms, self._faults = now_ms, 0, {}

    def _sample(self, sample: Sample) -> None:
        counted.came(self.counters, sample)
        self._enter(sample)
        if self._failing:
            self._failing = False
            self._note(NoteKind.SENSOR_BACK, self.name)
        self._last_ms = max(self._last_ms, sample.end_ms)
        passed = self._gated(sample)
        gated, sample = sample, passed.sample or sample
        judged = self._judge(sample, passed.looks) if passed.classify or sample.triggered else None
        if not passed.classify and not sample.triggered:
            self.count(Counter.GATED)
        if passed.why:
            self.count(passed.why)
        scores = judged.scores if judged else ()
        if judged and not judged.failed and not any(score.hit for score in scores):
            self.count(Counter.BELOW_THRESHOLD)
        if self.ear:
            scores = self._heard(self.ear, sample, judged, passed.needed_db)
        if self.keeper:
            self.keeper.see(sample, judged)
        boxes = judged.boxes if judged else ()
        item = Scores(sample.t_ms, sample.duration_ms, scores, passed.level_db, passed.floor_db, boxes)
        self._tell(item, sample.cursor, sample)
        if self.eye:
            self._seen(self.eye, gated, scores, judged.boxes if judged else ())
        self._listened()
        self._cursor = sample.cursor
        if sample.last and sample.cursor:
            self.outbox.put([], cursor=sample.cursor)

    def _enter(self, item: Sample | Tick) -> None:
        """What belongs to the clock domain before this one ends there: their times cannot be compared.

        So does what went on when a microphone fell silent, or time ran back, and it is not told as quiet: nobody
        listened, and nobody knows for how long.
        """
        if item.domain != self._domain:
            self._finish(CloseReason.QUIET)
            self._domain, self._last_ms = item.domain, 0
        elif (item.end_ms if isinstance(item, Sample) else item.t_ms) < self._last_ms - BACK_MS:
            self._finish(CloseReason.LOST)
            self._last_ms = 0
        heard_ms = self.unheard.heard_ms
        missed_ms, lost = self.unheard.take(item)
        self._missed_ms += missed_ms
        if lost and heard_ms is not None:
            self._last_ms = heard_ms
            self._finish(CloseReason.LOST)

    def _gated(self, sample: Sample) -> Passed:
        """A gate that fails hides nothing: what it cannot judge is classified."""
        try:
            return self.gate(sample)
        except Exception as error:  # noqa: BLE001 - cv2.error and the like are plain exceptions
            self.count(Counter.BAD_INPUT)
            self._bad(sample, say("cannot be compared with what was before it: {error}", error=error))
            return Passed(classify=True)

    def _judge(self, sample: Sample, looks: tuple[Any, ...]) -> Judged:
        began_ms, more = self.uptime_ms(), {"looks": looks} if looks else {}
        try:
            judged = self.classify(sample.data, sample.rate_hz, **more)
        except Exception as error:  # noqa: BLE001 - onnxruntime and cv2 raise plain exceptions of their own
            counted.unjudged(self.counters)
            self._bad(sample, say("cannot be classified: {error}", error=error))
            return Judged((), failed=True)
        counted.judged(self.counters, len(judged.held), fault=bool(judged.fault))
        if judged.fault:
            self._note(NoteKind.OTHER, f"{self.name}: {judged.fault[:400]}")
        log.debug("scored: taken in after %d ms", self.uptime_ms() - began_ms)
        return judged

    def _heard(self, ear: Ear, sample: Sample, judged: Judged | None, needed_db: float) -> tuple[Score, ...]:
        """The scores after vetoes and combs. An ear that fails hides nothing: the network's scores stand."""
        scores, failed = (judged.scores, judged.failed) if judged else ((), False)
        try:
            heard = ear.hear(sample, scores, classified=judged is not None, failed=failed, needed_db=needed_db)
        except Exception as error:  # noqa: BLE001 - numpy raises plain exceptions of its own
            self.count(Counter.CLASSIFIER_FAULTS)
            self._bad(sample, say("its comb and vetoes are not known: {error}", error=error))
            return scores
        self.count(Counter.VETOED, heard.vetoed)
        return heard.scores

    def _seen(self, eye: Eye, sample: Sample, scores: tuple[Score, ...], boxes: tuple[Any, ...]) -> None:
        """What the eye makes of a frame as the gate had it, after its alert."""
        sighted = asked(eye, sample, scores, boxes, self.counters)
        if sighted.tampers:
            self.outbox.put(list(sighted.tampers), boot=self._boot())
        if sighted.fault:
            self._fault(Fault(sample.t_ms, NoteKind.SENSOR_FAULT, f"{self.name}: {sighted.fault}"))
            self.reopen()

    def _listened(self, *, last: bool = False) -> None:
        """Once an hour: how well could this sensor listen, or see, and is it well?"""
        beside = self.ear or self.eye
        hour: Hourly[Listening | Seeing] | None = beside.due(self._hour_of_day, last=last) if beside else None
        if hour is None:
            return
        cursor = (memory_name(self.name), hour.memory) if hour.memory else None
        self.outbox.put([*rows_of(hour, self._flags)], boot=self._boot(), cursor=cursor)
        self._missed_ms += hour.row.blind_ms if isinstance(hour.row, Seeing) else 0
        if hour.row.flags != self._flags:
            for text in hour.sentences:
                self._note(NoteKind.OTHER, f"{self.name}: {text}")
        self._flags = hour.row.flags

    def _hour_of_day(self, t_ms: int) -> int | None:
        """Which hour of the day (UTC) it was; None in a replay, and while nobody has set the clock."""
        return self.clock().hour_of_day(t_ms) if self._domain is None else None

    def _bad(self, sample: Sample, why: str) -> None:
        """Tell of a sample that nothing could be made of, and keep it."""
        kept = self.bad(sample)
        where = say(" (kept as {kept})", kept=kept) if kept else ""
        self._note(NoteKind.BAD_INPUT, f"{sample.source or self.name}: {why[:300]}{where}")

    def _tell(self, item: Scores | Tick, cursor: tuple[str, str] | None, sample: Sample | None) -> None:
        """Advance the events, and commit what is to be told, with the cursor."""
        if self.tracks and isinstance(item, Scores):
            self.tracks.see(item)
        self._state, revisions = events.advance(self._state, item, self.rules)
        self._commit(revisions, cursor, sample)

    def _commit(self, revisions: list[Event], cursor: tuple[str, str] | None, sample: Sample | None) -> None:
        if not revisions:
            return
        rows: list[Row | Of] = []
        for revision in revisions:
            row = report.row(revision, self.number, tags=self.tags)
            opening = self._openings.get(revision.key, 0)
            rows.append(row if revision.kind == Kind.OPEN else Of(opening, row))
        rows += self._beside(revisions)
        seqs = self.outbox.put(rows, boot=self._boot(), cursor=cursor)[: len(revisions)]
        self.count(Counter.ROWS_PUT, len(rows))
        for revision, seq in zip(revisions, seqs, strict=True):
            self._told(revision, seq, sample)

    def _beside(self, revisions: list[Event]) -> Iterator[Of]:
        """What those that end leave beside their rows: their scores, and what their best frame showed."""
        for revision in revisions:
            if revision.kind == Kind.CLOSE:
                for row in report.beside(revision, self.number, self.tracks, self.names):
                    yield Of(self._openings[revision.key], row)

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
        """Close what is open, and write its evidence: nothing more comes in this clock domain."""
        self._state, closings = events.finish(self._state, self._last_ms, reason)
        self._commit(closings, self._cursor, None)
        self._listened(last=True)
        self._keep(last=True)

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
        for made in self.keeper.work(self._last_ms, last=last):
            if isinstance(made, Unkept):
                if made.counter:
                    self.count(made.counter)
                if made.note:
                    self._note(made.note, say("{name}: evidence was not kept: {why}", name=self.name, why=made.why))
                continue
            try:
                self.outbox.put([made.row], boot=made.boot)
            except OutboxError as error:  # a file that no row tells of would only take room
                self.keeper.discard(made.row)
                self.count(Counter.MEDIA_DROPPED)
                log.warning("%s: evidence was not kept: %s", self.name, error)
                continue
            counted.kept(self.counters, made.row.row)

    def _fault(self, fault: Fault) -> None:
        counted.told(self.counters, fault)
        if fault.text:
            self._note(NoteKind(fault.kind), fault.text, fault.cursor)

    def _note(self, kind: NoteKind, text: str, cursor: tuple[str, str] | None = None) -> None:
        """A sentence for the technician, and the cursor with it; floods are counted, not told.

        Nobody shall wait for evidence that was discarded: that is told of each event.
        """
        log.warning("%s", text)
        self._faults[kind] = self._faults.get(kind, 0) + 1
        rows: list[Row | Of] = []
        if kind in (NoteKind.PEOPLE, NoteKind.VOICES) or self._faults[kind] <= MOST_FAULT_NOTES:
            rows = [Note(self.uptime_ms(), kind, text[:500], self.number)]
        if rows or cursor:
            self.outbox.put(rows, cursor=cursor)
