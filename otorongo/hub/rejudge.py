"""Events judged again from the scores that travelled with them: would another rule tell them too? Changes nothing.

A track holds a probability per window in 15 steps, so a window near the threshold may be on either side of it: an event
`would` be one, `may` be one, or `would not`. Only what was told has a track: a stricter rule can be tried, a milder one
finds nothing new. Vetoes are not known here, so hits that a veto refused count.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Literal

from msgspec import Struct

from otorongo.hub import store_events, store_records
from otorongo.hub.store import Found, Tx
from otorongo.wire import classes, rows
from otorongo.wire.codes import Kind
from otorongo.wire.errors import WireError
from otorongo.wire.rows import Track

WITHIN: Final = 16
"""A track is put with the closing of its event, and so stands among the next rows."""
STEPS: Final = 15

Verdict = Literal["would", "may", "would_not"]


class Rule(Struct, frozen=True):
    """Another rule."""

    threshold: float
    """Calibrated probability of a hit."""
    hits: int
    within_s: float
    """So many hits within so many seconds make an event."""


class Judged(Struct, frozen=True):
    """An event, and what the rule says of it."""

    station: str
    cls: str
    start_ms: int
    duration_ms: int
    sure: int
    """Most hits within the time, as far as they are certain ..."""
    possible: int
    """... and as far as they are possible."""
    verdict: Verdict


def judge(track: Track, rule: Rule) -> tuple[int, int]:
    """The most certain and the most possible hits of a track within the rule's time.

    Of a long event a step holds the strongest of several windows, and counts once.
    """
    values = [half for byte in track.scores for half in (byte >> 4, byte & 15)]
    count = max(1, round(rule.within_s * 1000 / track.step_ms))
    sure = [(value - 0.5) / STEPS >= rule.threshold for value in values]
    possible = [(value + 0.5) / STEPS >= rule.threshold for value in values]
    return _most(sure, count), _most(possible, count)


def lines(tx: Tx, stations: Iterable[str], names: Iterable[str], span: tuple[int, int], rule: Rule) -> Iterator[Judged]:
    """Closed events of a period that have a track, in order of time; no stations or no classes: all."""
    wanted, of = set(stations), set(names)
    for event in store_events.events_between(tx, *span):
        name = classes.name_of(event["cls"])
        if event["kind"] != Kind.CLOSE or (wanted and event["station"] not in wanted) or (of and name not in of):
            continue
        track = track_of(tx, event)
        if track is None:
            continue
        sure, possible = judge(track, rule)
        verdict: Verdict = "would" if sure >= rule.hits else "may" if possible >= rule.hits else "would_not"
        yield Judged(event["station"], name, event["start_ms"], event["duration_ms"], sure, possible, verdict)


def track_of(tx: Tx, event: Found) -> Track | None:
    """The scores of a closed event; None: it has none, or they cannot be read."""
    key = event["station"], event["outbox"]
    for one in store_records.tracks_of(tx, key, event["seq"], event["seq"] + WITHIN):
        track = _parsed(bytes(one["row"]))
        if track and one["seq"] - track.back == event["event"]:
            return track
    return None


def _parsed(raw: bytes) -> Track | None:
    try:
        row = rows.parse(raw)
    except WireError:
        return None
    return row if isinstance(row, Track) and row.scores and row.step_ms else None


def _most(hits: list[bool], count: int) -> int:
    """The most hits in `count` steps in a row."""
    most = now = 0
    for at, hit in enumerate(hits):
        now += hit - (hits[at - count] if at >= count else 0)
        most = max(most, now)
    return most
