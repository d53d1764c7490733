"""The evidence engine: what it believes, when it rings, and that order cannot matter."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from otorongo.hub import engine, fusion
from otorongo.hub.alerts import Evidence, Severity, State
from otorongo.hub.config import RightConfig
from otorongo.hub.rules import Rules
from otorongo.wire import classes
from otorongo.wire.codes import Tag
from tests.hub.scenes import COMMONS, LAKE, MINUTE_MS, NOON_MS, believed, only, rings, rules, seen


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Rules:
    """Three places, their stations and people."""
    return rules(tmp_path_factory.mktemp("hub"))


def test_two_stations_ring_once(here: Rules) -> None:
    """A saw that two stations are sure of is an alert that rings once; repeats and later bouts stay silent."""
    both = [seen("K-02"), seen("K-05", event=2)]
    state, decisions = believed(here, both)
    alert = only(state)
    assert (alert.severity, alert.state, rings(decisions)) == (Severity.HIGH, "notified", ["ring"])
    assert {one.key[0] for one in alert.covered} == {"K-02", "K-05"}
    again, later = engine.step(state, [*both, seen("K-02", minute=4, event=3)], NOON_MS + 8 * MINUTE_MS, here)
    assert rings(later) == []
    assert len(only(again).covered) == 3


def test_rising_severity_rings_a_second_time(here: Rules) -> None:
    """What was likely rings, what becomes nearly certain rings again, and no third time."""
    state, first = believed(here, [seen(llr=5.0), seen("K-05", llr=5.0, event=2)])
    assert (only(state).rung, rings(first)) == (Severity.ALERT, ["ring"])
    state, second = engine.step(state, [seen("K-04", llr=6.0, event=3)], NOON_MS + 6 * MINUTE_MS, here)
    assert (only(state).rung, rings(second)) == (Severity.HIGH, ["raised"])
    _, third = engine.step(state, [seen("K-03", llr=8.0, event=4)], NOON_MS + 7 * MINUTE_MS, here)
    assert rings(third) == []


def test_sound_and_picture_fuse(here: Rules) -> None:
    """A saw at one station and a person and a truck at others are one alert; each alone rings nobody."""
    saw = seen(llr=8.0)
    others = [seen("K-03", "person", 8.0, event=2), seen("K-04", "vehicle", 8.0, event=3)]
    assert rings(believed(here, [saw])[1]) == []
    assert rings(believed(here, others)[1]) == []
    state, decisions = believed(here, [saw, *others])
    assert rings(decisions) == ["ring"]
    assert only(state).severity == Severity.ALERT


def test_one_pair_never_rings_alone(here: Rules) -> None:
    """One station with one class is watched however sure it is, unless the activity says that it may ring alone."""
    hard = replace(here.config, activity=(replace(here.activities["logging"], prior=0.5),))
    state, decisions = believed(Rules(hard, here.places), [seen(), seen(minute=4, event=2)])
    assert (only(state).severity, only(state).reason.code, rings(decisions)) == (Severity.WATCH, "alone", [])
    soft = replace(here.config, activity=(replace(hard.activity[0], alone=True),))
    assert rings(believed(Rules(soft, here.places), [seen()])[1]) == ["ring"]


def test_an_engine_is_one_whatever_a_station_calls_it(here: Rules) -> None:
    """An engine that its station later calls steady, or a generator, is one thing heard: alone it rings nobody."""
    hard = Rules(replace(here.config, activity=(replace(here.activities["mining"], prior=0.5),)), here.places)
    one = [seen(cls="engine"), seen(cls="engine_steady", event=2, minute=4), seen(cls="generator", event=3, minute=5)]
    state, decisions = believed(hard, one, activity="mining")
    assert (only(state).severity, only(state).reason.code, rings(decisions)) == (Severity.WATCH, "alone", [])
    two = [*one, seen("K-05", "engine_steady", event=4)]
    assert rings(believed(hard, two, activity="mining")[1]) == ["ring"]


def test_evidence_fades(here: Rules) -> None:
    """What two stations notice an hour apart is not one thing going on; within minutes it is."""
    assert rings(believed(here, [seen(), seen("K-05", minute=5, event=2)], minute=10)[1]) == ["ring"]
    assert rings(believed(here, [seen(), seen("K-05", minute=58, event=2)], minute=63)[1]) == []


def test_late_evidence_marks_and_does_not_ring(here: Rules) -> None:
    """Evidence that came late enters the alert and says so, and rings nobody; what comes in time rings on its own."""
    late = [seen(received_ms=NOON_MS + 60 * MINUTE_MS), seen("K-05", event=2, received_ms=NOON_MS + 60 * MINUTE_MS)]
    state, decisions = believed(here, late, minute=60)
    alert = only(state)
    assert (alert.severity, alert.reason.code, alert.reason.late, rings(decisions)) == (Severity.HIGH, "late", 2, [])
    assert [one.what for one in decisions] == ["opened", "late", "held"]
    more = [seen("K-03", event=3, minute=30), seen("K-04", event=4, minute=30)]
    assert rings(engine.step(state, more, NOON_MS + 61 * MINUTE_MS, here)[1]) == ["ring"]


@pytest.mark.parametrize(("tag", "why"), [(Tag.VETOED, "vetoed"), (Tag.OWN_PATROL, "own_patrol")])
def test_what_a_station_discards_is_kept_and_does_not_count(here: Rules, tag: Tag, why: str) -> None:
    """Evidence tagged by the station as vetoed or our own patrol is recorded with its reason and rings nobody."""
    state, decisions = believed(here, [seen(tags=tag), seen("K-05", event=2, tags=tag)])
    alert = only(state)
    assert (alert.severity, alert.reason.code, rings(decisions)) == (Severity.NONE, why, [])
    assert all(one.suppressed and one.why == why for one in alert.covered)


def test_a_drill_rings_as_a_drill_and_mixes_with_nothing(here: Rules) -> None:
    """Evidence of a drill makes an alert of its own, which is marked."""
    state, decisions = believed(here, [seen(tags=Tag.DRILL), seen("K-05", event=2)])
    assert rings(decisions) == []
    state, decisions = believed(
        here, [seen(tags=Tag.DRILL), seen("K-05", event=2, tags=Tag.DRILL), seen("K-03", event=3)]
    )
    assert rings(decisions) == ["ring"]
    assert {one.drill: one.rung for one in state.alerts} == {True: Severity.HIGH, False: Severity.NONE}


def test_quarantined_evidence_enters_nothing(here: Rules) -> None:
    """What is dated in the future opens no alert."""
    state, decisions = believed(here, [seen(quarantined=True), seen("K-05", event=2, quarantined=True)])
    assert (state.alerts, decisions) == ((), [])


def test_shots_in_shared_use_never_ring_alone(here: Rules) -> None:
    """Where people hunt by right, shots and boats anywhere are watched; with a visitor on a camera they ring."""
    shots = [seen("C-01", "gunshot"), seen("C-02", "gunshot", event=2), seen("C-03", "boat", event=3)]
    state, decisions = believed(here, shots, place=COMMONS, activity="poaching")
    assert (only(state).severity, only(state).reason.code, rings(decisions)) == (Severity.WATCH, "shared_use", [])
    assert rings(believed(here, shots, place=LAKE, activity="poaching")[1]) == ["ring"]
    visitor = [*shots, seen("C-01", "person", event=4)]
    assert rings(believed(here, visitor, place=COMMONS, activity="poaching")[1]) == ["ring"]


def test_what_a_right_covers_is_recorded(here: Rules) -> None:
    """A saw in the hours of a right rings nobody; when it goes on past them it rings, and the reason says why."""
    right = RightConfig(holder="Ejemplo", kind="harvest_parcel", activity="logging", place=LAKE, hours="06:00-08:00")
    mine = Rules(replace(here.config, right=(right,)), here.places)
    within = [seen(), seen("K-05", event=2)]  # 07:00 in Lima
    state, decisions = believed(mine, within)
    assert (only(state).severity, only(state).reason.code, rings(decisions)) == (Severity.NONE, "right", [])
    beyond = [replace(one, seq=9, last_ms=NOON_MS + 65 * MINUTE_MS) for one in within]
    state, decisions = engine.step(state, beyond, NOON_MS + 66 * MINUTE_MS, mine)
    assert rings(decisions) == ["ring"]
    assert (only(state).reason.right_state, only(state).reason.right) == ("outside_hours", "Ejemplo")


def test_alerts_that_prove_to_be_one_are_joined(here: Rules) -> None:
    """Evidence that comes late between two alerts makes them one, which keeps what both were told."""
    early, lately = [seen(), seen("K-05", event=2)], [seen(minute=90, event=3), seen("K-05", minute=90, event=4)]
    state, first = believed(here, early)
    state, second = engine.step(state, lately, NOON_MS + 94 * MINUTE_MS, here)
    assert rings(first) == ["ring"]
    assert rings(second) == ["ring", "rering"]  # nobody went to the first
    assert len(state.alerts) == 2
    between = seen("K-03", minute=45, event=5, received_ms=NOON_MS + 95 * MINUTE_MS)
    state, third = engine.step(state, [between], NOON_MS + 95 * MINUTE_MS, here)
    assert (rings(third), len(only(state).covered)) == ([], 5)
    assert [one.what for one in third] == ["merged", "covered", "late"]


def test_what_people_closed_takes_nothing_new(here: Rules) -> None:
    """Revisions of the events of a closed alert stay silent; other events make another alert."""
    both = [seen(closed=False), seen("K-05", event=2)]
    state, _ = believed(here, both)
    closed = replace(only(state), state="resolved", resolution="false", resolved_ms=NOON_MS + 6 * MINUTE_MS)
    state = replace(state, alerts=(closed,))
    longer = [replace(one, seq=20, last_ms=one.last_ms + 10 * MINUTE_MS) for one in both]
    state, decisions = engine.step(state, longer, NOON_MS + 20 * MINUTE_MS, here)
    assert (decisions, len(state.alerts)) == ([], 1)
    state, decisions = engine.step(
        state, [seen("K-03", event=3, minute=18), seen("K-04", event=4, minute=18)], NOON_MS + 22 * MINUTE_MS, here
    )
    assert (rings(decisions), len(state.alerts)) == (["ring"], 2)


def test_a_watch_goes_quiet_and_comes_back(here: Rules) -> None:
    """What rang nobody leaves the living after a while, and is the same alert when more of it comes."""
    state, _ = believed(here, [seen()])
    state, decisions = engine.step(state, (), NOON_MS + 90 * MINUTE_MS, here)
    assert ([one.what for one in decisions], only(state).resolution) == (["quiet"], "quiet")
    more = seen("K-05", minute=2, event=2, received_ms=NOON_MS + 91 * MINUTE_MS)
    state, decisions = engine.step(state, [more], NOON_MS + 91 * MINUTE_MS, here)
    assert ([one.what for one in decisions if one.what == "reopened"], only(state).state) == (["reopened"], "open")


# ---- rules that hold for all inputs

CLASSES = ("chainsaw", "tree_fall", "vehicle", "person")
TAGS = (0, 0, 0, 0, int(Tag.VETOED), int(Tag.OWN_PATROL), int(Tag.DRILL))


@st.composite
def revisions(draw: st.DrawFn, *, falling: bool = True) -> list[Evidence]:
    """Events of some stations, each in one or several revisions; `falling`: of which a later one may be weaker."""
    out = []
    for event in range(1, draw(st.integers(2, 9)) + 1):
        one = seen(
            draw(st.sampled_from(("K-01", "K-02", "K-03", "K-04"))),
            draw(st.sampled_from(CLASSES)),
            draw(st.sampled_from((-2.0, 1.0, 4.0, 6.5, 8.0) if falling else (1.0, 4.0, 6.5, 8.0))),
            draw(st.sampled_from((0, 1, 5, 30, 70, 100, 180))),
            event=event * 10,
            tags=draw(st.sampled_from(TAGS)) if falling else 0,
            length_ms=draw(st.integers(0, 10)) * MINUTE_MS,
            quarantined=falling and draw(st.integers(0, 9)) == 0,
        )
        late_ms = draw(st.sampled_from((0, 0, 0, 120))) * MINUTE_MS
        one = replace(one, received_ms=one.received_ms + late_ms)
        out.append(one)
        for number in range(draw(st.integers(0, 2))):
            change = draw(st.sampled_from((-3.0, 0.0, 2.0) if falling else (0.0, 2.0)))
            one = replace(one, seq=one.seq + number + 1, llr=max(-8.0, min(8.0, one.llr + change)))
            out.append(one)
    return out


def story(state: State, *, told: bool) -> set[Any]:
    """What became of it: each alert's evidence and belief, and if asked, for what people were rung."""
    return {
        (one.covered, round(one.belief, 9), one.reason.classes, one.drill, one.first_ms, one.last_ms)
        + ((one.rung, one.severity, one.state) if told else ())
        for one in state.alerts
        if one.resolution != "merged"
    }


def fed(here: Rules, batches: list[list[Evidence]]) -> State:
    """Everything, batch by batch, at one moment."""
    state = State(place=LAKE, activity="logging")
    for batch in batches:
        state, _ = engine.step(state, batch, NOON_MS + 200 * MINUTE_MS, here)
    return state


def cut(items: list[Evidence], chance: random.Random) -> list[list[Evidence]]:
    """In another order, some of it twice, in batches of any size."""
    mixed = [*items, *chance.sample(items, chance.randint(0, len(items)))]
    chance.shuffle(mixed)
    batches: list[list[Evidence]] = [[]]
    for one in mixed:
        batches[-1].append(one)
        if chance.random() < 0.4:
            batches.append([])
    return batches


@settings(deadline=None)
@given(items=revisions(falling=False), chance=st.randoms(use_true_random=False))
def test_order_repetition_and_batching_change_nothing(
    here: Rules, items: list[Evidence], chance: random.Random
) -> None:
    """The same records in any order and batches, repeated: the same alerts, over the same events, rung for the same."""
    assert story(fed(here, cut(items, chance)), told=True) == story(fed(here, [items]), told=True)


def grown(before: Evidence, after: Evidence) -> Evidence:
    """A later revision of an event, that never takes back what was told of it."""
    llr, last_ms = max(before.llr, after.llr), max(before.last_ms, after.last_ms)
    return replace(before, seq=before.seq + after.seq, llr=llr, last_ms=last_ms)


@settings(deadline=None)
@given(before=revisions(falling=False), after=revisions(falling=False), chance=st.randoms(use_true_random=False))
def test_after_a_closing_order_changes_nothing(
    here: Rules, before: list[Evidence], after: list[Evidence], chance: random.Random
) -> None:
    """One person closed everything that was there: whatever comes then, in any order and batches, ends the same."""
    state = fed(here, [before])
    known = {one.key: one for one in state.evidence}
    after = [grown(known[one.key], one) if one.key in known else one for one in after]
    closed = [replace(one, state="resolved", resolution="false", resolved_ms=NOON_MS) for one in state.alerts]
    state = replace(state, alerts=tuple(closed))
    ends = []
    for batches in ([after], cut(after, chance)):
        end = state
        for batch in batches:
            end, _ = engine.step(end, batch, NOON_MS + 201 * MINUTE_MS, here)
        ends.append(story(end, told=True))
    assert ends[0] == ends[1]


@settings(deadline=None)
@given(items=revisions(), chance=st.randoms(use_true_random=False))
def test_belief_is_a_function_of_the_set(here: Rules, items: list[Evidence], chance: random.Random) -> None:
    """Even where a later revision takes evidence back, which nobody can un-ring, the belief at the end is the same."""
    one, other = fed(here, cut(items, chance)), fed(here, [items])
    assert one.evidence == other.evidence
    told = {c.key: (c, a.belief) for a in one.alerts for c in a.covered}
    same = {c.key: (c, a.belief) for a in other.alerts for c in a.covered}
    assert {key: told[key] for key in same} == same


@settings(deadline=None)
@given(
    llrs=st.lists(st.floats(-20, 100), min_size=1, max_size=40),
    cls=st.sampled_from([line.name for line in classes.CLASSES]),
    prior=st.floats(0.0001, 0.9),
    gap_s=st.integers(0, 3600),
)
def test_no_station_rings_by_repetition(here: Rules, llrs: list[float], cls: str, prior: float, gap_s: int) -> None:
    """One station with one class, as often and as loud as it likes, under any prior, rings nobody."""
    activity = replace(here.activities["logging"], weights={cls: 1.0}, prior=prior)
    mine = Rules(replace(here.config, activity=(activity,)), here.places)
    events = [seen("K-01", cls, llr, n * gap_s / 60, event=n + 1) for n, llr in enumerate(llrs)]
    assert rings(believed(mine, events, minute=0)[1]) == []


@given(
    items=st.lists(
        st.tuples(st.integers(0, 3), st.floats(0.1, 8), st.integers(0, 200), st.integers(0, 60)),
        min_size=1,
        max_size=12,
    )
)
def test_moments_are_what_the_definition_says(items: list[tuple[int, float, int, int]]) -> None:
    """The quick way gives each pair's strongest event with its decay, as written down directly."""
    events = [
        (seen(f"K-0{station}", minute=start, event=n, length_ms=length * MINUTE_MS), llr)
        for n, (station, llr, start, length) in enumerate(items)
    ]
    half_ms = 20 * MINUTE_MS
    starts = sorted({one.start_ms for one, _ in events})
    for now, strengths in zip(starts, fusion.moments(events, half_ms), strict=True):
        for pair, strength in strengths.items():
            mine = [
                llr * 0.5 ** (max(0, now - one.last_ms) / half_ms)
                for one, llr in events
                if one.pair == pair and one.start_ms <= now
            ]
            assert strength == pytest.approx(max(mine), abs=1e-6)
