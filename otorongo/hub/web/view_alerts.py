"""Rows into what the alert pages show, in the reader's language and as far as the reader may see."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from otorongo.hub import (
    escalation,
    leaving,
    ledger,
    messages,
    reasons,
    store_evidence,
    store_people,
    store_stations,
    store_web,
    texts,
    users,
)
from otorongo.hub.alerts import Alert, Going, Reason
from otorongo.hub.leaving import Land
from otorongo.hub.places import OUTSIDE
from otorongo.hub.rules import Rules
from otorongo.hub.store import Found, Tx
from otorongo.hub.store_web import Sight
from otorongo.hub.users import May
from otorongo.hub.web import render, view_lacking, view_sealed, view_seen
from otorongo.hub.web.render import Page
from otorongo.hub.web.view_missing import NEAR_ROWS
from otorongo.hub.web.viewer import Names, Viewer, monitors_of, second_of
from otorongo.wire import classes, species
from otorongo.wire.codes import MediaKind, Tag

MOST_EVENTS: Final = 40
MOST_PIECES: Final = 8
MOST_LINES: Final = 60
BESIDE_MS: Final = 120_000
"""So long before and after an event a station may tell what it did with its recordings."""
_LIFE: Final = ("place", "activity", "state", "resolution", "severity", "changed_ms", "data", "reason", "last_ms")


def sight_of(viewer: Viewer) -> Sight:
    """Which alerts a viewer may see, as the store asks."""
    return Sight(viewer.may(May.ALERTS), viewer.places, viewer.sealed_places, viewer.may(May.DRILLS))


def names_for(tx: Tx, page: Page) -> Names:
    """How people are called on this page."""
    rows = store_people.users_by_name(tx)
    return Names(page.viewer, monitors_of(rows), page.site.pseudonym_key, page.t("role.monitor"))


def fingerprint(rows: Iterable[Found]) -> str:
    """What a list shows, as one value: the same while nothing has changed."""
    return repr([(row["id"], *(row[name] for name in _LIFE)) for row in rows])


def card(page: Page, names: Names, row: Found) -> dict[str, Any]:
    """An alert in few words."""
    alert = ledger.alert_of(row)
    return {
        "id": alert.id,
        "severity": int(alert.severity),
        "severity_text": page.t(f"severity.{alert.severity:d}"),
        "activity": texts.named(page.lang, "activity", alert.activity),
        "place": messages.sector(page.lang, alert.place),
        "resolved": alert.state == "resolved",
        "state_text": _state(page, names, alert),
        "opened_ms": alert.opened_ms,
        "last_ms": alert.last_ms,
        "reason": reasons.render(alert.reason, page.lang),
        "certainty": reasons.certainty(page.lang, alert.belief),
        "drill": alert.drill,
        "sealed": alert.sealed,
        "pending": alert.pending is not None,
    }


def _state(page: Page, names: Names, alert: Alert) -> str:
    said = _course(page, names, alert)
    if not alert.confirmed or alert.state == "resolved":
        return said
    return page.t("page.state.confirmed", said=said, who=_listed(page, names, [one.who for one in alert.confirmed]))


def _listed(page: Page, names: Names, who: list[str]) -> str:
    return texts.listed(page.lang, [names.shown(one) for one in who])


def _course(page: Page, names: Names, alert: Alert) -> str:
    if alert.state == "resolved":
        return page.t("page.state.resolved", how=texts.named(page.lang, "resolution", alert.resolution))
    if alert.going:
        who = _listed(page, names, [one.who for one in alert.going])
        back_ms = min(one.back_ms for one in alert.going)
        late = back_ms < page.now_ms
        key = "page.state.overdue" if late else "page.state.going"
        return page.t(key, who=who, back=page.moment(back_ms))
    if alert.state == "notified" and not ledger.reached(page.site.rules, alert, escalation.first_called(alert)):
        return page.t("page.state.unheard")
    return page.t("page.state.nobody" if alert.state == "notified" else f"page.state.{alert.state}")


def whole(tx: Tx, page: Page, viewer: Viewer, row: Found, covered: list[Found]) -> dict[str, Any]:
    """Everything that the page of one alert shows, but its evidence."""
    names = names_for(tx, page)
    alert = ledger.alert_of(row)
    rules = page.site.rules
    place = rules.places.get(alert.place)
    pending = alert.pending
    return {
        "card": card(page, names, row),
        "alert": alert,
        "instruction": page.t(f"instruction.{(place and place.config.instruction) or 'none'}"),
        "instruction_key": (place and place.config.instruction) or "none",
        "authority": place.config.authority if place else "",
        "phones": render.phones(place.config.authority) if place else [],
        "lacks": view_lacking.told(page, alert, covered),
        "kind": page.t(f"place.kind.{place.config.kind}") if place else "",
        "sealed_group": alert.place.startswith(OUTSIDE),
        "going": [_going(page, viewer, names, one) for one in alert.going],
        "i_go": any(one.who == viewer.user.acts_as for one in alert.going),
        "i_saw": viewer.user.acts_as in alert.seen_by,
        "pending": pending
        and {
            "who": names.shown(pending.who),
            "what": texts.named(page.lang, "resolution", pending.what),
            "note": pending.note,
            "at_ms": pending.at_ms,
        },
        "second": second_of(viewer, alert),
        "seen_by": [names.shown(one) for one in alert.seen_by],
        "looks": _looks(tx, names, alert.id) if viewer.may(May.AUDIT) else [],
        "life": _life(tx, page, viewer, names, alert.id),
        "deliveries": _deliveries(tx, page, viewer, names, alert.id),
        "sites": _sites(tx, page, viewer, covered),
    }


def _going(page: Page, viewer: Viewer, names: Names, one: Going) -> dict[str, Any]:
    plan = viewer.reads_plan(one.who)
    return {
        "who": names.shown(one.who),
        "party": one.party if plan else "",
        "route": one.route if plan else "",
        "plan": plan,
        "back_ms": one.back_ms,
        "since_ms": one.since_ms,
        "overdue": one.back_ms < page.now_ms,
    }


def _looks(tx: Tx, names: Names, code: str) -> list[dict[str, Any]]:
    return [{**row, "who": names.shown(row["who"])} for row in store_web.looks_at(tx, code, "saw_alert")]


def _life(tx: Tx, page: Page, viewer: Viewer, names: Names, code: str) -> list[dict[str, Any]]:
    """An alert's life, newest first; what was noticed is told where it has changed, and not in each line."""
    told, before = [], ""
    for row in reversed(store_web.log_newest(tx, code, limit=MOST_LINES)):
        noticed = reasons.render(ledger.reason_of((row["data"] or {}).get("reason") or {"code": ""}), page.lang)
        text = line_text(page, viewer, names, row, again=bool(noticed) and noticed == before)
        told.append({"at_ms": row["at_ms"], "what": row["what"], "text": text})
        before = noticed or before
    return told[::-1]


def line_text(page: Page, viewer: Viewer, names: Names, row: Found, *, again: bool = False) -> str:
    """One line of an alert's life as a sentence; `again`: what was noticed has been told by the line before it."""
    data = row["data"] or {}
    if row["what"] == "not_sent":
        return page.t("page.life.not_sent", who=names.shown(str(data.get("person", ""))))
    reason = ledger.reason_of(data.get("reason") or {"code": row["what"]})
    note = str(reason.detail.get("note", ""))
    say = reasons.headline if again else reasons.sentence
    said = say(_readable(page, viewer, names, reason), page.lang)
    return page.t("page.life.note", said=said, note=note) if note else said


def _readable(page: Page, viewer: Viewer, names: Names, reason: Reason) -> Reason:
    """A reason as this viewer may read it: names as pseudonyms, a patrol's plan not at all."""
    detail = dict(reason.detail)
    if not viewer.reads_plan(reason.who):
        hidden = page.t("page.hidden")
        detail.update({key: hidden for key in ("party", "route") if key in detail})
    return replace(reason, who=names.shown(reason.who), detail=detail)


def _deliveries(tx: Tx, page: Page, viewer: Viewer, names: Names, code: str) -> list[dict[str, Any]]:
    """Who was told, newest first; messages that differ in nothing but their time are one line, with how many."""
    told: dict[str, dict[str, Any]] = {}
    for row in store_web.deliveries_newest(tx, code, limit=MOST_LINES):
        line = {
            "who": names.shown(row["person"]),
            "kind": page.t(f"delivery.{row['kind']}"),
            "state": row["state"],
            "state_text": page.t(f"delivery.state.{row['state']}"),
            "repeat": bool(row["possible_repeat"]),
            "attempts": row["attempts"],
            "error": row["last_error"] if viewer.may(May.AUDIT) or viewer.may(May.NAMES) else "",
        }
        at_ms = row["sent_ms"] or row["created_ms"]
        one = told.setdefault(repr(line), {**line, "at_ms": at_ms, "count": 0})
        one["count"], one["since_ms"] = one["count"] + 1, at_ms
    return list(told.values())


def _sites(tx: Tx, page: Page, viewer: Viewer, covered: list[Found]) -> list[dict[str, Any]]:
    """Where the stations stand that noticed something: for those who go there."""
    if not viewer.may(May.ACT):
        return []
    positions = {**store_evidence.positions(tx), **page.site.rules.fixed}
    found = []
    for name in sorted({row["station"] for row in covered}):
        at = positions.get(name)
        found.append({"station": name, "at": f"{at[0]:.5f}, {at[1]:.5f}" if at else "", "position": at})
    return found


def event(page: Page, row: Found) -> dict[str, Any]:
    """One event under an alert, as a line of the table."""
    why, taxon = row["why"] or {}, species.taxon(row["species"])
    return {
        "key": (row["station"], row["outbox"], row["event"]),
        "station": row["station"],
        "cls": texts.named(page.lang, "class", classes.name_of(row["cls"])),
        "species": species.name_of(row["species"]),
        "taxon": taxon.name(page.lang) if taxon else "",
        "start_ms": row["start_ms"],
        "open": row["end_ms"] is None,
        "length": texts.duration(row["duration_ms"]) if row["duration_ms"] else "",
        "peak": texts.percent(reasons.percent(row["peak"] / 100)) if row["peak"] else "",
        "level_db": row["level_db"],
        "f0_hz": round(row["f0_dhz"] / 10),
        "count": row["count"],
        "scenery": bool(row["tags"] & Tag.SCENERY),
        "late": bool(row["late"]),
        "counts": not row["suppressed"] and not row["late"],
        "why": _why(page, why),
    }


def _why(page: Page, why: Mapping[str, Any]) -> str:
    reason = why.get("why", "counted")
    if reason == "right":
        return page.t(f"reason.right.{why.get('right_state') or 'covered'}", right=why.get("right", ""))
    return page.t(f"page.why.{reason}")


def land_of(tx: Tx, rules: Rules, viewer: Viewer, alert: Found, covered: Iterable[Found]) -> Land | None:
    """What decides which events and pieces of an alert stay hidden from a viewer who sees it; None: none do."""
    if viewer.sees_people(alert):
        return None
    return leaving.land(tx, rules, store_evidence.positions(tx), covered)


def evidence(tx: Tx, page: Page, alert: Found, shown: list[Found], land: Land | None) -> dict[str, Any]:
    """Pieces to hear and to see, strongest event first, and how many more there are."""
    ranked = sorted(shown, key=lambda row: (bool(row["suppressed"]), -row["llr"], -row["start_ms"]))
    pieces: list[dict[str, Any]] = []
    more = 0
    for row in ranked[:MOST_LINES]:
        for piece in store_web.pieces_to_show(tx, (row["station"], row["outbox"], row["event"])):
            if land is not None and land.keeps_piece(row, piece):
                continue
            if len(pieces) >= MOST_PIECES:
                more += 1
                continue
            named = {**event(page, row), **view_seen.of(tx, page, row)}
            told = piece_of(piece_in(alert["id"], piece), piece)
            pieces.append({**named, **told, **view_sealed.of(tx, page, alert, piece)})
    discarded = 0 if pieces else _discarded(tx, ranked[:MOST_LINES], land)
    return {"pieces": pieces, "more_pieces": more, "discarded": discarded}


def _discarded(tx: Tx, rows: Iterable[Found], land: Land | None) -> int:
    """How much that these events had recorded was discarded at the stations; of land that is to be kept, nothing."""
    notes: set[int] = set()
    for row in rows:
        if land is None or not land.hides(row["station"], row["tags"]):
            notes |= store_stations.discarded_of(tx, row, BESIDE_MS, NEAR_ROWS)
    return len(notes)


def piece_in(code: str, piece: Found) -> str:
    """The address of a piece under an alert."""
    return f"/alerts/{code}/media/{piece['station']}/{piece['outbox']}/{piece['seq']}"


def piece_of(base: str, piece: Found) -> dict[str, Any]:
    """A piece of evidence as a page shows it, by its address."""
    sound = piece["kind"] == MediaKind.CLIP
    return {
        "sound": sound,
        "preview": piece["kind"] == MediaKind.PREVIEW,
        "levels": piece["kind"] == MediaKind.SPECTROGRAM,
        "whole": piece["state"] == "whole",
        "state": piece["state"],
        "have_percent": texts.percent(100 * piece["have"] // max(piece["bytes"], 1)),
        "kilobytes": max(1, round(piece["bytes"] / 1000)),
        "src": base,
        "wav": f"{base}/sound.wav",
        "picture": f"{base}/spectrogram.webp" if sound else base,
        "seconds": round(piece["duration_ms"] / 1000) if piece["duration_ms"] else 0,
    }


def who_may(user: users.User) -> list[str]:
    """What a user may do, as words for the API."""
    return sorted(str(one) for one in users.CAN[user.role])
