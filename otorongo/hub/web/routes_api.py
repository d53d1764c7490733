"""JSON, version 1: the same values under the same rules as the pages, in bounded portions."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from otorongo.hub import (
    leaving,
    ledger,
    messages,
    reasons,
    review,
    shown,
    store_alerts,
    store_evidence,
    store_reviews,
    store_visits,
    store_web,
)
from otorongo.hub.answers import Plan
from otorongo.hub.camtrap import iso
from otorongo.hub.store import Found, Tx
from otorongo.hub.store_web import Filter
from otorongo.hub.users import May
from otorongo.hub.web import api_values as out
from otorongo.hub.web import site, view_alerts, view_events, view_stations
from otorongo.hub.web.login import MeByApi, MeWritingByApi, need
from otorongo.hub.web.render import Page, page
from otorongo.hub.web.routes_alerts import Hidden, cursor_after, place_in_list, press, remember, visible
from otorongo.hub.web.site import Here
from otorongo.hub.web.viewer import Names, Viewer
from otorongo.wire import classes, species
from otorongo.wire.codes import Tag
from otorongo.wire.seen import Kind

REFUSED: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": out.FaultOut, "description": "No session and no token that holds."},
    403: {"model": out.FaultOut, "description": "The role does not allow it."},
    404: {"model": out.FaultOut, "description": "There is none, or not for this reader."},
}
router: Final = APIRouter(prefix="/api/v1", responses=REFUSED)
DAY_MS: Final = 86_400_000
_NOT_TAKEN: Final = ("needs_party", "bad_time", "same_person", "same_group", "no_group", "nothing_pending")

Limit = Annotated[int, Query(ge=1, le=200, description="At most so many.")]
Moment = Annotated[int, Query(ge=0, lt=1 << 48, description="UTC, ms since 1970.")]


@router.get("/me")
def me(viewer: MeByApi) -> out.MeOut:
    """Who one is, and what one may."""
    places = viewer.places
    return out.MeOut(
        name=viewer.user.name,
        role=viewer.user.role,
        group=viewer.who.group,
        language=viewer.language,
        may=view_alerts.who_may(viewer.user),
        places=None if places is None else sorted(places),
    )


@router.get("/alerts")
def alerts(
    request: Request,
    here: Here,
    viewer: MeByApi,
    state: Annotated[str, Query(pattern="^(open|all)$")] = "open",
    place: Annotated[str, Query(max_length=80)] = "",
    activity: Annotated[str, Query(max_length=80)] = "",
    before: Annotated[str, Query(max_length=60, description="`next` of the page before.")] = "",
    limit: Limit = 50,
) -> out.AlertsOut:
    """Alerts, newest first. Sealed ones never leave the pages."""
    this = page(request, here, viewer)
    sight = view_alerts.sight_of(viewer)._replace(sealed_places=())
    with here.store.read() as tx:
        wanted = Filter(state == "open", place, activity)
        rows = store_web.alerts_for(tx, sight, wanted, limit=limit + 1, before=place_in_list(before))
        names = view_alerts.names_for(tx, this)
    return out.AlertsOut(
        alerts=[out.AlertOut(**_alert(this, viewer, names, row)) for row in rows[:limit]],
        next=cursor_after(rows, limit),
    )


@router.get("/alerts/{code}")
def alert(request: Request, here: Here, viewer: MeByApi, code: str) -> out.AlertWholeOut:
    """One alert, the newest 200 events under it, and its life."""
    this = page(request, here, viewer)
    with here.store.read() as tx:
        row = _unsealed(tx, viewer, code)
        names = view_alerts.names_for(tx, this)
        going = leaving.by_api(tx, here.rules, store_evidence.positions(tx), store_alerts.covered_by(tx, code))
        told = _events(tx, going[-200:][::-1])
        life = store_web.log_newest(tx, code, limit=view_alerts.MOST_LINES)
    remember(here, viewer, "saw_alert", code, site.address(request))
    place = here.rules.places.get(row["place"])
    return out.AlertWholeOut(
        **_alert(this, viewer, names, row),
        instruction=place.config.instruction if place else "",
        authority=place.config.authority if place else "",
        seen_by=[names.shown(one) for one in (row["data"] or {}).get("seen_by", ())],
        events=told,
        life=[
            out.LineOut(at_ms=one["at_ms"], what=one["what"], text=view_alerts.line_text(this, viewer, names, one))
            for one in life
        ],
    )


@router.post("/alerts/{code}/{act}", responses={409: {"model": out.ActOut, "description": "It was not taken."}})
def do(here: Here, viewer: MeWritingByApi, code: str, act: str, given: out.ActIn | None = None) -> JSONResponse:
    """seen, going, back, confirmed, false, by_right, agree or refuse. With a cookie, X-CSRF-Token is needed."""
    given = given or out.ActIn()
    with here.store.read() as tx:
        _unsealed(tx, viewer, code)
    done = press(here, viewer, code, act, plan=Plan(given.party, given.route, given.back_ms), note=given.note)
    told = out.ActOut(outcome=done.outcome, alert=done.alert.id, state=done.alert.state)
    return JSONResponse(told.model_dump(), status_code=409 if done.outcome in _NOT_TAKEN else 200)


@router.get("/events")
def events(
    request: Request,
    here: Here,
    viewer: MeByApi,
    from_ms: Moment = 0,
    to_ms: Moment = 0,
    station: Annotated[str, Query(max_length=32)] = "",
    cls: Annotated[str, Query(max_length=40, description="A class, such as chainsaw.")] = "",
    species_: Annotated[
        str, Query(alias="species", max_length=80, description="Scientific name; of a group, all that is in it.")
    ] = "",
    before: Annotated[
        str, Query(max_length=80, pattern=f"^({store_visits.CURSOR})?$", description="`next` of the page before.")
    ] = "",
    limit: Limit = 100,
) -> out.EventsOut:
    """Events that began in a period (the last day, if none is given), newest first. It is noted who had them.

    Of no_contact places only nature and machines, as in an export.
    """
    need(viewer, May.ALERTS)
    need(viewer, May.EVERYWHERE)
    to_ms = to_ms or here.now_ms() + 300_000
    from_ms = from_ms or to_ms - DAY_MS
    line, taxon = classes.BY_NAME.get(cls), species.numbers().get(species_.lower(), 0)
    if (cls and line is None) or (species_ and not taxon):
        return out.EventsOut(events=[], truncated=False, next="")
    asked = store_visits.Asked(
        from_ms,
        to_ms,
        (station,) if station else None,
        (line.number,) if line else (),
        view_events.under(taxon),
    )
    this = page(request, here, viewer)
    with here.store.read() as tx:
        eyes = view_events.eyes_of(tx, this, viewer)
        rows = store_visits.newest(tx, eyes, asked, limit=limit + 1, before=store_visits.cursor(before))
        told = _events(tx, rows[:limit])
    days = " - ".join(iso(min(ms, here.now_ms() + DAY_MS))[:10] for ms in (from_ms, to_ms))
    remember(here, viewer, "saw_events", days, site.address(request))
    more = len(rows) > limit
    return out.EventsOut(events=told, truncated=more, next=store_visits.cursor_of(rows[limit - 1]) if more else "")


@router.get("/stations")
def stations(request: Request, here: Here, viewer: MeByApi) -> list[out.StationOut]:
    """The stations that one may see, those with trouble first."""
    need(viewer, May.STATIONS)
    this = page(request, here, viewer)
    with here.store.read() as tx:
        found = view_stations.all_of(tx, this, viewer)
    return [
        out.StationOut(
            **{name: one[name] for name in ("name", "place", "state", "contact_ms", "due_ms", "software")},
            **{name: one[name] for name in ("celsius", "disk_gb", "volts")},
            waiting_rows=one["waiting"],
            kept_inputs=one["kept"],
            dropped_rows=one["dropped"],
        )
        for one in found
    ]


@router.get("/deliveries")
def deliveries(
    request: Request,
    here: Here,
    viewer: MeByApi,
    before: Annotated[str, Query(max_length=100, description="`next` of the page before.")] = "",
    limit: Limit = 100,
) -> out.DeliveriesOut:
    """The ledger of messages about alerts that one sees, newest first."""
    need(viewer, May.ALERTS)
    this = page(request, here, viewer)
    with here.store.read() as tx:
        sight = view_alerts.sight_of(viewer)
        rows = store_web.deliveries_for(tx, sight, limit=limit + 1, before=place_in_list(before))
        names = view_alerts.names_for(tx, this)
    told = [
        out.DeliveryOut(
            **{name: row[name] for name in ("id", "alert", "channel", "kind", "state", "attempts", "possible_repeat")},
            **{name: row[name] for name in ("created_ms", "sent_ms", "seen_ms")},
            person=names.shown(row["person"]),
        )
        for row in rows[:limit]
    ]
    return out.DeliveriesOut(deliveries=told, next=cursor_after(rows, limit, "created_ms"))


def _unsealed(tx: Tx, viewer: Viewer, code: str) -> Found:
    row = visible(tx, viewer, code)
    if row["sealed"]:
        raise Hidden
    return row


def _alert(this: Page, viewer: Viewer, names: Names, row: Found) -> dict[str, Any]:
    one = ledger.alert_of(row)
    plain = ("id", "activity", "state", "resolution", "belief", "first_ms", "last_ms", "opened_ms", "changed_ms")
    return {
        **{name: row[name] for name in plain},
        "place": messages.sector(this.lang, row["place"]),
        "severity": int(one.severity),
        "drill": one.drill,
        "pending": one.pending.what if one.pending else "",
        "confirmed_by": [names.shown(said.who) for said in one.confirmed],
        "reason": reasons.render(one.reason, this.lang),
        "going": [
            out.GoingOut(
                who=names.shown(going.who),
                party=going.party if viewer.reads_plan(going.who) else "",
                route=going.route if viewer.reads_plan(going.who) else "",
                back_ms=going.back_ms,
                since_ms=going.since_ms,
            )
            for going in one.going
        ],
    }


def _events(tx: Tx, rows: Sequence[Found]) -> list[out.EventOut]:
    said = store_reviews.of_events(tx, map(view_events.key_of, rows))
    answers = {key: [review.answer_of(one) for one in some] for key, some in said.items()}
    return [_event(tx, row, answers.get(view_events.key_of(row), ())) for row in rows]


def _event(tx: Tx, row: Found, answers: Sequence[review.Answer]) -> out.EventOut:
    frame = shown.of(tx, row)
    return out.EventOut(
        **{name: row[name] for name in ("station", "outbox", "event", "start_ms", "end_ms", "bound_ms")},
        **{name: row[name] for name in ("hits", "count", "level_db")},
        cls=classes.name_of(row["cls"]),
        species=species.name_of(row["species"]),
        evidence=row["evidence"] / 10,
        peak_percent=row["peak"],
        f0_hz=row["f0_dhz"] / 10,
        drill=bool(row["tags"] & Tag.DRILL),
        shown=_shown(frame, row["species"]),
        review=_review(review.settled(row, answers, view_events.counted(row, frame))),
    )


def _review(people: review.Settled) -> out.ReviewOut | None:
    if not people.standing:
        return None
    kinds = [out.KindOut(species=species.name_of(number), count=count) for number, count in people.said]
    return out.ReviewOut(standing=people.standing, verdict=people.verdict or "", kinds=kinds, at_ms=people.at_ms)


def _shown(told: shown.Shown | None, number: int) -> out.ShownOut | None:
    if told is None:
        return None
    return out.ShownOut(
        boxes=[
            out.BoxOut(cls=classes.name_of(box.cls), p=box.p, x=box.x, y=box.y, w=box.w, h=box.h) for box in told.boxes
        ],
        names=[out.NameOut(species=species.name_of(one.species), p=one.p) for one in told.names],
        named_by=told.source,
        bundle=told.bundle,
        validated=told.validated,
        kinds=[_kind(one) for one in told.several(number)],
    )


def _kind(one: Kind) -> out.SeenKindOut:
    p = one.p if one.species else None
    named_by = shown.source_of(one.source)
    return out.SeenKindOut(species=species.name_of(one.species), count=one.most, p=p, named_by=named_by)
