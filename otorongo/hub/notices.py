"""Messages that are no alert: about stations, and about the hub itself. One for each channel of everybody in a role."""

import uuid
from collections.abc import Collection, Mapping

from otorongo.hub import store_deliveries
from otorongo.hub.rules import Rules
from otorongo.hub.store import Tx


def tell(tx: Tx, rules: Rules, roles: Collection[str], kind: str, data: Mapping[str, object], now_ms: int) -> int:
    """Intend a message of `kind` to everybody in these roles; how many. `data` is what `messages` makes its text of."""
    code = f"{kind}-{uuid.uuid4().hex[:12]}"
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
