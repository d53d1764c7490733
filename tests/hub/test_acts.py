"""What people do with an alert: who silences nothing alone, who is waited for, and who is told."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from otorongo.hub import acts, answers, belief, engine, store_alerts, store_deliveries, store_people
from otorongo.hub.alerts import Alert, Severity, State
from otorongo.hub.answers import Plan, Who
from otorongo.hub.ingest import accept
from otorongo.hub.rules import Rules
from otorongo.hub.store import Store
from tests.hub.fakes import NOON_MS, Card
from tests.hub.scenes import FAR, LAKE, MINUTE_MS, believed, only, person, rules, seen

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


def after(here: Rules, alert: Alert, minutes: float) -> tuple[Alert, list[Any]]:
    """Time passes."""
    state = State(place=LAKE, activity="logging", alerts=(alert,))
    state, decisions = engine.step(state, (), NOON_MS + int(minutes * MINUTE_MS), here)
    return only(state), [(one.what, one.to) for one in decisions]


def test_seen_stops_nothing(here: Rules, high: Alert) -> None:
    """Whoever has seen it: people are rung again as if nobody had."""
    done = answers.answer(high, ANA, "seen", NOON_MS + 6 * MINUTE_MS, here.config.notify)
    assert (done.outcome, done.alert.seen_by) == ("done", ("ana",))
    assert after(here, done.alert, 16)[1] == [("rering", ("ranger",))]
    assert answers.answer(done.alert, ANA, "seen", NOON_MS, here.config.notify).outcome == "unchanged"


def test_i_go_stops_it_until_its_deadline(here: Rules, high: Alert) -> None:
    """While a party is out nobody is rung; when it is not back the coordinator is, then a second organisation."""
    plan = Plan("ana, beto", "por el caño", NOON_MS + 2 * HOUR_MS)
    done = answers.answer(high, ANA, "going", NOON_MS + 6 * MINUTE_MS, here.config.notify, plan=plan)
    assert (done.outcome, done.alert.state) == ("done", "acknowledged")
    assert after(here, done.alert, 149)[1] == []
    late, told = after(here, done.alert, 150)
    assert told == [("overdue", ("coordinator",)), ("rering", ("ranger",))]
    assert after(here, late, 151)[1] == []
    assert ("overdue", ("coordinator", "second_organisation")) in after(here, late, 180)[1]
    back = answers.answer(late, ANA, "back", NOON_MS + 151 * MINUTE_MS, here.config.notify).alert
    assert (back.going, back.state) == ((), "notified")
    assert after(here, back, 300)[1] == [("rering", ("ranger", "coordinator"))]


def test_two_parties_are_both_waited_for(here: Rules, high: Alert) -> None:
    """A second party does not hide that the first is not back."""
    first = Plan("ana", "a", NOON_MS + HOUR_MS)
    second = Plan("beto", "b", NOON_MS + 5 * HOUR_MS)
    alert = answers.answer(high, ANA, "going", NOON_MS + MINUTE_MS, here.config.notify, plan=first).alert
    alert = answers.answer(alert, BETO, "going", NOON_MS + MINUTE_MS, here.config.notify, plan=second).alert
    alert, told = after(here, alert, 91)
    assert told == [("overdue", ("coordinator",))]
    assert [(one.who, one.overdue_told) for one in alert.going] == [("ana", 1), ("beto", 0)]


@pytest.mark.parametrize(
    ("plan", "outcome"),
    [
        (Plan("", "a", NOON_MS + HOUR_MS), "needs_party"),
        (Plan("a", " ", NOON_MS + HOUR_MS), "needs_party"),
        (Plan("a", "b", NOON_MS), "bad_time"),
        (Plan("a", "b", NOON_MS + 49 * HOUR_MS), "bad_time"),
    ],
)
def test_i_go_needs_a_plan(here: Rules, high: Alert, plan: Plan, outcome: str) -> None:
    """Without party, route and a time of return that can be believed, nothing changes."""
    done = answers.answer(high, ANA, "going", NOON_MS, here.config.notify, plan=plan)
    assert (done.outcome, done.alert) == (outcome, high)


@pytest.mark.parametrize("what", ["false", "by_right"])
def test_nobody_closes_a_high_alert_alone(here: Rules, high: Alert, what: answers.Act) -> None:
    """A closing waits for a second person of another group, the auditor is told, and people are rung until then."""
    config = here.config.notify
    waits = answers.answer(high, ANA, what, NOON_MS + 6 * MINUTE_MS, config)
    assert (waits.outcome, waits.alert.state) == ("waits", "notified")
    assert [(one.what, one.to) for one in waits.decisions] == [("pending", ("auditor",))]
    assert after(here, waits.alert, 16)[1] == [("rering", ("ranger",))]
    for who, outcome in ((ANA, "same_person"), (NORA, "same_group"), (Who("x"), "no_group")):
        assert answers.answer(waits.alert, who, "agree", NOON_MS, config).outcome == outcome
        assert answers.answer(waits.alert, who, what, NOON_MS, config).outcome == outcome
    agreed = answers.answer(waits.alert, BETO, "agree", NOON_MS + 9 * MINUTE_MS, config)
    assert (agreed.outcome, agreed.alert.state, agreed.alert.resolution) == ("closed", "resolved", what)
    assert [(one.what, one.to) for one in agreed.decisions] == [("closed", ("auditor",))]
    refused = answers.answer(waits.alert, BETO, "refuse", NOON_MS + 9 * MINUTE_MS, config)
    assert (refused.outcome, refused.alert.pending) == ("done", None)


def test_a_lesser_alert_is_closed_by_one(here: Rules) -> None:
    """What is not high one person closes; after that nothing of it can be changed."""
    alert = only(believed(here, [seen(llr=5.0), seen("K-05", llr=5.0, event=2)])[0])
    assert alert.severity == Severity.ALERT
    done = answers.answer(alert, ANA, "false", NOON_MS + 6 * MINUTE_MS, here.config.notify)
    assert (done.outcome, done.alert.resolution) == ("closed", "false")
    assert answers.answer(done.alert, BETO, "confirmed", NOON_MS, here.config.notify).outcome == "already_closed"
    assert after(here, done.alert, 60)[1] == []


@settings(deadline=None)
@given(steps=st.lists(st.tuples(st.sampled_from(answers.ACTS), st.sampled_from((ANA, NORA))), max_size=12))
def test_one_group_never_closes_a_high_alert_as_false(here: Rules, steps: list[tuple[answers.Act, Who]]) -> None:
    """Whatever people of one group do, in any order, a high alert is not closed as false or by right."""
    alert = only(believed(here, [seen(), seen("K-05", event=2)])[0])
    for minute, (what, who) in enumerate(steps):
        plan = Plan("p", "r", NOON_MS + HOUR_MS)
        alert = answers.answer(alert, who, what, NOON_MS + minute * MINUTE_MS, here.config.notify, plan=plan).alert
        assert alert.resolution not in ("false", "by_right")


# ---- with the store


def saws(store: Store, here: Rules) -> str:
    """Two stations tell of a saw: the alert's code."""
    for name in ("K-02", "K-05"):
        card = Card(name)
        card.open(MINUTE_MS, evidence=80)
        accept(store, here, name, card.batch(), NOON_MS + MINUTE_MS)
    with store.read() as tx:
        (alert,) = [one for one in store_alerts.alerts_newest(tx) if one["activity"] == "logging"]
    return str(alert["id"])


def test_no_alert_takes_the_place_of_another(store: Store, here: Rules) -> None:
    """Where the code that an alert would have is that of one elsewhere, it gets the next one."""
    seed = f"{LAKE}\0logging\0False\0{('K-02', 7, 1)}"
    with store.write() as tx:
        for code in (engine.code_for(set(), seed), engine.code_for({engine.code_for(set(), seed)}, seed)):
            values = {"id": code, "place": "Elsewhere", "activity": "mining", "state": "notified"}
            store_alerts.put_alert(tx, {**values, "sealed": False, "drill": False, "reason": {}, "data": {}})
    fresh = saws(store, here)
    with store.read() as tx:
        alerts = store_alerts.alerts_newest(tx, activity="mining")
        assert [(row["place"], row["state"]) for row in alerts] == [("Elsewhere", "notified")] * 2
        assert fresh not in {row["id"] for row in alerts}


def test_closed_falsely_by_one_and_rung_again(store: Store, here: Rules) -> None:
    """One person says false: it stays open and rings on; a second of another group closes it, and nothing waits."""
    code = saws(store, here)
    assert acts.act(store, here, code, ANA, "false", NOON_MS + 2 * MINUTE_MS, note="es viento").outcome == "waits"
    belief.tick(store, here, NOON_MS + 12 * MINUTE_MS)
    with store.read() as tx:
        kinds = [(row["person"], row["kind"]) for row in store_deliveries.deliveries_of(tx, code)]
    assert ("ana", "rering") in kinds
    assert ("fidel", "audit") in kinds
    done = acts.act(store, here, code, BETO, "agree", NOON_MS + 13 * MINUTE_MS)
    assert (done.outcome, done.alert.resolution) == ("closed", "false")
    with store.read() as tx:
        rows = store_deliveries.deliveries_of(tx, code)
        life = [(one["what"], one["who"]) for one in store_alerts.log_of(tx, code)]
    assert {row["state"] for row in rows if row["kind"] in ("ring", "rering")} == {"dropped"}
    assert {row["state"] for row in rows if row["kind"] == "audit"} == {"waiting"}
    assert [one for one in life if one[1]] == [("pending", "ana"), ("closed", "beto")]
    belief.tick(store, here, NOON_MS + 60 * MINUTE_MS)
    with store.read() as tx:
        assert len(store_deliveries.deliveries_of(tx, code)) == len(rows)


def test_what_people_say_outlives_the_next_batch(store: Store, here: Rules) -> None:
    """More evidence neither forgets who goes nor what waits."""
    code = saws(store, here)
    acts.act(store, here, code, ANA, "going", NOON_MS + 2 * MINUTE_MS, plan=Plan("a", "b", NOON_MS + HOUR_MS))
    acts.act(store, here, code, BETO, "by_right", NOON_MS + 3 * MINUTE_MS)
    card = Card("K-03")
    card.open(4 * MINUTE_MS, evidence=80)
    accept(store, here, "K-03", card.batch(), NOON_MS + 4 * MINUTE_MS)
    alert = acts.act(store, here, code, ANA, "seen", NOON_MS + 5 * MINUTE_MS).alert
    assert alert.pending is not None
    assert ([one.who for one in alert.going], alert.pending.who) == (["ana"], "beto")
    with store.read() as tx:
        assert len(store_alerts.covered_by(tx, code)) == 3


def test_no_such_alert(store: Store, here: Rules) -> None:
    """A code that is none is an error that says so."""
    with pytest.raises(acts.NoAlert, match="XXXX: there is no alert of that code"):
        acts.act(store, here, "XXXX", ANA, "seen", NOON_MS)


def test_persons_in_no_contact_are_sealed(store: Store, here: Rules) -> None:
    """A person in a no_contact place rings the protocol holder alone, however long nobody answers."""
    card = Card("N-01")
    card.open(MINUTE_MS, cls=32, evidence=80)
    accept(store, here, "N-01", card.batch(), NOON_MS + MINUTE_MS)
    for minute in range(2, 90, 5):
        belief.tick(store, here, NOON_MS + minute * MINUTE_MS)
    with store.read() as tx:
        assert store_alerts.alerts_newest(tx) == []
        (alert,) = store_alerts.alerts_newest(tx, sealed=True)
        rung = {row["person"] for row in store_deliveries.deliveries_of(tx, alert["id"])}
    assert (alert["place"], alert["activity"], rung) == (FAR, "presence", {"eva"})


def test_nobody_to_ring_climbs_the_ladder(store: Store, here: Rules, tmp_path: Path) -> None:
    """A place without rangers rings its coordinator at once; without anybody, the alert's life says so."""
    lonely = Rules(replace(here.config, person=(person("carla", "coordinator"),)), here.places)
    code = saws(store, lonely)
    with store.read() as tx:
        assert [row["person"] for row in store_deliveries.deliveries_of(tx, code)] == ["carla"]
    nobody = Rules(replace(here.config, person=()), here.places)
    belief.tick(store, nobody, NOON_MS + 20 * MINUTE_MS)
    with store.read() as tx:
        assert store_alerts.log_of(tx, code)[-1]["data"]["reason"]["code"] == "nobody"


def people_told(store: Store, code: str, kind: str) -> list[str]:
    """Who is told something of a kind of an alert, in order."""
    with store.read() as tx:
        return sorted(row["person"] for row in store_deliveries.deliveries_of(tx, code) if row["kind"] == kind)


def test_a_party_is_looked_after_whatever_became_of_its_alert(store: Store, here: Rules) -> None:
    """A party that is out when two people close the alert is told of when it does not come back, and no more after."""
    code = saws(store, here)
    acts.act(store, here, code, ANA, "going", NOON_MS + 2 * MINUTE_MS, plan=Plan("a", "b", NOON_MS + HOUR_MS))
    acts.act(store, here, code, NORA, "false", NOON_MS + 3 * MINUTE_MS)
    assert acts.act(store, here, code, BETO, "agree", NOON_MS + 4 * MINUTE_MS).outcome == "closed"
    belief.tick(store, here, NOON_MS + 89 * MINUTE_MS)
    assert people_told(store, code, "overdue") == []
    belief.tick(store, here, NOON_MS + 90 * MINUTE_MS)
    assert people_told(store, code, "overdue") == ["carla"]
    acts.act(store, here, code, ANA, "back", NOON_MS + 91 * MINUTE_MS)
    belief.tick(store, here, NOON_MS + 300 * MINUTE_MS)
    assert people_told(store, code, "overdue") == ["carla"]


def test_a_party_to_a_watch_is_looked_after(store: Store, here: Rules) -> None:
    """An alert that rang nobody does not go quiet while somebody goes to it, and they are told of if overdue."""
    card = Card("K-02")
    card.open(MINUTE_MS, evidence=80)
    accept(store, here, "K-02", card.batch(), NOON_MS + MINUTE_MS)
    with store.read() as tx:
        (code,) = [one["id"] for one in store_alerts.alerts_newest(tx) if one["activity"] == "logging"]
    acts.act(store, here, code, ANA, "going", NOON_MS + 2 * MINUTE_MS, plan=Plan("a", "b", NOON_MS + 5 * HOUR_MS))
    for minute in (180, 330, 360, 400):
        belief.tick(store, here, NOON_MS + minute * MINUTE_MS)
    assert people_told(store, code, "overdue") == ["carla", "carla", "dora"]
    acts.act(store, here, code, ANA, "back", NOON_MS + 8 * HOUR_MS)
    belief.tick(store, here, NOON_MS + 10 * HOUR_MS)
    with store.read() as tx:
        alert = store_alerts.alert(tx, code)
    assert alert is not None
    assert alert["resolution"] == "quiet"


def test_a_longer_trip_is_told(store: Store, here: Rules) -> None:
    """Whoever stays away longer than said tells the coordinator of it, each time."""
    code = saws(store, here)
    for hours in (1, 3, 9):
        plan = Plan("a", "b", NOON_MS + hours * HOUR_MS)
        assert acts.act(store, here, code, ANA, "going", NOON_MS + 2 * MINUTE_MS, plan=plan).outcome == "done"
    assert people_told(store, code, "extended") == ["carla", "carla"]


def test_rings_of_a_merged_alert_go_out(store: Store, here: Rules) -> None:
    """Messages that wait when their alert proves to be part of another one are not dropped."""
    first = saws(store, here)
    cards = {name: Card(name, 70) for name in ("K-02", "K-05")}
    for name, card in cards.items():
        card.open(90 * MINUTE_MS, evidence=80)
        accept(store, here, name, card.batch(), NOON_MS + 90 * MINUTE_MS)
    with store.read() as tx:
        (second,) = [
            one["id"] for one in store_alerts.alerts_newest(tx) if one["activity"] == "logging" and one["id"] != first
        ]
    acts.act(store, here, second, ANA, "going", NOON_MS + 91 * MINUTE_MS, plan=Plan("a", "b", NOON_MS + 4 * HOUR_MS))
    card = Card("K-03")
    card.open(45 * MINUTE_MS, evidence=80)
    accept(store, here, "K-03", card.batch(), NOON_MS + 95 * MINUTE_MS)
    with store.read() as tx:
        merged = store_alerts.alert(tx, second)
        rows = store_deliveries.deliveries_of(tx, second)
    assert merged is not None
    assert (merged["resolution"], merged["parties"]) == ("merged", 0)
    assert {(row["person"], row["kind"], row["state"]) for row in rows} == {
        ("ana", "ring", "waiting"),
        ("beto", "ring", "waiting"),
    }
    done = acts.act(store, here, second, BETO, "seen", NOON_MS + 96 * MINUTE_MS)
    assert (done.alert.id, [one.who for one in done.alert.going]) == (first, ["ana"])


def test_a_sealed_closing_is_told_to_the_protocol_holder_alone(store: Store, here: Rules) -> None:
    """The auditor gets no message of a sealed alert; what was done stands in the log, by its code and no more."""
    for name in ("N-01", "N-02"):
        card = Card(name)
        card.open(MINUTE_MS, cls=32, evidence=80)
        accept(store, here, name, card.batch(), NOON_MS + MINUTE_MS)
    with store.read() as tx:
        (alert,) = store_alerts.alerts_newest(tx, sealed=True)
    eva, other = Who("eva", "ministry"), Who("gabi", "health")
    acts.act(store, here, alert["id"], eva, "false", NOON_MS + 2 * MINUTE_MS, note="secret")
    done = acts.act(store, here, alert["id"], other, "agree", NOON_MS + 3 * MINUTE_MS)
    assert done.outcome == "closed"
    with store.read() as tx:
        told = {(row["person"], row["kind"]) for row in store_deliveries.deliveries_of(tx, alert["id"])}
        logged = [
            (row["who"], row["what"], row["subject"], row["data"]) for row in store_people.access_newest(tx, limit=9)
        ]
    assert told == {("eva", "ring"), ("eva", "audit")}
    assert sorted(logged, key=str) == [
        ("eva", "act_false", alert["id"], {"outcome": "waits"}),
        ("gabi", "act_agree", alert["id"], {"outcome": "closed"}),
    ]


def test_a_better_clock_moves_the_evidence(store: Store, here: Rules) -> None:
    """Evidence that a better clock dates elsewhere is judged there: two saws hours apart are not one."""
    from tests.hub.fakes import UNSET, mapping

    code = saws(store, here)
    card = Card("K-03")
    card.open(MINUTE_MS, evidence=80)
    accept(store, here, "K-03", card.batch(clock=UNSET), NOON_MS + 2 * MINUTE_MS)
    card.beat(2 * MINUTE_MS)
    clock = mapping(utc0_ms=NOON_MS - 5 * HOUR_MS)
    accept(store, here, "K-03", card.batch([card.last], clock=clock), NOON_MS + 3 * MINUTE_MS)
    with store.read() as tx:
        assert {row["station"] for row in store_alerts.covered_by(tx, code)} == {"K-02", "K-05"}
        alert = store_alerts.alert(tx, code)
    assert alert is not None
    assert alert["reason"]["stations"] == ["K-02", "K-05"]
