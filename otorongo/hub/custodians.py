"""To whom a station seals, and who can open what came sealed."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from otorongo.hub import places as hub_places
from otorongo.hub import store_records
from otorongo.hub.config_custodians import CustodianConfig, covers
from otorongo.hub.places import Position
from otorongo.hub.rules import Rules
from otorongo.hub.store import Found, Tx
from otorongo.language import say
from otorongo.wire.codes import Tag
from otorongo.wire.errors import BadBody
from otorongo.wire.rows import Media, parse
from otorongo.wire.sealed import fingerprint, split

LEAST: Final = 2
"""Who seals to one key alone loses everything with it; only from no_contact land nobody else may open."""


class Custody(Struct, frozen=True):
    """To whom the station at a position seals."""

    no_contact: bool = False
    to: tuple[CustodianConfig, ...] = ()
    """Empty: it seals nothing, and keeps nothing of people."""
    why: str = ""
    """It seals nothing: why, and how to mend it."""


NOBODY: Final = Custody()


def custody(rules: Rules, at: Position | None) -> Custody:
    """To whom a station there seals; None: nobody knows where it hangs."""
    apart = [name for name, place in rules.places.items() if place.sealed]
    if at is None and apart:
        why = say(
            "it may hang in {names}, which is no_contact: add it with --latitude and --longitude",
            names=", ".join(apart),
        )
        return Custody(why=why)
    place = hub_places.place_at(rules.places.values(), at) if at is not None else None
    name = place.name if place else ""
    if place is not None and place.sealed:
        holders = _of(rules, name, ("protocol_holder",))
        why = "" if holders else say('no [[custodian]] with role = "protocol_holder" for {name} in hub.toml', name=name)
        return Custody(no_contact=True, to=holders, why=why)
    found = _of(rules, name, ("operations", "custodian"))
    if len(found) < LEAST:
        return Custody(
            why=say(
                "hub.toml names {count} [[custodian]] for it, and it takes {least}: docs/custodios.md",
                count=len(found),
                least=LEAST,
            )
        )
    return Custody(to=found)


def _of(rules: Rules, place: str, roles: Sequence[str]) -> tuple[CustodianConfig, ...]:
    return tuple(one for one in rules.config.custodian if one.role in roles and covers(one, place))


class Openers(Struct, frozen=True):
    """Who can open a sealed piece."""

    names: tuple[str, ...] = ()
    strangers: int = 0
    """Keys that hub.toml does not name."""


def openers(tx: Tx, custodians: Sequence[CustodianConfig], piece: Found) -> Openers:
    """Who can open a piece, as its signed row says."""
    known = {fingerprint(one.key): one.name for one in custodians}
    found = split(sealed_to(tx, piece))
    return Openers(tuple(known[one] for one in found if one in known), sum(one not in known for one in found))


def sealed_to(tx: Tx, piece: Found) -> bytes:
    """The fingerprints in the row of a piece; empty if it has none."""
    raw = store_records.rows_at(tx, (piece["station"], piece["outbox"]), [piece["seq"]]).get(piece["seq"])
    try:
        row = parse(raw) if raw else None
    except BadBody:
        return b""
    return row.sealed_to if isinstance(row, Media) else b""


def is_sealed(piece: Found) -> bool:
    """Whether a piece is a sealed file: nothing of it can be shown."""
    return bool(piece["tags"] & Tag.SEALED)
