"""What the engine judges by: hub.toml with its polygons read, as one value."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from otorongo.hub import config as hub_config
from otorongo.hub import places as hub_places
from otorongo.hub.config import EVERYWHERE, HubConfig, RightConfig
from otorongo.hub.config_activities import PRESENCE, ActivityConfig
from otorongo.hub.config_persons import PersonConfig
from otorongo.hub.places import Place, Position
from otorongo.wire import classes
from otorongo.wire.codes import Tag

_PERSONS = frozenset(classes.BY_NAME[name].number for name in ("person", "speech"))


@dataclass(frozen=True)
class Rules:
    """Configuration and polygons. Equal rules judge equally."""

    config: HubConfig
    places: Mapping[str, Place] = field(default_factory=dict)
    active: bool = True
    """False: nothing is judged."""

    @classmethod
    def of(cls, config: HubConfig, folder: Path) -> "Rules":
        """The rules of a configuration whose polygons lie below `folder`. Raises PlaceError."""
        return cls(config, {one.name: hub_places.load(one, folder) for one in config.place})

    @cached_property
    def activities(self) -> Mapping[str, ActivityConfig]:
        """By name."""
        return {one.name: one for one in self.config.activities} if self.active else {}

    @cached_property
    def weighed(self) -> Mapping[int, tuple[ActivityConfig, ...]]:
        """Activities by the class that speaks for them."""
        found: dict[int, list[ActivityConfig]] = {}
        for one in self.activities.values():
            for name in one.weights:
                found.setdefault(classes.BY_NAME[name].number, []).append(one)
        return {cls: tuple(ones) for cls, ones in found.items()}

    @cached_property
    def fixed(self) -> Mapping[str, Position]:
        """Where stations stand, as hub.toml says."""
        return {one.name: (one.latitude_deg, one.longitude_deg) for one in self.config.station}

    def kind_of(self, place: str) -> str:
        """The kind of a place; empty outside all of them."""
        return self.places[place].config.kind if place in self.places else ""

    def rights_of(self, place: str, activity: str) -> tuple[RightConfig, ...]:
        """The rights to do something at a place."""
        return tuple(one for one in self.config.right if one.place == place and one.activity == activity)

    def sites(self, told: Mapping[str, Position | None]) -> "Sites":
        """Where stations stand: `told` by themselves, unless hub.toml knows better."""
        positions = {**told, **self.fixed}
        if self._last and self._last[0].positions == positions:
            return self._last[0]
        self._last[:] = [Sites(self, positions)]
        return self._last[0]

    @cached_property
    def _last(self) -> "list[Sites]":
        """Stations rarely move, and finding their places costs more than an event may."""
        return []

    def persons(self, place: str, activity: str, roles: Iterable[str]) -> list[PersonConfig]:
        """Those of these roles who are rung for an activity at a place; only `*` covers stations outside all places."""
        wanted = set(roles)
        return [
            one
            for one in self.config.person
            if one.role in wanted
            and (EVERYWHERE in one.places or place in one.places)
            and (EVERYWHERE in one.activities or activity in one.activities or activity == PRESENCE)
        ]

    def person(self, name: str) -> PersonConfig | None:
        """The person of that name."""
        return next((one for one in self.config.person if one.name == name), None)


def load(path: str | Path) -> Rules:
    """Read hub.toml and its polygons. Raises ConfigError and PlaceError."""
    return Rules.of(hub_config.load(path), Path(path).parent)


NO_RULES = Rules(HubConfig(), active=False)
"""Nothing is judged: for tools and tests that only store."""


@dataclass(frozen=True)
class Sites:
    """In which place each station stands."""

    rules: Rules
    positions: Mapping[str, Position | None]

    @cached_property
    def within(self) -> Mapping[str, str]:
        """Station to place, of those that stand in one."""
        places = self.rules.places.values()
        found = {}
        for name, at in self.positions.items():
            place = hub_places.place_at(places, at) if at is not None else None
            if place is not None:
                found[name] = place.name
        return found

    @cached_property
    def _around(self) -> dict[float, dict[str, str]]:
        return {}

    def place_of(self, station: str, activity: ActivityConfig) -> str:
        """The place of a station, or the group of stations around it that stand in none."""
        inside = self.within.get(station)
        if inside is not None:
            return inside
        groups = self._around.get(activity.radius_m)
        if groups is None:
            outside = {name: at for name, at in self.positions.items() if at is not None and name not in self.within}
            groups = self._around[activity.radius_m] = hub_places.around(outside, activity.radius_m)
        return groups.get(station, hub_places.OUTSIDE + station)

    def stations_of(self, place: str, activity: ActivityConfig) -> list[str]:
        """The stations whose evidence is fused at a place."""
        named = place.removeprefix(hub_places.OUTSIDE) if place.startswith(hub_places.OUTSIDE) else None
        found = {name for name in self.positions if self.place_of(name, activity) == place}
        return sorted(found | ({named} if named else set()))

    def judged_as(self, station: str, cls: int, tags: int) -> list[ActivityConfig]:
        """The activities that a class at a station speaks for.

        Persons in a no_contact place, or at a station that says it stands in one, speak for presence alone.
        """
        place = self.within.get(station)
        sealed = bool(tags & Tag.NO_CONTACT) or (place is not None and self.rules.places[place].sealed)
        hidden = sealed and (cls in _PERSONS or bool(tags & Tag.PERSON))
        return [one for one in self.rules.weighed.get(cls, ()) if (one.name == PRESENCE) == hidden]
