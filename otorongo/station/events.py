"""Scores into events. Pure: the state goes in and comes out, time comes with the samples.

For each class with a rule: an event opens when `hits` of the last `windows` samples were over the threshold, is told
again when it has changed, and closes when it has been quiet for long enough or has lasted too long. A sample that the
gate rejected counts as one below the threshold; a tick moves time only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from otorongo.station import kinds, naming
from otorongo.station.kinds import Sight
from otorongo.station.samples import Event, Named, Score, Scores, Tick
from otorongo.wire.codes import CloseReason, Kind

GROWN: Final = 1.0
"""An event whose evidence has grown by this many natural units is told again at once ..."""
MORE: Final = 1.34
"""... and one whose number has grown by more than a third."""
FRESH: Final = 0.125
"""So much of a sample must be later than the hit before it: a recording's last window holds nearly what the one before
holds, and hears nothing twice."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When scores of one class become an event; times in ms."""

    hits: int
    windows: int
    quiet_ms: int
    max_length_ms: int
    update_ms: int
    threshold: float | None = None
    """Calibrated probability; None: the bundle's own."""


@dataclass(frozen=True, slots=True)
class _Hit:
    """One of the last samples: over the threshold or not."""

    t_ms: int
    end_ms: int
    score: Score | None
    boxes: tuple[Any, ...] = ()
    """Of a picture over the threshold."""


@dataclass(frozen=True, slots=True)
class _Open:
    """An event that goes on."""

    key: int
    start_ms: int
    last_ms: int
    """End of the last sample over the threshold."""
    best: tuple[float, ...]
    """The highest evidences, at most `hits` of them, falling."""
    hits: int
    peak: float
    level_db: int
    floor_db: int
    count: int
    """The most at once."""
    told_ms: int
    told_evidence: float
    new: int = 0
    """All that came one after the other."""
    told_count: int = 0
    f0_hz: float = 0.0
    f0_told: bool = False
    trend: int = 0
    sights: tuple[Sight, ...] = ()
    """What a network of names said of the animals."""
    seen_ms: int = 0
    """When the best frame was taken: the one with the highest probability ..."""
    boxes: tuple[Any, ...] = ()
    """... and its boxes."""
    scenery: bool = False

    @property
    def number(self) -> int:
        """How many: of shots all in the event, of what is seen the most at once."""
        return max(self.count, self.new)

    @property
    def evidence(self) -> float:
        """Mean of the best windows: not their sum, because windows are correlated."""
        return sum(self.best) / len(self.best)


@dataclass(frozen=True, slots=True)
class Track:
    """What is remembered of one class."""

    recent: tuple[_Hit, ...] = ()
    """From the oldest hit that counts on."""
    open: _Open | None = None


_NO_TRACKS: Final[Mapping[int, Track]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of all classes."""

    tracks: Mapping[int, Track] = field(default_factory=lambda: _NO_TRACKS)
    """Of those of which an event goes on, or a hit counts: in a quiet forest none."""
    next_key: int = 1
    unconfirmed: int = 0
    """Hits so far that came too few to open an event."""

    @property
    def open_keys(self) -> frozenset[int]:
        """The events that go on."""
        return frozenset(track.open.key for track in self.tracks.values() if track.open)


def advance(state: State, item: Scores | Tick, rules: Mapping[int, Rule]) -> tuple[State, list[Event]]:
    """The next state, and the revisions to tell: closings before openings.

    `rules` is by wire class; a class without a rule makes no events. Where times run back a little, an event stays
    where it was, and none ends before it began; who knows that another clock began closes all with `finish` first.
    """
    tracks: dict[int, Track] = {}
    closed: list[Event] = []
    told: list[Event] = []
    key, unconfirmed = state.next_key, state.unconfirmed
    now_ms = item.t_ms + item.duration_ms if isinstance(item, Scores) else item.t_ms
    best = _best(item) if isinstance(item, Scores) else {}
    for cls, rule in rules.items():
        score = best.get(cls)
        hit = score if score and score.hit else None
        if cls not in state.tracks and hit is None:
            continue
        track = state.tracks.get(cls, Track())
        # What ended before this sample is told as ended, even if the sample would begin it again.
        track, end = _close(track, cls, rule, item.t_ms if hit else now_ms)
        closed += end
        track, stale = _let_go(track, rule, item.t_ms)
        unconfirmed += stale
        if isinstance(item, Scores):
            if track.open is None:
                gone = _forgotten(track, rule)
                unconfirmed += gone
                track, opened = _gather(track, cls, rule, item, hit, key)
                told += opened
                key += len(opened)
            elif hit:
                track, more = _grow(track, track.open, cls, rule, item, hit)
                told += more
        if track.open or track.recent:
            tracks[cls] = track
    return State(MappingProxyType(tracks), key, unconfirmed), closed + told


def finish(state: State, t_ms: int, reason: CloseReason) -> tuple[State, list[Event]]:
    """Close everything: the source came to its end or was stopped, or its clock changed."""
    closed = [
        _event(
            track.open,
            cls,
            Kind.CLOSE,
            track.open.last_ms if reason == CloseReason.QUIET else max(t_ms, track.open.last_ms),
            reason,
        )
        for cls, track in state.tracks.items()
        if track.open
    ]
    gone = sum(_waiting(track) for track in state.tracks.values())
    return State(_NO_TRACKS, state.next_key, state.unconfirmed + gone), closed


def _best(item: Scores) -> dict[int, Score]:
    """The strongest score of each class: several labels of a bundle may mean the same."""
    best: dict[int, Score] = {}
    for score in item.scores:
        known = best.get(score.cls)
        if known is None or (score.hit, score.p) > (known.hit, known.p):
            best[score.cls] = score
    return best


def _waiting(track: Track) -> int:
    """Hits that have not opened an event."""
    return sum(one.score is not None for one in track.recent)


def _let_go(track: Track, rule: Rule, t_ms: int) -> tuple[Track, int]:
    """Hits are forgotten after the quiet that would have closed their event; returns how many.

    Samples may lie hours apart (a camera with a trigger), and what was seen in the morning confirms nothing at night.
    """
    newest_ms = max((one.end_ms for one in track.recent if one.score is not None), default=t_ms)
    return (Track(), _waiting(track)) if t_ms - newest_ms > rule.quiet_ms else (track, 0)


def _forgotten(track: Track, rule: Rule) -> int:
    """1 if a hit now leaves the memory without having opened an event."""
    return int(0 < rule.windows <= len(track.recent))


def _gather(track: Track, cls: int, rule: Rule, item: Scores, hit: Score | None, key: int) -> tuple[Track, list[Event]]:
    if hit and track.recent and track.recent[-1].score and _again(item, track.recent[-1].end_ms):
        return track, []
    newest = _Hit(item.t_ms, item.t_ms + item.duration_ms, hit, item.boxes if hit else ())
    recent = (*track.recent, newest)[-rule.windows :]
    while recent and recent[0].score is None:
        recent = recent[1:]
    hits = [(one.t_ms, one.score) for one in recent if one.score is not None]
    if len(hits) < rule.hits or hit is None:
        return Track(recent), []
    scores = [score for _, score in hits]
    best = max(recent, key=lambda one: one.score.p if one.score else -1.0)
    last_ms = max(one.end_ms for one in recent if one.score is not None)
    started = _Open(
        key=key,
        start_ms=min(t_ms for t_ms, _ in hits),
        last_ms=last_ms,
        best=tuple(sorted((score.evidence for score in scores), reverse=True)[: rule.hits]),
        hits=len(hits),
        peak=max(score.p for score in scores),
        level_db=item.level_db,
        floor_db=item.floor_db,
        count=max(score.count for score in scores),
        new=sum(score.new for score in scores),
        told_ms=last_ms,
        told_evidence=0.0,
        f0_hz=hit.f0_hz,
        trend=hit.trend,
        sights=_sights(scores),
        seen_ms=best.t_ms,
        boxes=best.boxes,
        scenery=all(score.scenery for score in scores),
    )
    started = replace(started, told_evidence=started.evidence, told_count=started.number)
    return Track((), started), [_event(started, cls, Kind.OPEN, started.last_ms, CloseReason.NONE)]


def _again(item: Scores, end_ms: int) -> bool:
    """Whether a sample is hardly more than the one that ended then."""
    return 0 <= item.t_ms + item.duration_ms - end_ms < FRESH * item.duration_ms


def _sights(scores: Iterable[Score]) -> tuple[Sight, ...]:
    sights: tuple[Sight, ...] = ()
    for score in scores:
        sights = kinds.kept(sights, score.looks)
    return sights


def _grow(track: Track, old: _Open, cls: int, rule: Rule, item: Scores, hit: Score) -> tuple[Track, list[Event]]:
    end_ms = max(old.last_ms, item.t_ms + item.duration_ms)
    again = _again(item, old.last_ms)
    grown = replace(
        old,
        last_ms=end_ms,
        best=old.best if again else tuple(sorted((*old.best, hit.evidence), reverse=True)[: rule.hits]),
        hits=old.hits + (not again),
        peak=max(old.peak, hit.p),
        level_db=max(old.level_db, item.level_db, key=lambda db: db or -128),
        floor_db=item.floor_db or old.floor_db,
        count=max(old.count, hit.count),
        new=old.new + hit.new,
        f0_hz=hit.f0_hz or old.f0_hz,
        trend=hit.trend or old.trend,
        sights=kinds.kept(old.sights, hit.looks) if hit.looks else old.sights,
        seen_ms=item.t_ms if hit.p > old.peak else old.seen_ms,
        boxes=item.boxes if hit.p > old.peak else old.boxes,
        scenery=old.scenery and hit.scenery,
    )
    due = end_ms - old.told_ms >= rule.update_ms
    spoken = grown.f0_hz > 0 and not old.f0_told  # "142 Hz" is worth a row of its own, once
    more = grown.number > old.told_count * MORE  # two, three, five, eight shots: not a row for each
    stirred = old.scenery and not grown.scenery  # what was marked as scenery is told at once to be none
    if not due and grown.evidence - old.told_evidence < GROWN and not (more or spoken or stirred):
        return replace(track, open=grown), []
    grown = replace(
        grown,
        told_ms=end_ms,
        told_evidence=grown.evidence,
        told_count=grown.number,
        f0_told=old.f0_told or spoken,
    )
    return replace(track, open=grown), [_event(grown, cls, Kind.UPDATE, end_ms, CloseReason.NONE)]


def _close(track: Track, cls: int, rule: Rule, now_ms: int) -> tuple[Track, list[Event]]:
    now = track.open
    if now is None:
        return track, []
    if now_ms - now.last_ms > rule.quiet_ms:
        return Track(), [_event(now, cls, Kind.CLOSE, now.last_ms, CloseReason.QUIET)]
    if now_ms - now.start_ms >= rule.max_length_ms:
        return Track(), [_event(now, cls, Kind.CLOSE, now.last_ms, CloseReason.MAX_LENGTH)]
    return track, []


def _event(now: _Open, cls: int, kind: Kind, t_ms: int, reason: CloseReason) -> Event:
    return Event(
        now.key, cls, kind, now.start_ms, t_ms, now.evidence, now.hits, now.peak, now.level_db, now.floor_db,
        now.number, reason, now.f0_hz, now.trend,
        Named() if kind == Kind.OPEN else naming.named(now.sights), now.seen_ms, now.boxes,
        now.scenery,
    )  # fmt: skip
