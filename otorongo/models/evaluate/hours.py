"""Events, as the station's own ear makes them: false ones in hours of background, real and rendered apart."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from otorongo.models.evaluate.recordings import Recording, truth
from otorongo.models.evidence import ClassEvidence, upper_per_day
from otorongo.models.manifest import Bundle, SoundInput
from otorongo.models.runtime import Classifier
from otorongo.models.second import thresholds
from otorongo.station import app_rules, events
from otorongo.station.adapters.replay_sound import SoundReader
from otorongo.station.app_ears import ear
from otorongo.station.app_rules import follows_combs, rules_for
from otorongo.station.config import MicrophoneConfig
from otorongo.station.errors import SensorError
from otorongo.station.events import Rule
from otorongo.station.loudness import Loudness, level_db, loud
from otorongo.station.samples import Event, Sample, Score, Scores, Windows
from otorongo.wire.classes import BY_NUMBER, is_threat, name_of
from otorongo.wire.codes import CloseReason, Kind

BLOCK_S: Final = 10.0


@dataclass(frozen=True)
class Station:
    """A microphone with a bundle and the default rules."""

    config: MicrophoneConfig
    bundle: Bundle
    classifier: Classifier
    rules: Mapping[int, Rule]

    @property
    def given(self) -> SoundInput:
        """The bundle's input."""
        assert self.bundle.manifest.sound is not None  # noqa: S101 - rules_for refused others
        return self.bundle.manifest.sound

    def least_s(self, cls: int) -> float:
        """Sound that an event of a class needs before its rule can open it."""
        return app_rules.least_s(cls, self.rules[cls], self.given)


def station(classifier: Classifier) -> Station:
    """The station that would run this classifier. Raises ConfigError."""
    config = MicrophoneConfig(driver="replay", device="evaluate")
    return Station(config, classifier.bundle, classifier, rules_for("microphone", config, classifier.bundle))


def opened(given: Station, samples: Iterable[Sample]) -> list[Event]:
    """The events that one stretch of sound opens, through gate, network, vetoes, combs and rules."""
    config = given.config
    own = ear(config, thresholds(given.classifier), given.rules, None, combs=follows_combs(config, given.bundle))
    state, floor, end_ms = events.State(), Loudness(), 0
    told: list[Event] = []
    for sample in samples:
        level = level_db(sample.data)
        floor, passed = loud(
            floor, level, sample.new_ms / 1000, gate_db=config.gate_db, margin_db=config.gate_margin_db
        )
        verdict = given.classifier.scores(sample.data, sample.rate_hz) if passed else None
        scores = tuple(Score(s.wire_class, s.p, s.evidence, s.hit) for s in (verdict.scores if verdict else ()))
        heard = own.hear(sample, scores, classified=passed).scores
        state, new = events.advance(state, Scores(sample.t_ms, sample.duration_ms, heard), given.rules)
        told += new
        end_ms = sample.end_ms
    told += events.finish(state, end_ms, CloseReason.QUIET)[1]
    return [each for each in told if each.kind == Kind.OPEN]


def from_file(given: Station, path: Path) -> Iterator[Sample]:
    """A whole file as a station hears it, however long; it ends where the file is damaged."""
    sound = given.given
    try:
        for part in SoundReader(sound.rate_hz, sound.window_s, sound.hop_s)(path, 0):
            yield replace(part.sample, t_ms=part.offset_ms)
    except SensorError:
        return


def from_memory(given: Station, sound: NDArray[np.float32]) -> Iterator[Sample]:
    """Sound (n,) at the bundle's rate as a station hears it."""
    rate_hz = given.given.rate_hz
    cutter = Windows(rate_hz, given.given.window_samples, round(given.given.hop_s * rate_hz))
    blocks = [sound[at : at + round(BLOCK_S * rate_hz)] for at in range(0, len(sound), round(BLOCK_S * rate_hz))]
    for start, new, data in (*(each for block in blocks for each in cutter.push(block)), *cutter.finish()):
        milli = 1000 / rate_hz
        yield Sample(
            t_ms=round(start * milli),
            data=data,
            duration_ms=round(len(data) * milli),
            rate_hz=rate_hz,
            new_ms=round(new * milli),
        )


@dataclass
class Tally:
    """Hours and false events of one class."""

    hours: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("real", "other", "rendered"), 0.0))
    events: Counter[str] = field(default_factory=Counter)
    recordings: set[str] = field(default_factory=set)
    by_label: Counter[str] = field(default_factory=Counter)
    """False events in real recordings, by their label."""
    labels: dict[str, set[str]] = field(default_factory=dict)
    """Recordings that could have raised one, by label."""


@dataclass
class Heard:
    """All the hours."""

    by_class: dict[int, Tally]
    real_hours: float = 0.0
    longest_s: float = 0.0
    rendered_hours: float = 0.0


def tallies(given: Station) -> Heard:
    """Nothing heard yet: every threat that the station has a rule for."""
    return Heard({cls: Tally() for cls in sorted(given.rules) if is_threat(cls)})


def hear(given: Station, each: Recording, found: Heard) -> None:
    """Hear one recording and count its hours and false events."""
    heard_s = 0.0
    seen: list[Event] = []

    def samples() -> Iterator[Sample]:
        nonlocal heard_s
        for sample in from_file(given, each.path):
            heard_s += sample.new_ms / 1000
            yield sample

    seen = opened(given, samples())
    pot = "real" if each.is_background else "other"
    if pot == "real":
        found.real_hours += heard_s / 3600
        found.longest_s = max(found.longest_s, heard_s)
    for cls, tally in found.by_class.items():
        if truth(each.label, name_of(cls)) != 0 or heard_s < given.least_s(cls):
            continue
        count = sum(event.cls == cls for event in seen)
        tally.hours[pot] += heard_s / 3600
        tally.events[pot] += count
        tally.labels.setdefault(each.label, set()).add(each.recording)
        tally.by_label[each.label] += count
        if pot == "real":
            tally.recordings.add(each.recording)


def hear_rendered(
    given: Station, sound: NDArray[np.float32], labels: Iterable[str], found: Heard, own: Sequence[str] = ()
) -> Counter[str]:
    """Hear a rendered scene over backgrounds with these labels, count its hours and false events apart.

    `own`: wire classes that the rendered voice is, and that therefore are not false. The false events by wire class.
    """
    labels = list(labels)
    length_h = len(sound) / given.given.rate_hz / 3600
    seen = opened(given, from_memory(given, sound))
    found.rendered_hours += length_h
    false: Counter[str] = Counter()
    for cls, tally in found.by_class.items():
        name = name_of(cls)
        if name not in own and all(truth(label, name) == 0 for label in labels):
            count = sum(event.cls == cls for event in seen)
            tally.hours["rendered"] += length_h
            tally.events["rendered"] += count
            false += Counter({name: count} if count else {})
    return false


def evidence(found: Heard) -> tuple[ClassEvidence, ...]:
    """What goes into evidence.toml."""
    out = []
    for cls, tally in found.by_class.items():
        hours = round(tally.hours["real"], 4)
        most = upper_per_day(tally.events["real"], hours)
        out.append(
            ClassEvidence(
                name=BY_NUMBER[cls].name,
                real_hours=hours,
                recordings=len(tally.recordings),
                false_events=tally.events["real"],
                upper_per_day=None if most is None else round(most, 2),
                other_hours=round(tally.hours["other"], 4),
                other_false_events=tally.events["other"],
                rendered_hours=round(tally.hours["rendered"], 4),
                rendered_false_events=tally.events["rendered"],
            )
        )
    return tuple(out)
