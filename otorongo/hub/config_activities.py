"""What an activity is, and those that every hub knows unless hub.toml says otherwise."""

from typing import Annotated, Final

from msgspec import Meta, Struct

Probability = Annotated[float, Meta(gt=0, lt=1)]


class ActivityConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One kind of thing that goes on, and how evidence of classes speaks for it."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    prior: Probability = 0.001
    """Probability that it goes on at a place in any hour."""
    weights: dict[str, Annotated[float, Meta(gt=0, le=1)]] = {}
    """By class: how much of its evidence speaks for this activity."""
    watch_at: Probability = 0.02
    """From this belief on it is shown on the pages; nobody is rung."""
    ring_at: Probability = 0.95
    """From this belief on people are rung."""
    high_at: Probability = 0.995
    """From this belief on it is high: people are rung a second time, and one person alone cannot close it."""
    alone: bool = False
    """True: one station with one class may ring, if it is strong enough by itself."""
    half_life_min: Annotated[float, Meta(gt=0, le=10_080)] = 20.0
    """Evidence counts half so much after so long."""
    late_after_min: Annotated[float, Meta(gt=0, le=100_000)] = 30.0
    """Evidence that was older when the hub first got it marks an alert and rings nobody."""
    quiet_min: Annotated[float, Meta(gt=0, le=10_080)] = 60.0
    """After so long without evidence the next evidence is another alert."""
    radius_m: Annotated[float, Meta(gt=0, le=100_000)] = 1500.0
    """Stations that stand in no place are fused within this of each other; never beyond what they can hear."""


PRESENCE: Final = "presence"
"""Persons in `no_contact` places: sealed, and rung to protocol holders alone."""

BUILT_IN: Final = (
    ActivityConfig(name="logging", weights={"chainsaw": 1.0, "tree_fall": 0.6, "vehicle": 0.2, "person": 0.2}),
    ActivityConfig(
        name="mining",
        weights={
            "engine_steady": 1.0,
            "excavator": 1.0,
            "generator": 0.6,
            "engine": 0.4,
            "boat": 0.2,
            "vehicle": 0.2,
            "person": 0.2,
        },
        half_life_min=60,
        quiet_min=180,
    ),
    ActivityConfig(
        name="clearing",
        weights={"chainsaw": 0.5, "fire": 1.0, "smoke": 1.0, "cattle": 0.8, "dog": 0.2, "person": 0.2},
        half_life_min=60,
        quiet_min=180,
    ),
    ActivityConfig(
        name="poaching",
        weights={"gunshot": 1.0, "boat": 0.4, "person": 0.6, "dog": 0.4},
        half_life_min=45,
        quiet_min=120,
    ),
    ActivityConfig(
        name="intrusion",
        weights={"person": 1.0, "vehicle": 0.8, "aircraft": 0.8, "generator": 0.6, "speech": 0.5},
        half_life_min=45,
        quiet_min=120,
    ),
    ActivityConfig(
        name=PRESENCE,
        prior=0.02,
        weights={"person": 1.0, "speech": 1.0},
        ring_at=0.8,
        high_at=0.95,
        alone=True,
        half_life_min=60,
        quiet_min=180,
    ),
)


def activities_of(given: tuple[ActivityConfig, ...]) -> tuple[ActivityConfig, ...]:
    """The activities of a file, and the built-in ones of other names. One without weights is switched off."""
    names = {one.name for one in given}
    known = {one.name: one for one in BUILT_IN}
    mine = [one for one in given if one.weights or one.name not in known]
    return (*mine, *(one for one in BUILT_IN if one.name not in names))
