"""Pure: who looks, and what they may see. Every page and every answer of the API asks here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from otorongo.hub import users
from otorongo.hub.alerts import Alert
from otorongo.hub.answers import Who
from otorongo.hub.config import EVERYWHERE
from otorongo.hub.config_persons import PersonConfig
from otorongo.hub.rules import Rules
from otorongo.hub.store import Found
from otorongo.hub.users import May, Role, User

PROTOCOL_HOLDER: Final = "protocol_holder"
_PLANS: Final = (Role.RANGER, Role.COORDINATOR)


@dataclass(frozen=True)
class Viewer:
    """Somebody who has logged in."""

    user: User
    person: PersonConfig | None = None
    """Who they are in hub.toml."""
    csrf: str = ""
    """What their forms carry; empty for a bearer token."""

    def may(self, what: May) -> bool:
        """Whether their role allows it."""
        return self.user.may(what)

    @property
    def language(self) -> str:
        """Theirs."""
        return self.user.language

    @property
    def who(self) -> Who:
        """How an alert's life knows them."""
        return Who(self.user.acts_as, self.user.team or (self.person.group if self.person else ""))

    @property
    def places(self) -> tuple[str, ...] | None:
        """Names of the places that they may see; None: all but the sealed."""
        own = self.person.places if self.person else ()
        return None if self.may(May.EVERYWHERE) or EVERYWHERE in own else own

    @property
    def sealed_places(self) -> tuple[str, ...] | None:
        """Places whose sealed alerts they may see: none, unless they are the protocol holder; None: all."""
        if self.person is None or self.person.role != PROTOCOL_HOLDER:
            return ()
        return None if EVERYWHERE in self.person.places else self.person.places

    def sees(self, row: Found) -> bool:
        """Whether they may see an alert, at all."""
        if row["sealed"]:
            return self.sealed_places is None or row["place"] in self.sealed_places
        if row["drill"] and self.may(May.DRILLS):
            return True
        return self.may(May.ALERTS) and (self.places is None or row["place"] in self.places)

    def sees_people(self, alert: Found) -> bool:
        """Whether they may see persons of no_contact land under an alert that they see: its protocol holders alone."""
        mine = self.sealed_places
        return bool(alert["sealed"]) or mine is None or alert["place"] in mine

    def sees_station(self, place: str) -> bool:
        """Whether they may see how the stations of a place do."""
        return self.may(May.STATIONS) and (self.places is None or place in self.places)

    def reads_plan(self, who: str) -> bool:
        """Whether they may read a patrol's party and route: rangers, coordinators, and who said it."""
        return self.user.role in _PLANS or who == self.user.acts_as


def viewer_of(user: User, rules: Rules, csrf: str) -> Viewer:
    """The viewer that a user is under these rules."""
    return Viewer(user, rules.person(user.person) if user.person else None, csrf)


@dataclass(frozen=True)
class Names:
    """How people are called on the pages of one viewer: community monitors by a pseudonym, unless by coordinators."""

    viewer: Viewer | None
    monitors: frozenset[str]
    """Names of community monitors, as users and as persons."""
    key: bytes
    word: str
    """What a monitor is called, such as `monitor`."""

    def shown(self, name: str) -> str:
        """A name as this viewer may read it."""
        if name not in self.monitors:
            return name
        mine = self.viewer is not None and name in (self.viewer.user.name, self.viewer.user.acts_as)
        if mine or (self.viewer is not None and self.viewer.may(May.NAMES)):
            return name
        return f"{self.word} {users.pseudonym(self.key, name)}"


def monitors_of(rows: "list[Found]") -> frozenset[str]:
    """The names of community monitors among the users."""
    mine = [row for row in rows if row["role"] == Role.MONITOR]
    return frozenset(name for row in mine for name in (row["name"], row["person"]) if name)


def second_of(viewer: Viewer, alert: Alert) -> str:
    """What keeps a viewer from agreeing to a close: nothing (empty), may_not, same_person, same_group or no_group."""
    if alert.pending is None or not viewer.may(May.CLOSE):
        return "may_not"
    name, group = viewer.who
    if alert.pending.who == name:
        return "same_person"
    if not group or not alert.pending.group:
        return "no_group"
    return "same_group" if alert.pending.group == group else ""


def groups_of(rows: "list[Found]") -> Mapping[str, str]:
    """The group of everybody who has a login, by the name under which they act."""
    return {row["person"] or row["name"]: row["team"] for row in rows}
