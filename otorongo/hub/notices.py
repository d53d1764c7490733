"""Messages that are no alert: about stations, and about the hub itself. One for each channel of everybody in a role."""

import hashlib
import json
import uuid
from collections.abc import Collection, Mapping

from otorongo.hub import store_deliveries
from otorongo.hub.rules import Rules
from otorongo.hub.store import Tx


def tell_seldom(
    tx: Tx, rules: Rules, roles: Collection[str], kind: str, data: Mapping[str, object], now_ms: int, within_ms: int
) -> int:
    """Intend a message as `tell` does, unless the same one was intended within `within_ms`."""
    same = hashlib.sha256(json.dumps(dict(data), sort_keys=True).encode()).hexdigest()[:8]
    slot = now_ms // within_ms
    now, before = (f"{kind}-{same}-{number % 0x100000:x}" for number in (slot, slot - 1))
    if store_deliveries.newest_of(tx, (now, before)) > now_ms - within_ms:
        return 0
    return tell(tx, rules, roles, kind, data, now_ms, code=now)


def tell(
    tx: Tx, rules: Rules, roles: Collection[str], kind: str, data: Mapping[str, object], now_ms: int, *, code: str = ""
) -> int:
    """Intend a message of `kind` to everybody in these roles; how many. `data` is what `messages` makes its text of.

    What has the same `code` goes out once; by default each has one of its own.
    """
    code = code or f"{kind}-{uuid.uuid4().hex[:12]}"
    return store_deliveries.add(
        tx,
        [
            {
                "id": str(uuid.uuid4()),
                "alert": code,
                "person": person.name,
                "channel": number,
                "kind": kind,
                "created_ms": now_ms,
                "next_at_ms": now_ms,
                "data": dict(data),
            }
            for person in rules.config.person
            if person.role in roles
            for number in range(len(person.channels))
        ],
    )
