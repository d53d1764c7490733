"""Statements that ask PostgreSQL whether a commit is on a second machine when it returns.

From its manual, 20.5.1 and 20.6.2: a commit waits until the standbys of `synchronous_standby_names` have it on disk if
`synchronous_commit` is `on` or `remote_apply`; under `remote_write` they may have it in memory only, under `local` and
`off` it waits for none.
"""

from typing import Final

from msgspec import Struct
from sqlalchemy import text

from otorongo.hub.store import Tx
from otorongo.language import say

_SURE: Final = ("on", "remote_apply")
_SETTINGS = text(
    "SELECT current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),"
    " current_setting('fsync')"
)
_STATES = text("SELECT sync_state FROM pg_stat_replication")


class Standby(Struct, frozen=True):
    """What is wrong with relying on a standby; empty: nothing."""

    lie: str = ""
    """Why what the hub calls safe would not be."""
    doubt: str = ""
    """Why it may stand still, or cannot be seen to be well."""


def standby(tx: Tx) -> Standby:
    """Whether commits wait for a standby, and whether one is there."""
    commit, names, fsync = (str(one) for one in tx.execute(_SETTINGS).one())
    if not names:
        return Standby(say("the database waits for no standby; set synchronous_standby_names there"))
    if commit not in _SURE:
        return Standby(
            say(
                "synchronous_commit = {commit}: a commit does not wait until a standby has it on disk; set it to on",
                commit=commit,
            )
        )
    if fsync != "on":
        return Standby(say("fsync = off: a commit is not on the database's own disk; set it to on"))
    states = list(tx.execute(_STATES).scalars())
    if not states:
        return Standby(doubt=say("no standby is connected: every commit waits until one is"))
    if not any(states):
        return Standby(doubt=say("its standbys cannot be seen by this user: GRANT pg_monitor TO it"))
    if not {"sync", "quorum"} & set(states):
        return Standby(
            doubt=say("none of its {count} standbys is named in synchronous_standby_names", count=len(states))
        )
    return Standby()


def waits(tx: Tx) -> bool:
    """Whether this transaction's commit will wait for a standby. Cheap: asked in every transaction that promises so."""
    if tx.dialect.name != "postgresql":
        return False
    commit, names, fsync = tx.execute(_SETTINGS).one()
    return bool(names) and commit in _SURE and fsync == "on"
