"""Alerts: the list, one of them, and what people do with it."""

import datetime as dt
import hashlib
from typing import Annotated, Any, Final, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Header, Request, Response
from fastapi.responses import RedirectResponse

from otorongo.hub import acts, messages, store_alerts, store_people, store_web, texts
from otorongo.hub.answers import ACTS, Act, Outcome, Plan
from otorongo.hub.store import Found, Tx
from otorongo.hub.store_web import Filter
from otorongo.hub.users import May
from otorongo.hub.web import site, view_alerts, view_seen, view_stations, view_tracks
from otorongo.hub.web.login import Forbidden, Me, MeByForm, need
from otorongo.hub.web.render import Page, page
from otorongo.hub.web.site import Here, Site
from otorongo.hub.web.viewer import Viewer

router: Final = APIRouter(include_in_schema=False)

PER_PAGE: Final = 25
MOST_CODE: Final = 24
SAME_LOOK_MS: Final = 300_000
"""A page that is loaded again within this time is one look in the log."""
FORMS: Final = frozenset(("needs_party", "bad_time"))
"""Outcomes of a form that wants to be corrected."""
OUTCOMES: Final = frozenset(get_args(Outcome)) - FORMS
CLOSES: Final = ("confirmed", "false", "by_right")
GOING_H: Final = 4
"""Return time that the form proposes, from now."""


class Hidden(Exception):
    """There is no such thing, or they may not know."""


@router.get("/")
def home(viewer: Me) -> Response:
    """To what somebody came for."""
    return RedirectResponse("/alerts" if viewer.may(May.ALERTS) else "/stations", 303)


@router.get("/alerts")
def show_list(
    request: Request,
    here: Here,
    viewer: Me,
    state: str = "open",
    place: str = "",
    activity: str = "",
    code: str = "",
    before: str = "",
    part: str = "",
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """The alerts that somebody may see, open ones the gravest first; `part=list` is what the script asks for again.

    Who asks for a code finds its alert also when that is over.
    """
    if not viewer.may(May.ALERTS) and not viewer.may(May.DRILLS):
        raise Forbidden
    this, sight = page(request, here, viewer), view_alerts.sight_of(viewer)
    spoken = code_in(code)
    wanted = Filter(live=state != "all" and not spoken, place=place[:80], activity=activity[:80], code=spoken)
    with here.store.read() as tx:
        grade, last = _place_by_grade(before) if wanted.live else (None, place_in_list(before))
        rows = store_web.alerts_for(tx, sight, wanted, limit=PER_PAGE + 1, before=last, grade=grade)
        places, activities = store_web.filters_for(tx, sight)
        names = view_alerts.names_for(tx, this)
        watching = view_stations.watching(tx, this, viewer)
        cards = [view_alerts.card(this, names, row) for row in rows[:PER_PAGE]]
    listed = (view_alerts.fingerprint(rows), watching, this.lang, viewer.user, wanted)
    tag = f'"{hashlib.sha256(repr(listed).encode()).hexdigest()[:20]}"'
    headers = {"etag": tag, "cache-control": "private, no-cache" if part == "list" else "no-store"}
    if part == "list" and tag in if_none_match:
        return Response(status_code=304, headers=headers)
    query = {"state": "open" if wanted.live else "all", "place": wanted.place, "activity": wanted.activity}
    query |= {"code": wanted.code} if wanted.code else {}
    cursor = cursor_after(rows, PER_PAGE)
    if cursor and wanted.live:
        cursor = f"{store_web.grade_of(rows[PER_PAGE - 1])}.{cursor}"
    answer = this.answer(
        "alerts_list.html" if part == "list" else "alerts.html",
        cards=cards,
        watching=watching,
        wanted=wanted,
        places=[(one, messages.sector(this.lang, one)) for one in places],
        activities=[(one, texts.named(this.lang, "activity", one)) for one in activities],
        older=f"/alerts?{urlencode({**query, 'before': cursor})}" if cursor else "",
        newest=not before,
        filtered=bool(wanted.place or wanted.activity or wanted.code),
        refresh="" if before else f"/alerts?{urlencode({**query, 'part': 'list'})}",
        tag=tag,
        nav="alerts",
    )
    answer.headers.update(headers)
    return answer


def code_in(text: str) -> str:
    """An alert's code as somebody heard it over the radio, `4gqh dakh`: its letters and digits."""
    return "".join(one for one in text[:80].upper() if one.isascii() and one.isalnum())[:MOST_CODE]


def cursor_after(rows: list[Found], most: int, column: str = "opened_ms") -> str:
    """Where the next page begins; empty if there is none."""
    return f"{rows[most - 1][column]}.{rows[most - 1]['id']}" if len(rows) > most else ""


def place_in_list(text: str) -> tuple[int, str] | None:
    """A cursor as the store takes it; None if it is none."""
    opened, _, code = text.partition(".")
    return (int(opened), code[:64]) if opened.isdecimal() and len(opened) <= 15 and code else None


def _place_by_grade(text: str) -> tuple[int, tuple[int, str] | None]:
    """A cursor of open alerts, the gravest first: where the list goes on, or its beginning if it is none."""
    grade, _, rest = text.partition(".")
    last = place_in_list(rest) if grade.isdecimal() and len(grade) <= 2 else None
    return (int(grade), last) if last else (store_web.GRAVEST, None)


@router.get("/alerts/{code}")
def show(request: Request, here: Here, viewer: Me, code: str, done: str = "") -> Response:
    """One alert."""
    told = done if done in OUTCOMES else ""
    return answer_alert(request, here, viewer, code, told=told)


@router.post("/alerts/{code}/{act}")
def do(
    request: Request,
    here: Here,
    viewer: MeByForm,
    code: str,
    act: str,
    party: Annotated[str, Form()] = "",
    route: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
    what: Annotated[str, Form()] = "",
) -> Response:
    """Somebody does something with an alert; `close` says in `what` how."""
    if act == "close":
        if what not in CLOSES:
            return answer_alert(request, here, viewer, code, told="needs_what", status=422)
        act = what
    pressed = press(here, viewer, code, act, plan=Plan(party, route, moment_ms(here, back)), note=note)
    if pressed.outcome in FORMS:
        given = {"party": party, "route": route, "back": back}
        return answer_alert(request, here, viewer, pressed.alert.id, told=pressed.outcome, given=given, status=422)
    return RedirectResponse(f"/alerts/{pressed.alert.id}?done={pressed.outcome}", 303)


def press(here: Site, viewer: Viewer, code: str, act: str, *, plan: Plan, note: str) -> acts.Done:
    """Do it, if the viewer may. Raises Hidden and Forbidden."""
    if act not in ACTS:
        raise Hidden
    need(viewer, May.ACT if act in ("seen", "going", "back") else May.CLOSE)
    with here.store.write() as tx:
        visible(tx, viewer, code)
        done: acts.Done = acts.act_in(tx, here.rules, code, viewer.who, _act(act), here.now_ms(), plan=plan, note=note)
        visible(tx, viewer, done.alert.id)  # the one it was merged into is the same place, and it stays so
    return done


def _act(text: str) -> Act:
    act: Act = text  # type: ignore[assignment]  # one of ACTS
    return act


def visible(tx: Tx, viewer: Viewer, code: str) -> Found:
    """An alert that the viewer may see. Raises Hidden: who may not see it is not told that it is there."""
    row = store_alerts.alert(tx, code[:MOST_CODE])
    if row is None or not viewer.sees(row):
        raise Hidden
    return row


def answer_alert(
    request: Request,
    here: Site,
    viewer: Viewer,
    code: str,
    *,
    told: str = "",
    given: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    """The page of one alert."""
    this = page(request, here, viewer)
    with here.store.read() as tx:
        row = visible(tx, viewer, code)
        into = (row["data"] or {}).get("merged_into")
        if into:
            return RedirectResponse(f"/alerts/{into}", 303)
        covered = store_alerts.covered_by(tx, code)
        land = view_alerts.land_of(tx, here.rules, viewer, row, covered)
        shown = [one for one in covered if land is None or not land.keeps(one)]
        values = view_alerts.whole(tx, this, viewer, row, shown)
        values |= view_alerts.evidence(tx, this, row, shown, land)
        newest = list(reversed(shown))[: view_alerts.MOST_EVENTS]
        values["events"] = [
            {**view_alerts.event(this, one), **view_seen.of(tx, this, one), "track": view_tracks.of(tx, this, one)}
            for one in newest
        ]
        values["more_events"] = max(0, len(shown) - view_alerts.MOST_EVENTS)
    remember(here, viewer, "saw_alert", code, site.address(request))
    return this.answer(
        "alert.html",
        status=status,
        **values,
        told=told,
        given=given or {"party": "", "route": "", "back": proposed(this)},
        nav="alerts",
    )


def remember(here: Site, viewer: Viewer, what: str, subject: str, address: str, data: Any = None) -> None:
    """Write down who saw what, once for several looks in a row."""
    now_ms, name = here.now_ms(), viewer.user.name
    with here.store.read() as tx:
        if store_web.saw_lately(tx, name, what, subject, now_ms - SAME_LOOK_MS):
            return
    with here.store.write() as tx:
        store_people.saw(tx, now_ms, name, what, subject=subject, address=address, data=data)


def proposed(this: Page) -> str:
    """The return time that the form proposes, as its field takes it."""
    moment = dt.datetime.fromtimestamp(this.now_ms / 1000, this.zone) + dt.timedelta(hours=GOING_H)
    return moment.strftime("%Y-%m-%dT%H:%M")


def moment_ms(here: Site, text: str) -> int:
    """A local time from a form as UTC ms; 0 if it is none."""
    zone = Page(here, "es", None, 0).zone
    try:
        return int(dt.datetime.fromisoformat(text[:40]).replace(tzinfo=zone).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        return 0
