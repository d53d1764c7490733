"""`otorongo-models listen FILE`: what a station would make of a recording, for a person to see."""

import argparse
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from otorongo.language import language, say, why
from otorongo.models import manifest, runtime
from otorongo.models.errors import BundleError, InputError
from otorongo.models.listen_hear import Heard, Hearing, hear
from otorongo.models.listen_voices import warning
from otorongo.models.listen_words import clock, word
from otorongo.models.runtime import Classifier
from otorongo.models.second import SecondOpinion
from otorongo.station.combs import TOLD_AS
from otorongo.wire.classes import BY_NAME, name_of

_MOST_SPECIES: Final = 12


def listen(given: argparse.Namespace) -> int:
    """Hear, print and draw; the exit status. Raises BundleError or InputError."""
    lang = language(given.lang)
    classifier, name = open_ears(given)
    found = hear(given.file, classifier, progress_bar(lang))
    if given.json:
        from otorongo.models.listen_json import lines

        for line in lines(found, name):
            print(line)
    else:
        print(summary(found, name, lang))
    if isinstance(classifier, SecondOpinion) and not given.json:
        print(f"  {word('asked', lang)} {classifier.asked} / {classifier.windows}")
    if given.png:
        from otorongo.models.listen_picture import draw

        _save(draw(found, name, lang), given.png)
        print(f"  {word('written', lang)}: {given.png}", file=sys.stderr if given.json else sys.stdout)
    if given.json:
        return 0
    if not given.png and sys.stdout.isatty() and not given.plain:
        from otorongo.models.listen_terminal import draw as draw_here

        print(draw_here(found, lang, shutil.get_terminal_size().columns))
    else:
        from otorongo.models.listen_scores import told

        print(told(found))
    return 0


def _save(picture: Any, path: Path) -> None:
    """Write a picture. Raises InputError if it cannot be, which names what is allowed."""
    try:
        picture.save(path)
    except ValueError as error:
        raise InputError(
            say("--png {path}: is no name of a picture (allowed: .png, .jpg, .webp)", path=path)
        ) from error
    except OSError as error:
        raise InputError(say("{path}: cannot be written: {why}", path=path, why=why(error))) from error


def open_ears(given: argparse.Namespace) -> tuple[Classifier, str]:
    """The classifier that was asked for, and its name. Raises BundleError or InputError."""
    classifier = runtime.open_classifier(manifest.load(given.bundle))
    name = classifier.bundle.manifest.reference
    if getattr(given, "place", None):
        from otorongo.models.species import SpeciesClassifier

        if not isinstance(classifier, SpeciesClassifier):
            raise BundleError(say("{name}: knows no species, so --place says nothing to it", name=name))
        try:
            latitude, longitude = (float(each) for each in given.place.split(","))
        except ValueError as error:
            raise BundleError(
                say("--place {place}: is not LAT,LON in degrees, such as -12.6,-69.2", place=given.place)
            ) from error
        classifier.live_at(latitude, longitude, given.week)
    if given.second:
        second = runtime.open_classifier(manifest.load(given.second))
        return SecondOpinion(classifier, second), f"{name} + {second.bundle.manifest.reference}"
    return classifier, name


def summary(found: Hearing, name: str, lang: str) -> str:
    """The recording in words: what it is, events, engines, vetoes, species."""
    silent = sum(window.verdict is None for window in found.windows)
    windows = word("window" if len(found.windows) == 1 else "windows", lang)
    out = [
        f"{found.path.name}  {clock(found.seconds)}  {found.rate_hz / 1000:g} kHz  {name}",
        *(f"  {line}" for line in too_short(found, lang)),
        f"  {len(found.windows)} {windows}, {silent} {word('gated', lang)}",
    ]
    if found.trouble:
        trouble = word(found.trouble, lang)
        out.append(f"  {trouble}" if found.trouble == "first" else f"  {word('trouble', lang)}: {trouble}")
    if found.reach_m is not None:
        out.append(f"  {word('reach', lang)} {found.reach_m} m")
    out += ["", word("events", lang)]
    out += [_event(each, lang) + _mark(each.name, found, lang) for each in found.events] or [
        f"  {word('no events', lang)}"
    ]
    out += [f"  {line}" for line in short_lines(found, lang)]
    if found.engines:
        out += ["", word("combs", lang)]
        out += [
            f"  {word(each.verdict.shape, lang):<16}{span(each.start_s, each.end_s):>13}  {each.verdict.told()}"
            + _mark(name_of(TOLD_AS[each.verdict.shape]) if each.verdict.shape in TOLD_AS else "", found, lang)
            for each in found.engines
        ]
    vetoed = veto_spans(found)
    if vetoed:
        out += ["", word("vetoes", lang)]
        out += [f"  {word(cause, lang):<16}{span(start_s, end_s):>13}" for cause, start_s, end_s in vetoed]
    return "\n".join(out + warning(found.voices) + _species(found, lang))


def too_short(found: Hearing, lang: str) -> list[str]:
    """Of each class that was heard in a recording too short for its rule, how long one must be; threats first."""
    ordered = sorted((one for one in found.short if one.least_s), key=lambda one: not BY_NAME[one.name].threat)
    return [word("too short for", lang).format(name=word(one.name, lang), least_s=one.least_s) for one in ordered]


def short_lines(found: Hearing, lang: str) -> list[str]:
    """Of each class that was heard and became no event, why not."""
    return [
        word("short", lang).format(name=word(one.name, lang), hits=one.hits, needed=one.needed, of=one.of)
        + _mark(one.name, found, lang)
        for one in found.short
    ]


def _mark(name: str, found: Hearing, lang: str) -> str:
    """What stands behind a class of which too few recordings were heard."""
    return f"  ({word('experimental', lang)})" if name in found.experimental else ""


def _event(each: Heard, lang: str) -> str:
    when, hits = span(each.start_s, each.end_s), f"{each.hits} {word('window' if each.hits == 1 else 'hits', lang)}"
    said = f"{word('evidence', lang)} {each.evidence:+.1f}  {hits}  {word('peak', lang)} {each.peak:.0%}"
    said += f"  {each.f0_hz:.0f} Hz" if each.f0_hz else ""
    said += f"  x {each.count}" if each.count > 1 else ""
    return f"  {word(each.name, lang):<16}{when:>13}  {said}"


def span(start_s: float, end_s: float) -> str:
    """`0:09 - 0:47`."""
    return f"{clock(max(0.0, start_s))} - {clock(end_s)}"


def veto_spans(found: Hearing) -> list[tuple[str, float, float]]:
    """(confuser, from, to) of each stretch in which one held."""
    spans: list[tuple[str, float, float]] = []
    for cause in sorted({each for window in found.windows for each in window.vetoes}):
        last: tuple[float, float] | None = None
        for window in found.windows:
            if cause in window.vetoes:
                last = (last[0] if last else window.start_s, window.end_s)
            elif last:
                spans.append((cause, *last))
                last = None
        if last:
            spans.append((cause, *last))
    return spans


def _species(found: Hearing, lang: str) -> list[str]:
    """The species of a bundle that knows some, the surest first."""
    best: dict[str, tuple[float, float, str]] = {}
    for window in found.windows:
        for each in window.verdict.species if window.verdict else ():
            if each.p > best.get(each.scientific, (0.0,))[0]:
                best[each.scientific] = (each.p, window.start_s, each.spanish if lang == "es" else each.english)
    ordered = sorted(best.items(), key=lambda item: -item[1][0])[:_MOST_SPECIES]
    lines = [f"  {name:<32}{scientific:<32}{p:>5.0%}  {clock(at)}" for scientific, (p, at, name) in ordered]
    return ["", word("species", lang), *lines] if lines else []


def progress_bar(lang: str) -> Callable[[float], None]:
    """A bar on stderr, where somebody sees it."""
    shown = -1

    def show(share: float) -> None:
        nonlocal shown
        full = round(30 * share)
        if sys.stderr.isatty() and full != shown:
            shown = full
            bar = "\r" + " " * 50 + "\r" if full == 30 else f"\r  {word('hear', lang)} {'█' * full}{'░' * (30 - full)}"
            sys.stderr.write(bar)
            sys.stderr.flush()

    return show
