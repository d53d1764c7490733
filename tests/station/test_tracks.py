"""Score tracks: what they hold, how small they are, and that they belong to their event."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from otorongo.station.samples import Event, Score, Scores
from otorongo.station.tracks import BEFORE_MS, KEEP_MS, MOST, STEPS, Tracks
from otorongo.wire.codes import Kind
from otorongo.wire.rows import Track, standalone
from tests.station.sense_rig import SAW, events_in, open_outbox, rows_in, sense, window


def scored(t_ms: int, *p: float) -> Scores:
    """A window of 3 s with these scores of a saw."""
    return Scores(t_ms, 3000, tuple(Score(SAW, one, 0.0, False) for one in p))


def event(start_ms: int, end_ms: int, cls: int = SAW) -> Event:
    """One that closes."""
    return Event(1, cls, Kind.CLOSE, start_ms, end_ms, 1.0, 3, 0.9, -30, -50)


def values_of(track: Track) -> list[int]:
    """Both halves of each byte."""
    return [half for byte in track.scores for half in (byte >> 4, byte & 15)]


def test_a_closed_threat_tells_its_scores_in_its_own_row(tmp_path: Path) -> None:
    """The track comes right after the closing, belongs to the event, begins before it and rises and falls with it."""
    outbox = open_outbox(tmp_path)
    loop = sense(outbox, tracks=Tracks(1, (SAW,)))
    loop.run(window(n, hit=20 <= n < 40) for n in range(80))
    records = rows_in(outbox)
    (track,) = [one for one in records if isinstance(one.row, Track)]
    assert isinstance(track.row, Track)
    opening, *_, closing = [one for one in records if isinstance(one.row, Event | type(events_in(outbox)[0]))]
    assert (track.seq, track.event) == (closing.seq + 1, opening.seq)
    assert (track.row.t_ms, track.row.step_ms, track.row.cls) == (20 * 1500 - BEFORE_MS, 1500, SAW)
    values = values_of(track.row)
    assert values[:10] == [0] * 10
    assert values[10:30] == [15] * 20
    assert set(values[30:]) == {0}
    assert len(standalone(track.row)) <= 40


def test_an_event_of_another_class_has_none() -> None:
    """Only classes that were asked for are remembered, and one window alone is no track."""
    tracks = Tracks(1, (SAW,))
    tracks.see(scored(0, 0.9))
    assert tracks.of(event(0, 3000)) is None
    tracks.see(scored(1500, 0.9))
    assert tracks.of(event(0, 3000, SAW + 1)) is None
    assert tracks.of(event(0, 3000)) is not None


def test_missing_windows_count_as_silence() -> None:
    """Where a minute is missing the later scores keep their times."""
    tracks = Tracks(1, (SAW,))
    for t_ms in (*range(0, 15_000, 1500), *range(75_000, 90_000, 1500)):
        tracks.see(scored(t_ms, 0.2, 1.0))
    track = tracks.of(event(0, 90_000))
    assert track is not None
    assert values_of(track) == [15] * 10 + [0] * 40 + [15] * 10


def test_a_clock_that_jumps_back_begins_anew() -> None:
    """Another recording's scores do not enter."""
    tracks = Tracks(1, (SAW,))
    for t_ms in (90_000, 91_500, 0, 1500):
        tracks.see(scored(t_ms, 1.0))
    track = tracks.of(event(0, 100_000))
    assert track is not None
    assert (track.t_ms, values_of(track)) == (0, [15, 15])


@given(
    st.lists(st.tuples(st.integers(1, 5000), st.floats(-1, 2)), min_size=2, max_size=300),
    st.integers(1, 40),
)
def test_every_track_fits_the_wire_and_holds_the_peak(steps: list[tuple[int, float]], stretch: int) -> None:
    """Whatever the cadence and the length: at most 1024 bytes, a step that u16 holds, and the highest score."""
    tracks, t_ms, seen = Tracks(1, (SAW,)), 0, []
    for step_ms, p in steps:
        t_ms += step_ms * stretch // 2 + 1
        tracks.see(scored(t_ms, p))
        seen.append((t_ms, min(1.0, max(0.0, p))))
    kept = [p for at_ms, p in seen if at_ms >= t_ms - KEEP_MS]
    track = tracks.of(event(0, t_ms))
    if len(kept) < 2:
        assert track is None
        return
    assert track is not None
    assert len(track.scores) <= MOST // 2
    assert 0 < track.step_ms <= 0xFFFF
    assert max(values_of(track)) == round(max(kept) * STEPS)
    standalone(track)
