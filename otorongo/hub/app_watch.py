"""What the hub does again and again by itself, whatever comes in: each duty fails alone."""

from collections.abc import Callable, Mapping
from pathlib import Path

from otorongo.hub import belief, custody, media, watch
from otorongo.hub.liveness import Cadence
from otorongo.hub.rules import Rules
from otorongo.hub.store import Store


def duties(store: Store, rules: Rules, now_ms: Callable[[], int]) -> Mapping[str, Callable[[], object]]:
    """Each by its name: who is silent, what never closed, what alerts come to, seals, links that expire, evidence."""
    retention = rules.config.retention
    folder = Path(rules.config.data_dir) / "media"
    timeout_ms = int(retention.event_timeout_min * 60_000)
    found: dict[str, Callable[[], object]] = {
        "alerts": lambda: belief.tick(store, rules, now_ms()),
        "health": lambda: watch.health(store, rules, Cadence(), now_ms()),
        "events": lambda: watch.close(store, rules, now_ms(), timeout_ms),
        "seals": lambda: custody.verify_all(store),
        "links": lambda: watch.tidy(store, now_ms()),
    }
    if retention.media_days:
        found["evidence"] = lambda: media.forget(
            store, folder, now_ms() - retention.media_days * media.DAY_MS, now_ms()
        )
    return found
