"""Shots: each onset counts once, however many windows it is in, and clusters are not vetoed away."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otorongo.models.train import scenes
from otorongo.station import events
from otorongo.station.ear import SHOT, Ear
from otorongo.station.events import Rule
from otorongo.station.onset import onsets
from otorongo.station.samples import Event, Sample, Score, Scores, Sound
from otorongo.wire.classes import BY_NAME
from otorongo.wire.codes import CloseReason, Kind

RATE_HZ = 16_000
RULE = Rule(1, 1, 10_000, 120_000, 300_000)


def ear() -> Ear:
    """An ear that follows no combs."""
    return Ear(number=1, thresholds={SHOT: 0.9}, comb_ms={})


def hits_of(sound: Sound, *, at: Sequence[int] | None = None, start_ms: int = 0) -> tuple[list[bool], list[Event]]:
    """Which windows (3 s, every 1.5 s) stay hits when the network calls all of them, or those, a shot; and events."""
    one, state, told, stands = ear(), events.State(), list[Event](), []
    for number in range((len(sound) - 3 * RATE_HZ) // 24_000 + 1):
        data = sound[number * 24_000 : number * 24_000 + 3 * RATE_HZ]
        sample = Sample(start_ms + number * 1500, data, 3000, RATE_HZ, 1500 if number else 3000)
        hit = at is None or number in at
        heard = one.hear(sample, [Score(SHOT, 0.99, 5.0, hit)], classified=True).scores
        stands.append(heard[0].hit)
        state, more = events.advance(state, Scores(sample.t_ms, 3000, heard), {SHOT: RULE})
        told += more
    return stands, told + events.finish(state, start_ms + len(sound) // 16, CloseReason.QUIET)[1]


def shots_at(times_s: Sequence[float], seconds: float, seed: int = 3) -> Sound:
    """Rendered shots at 100 m in a quiet forest."""
    rng = np.random.default_rng(seed)
    out = 0.0005 * rng.standard_normal(round(seconds * RATE_HZ))
    for number, at_s in enumerate(times_s):
        one = scenes.render_soundscape(
            [scenes.Source("gunshot", start_s=0.2, seconds=1.0, distance_m=100)], 1.5, RATE_HZ, seed=seed + number,
            background="none",
        )  # fmt: skip
        start = round((at_s - 0.2) * RATE_HZ)
        out[start : start + len(one)] += one[: len(out) - start]
    return out.astype(np.float32)


def test_five_shots_in_a_row_are_five() -> None:
    """Five shots 3 s apart, all in hits: none is vetoed, and the event says five and when the last of them was."""
    stands, told = hits_of(shots_at([1.0, 4.0, 7.0, 10.0, 13.0], 16.5))
    assert all(stands)
    assert told[0].kind == Kind.OPEN
    assert (told[-1].kind, told[-1].count) == (Kind.CLOSE, 5)
    assert told[-1].t_ms - told[-1].start_ms >= 13_000


def test_a_cluster_is_told_again_when_it_has_grown() -> None:
    """A reader of the opening learns of the second and third shot at once, but not each of many by a row of its own."""
    _, told = hits_of(shots_at([1.0 + 3 * n for n in range(12)], 37.5))
    numbers = [one.count for one in told]
    assert numbers[-1] == 12
    assert numbers[:3] == [1, 2, 3]
    assert len(numbers) <= 9


def counted(sound: Sound, p_of: Sequence[float], *rest: Score) -> list[int]:
    """The number of each event at its end, when the network says these probabilities of a shot, and the rest."""
    one, state, told = ear(), events.State(), list[Event]()
    for number, p in enumerate(p_of):
        sample = Sample(number * 1500, sound[number * 24_000 :][: 3 * RATE_HZ], 3000, RATE_HZ, 1500 if number else 3000)
        scores = [Score(SHOT, p, 1.0, p >= 0.9), *rest]
        heard = one.hear(sample, scores, classified=True).scores
        state, more = events.advance(state, Scores(sample.t_ms, 3000, heard), {SHOT: RULE})
        told += more
    told += events.finish(state, len(sound) // 16, CloseReason.QUIET)[1]
    return [one.count for one in told if one.kind == Kind.CLOSE]


FIVE = [1.0, 4.0, 7.0, 10.0, 13.0]


def test_beside_a_sure_shot_likely_ones_count() -> None:
    """Of five far shots the network is sure of the third alone: five; of none: no event; unlikely ones: no more."""
    sound = shots_at(FIVE, 16.5)
    sure = [0.95 if number == 4 else 0.7 for number in range(10)]
    assert counted(sound, sure) == [5]
    assert counted(sound, [0.7] * 10) == []
    assert counted(sound, [0.95 if number == 4 else 0.2 for number in range(10)]) == [1]


def test_likely_shots_long_before_or_after_a_sure_one_do_not_count() -> None:
    """Ten seconds: what comes later has no shot beside it that is sure."""
    sound = shots_at([1.0, 19.0], 24.0)
    assert counted(sound, [0.95] + [0.7] * 14) == [1]
    assert counted(sound, [0.7] * 12 + [0.95] * 3) == [1]


def test_in_thunder_no_shot_is_likely() -> None:
    """A veto that suspends shots suspends likely ones too, right after a sure one."""
    sound = shots_at(FIVE, 16.5)
    thunder = Score(BY_NAME["thunder"].number, 0.9, 3.0, True)
    assert counted(sound, [0.95] + [0.7] * 9, thunder)[0] < counted(sound, [0.95] + [0.7] * 9)[0]


def test_the_action_of_a_gun_is_no_second_shot() -> None:
    """A click 0.7 s after the shot and 20 dB below it is not counted; a shot as loud is."""
    loud = shots_at([1.0, 1.7], 3.0)
    assert counted(loud, [0.95]) == [2]
    first = shots_at([1.0], 3.0)
    assert counted(first + 0.1 * (loud - first), [0.95]) == [1]


def test_a_shot_without_an_onset_stands_for_three_windows_and_no_longer() -> None:
    """In noise nothing stands out: three windows may hold a shot all the same, longer ones are something else."""
    stands, _ = hits_of((0.001 * np.random.default_rng(2).standard_normal(15 * RATE_HZ)).astype(np.float32))
    assert stands[:5] == [True, True, True, False, False]


def test_what_swells_and_stays_is_no_shot() -> None:
    """An engine that starts rises once and does not die away: its hits are vetoed after three windows."""
    rng = np.random.default_rng(4)
    sound = rng.standard_normal(18 * RATE_HZ) * np.where(np.arange(18 * RATE_HZ) < 4 * RATE_HZ, 0.001, 0.1)
    stands, told = hits_of(sound.astype(np.float32), at=range(2, 11))
    assert stands.count(True) == 3
    assert told[-1].count <= 1


def test_three_shots_within_a_window_are_three() -> None:
    """Shots 0.9 s apart are told apart in one window."""
    found = onsets(shots_at([0.4, 1.3, 2.2], 3.0), RATE_HZ)
    assert [one.first_s for one in found] == pytest.approx([0.5, 1.4, 2.3], abs=0.2)


def test_a_drum_roll_of_two_seconds_is_no_onset() -> None:
    """Rises that follow one another for more than 1.5 s are rain on the case or an engine, not one shot."""
    sound = 0.0005 * np.random.default_rng(1).standard_normal(3 * RATE_HZ)
    for at in np.arange(0.4, 2.7, 0.18):
        click = np.exp(-np.arange(800) / 60.0) * np.random.default_rng(2).standard_normal(800)
        sound[round(at * RATE_HZ) : round(at * RATE_HZ) + 800] += click
    assert onsets(sound.astype(np.float32), RATE_HZ) == []


@given(st.lists(st.integers(0, 12), min_size=1, max_size=6, unique=True), st.integers(0, 50), st.booleans())
@settings(max_examples=25, deadline=None)
def test_no_shot_counts_twice(places: list[int], seed: int, late: bool) -> None:
    """Wherever shots lie in overlapping windows, an event counts no more than there were, and at least one of two."""
    times_s = [0.5 + 1.1 * place for place in sorted(places)]
    _, told = hits_of(shots_at(times_s, 16.5, seed), start_ms=10_000_000 if late else 0)
    total = sum(one.count for one in told if one.kind == Kind.CLOSE)
    assert len(times_s) / 2 <= total <= len(times_s)


def test_another_clock_forgets_the_last_shot() -> None:
    """After a step back of the clock a shot is new again."""
    one, sound = ear(), shots_at([1.0], 3.0)
    for start_ms in (5_000_000, 0):
        heard = one.hear(Sample(start_ms, sound, 3000, RATE_HZ, 3000), [Score(SHOT, 0.99, 5.0, True)], classified=True)
        assert heard.scores[0].new == 1
