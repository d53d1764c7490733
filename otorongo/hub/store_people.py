"""Statements on users, their sessions, and the log of who saw what."""

from typing import Any

from sqlalchemy import delete, func, select, update

from otorongo.hub.db import access_log, sessions, users
from otorongo.hub.store import Found, Tx, Values, found, insert_new, listed


def add_user(tx: Tx, values: Values) -> bool:
    """Add a user: {name, password, role, team, person, language, created_ms}; False if the name is taken."""
    return insert_new(tx, users, [{"disabled": False, **values}]) == 1


def set_user(tx: Tx, name: str, **columns: Any) -> bool:
    """Set columns of a user; False if there is none."""
    return bool(tx.execute(update(users).where(users.c.name == name).values(**columns)).rowcount)


def user(tx: Tx, name: str) -> Found | None:
    """One user."""
    return found(tx, select(users).where(users.c.name == name))


def users_by_name(tx: Tx) -> list[Found]:
    """Every user."""
    return listed(tx, select(users).order_by(users.c.name))


def count_users(tx: Tx) -> int:
    """How many users may log in."""
    return int(tx.execute(select(func.count()).select_from(users).where(users.c.disabled.is_(False))).scalar_one())


def add_session(tx: Tx, values: Values) -> None:
    """Open a session: {hash, user, csrf, created_ms, seen_ms, expires_ms, address, agent}."""
    tx.execute(sessions.insert().values(dict(values)))


def session(tx: Tx, digest: bytes, now_ms: int) -> Found | None:
    """The session with this hash, if it has not expired."""
    return found(tx, select(sessions).where(sessions.c.hash == digest, sessions.c.expires_ms > now_ms))


def touch_session(tx: Tx, digest: bytes, seen_ms: int, expires_ms: int) -> None:
    """Say that a session was used."""
    tx.execute(update(sessions).where(sessions.c.hash == digest).values(seen_ms=seen_ms, expires_ms=expires_ms))


def end_session(tx: Tx, digest: bytes) -> None:
    """Log out."""
    tx.execute(delete(sessions).where(sessions.c.hash == digest))


def end_sessions(tx: Tx, name: str) -> int:
    """Log a user out everywhere; from how many sessions."""
    return int(tx.execute(delete(sessions).where(sessions.c.user == name)).rowcount)


def drop_sessions(tx: Tx, now_ms: int) -> int:
    """Forget expired sessions; how many."""
    return int(tx.execute(delete(sessions).where(sessions.c.expires_ms <= now_ms)).rowcount)


def saw(tx: Tx, at_ms: int, who: str, what: str, *, subject: str = "", address: str = "", data: Any = None) -> None:
    """Append to the log of who saw or did what; `data` is a value that JSON can carry."""
    row = {"at_ms": at_ms, "who": who, "what": what, "subject": subject, "address": address, "data": data}
    tx.execute(access_log.insert().values(row))


def access_of(tx: Tx, subject: str, *, limit: int = 200) -> list[Found]:
    """Who saw a subject, newest first."""
    statement = select(access_log).where(access_log.c.subject == subject)
    return listed(tx, statement.order_by(access_log.c.id.desc()).limit(limit))


def access_newest(tx: Tx, *, limit: int = 200, before: int | None = None) -> list[Found]:
    """The log, newest first; `before` is the id of the last line seen."""
    statement = select(access_log) if before is None else select(access_log).where(access_log.c.id < before)
    return listed(tx, statement.order_by(access_log.c.id.desc()).limit(limit))
