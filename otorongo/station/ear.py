"""What a microphone's process makes of sound beside the network: combs, vetoes, and how well it can hear.

The network's scores go in and come out with four changes, and every hit that is refused is counted: hits that a veto
rejects are no hits; an engine whose comb says steady engine, boat or truck is told as that instead; a saw is told as a
saw and not as an engine as well (one window is never counted twice); shots are counted by their onsets. Once an hour
the ear says how far a saw could have been heard.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from otorongo.models import shapes
from otorongo.models.comb import NOTHING, Comb
from otorongo.station import listening, microphone, shots, veto
from otorongo.station.bands import Bands
from otorongo.station.combs import TOLD_AS, Combs
from otorongo.station.hearing import Heard, Hourly, Vetoed
from otorongo.station.listened import Hour
from otorongo.station.microphone import Baseline
from otorongo.station.samples import SILENCE_DB, Sample, Score
from otorongo.station.shots import Shots
from otorongo.wire.classes import BY_NAME
from otorongo.wire.codes import Trend
from otorongo.wire.rows import Listening

HOUR_MS: Final = 3_600_000
LEAST_MS: Final = 60_000
"""The end of a recording or of a process that is shorter than this says nothing."""
SAWING_MS: Final = 9_000
"""So long after a saw's last hit an engine is taken for the saw's own: it idles between two cuts."""
NEAR_NEEDS: Final = 3.0
"""Natural units that a saw or an engine needs on top while something comes and goes at the membrane. Measured with
`threats@4` and the rule of 4 hits in 40 windows: a bee of a minute opens a saw's event in 2 of 48 rendered scenes;
recorded saws set 5 to 300 m off keep 1,870 of 1,870 hits, rendered and a few recorded engines 543 of 543."""
COMB_EVIDENCE: Final = 2.0
"""Of a steady comb that the network does not take for an engine: for diesel dredges nobody has recordings, so this
is a judgement, not a calibration; alone it rings nobody."""

ENGINE: Final = BY_NAME["engine"].number
SAW: Final = BY_NAME["chainsaw"].number
SHOT: Final = BY_NAME["gunshot"].number
COMBED: Final = frozenset({SAW, ENGINE, BY_NAME["aircraft"].number, *TOLD_AS.values()})
"""Classes whose comb is told."""


@dataclass
class Ear:
    """One microphone's ear, and all that it remembers."""

    number: int
    thresholds: Mapping[int, float]
    """By wire class: calibrated probability of a hit."""
    comb_ms: Mapping[int, int]
    """By wire class that a comb can tell: how long it must have lasted. None: combs are not followed."""
    vetoes: Mapping[str, veto.Veto] = field(default_factory=lambda: veto.DEFAULTS)
    full_scale_db: float = listening.FULL_SCALE_DB
    baseline: Baseline = field(default_factory=Baseline)
    now: veto.Now = veto.NOTHING
    vetoed: Vetoed = Vetoed()  # noqa: RUF009 - a value
    _tables: tuple[int, Comb, Bands] | None = None
    _recent: veto.Recent = field(default_factory=veto.Recent)
    _shots: Shots = field(default_factory=Shots)
    _sawed_ms: int | None = None
    """End of the last window with a saw."""
    _hour: Hour = field(default_factory=Hour)

    def __post_init__(self) -> None:
        self.combs = Combs(self.comb_ms)
        self._hour = self._begun()

    def hear(
        self,
        sample: Sample,
        scores: Sequence[Score],
        *,
        classified: bool,
        failed: bool = False,
        needed_db: float = SILENCE_DB,
    ) -> Heard:
        """Take in a window (a sample of sound) and the network's scores of it.

        `classified`: the gate let it pass; `failed`: the network could not judge it all the same; `needed_db`: the
        level in dB below full scale that the gate wanted.
        """
        comb, bands = self._for(sample.rate_hz)
        self._recent, self.now = veto.advance(self._recent, scores, self.vetoes)
        self.combs.hear(sample.end_ms, lambda: comb.frame(sample.data) if classified else NOTHING)
        if self.vetoes and self.combs.near:
            self.now = self.now.raised_by((SAW, ENGINE), NEAR_NEEDS)
        heard = self._refined(sample, scores)
        self.vetoed = Vetoed(bool(self.now.raised or self.now.suspended), heard.vetoed > 0)
        if self._hour.looks_due(sample.end_ms):
            look = microphone.look(sample.data, sample.rate_hz, bands, sample.clipped)
            self._hour.look(look, sample.end_ms)
        self._hour.add(sample, self.now, heard.vetoed, failed=failed, needed_db=needed_db)
        return heard

    def due(self, hour_of_day: Callable[[int], int | None], *, last: bool = False) -> Hourly[Listening] | None:
        """When an hour is over (or `last`, after a minute at least): its row, and sentences for the technician.

        `hour_of_day` says which hour of the day (UTC) a time in ms is, or None while the clock is not set.
        """
        hour = self._hour
        if hour.end_ms - hour.start_ms < (LEAST_MS if last else HOUR_MS):
            self._hour = self._begun() if last else hour
            return None
        of_day = hour_of_day(hour.start_ms + hour.length_ms // 2)
        usual = self.baseline.floor_db(of_day) if of_day is not None else None
        noisy = sum(hour.vetoes.values()) > hour.length_ms // 4
        health = microphone.judge(hour.looks, usual, noisy=noisy)
        memory = ""
        if of_day is not None and hour.length_ms >= HOUR_MS * 9 // 10 and not noisy and not health.flags:
            self.baseline = self.baseline.learned(of_day, health.floor_db)
            memory = self.baseline.dump()
        self._hour = self._begun()
        return Hourly(hour.row(self.number, health.flags, health.floor_db), tuple(health.sentences()), memory)

    def _begun(self) -> Hour:
        return Hour(self.full_scale_db)

    def _for(self, rate_hz: int) -> tuple[Comb, Bands]:
        if self._tables is None or self._tables[0] != rate_hz:
            self._tables = rate_hz, Comb(rate_hz), Bands(rate_hz)
        return self._tables[1:]

    def _refined(self, sample: Sample, scores: Sequence[Score]) -> Heard:
        told_as, f0_hz = self.combs.told_as, self.f0_hz
        trend = Trend[shapes.trend(self.verdict.summary).upper()]
        out, vetoed = [], 0
        if any(one.hit and one.cls == SAW and self._allows(one) for one in scores):
            self._sawed_ms = sample.end_ms
        sawing = self._sawed_ms is not None and 0 <= sample.end_ms - self._sawed_ms <= SAWING_MS
        shot = any(one.hit and one.cls == SHOT and self._allows(one) for one in scores)
        likely = any(one.cls == SHOT and self.now.likely(one, self.thresholds[SHOT], shots.LIKELY) for one in scores)
        self._shots = shots.advance(self._shots, sample, hit=shot, likely=likely)
        for score in scores:
            if score.cls == ENGINE and told_as:
                one, refused = self._told(score, told_as)
                vetoed += refused
                out += [replace(each, f0_hz=f0_hz, trend=trend) for each in (one, replace(score, hit=False))]
                continue
            allowed = self._allows(score)
            if score.cls == ENGINE and self.combs.is_none:
                allowed = False
            beside_saw = score.cls == ENGINE and sawing  # the saw is told: nothing is lost by it
            if score.cls == SHOT and not self._shots.stands:
                allowed = False
            vetoed += score.hit and not allowed
            one = replace(score, hit=False) if score.hit and (not allowed or beside_saw) else score
            if f0_hz and score.cls in COMBED:
                one = replace(one, f0_hz=f0_hz, trend=trend)
            if one.cls == SHOT and (one.hit or self._shots.new):  # beside a shot that is sure another needs less
                one = replace(one, hit=True, new=self._shots.new)
            out.append(one)
        return Heard(tuple(out), vetoed)

    def _allows(self, score: Score) -> bool:
        """Whether the vetoes that hold now let this score be a hit."""
        return self.now.allows(score, self.thresholds.get(score.cls, 0.0))

    @property
    def verdict(self) -> shapes.Verdict:
        """Of the comb that goes on."""
        return self.combs.verdict

    @property
    def f0_hz(self) -> float:
        """Spacing of the comb that goes on, once it has lasted some seconds; 0: none, or of no machine."""
        return self.combs.f0_hz

    def _told(self, engine: Score, cls: int) -> tuple[Score, bool]:
        """An engine's score as that of what its comb says, and whether a veto refused a hit.

        A comb that has been steady for minutes is a witness of its own. Rain, wind and howlers have none: they take
        from what the network adds to it, and leave the comb's. An aircraft has one: then the network must be sure.
        """
        told = replace(engine, cls=cls)
        if engine.hit and self._allows(engine) and self.now.allows(told, self.thresholds.get(ENGINE, 0.0)):
            return told, False
        steady = cls == TOLD_AS[shapes.STEADY]
        if not steady or self.now.has_comb or cls in self.now.suspended:
            return replace(told, hit=False), engine.hit or steady
        less = max(self.now.raised.get(each, 0.0) for each in (ENGINE, cls))
        return replace(told, p=max(0.5, engine.p), evidence=max(COMB_EVIDENCE, engine.evidence - less), hit=True), False
