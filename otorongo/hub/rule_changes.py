"""What has changed in the rules since the hub last started: who may, who is rung, from what belief on, and where.

Whoever can write hub.toml could otherwise silence alerts alone: by a right, a threshold, or a person taken out. The hub
remembers the rules in effect; when it starts with others, every difference goes into the log that auditors read, and
auditors and coordinators get a message.
"""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from otorongo.hub import notices, store_media, store_people
from otorongo.hub.config_persons import PersonConfig
from otorongo.hub.rules import Rules
from otorongo.hub.store import Store, lock

log = logging.getLogger(__name__)

SECTIONS: Final = ("right", "person", "place", "activity", "notify", "station", "custodian")
_MARK: Final = "rules"
_WHO: Final = "hub.toml"
_MOST_TEXT: Final = 300
Described = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By section and name: keys and values, as JSON can carry them."""


class Change(Struct, frozen=True):
    """One difference."""

    section: str
    name: str
    what: Literal["added", "removed", "changed"]
    keys: tuple[str, ...] = ()
    """Of `changed`: `ring_at: 0.95 -> 0.99`."""

    def line(self) -> str:
        """`activity logging: ring_at: 0.95 -> 0.99`."""
        keys = f": {'; '.join(self.keys)}" if self.keys else ""
        return f"{self.section} {self.name}{keys}"[:_MOST_TEXT]


def described(rules: Rules) -> Described:
    """The rules in effect, built-in activities with them. Addresses are named by their files, never told."""
    config = rules.config
    rights: dict[str, Any] = {}
    for right in config.right:
        name = f"{right.holder}, {right.kind}, {right.activity}, {right.place}"
        same = sum(known == name or known.startswith(f"{name} (") for known in rights)
        rights[f"{name} ({same + 1})" if same else name] = msgspec.to_builtins(right)
    places = {one.name: {**msgspec.to_builtins(one), "outline": _outline(rules, one.name)} for one in config.place}
    return {
        "right": rights,
        "person": {one.name: _person(one) for one in config.person},
        "place": places,
        "activity": {one.name: msgspec.to_builtins(one) for one in config.activities},
        "notify": {"": msgspec.to_builtins(config.notify)},
        "station": {one.name: msgspec.to_builtins(one) for one in config.station},
        "custodian": {one.name: msgspec.to_builtins(one) for one in config.custodian},
    }


def _outline(rules: Rules, name: str) -> str:
    place = rules.places.get(name)
    return hashlib.sha256(place.shape.wkb).hexdigest()[:12] if place else ""


def _person(person: PersonConfig) -> dict[str, Any]:
    channels = [f"{one.url_file or 'url'}{' (sms)' if one.sms else ''}" for one in person.channels]
    return {**msgspec.to_builtins(person), "channels": channels}


def changes(before: Described, after: Described) -> list[Change]:
    """What differs, in the order of `SECTIONS`."""
    found = []
    for section in SECTIONS:
        old, new = before.get(section, {}), after.get(section, {})
        found += [Change(section, name, "added") for name in new if name not in old]
        found += [Change(section, name, "removed") for name in old if name not in new]
        for name in (name for name in new if name in old):
            keys = sorted({*old[name], *new[name]})
            differ = tuple(
                f"{key}: {_shown(old[name].get(key))} -> {_shown(new[name].get(key))}"
                for key in keys
                if old[name].get(key) != new[name].get(key)
            )
            found += [Change(section, name, "changed", differ)] if differ else []
    return found


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def tell(store: Store, rules: Rules, now_ms: int) -> list[Change]:
    """Compare with the rules of the last start; what differs is logged and told once. At the first start nothing is."""
    text = _shown(described(rules))
    with store.write() as tx:
        lock(tx, _MARK)
        known = store_media.mark(tx, _MARK)
        if known == text:
            return []
        store_media.put_mark(tx, _MARK, text)
        found = changes(json.loads(known), json.loads(text)) if known is not None else []
        for one in found:
            log.warning("rules: %s: %s", one.what, one.line())
            store_people.saw(tx, now_ms, _WHO, f"rule_{one.what}", subject=one.line())
        if found:
            counts = Counter(f"{one.section}.{one.what}" for one in found)
            notices.tell(tx, rules, ("auditor", "coordinator"), "rules", counts, now_ms)
    return found
