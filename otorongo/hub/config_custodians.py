"""Who can open sealed originals: their public keys, as hub.toml names them."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from otorongo.language import say

EVERYWHERE: Final = "*"


class CustodianConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody who holds a key for sealed originals."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    """As the pages call them."""
    key: Annotated[str, Meta(pattern="^age1[02-9ac-hj-np-z]{58}$")]
    """Their public age key; the private one stays with them."""
    role: Literal["operations", "custodian", "protocol_holder"] = "custodian"
    """`protocol_holder` opens what comes from `no_contact` places, alone; the others what comes from elsewhere."""
    places: tuple[str, ...] = (EVERYWHERE,)
    """Names of places, or `*` for all, also for stations outside every place."""


def mistakes(
    custodians: Sequence[CustodianConfig], places: Sequence[str], no_contact: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """(key, reason) of what cannot be meant; `places` are the names of all, `no_contact` of those that are it."""
    keys = [one.key for one in custodians]
    for one in custodians:
        where = say("custodian {name}", name=one.name)
        if keys.count(one.key) > 1:
            yield f"{where}: key", say("stands twice: each has a key of their own")
        for name in sorted(set(one.places) - set(places) - {EVERYWHERE}):
            yield (
                f"{where}: places",
                say("{name!r} is none (allowed: {names})", name=name, names=", ".join([*sorted(places), EVERYWHERE])),
            )
    for place in no_contact:
        holders = [one.name for one in custodians if one.role == "protocol_holder" and covers(one, place)]
        if len(holders) > 1:
            yield (
                say("place {name}", name=place),
                say("{names} would open what comes from it (allowed: one protocol_holder)", names=", ".join(holders)),
            )


def covers(one: CustodianConfig, place: str) -> bool:
    """Whether a custodian is one for a place; "" is outside every place."""
    return EVERYWHERE in one.places or place in one.places
