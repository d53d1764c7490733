"""The ear beside the network: what it makes of scores, and what it says of an hour."""

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from otorongo.models import shapes
from otorongo.models.train import machines, nature, scenes
from otorongo.station import veto
from otorongo.station.combs import TOLD_AS
from otorongo.station.ear import ENGINE, HOUR_MS, SAW, SHOT, Ear
from otorongo.station.hearing import Heard, Vetoed
from otorongo.station.microphone import Baseline
from otorongo.station.onset import onsets
from otorongo.station.samples import Sample, Score, Sound
from otorongo.wire.classes import BY_NAME
from otorongo.wire.codes import MicrophoneFlag

RATE_HZ = 16_000
STEADY = TOLD_AS[shapes.STEADY]
RAIN = BY_NAME["rain"].number
RNG = np.random.default_rng(2)


def ear(**more: object) -> Ear:
    """An ear whose steady engines last three minutes, and boats one."""
    comb_ms = {STEADY: 180_000, TOLD_AS[shapes.BOAT]: 60_000, TOLD_AS[shapes.TRUCK]: 20_000}
    return Ear(**({"number": 1, "thresholds": {SAW: 0.98, ENGINE: 0.97, SHOT: 0.98}, "comb_ms": comb_ms} | more))  # type: ignore[arg-type]


def windows(sound: Sound, start_ms: int = 0) -> list[Sample]:
    """Windows of 3 s, every 1.5 s."""
    count = (len(sound) - 3 * RATE_HZ) // 24_000 + 1
    return [
        Sample(start_ms + at * 1500, sound[at * 24_000 : at * 24_000 + 48_000], 3000, RATE_HZ, 1500)
        for at in range(count)
    ]


def engine(p: float, *, hit: bool) -> Score:
    """What the network says of engines."""
    return Score(ENGINE, p, 3.0 if hit else -3.0, hit)


def quiet(seconds: float, level: float = 0.001) -> Sound:
    """A quiet forest."""
    return (level * RNG.standard_normal(round(seconds * RATE_HZ))).astype(np.float32)


def hits(heard: Heard) -> set[int]:
    """Classes with a hit."""
    return {score.cls for score in heard.scores if score.hit}


def dredge(seconds: float) -> Sound:
    """A diesel 300 m away."""
    sound = scenes.at_distance(machines.diesel(seconds, RATE_HZ, 7, rpm=1800, cylinders=3), RATE_HZ, 300.0, 7)
    return (sound / float(sound.std()) * 0.01).astype(np.float32) + quiet(len(sound) / RATE_HZ)


def saw(seconds: float) -> Sound:
    """A saw 150 m away."""
    sound = scenes.at_distance(machines.chainsaw(seconds, RATE_HZ, 3), RATE_HZ, 150.0, 3)[: round(seconds * RATE_HZ)]
    return (sound / float(sound.std()) * 0.01).astype(np.float32)


def test_a_dredge_becomes_a_steady_engine_and_is_counted_once() -> None:
    """An engine is an engine for three minutes, and then a steady engine instead, with its f0."""
    one = ear()
    heard = [one.hear(each, [engine(0.99, hit=True)], classified=True) for each in windows(dredge(240))]
    assert hits(heard[20]) == {ENGINE}
    assert hits(heard[-1]) == {STEADY}
    assert all(len(hits(each)) == 1 for each in heard)
    orders = next(score.f0_hz for score in heard[-1].scores if score.hit) / 15.0
    assert orders == pytest.approx(round(orders), rel=0.02)


def test_a_dredge_that_the_network_does_not_know_is_told_with_little_evidence() -> None:
    """A steady comb alone opens an event, with 2 natural units."""
    one = ear()
    heard = [one.hear(each, [engine(0.2, hit=False)], classified=True) for each in windows(dredge(240))][-1]
    told = next(score for score in heard.scores if score.cls == STEADY)
    assert told.hit
    assert (told.p, told.evidence) == (0.5, 2.0)


WIND, AIRCRAFT, HOWLER = (BY_NAME[name].number for name in ("wind", "aircraft", "howler"))


@pytest.mark.parametrize("confuser", [WIND, RAIN, HOWLER])
@pytest.mark.parametrize(("p", "evidence"), [(0.2, -3.0), (0.98, 4.0), (0.999, 7.0)])
def test_what_has_no_comb_leaves_a_steady_engine_its_comb(
    steadied: Ear, confuser: int, p: float, evidence: float
) -> None:
    """Wind, rain and howlers take their units from what the network says, never the comb's own two; nothing that is
    told is counted as vetoed.
    """
    known = p >= 0.97
    for each in late_windows():
        scores = [Score(confuser, 0.95, 3.0, True), Score(ENGINE, p, evidence, known)]
        heard = steadied.hear(each, scores, classified=True)
    (told,) = (score for score in heard.scores if score.hit and score.cls != confuser)
    raised = steadied.now.raised[ENGINE]
    assert raised > 0
    sure = math.log(p / (1 - p)) >= math.log(0.97 / 0.03) + raised
    assert (told.cls, told.evidence) == (STEADY, evidence if sure else max(2.0, evidence - raised))
    assert (heard.vetoed, steadied.vetoed.refused) == (0, False)


@pytest.mark.parametrize(("p", "hit"), [(0.2, False), (0.98, False), (0.999, True)])
def test_beside_an_aircraft_a_comb_is_no_witness(steadied: Ear, p: float, hit: bool) -> None:
    """The comb may be the aircraft's own: a steady engine needs the network, and one unit more, or is refused once."""
    for each in late_windows():
        scores = [Score(AIRCRAFT, 0.95, 3.0, True), Score(ENGINE, p, 4.0, p >= 0.97)]
        heard = steadied.hear(each, scores, classified=True)
    assert (STEADY in hits(heard), ENGINE in hits(heard), heard.vetoed) == (hit, False, int(not hit))


@pytest.fixture
def steadied() -> Ear:
    """An ear that has heard a dredge for four minutes."""
    one = ear()
    for each in windows(dredge(240)):
        one.hear(each, [engine(0.99, hit=True)], classified=True)
    assert one.combs.told_as == STEADY
    return one


def late_windows() -> list[Sample]:
    """The last twelve seconds once more, after them: the comb goes on."""
    sound = dredge(240)
    return windows(sound[-12 * RATE_HZ :], windows(sound)[-1].t_ms + 1500)


def test_without_combs_an_engine_stays_an_engine() -> None:
    """Where a bundle or the configuration wants no combs, nothing is renamed."""
    one = ear(comb_ms={})
    for each in windows(dredge(30)):
        assert hits(one.hear(each, [engine(0.99, hit=True)], classified=True)) == {ENGINE}


def test_a_saw_is_a_saw_and_no_engine_beside_it() -> None:
    """While a saw cuts, and for some seconds after, an engine is the saw's own; later it is an engine again."""
    one, told = ear(comb_ms={}), []
    for number, each in enumerate(windows(quiet(45))):
        saw = Score(SAW, 0.99, 5.0, hit=number == 4)
        told.append(hits(one.hear(each, [engine(0.99, hit=True), saw], classified=True)))
    assert told[:4] == [{ENGINE}] * 4
    assert told[4] == {SAW}
    assert told[5:11] == [set()] * 6
    assert told[11:] == [{ENGINE}] * len(told[11:])
    one = ear(comb_ms={})
    heard = [
        one.hear(each, [engine(0.99, hit=True), Score(SAW, 0.99, 5.0, True)], classified=True)
        for each in windows(quiet(6))
    ]
    assert {each.vetoed for each in heard} == {0}  # the saw is told: no veto has hidden anything


def test_what_is_no_machine_vetoes_engines() -> None:
    """Electronics of exactly 65 Hz: after minutes the network's engine hits are vetoed, and counted."""
    time_s = np.arange(200 * RATE_HZ) / RATE_HZ
    hum = sum(np.sin(2 * np.pi * 65 * order * time_s) / order for order in range(1, 15)) * 0.01
    one = ear()
    heard = [
        one.hear(each, [engine(0.99, hit=True)], classified=True)
        for each in windows((hum + quiet(200)).astype(np.float32))
    ]
    assert hits(heard[0]) == {ENGINE}
    assert one.verdict.shape == shapes.HUM
    assert (hits(heard[-1]), heard[-1].vetoed, one.f0_hz) == (set(), 1, 0.0)


def test_a_bee_at_the_membrane_raises_what_a_saw_needs() -> None:
    """While a bee comes and goes, a weak saw hit is refused and counted, a sure one stands; a far saw is spared."""
    weak, sure = Score(SAW, 0.985, 4.0, True), Score(SAW, 0.9999, 8.0, True)
    for sound, refused in ((nature.bee(30, RATE_HZ, 4) * 0.05, True), (saw(30), False)):
        one, found = ear(), []
        for each in windows((sound + quiet(30, 0.0003)).astype(np.float32)):
            heard = one.hear(each, [weak if each.t_ms % 2000 else sure], classified=True)
            found.append((each.t_ms % 2000 == 0, SAW in hits(heard), heard.vetoed))
        late = found[8:]
        assert all(hit for certain, hit, _ in late if certain)
        assert any(not hit and vetoed for certain, hit, vetoed in late if not certain) == refused
    one = ear(vetoes={})
    for each in windows(nature.bee(30, RATE_HZ, 4) * 0.05):
        assert hits(one.hear(each, [weak], classified=True)) == {SAW}


def test_rain_vetoes_shots_and_every_veto_is_counted() -> None:
    """In heavy rain a shot is no hit; the hour's row says how long it rained and how many hits were rejected."""
    one = ear()
    rejected = 0
    for each in windows(quiet(63)):
        scores = [Score(RAIN, 0.95, 3.0, True), Score(SHOT, 0.99, 5.0, each.t_ms == 45_000)]
        refused = one.hear(each, scores, classified=True).vetoed
        assert one.vetoed == Vetoed(holds=each.t_ms >= 4 * 1500, refused=refused > 0)
        rejected += refused
    assert rejected == 1
    due = one.due(lambda t_ms: None, last=True)
    assert due is not None
    row = due.row
    assert row.vetoed == 1
    assert row.vetoes[RAIN] == row.length_ms - 4 * 1500  # after four windows it was not yet rain
    assert row.deaf_ms == 0  # shots are suspended, saws are not


def test_real_shots_have_onsets_and_rain_has_none(shared: Path) -> None:
    """Nine of ten real shots have an onset; of windows of real rain at most one in five."""

    def share(pattern: str, lead_s: float) -> float:
        found = []
        for path in sorted((shared / "media/sounds").glob(pattern)):
            sound, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
            sound = soxr.resample(sound.mean(axis=1), rate_hz, RATE_HZ)
            lead = RNG.standard_normal(round(lead_s * RATE_HZ)) * np.abs(sound).max() * 0.003
            found.append(bool(onsets(np.concatenate([lead, sound])[: 3 * RATE_HZ].astype(np.float32), RATE_HZ)))
        assert len(found) >= 10
        return float(np.mean(found))

    assert share("antummt/sounds_*fire_0*.ogg", 0.5) >= 0.9
    assert share("esc10/rain/*.ogg", 0.0) <= 0.2


@pytest.mark.parametrize("sound", [np.zeros(48_000), np.full(48_000, np.nan), np.zeros(10), np.ones(48_000)])
def test_what_is_no_sound_has_no_onset(sound: Sound) -> None:
    """Silence, NaN, a constant and too little hold no shot."""
    assert onsets(sound.astype(np.float32), RATE_HZ) == []


def test_an_hour_says_how_far_a_saw_carried() -> None:
    """A quiet hour reaches farther than a loud one, and an hour with a dead microphone is deaf and says so."""
    reach = {}
    for name, level in (("quiet", 0.00006), ("loud", 0.01), ("dead", 0.0)):
        one = ear(comb_ms={})
        for index in range(40):
            one.hear(Sample(index * 10_000, quiet(3, level), 10_000, RATE_HZ, 10_000), [], classified=False)
        due = one.due(lambda t_ms: None, last=True)
        assert due is not None
        reach[name] = due.row
    assert reach["quiet"].reach_m > 100 > reach["loud"].reach_m
    assert (reach["quiet"].deaf_ms, reach["loud"].deaf_ms) == (0, 400_000)
    assert (reach["dead"].reach_m, reach["dead"].deaf_ms) == (0, 400_000)
    assert reach["dead"].flags == MicrophoneFlag.DEAD
    assert len(reach["quiet"].floor) == 22


def test_hours_follow_one_another_and_teach_the_baseline() -> None:
    """Every full hour gives one row, and quiet hours teach what is usual; a partial one at the end teaches nothing."""
    one = ear(comb_ms={})
    rows = []
    sound = quiet(3)
    for index in range(2 * 360 + 90):
        one.hear(Sample(index * 10_000, sound, 10_000, RATE_HZ, 10_000), [], classified=False)
        if due := one.due(lambda t_ms: t_ms // HOUR_MS % 24):
            rows.append(due.row)
    assert [row.length_ms for row in rows] == [HOUR_MS, HOUR_MS]
    last = one.due(lambda t_ms: t_ms // HOUR_MS % 24, last=True)
    assert last is not None
    assert last.row.length_ms == 900_000
    assert sorted(one.baseline.hours) == [0, 1]
    assert one.due(lambda t_ms: 0, last=True) is None


def test_without_a_clock_no_baseline_is_learned() -> None:
    """While nobody knows the hour, there is nothing to compare with."""
    one = ear(comb_ms={})
    for index in range(361):
        one.hear(Sample(index * 10_000, quiet(0.5), 10_000, RATE_HZ, 10_000), [], classified=False)
    assert one.due(lambda t_ms: None) is not None
    assert one.baseline == Baseline()


def test_another_clock_and_another_rate_are_taken() -> None:
    """Times that jump back and another rate in the middle raise nothing, and forget the comb."""
    one = ear()
    for each in windows(dredge(60), 1_000_000):
        one.hear(each, [engine(0.99, hit=True)], classified=True)
    assert one.verdict.summary.f0_hz > 0
    other = Sample(0, np.zeros(24_000, np.float32), 3000, 8_000, 3000)
    one.hear(other, [engine(0.1, hit=False)], classified=True)
    assert one.f0_hz == 0


def test_vetoes_can_be_configured_away() -> None:
    """Without vetoes nothing is rejected."""
    one = ear(vetoes={})
    for each in windows(quiet(15)):
        heard = one.hear(each, [Score(RAIN, 0.95, 3.0, True), Score(SHOT, 0.99, 5.0, False)], classified=True)
    assert one.now == veto.NOTHING
    assert heard.vetoed == 0
