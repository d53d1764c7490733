"""Events outside alerts: the list, one of them, and what a person says that it showed."""

import datetime as dt
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from otorongo.hub import review, shown, store_people, store_reviews, store_visits
from otorongo.hub.review import Answer, Verdict
from otorongo.hub.store import Found, Tx
from otorongo.hub.store_visits import Eyes
from otorongo.hub.users import May
from otorongo.hub.web import site, view_alerts, view_events, view_stations
from otorongo.hub.web.login import Me, MeByForm, need
from otorongo.hub.web.render import Page, page
from otorongo.hub.web.routes_alerts import Hidden, remember
from otorongo.hub.web.site import Here, Site
from otorongo.hub.web.viewer import Viewer

router: Final = APIRouter(include_in_schema=False)

PER_PAGE: Final = 25
DAYS: Final = 30
"""The list shows so many days, up to the last one that was asked for, unless a first one is given."""
MOST_DAYS: Final = 366
DAY_MS: Final = 86_400_000
AHEAD_MS: Final = 300_000
"""A station's clock may be a little ahead of the hub's."""
TOLD: Final = ("reviewed", "waiting", "same", "changed", "unclear", "often")
"""What became of a review."""
MOST_ANSWERS: Final = 20
"""Of one person on one event: people change their mind, programs run wild."""


@router.get("/events")
def show_list(
    request: Request,
    here: Here,
    viewer: Me,
    where: str = "",
    what: str = "",
    sense: str = "",
    first: Annotated[str, Query(alias="from")] = "",
    last: Annotated[str, Query(alias="to")] = "",
    before: str = "",
) -> Response:
    """What the stations saw and heard that somebody may see, newest first, with what names it and who says so."""
    need(viewer, May.ALERTS)
    this = page(request, here, viewer)
    days = period(this, first, last)
    with here.store.read() as tx:
        eyes = view_events.eyes_of(tx, this, viewer)
        asked = view_events.asked_of(tx, this, eyes, where[:80], what[:40], sense, _span(this, days))
        found = store_visits.newest(tx, eyes, asked, limit=PER_PAGE + 1, before=store_visits.cursor(before[:80]))
        rows = view_events.rows(tx, this, viewer, eyes, found[:PER_PAGE])
        offered = view_events.choices(tx, this, eyes)
        watching = view_stations.watching(tx, this, viewer)
    remember(here, viewer, "saw_visits", " - ".join(map(str, days)), site.address(request))
    wanted = {"where": where[:80], "what": what[:40], "sense": sense, "from": str(days[0]), "to": str(days[1])}
    query = {name: value for name, value in wanted.items() if value}
    more = {**query, "before": store_visits.cursor_of(found[PER_PAGE - 1])} if len(found) > PER_PAGE else None
    return this.answer(
        "events.html",
        rows=rows,
        wanted=wanted,
        filtered=bool(where or what or sense),
        older=f"/events?{urlencode(more)}" if more else "",
        earlier="" if more else f"/events?{urlencode({**query, **_earlier(days)})}",
        begins=this.day(days[0]),
        cut=MOST_DAYS if (_day(first) or days[0]) < days[0] else 0,
        ends=this.day(days[1]),
        newest=not before,
        watching=watching,
        nav="events",
        **offered,
    )


def period(this: Page, first: str, last: str) -> tuple[dt.date, dt.date]:
    """The days that a form asks for: the last 30 if it names none, at most 366, in their order."""
    today = dt.datetime.fromtimestamp(this.now_ms / 1000, this.zone).date()
    end = min(_day(last) or today, today)
    begin = _day(first) or end - dt.timedelta(days=DAYS - 1)
    begin, end = min(begin, end), max(begin, end)
    return max(begin, end - dt.timedelta(days=MOST_DAYS - 1)), end


def _day(text: str) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(text[:10])
    except ValueError:
        return None
    return day if dt.date(1971, 1, 1) <= day <= dt.date(9000, 1, 1) else None


def _span(this: Page, days: tuple[dt.date, dt.date]) -> tuple[int, int]:
    """Days as UTC ms, from the beginning of the first to the end of the last, as far as the hub knows."""
    after = days[1] + dt.timedelta(days=1)
    begin, end = (int(dt.datetime.combine(day, dt.time(), this.zone).timestamp() * 1000) for day in (days[0], after))
    return begin, max(end, this.now_ms + AHEAD_MS) if end >= this.now_ms else end


def _earlier(days: tuple[dt.date, dt.date]) -> dict[str, str]:
    """The days before, as many."""
    long = days[1] - days[0] + dt.timedelta(days=1)
    return {"from": str(days[0] - long), "to": str(days[1] - long)}


@router.get("/events/{station}/{outbox}/{event}")
def show(request: Request, here: Here, viewer: Me, station: str, outbox: int, event: int, done: str = "") -> Response:
    """One event."""
    need(viewer, May.ALERTS)
    this = page(request, here, viewer)
    with here.store.read() as tx:
        eyes = view_events.eyes_of(tx, this, viewer)
        row = visible(tx, eyes, station, outbox, event)
        values = view_events.whole(tx, this, viewer, eyes, row, view_alerts.names_for(tx, this))
        values["next"] = view_events.unreviewed(tx, this, viewer, eyes, row) if values["may_review"] else ""
    remember(here, viewer, "saw_event", name_of(row), site.address(request))
    values |= view_events.taxa(this.lang)
    values |= {"told": done if done in TOLD else "", "most_kinds": review.MOST_KINDS}
    return this.answer("event.html", nav="events", **values)


@router.post("/events/{station}/{outbox}/{event}/review")
def do(
    request: Request,
    here: Here,
    viewer: MeByForm,
    station: str,
    outbox: int,
    event: int,
    verdict: Annotated[str, Form()] = "",
    kind: Annotated[list[str] | None, Form()] = None,
    many: Annotated[list[str] | None, Form()] = None,
    seq: Annotated[str, Form()] = "",
) -> Response:
    """Somebody says what an event showed, after they have seen or heard it."""
    need(viewer, May.ALERTS)
    need(viewer, May.CLOSE)
    this = page(request, here, viewer)
    given = list(zip(kind or [], many or [], strict=False))
    with here.store.write() as tx:
        eyes = view_events.eyes_of(tx, this, viewer)
        row = visible(tx, eyes, station, outbox, event)
        told = _reviewed(tx, this, viewer, eyes, row, (verdict, given, seq))
        if told in ("reviewed", "waiting"):
            address = site.address(request)
            data = {"verdict": verdict, "seq": row["seq"]}
            store_people.saw(
                tx, here.now_ms(), viewer.user.name, "reviewed", subject=name_of(row), address=address, data=data
            )
    return RedirectResponse(f"/events/{station}/{outbox}/{event}?done={told}", 303)


def _reviewed(
    tx: Tx, this: Page, viewer: Viewer, eyes: Eyes, row: Found, given: tuple[str, list[tuple[str, str]], str]
) -> str:
    """Take an answer down, if it can be meant; what became of it."""
    verdict, fields, seq = given
    said = review.kinds(fields) if verdict == "other" else ()
    if verdict not in review.VERDICTS or said is None:
        return "unclear"
    told = view_events.counted(row, shown.of(tx, row))
    if seq != review.mark(row, told):
        return "changed"
    if not view_events.whole(tx, this, viewer, eyes, row, view_alerts.names_for(tx, this))["may_review"]:
        raise Hidden
    there = [review.answer_of(one) for one in store_reviews.of_event(tx, view_events.key_of(row))]
    mine = [one for one in there if one.who == viewer.user.acts_as]
    said = told if verdict == "right" else said
    answer = Answer(*viewer.who, this.now_ms, _verdict(verdict), row["cls"], row["species"], said)
    if mine and _same(mine[-1], answer):
        return "same"
    if len(mine) >= MOST_ANSWERS:
        return "often"
    store_reviews.add(tx, review.values(row, answer))
    now = [*there, answer]
    waits = review.settled(row, now, told).standing == "waiting" or (verdict != "person" and review.withdrawn(now))
    return "waiting" if waits else "reviewed"


def _same(one: Answer, other: Answer) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in ("verdict", "said", "cls", "species"))


def _verdict(text: str) -> Verdict:
    verdict: Verdict = text  # type: ignore[assignment]  # one of VERDICTS
    return verdict


def visible(tx: Tx, eyes: Eyes, station: str, outbox: int, event: int) -> Found:
    """An event that the viewer may see. Raises Hidden: who may not see it is not told that it is there."""
    if not 0 <= outbox < 1 << 32 or not 0 <= event < 1 << 63:
        raise Hidden
    row = store_visits.one(tx, eyes, (station[:32], outbox, event))
    if row is None:
        raise Hidden
    return row


def name_of(row: Found) -> str:
    """How the log calls an event."""
    return f"{row['station']}/{row['outbox']}/{row['event']}"


def of_here(tx: Tx, request: Request, here: Site, viewer: Viewer) -> Eyes:
    """Which events the viewer of a request may see."""
    return view_events.eyes_of(tx, page(request, here, viewer), viewer)
