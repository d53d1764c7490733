"""The one loop over a real outbox: samples in, rows, cursor and evidence on the card."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from otorongo.models.errors import InputError
from otorongo.station.adapters.encode_picture import shrink, webp
from otorongo.station.adapters.encode_sound import opus
from otorongo.station.events import Rule
from otorongo.station.media import ClipKeeper, Shelf, ThumbnailKeeper, crop, small
from otorongo.station.outbox import Outbox
from otorongo.station.pipeline import Judged, Passed, Sense
from otorongo.station.ports import ClockReading
from otorongo.station.report import row
from otorongo.station.samples import Event as Revision
from otorongo.station.samples import Fault, Sample, Score, Tick
from otorongo.wire.codes import Clock, CloseReason, Counter, Kind, MediaKind, NoteKind, Tag
from otorongo.wire.rows import Event, Heartbeat, Media, Note, Record

RATE = 16_000
SAW = 1
PERSON = 32
RULES = {SAW: Rule(2, 4, 6_000, 600_000, 60_000)}


def open_outbox(folder: Path) -> Outbox:
    """An outbox on this boot."""
    now = ClockReading(1_000, 1_763_800_000_000, Clock.NTP, 50)
    return Outbox.open(folder / "outbox.db", boot_id="boot", now=now, ballast_bytes=64 * 1024)


def rows_in(outbox: Outbox) -> list[Record]:
    """Everything in the outbox, by seq."""
    out: dict[int, Record] = {}
    while parcel := outbox.next_batch(out.keys()):
        out |= {record.seq: record for record in parcel.records}
    return [out[seq] for seq in sorted(out)]


def window(number: int, hit: bool, **more: Any) -> Sample:
    """The n-th window: loud where there is a saw."""
    data = np.full(3 * RATE, 0.5 if hit else 0.01, np.float32) * np.sin(np.arange(3 * RATE, dtype=np.float32))
    return Sample(number * 1500, data, 3000, RATE, 3000 if number == 0 else 1500, **more)


def judge(data: Any, rate_hz: int) -> Judged:
    """A classifier that hears loudness."""
    loud = float(np.abs(data).max()) > 0.1
    return Judged((Score(SAW, 0.99 if loud else 0.01, 6.0 if loud else -4.0, loud),))


def sense(outbox: Outbox, **more: Any) -> Sense:
    """A loop without a gate."""
    given: dict[str, Any] = {
        "name": "microphone", "number": 1, "outbox": outbox, "gate": lambda s: Passed(True, -30, -60),
        "classify": judge, "rules": RULES,
    }  # fmt: skip
    return Sense(**(given | more))


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
    loop.run(Fault(n, NoteKind.BAD_INPUT, f"file {n}", 1, None, f"c{n}") for n in range(100))
    notes = [record for record in rows_in(outbox) if isinstance(record.row, Note)]
    assert len(notes) == 20
    assert loop.counters[Counter.BAD_INPUT] == 100
    assert outbox.cursor("microphone") == "c99"


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


def test_the_cursor_is_committed_with_the_rows_it_caused(tmp_path: Path) -> None:
    """After the opening the cursor stands behind the sample that opened; at the end behind the last one."""
    outbox = open_outbox(tmp_path)
    loop = sense(outbox)
    for n in range(3):
        loop.step(window(n, hit=True, cursor=f"after {n}"))
    assert outbox.cursor("microphone") == "after 1"
    loop.run([window(3, hit=False, cursor="after 3")])
    assert outbox.cursor("microphone") == "after 3"


def test_a_clip_with_its_pre_roll_is_kept_after_the_alert(tmp_path: Path) -> None:
    """The clip is Opus, begins before the event, is hashed, told by a row of the event, and lies on the card."""
    outbox = open_outbox(tmp_path)
    shelf = Shelf(tmp_path, "microphone", 10_000_000, outbox.media)
    loop = sense(outbox, keeper=ClipKeeper(shelf, 1, 12.0, 3.0, opus))
    loop.run(window(n, hit=6 <= n < 20) for n in range(30))
    records = rows_in(outbox)
    opening = next(record for record in records if isinstance(record.row, Event))
    (media,) = [record for record in records if isinstance(record.row, Media)]
    assert isinstance(media.row, Media)
    assert media.seq > opening.seq
    assert media.event == opening.seq
    assert (media.row.kind, media.row.t_ms, media.row.duration_ms) == (MediaKind.CLIP, 6000, 12_000)
    (evidence,) = outbox.media.all()
    content = (tmp_path / evidence.path).read_bytes()
    assert (len(content), hashlib.sha256(content).digest()) == (media.row.bytes, media.row.sha256)
    sound, rate = soundfile.read(io.BytesIO(content))
    assert (rate, len(sound)) == (RATE, 12 * RATE)
    assert np.abs(sound[: 2 * RATE]).max() < 0.1 < np.abs(sound[4 * RATE :]).max()


def test_a_card_that_cannot_take_evidence_still_alerts(tmp_path: Path) -> None:
    """Evidence that cannot be written is counted; the event is in the outbox all the same."""
    outbox = open_outbox(tmp_path)
    (tmp_path / "media").write_text("a file where the folder should be")
    shelf = Shelf(tmp_path, "microphone", 10_000_000, outbox.media)
    loop = sense(outbox, keeper=ClipKeeper(shelf, 1, 3.0, 1.0, opus))
    loop.run(window(n, hit=n < 6) for n in range(12))
    assert loop.counters[Counter.MEDIA_DROPPED] >= 1
    assert loop.counters[Counter.CLOSED] == 1


def test_orphans_are_swept_and_the_budget_is_kept(tmp_path: Path) -> None:
    """A file without a row goes at the start; the oldest evidence gives way to the newest."""
    outbox = open_outbox(tmp_path)
    shelf = Shelf(tmp_path, "microphone", 120_000, outbox.media)
    orphan = tmp_path / "media" / "microphone" / "9-1.ogg.part"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"half a clip")
    assert shelf.sweep() == 1
    assert not orphan.exists()
    loop = sense(outbox, keeper=ClipKeeper(shelf, 1, 12.0, 3.0, opus))
    loop.run(window(n, hit=n % 20 < 8) for n in range(200))
    kept = outbox.media.all()
    assert 0 < sum(one.bytes for one in kept) <= 120_000
    assert len(list((tmp_path / "media" / "microphone").iterdir())) == len(kept)
    assert loop.counters[Counter.MEDIA_KEPT] > len(kept)


class Seen:
    """A box."""

    def __init__(self, wire_class: int, x: float, y: float, w: float, h: float) -> None:
        self.wire_class, self.x, self.y, self.w, self.h = wire_class, x, y, w, h


def test_a_thumbnail_is_small_and_shows_what_was_seen(tmp_path: Path) -> None:
    """WebP of at most 8 kB, cut out around the person, told by a row tagged as a person."""
    outbox = open_outbox(tmp_path)
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    shelf = Shelf(tmp_path, "camera", 10_000_000, outbox.media)
    loop = sense(
        outbox,
        number=2,
        rules={PERSON: Rule(1, 1, 6_000, 600_000, 60_000)},
        classify=lambda data, rate: Judged((Score(PERSON, 0.9, 5.0, hit=True),), (Seen(PERSON, 0.8, 0.1, 0.1, 0.3),)),
        keeper=ThumbnailKeeper(shelf, 2, webp, shrink),
    )
    loop.run([Sample(0, picture), Sample(500, picture)])
    (media,) = [record.row for record in rows_in(outbox) if isinstance(record.row, Media)]
    assert media.kind == MediaKind.THUMBNAIL
    assert media.tags == Tag.THREAT | Tag.PERSON
    assert 500 < media.bytes <= 8_000


@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 0.01, 0.01), (0.9, 0.9, 0.1, 0.1), (0.0, 0.0, 1.0, 1.0), (0.4, 0.2, 0.1, 0.7)]
)
def test_a_crop_holds_the_box_and_stays_inside(box: tuple[float, float, float, float]) -> None:
    """All of the box, a margin, never less than a third of the picture."""
    picture = np.zeros((300, 600, 3), np.uint8)
    x, y, w, h = box
    picture[int(y * 300) : int(np.ceil((y + h) * 300)), int(x * 600) : int(np.ceil((x + w) * 600))] = 255
    part = crop(picture, [Seen(1, *box)])
    assert part.sum() == picture.sum()
    assert part.shape[0] >= 99
    assert part.shape[1] >= 199
    assert len(small(part, webp, shrink)) <= 8_000


def test_revisions_become_rows_within_the_bounds_of_the_wire() -> None:
    """Whatever an event holds, its row can travel; an opening stays small."""
    from otorongo.wire.rows import standalone

    huge = Revision(1, PERSON, Kind.CLOSE, 0, 2**39, 99.0, 10**9, 1.5, -300, 40, 10**6, CloseReason.QUIET)
    assert len(standalone(row(huge, 250))) < 64
    opening = Revision(1, SAW, Kind.OPEN, 120_000_000, 120_003_000, 6.2, 3, 0.99, -30, -60, 1)
    assert len(standalone(row(opening, 1))) <= 12
