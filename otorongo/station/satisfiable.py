"""Whether a comb can ever tell a rule's class at the real cadence: what cannot fire is refused at the start. Pure.

The limits of `engines`, `shapes` and `combs` stand here a second time, as numbers, because a camera's process must not
load what seeks combs; a test compares them.
"""

from typing import Final

from otorongo.language import say
from otorongo.station.config_rules import SOUND_RULES, RuleConfig
from otorongo.toml import ConfigError

FRAME_S: Final = 1.5
"""A comb is sought in so much sound: shorter windows have none."""
LEAST_RATE_HZ: Final = 3200
MOST_HOP_S: Final = 3.0
"""Frames that lie further apart show neither gears nor how a boat comes and goes."""
JUDGE_S: Final = 6.0
JUDGE_SHARE: Final = 0.05
"""What lasts is judged again after 6 s, or when it is so much older."""
LONGEST_S: Final = {"boat": 720.0}
"""What goes by takes no longer; the others may last for ever."""
LEAST_S: Final = {"engine_steady": 150.0, "boat": 40.0, "vehicle": 18.0}
"""Before that no shape is told, whatever `comb_s` says."""


def can_follow(rate_hz: float, window_s: float, hop_s: float) -> bool:
    """Whether combs can be followed in windows like these."""
    return rate_hz >= LEAST_RATE_HZ and window_s >= FRAME_S and hop_s <= MOST_HOP_S


def lasts_s(name: str, rule: RuleConfig) -> float:
    """How long the comb of a class that it tells must last."""
    found = rule.comb_s or SOUND_RULES[name].comb_s
    assert found is not None  # noqa: S101 - the defaults say it
    return found


def check_comb(where: str, name: str, hits: int, comb_s: float, hop_s: float) -> None:
    """Refuse a rule whose hits cannot come from `comb_s` on, while its shape lasts. Raises ConfigError."""
    longest_s = LONGEST_S.get(name)
    if longest_s is None:
        return
    # Known after comb_s and up to one judgement more; then each further hit takes a window.
    spare_s = max(JUDGE_S, FRAME_S + hop_s) + hits * hop_s
    most_s = (longest_s - spare_s) / (1 + JUDGE_SHARE)
    if comb_s > most_s:
        more = say("at most {most_s:.0f}", most_s=most_s) if most_s > 0 else say("fewer than {hits} hits", hits=hits)
        raise ConfigError(
            say(
                "{where}.comb_s: is {comb_s:g}, but what lasts longer than {longest_s:g} s is no "
                "{name}, and {hits} hits, one in {hop_s:g} s, would come too late: it can never fire "
                "(allowed: {more})",
                where=where,
                comb_s=comb_s,
                longest_s=longest_s,
                name=name,
                hits=hits,
                hop_s=hop_s,
                more=more,
            )
        )
