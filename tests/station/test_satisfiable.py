"""Every rule that is accepted can fire: an ideal input opens an event in the real ear and the real event rules."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from otorongo.models import comb, engines, manifest, shapes
from otorongo.models.manifest import Bundle
from otorongo.station import combs, events, satisfiable
from otorongo.station.app_ears import ear
from otorongo.station.app_rules import follows_combs, rules_for
from otorongo.station.config import MicrophoneConfig
from otorongo.station.config_rules import SOUND_RULES, TOLD_BY_COMB, RuleConfig
from otorongo.station.ear import ENGINE, SHOT
from otorongo.station.samples import Sample, Score, Scores, Sound
from otorongo.toml import ConfigError
from otorongo.wire.classes import BY_NAME

RATE_HZ = 3200
"""The lowest at which combs are sought: fifteen minutes cost little."""
NAMES = sorted({"chainsaw", "engine", "gunshot", "aircraft", *TOLD_BY_COMB})


def bundle(hop_s: float) -> Bundle:
    """The usual bundle at another cadence."""
    found = manifest.load("threats@5")
    assert found.manifest.sound is not None
    sound = replace(found.manifest.sound, hop_s=hop_s, window_s=max(3.0, hop_s), rate_hz=RATE_HZ)
    return Bundle(found.folder, replace(found.manifest, sound=sound), found.digest)


def machine(name: str, seconds: float) -> Sound:
    """The ideal engine of a class: lines at multiples of its cycle, in a little noise."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    rng = np.random.default_rng(5)
    beats = np.arange(int(seconds) + 3, dtype=float)
    share = np.interp(time_s, beats, rng.standard_normal(len(beats))) * 0.004
    level = np.full_like(time_s, 0.05)
    if name == "vehicle":  # climbs by a third, then falls back, again and again
        f0_hz = 30.0 * (1 + 0.35 * (time_s % 12.0) / 12.0)
    elif name == "boat":  # comes in half a minute, passes, and is heard for long
        f0_hz = 25.0 * (1 + share - 0.03 * np.clip((time_s - 10.0) / 20.0, 0, 1))
        level = 0.05 * 10 ** (-np.abs(np.clip((time_s - 30.0) / 30.0, -1, 1)) * 20 / 20)
    else:
        f0_hz = 30.0 * (1 + share)
    phase = 2 * np.pi * np.cumsum(f0_hz) / RATE_HZ
    lines = sum(np.sin(order * phase + order) for order in range(1, 30))
    uneven_db = np.interp(time_s * 10, np.arange(len(beats) * 10), rng.standard_normal(len(beats) * 10))
    lines *= 10 ** (uneven_db / 20)  # no engine burns evenly, and what is too even is none
    return (level * lines / 4 + 0.0003 * rng.standard_normal(len(time_s))).astype(np.float32)


def shots(seconds: float) -> Sound:
    """A shot in every 1.4 s."""
    rng = np.random.default_rng(6)
    out = 0.0003 * rng.standard_normal(round(seconds * RATE_HZ))
    blast = np.exp(-np.arange(RATE_HZ) / (0.06 * RATE_HZ)) * rng.standard_normal(RATE_HZ) * 0.3
    for at in range(RATE_HZ // 2, len(out) - RATE_HZ, round(1.4 * RATE_HZ)):
        out[at : at + RATE_HZ] += blast
    return out.astype(np.float32)


def windows(sound: Sound, given: Bundle) -> Iterator[Sample]:
    """As the microphone would cut them."""
    of = given.manifest.sound
    assert of is not None
    size, hop = of.window_samples, round(of.hop_s * RATE_HZ)
    for at in range(0, len(sound) - size + 1, hop):
        ms = round(of.hop_s * 1000)
        yield Sample(at * 1000 // RATE_HZ, sound[at : at + size], round(of.window_s * 1000), RATE_HZ, ms)


def fires(name: str, config: MicrophoneConfig, given: Bundle) -> bool:
    """Whether the ideal input of a class opens an event of it, while the network is sure in every window."""
    rules = rules_for("microphone", config, given)
    cls, hop_s = BY_NAME[name].number, given.manifest.sound.hop_s if given.manifest.sound else 0.0
    seconds = 60.0 + rules[cls].windows * hop_s
    if name in TOLD_BY_COMB:
        seconds += 1.1 * max(satisfiable.lasts_s(name, config.rule[name]), satisfiable.LEAST_S[name])
    told = ENGINE if name in TOLD_BY_COMB else cls
    sound = shots(seconds) if cls == SHOT else machine(name, seconds)
    thresholds = {spec.wire_class: spec.threshold for spec in given.manifest.classes}
    own = ear(config, thresholds, rules, None, combs=follows_combs(config, given))
    state = events.State()
    for sample in windows(sound, given):
        heard = own.hear(sample, [Score(told, 0.9999, 8.0, hit=True)], classified=True)
        state, revisions = events.advance(state, Scores(sample.t_ms, sample.duration_ms, heard.scores), rules)
        if any(one.cls == cls for one in revisions):
            return True
    return False


RULES = st.tuples(
    st.sampled_from(NAMES), st.integers(1, 40), st.integers(1, 40), st.floats(0.5, 60), st.floats(10, 3600),
    st.floats(1, 900), st.sampled_from([0.5, 1.0, 1.5, 3.0]),
)  # fmt: skip


@given(RULES)
@example(("gunshot", 4, 4, 10.0, 120.0, 1.0, 1.5))
@example(("engine_steady", 4, 8, 300.0, 3600.0, 600.0, 0.5))
@example(("engine_steady", 4, 8, 300.0, 3600.0, 900.0, 3.0))
@example(("boat", 4, 8, 60.0, 3600.0, 674.0, 1.5))
@example(("vehicle", 4, 8, 60.0, 3600.0, 900.0, 1.0))
@settings(max_examples=12, deadline=None)
def test_every_accepted_rule_can_fire(rule: tuple[str, int, int, float, float, float, float]) -> None:
    """Whatever hits, windows, times and cadence: refused at the start, or an ideal input opens an event."""
    name, hits, of, quiet_s, max_length_s, comb_s, hop_s = rule
    own = RuleConfig(
        hits=hits,
        windows=of,
        quiet_s=quiet_s,
        max_length_s=max_length_s,
        comb_s=comb_s if name in TOLD_BY_COMB else None,
    )
    config = MicrophoneConfig(driver="replay", device="x", rule={name: own})
    given_ = bundle(hop_s)
    try:
        rules_for("microphone", config, given_)
    except ConfigError:
        assume(False)
    assert fires(name, config, given_)


def test_the_limits_are_those_of_the_parts_that_keep_them() -> None:
    """What the configuration is checked against is what the ear does."""
    limits = shapes.Limits()
    assert satisfiable.FRAME_S * 1000 == comb.FRAME_S * 1000 == engines.STEP_MS
    assert satisfiable.LEAST_RATE_HZ == comb.INNER_HZ
    assert satisfiable.MOST_HOP_S * 1000 < engines.GAP_MS <= engines.LONGEST_STEP_MS
    assert (satisfiable.JUDGE_S * 1000, satisfiable.JUDGE_SHARE) == (combs.JUDGE_MS, combs.JUDGE_SHARE)
    assert {"boat": limits.boat_s[1]} == satisfiable.LONGEST_S
    assert {
        "engine_steady": limits.steady_s, "boat": limits.boat_s[0], "vehicle": limits.least_s
    } == satisfiable.LEAST_S  # fmt: skip
    longest_s = 900 * (1 + satisfiable.JUDGE_SHARE)  # what comb_s may be at most, and a judgement later
    assert max(longest_s, *(SOUND_RULES[name].comb_s or 0 for name in TOLD_BY_COMB)) < engines.KEEP_MS / 1000


@pytest.mark.parametrize(("hop_s", "window_s", "rate_hz"), [(4.0, 4.0, 16_000), (0.5, 1.0, 16_000), (1.5, 3.0, 3000)])
def test_where_no_comb_can_be_followed_no_class_is_told_by_one(hop_s: float, window_s: float, rate_hz: int) -> None:
    """Windows too short, too rare or of too low a rate: no rule waits for a comb; one that is written is refused."""
    found = bundle(1.5)
    assert found.manifest.sound is not None
    sound = replace(found.manifest.sound, hop_s=hop_s, window_s=window_s, rate_hz=rate_hz)
    given_ = Bundle(found.folder, replace(found.manifest, sound=sound), found.digest)
    known = {spec.wire for spec in found.manifest.classes} & set(SOUND_RULES)
    own = {name: RuleConfig(quiet_s=900.0, hits=1, windows=1) for name in known}
    config = MicrophoneConfig(driver="replay", device="x", rule=own)
    assert not {BY_NAME[name].number for name in TOLD_BY_COMB} & set(rules_for("microphone", config, given_))
    with pytest.raises(ConfigError, match="boat"):
        rules_for("microphone", replace(config, rule=own | {"boat": RuleConfig()}), given_)
