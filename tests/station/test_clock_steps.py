"""A clock that steps in the middle of an event: it closes all the same, and none ends before it began."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from otorongo.station import events
from otorongo.station.events import Rule, State
from otorongo.station.handed import Judged
from otorongo.station.pipeline import BACK_MS
from otorongo.station.samples import Event, Item, Sample, Score, Scores, Tick
from otorongo.station.tracks import Tracks
from otorongo.station.unheard import Unheard
from otorongo.wire import rows
from otorongo.wire.codes import CloseReason, Kind
from tests.station.sense_rig import PERSON, RATE, SAW, events_in, open_outbox, sense, window

SOUND = {SAW: Rule(2, 4, 6_000, 600_000, 60_000)}
PICTURES = {PERSON: Rule(1, 1, 60_000, 900_000, 300_000)}
START_MS = 50_000_000


class Step(NamedTuple):
    """What comes next: how far time went, and what was in it."""

    by_ms: int
    hit: bool
    tick: bool


steps = st.lists(
    st.builds(
        Step,
        st.one_of(st.integers(0, 3_000), st.integers(-12_000, 12_000), st.integers(-5_000_000, 5_000_000)),
        st.booleans(),
        st.booleans(),
    ),
    max_size=40,
)


class Loop:
    """A loop whose outbox keeps rows in memory: what it told. Hands: `run`."""

    boot = 1

    def __init__(self, **more: Any) -> None:
        self.rows: list[tuple[int, rows.Row]] = []
        self.sense = sense(self, **more)  # type: ignore[arg-type]

    def put(self, given_: Sequence[Any], **more: Any) -> list[int]:
        """As an outbox does: numbers from 1 on."""
        seqs = []
        for one in given_:
            seq = len(self.rows) + 1
            opening, row = (one.opening, one.row) if hasattr(one, "opening") else (seq, one)
            self.rows.append((opening, row))
            seqs.append(seq)
        return seqs

    def domain(self, key: str, utc0_ms: int, state: int = 0, bound_ms: int = 0) -> int:
        """One is all."""
        return 1

    def map_boot(self, boot: int, utc0_ms: int, state: int, bound_ms: int) -> bool:
        """Nothing is dated."""
        return False

    def revisions(self) -> dict[int, list[rows.Event]]:
        """Of each event, by its opening."""
        out: dict[int, list[rows.Event]] = {}
        for opening, row in self.rows:
            if isinstance(row, rows.Event):
                out.setdefault(opening, []).append(row)
        return out


def sound(t_ms: int, hit: bool) -> Sample:
    """A window that ends then."""
    return Sample(t_ms - 3_000, np.full(8, float(hit), np.float32), 3_000, RATE, 1_500)


def frame(t_ms: int, hit: bool) -> Sample:
    """A frame of then."""
    return Sample(t_ms, np.full((4, 4, 3), 255 * hit, np.uint8))


def judge(data: Any, rate_hz: int) -> Judged:
    """What is bright or loud is a hit."""
    hit = bool(data.max() > 0)
    return Judged((Score(SAW if rate_hz else PERSON, 0.99 if hit else 0.01, 6.0 if hit else -4.0, hit),))


def loop_of(kind: str) -> Loop:
    """A microphone's, or a camera's."""
    if kind == "sound":
        return Loop(rules=SOUND, classify=judge, tracks=Tracks(1, (SAW,)), unheard=Unheard(listens=True))
    return Loop(rules=PICTURES, classify=judge, name="camera", number=2)


def told_of(kind: str, story: Sequence[Step]) -> Loop:
    """What a loop tells of a story."""
    loop, items, now_ms = loop_of(kind), [], START_MS
    for step in story:
        now_ms = max(0, now_ms + step.by_ms)
        make = sound if kind == "sound" else frame
        items.append(Tick(now_ms) if step.tick else make(now_ms, step.hit))
    loop.sense.run(items)
    return loop


@pytest.mark.parametrize("kind", ["sound", "pictures"])
@example(story=[Step(0, hit=True, tick=False), Step(1_500, hit=True, tick=False), Step(-9_000, hit=True, tick=False)])
@settings(deadline=None)
@given(story=steps)
def test_every_event_that_opens_closes_and_none_has_a_negative_length(kind: str, story: list[Step]) -> None:
    """However a clock steps, in either direction and how often: one closing each, after its opening."""
    for revisions in told_of(kind, story).revisions().values():
        assert [one.kind for one in revisions].count(Kind.OPEN) == 1
        assert [one.kind for one in revisions].count(Kind.CLOSE) == 1
        assert revisions[-1].kind == Kind.CLOSE
        opened = revisions[0]
        for one in revisions[1:]:
            assert one.t_ms >= opened.t_ms
            assert one.duration_ms == one.t_ms - opened.t_ms


@given(steps, st.integers(1, 3))
def test_the_rules_alone_end_no_event_before_it_began(story: list[Step], hits: int) -> None:
    """Without the loop around them: whatever times come, each revision lies behind the start."""
    rules = {SAW: Rule(hits, 4, 6_000, 600_000, 60_000)}
    state, told, now_ms = State(), list[Event](), START_MS
    for step in story:
        now_ms += step.by_ms
        score = Score(SAW, 0.9, 5.0, step.hit)
        item: Scores | Tick = Tick(now_ms) if step.tick else Scores(now_ms, 3_000, (score,))
        state, more = events.advance(state, item, rules)
        told += more
    state, more = events.finish(state, now_ms, CloseReason.LOST)
    assert all(one.t_ms >= one.start_ms for one in told + more)
    assert not state.open_keys


@pytest.mark.parametrize("kind", ["sound", "pictures"])
def test_an_event_is_closed_as_lost_when_time_runs_back(kind: str) -> None:
    """At the first item of the new time, tick or not, where it last was; what comes then is another event."""
    for tick in (True, False):
        story = [Step(0, hit=True, tick=False), Step(1_500, hit=True, tick=False)]
        back = [Step(-3_600_000, hit=True, tick=tick), *[Step(1_500, hit=True, tick=False)] * 3]
        loop = told_of(kind, [*story, *back])
        first, second = loop.revisions().values()
        assert (first[-1].reason, first[-1].t_ms) == (CloseReason.LOST, START_MS + 1_500)
        assert second[0].t_ms < START_MS - 3_000_000


@pytest.mark.parametrize("kind", ["sound", "pictures"])
def test_a_late_block_ends_nothing(kind: str) -> None:
    """Time that stumbles by less than ten seconds, as after a stall: it is still one event."""
    stumbles = [
        Step(1_500, hit=True, tick=False),
        Step(2_000 - BACK_MS, hit=True, tick=False),
        Step(BACK_MS - 2_000, hit=True, tick=True),
    ]
    loop = told_of(kind, [Step(0, hit=True, tick=False), *stumbles * 3])
    (revisions,) = loop.revisions().values()
    assert revisions[-1].reason == CloseReason.QUIET


def test_what_a_real_outbox_keeps_of_it(tmp_path: Path) -> None:
    """A bout of an hour ago by a clock that went back: two events on the card, both closed."""
    outbox = open_outbox(tmp_path)
    late: list[Item] = [window(number, hit=True) for number in range(4_000, 4_004)]
    early: list[Item] = [window(number, hit=True) for number in range(1, 5)]
    quiet = [window(number, hit=False) for number in range(5, 20)]
    sense(outbox).run([*late, *early, *quiet])
    told = [(one.kind, one.reason) for one in events_in(outbox) if one.kind != Kind.UPDATE]
    assert told == [(Kind.OPEN, 0), (Kind.CLOSE, CloseReason.LOST), (Kind.OPEN, 0), (Kind.CLOSE, CloseReason.QUIET)]
    outbox.close()
