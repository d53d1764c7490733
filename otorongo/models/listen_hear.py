"""One recording as a station hears it, and everything kept that it would have thrown away: for people, not for duty.

The same parts as in the microphone's process, in the same order: gate, classifier, vetoes, event rules; and beside them
the comb of engines through the whole recording.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import soundfile

from otorongo.language import say, why_sound
from otorongo.models import engines, shapes
from otorongo.models.comb import FRAME_S, Comb
from otorongo.models.errors import InputError
from otorongo.models.listen_voices import joined, unsafe_in
from otorongo.models.manifest import SoundInput
from otorongo.models.mel import Array
from otorongo.models.runtime import Classifier, Verdict
from otorongo.models.second import by_label, thresholds
from otorongo.native import overheard
from otorongo.station import events, veto, voices
from otorongo.station.adapters.replay_sound import SoundReader
from otorongo.station.app_ears import ear
from otorongo.station.app_keep import knows_voices
from otorongo.station.app_rules import experimental, follows_combs, least_s, rules_for
from otorongo.station.combs import TOLD_AS
from otorongo.station.config import MicrophoneConfig
from otorongo.station.ear import ENGINE
from otorongo.station.errors import SensorError
from otorongo.station.loudness import Loudness, level_db, loud, needed_db
from otorongo.station.samples import Event, Score, Scores
from otorongo.wire.classes import BY_NAME, name_of
from otorongo.wire.codes import CloseReason, Kind

LONGEST_S: Final = 3600.0
"""Of a longer recording the first hour is heard."""


@dataclass(frozen=True, slots=True)
class Window:
    """One window, and what was made of it."""

    start_s: float
    end_s: float
    level_db: float
    floor_db: float
    verdict: Verdict | None
    """None: the gate stopped it."""
    vetoes: tuple[str, ...] = ()
    """Names of the confusers that held."""
    refused: frozenset[str] = frozenset()
    """Classes whose hits the vetoes refused."""


class Short(NamedTuple):
    """Windows of a class over its threshold, fewer than its rule asks for."""

    name: str
    hits: int
    needed: int
    of: int
    least_s: float = 0.0
    """Sound that its rule asks for, where the recording holds too few windows for it; 0: it is long enough."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An event, from its first hit to its last."""

    name: str
    start_s: float
    end_s: float
    evidence: float
    hits: int
    peak: float
    f0_hz: float = 0.0
    """Spacing of an engine's comb; 0: none."""
    count: int = 1
    """Of shots, how many."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A stretch with a comb."""

    start_s: float
    end_s: float
    verdict: shapes.Verdict


@dataclass(frozen=True)
class Hearing:
    """Everything about one recording."""

    path: Path
    rate_hz: int
    """Of the file."""
    inner_hz: int
    """Of `sound`."""
    sound: Array
    windows: tuple[Window, ...]
    scored: tuple[Scores, ...]
    """What the event rules were given, window by window."""
    events: tuple[Heard, ...]
    track: tuple[engines.Point, ...]
    engines: tuple[Engine, ...]
    trouble: str = ""
    """Why not all of it could be heard, or not as it was recorded."""
    experimental: frozenset[str] = frozenset()
    """Wire classes that the bundle calls so, and those that only a comb tells."""
    short: tuple[Short, ...] = ()
    """What was over its threshold too seldom for an event."""
    reach_m: int | None = None
    """How far a saw would have been heard in it, in the median; None: it is shorter than a minute."""

    thresholds: Mapping[str, float] = field(default_factory=dict)
    """By label: the probability from which on a window counts."""
    threats: frozenset[str] = frozenset()
    """Labels of what is a threat."""
    voices: tuple[tuple[float, float], ...] = ()
    """From when to when somebody may be speaking, or nobody knows: a station keeps no clip of it."""

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.sound) / self.inner_hz


def hear(
    path: Path,
    classifier: Classifier,
    progress: Callable[[float], None] = lambda share: None,
    sensor: MicrophoneConfig | None = None,
) -> Hearing:
    """Hear a recording, by the thresholds and rules of a sensor, else by the usual ones.

    Raises InputError for a file that holds no sound at all.
    """
    given = classifier.bundle.manifest.sound
    if given is None:
        raise InputError(say("{reference}: is no bundle for sound", reference=classifier.bundle.manifest.reference))
    config = sensor or MicrophoneConfig(driver="replay", device=str(path))
    rules = rules_for("microphone", config, classifier.bundle)
    info, parts, windows, scored, told = _info(path), [], [], [], []
    own = ear(config, thresholds(classifier), rules, None, combs=follows_combs(config, classifier.bundle))
    state, floor = events.State(), Loudness()
    unsafe: list[voices.Span] = []
    trouble, end_s = "", 0.0
    try:
        for part in SoundReader(given.rate_hz, given.window_s, given.hop_s)(path, 0):
            sample, start_s = part.sample, part.offset_ms / 1000
            end_s = start_s + sample.duration_ms / 1000
            if start_s >= LONGEST_S:
                trouble = "first"
                break
            parts.append(sample.data[-round(sample.new_ms * given.rate_hz / 1000) :])
            level = level_db(sample.data)
            floor, passed = loud(
                floor, level, sample.new_ms / 1000, gate_db=config.gate_db, margin_db=config.gate_margin_db
            )
            verdict = classifier.scores(sample.data, given.rate_hz) if passed else None
            sample = replace(sample, t_ms=part.offset_ms)
            needed = needed_db(floor, gate_db=config.gate_db, margin_db=config.gate_margin_db)
            scores = own.hear(sample, _scores(verdict, rules), classified=passed, needed_db=needed).scores
            hits = frozenset(score.cls for score in scores if score.hit)
            item = Scores(part.offset_ms, sample.duration_ms, scores, round(level), round(floor.floor_db))
            scored.append(item)
            unsafe += unsafe_in(sample, verdict, config.voices_p)
            state, revisions = events.advance(state, item, rules)
            told += revisions
            names = tuple(name_of(cls) for cls in own.now.reasons)
            refused = _refused(verdict, own.now, own.thresholds, hits)
            windows.append(Window(start_s, end_s, level, floor.floor_db, verdict, names, refused))
            progress(min(1.0, end_s / max(info.duration, 0.1)))
    except SensorError as error:
        if not windows:
            raise InputError(f"{path}: {error}") from error
        trouble = str(error)
    hour = own.due(lambda t_ms: None, last=True)
    told += events.finish(state, round(end_s * 1000), CloseReason.QUIET)[1]
    sound = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    track = _track(sound, given.rate_hz)
    bouts = [(bout, shapes.judge(bout)) for bout in engines.bouts(track)]
    return Hearing(
        path, info.samplerate, given.rate_hz, sound, tuple(windows), tuple(scored), _closed(told), tuple(track),
        tuple(
            Engine(bout[0].t_ms / 1000 - FRAME_S, bout[-1].t_ms / 1000, verdict)
            for bout, verdict in bouts
            if verdict.shape != shapes.NONE
        ),
        trouble,
        experimental(config, classifier.bundle),
        _short(scored, told, rules, given),
        hour.row.reach_m if hour else None,
        _thresholds(rules, classifier),
        frozenset(spec.label for spec in classifier.bundle.manifest.classes if BY_NAME[spec.wire].threat),
        joined(unsafe) if knows_voices(classifier.bundle) else (),
    )  # fmt: skip


def _thresholds(rules: Mapping[int, events.Rule], classifier: Classifier) -> dict[str, float]:
    """By label, as a window is judged here: a rule may have one of its own."""
    found = by_label(classifier)
    for spec in classifier.bundle.manifest.classes:
        rule = rules.get(spec.wire_class)
        found[spec.label] = rule.threshold if rule and rule.threshold is not None else found[spec.label]
    return found


def _short(
    scored: Sequence[Scores], told: Sequence[Event], rules: Mapping[int, events.Rule], given: SoundInput
) -> tuple[Short, ...]:
    """Classes that were heard and became no event, the most heard first."""
    hits = Counter(score.cls for item in scored for score in item.scores if score.hit and score.cls in rules)
    became = {revision.cls for revision in told}
    return tuple(
        Short(
            name_of(cls),
            count,
            rules[cls].hits,
            rules[cls].windows,
            least_s(cls, rules[cls], given) if len(scored) < rules[cls].hits else 0.0,
        )
        for cls, count in hits.most_common()
        if cls not in became
    )


def _info(path: Path) -> Any:
    try:
        if not path.stat().st_size:
            raise InputError(say("{path}: is empty: 0 bytes", path=path))
        if path.is_dir():
            raise InputError(say("{path}: is a folder: name one of the recordings in it", path=path))
        with overheard():  # of what is no MP3 its decoder tells three times, in English, what is said below
            return soundfile.info(path)
    except (soundfile.LibsndfileError, OSError) as error:
        raise InputError(say("{path}: is no sound that can be read: {why}", path=path, why=why_sound(error))) from error


def _scores(verdict: Verdict | None, rules: Mapping[int, events.Rule]) -> tuple[Score, ...]:
    """As the event rules take them; a rule may have a threshold of its own."""
    found = []
    for each in verdict.scores if verdict else ():
        rule = rules.get(each.wire_class)
        hit = each.p >= rule.threshold if rule and rule.threshold is not None else each.hit
        found.append(Score(each.wire_class, each.p, each.evidence, hit))
    return tuple(found)


def _refused(
    verdict: Verdict | None, now: veto.Now, thresholds: Mapping[int, float], hits: frozenset[int]
) -> frozenset[str]:
    """The labels whose hits the vetoes that hold now refuse; not an engine that is told as what its comb says."""
    combed = not hits.isdisjoint(TOLD_AS.values())
    return frozenset(
        each.label
        for each in (verdict.scores if verdict else ())
        if each.hit
        and not (combed and each.wire_class == ENGINE)
        and not now.allows(Score(each.wire_class, each.p, each.evidence, each.hit), thresholds.get(each.wire_class, 0))
    )


def _closed(told: Sequence[Any]) -> tuple[Heard, ...]:
    """Each event's last word, in order of their beginning."""
    found = [
        Heard(
            name_of(each.cls),
            each.start_ms / 1000,
            each.t_ms / 1000,
            each.evidence,
            each.hits,
            each.peak,
            each.f0_hz,
            each.count,
        )
        for each in told
        if each.kind == Kind.CLOSE
    ]
    return tuple(sorted(found, key=lambda each: each.start_s))


def _track(sound: Array, rate_hz: int) -> list[engines.Point]:
    """The path of the comb through the recording, in pieces that the tracker remembers whole."""
    comb, size = Comb(rate_hz), round(FRAME_S * rate_hz)
    found: list[engines.Point] = []
    state = engines.Tracker()
    for number, end in enumerate(range(size, len(sound) + 1, size)):
        if number % (engines.KEEP_MS // engines.STEP_MS) == 0:
            found += engines.points(state)
            state = engines.Tracker()
        state = engines.follow(state, round(end * 1000 / rate_hz), comb.frame(sound[end - size : end]))
    return found + engines.points(state)
