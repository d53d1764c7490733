"""`[camera.mask.NAME]` and `[camera.zone.NAME]` of station.toml: parts of the picture, and what is wrong with them."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from otorongo.language import say
from otorongo.station.view import View, fault_of, open_share
from otorongo.toml import ConfigError

LEAST_OPEN: Final = 0.01
"""Share of the picture that masks and zones must leave."""


class AreaConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the picture."""

    points: tuple[tuple[float, float], ...]
    """Corners in their order around it, each [x, y] from 0 to 1: from the left, and from the top."""


def view_of(masks: Mapping[str, AreaConfig], zones: Mapping[str, AreaConfig]) -> View:
    """Masks and zones as the gate takes them."""
    return View(tuple(one.points for one in masks.values()), tuple(one.points for one in zones.values()))


def check_view(where: str, masks: Mapping[str, AreaConfig], zones: Mapping[str, AreaConfig]) -> None:
    """Refuse a polygon that is none, and a view that leaves nothing to look at. Raises ConfigError."""
    for kind, areas in (("mask", masks), ("zone", zones)):
        for name, given in areas.items():
            if fault := fault_of(given.points):
                raise ConfigError(
                    say("{where}.{kind}.{name}.points: {fault}", where=where, kind=kind, name=name, fault=fault)
                )
    if open_share(view_of(masks, zones)) < LEAST_OPEN:
        kind, mend = ("zone", say(", or larger zones beside them")) if zones else ("mask", "")
        raise ConfigError(
            say(
                "{where}.{kind}: hardly anything is left to look at (allowed: smaller masks{mend})",
                where=where,
                kind=kind,
                mend=mend,
            )
        )
