"""Whom the hub rings, and how, as hub.toml names them."""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from otorongo.hub.config_custodians import EVERYWHERE
from otorongo.language import say


class ChannelConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One way to reach a person."""

    url_file: str = ""
    """File with one Apprise address, such as a Telegram bot's; it is a secret, so the file is its owner's alone."""
    url: str = ""
    """The address itself, only for a machine's own loopback (`json://127.0.0.1:8000/maria`): demo and tests."""
    sms: bool = False
    """True: one short message in the letters of SMS (GSM 03.38), at most 160."""


class PersonConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody whom the hub rings."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    role: Literal["ranger", "coordinator", "second_organisation", "protocol_holder", "auditor"] = "ranger"
    """`protocol_holder` alone is rung for persons in `no_contact` places."""
    group: str = ""
    """Such as north, south, ngo: two people of one group cannot both close an alert."""
    language: Literal["es", "en"] = "es"
    places: tuple[str, ...] = ()
    """Names of places, or `*` for all, also for stations outside every place."""
    activities: tuple[str, ...] = (EVERYWHERE,)
    """Names of activities, or `*`."""
    channels: tuple[ChannelConfig, ...] = ()


def mistakes(
    persons: Iterable[PersonConfig], places: Collection[str], activities: Collection[str]
) -> Iterator[tuple[str, str]]:
    """(key, reason) of what cannot be meant; `places` and `activities` are the names of all that there are."""
    for one in persons:
        where = say("person {name}", name=one.name)
        for key, given, known in (("places", one.places, places), ("activities", one.activities, activities)):
            for name in sorted(set(given) - {*known, EVERYWHERE}):
                yield f"{where}: {key}", none_of(name, [*sorted(known), EVERYWHERE])
        for number, channel in enumerate(one.channels):
            reason = _channel(channel)
            if reason:
                yield f"{where}: channels[{number}]", reason


def none_of(name: str, known: Collection[str]) -> str:
    """What is said of a name that nothing has."""
    return say("{name!r} is none (allowed: {names})", name=name, names=", ".join(known) or say("none yet"))


def _channel(channel: ChannelConfig) -> str:
    if bool(channel.url) == bool(channel.url_file):
        return say("needs url_file, or url, not both")
    if channel.url and not re.match(r"jsons?://(127\.0\.0\.1|localhost|\[::1\])[:/]", channel.url):
        return say(
            "url would lay a secret open: put the address into a file and name it by url_file (allowed: "
            "json://127.0.0.1:...)"
        )
    return ""
