"""The scores of a recording in words, stretch by stretch, and what was nearly heard: for a terminal without colours."""

from collections.abc import Iterator, Sequence
from typing import Final

from otorongo.language import say
from otorongo.models.class_words import named
from otorongo.models.listen_hear import Hearing, Window
from otorongo.models.listen_words import clock
from otorongo.wire.classes import name_of

MOST_STRETCHES: Final = 20
TOP: Final = 3
NEAR: Final = 0.5
"""Of its threshold: from here on a class was nearly heard."""
_LEAST: Final = 0.01
"""A probability below it is nothing to tell."""
_WIDE: Final = 20


def told(found: Hearing) -> str:
    """A line for each stretch: its highest classes, each with its probability against its threshold."""
    lines = [f"  {when:>13}  {_tops(part, found)}" for when, part in _stretches(found)]
    if not lines:
        return ""
    head = say("Scores: the highest of each stretch, probability / threshold (* reaches it)")
    return "\n".join(["", head, *lines, *nearly(found), *_unsure(found)])


def nearly(found: Hearing) -> list[str]:
    """A line for each threat that came near its threshold, the nearest first."""
    return [
        say(
            "  nearly heard: {name}, {p:.0%} of the {threshold:.0%} it takes, at {at}",
            name=name,
            p=p,
            threshold=t,
            at=at,
        )
        for name, p, t, at in _near(found)
    ]


def _stretches(found: Hearing) -> Iterator[tuple[str, Sequence[Window]]]:
    """Windows, so many together that there are at most MOST_STRETCHES of them."""
    each = -(-len(found.windows) // MOST_STRETCHES) or 1
    for first in range(0, len(found.windows), each):
        part = found.windows[first : first + each]
        yield f"{clock(max(0.0, part[0].start_s))} - {clock(part[-1].end_s)}", part


def _tops(part: Sequence[Window], found: Hearing) -> str:
    peaks = _peaks(part)
    if not any(window.verdict for window in part):
        return say("too quiet for the network")
    best = [one for one in sorted(peaks.items(), key=lambda one: -one[1])[:TOP] if one[1] >= _LEAST]
    cells = []
    for label, p in best:
        threshold = found.thresholds.get(label, 1.0)
        cells.append(f"{'*' if p >= threshold else ' '}{named(label)[: _WIDE - 9]} {p:.0%} / {threshold:.0%}")
    return " ".join(f"{cell:<{_WIDE}}" for cell in cells).rstrip() or say("nothing clear")


def _near(found: Hearing) -> list[tuple[str, float, float, str]]:
    """(class, its highest p, its threshold, when) of each threat that came near and never reached it."""
    out = []
    for label, p in _peaks(found.windows).items():
        threshold = found.thresholds.get(label, 1.0)
        if label in found.threats and NEAR * threshold <= p < threshold:
            at_s = next(w.start_s for w in found.windows if w.verdict and w.verdict.of(label).p == p)
            out.append((named(label), p, threshold, clock(max(0.0, at_s))))
    return sorted(out, key=lambda one: -one[1] / one[2])


def _unsure(found: Hearing) -> list[str]:
    """Which of the classes that may stand above too few recordings stand behind."""
    verdict = next((window.verdict for window in found.windows if window.verdict), None)
    peaks = _peaks(found.windows)
    wires = {score.label: name_of(score.wire_class) for score in (verdict.scores if verdict else ())}
    names = [named(label) for label, wire in wires.items() if wire in found.experimental and peaks[label] >= _LEAST]
    return [say("  experimental: {names}", names=", ".join(names))] if names else []


def _peaks(part: Sequence[Window]) -> dict[str, float]:
    """The highest p of each label."""
    peaks: dict[str, float] = {}
    for window in part:
        for score in window.verdict.scores if window.verdict else ():
            peaks[score.label] = max(score.p, peaks.get(score.label, 0.0))
    return peaks
