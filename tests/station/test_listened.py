"""What an hour of listening is worth: nothing that nobody judged, or nobody could hear, is told as heard."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from otorongo.models import manifest
from otorongo.station import app, app_rules
from otorongo.station.app_ears import ear
from otorongo.station.bands import Bands
from otorongo.station.config import MicrophoneConfig
from otorongo.station.ear import SAW, Ear
from otorongo.station.handed import Judged
from otorongo.station.listened import Hour
from otorongo.station.microphone import WELL, Look, judge, look
from otorongo.station.samples import Sample, Sound
from otorongo.station.veto import NOTHING, Now
from otorongo.wire.classes import BY_NAME
from otorongo.wire.codes import Counter, MicrophoneFlag
from otorongo.wire.rows import Listening
from tests.station.sense_rig import open_outbox, rows_in, sense

RATE = 16_000
RAIN = BY_NAME["rain"].number
WINDOWS = 60


def pink(db: float, seed: int = 0) -> Sound:
    """3 s of noise that falls by 3 dB an octave as a forest's does, at a level below full scale."""
    series = np.fft.rfft(np.random.default_rng(seed).standard_normal(3 * RATE))
    sound = np.fft.irfft(series / np.sqrt(np.maximum(1, np.arange(len(series)))))
    return np.asarray(sound / sound.std() * 10 ** (db / 20), np.float32)


def window(number: int, sound: Sound) -> Sample:
    """The n-th window."""
    return Sample(number * 1500, sound, 3000, RATE, 1500 if number else 3000)


def looked(sound: Sound) -> Look:
    """A look at it."""
    return look(sound, RATE, Bands(RATE))


def hour(sound: Sound, *, count: int = WINDOWS, now: Now = NOTHING, failed: int = 0, **more: Any) -> Hour:
    """So many windows of one sound, the first `failed` of which the network could not judge."""
    out = Hour()
    for number in range(count):
        sample = window(number, sound)
        if out.looks_due(sample.end_ms):
            out.look(looked(sound), sample.end_ms)
        out.add(sample, now, 0, failed=number < failed, **more)
    return out


def row(given: Hour, flags: MicrophoneFlag = WELL) -> Listening:
    """As told."""
    return given.row(1, flags, np.full(22, -80.0))


def listened(folder: Path, db: float, classify: Any, **keys: Any) -> tuple[Listening, dict[int, int]]:
    """A minute and a half through the gate and the ear of a station: its row and its counters."""
    bundle = manifest.load("threats@5")
    config = MicrophoneConfig(driver="alsa", device="none", **keys)
    rules = app_rules.rules_for("microphone", config, bundle)
    outbox = open_outbox(folder)
    own = ear(config, {spec.wire_class: spec.threshold for spec in bundle.manifest.classes}, rules, None, combs=False)
    loop = sense(outbox, gate=app._sound_gate(config), classify=classify, rules=rules, ear=own)
    loop.run(window(number, pink(db, number)) for number in range(WINDOWS))
    (told,) = [one.row for one in rows_in(outbox) if isinstance(one.row, Listening)]
    return told, loop.counters


def nothing_heard(data: Any, rate_hz: int) -> Judged:
    """A network that hears no threat."""
    return Judged(())


def broken(data: Any, rate_hz: int) -> Judged:
    """A network that fails."""
    raise RuntimeError("no memory")


def test_a_gate_takes_its_part_of_the_reach(tmp_path: Path) -> None:
    """In a silent night a saw is heard by its own sound alone: no farther than where that passes the gate."""
    (tmp_path / "high").mkdir()
    open_, counters = listened(tmp_path, -85, nothing_heard)
    high, stopped = listened(tmp_path / "high", -85, nothing_heard, gate_db=-60.0)
    assert counters.get(Counter.GATED, 0) == 0
    assert stopped[Counter.GATED] == WINDOWS
    assert open_.reach_m > 250
    assert 50 < high.reach_m < 100  # 60 dB of a saw lie between
    assert (open_.deaf_ms, high.deaf_ms) == (0, high.length_ms)


def test_a_gate_that_is_passed_takes_nothing() -> None:
    """Where the forest itself is louder than the gate, only its noise counts."""
    assert row(hour(pink(-60), needed_db=-75.0)) == row(hour(pink(-60)))


def test_what_nobody_judged_is_deaf(tmp_path: Path) -> None:
    """A network that fails on everything has heard nothing, however quiet it was, and every window is counted."""
    told, counters = listened(tmp_path, -70, broken)
    assert (told.reach_m, told.deaf_ms) == (0, told.length_ms)
    assert counters[Counter.UNJUDGED] == WINDOWS


def test_a_network_that_fails_now_and_then_costs_so_much(tmp_path: Path) -> None:
    """Its windows alone are deaf; the reach is that of the rest, until it fails on half of them."""
    whole = row(hour(pink(-70)))
    some, most = row(hour(pink(-70), failed=10)), row(hour(pink(-70), failed=40))
    assert (some.deaf_ms, some.reach_m) == (3000 + 9 * 1500, whole.reach_m)
    assert most.reach_m == 0


def test_a_raised_threshold_takes_from_the_reach_and_a_suspended_saw_all() -> None:
    """Rain that asks for more evidence costs metres; a veto that closes the ear to saws makes it deaf."""
    whole = row(hour(pink(-70)))
    raised = row(hour(pink(-70), now=Now({SAW: 1.0}, frozenset(), (RAIN,))))
    closed = row(hour(pink(-70), now=Now({}, frozenset({SAW}), (RAIN,))))
    assert 0.5 * whole.reach_m < raised.reach_m < whole.reach_m
    assert (closed.reach_m, closed.deaf_ms) == (0, closed.length_ms)
    assert raised.vetoes == {RAIN: raised.length_ms}


@pytest.mark.parametrize("flag", [MicrophoneFlag.BLOCKED, MicrophoneFlag.WET])
def test_a_muffled_microphone_is_deaf_and_not_far_of_hearing(flag: MicrophoneFlag) -> None:
    """Under a nest or water all is fainter, noise too: that is no longer reach."""
    blocked = hour(pink(-90))
    assert blocked._median_m() > hour(pink(-70))._median_m() > 0
    told = row(blocked, flag)
    assert (told.reach_m, told.deaf_ms, told.flags) == (0, told.length_ms, flag)


@pytest.mark.parametrize("sound", [pink(-120), np.clip(pink(-2), -0.5, 0.5) * 2])
def test_a_dead_or_clipping_microphone_is_deaf_while_it_is(sound: Sound) -> None:
    """Half a minute of it is deaf, the rest is not."""
    both = Hour()
    for number in range(WINDOWS):
        sample = window(number, sound if number < 20 else pink(-70))
        if number % 10 == 0:
            both.look(looked(sample.data), sample.end_ms)
        both.add(sample, NOTHING, 0)
    told = row(both)
    assert told.deaf_ms == 3000 + 19 * 1500
    assert told.reach_m == row(hour(pink(-70))).reach_m


def test_silence_of_half_an_hour_is_no_floor() -> None:
    """A microphone that was silent for a while and then well is not told as blocked: what is dead has no floor."""
    well = [looked(pink(-50, seed)) for seed in range(40)]
    usual = judge(well).floor_db
    health = judge([looked(pink(-120))] * 19 + well, usual)
    assert health.flags == 0
    assert abs(health.changed_db) < 1


def test_the_first_hour_knows_the_microphone_too() -> None:
    """Full scale at 100 dB instead of 120: the same numbers are 20 dB quieter, and a saw is heard farther."""
    found = []
    for full_scale_db in (120.0, 100.0):
        one = Ear(1, {SAW: 0.9}, {}, full_scale_db=full_scale_db)
        for number in range(WINDOWS):
            one.hear(replace(window(number, pink(-50)), domain=None), [], classified=True)
        due = one.due(lambda t_ms: None, last=True)
        assert due is not None
        found.append(due.row.reach_m)
    assert 0 < found[0] < found[1]
