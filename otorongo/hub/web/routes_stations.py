"""Stations, who saw what, and whether the hub is well."""

import hashlib
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse

from otorongo.hub import store_people, store_web, texts
from otorongo.hub.answers import ACTS
from otorongo.hub.errors import HubError
from otorongo.hub.store import Found
from otorongo.hub.users import COMMAND_LINE, May
from otorongo.hub.web import view_alerts, view_stations
from otorongo.hub.web.login import Me, need
from otorongo.hub.web.render import Page, page
from otorongo.hub.web.routes_alerts import Hidden
from otorongo.hub.web.site import Here
from otorongo.hub.web.viewer import Names

router: Final = APIRouter(include_in_schema=False)
LOG_LINES: Final = 100
_OF_ALERTS: Final = (
    "saw_alert",
    "saw_media",
    "link_fetched",
    "took_sealed",
    "asked_sealed",
    "asked_frame",
    "sealed_closing",
    *(f"act_{one}" for one in ACTS),
)
_OF_EVENTS: Final = ("saw_event", "saw_event_media", "saw_withdrawn", "reviewed")
_ASKED: Final = ("asked_frame", "asked_clip")
"""Of an alert, or of an event beside it."""
_OPENED: Final = ("unsealed", "unseal_failed")


@router.get("/stations")
def show_list(
    request: Request, here: Here, viewer: Me, part: str = "", if_none_match: Annotated[str, Header()] = ""
) -> Response:
    """Every station of the viewer's places, those with trouble first."""
    need(viewer, May.STATIONS)
    this = page(request, here, viewer)
    with here.store.read() as tx:
        stations = view_stations.all_of(tx, this, viewer)
    tag = f'"{hashlib.sha256(repr((stations, this.lang)).encode()).hexdigest()[:20]}"'
    headers = {"etag": tag, "cache-control": "private, no-cache" if part == "list" else "no-store"}
    if part == "list" and tag in if_none_match:
        return Response(status_code=304, headers=headers)
    answer = this.answer(
        "stations_list.html" if part == "list" else "stations.html",
        stations=stations,
        refresh="/stations?part=list",
        tag=tag,
        nav="stations",
    )
    answer.headers.update(headers)
    return answer


@router.get("/stations/{name}")
def show(request: Request, here: Here, viewer: Me, name: str) -> Response:
    """One station, with everything that it said of itself."""
    need(viewer, May.STATIONS)
    this = page(request, here, viewer)
    with here.store.read() as tx:
        station = view_stations.one_of(tx, this, viewer, name[:32])
    if station is None:
        raise Hidden
    return this.answer("station.html", station=station, nav="stations")


@router.get("/log")
def show_log(request: Request, here: Here, viewer: Me, before: int = 0) -> Response:
    """Who saw what: for auditors and coordinators."""
    need(viewer, May.AUDIT)
    this = page(request, here, viewer)
    with here.store.read() as tx:
        rows = store_people.access_newest(tx, limit=LOG_LINES + 1, before=before if 0 < before < 1 << 62 else None)
        names = view_alerts.names_for(tx, this)
    lines = [
        {
            "at_ms": row["at_ms"],
            "who": _who(this, names, row["who"]),
            "what": texts.named(this.lang, "log", _what(row)),
            "subject": "" if row["subject"] == row["who"] else names.shown(row["subject"]),
            "alert": _subject_is_alert(row),
            "event": row["what"] in _OF_EVENTS or (row["what"] in _ASKED and not _subject_is_alert(row)),
            "then": _then(this, row),
            "why": (row["data"] or {}).get("reason", "") if row["what"] in _OPENED else "",
            "address": row["address"] if row["who"] == names.shown(row["who"]) else "",
        }
        for row in rows[:LOG_LINES]
    ]
    older = rows[LOG_LINES - 1]["id"] if len(rows) > LOG_LINES else 0
    return this.answer("log.html", lines=lines, older=older, nav="log")


def _who(this: Page, names: Names, who: str) -> str:
    at_the_machine = who.removeprefix(COMMAND_LINE)
    return names.shown(who) if at_the_machine == who else this.t("page.log.command", who=at_the_machine)


def _what(row: Found) -> str:
    """What was done. Older hubs wrote acts of sealed alerts only, and all of them under one name."""
    return f"act_{row['data']['what']}" if row["what"] == "sealed_closing" and row["data"] else str(row["what"])


def _then(this: Page, row: Found) -> str:
    """What came of it, or as what somebody was let in."""
    data = row["data"] or {}
    if row["what"] == "user_added":
        return texts.named(this.lang, "role", data.get("role", ""))
    told = data.get("outcome") in ("waits", "closed")
    return this.t(f"log.then.{data['outcome']}") if told else ""


def _subject_is_alert(row: Found) -> bool:
    return row["what"] in _OF_ALERTS and "/" not in row["subject"]


@router.get("/healthz")
def healthy(here: Here) -> Response:
    """For a machine that watches this one: 200 while the database answers, else 503. Says nothing else."""
    try:
        with here.store.read() as tx:
            store_web.answers(tx)
    except HubError:
        return JSONResponse({"status": "the database does not answer"}, status_code=503)
    return JSONResponse({"status": "ok"})
