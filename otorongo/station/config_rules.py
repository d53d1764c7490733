"""When scores become an event: a rule of `station.toml`, those that hold where it has none, and what no rule may be."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from otorongo.language import say
from otorongo.toml import ConfigError
from otorongo.wire import classes

Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1, le=10_000)]


class RuleConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When scores of one class become an event."""

    hits: Count | None = None
    """An event opens when so many ..."""
    windows: Count | None = None
    """... of so many windows or frames in a row are over the threshold. Left out: as the bundle says."""
    threshold: float | None = None
    """Calibrated probability between 0 and 1; left out: the bundle's own threshold."""
    quiet_s: Positive = 30.0
    """It closes when nothing was over the threshold for so long."""
    max_length_s: Positive = 3600.0
    """It closes after so long even if it goes on, and a new one opens."""
    update_s: Positive = 300.0
    """While it goes on, it is told again this often, and at once when its evidence has grown by a natural unit."""
    comb_s: Annotated[float, Meta(gt=0, le=900)] | None = None
    """Only of engine_steady, boat and vehicle, which a microphone tells by the engine's comb: how long it must last."""


SOUND_RULES: Final = {
    # A saw is heard in bouts of some seconds with pauses: its hits need not be neighbours, but lie within a minute.
    "chainsaw": RuleConfig(hits=4, windows=40, quiet_s=60.0),
    "engine": RuleConfig(quiet_s=90.0),
    "engine_steady": RuleConfig(quiet_s=300.0, comb_s=600.0),
    "generator": RuleConfig(quiet_s=300.0),
    "excavator": RuleConfig(quiet_s=120.0),
    "boat": RuleConfig(quiet_s=60.0, comb_s=60.0),
    "vehicle": RuleConfig(quiet_s=60.0, comb_s=20.0),
    "aircraft": RuleConfig(quiet_s=60.0),
    "gunshot": RuleConfig(quiet_s=10.0, max_length_s=120.0),
    "tree_fall": RuleConfig(quiet_s=20.0, max_length_s=120.0),
    "fire": RuleConfig(quiet_s=120.0),
    "speech": RuleConfig(quiet_s=60.0),
    "dog": RuleConfig(quiet_s=60.0),
}
"""Classes of sound that become events. Rain, wind, insects, frogs and birds need a rule of their own for that."""
TOLD_BY_COMB: Final = ("engine_steady", "boat", "vehicle")
"""Classes that an engine becomes when its comb says so; `Ear` tells them, whether or not the bundle knows them."""
SPECIES_RULES: Final = {
    name: RuleConfig(quiet_s=120.0, max_length_s=1800.0, update_s=1800.0) for name in ("birds", "frogs", "howler")
}
"""Classes of `[birds]` that become events; which species they were stands in the list of the day."""
PICTURE_RULES: Final = {
    name: RuleConfig(quiet_s=60.0, max_length_s=900.0)
    for name in ("person", "vehicle", "boat", "animal", "dog", "cattle", "smoke", "fire")
}
"""Classes of pictures that become events: a minute without ends the visit."""


def check_rule(where: str, name: str, rule: RuleConfig, sense: str) -> None:
    """Refuse a rule of a class that the sensor has not, or that says nothing. Raises ConfigError."""
    known = [line.name for line in classes.CLASSES if line.sense in (sense, "both")]
    if name not in known:
        raise ConfigError(
            say("{where}: is no class of pictures (allowed: {names})", where=where, names=", ".join(known))
            if sense == "picture"
            else say("{where}: is no class of sounds (allowed: {names})", where=where, names=", ".join(known))
        )
    if (rule.hits is None) != (rule.windows is None):
        raise ConfigError(say("{where}: hits and windows come together, or neither", where=where))
    if rule.threshold is not None and not 0 < rule.threshold < 1:
        raise ConfigError(
            say(
                "{where}.threshold: is {threshold:g} (allowed: above 0 and below 1; left out: the bundle's own)",
                where=where,
                threshold=rule.threshold,
            )
        )
    if rule.comb_s is not None and (sense != "sound" or name not in TOLD_BY_COMB):
        raise ConfigError(
            say(
                "{where}.comb_s: {name} is not told by a comb (allowed for: {names})",
                where=where,
                name=name,
                names=", ".join(TOLD_BY_COMB),
            )
        )


def check_cadence(where: str, hits: int, windows: int, rule: RuleConfig, hop_s: float) -> None:
    """Refuse a rule that can never fire at the real cadence. Raises ConfigError.

    `hop_s` is the time from one window to the next: with hits that lie further apart than `quiet_s`, an event would
    close before its next hit could come.
    """
    if hits > windows:
        raise ConfigError(
            say(
                "{where}: {hits} hits never come in {windows} windows (allowed: hits up to windows)",
                where=where,
                hits=hits,
                windows=windows,
            )
        )
    if rule.quiet_s < hop_s:
        raise ConfigError(
            say(
                "{where}: quiet_s is {quiet_s:g}, but windows come every {hop_s:g} s: each event would close "
                "at once (allowed: at least {hop_s:g})",
                where=where,
                quiet_s=rule.quiet_s,
                hop_s=hop_s,
            )
        )
    if rule.max_length_s < windows * hop_s:
        raise ConfigError(
            say(
                "{where}: max_length_s is {max_length_s:g}, shorter than its {windows} windows of {hop_s:g} "
                "s (allowed: at least {windows_2:g})",
                where=where,
                max_length_s=rule.max_length_s,
                windows=windows,
                hop_s=hop_s,
                windows_2=windows * hop_s,
            )
        )
