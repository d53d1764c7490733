"""The one loop over a real outbox: samples in, rows and cursor on the card, and what goes wrong with one of them."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from otorongo.models.errors import InputError
from otorongo.station.bad_input import BadInput
from otorongo.station.handed import Judged, Passed
from otorongo.station.outbox import Outbox
from otorongo.station.ports import ClockReading
from otorongo.station.report import row
from otorongo.station.samples import ClockDomain, Fault, Sample, Tick
from otorongo.station.samples import Event as Revision
from otorongo.wire.codes import Clock, CloseReason, Counter, Kind, NoteKind, Tag
from otorongo.wire.rows import Event, Heartbeat, Note
from tests.station.sense_rig import (
    PERSON,
    RATE,
    SAW,
    events_in,
    judge,
    notes,
    open_outbox,
    rows_in,
    sense,
    window,
)


def test_a_bout_becomes_an_opening_and_a_closing_of_the_same_event(tmp_path: Path) -> None:
    """Both travel under one id; the closing carries length, hits and levels; heartbeats count everything."""
    outbox = open_outbox(tmp_path)
    loop = sense(outbox)
    loop.run(window(n, hit=2 <= n < 6) for n in range(14))
    events = [record for record in rows_in(outbox) if isinstance(record.row, Event)]
    opened, closed = events[0], events[-1]
    assert isinstance(opened.row, Event)
    assert isinstance(closed.row, Event)
    assert (opened.row.kind, opened.row.t_ms, opened.row.evidence, opened.row.tags) == (Kind.OPEN, 3000, 60, Tag.THREAT)
    assert (closed.row.kind, closed.event, closed.row.reason) == (Kind.CLOSE, opened.seq, CloseReason.QUIET)
    assert (closed.row.duration_ms, closed.row.hits, closed.row.level_db) == (7500, 4, -30)
    beats = [record.row for record in rows_in(outbox) if isinstance(record.row, Heartbeat)]
    assert beats[-1].counters == {
        Counter.SAMPLES: 14, Counter.CLASSIFIED: 14, Counter.BELOW_THRESHOLD: 10, Counter.OPENED: 1, Counter.CLOSED: 1,
        Counter.ROWS_PUT: 2,
    }  # fmt: skip


def test_one_bad_sample_is_counted_and_told_and_the_next_is_heard(tmp_path: Path) -> None:
    """A classifier that fails on one window does not stop the microphone."""
    outbox = open_outbox(tmp_path)

    def sometimes(data: Any, rate_hz: int) -> Judged:
        if len(data) == 7:
            raise InputError("seven samples")
        return judge(data, rate_hz)

    bad = Sample(1500, np.zeros(7, np.float32), 1, RATE, source="bad.wav")
    loop = sense(outbox, classify=sometimes)
    loop.run([window(0, True), bad, window(2, True), window(3, True)])
    assert loop.counters[Counter.CLASSIFIER_FAULTS] == 1
    notes = [record.row for record in rows_in(outbox) if isinstance(record.row, Note)]
    assert ["bad.wav" in note.text and "seven samples" in note.text for note in notes] == [True]
    assert any(isinstance(record.row, Event) for record in rows_in(outbox))


def test_a_flood_of_faults_is_counted_and_not_told_in_full(tmp_path: Path) -> None:
    """A thousand damaged files fill no outbox with notes, and every cursor is kept."""
    outbox = open_outbox(tmp_path)
    loop = sense(outbox)
    loop.run(Fault(n, NoteKind.BAD_INPUT, f"file {n}", 1, None, ("mic", f"c{n}")) for n in range(100))
    notes = [record for record in rows_in(outbox) if isinstance(record.row, Note)]
    assert len(notes) == 20
    assert loop.counters[Counter.BAD_INPUT] == 100
    assert outbox.cursor("mic") == "c99"


def test_what_the_gate_rejects_is_counted_and_closes_events(tmp_path: Path) -> None:
    """Gated windows are not classified; quiet is quiet."""
    outbox = open_outbox(tmp_path)
    gate = lambda sample: Passed(float(np.abs(sample.data).max()) > 0.1)  # noqa: E731
    loop = sense(outbox, gate=gate)
    loop.run([*(window(n, n < 4) for n in range(12)), Tick(99_000)])
    assert loop.counters[Counter.GATED] == 8
    assert loop.counters[Counter.CLASSIFIED] == 4
    assert loop.counters[Counter.CLOSED] == 1
    assert loop.counters[Counter.TICKS] == 1


def test_what_a_trigger_asked_for_is_classified_whatever_the_gate_says(tmp_path: Path) -> None:
    """A gate that has not looked for hours vetoes no trigger; how long its first frames took is counted."""
    outbox = open_outbox(tmp_path)
    loop = sense(outbox, gate=lambda sample: Passed(classify=False))
    took_ms = (120, -1, -1, 480)
    loop.run(window(n, hit=True, triggered=True, trigger_ms=ms) for n, ms in enumerate(took_ms))
    loop.run([window(9, hit=True)])
    assert loop.counters[Counter.CLASSIFIED] == 4
    assert loop.counters[Counter.GATED] == 1
    assert loop.counters[Counter.OPENED] == 1
    told = [loop.counters[one] for one in (Counter.TRIGGERED, Counter.TRIGGER_MS, Counter.TRIGGER_WORST_MS)]
    assert told == [2, 600, 480]


def test_the_cursor_is_committed_with_the_rows_it_caused(tmp_path: Path) -> None:
    """After the opening the cursor stands behind the sample that opened; at the end behind the last one."""
    outbox = open_outbox(tmp_path)
    loop = sense(outbox)
    for n in range(3):
        loop.step(window(n, hit=True, cursor=("mic", f"after {n}")))
    assert outbox.cursor("mic") == "after 1"
    loop.run([window(3, hit=False, cursor=("mic", "after 3"))])
    assert outbox.cursor("mic") == "after 3"


def test_a_driver_of_any_temper_stops_nothing(tmp_path: Path) -> None:
    """Gate and classifier may raise plain exceptions, as cv2 does: the sample is kept, the next one is heard."""
    outbox = open_outbox(tmp_path)

    class Odd(Exception):
        """As drivers raise them."""

    def gate(sample: Sample) -> Passed:
        if sample.t_ms == 0:
            raise Odd("(-215:Assertion failed)")
        return Passed(True)

    def classify(data: Any, rate_hz: int) -> Judged:
        if rate_hz == 1:
            raise Odd("Non-zero status code")
        return judge(data, rate_hz)

    shelf = BadInput(tmp_path / "bad")
    loop = sense(outbox, gate=gate, classify=classify, bad=shelf.keep)
    bad = dataclasses.replace(window(1, hit=True), rate_hz=1)
    loop.run([window(0, True), bad, window(2, True), window(3, True)])
    assert (loop.counters[Counter.BAD_INPUT], loop.counters[Counter.CLASSIFIER_FAULTS]) == (1, 1)
    assert loop.counters[Counter.OPENED] == 1
    assert ["-215" in text or "Non-zero" in text for text in notes(outbox)] == [True, True]
    assert sorted(path.name for path in (tmp_path / "bad").iterdir()) == ["0.npy", "1500.npy"]
    assert np.array_equal(np.load(tmp_path / "bad" / "1500.npy"), bad.data)
    assert str(tmp_path / "bad" / "1500.npy") in notes(outbox)[1]


def test_bad_samples_are_kept_within_bounds(tmp_path: Path) -> None:
    """The newest few; one that is too large is not; a folder that cannot be made costs nothing but the sample."""
    shelf = BadInput(tmp_path / "bad", most_files=3, most_bytes=200_000)
    for n in range(6):
        assert shelf.keep(Sample(n, np.full(5_000, n, np.float32)))
    assert len(list((tmp_path / "bad").iterdir())) == 3
    assert shelf.keep(Sample(9, np.zeros(48_900, np.float32)))
    assert [path.name for path in (tmp_path / "bad").iterdir()] == ["9.npy"]
    assert shelf.keep(Sample(10, np.zeros(50_000, np.float32))) is None
    (tmp_path / "file").touch()
    assert BadInput(tmp_path / "file" / "bad").keep(Sample(0, np.zeros(9, np.float32))) is None


def test_a_sensor_that_is_stopped_does_not_say_that_it_is_quiet(tmp_path: Path) -> None:
    """The saw goes on while somebody stops the process: closed as restart, now; a source at its end closes as quiet."""
    for stopped, reason, t_ms in ((True, CloseReason.RESTART, 9_000), (False, CloseReason.QUIET, 7_500)):
        (tmp_path / reason.name).mkdir()
        outbox = open_outbox(tmp_path / reason.name)
        loop = sense(outbox)
        for n in range(4):
            loop.step(window(n, hit=True))
        loop.step(window(4, hit=False))
        if stopped:
            loop.stop()
        loop.run([])
        closed = events_in(outbox)[-1]
        assert (closed.kind, closed.reason, closed.t_ms) == (Kind.CLOSE, reason, t_ms)


DAYS = [ClockDomain(f"day {n}", 1_700_000_000_000 + n * 86_400_000, Clock.RTC, 60_000) for n in range(2)]


def test_a_tick_of_another_clock_ends_what_the_one_before_had(tmp_path: Path) -> None:
    """Between two days of recordings time is told in the second day's: it closes nothing by its own count."""
    outbox = open_outbox(tmp_path)
    loop = sense(outbox)
    for n in range(50, 54):
        loop.step(window(n, hit=True, domain=DAYS[0]))
    loop.step(Tick(1_000, DAYS[1]))
    closed = events_in(outbox)[-1]
    assert (closed.kind, closed.reason, closed.t_ms) == (Kind.CLOSE, CloseReason.QUIET, 53 * 1500 + 3000)
    loop.run([window(n, n < 4, domain=DAYS[1]) for n in range(1, 20)])
    assert loop.counters[Counter.CLOSED] == 2
    assert events_in(outbox)[-1].duration_ms < 10_000


def test_a_station_without_an_uplink_dates_its_rows(tmp_path: Path) -> None:
    """Each heartbeat asks the clock: once it is set, the boot is mapped to UTC in the outbox."""
    outbox = Outbox.open(tmp_path / "outbox.db", boot_id="boot", now=ClockReading(1_000), ballast_bytes=64 * 1024)
    readings = iter([ClockReading(2_000), ClockReading(5_000, 1_763_800_005_000, Clock.NTP, 50)])
    loop = sense(outbox, clock=lambda: next(readings))
    loop.heartbeat()
    parcel = outbox.next_batch()
    assert parcel is not None
    assert parcel.mapping.utc0_ms == 0
    loop.heartbeat()
    parcel = outbox.next_batch()
    assert parcel is not None
    assert (parcel.mapping.utc0_ms, parcel.mapping.clock) == (1_763_800_000_000, Clock.NTP)


def test_revisions_become_rows_within_the_bounds_of_the_wire() -> None:
    """Whatever an event holds, its row can travel; an opening stays small."""
    from otorongo.wire.rows import standalone

    huge = Revision(1, PERSON, Kind.CLOSE, 0, 2**39, 99.0, 10**9, 1.5, -300, 40, 10**6, CloseReason.QUIET)
    assert len(standalone(row(huge, 250))) < 64
    opening = Revision(1, SAW, Kind.OPEN, 120_000_000, 120_003_000, 6.2, 3, 0.99, -30, -60, 1)
    assert len(standalone(row(opening, 1))) <= 12


def test_a_classifier_is_told_where_something_moves(tmp_path: Path) -> None:
    """What the gate tells reaches the classifier by name; where it tells nothing, nothing is given."""
    places, given = (object(),), []

    def look(data: Any, rate_hz: int, **more: Any) -> Judged:
        given.append(more)
        return judge(data, rate_hz)

    loop = sense(
        open_outbox(tmp_path), classify=look, gate=lambda s: Passed(classify=True, looks=places if s.t_ms else ())
    )
    loop.run(window(n, hit=False) for n in range(2))
    assert given == [{}, {"looks": places}]


def test_a_sensor_that_hears_again_after_a_fault_says_so_once(tmp_path: Path) -> None:
    """The hub calls a station deaf after a fault, and need not wait an hour for the next heartbeat."""
    outbox = open_outbox(tmp_path)
    fault = Fault(2000, NoteKind.SENSOR_FAULT, "arecord ended")
    sense(outbox).run([window(0, False), fault, fault, Tick(5000), window(4, False), window(5, False)])
    kinds = [one.row.kind for one in rows_in(outbox) if isinstance(one.row, Note)]
    assert kinds == [NoteKind.SENSOR_FAULT, NoteKind.SENSOR_FAULT, NoteKind.SENSOR_BACK]
