"""Scores into events: they open when enough hits come, grow, and close when it is quiet."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.station import events
from otorongo.station.events import Rule, State, advance, finish
from otorongo.station.samples import Event, Score, Scores, Tick
from otorongo.wire.codes import CloseReason, Kind

SAW = 1
SHOT = 7
STEP_MS = 1500
RULES = {SAW: Rule(3, 6, 30_000, 600_000, 60_000), SHOT: Rule(1, 1, 10_000, 120_000, 60_000)}


def window(number: int, hit: bool, *, cls: int = SAW, evidence: float = 5.0, level_db: int = -30) -> Scores:
    """The n-th window, 3 s long, with or without a hit."""
    score = Score(cls, 0.99 if hit else 0.1, evidence if hit else -3.0, hit)
    return Scores(number * STEP_MS, 3000, (score,), level_db, -60)


def play(items: Sequence[Scores | Tick], rules: dict[int, Rule] = RULES) -> list[Event]:
    """All revisions of a story, and of its end."""
    state, out = State(), []
    for item in items:
        state, told = advance(state, item, rules)
        out += told
    return out


def pattern(text: str) -> list[Scores | Tick]:
    """x: a hit, -: none, t: a tick."""
    return [Tick(n * STEP_MS) if c == "t" else window(n, c == "x") for n, c in enumerate(text)]


def test_an_event_opens_with_enough_hits_and_is_dated_at_the_first() -> None:
    """Three hits in six windows open; the opening carries the start of the first of them."""
    (opened,) = play([*pattern("--x-x--x")[:8][:5], window(5, True)])
    assert (opened.kind, opened.start_ms, opened.hits, opened.evidence) == (Kind.OPEN, 2 * STEP_MS, 3, 5.0)


def test_what_a_window_holds_for_the_second_time_is_no_second_hit() -> None:
    """The last window of a recording, of which 100 ms are new, opens no event and adds no hit; a half new one does."""

    def later(ms: int) -> Scores:
        return replace(window(1, True, evidence=8.0), t_ms=STEP_MS + ms)

    two = pattern("xx")
    assert play([*two, later(100)]) == []
    assert [event.hits for event in play([*two, later(STEP_MS)])] == [3]
    grown = play([*pattern("xxx"), replace(window(2, True, evidence=8.0), t_ms=2 * STEP_MS + 100), Tick(90_000)])
    assert [(event.kind, event.hits, event.evidence) for event in grown] == [(Kind.OPEN, 3, 5.0), (Kind.CLOSE, 3, 5.0)]


@pytest.mark.parametrize("text", ["", "x", "xx", "x-x", "x--x--x--x", "------", "tttt", "xx----xx"])
def test_too_few_hits_open_nothing(text: str) -> None:
    """Fewer than three hits within six windows are no event."""
    assert play(pattern(text)) == []


def test_the_number_of_a_visit_is_the_largest_seen_at_once() -> None:
    """One animal, then three, then two: three, from the revision that saw them to the closing."""
    story = [
        Scores(at * STEP_MS, 3000, (Score(SHOT, 0.99, 5.0, hit=True, count=count),), -30, -60)
        for at, count in enumerate((1, 3, 2))
    ]
    told = play([*story, Tick(60_000)])
    assert (told[0].kind, told[0].count) == (Kind.OPEN, 1)
    assert (told[-1].kind, told[-1].count) == (Kind.CLOSE, 3)


def test_hits_that_came_too_few_are_counted() -> None:
    """A filter tells what it rejects."""
    state = State()
    for item in pattern("x-x-------------x--------"):
        state, _ = advance(state, item, RULES)
    assert state.unconfirmed == 3


def test_hits_of_the_morning_confirm_nothing_at_night() -> None:
    """Samples of a camera with a trigger may lie hours apart: hits older than the quiet are let go, and counted."""
    told, state = [], State()
    for number in (0, 1, 5_000, 5_001, 5_002):
        state, more = advance(state, window(number, hit=True), RULES)
        told += more
    assert [(one.kind, one.start_ms) for one in told] == [(Kind.OPEN, 5_000 * STEP_MS)]
    assert state.unconfirmed == 2
    state, more = advance(advance(State(), window(0, hit=True), RULES)[0], Tick(10**6), RULES)
    assert (more, state.unconfirmed) == ([], 1)
    state, _ = finish(advance(State(), window(0, hit=True), RULES)[0], 5_000, CloseReason.QUIET)
    assert state.unconfirmed == 1


def test_an_event_closes_after_quiet_at_its_last_hit() -> None:
    """30 s without a hit end it, and it lasted until the end of the last hit."""
    told = play(pattern("xxx" + "-" * 30))
    assert [one.kind for one in told] == [Kind.OPEN, Kind.CLOSE]
    assert (told[1].t_ms, told[1].reason) == (2 * STEP_MS + 3000, CloseReason.QUIET)


def test_a_tick_closes_what_no_sample_would() -> None:
    """A sensor that falls silent ends its events by ticks."""
    assert play([*pattern("xxx"), Tick(36_001)])[-1].kind == Kind.CLOSE
    assert len(play([*pattern("xxx"), Tick(35_999)])) == 1


def test_an_event_that_goes_on_is_told_again_and_cut_at_its_longest() -> None:
    """Updates come by time; after the longest time it closes and the next one opens at once."""
    told = play([window(n, hit=True) for n in range(500)])
    kinds = [one.kind for one in told]
    assert kinds[0] == Kind.OPEN
    assert kinds.count(Kind.UPDATE) >= 9
    cut = kinds.index(Kind.CLOSE)
    assert told[cut].reason == CloseReason.MAX_LENGTH
    assert told[cut].t_ms - told[cut].start_ms <= RULES[SAW].max_length_ms + STEP_MS
    assert kinds[cut + 1] == Kind.OPEN


def test_evidence_that_grows_is_told_at_once() -> None:
    """A natural unit more is worth a row."""
    told = play(
        [window(0, True), window(1, True), window(2, True), *(window(n, True, evidence=8.0) for n in (3, 4, 5))]
    )
    assert [one.kind for one in told] == [Kind.OPEN, Kind.UPDATE, Kind.UPDATE, Kind.UPDATE]
    assert told[-1].evidence == 8.0


def test_repetition_does_not_raise_the_evidence() -> None:
    """The mean of the best windows stays what it is however long the saw runs."""
    told = play([window(n, hit=True) for n in range(400)])
    assert {one.evidence for one in told} == {5.0}


def test_two_classes_are_two_events() -> None:
    """A shot during a saw is an event of its own."""
    both = Scores(6000, 3000, (Score(SAW, 0.99, 5.0, True), Score(SHOT, 0.99, 4.0, True)))
    told = play([window(0, True), window(1, True), both])
    assert sorted(one.cls for one in told) == [SAW, SHOT]
    assert len({one.key for one in told}) == 2


def test_the_end_of_the_source_closes_everything() -> None:
    """Nothing stays open behind a replay that came to its end."""
    state = State()
    for item in pattern("xxx"):
        state, _ = advance(state, item, RULES)
    state, told = finish(state, 9_000, CloseReason.RESTART)
    assert [(one.kind, one.reason, one.t_ms) for one in told] == [(Kind.CLOSE, CloseReason.RESTART, 9_000)]
    assert state.open_keys == frozenset()


stories = st.lists(st.sampled_from("xxx---t"), max_size=200).map("".join)


@given(stories, st.integers(1, 5), st.integers(0, 5))
def test_every_story_makes_well_formed_events(text: str, hits: int, more: int) -> None:
    """Whatever comes: one opening, then updates, then one closing; never two open at once; evidence within 8."""
    rules = {SAW: Rule(hits, hits + more, 20_000, 90_000, 15_000)}
    state, open_key, before = State(), None, None
    for item in pattern(text):
        state, told = advance(state, item, rules)
        for one in told:
            assert -8 <= one.evidence <= 8
            assert one.start_ms <= one.t_ms
            if one.kind == Kind.OPEN:
                assert open_key is None
                assert one.hits >= hits
                open_key = one.key
            else:
                assert one.key == open_key
                assert before is not None
                assert (one.hits, one.peak, one.start_ms) >= (before.hits, before.peak, before.start_ms)
            before = one
            open_key = None if one.kind == Kind.CLOSE else open_key
        assert len(state.open_keys) <= 1
    state, told = finish(state, 10**9, CloseReason.QUIET)
    assert len(told) == (open_key is not None)


@given(stories)
def test_a_window_that_the_gate_rejected_counts_as_one_without_a_hit(text: str) -> None:
    """Gated or classified as nothing: the same events."""
    gated = [
        Scores(one.t_ms, 3000) if isinstance(one, Scores) and not one.scores[0].hit else one for one in pattern(text)
    ]
    assert [(e.kind, e.start_ms, e.hits) for e in play(gated)] == [
        (e.kind, e.start_ms, e.hits) for e in play(pattern(text))
    ]


def test_the_state_is_a_value() -> None:
    """Going on twice from the same state gives the same events: nothing is changed in place."""
    state = State()
    for item in pattern("xx"):
        state, _ = advance(state, item, RULES)
    first, second = (advance(state, window(2, True), RULES)[1] for _ in range(2))
    assert first == second
    assert events.advance(state, Tick(3000), RULES)[1] == []
    assert list(itertools.chain(first)) != []


def test_what_counts_no_more_is_forgotten() -> None:
    """A hit that opened nothing is remembered while it counts, and leaves nothing behind but its number."""
    state, kept = State(), []
    for item in pattern("-x-------"):
        state, _ = advance(state, item, RULES)
        kept.append(len(state.tracks))
    assert kept == [0, 1, 1, 1, 1, 1, 1, 0, 0]
    assert state.unconfirmed == 1


@pytest.mark.parametrize(("levels", "loudest"), [((0, 0), 0), ((0, -40), -40), ((-40, 0), -40), ((-40, -30), -30)])
def test_a_level_that_nobody_measured_stays_unknown(levels: tuple[int, int], loudest: int) -> None:
    """A picture has none (0), however long its event grows; of measured ones the loudest is told."""
    items = [window(number, hit=True, level_db=levels[number > 2]) for number in range(5)]
    assert {one.level_db for one in play([*items, Tick(90_000)]) if one.kind == Kind.CLOSE} == {loudest}
