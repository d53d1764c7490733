"""Pure: evidence into alerts. What is believed is a function of the set of events; only what was told has a history.

`step` takes the highest revision of every event, judges all of them anew, and reconciles the outcome with the alerts
that are there: so the order, the repetition and the batching of what came cannot matter. Events that an alert covers
are remembered by it, and ring no more. What people have closed stands in `closings`.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from msgspec import Struct
from msgspec.structs import replace

from otorongo.hub import bouts, closings, escalation, figures, fusion
from otorongo.hub.alerts import (
    RINGING,
    Alert,
    Covered,
    Decision,
    EventKey,
    Evidence,
    Going,
    Life,
    Reason,
    Said,
    Severity,
    State,
    What,
)
from otorongo.hub.config_activities import PRESENCE, ActivityConfig
from otorongo.hub.fusion import Level
from otorongo.hub.rules import Rules
from otorongo.wire.codes import Tag


class Episode(Struct, frozen=True):
    """Events that belong together, and what they amount to."""

    events: tuple[Evidence, ...]
    covered: tuple[Covered, ...]
    all: Level
    """Of everything that counts, late or not."""
    ringing: Level
    """Of what counts and came in time."""
    potential: Level
    """Of everything, as if nothing were suppressed."""
    reason: Reason
    keys: frozenset[EventKey]
    """Its events' ids."""


def step(state: State, evidence: Iterable[Evidence], now_ms: int, rules: Rules) -> tuple[State, list[Decision]]:
    """Take evidence in and let time pass; the new state and what was decided. Without evidence it is a tick."""
    known = {one.key: one for one in state.evidence}
    for one in evidence:
        if one.key not in known or known[one.key].seq < one.seq:
            known[one.key] = one
    merged = tuple(known[key] for key in sorted(known))
    alerts = {one.id: one for one in state.alerts}
    decisions: list[Decision] = []
    activity = rules.activities.get(state.activity)
    if activity is not None:
        for drill in (False, True):
            usable = [one for one in merged if one.has(Tag.DRILL) == drill and not one.quarantined]
            decisions += _reconcile(alerts, state, usable, activity, now_ms, rules, drill=drill)
        for code in sorted(alerts):
            alerts[code], more = escalation.advance(alerts[code], now_ms, activity, rules.config.notify)
            decisions += more
    return replace(state, evidence=merged, alerts=tuple(alerts[code] for code in sorted(alerts))), decisions


def judge(events: Iterable[Evidence], activity: ActivityConfig, rules: Rules, place: str) -> Episode:
    """What events of one episode amount to."""
    granted, kind = rules.rights_of(place, activity.name), rules.kind_of(place)
    ordered = tuple(events)
    covered = tuple(fusion.weigh(one, activity, granted) for one in ordered)
    pairs = list(zip(ordered, covered, strict=True))
    whole = fusion.level([(one, c.llr) for one, c in pairs if not c.suppressed], activity, kind)
    ringing = potential = whole
    if any(c.late for c in covered):
        ringing = fusion.level([(one, c.llr) for one, c in pairs if c.why == "counted"], activity, kind)
    if any(c.suppressed for c in covered):
        potential = fusion.level([(one, c.llr) for one, c in pairs], activity, kind)
    keys = frozenset(one.key for one in ordered)
    return Episode(ordered, covered, whole, ringing, potential, _reason(pairs, whole, ringing), keys)


def _reconcile(
    alerts: dict[str, Alert],
    state: State,
    usable: list[Evidence],
    activity: ActivityConfig,
    now_ms: int,
    rules: Rules,
    *,
    drill: bool,
) -> list[Decision]:
    """Let alerts follow what is believed; `alerts` is changed in place."""
    decisions: list[Decision] = []
    known = {one.key for one in usable}
    closed = closings.of(alerts.values(), rules.config.notify)
    found = _episodes(closed, usable, activity, rules, state.place)
    for episode, living in zip(found, _assigned(alerts, found, drill=drill), strict=True):
        if living:
            mine, told = _merge_others(alerts, living, now_ms)
            decisions += told
        else:
            if max(episode.all.severity, episode.potential.severity) < Severity.WATCH:
                continue
            mine = _opened(alerts, state, episode, now_ms, drill=drill)
            decisions.append(
                Decision(what="opened", alert=mine.id, severity=episode.all.severity, reason=episode.reason)
            )
            for code in closings.fallen(closed, episode.keys):
                again = Reason(code="again", detail={"into": mine.id})
                decisions.append(Decision(what="again", alert=code, severity=alerts[code].severity, reason=again))
        partial = bool(mine.first_ms) and (mine.first_ms < state.since_ms or mine.last_ms > state.until_ms)
        mine, told = _follow(mine, episode, known, now_ms, partial=partial)
        mine, anew = bouts.anew(mine, episode.events, episode.covered, activity, rules, state.since_ms, now_ms)
        alerts[mine.id] = mine
        decisions += told + anew
    return decisions


def _episodes(
    closed: closings.Closings, usable: list[Evidence], activity: ActivityConfig, rules: Rules, place: str
) -> list[Episode]:
    """What belongs together and is not closed: of what one person closed only what has come since, unless it rings."""
    quiet_ms = activity.quiet_min * 60_000
    found: list[Episode] = []
    for events in fusion.episodes([one for one in usable if one.key not in closed.for_good], quiet_ms):
        whole = judge(events, activity, rules, place)
        held = closings.held(closed, whole.events, whole.covered)
        if not held:
            found.append(whole)
            continue
        rest = fusion.episodes([one for one in events if one.key not in held], quiet_ms)
        parts = [judge(one, activity, rules, place) for one in rest]
        worse = whole.ringing.severity in RINGING and whole.ringing.severity > closings.rung(closed, held)
        again = any(one.ringing.severity in RINGING for one in parts)
        found += [whole] if worse or again else parts
    return found


def _assigned(alerts: Mapping[str, Alert], episodes: list[Episode], *, drill: bool) -> list[list[Alert]]:
    """For each episode the living alerts that cover more of it than of any other, the first to be opened first."""
    found: list[list[Alert]] = [[] for _ in episodes]
    for one in sorted(alerts.values(), key=lambda one: (one.opened_ms, one.id)):
        if one.drill != drill or one.closed_by_people or one.resolution == "merged":
            continue
        shares = [sum(c.key in episode.keys for c in one.covered) for episode in episodes]
        if any(shares):
            found[shares.index(max(shares))].append(one)
    return found


def _opened(alerts: Mapping[str, Alert], state: State, episode: Episode, now_ms: int, *, drill: bool) -> Alert:
    first = min(episode.events, key=lambda one: (one.start_ms, one.key))
    return Alert(
        id=code_for(alerts.keys() | state.taken, f"{state.place}\0{state.activity}\0{drill}\0{first.key}"),
        place=state.place,
        activity=state.activity,
        opened_ms=now_ms,
        changed_ms=now_ms,
        sealed=state.activity == PRESENCE,
        drill=drill,
        reason=episode.reason,
    )


def code_for(taken: AbstractSet[str], seed: str) -> str:
    """Eight letters and digits that can be read over a radio, the same for the same seed."""
    for number in range(len(taken) + 1):
        raw = hashlib.sha256(f"{seed}\0{number}".encode()).digest()[:5]
        code = base64.b32encode(raw).decode().translate(str.maketrans("IO", "89"))
        if code not in taken:
            return code
    raise AssertionError("more codes than alerts")


def _merge_others(alerts: dict[str, Alert], living: list[Alert], now_ms: int) -> tuple[Alert, list[Decision]]:
    """Evidence that came between two alerts shows that they are one: the first takes over all that the others had.

    Messages of the others that still wait go out: their codes and links lead to the first.
    """
    mine, decisions = living[0], []
    for other in living[1:]:
        reason = Reason(code="merged", detail={"into": mine.id})
        mine = _joined(mine, other)
        alerts[other.id] = replace(
            other,
            state="resolved",
            resolution="merged",
            resolved_ms=now_ms,
            changed_ms=now_ms,
            merged_into=mine.id,
            covered=(),
            going=(),
            pending=None,
            reason=reason,
        )
        decisions.append(Decision(what="merged", alert=other.id, severity=other.severity, reason=reason))
    return mine, decisions


def _joined(mine: Alert, other: Alert) -> Alert:
    # Of two that rang for the same, the one with more rounds to come: otherwise joining them would end its ringing.
    strongest = max(mine, other, key=lambda one: (one.rung, -one.round))
    going = _trips((*mine.going, *other.going))
    return replace(
        mine,
        severity=max(mine.severity, other.severity),
        rung=strongest.rung,
        round=strongest.round,
        rung_ms=strongest.rung_ms,
        going=going,
        gone=_first_said((*mine.gone, *other.gone)),
        confirmed=_first_said((*mine.confirmed, *other.confirmed)),
        pending=mine.pending or other.pending,
        seen_by=tuple(sorted({*mine.seen_by, *other.seen_by})),
        state=_state_of(strongest.rung, bool(going)),
        resolution="",
        resolved_ms=0,
        covered=_union(mine.covered, other.covered),
    )


def _trips(going: Iterable[Going]) -> tuple[Going, ...]:
    """One trip for each person: what they said last, gone since they said so first."""
    found: dict[str, Going] = {}
    for one in sorted(going, key=lambda one: one.since_ms):
        found[one.who] = replace(one, since_ms=found.get(one.who, one).since_ms)
    return tuple(found.values())


def _first_said(said: Iterable[Said]) -> tuple[Said, ...]:
    return tuple({one.who: one for one in sorted(said, key=lambda one: -one.at_ms)}.values())


def _state_of(rung: Severity, going: bool) -> Life:
    return "acknowledged" if going else "notified" if rung in RINGING else "open"


def _union(old: Iterable[Covered], new: Iterable[Covered]) -> tuple[Covered, ...]:
    found = {one.key: one for one in old} | {one.key: one for one in new}
    return tuple(found[key] for key in sorted(found))


def _follow(
    alert: Alert, episode: Episode, known: AbstractSet[EventKey], now_ms: int, *, partial: bool
) -> tuple[Alert, list[Decision]]:
    """Bring an alert up to its episode, and decide whether to ring. `partial`: the state has only a part of it."""
    had = {one.key for one in alert.covered}
    # A better clock may have moved an event into another episode; what the state has forgotten stays.
    kept = [one for one in alert.covered if one.key in episode.keys or one.key not in known]
    covered = _union(kept, episode.covered)
    starts = [one.start_ms for one in episode.events] + ([alert.first_ms] if partial else [])
    lasts = [one.last_ms for one in episode.events] + ([alert.last_ms] if partial else [])
    severity = max(alert.severity, episode.all.severity)
    followed = replace(
        alert,
        covered=covered,
        severity=severity,
        belief=max(alert.belief, episode.all.belief) if partial else episode.all.belief,
        first_ms=min(starts),
        last_ms=max(lasts),
        reason=_both(alert.reason, episode.reason) if partial else episode.reason,
    )
    decisions = _told(alert, followed, episode, had)
    if alert.resolution == "quiet" and episode.keys - had:
        followed = replace(followed, state=_state_of(alert.rung, bool(alert.going)), resolution="", resolved_ms=0)
        decisions.append(_decision("reopened", followed, "reopened"))
    if episode.ringing.severity in RINGING and episode.ringing.severity > alert.rung:
        first = alert.rung not in RINGING
        what: What = "ring" if first else "raised"
        followed = replace(
            followed,
            rung=episode.ringing.severity,
            round=0,
            rings=alert.rings + 1,
            rung_ms=now_ms,
            state=_state_of(episode.ringing.severity, bool(followed.going)),
            resolution="",
            resolved_ms=0,
        )
        to = escalation.first_called(followed)
        decisions.append(_decision(what, followed, "ring" if first else "raise", to=to, number=alert.rings))
    if followed != alert:
        followed = replace(followed, changed_ms=now_ms)
    return followed, decisions


def _told(before: Alert, after: Alert, episode: Episode, had: set[EventKey]) -> list[Decision]:
    """What to write into the alert's life, apart from rings."""
    told = []
    new = [one for one in episode.covered if one.key not in had]
    late = sum(one.late for one in new)
    if had and new:
        told.append(_decision("covered", after, "covered", detail={"events": len(new)}))
    if late:
        told.append(_decision("late", after, "late", detail={"events": late}))
    for why in sorted({one.why for one in new if one.suppressed}):
        told.append(_decision("suppressed", after, why, detail={"events": sum(one.why == why for one in new)}))
    held = after.reason.code in ("alone", "shared_use", "late") and after.rung not in RINGING
    if held and (before.reason.code != after.reason.code or not had):
        told.append(_decision("held", after, after.reason.code))
    return told


def _decision(
    what: What,
    alert: Alert,
    code: str,
    *,
    to: tuple[str, ...] = (),
    number: int = 0,
    detail: dict[str, object] | None = None,
) -> Decision:
    reason = replace(alert.reason, code=code, detail=detail or {})
    return Decision(what=what, alert=alert.id, severity=alert.severity, round=number, reason=reason, to=to)


def _reason(pairs: list[tuple[Evidence, Covered]], whole: Level, ringing: Level) -> Reason:
    """What a ranger reads: what was noticed, for how long, where, and whether anybody may."""
    told = [(one, c) for one, c in pairs if not c.suppressed] or pairs
    strongest: dict[str, float] = {}
    mine: dict[str, list[Evidence]] = {}
    for one, c in told:
        name = one.cls_name
        strongest[name] = max(strongest.get(name, 0.0), c.llr)
        mine.setdefault(name, []).append(one)
    names = sorted(strongest, key=lambda name: (-strongest[name], name))
    suppressed = [c for _, c in pairs if c.suppressed]
    nearest = min((c for _, c in told), key=lambda c: (c.right_state == "none", c.right_state, c.right))
    return Reason(
        code=_code_of(whole, ringing, all_suppressed=len(suppressed) == len(pairs), first=pairs[0][1]),
        classes=tuple((name, _length_ms(mine[name])) for name in names),
        combs=figures.combs(told),
        shots=figures.shots(told),
        stations=tuple(sorted({one.station for one, _ in told})),
        right=nearest.right,
        right_state=nearest.right_state,
        belief=round(whole.belief, 6),
        late=sum(c.late for _, c in pairs),
        suppressed=len(suppressed),
    )


def _both(old: Reason, new: Reason) -> Reason:
    """The reason of an alert so long that only its end was judged anew."""
    lengths = dict(old.classes)
    lengths |= {name: max(ms, lengths.get(name, 0)) for name, ms in new.classes}
    return replace(
        new,
        classes=tuple(lengths.items()),
        combs=tuple(({one[0]: one for one in old.combs} | {one[0]: one for one in new.combs}).values()),
        shots=max(old.shots, new.shots),
        stations=tuple(sorted({*old.stations, *new.stations})),
        belief=max(old.belief, new.belief),
        late=max(old.late, new.late),
        suppressed=max(old.suppressed, new.suppressed),
    )


def _code_of(whole: Level, ringing: Level, *, all_suppressed: bool, first: Covered) -> str:
    if ringing.severity in RINGING:
        return "ring"
    if whole.severity in RINGING:
        return "late"
    if all_suppressed:
        return first.why
    return whole.held or "opened"


def _length_ms(events: Iterable[Evidence]) -> int:
    """For how long at least one of them lasted."""
    total = until = 0
    for start, last in sorted((one.start_ms, one.last_ms) for one in events):
        total += max(0, last - max(start, until))
        until = max(until, last)
    return total
