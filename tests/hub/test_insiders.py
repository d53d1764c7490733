"""The forest has insiders: no one person, nor people of one group, can silence an alert."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from otorongo.hub import answers, engine
from otorongo.hub.alerts import Alert, Evidence, Severity, State
from otorongo.hub.answers import Plan, Who
from otorongo.hub.rules import Rules
from tests.hub.fakes import NOON_MS
from tests.hub.scenes import LAKE, MINUTE_MS, believed, only, rings, rules, seen

ANA, BETO, NORA = Who("ana", "north"), Who("beto", "south"), Who("nora", "north")
HOUR_MS = 60 * MINUTE_MS


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Rules:
    """Three places, their stations and people."""
    return rules(tmp_path_factory.mktemp("hub"))


@pytest.fixture
def high(here: Rules) -> Alert:
    """A high alert that has just rung."""
    return only(believed(here, [seen(), seen("K-05", event=2)])[0])


def lesser(here: Rules) -> State:
    """An alert, not a high one, that rang five minutes after noon: two saws, both over by three minutes after."""
    state, decisions = believed(here, [seen(llr=5.0), seen("K-05", llr=5.0, event=2)])
    assert (only(state).severity, rings(decisions)) == (Severity.ALERT, ["ring"])
    return state


def closed(here: Rules, state: State, *, minute: float = 6, what: answers.Act = "false") -> State:
    """The state after Ana has closed its living alert by herself."""
    (living,) = [one for one in state.alerts if one.state != "resolved"]
    done = answers.answer(living, ANA, what, NOON_MS + int(minute * MINUTE_MS), here.config.notify)
    assert (done.outcome, done.alert.agreed) == ("closed", False)
    return replace(state, alerts=tuple(done.alert if one.id == done.alert.id else one for one in state.alerts))


def step(here: Rules, state: State, evidence: list[Evidence], minute: float) -> tuple[State, list[Any]]:
    """Evidence comes, so many minutes after noon."""
    return engine.step(state, evidence, NOON_MS + int(minute * MINUTE_MS), here)


# ---- a closing by one person


def test_a_closing_by_one_holds_for_what_was_judged(here: Rules) -> None:
    """The same events again, or told to their end as it was, open nothing and ring nobody."""
    state = closed(here, lesser(here))
    again = [replace(one, seq=50, closed=True) for one in state.evidence]
    assert step(here, state, [*state.evidence, *again], 7)[1] == []


@pytest.mark.parametrize("what", ["false", "by_right"])
def test_it_falls_when_the_same_events_grow_strong(here: Rules, what: answers.Act) -> None:
    """A later revision that makes it high rings as another alert, and the closed one says where it goes on."""
    state = closed(here, lesser(here), what=what)
    (old,) = state.alerts
    state, told = step(here, state, [replace(one, seq=50, llr=8.0) for one in state.evidence], 8)
    (fresh,) = [one for one in state.alerts if one.id != old.id]
    assert (fresh.rung, rings(told), len(fresh.covered)) == (Severity.HIGH, ["ring"], 2)
    (again,) = [one for one in told if one.what == "again"]
    assert (again.alert, again.reason.detail) == (old.id, {"into": fresh.id})
    assert [one for one in state.alerts if one.id == old.id] == [old]
    assert rings(step(here, state, [], 9)[1]) == []


def test_it_falls_when_it_goes_on(here: Rules) -> None:
    """Events that last longer than a re-ring after the closing count again; that they last a little longer, not."""
    state = closed(here, lesser(here))
    little = [replace(one, seq=50, last_ms=NOON_MS + 15 * MINUTE_MS) for one in state.evidence]
    state, told = step(here, state, little, 15)
    assert rings(told) == []
    longer = [replace(one, seq=51, last_ms=NOON_MS + 17 * MINUTE_MS) for one in little]
    assert rings(step(here, state, longer, 17)[1]) == ["ring"]


def test_it_falls_when_others_notice_it_too(here: Rules) -> None:
    """What one person closed while one station noticed it rings when a second one does."""
    state, _ = believed(here, [seen()])
    state, told = step(here, closed(here, state), [seen("K-05", event=2, minute=1)], 7)
    assert rings(told) == ["ring"]
    (fresh,) = [one for one in state.alerts if one.state != "resolved"]
    assert {one.key[0] for one in fresh.covered} == {"K-02", "K-05"}


def test_a_faint_new_event_is_only_watched(here: Rules) -> None:
    """New evidence that neither rings by itself nor makes it worse does not ring what one person closed."""
    state, told = step(here, closed(here, lesser(here)), [seen("K-03", llr=3.1, event=3, minute=30)], 31)
    assert rings(told) == []
    (fresh,) = [one for one in state.alerts if one.state != "resolved"]
    assert (fresh.severity, [one.key[0] for one in fresh.covered]) == (Severity.WATCH, ["K-03"])


def test_it_can_be_closed_again_and_falls_again(here: Rules) -> None:
    """Whoever closes what goes on, again and again, is overtaken by it each time."""
    state = lesser(here)
    for minute in (6, 30, 60):
        state = closed(here, state, minute=minute)
        later = minute + 12
        more = [replace(one, seq=100 + minute, last_ms=NOON_MS + later * MINUTE_MS) for one in state.evidence]
        state, told = step(here, state, more, later)
        assert rings(told) == ["ring"]
    assert len(state.alerts) == 4


def test_two_people_close_for_good(here: Rules, high: Alert) -> None:
    """What two people of different groups closed takes nothing of these events, however long they last."""
    state, _ = believed(here, [seen(), seen("K-05", event=2)])
    waits = answers.answer(high, ANA, "false", NOON_MS, here.config.notify).alert
    done = answers.answer(waits, BETO, "agree", NOON_MS + 6 * MINUTE_MS, here.config.notify).alert
    assert done.agreed
    state = replace(state, alerts=(done,))
    longer = [replace(one, seq=60, last_ms=NOON_MS + 50 * MINUTE_MS) for one in state.evidence]
    assert step(here, state, longer, 50)[1] == []


def test_the_auditor_learns_of_every_closing_that_rang(here: Rules) -> None:
    """A closing by one person of an alert that rang is told to the auditor; of one that rang nobody, not."""
    at_ms = NOON_MS + 6 * MINUTE_MS
    for what in ("false", "by_right"):
        done = answers.answer(only(lesser(here)), ANA, what, at_ms, here.config.notify)
        assert [(one.what, one.to) for one in done.decisions] == [(what, ("auditor",))]
        watch = only(believed(here, [seen()])[0])
        assert [one.to for one in answers.answer(watch, ANA, what, at_ms, here.config.notify).decisions] == [()]


# ---- "confirmed"


def test_confirmed_by_one_goes_on_ringing(here: Rules, high: Alert) -> None:
    """Who says that it is real is noted, and people are rung and it climbs as before, until a second group says so."""
    config = here.config.notify
    marked = answers.answer(high, ANA, "confirmed", NOON_MS + 6 * MINUTE_MS, config)
    assert (marked.outcome, marked.alert.state, [one.who for one in marked.alert.confirmed]) == (
        "waits",
        "notified",
        ["ana"],
    )
    assert answers.answer(marked.alert, ANA, "confirmed", NOON_MS, config).outcome == "unchanged"
    same = answers.answer(marked.alert, NORA, "confirmed", NOON_MS, config)
    assert (same.outcome, same.alert.state) == ("waits", "notified")
    alert, told = same.alert, []
    for minute in range(7, 70):
        alert, more = ticked(here, alert, minute)
        told += more
    assert told == [
        ("rering", ("ranger",)),
        ("rering", ("ranger", "coordinator")),
        ("rering", ("ranger", "coordinator")),
        ("rering", ("ranger", "coordinator", "second_organisation")),
        ("rering", ("ranger", "coordinator", "second_organisation")),
    ]
    done = answers.answer(marked.alert, BETO, "confirmed", NOON_MS + 9 * MINUTE_MS, config)
    assert (done.outcome, done.alert.resolution, done.alert.agreed) == ("closed", "confirmed", True)
    assert [(one.what, one.to) for one in done.decisions] == [("confirmed", ("auditor",))]


def test_going_and_confirming_does_not_close_a_high_alert(here: Rules, high: Alert) -> None:
    """Neither does whoever says that they go; a lesser alert to which somebody went, they close."""
    config = here.config.notify
    plan = Plan("a", "b", NOON_MS + HOUR_MS)
    for alert, outcome in ((high, "waits"), (only(lesser(here)), "closed")):
        gone = answers.answer(alert, ANA, "going", NOON_MS + 6 * MINUTE_MS, config, plan=plan).alert
        back = answers.answer(gone, ANA, "back", NOON_MS + 30 * MINUTE_MS, config).alert
        assert answers.answer(gone, ANA, "confirmed", NOON_MS + 31 * MINUTE_MS, config).outcome == outcome
        assert answers.answer(back, ANA, "confirmed", NOON_MS + 31 * MINUTE_MS, config).outcome == outcome
    assert answers.answer(only(lesser(here)), ANA, "confirmed", NOON_MS, config).outcome == "waits"


# ---- two alerts that prove to be one


def test_joined_alerts_lose_nothing(here: Rules) -> None:
    """Who goes, who went, who confirmed, what waits and the rings still to come of both alerts stay with the first."""
    config = here.config.notify
    state, _ = believed(here, [seen(), seen("K-05", event=2)])
    for minute in (20, 31, 42, 53, 64):
        state, _ = step(here, state, [], minute)
    later = [seen(minute=90, event=3), seen("K-05", minute=90, event=4)]
    state, _ = step(here, state, later, 94)
    (spent,), (young,) = ([one for one in state.alerts if one.round == n] for n in (5, 0))
    plan = Plan("beto y dos", "b", NOON_MS + 5 * HOUR_MS)
    at_ms = NOON_MS + 95 * MINUTE_MS
    young = answers.answer(young, BETO, "going", at_ms, config, plan=plan).alert
    young = answers.answer(young, ANA, "confirmed", at_ms, config).alert
    young = answers.answer(young, NORA, "false", at_ms, config).alert
    state = replace(state, alerts=(spent, young))
    between = seen("K-03", minute=45, event=5, received_ms=at_ms)
    state, told = step(here, state, [between], 96)
    joined = only(state)
    assert (joined.id, joined.state, joined.round, joined.rings) == (spent.id, "acknowledged", 0, 6)
    assert [one.who for one in joined.going] == [one.who for one in joined.gone] == ["beto"]
    assert [one.who for one in joined.confirmed] == ["ana"]
    assert joined.pending == young.pending
    (merged,) = [one for one in state.alerts if one.resolution == "merged"]
    assert (merged.going, merged.pending) == ((), None)
    state, told = step(here, replace(state, alerts=(replace(joined, going=()), merged)), [], 107)
    assert [(one.what, one.round) for one in told] == [("rering", 6)]


# ---- "I go"


def ticked(here: Rules, alert: Alert, minute: float) -> tuple[Alert, list[Any]]:
    """Time passes over one alert."""
    state, decisions = step(here, State(place=LAKE, activity="logging", alerts=(alert,)), [], minute)
    return only(state), [(one.what, one.to) for one in decisions]


def test_a_trip_is_not_renewed_without_end(here: Rules, high: Alert) -> None:
    """Who changes a trip stays gone since its beginning; longer than going_at_most_h after that is not believed."""
    config = here.config.notify
    alert = high
    told: list[Any] = []
    for hour in (0, 20, 40):
        plan = Plan("a", "b", NOON_MS + (hour + 8) * HOUR_MS)
        done = answers.answer(alert, ANA, "going", NOON_MS + hour * HOUR_MS, config, plan=plan)
        alert, told = done.alert, told + [(one.what, one.to, one.round) for one in done.decisions]
    assert told == [("going", (), 0), ("extended", ("coordinator",), 0), ("extended", ("coordinator",), 1)]
    assert [one.since_ms for one in alert.going] == [NOON_MS]
    more = Plan("a", "b", NOON_MS + 49 * HOUR_MS)
    assert answers.answer(alert, ANA, "going", NOON_MS + 47 * HOUR_MS, config, plan=more).outcome == "bad_time"
    sooner = answers.answer(
        alert, ANA, "going", NOON_MS + 41 * HOUR_MS, config, plan=Plan("a", "b", NOON_MS + 42 * HOUR_MS)
    )
    assert [(one.what, one.to) for one in sooner.decisions] == [("going", ())]


def test_coming_back_postpones_nothing(here: Rules, high: Alert) -> None:
    """When the last party is back without result the next ring is due at once; going again holds it no longer."""
    config = here.config.notify
    plan = Plan("a", "b", NOON_MS + 47 * HOUR_MS)
    alert = answers.answer(high, ANA, "going", NOON_MS + 6 * MINUTE_MS, config, plan=plan).alert
    alert = answers.answer(alert, ANA, "back", NOON_MS + 2 * HOUR_MS, config).alert
    assert ticked(here, alert, 121)[1] == [("rering", ("ranger",))]
    for minute in (122, 130):
        alert = answers.answer(alert, ANA, "going", NOON_MS + minute * MINUTE_MS, config, plan=plan).alert
        alert = answers.answer(alert, ANA, "back", NOON_MS + (minute + 1) * MINUTE_MS, config).alert
    assert ticked(here, alert, 132)[1] == [("rering", ("ranger",))]
    late = Plan("a", "b", NOON_MS + 60 * HOUR_MS)
    alert = answers.answer(alert, ANA, "going", NOON_MS + 30 * HOUR_MS, config, plan=late).alert
    assert ticked(here, alert, 48 * 60 + 35)[1] == []
    assert ticked(here, alert, 48 * 60 + 36)[1] == [("rering", ("ranger",))]
    assert ("overdue", ("coordinator",)) in ticked(here, alert, 60 * 60 + 30)[1]


ONE_ACT = st.tuples(
    st.sampled_from(answers.ACTS),
    st.sampled_from((ANA, NORA)),
    st.sampled_from((0, 1, 5, 11, 60, 600, 1500, 2900)),  # minutes until they do it
    st.sampled_from((1, 10, 60, 600, 2880)),  # minutes for which they say that they go
)


@settings(deadline=None)
@given(done=st.lists(ONE_ACT, max_size=10))
def test_one_group_cannot_stop_the_ringing(here: Rules, done: list[tuple[answers.Act, Who, int, int]]) -> None:
    """Whatever one person or people of one group do, a high alert is never silent for longer than one trip may last."""
    config = here.config.notify
    longest_min = config.going_at_most_h * 60 + config.overdue_grace_min + config.re_ring_after_min + 1
    acts_at, at_min = [], 5
    for what, who, wait_min, trip_min in done:
        at_min += wait_min
        acts_at.append((at_min, what, who, trip_min))
    alert = only(believed(here, [seen(), seen("K-05", event=2)])[0])
    # Between acts nothing but a deadline changes anything: these moments are enough, and a tick a minute is not needed.
    deadlines = {at + more for at, *_ in acts_at for more in (1, 11, 41, 2910, 2911)}
    deadlines |= {at + trip + more for at, _, _, trip in acts_at for more in (30, 31, 60)}
    moments = sorted(deadlines | {5 + n * 11 for n in range(800)} | {at for at, *_ in acts_at})
    last_min, rounds = 5.0, 1
    for minute in moments:
        for _, what, who, trip_min in [one for one in acts_at if one[0] == minute]:
            now_ms = NOON_MS + minute * MINUTE_MS
            plan = Plan("p", "r", now_ms + trip_min * MINUTE_MS)
            alert = answers.answer(alert, who, what, now_ms, config, plan=plan).alert
        alert, told = ticked(here, alert, minute)
        if any(what == "rering" for what, _ in told):
            assert minute - last_min <= longest_min + 11
            last_min, rounds = minute, rounds + 1
    assert rounds == config.rounds
    assert alert.state != "resolved"
