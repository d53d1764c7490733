"""Where somebody may be speaking in a recording, by the station's own rule, and what a station does because of it."""

from collections.abc import Iterable

from otorongo.language import say, say_count
from otorongo.models.listen_words import clock
from otorongo.models.runtime import Verdict
from otorongo.station.handed import Judged
from otorongo.station.samples import Sample, Score
from otorongo.station.voices import BESIDE_MS, Span, span

MOST_TOLD = 6


def unsafe_in(sample: Sample, verdict: Verdict | None, least_p: float) -> list[Span]:
    """The span of a window in which somebody may be speaking, as a station judges it."""
    judged = None
    if verdict is not None:
        told = (*verdict.scores, *verdict.doubted)
        judged = Judged(tuple(Score(one.wire_class, one.p, one.evidence, one.hit) for one in told))
    found = span(sample, judged, least_p)
    return [found] if found else []


def joined(spans: Iterable[Span]) -> tuple[tuple[float, float], ...]:
    """(from, to) in s of what lies so close together that no piece of sound between is kept."""
    out: list[tuple[int, int]] = []
    for one in sorted(spans):
        if out and one.start_ms <= out[-1][1] + BESIDE_MS:
            out[-1] = (out[-1][0], max(out[-1][1], one.end_ms))
        else:
            out.append((one.start_ms, one.end_ms))
    return tuple((start_ms / 1000, end_ms / 1000) for start_ms, end_ms in out)


def warning(voices: tuple[tuple[float, float], ...]) -> list[str]:
    """Lines for a person; none without voices."""
    if not voices:
        return []
    times = ", ".join(f"{clock(start_s)} - {clock(end_s)}" for start_s, end_s in voices[:MOST_TOLD])
    more = say_count(", and {count} more", ", and {count} more", len(voices) - MOST_TOLD)
    return [
        "",
        say("Voices, or what nobody judged: {times}", times=times + (more if len(voices) > MOST_TOLD else "")),
        "  " + say("a station discards every clip with any of it, or seals it (`voices` in station.toml)"),
    ]
