"""A microphone that falls silent: what went on is not told as quiet, and the time is missed."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.station.ear import Ear
from otorongo.station.events import Rule
from otorongo.station.samples import ClockDomain, Item, Sample, Tick
from otorongo.station.unheard import LOST_MS, Unheard
from otorongo.wire.codes import Clock, CloseReason, Kind
from otorongo.wire.rows import Heartbeat, Listening
from tests.station.sense_rig import RATE, SAW, events_in, open_outbox, rows_in, sense, window

RULES = {SAW: Rule(2, 4, 60_000, 600_000, 300_000)}


def later(number: int, hit: bool, by_ms: int) -> Sample:
    """The n-th window, so much later; the first one after a hole is new as a whole."""
    one = window(number, hit)
    return Sample(one.t_ms + by_ms, one.data, 3000, RATE, 1500)


def missed_ms(folder: Path, items: list[Item]) -> tuple[int, list[tuple[int, int, int]]]:
    """Missed time of all heartbeats, and the closings: when, how long, why."""
    outbox = open_outbox(folder)
    sense(outbox, rules=RULES).run(items)
    beats = [one.row.missed_ms for one in rows_in(outbox) if isinstance(one.row, Heartbeat)]
    closed = [(one.t_ms, one.duration_ms, one.reason) for one in events_in(outbox) if one.kind == Kind.CLOSE]
    return sum(beats), closed


def test_an_event_in_the_middle_of_which_the_microphone_is_unplugged_is_lost(tmp_path: Path) -> None:
    """Ticks alone for ten seconds: it closes as lost at the last sound; the time without sound is missed."""
    saw: list[Item] = [window(n, hit=True) for n in range(8)]
    end_ms = 7 * 1500 + 3000
    ticks: list[Item] = [Tick(end_ms + 2000 * n) for n in range(1, 31)]
    missed, closed = missed_ms(tmp_path, [*saw, *ticks])
    assert closed == [(end_ms, end_ms, CloseReason.LOST)]
    assert missed == 60_000


@pytest.mark.parametrize(("hole_ms", "reason"), [(5_000, CloseReason.QUIET), (3_600_000, CloseReason.LOST)])
def test_a_hole_without_a_tick_counts_as_well(tmp_path: Path, hole_ms: int, reason: CloseReason) -> None:
    """A machine that slept for an hour has lost the event; one that stumbled for some seconds goes on with it."""
    before: list[Item] = [window(n, hit=True) for n in range(8)]
    after: list[Item] = [later(n, n < 12, hole_ms) for n in range(8, 60)]
    missed, closed = missed_ms(tmp_path, [*before, *after])
    assert closed[0][2] == reason
    assert len(closed) == (2 if reason == CloseReason.LOST else 1)
    assert missed == hole_ms


def test_a_microphone_that_goes_on_misses_nothing(tmp_path: Path) -> None:
    """Windows one after another, with a tick between two of them, are heard in full; quiet is quiet."""
    items: list[Item] = [window(n, hit=n < 6) for n in range(60)]
    items.insert(20, Tick(window(19, hit=False).end_ms + 1400))
    assert missed_ms(tmp_path, items) == (0, [(10_500, 10_500, CloseReason.QUIET)])


@pytest.mark.parametrize(("listens", "missed"), [(True, 58_000), (False, 0)])
def test_a_microphone_that_never_gave_a_sound_misses_all_of_it(tmp_path: Path, listens: bool, missed: int) -> None:
    """Unplugged when the station began: the time counts as missed from the first tick on; a camera hears nothing."""
    outbox = open_outbox(tmp_path)
    sense(outbox, rules=RULES, unheard=Unheard(listens=listens)).run([Tick(2000 * n) for n in range(1, 31)])
    assert sum(one.row.missed_ms for one in rows_in(outbox) if isinstance(one.row, Heartbeat)) == missed


def test_pauses_of_a_replay_were_nobodys_to_hear(tmp_path: Path) -> None:
    """Recordings of a minute in ten: what was between them is not missed by this process."""
    domain = ClockDomain("recorded", 1_700_000_000_000, Clock.RTC, 50)
    items: list[Item] = [
        Sample(n * 600_000, window(0, hit=True).data, 3000, RATE, 3000, domain=domain) for n in range(4)
    ]
    missed, closed = missed_ms(tmp_path, [*items, Tick(3_000_000, domain)])
    assert (missed, closed) == (0, [])


def test_a_camera_that_sees_nothing_misses_nothing(tmp_path: Path) -> None:
    """Between two triggers time passes in ticks, and a visit ends by quiet."""
    picture = [Sample(n * 1000, np.full(16, 0.5, np.float32)) for n in range(4)]
    items: list[Item] = [*picture, *(Tick(4_000 + 2_000 * n) for n in range(60))]
    missed, closed = missed_ms(tmp_path, items)
    assert (missed, [reason for _, _, reason in closed]) == (0, [CloseReason.QUIET])


def test_the_hour_before_a_hole_is_told_where_it_was(tmp_path: Path) -> None:
    """Two minutes heard, an hour without sound, two minutes heard: two rows, each of its own time."""
    outbox = open_outbox(tmp_path)
    items = [window(n, hit=False) for n in range(80)] + [later(n, False, 3_600_000) for n in range(80, 160)]
    sense(outbox, ear=Ear(1, {}, {})).run(items)
    told = [(one.row.t_ms, one.row.length_ms) for one in rows_in(outbox) if isinstance(one.row, Listening)]
    assert told == [(121_500, 121_500), (3_600_000 + 241_500, 120_000)]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20_000)), min_size=1, max_size=40))
def test_time_is_heard_or_missed_and_never_both(steps: list[tuple[bool, int]]) -> None:
    """Whatever comes: missed and heard time together are at most what passed, and a hole is lost once."""
    one, now_ms, began_ms, missed, heard, losses = Unheard(), 1_000, 1_000, 0, 0, 0
    for is_sound, gap_ms in steps:
        now_ms += gap_ms
        item: Sample | Tick = Tick(now_ms)
        if is_sound and not heard:  # missed time is that after the first sound
            began_ms = now_ms
        if is_sound:
            item, now_ms = Sample(now_ms, window(0, False).data, 1500, RATE, 1500), now_ms + 1500
            heard += 1500
        more, lost = one.take(item)
        missed, losses = missed + more, losses + lost
        assert more >= 0
    assert missed + heard <= now_ms - began_ms
    assert losses <= sum(gap for _, gap in steps) // LOST_MS
