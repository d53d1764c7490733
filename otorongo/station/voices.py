"""Where somebody may be speaking, for all that keeps sound: clips, minutes by the clock, embeddings. Pure.

A window is without voices only if the network says so. One that it failed on counts as one with voices, and so does
one that the gate stopped, for a voice far away is quiet and can be made loud again; but not one below what a dead
microphone gives, where a converter's own noise hides every word. By default the gate stops nothing else. Where a second
network doubts a voice that the first one heard, the surer of the two counts.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from otorongo.language import say
from otorongo.station.handed import Judged
from otorongo.station.loudness import level_db
from otorongo.station.microphone import DEAD_DB
from otorongo.station.samples import Sample
from otorongo.wire.classes import BY_NAME

SPEECH: Final = BY_NAME["speech"].number
BESIDE_MS: Final = 3_000
"""Voices so close before or after a piece of sound count as in it: words do not begin where a network first notices
them."""


class Span(NamedTuple):
    """A window in which somebody may be speaking."""

    start_ms: int
    end_ms: int
    heard: bool
    """A network heard a voice; else nobody judged it."""


def span(sample: Sample, judged: Judged | None, least_p: float | None) -> Span | None:
    """The span of a window with voices from this calibrated probability of speech on; None for the probability: it
    does not matter. `judged` is None for a window that the gate stopped.
    """
    if least_p is None:
        return None
    if judged is None or judged.failed:
        unheard = judged is not None or level_db(sample.data) >= DEAD_DB
        return Span(sample.t_ms, sample.end_ms, False) if unheard else None
    if any(score.cls == SPEECH and score.p >= least_p for score in (*judged.scores, *judged.doubted)):
        return Span(sample.t_ms, sample.end_ms, True)
    return None


def beside(spans: Iterable[Span], start_ms: int, end_ms: int) -> list[Span]:
    """Those in a piece of sound, or right before or after it."""
    return [one for one in spans if one.start_ms < end_ms + BESIDE_MS and one.end_ms > start_ms - BESIDE_MS]


def covered_ms(spans: Iterable[Span]) -> int:
    """How long spans last together; where they overlap they count once."""
    total, until = 0, 0
    for one in sorted(spans):
        total += max(0, one.end_ms - max(one.start_ms, until))
        until = max(until, one.end_ms)
    return total


def named(spans: Iterable[Span]) -> str:
    """What is in them."""
    heard = {one.heard for one in spans}
    if heard == {True}:
        return say("voices")
    return say("sound that was not judged") if heard == {False} else say("voices, or not judged,")
