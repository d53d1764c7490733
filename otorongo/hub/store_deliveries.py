"""Statements on the ledger of deliveries, and on the links that messages carry.

A delivery is written before it is sent. `claim` marks it as being sent and lends it to one worker; a worker that dies
leaves it so, and after the lease another sends it again under the same id, marked as a possible repeat.
"""

from collections.abc import Sequence

from sqlalchemy import func, or_, select, update

from otorongo.hub.db import deliveries, tokens
from otorongo.hub.store import Found, Tx, Values, found, insert_new, listed

OPEN = ("waiting", "sending")
"""States of a delivery that still wants to be sent."""
EXPIRED_KEPT_MS = 30 * 86_400_000
"""So long an expired link still leads to its alert, by the login."""


def add(tx: Tx, intents: Sequence[Values]) -> int:
    """Intend deliveries; how many were new.

    Each is {id, alert, person, channel, kind, severity, round, created_ms, next_at_ms, data}; one of the same alert,
    person, channel, kind, severity and round is there already: it is not sent twice.
    """
    return insert_new(tx, deliveries, [{"state": "waiting", "data": None, **intent} for intent in intents])


def claim(tx: Tx, now_ms: int, *, lease_ms: int, limit: int = 20) -> list[Found]:
    """Borrow due deliveries for `lease_ms`, most severe first, then oldest. Several workers get different ones."""
    statement = (
        select(deliveries)
        .where(deliveries.c.state.in_(OPEN), deliveries.c.next_at_ms <= now_ms)
        .order_by(deliveries.c.severity.desc(), deliveries.c.created_ms, deliveries.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    mine = listed(tx, statement)
    for row in mine:
        row["possible_repeat"] = row["possible_repeat"] or row["state"] == "sending"
        row["attempts"] += 1
        row["state"] = "sending"
        row["next_at_ms"] = now_ms + lease_ms
        changed = {name: row[name] for name in ("possible_repeat", "attempts", "state", "next_at_ms")}
        tx.execute(update(deliveries).where(deliveries.c.id == row["id"]).values(**changed))
    return mine


def lent(tx: Tx, now_ms: int) -> list[Found]:
    """Deliveries that a worker has borrowed and whose lease runs."""
    return listed(tx, select(deliveries).where(deliveries.c.state == "sending", deliveries.c.next_at_ms > now_ms))


def end_lease(tx: Tx, delivery: str, next_at_ms: int) -> None:
    """A borrowed delivery is due at this time, if its lease ends no sooner; it stays one that may have been sent."""
    mine = (deliveries.c.id == delivery, deliveries.c.state == "sending", deliveries.c.next_at_ms > next_at_ms)
    tx.execute(update(deliveries).where(*mine).values(next_at_ms=next_at_ms))


def sent(tx: Tx, delivery: str, now_ms: int) -> None:
    """The channel took it."""
    where = deliveries.c.id == delivery
    tx.execute(update(deliveries).where(where).values(state="sent", sent_ms=now_ms, last_error=""))


def failed(tx: Tx, delivery: str, error: str, *, next_at_ms: int | None, possible_repeat: bool = False) -> None:
    """The channel did not take it: again at `next_at_ms`, or never if None.

    `possible_repeat`: the channel may have taken it all the same, as after a time-out.
    """
    values = {"last_error": error[:1000], "state": "failed" if next_at_ms is None else "waiting"}
    more = {} if next_at_ms is None else {"next_at_ms": next_at_ms}
    repeat = {"possible_repeat": True} if possible_repeat else {}
    tx.execute(update(deliveries).where(deliveries.c.id == delivery).values(**values, **more, **repeat))


def drop(tx: Tx, alert: str, reason: str, *, person: str = "", kinds: Sequence[str] = ()) -> int:
    """Do not send what is still waiting of an alert (to a person, of some kinds); how many. The reason is kept."""
    where = [deliveries.c.alert == alert, deliveries.c.state == "waiting"]
    if person:
        where.append(deliveries.c.person == person)
    if kinds:
        where.append(deliveries.c.kind.in_(kinds))
    return int(tx.execute(update(deliveries).where(*where).values(state="dropped", last_error=reason)).rowcount)


def seen(tx: Tx, delivery: str, now_ms: int) -> bool:
    """The person opened its link; True the first time."""
    where = (deliveries.c.id == delivery) & (deliveries.c.seen_ms == 0)
    return bool(tx.execute(update(deliveries).where(where).values(seen_ms=now_ms)).rowcount)


def delivery(tx: Tx, code: str) -> Found | None:
    """One delivery."""
    return found(tx, select(deliveries).where(deliveries.c.id == code))


def deliveries_of(tx: Tx, alert: str) -> list[Found]:
    """An alert's deliveries, oldest first."""
    order = (deliveries.c.created_ms, deliveries.c.person, deliveries.c.channel, deliveries.c.round)
    return listed(tx, select(deliveries).where(deliveries.c.alert == alert).order_by(*order))


def deliveries_since(tx: Tx, created_ms: int, *, limit: int = 500) -> list[Found]:
    """Deliveries created or sent since a time, oldest first."""
    recent = or_(deliveries.c.created_ms >= created_ms, deliveries.c.sent_ms >= created_ms)
    return listed(tx, select(deliveries).where(recent).order_by(deliveries.c.created_ms, deliveries.c.id).limit(limit))


def newest_of(tx: Tx, alerts: Sequence[str]) -> int:
    """When the newest delivery of these alerts was intended, ms; 0: none was."""
    where = deliveries.c.alert.in_(alerts)
    return int(tx.execute(select(func.max(deliveries.c.created_ms)).where(where)).scalar_one() or 0)


def next_due(tx: Tx) -> int | None:
    """When the next delivery is due, ms; None: nothing waits."""
    statement = select(func.min(deliveries.c.next_at_ms)).where(deliveries.c.state.in_(OPEN))
    due: int | None = tx.execute(statement).scalar_one()
    return due


def count_deliveries(tx: Tx) -> dict[str, int]:
    """How many deliveries are in each state."""
    rows = tx.execute(select(deliveries.c.state, func.count()).group_by(deliveries.c.state))
    return {state: int(count) for state, count in rows}


def add_token(tx: Tx, values: Values) -> None:
    """Remember a link: {hash, alert, person, delivery, created_ms, expires_ms}."""
    tx.execute(tokens.insert().values(dict(values)))


def token(tx: Tx, digest: bytes) -> Found | None:
    """The link with this hash; also one that has expired, for it still leads to a login."""
    return found(tx, select(tokens).where(tokens.c.hash == digest))


def use_token(tx: Tx, digest: bytes, now_ms: int) -> None:
    """Say that somebody acted with a link."""
    tx.execute(update(tokens).where(tokens.c.hash == digest).values(used_ms=now_ms))


def end_links(tx: Tx, person: str) -> int:
    """End every link that a person was sent; how many."""
    return int(tx.execute(tokens.delete().where(tokens.c.person == person)).rowcount)


def drop_tokens(tx: Tx, now_ms: int) -> int:
    """Forget links that expired long ago; how many."""
    return int(tx.execute(tokens.delete().where(tokens.c.expires_ms <= now_ms - EXPIRED_KEPT_MS)).rowcount)
