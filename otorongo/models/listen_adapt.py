"""`otorongo-models adapt FOLDER`: thresholds for one site, of hours of its own background.

What recordings without saws, shots or engines give as events is false. For each class the threshold is raised, never
lowered, until no more than the wanted number of events a day is left; with how much that says (the upper end of the
95 % interval of a Poisson count), for few hours show little.

A steady engine, a boat and a truck are engines that their comb names: their threshold is the engine's, and
of their own they have how long their comb must last (`comb_s`). It is raised above the combs of that shape that the
background holds.
"""

import argparse
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from msgspec import structs

from otorongo.language import language, say
from otorongo.models.errors import InputError
from otorongo.models.evidence import upper
from otorongo.models.listen import open_ears, progress_bar
from otorongo.models.listen_hear import Engine, hear
from otorongo.models.listen_words import clock, word
from otorongo.models.manifest import Bundle
from otorongo.models.second import thresholds
from otorongo.station import events
from otorongo.station.adapters.replay import SOUNDS
from otorongo.station.app_rules import rules_for
from otorongo.station.combs import TOLD_AS
from otorongo.station.config import MicrophoneConfig
from otorongo.station.events import Rule
from otorongo.station.samples import Event, Score, Scores
from otorongo.wire.classes import BY_NAME, is_threat, name_of
from otorongo.wire.codes import CloseReason, Kind

DAY_S: Final = 86_400.0
STEPS: Final = 40
HIGHEST: Final = 0.9999
"""A threshold above this stands for: this class cannot be told here."""
FAR: Final = 2.0
"""In natural units of evidence: a threshold raised by more says that a background may hold the sound itself."""
LONGEST_COMB_S: Final = 900.0
"""What a station's `comb_s` may be."""


class Sound(NamedTuple):
    """Where in the background a sound is."""

    recording: int
    """Its place among those that were heard."""
    at_s: float
    """From that recording's beginning."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the background says of one class."""

    name: str
    given: float
    """The bundle's threshold."""
    events: int
    """With it."""
    threshold: float
    """What the site needs; the bundle's, if that is enough. NaN: none is high enough."""
    left: int
    """Events with that."""
    comb_s: float = 0.0
    """Of a class that a comb names: how long it must last here; 0: as before. NaN: longer than a station can wait."""
    clearest: Sound | None = None
    """Of the false events with the bundle's threshold, the highest window; None: the threshold rose by FAR at most."""


def adapt(given: argparse.Namespace) -> int:
    """Hear a folder and print the thresholds as they go into station.toml; the exit status. Raises InputError."""
    lang = language(given.lang)
    if not 0 < given.per_day < 1000:
        raise InputError(say("--per-day {per_day:g}: allowed is more than 0 and less than 1000", per_day=given.per_day))
    if not given.folder.is_dir():
        raise InputError(say("{folder}: is no folder of recordings", folder=given.folder))
    paths = sorted(path for path in given.folder.rglob("*") if path.suffix.lower() in SOUNDS)
    if not paths:
        raise InputError(
            say("{folder}: holds no recordings (allowed: {names})", folder=given.folder, names=", ".join(SOUNDS))
        )
    classifier, name = open_ears(given)
    rules = wanted_rules(classifier.bundle, given.classes)
    seconds, heard, files = 0.0, [], []
    combs: list[Engine] = []
    show = progress_bar(lang)
    for number, path in enumerate(paths):
        try:
            hearing = hear(path, classifier)
        except InputError as error:
            print(error, file=sys.stderr)
            continue
        finally:
            show((number + 1) / len(paths))
        seconds += hearing.seconds
        heard.append(hearing.scored)
        files.append(str(path.relative_to(given.folder)))
        combs += hearing.engines
    if not seconds:
        raise InputError(
            say("{folder}: none of its {count} recordings could be heard", folder=given.folder, count=len(paths))
        )
    own = {name_of(cls): p for cls, p in thresholds(classifier).items()}
    most = math.floor(given.per_day * seconds / DAY_S)
    found = [
        judge(heard, BY_NAME[each].number, rule, own[each], most)
        if each in own
        else judge_comb(heard, BY_NAME[each].number, rule, combs, own["engine"], most)
        for each, rule in rules.items()
    ]
    print(report(found, name, files, seconds, given.per_day, lang))
    return 0


def wanted_rules(bundle: Bundle, names: Sequence[str] | None) -> dict[str, Rule]:
    """The event rules of these classes of a bundle, else of all its threats. Raises InputError for one it has not."""
    rules = rules_for("microphone", MicrophoneConfig(driver="replay", device="x"), bundle)
    known = {name_of(cls): rule for cls, rule in rules.items()}
    if unknown := set(names or ()) - set(known):
        raise InputError(
            say(
                "--class {names}: allowed are {names_2}",
                names=", ".join(sorted(unknown)),
                names_2=", ".join(sorted(known)),
            )
        )
    return {name: rule for name, rule in known.items() if (name in names if names else is_threat(BY_NAME[name].number))}


def judge(heard: Iterable[Sequence[Scores]], cls: int, rule: Rule, given: float, most: int) -> Found:
    """The lowest threshold, from the given one up, that leaves at most so many events."""
    heard = list(heard)
    first = count(heard, cls, rule, given)
    low, high = _logit(given), _logit(HIGHEST)
    for step in range(STEPS + 1):
        threshold = _p(low + (high - low) * step / STEPS)
        left = first if not step else count(heard, cls, rule, threshold)
        if left <= most:
            far = _logit(threshold) - low > FAR
            sound = clearest(heard, cls, rule, given) if far else None
            return Found(name_of(cls), given, first, threshold if step else given, left, clearest=sound)
    return Found(name_of(cls), given, first, math.nan, left, clearest=clearest(heard, cls, rule, given))


def judge_comb(
    heard: Iterable[Sequence[Scores]], cls: int, rule: Rule, combs: Iterable[Engine], given: float, most: int
) -> Found:
    """The shortest time that a comb must last here for at most so many events of a class that combs name."""
    events_now = count(heard, cls, rule, 0.0)
    if events_now <= most:
        return Found(name_of(cls), given, events_now, given, events_now)
    lasted_s = sorted((one.end_s - one.start_s for one in combs if TOLD_AS.get(one.verdict.shape) == cls), reverse=True)
    needed_s = math.ceil(lasted_s[most]) + 1.0 if most < len(lasted_s) else math.nan
    if not needed_s <= LONGEST_COMB_S:
        return Found(name_of(cls), given, events_now, given, events_now, math.nan)
    return Found(name_of(cls), given, events_now, given, most, needed_s)


def count(heard: Iterable[Sequence[Scores]], cls: int, rule: Rule, threshold: float) -> int:
    """How many events of a class recordings give with a threshold; hits that a veto refused stay refused."""
    return sum(one.kind == Kind.OPEN for recording in heard for one in _told(recording, cls, rule, threshold))


def clearest(heard: Iterable[Sequence[Scores]], cls: int, rule: Rule, threshold: float) -> Sound:
    """The hit with the highest p in an event of these recordings, which give at least one. Raises ValueError."""
    hits = (
        (score.p, Sound(number, item.t_ms / 1000))
        for number, recording in enumerate(heard)
        for one in _told(recording, cls, rule, threshold)
        if one.kind == Kind.CLOSE
        for item in recording
        if one.start_ms <= item.t_ms <= one.t_ms
        for score in item.scores
        if score.cls == cls and score.hit
    )
    return max(hits, key=lambda one: one[0])[1]


def _told(recording: Sequence[Scores], cls: int, rule: Rule, threshold: float) -> list[Event]:
    """All that the rule of a class says of a recording with a threshold."""
    state, last_ms, told = events.State(), 0, []
    for item in recording:
        scores = tuple(_again(score, threshold) for score in item.scores if score.cls == cls)
        state, new = events.advance(state, replace(item, scores=scores), {cls: rule})
        told += new
        last_ms = item.t_ms + item.duration_ms
    return [*told, *events.finish(state, last_ms, CloseReason.QUIET)[1]]


def report(found: Sequence[Found], name: str, files: Sequence[str], seconds: float, per_day: float, lang: str) -> str:
    """A table for a person, and the lines for station.toml; both are valid TOML, so that all of it can be pasted.

    Of a threshold that rises far it says which of these files to hear, and where.
    """
    days = seconds / DAY_S
    out = [f"# {name}: {len(files)} {word('recordings', lang)}, {seconds / 3600:.2f} h"]
    out.append(f"# {word('wanted', lang)} {per_day:g} {word('a day', lang)}")
    needed_h = upper(0) * 24 / per_day
    if seconds / 3600 < needed_h:
        out.append(f"# {word('too short', lang)} {needed_h:.0f} h")
    out.append("#")
    for one in found:
        most = upper(one.left) / days
        now = "-" if math.isnan(one.threshold) or math.isnan(one.comb_s) else f"{one.threshold:.4f}"
        out.append(
            f"# {word(one.name, lang):<18}{one.given:.4f} -> {now:<7} {one.events:>4} -> {one.left:<4} "
            f"{word('at most', lang)} {most:.1f} {word('a day', lang)} (95 %)"
        )
    out += [line for one in found for line in _lines(one, files, lang)]
    return "\n".join(out)


def _lines(one: Found, files: Sequence[str], lang: str) -> list[str]:
    if math.isnan(one.threshold) or math.isnan(one.comb_s):
        return ["", f"# {word(one.name, lang)}: {word('hopeless', lang)}", *_really(one, files, lang)]
    if one.comb_s:
        return ["", f"[microphone.rule.{one.name}]", f"comb_s = {one.comb_s:.1f}"]
    if one.threshold <= one.given:
        return []
    warned = []
    if one.clearest:
        raised = word("raised", lang).format(by=_logit(one.threshold) - _logit(one.given), far=FAR)
        warned = [f"# {word(one.name, lang)}: {raised}", *_really(one, files, lang)]
    return [
        "",
        *warned,
        f"[microphone.rule.{one.name}]",
        f"threshold = {math.ceil(one.threshold * 10_000) / 10_000:.4f}",
    ]


def _really(one: Found, files: Sequence[str], lang: str) -> list[str]:
    """Whether the highest false sound is none of the class, for a person to hear."""
    if not one.clearest:
        return []
    file = "".join(sign if sign.isprintable() else "?" for sign in files[one.clearest.recording])
    asked = word("really", lang).format(name=word(one.name, lang), file=file, at=clock(one.clearest.at_s))
    return [f"# {asked}"]


def _again(score: Score, threshold: float) -> Score:
    """With another threshold. What was no hit although its p was high enough stays none: a veto refused it."""
    return structs.replace(score, hit=score.hit and score.p >= threshold)


def _logit(p: float) -> float:
    return math.log(p / (1 - p))


def _p(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))
