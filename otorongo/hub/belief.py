"""Between the store and the evidence engine: events become evidence, decisions become alerts and delivery intents."""

from collections.abc import Set as AbstractSet
from typing import Any

from otorongo.hub.store import Tx
from otorongo.hub.store_alerts import EventKey

Rules = Any
NO_RULES: Rules = None


def believe(tx: Tx, rules: Rules, touched: AbstractSet[EventKey], now_ms: int) -> None:
    """Let the engine judge what changed."""
