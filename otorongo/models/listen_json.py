"""What was heard of a recording as lines of JSON: the recording, its windows, combs, engines and events."""

import json
from collections.abc import Iterator
from typing import Any

from otorongo.models.listen_hear import Hearing
from otorongo.wire.classes import name_of


def lines(found: Hearing, bundle: str) -> Iterator[str]:
    """One object a line, each with `type`; times in s from the beginning of the file."""
    for one in _objects(found, bundle):
        yield json.dumps(one, ensure_ascii=False)


def _objects(found: Hearing, bundle: str) -> Iterator[dict[str, Any]]:
    yield {
        "type": "recording", "file": found.path.name, "seconds": round(found.seconds, 3), "rate_hz": found.rate_hz,
        "bundle": bundle, "reach_m": found.reach_m, "trouble": found.trouble or None,
    }  # fmt: skip
    for window, scored in zip(found.windows, found.scored, strict=True):
        yield {
            "type": "window",
            "start_s": round(window.start_s, 3),
            "end_s": round(window.end_s, 3),
            "level_db": round(window.level_db, 1),
            "floor_db": round(window.floor_db, 1),
            "gated": window.verdict is None,
            "vetoes": window.vetoes,
            "scores": {name_of(score.cls): round(score.p, 4) for score in scored.scores},
            "hits": sorted({name_of(score.cls) for score in scored.scores if score.hit}),
        }
    for point in found.track:
        if point.f0_hz:
            yield {
                "type": "comb",
                "t_s": point.t_ms / 1000,
                "f0_hz": round(point.f0_hz, 2),
                "score": round(point.score, 2),
            }
    for engine in found.engines:
        verdict = engine.verdict
        yield {
            "type": "engine", "start_s": round(engine.start_s, 3), "end_s": round(engine.end_s, 3),
            "shape": verdict.shape, "reason": verdict.reason,
        }  # fmt: skip
    for event in found.events:
        yield {
            "type": "event", "class": event.name, "start_s": round(event.start_s, 3), "end_s": round(event.end_s, 3),
            "evidence": round(event.evidence, 3), "hits": event.hits, "peak": round(event.peak, 4),
            "f0_hz": round(event.f0_hz, 1), "count": event.count, "experimental": event.name in found.experimental,
        }  # fmt: skip
    for start_s, end_s in found.voices:
        yield {"type": "voices", "start_s": round(start_s, 3), "end_s": round(end_s, 3)}
