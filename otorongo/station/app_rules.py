"""When a sensor's scores become events: what `station.toml` says, at the real cadence of its bundle."""

from otorongo.language import say
from otorongo.models.manifest import Bundle, SoundInput
from otorongo.station.config import BirdsConfig, CameraConfig, MicrophoneConfig, rules_of
from otorongo.station.config_rules import SOUND_RULES, TOLD_BY_COMB, RuleConfig, check_cadence
from otorongo.station.events import Rule
from otorongo.station.satisfiable import can_follow, check_comb, lasts_s
from otorongo.toml import ConfigError
from otorongo.wire.classes import BY_NAME, name_of

Sensor = MicrophoneConfig | CameraConfig


def rules_for(section: str, sensor: Sensor, bundle: Bundle) -> dict[int, Rule]:
    """The event rules by wire class, at the bundle's real cadence. Raises ConfigError for one that can never fire."""
    manifest = bundle.manifest
    sense_of = "sound" if isinstance(sensor, MicrophoneConfig) else "picture"
    if manifest.kind != sense_of:
        raise ConfigError(
            say(
                "{section}.bundle: {reference} is for pictures (allowed: one for sounds)",
                section=section,
                reference=manifest.reference,
            )
            if sense_of == "sound"
            else say(
                "{section}.bundle: {reference} is for sounds (allowed: one for pictures)",
                section=section,
                reference=manifest.reference,
            )
        )
    if manifest.names:
        raise ConfigError(
            say(
                "{section}.bundle: {reference} names animals, but finds none: write it as {section}.species "
                "(allowed: one that draws boxes)",
                section=section,
                reference=manifest.reference,
            )
        )
    hop_s = manifest.sound.hop_s if manifest.sound else 1 / (sensor.fps if isinstance(sensor, CameraConfig) else 1)
    known = {spec.wire: spec for spec in manifest.classes}
    heard = set(known)
    combed = follows_combs(sensor, bundle)
    if combed:  # they open as an engine does: what names them is how long its comb has lasted
        known = dict.fromkeys(TOLD_BY_COMB, known["engine"]) | known
    out: dict[int, Rule] = {}
    for name, rule in rules_of(sensor).items():
        if name not in known:
            if name in sensor.rule:
                raise ConfigError(
                    say(
                        "{section}.rule.{name}: not in {reference} (allowed: {names})",
                        section=section,
                        name=name,
                        reference=manifest.reference,
                        names=", ".join(sorted(known)),
                    )
                )
            continue
        if rule.threshold is not None and name not in heard:
            raise ConfigError(
                say(
                    "{section}.rule.{name}.threshold: is the engine's (allowed: {section}.rule.engine)",
                    section=section,
                    name=name,
                )
            )
        hits, windows = rule.hits or known[name].hits, rule.windows or known[name].of
        check_cadence(f"{section}.rule.{name}", hits, windows, rule, hop_s)
        if name in TOLD_BY_COMB and combed:
            check_comb(f"{section}.rule.{name}", name, hits, lasts_s(name, rule), hop_s)
        out[BY_NAME[name].number] = _rule(hits, windows, rule)
    return out


def least_s(cls: int, rule: Rule, given: SoundInput) -> float:
    """Sound in s that an event of a class needs before its rule can open it."""
    usual = SOUND_RULES.get(name_of(cls))
    return max((usual and usual.comb_s) or 0.0, given.window_s + (rule.hits - 1) * given.hop_s)


def follows_combs(sensor: Sensor, bundle: Bundle) -> bool:
    """Whether this sensor's engines are named by their combs."""
    wanted = isinstance(sensor, MicrophoneConfig) and not isinstance(sensor, BirdsConfig) and sensor.combs
    given = bundle.manifest.sound
    knows = any(spec.wire == "engine" for spec in bundle.manifest.classes)
    return wanted and knows and given is not None and can_follow(given.rate_hz, given.window_s, given.hop_s)


def experimental(sensor: Sensor, bundle: Bundle) -> frozenset[str]:
    """Wire classes that too few recordings stand behind: those that the bundle calls so, and those that combs tell,
    whose shapes were made of rendered machines alone.
    """
    combed = TOLD_BY_COMB if follows_combs(sensor, bundle) else ()
    return frozenset([*(spec.wire for spec in bundle.manifest.classes if spec.experimental), *combed])


def _rule(hits: int, windows: int, rule: RuleConfig) -> Rule:
    return Rule(
        hits=hits,
        windows=windows,
        quiet_ms=round(rule.quiet_s * 1000),
        max_length_ms=round(rule.max_length_s * 1000),
        update_ms=round(rule.update_s * 1000),
        threshold=rule.threshold,
    )
