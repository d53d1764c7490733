"""Between the store and the evidence engine: events become evidence, decisions become alerts and delivery intents."""

from collections.abc import Set as AbstractSet
from typing import Any

from otorongo.hub.store import Tx
from otorongo.hub.store_alerts import EventKey


def believe(tx: Tx, rules: Any, touched: AbstractSet[EventKey], now_ms: int) -> None:
    """Let the engine judge what changed."""


NO_RULES: Any = None
