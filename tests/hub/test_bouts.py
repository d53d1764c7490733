"""What begins anew under an alert that never ended rings again: nobody keeps a place deaf with faint noise."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from otorongo.hub import answers, engine, fusion
from otorongo.hub.alerts import Evidence, Severity, State
from otorongo.hub.answers import Plan, Who
from otorongo.hub.rules import Rules
from otorongo.wire.codes import Tag
from tests.hub.scenes import MINUTE_MS, NOON_MS, believed, only, rings, rules, seen

ANA = Who("ana", "north")
FAINT: dict[str, Any] = {"cls": "person", "llr": -3.0, "tags": int(Tag.VETOED)}
ONE_STRONG: dict[str, Any] = {"cls": "vehicle", "llr": 8.0}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Rules:
    """Three places, their stations and people."""
    return rules(tmp_path_factory.mktemp("hub"))


def step(here: Rules, state: State, evidence: list[Evidence], minute: float) -> tuple[State, list[str]]:
    """Evidence comes, so many minutes after noon; what rang."""
    state, decisions = engine.step(state, evidence, NOON_MS + int(minute * MINUTE_MS), here)
    return state, rings(decisions)


def kept_alive(here: Rules, hours: int, noise: dict[str, Any]) -> tuple[State, Iterator[int]]:
    """A high alert whose rings are spent, with noise of one station every half hour; and numbers for more events."""
    state, _ = believed(here, [seen(), seen("K-05", event=2)])
    numbers = itertools.count(10)
    for minute in range(20, hours * 60, 30):
        state, _ = step(here, state, [seen("K-03", minute=minute, event=next(numbers), **noise)], minute + 4)
    assert (only(state).rung, only(state).rings) == (Severity.HIGH, here.config.notify.rounds)
    return state, numbers


@pytest.mark.parametrize("noise", [FAINT, ONE_STRONG])
def test_noise_that_never_ends_hides_nothing(here: Rules, noise: dict[str, Any]) -> None:
    """Saws a day after the first ones ring, and rounds follow, whatever one station says in between."""
    state, numbers = kept_alive(here, 24, noise)
    saws = [seen(station, minute=1450, event=next(numbers)) for station in ("K-01", "K-02")]
    state, rang = step(here, state, saws, 1454)
    assert (rang, only(state).round) == (["ring"], 0)
    assert [step(here, state, saws, minute)[1] for minute in (1455, 1460)] == [[], []]
    assert step(here, state, [], 1465)[1] == ["rering"]


def test_one_witness_alone_does_not_ring_anew(here: Rules) -> None:
    """What would not ring by itself rings nobody under an alert that once rang."""
    state, numbers = kept_alive(here, 10, FAINT)
    saw = [seen("K-01", minute=610, event=next(numbers))]
    assert step(here, state, saw, 614)[1] == []


def test_what_goes_on_does_not_ring_anew(here: Rules) -> None:
    """Saws that pause for less than quiet_min, or one bout that lasts for hours, are what people were rung for."""
    state, _ = believed(here, [seen(), seen("K-05", event=2)])
    numbers, told = itertools.count(10), list[str]()
    for minute in range(30, 600, 30):
        more = [seen(station, minute=minute, event=next(numbers)) for station in ("K-02", "K-05")]
        state, rang = step(here, state, more, minute + 4)
        told += rang
    assert told == ["rering"] * 5
    state, _ = believed(here, [seen(length_ms=0), seen("K-05", event=2, length_ms=0)])
    for minute in range(10, 600, 10):
        lasting = [replace(one, seq=one.seq + minute, last_ms=NOON_MS + minute * MINUTE_MS) for one in state.evidence]
        state, rang = step(here, state, lasting, minute)
    joined = [seen("K-03", minute=595, event=9)]
    assert step(here, state, joined, 600)[1] == []


def test_a_party_that_is_out_holds_it_and_the_rounds_begin_anew(here: Rules) -> None:
    """While somebody goes nobody is rung for what begins anew; once they no longer do, all rounds are still to come."""
    state, numbers = kept_alive(here, 10, FAINT)
    plan = Plan("ana y dos", "b", NOON_MS + 660 * MINUTE_MS)
    gone = answers.answer(only(state), ANA, "going", NOON_MS + 605 * MINUTE_MS, here.config.notify, plan=plan).alert
    state = replace(state, alerts=(gone,))
    saws = [seen(station, minute=610, event=next(numbers)) for station in ("K-01", "K-02")]
    state, rang = step(here, state, saws, 614)
    assert (rang, only(state).round) == ([], 0)
    back = answers.answer(only(state), ANA, "back", NOON_MS + 640 * MINUTE_MS, here.config.notify).alert
    assert step(here, replace(state, alerts=(back,)), [], 641)[1] == ["rering"]


def test_a_clock_that_is_ahead_rings_once(here: Rules) -> None:
    """Evidence dated some minutes ahead rings when it comes, and not again when its time has come."""
    saws = [seen(minute=4), seen("K-05", minute=4, event=2)]
    state, decisions = believed(here, saws, minute=1)
    assert rings(decisions) == ["ring"]
    later = [replace(one, seq=one.seq + 20, hits=9) for one in saws]
    assert [step(here, state, later, minute)[1] for minute in (2, 5, 9)] == [[], [], []]


@given(
    items=st.lists(
        st.tuples(st.integers(0, 3), st.floats(1, 8), st.integers(0, 400), st.integers(0, 90)), min_size=1, max_size=10
    )
)
def test_stretches_are_what_the_definition_says(here: Rules, items: list[tuple[int, float, int, int]]) -> None:
    """Apart by more than the pause; there are some exactly if it rings; and what lasts and rings lies in one."""
    activity = here.activities["logging"]
    events = [
        (seen(f"K-0{station}", minute=start, event=n, length_ms=length * MINUTE_MS), llr)
        for n, (station, llr, start, length) in enumerate(items)
    ]
    stretches = fusion.loud(events, activity, "protected", 10 * MINUTE_MS)
    assert all(first <= last for first, last in stretches)
    assert all(nxt - last > 10 * MINUTE_MS for (_, last), (nxt, _) in itertools.pairwise(stretches))
    assert bool(stretches) == (fusion.level(events, activity, "protected").severity >= Severity.ALERT)
    for minute in range(0, 500, 5):
        now = NOON_MS + minute * MINUTE_MS
        touching = [(replace(one, last_ms=min(one.last_ms, now)), llr) for one, llr in events if one.start_ms <= now]
        lasting = [(replace(one, start_ms=now), llr) for one, llr in touching if one.last_ms == now]
        if fusion.level(lasting, activity, "protected").severity >= Severity.ALERT:
            assert any(first <= now <= last for first, last in stretches)
