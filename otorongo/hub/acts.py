"""What people do with an alert, in one transaction: the alert, its life, and whom it is told."""

from typing import Final

from msgspec import Struct

from otorongo.hub import answers, ledger, store_alerts, store_deliveries, store_people
from otorongo.hub.alerts import Alert
from otorongo.hub.answers import Act, Outcome, Plan, Who
from otorongo.hub.errors import HubError
from otorongo.hub.rules import Rules
from otorongo.hub.store import Found, Store, Tx
from otorongo.language import say

NO_PLAN: Final = Plan()


class NoAlert(HubError):
    """There is no alert of that code."""


class Done(Struct, frozen=True):
    """What became of it."""

    outcome: Outcome
    alert: Alert
    """As it is now; without the events that it covers."""


def act(
    store: Store,
    rules: Rules,
    alert_id: str,
    who: Who,
    what: Act,
    now_ms: int,
    *,
    plan: Plan = NO_PLAN,
    note: str = "",
    delivery: str = "",
) -> Done:
    """Somebody does something with an alert: seen, going, back, confirmed, false, by_right, agree, refuse.

    `who` must be allowed to, which the caller has seen to; `delivery` is the message whose link they used. Raises
    NoAlert.
    """
    with store.write() as tx:
        return act_in(tx, rules, alert_id, who, what, now_ms, plan=plan, note=note, delivery=delivery)


def act_in(
    tx: Tx,
    rules: Rules,
    alert_id: str,
    who: Who,
    what: Act,
    now_ms: int,
    *,
    plan: Plan = NO_PLAN,
    note: str = "",
    delivery: str = "",
) -> Done:
    """As `act`, in the caller's transaction."""
    row = store_alerts.alert(tx, alert_id)
    if row is None:
        raise NoAlert(say("{alert_id}: there is no alert of that code", alert_id=alert_id))
    store_alerts.lock_belief(tx, row["place"], row["activity"])  # before the row, as the engine does
    row = survivor(tx, alert_id)
    before = ledger.alert_of(row)
    done = answers.answer(before, who, what, now_ms, rules.config.notify, plan=plan, note=note)
    ledger.record(tx, rules, [before], [done.alert], done.decisions, now_ms)
    if delivery:
        store_deliveries.seen(tx, delivery, now_ms)
    if done.alert != before:
        # The auditor is told nothing of a sealed alert; what was done with any stands in the log that they read.
        store_people.saw(tx, now_ms, who.name, f"act_{what}", subject=before.id, data={"outcome": done.outcome})
    return Done(done.outcome, done.alert)


def survivor(tx: Tx, alert_id: str) -> Found:
    """The alert, or the one that has taken its place since they proved to be one. Raises NoAlert."""
    code, before = alert_id, set[str]()
    while code not in before:
        before.add(code)
        row = store_alerts.alert(tx, code, for_update=True)
        if row is None:
            break
        code = (row["data"] or {}).get("merged_into") or code
        if code in before:
            return row
    raise NoAlert(say("{alert_id}: there is no alert of that code", alert_id=alert_id))
