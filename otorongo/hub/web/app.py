"""The pages of one hub as an ASGI application."""

import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from otorongo import __version__
from otorongo.hub import store_web, users
from otorongo.hub.acts import NoAlert
from otorongo.hub.errors import StoreAway
from otorongo.hub.rules import Rules
from otorongo.hub.store import Store
from otorongo.hub.web import (
    routes_account,
    routes_alerts,
    routes_api,
    routes_event_media,
    routes_events,
    routes_link,
    routes_login,
    routes_media,
    routes_stations,
)
from otorongo.hub.web.login import BadForm, Forbidden, NotLoggedIn, maybe_me
from otorongo.hub.web.render import STATIC, page
from otorongo.hub.web.routes_alerts import Hidden
from otorongo.hub.web.routes_link import NoLink
from otorongo.hub.web.security import Guard
from otorongo.hub.web.site import Site
from otorongo.hub.web.site import of as site_of

log = logging.getLogger(__name__)

_FAULTS: Final[dict[type[Exception], tuple[int, str]]] = {
    Forbidden: (403, "forbidden"),
    BadForm: (403, "form"),
    NoLink: (404, "link"),
    Hidden: (404, "none"),
    NoAlert: (404, "none"),
    RequestValidationError: (400, "request"),
    StoreAway: (503, "store"),
}
"""What may go wrong on the way to a page: the status, and the words for it (`page.fault.*`)."""


def create_app(
    store: Store,
    rules: Rules,
    *,
    data_dir: Path,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> FastAPI:
    """The pages of a hub. Evidence lies in `data_dir`/media; `now_ms` is the clock, UTC in ms since 1970."""
    app = FastAPI(
        title="Otorongo",
        version=__version__,
        description="What the hub knows. Log in on the pages, or send `Authorization: Bearer` with a token of "
        "`otorongo-hub user token`.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # its scripts come from elsewhere
        redoc_url=None,
    )
    with store.write() as tx:
        key = store_web.small_fact(tx, "pseudonym_key", users.secret())
    app.state.site = Site(store, rules, data_dir / "media", now_ms, key.encode())
    for room in (
        routes_login,
        routes_alerts,
        routes_events,
        routes_event_media,
        routes_media,
        routes_link,
        routes_stations,
        routes_account,
        routes_api,
    ):
        app.include_router(room.router)
    app.mount("/static", _Static(directory=STATIC), name="static")
    for kind in _FAULTS:
        app.add_exception_handler(kind, _fault)
    app.add_exception_handler(NotLoggedIn, _log_in)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _broken)
    app.add_middleware(Guard, public_url=rules.config.web.public_url)
    return app


_PARTS: Final = {"account": 1, "alerts": 2, "stations": 2, "events": 4}
"""How many parts the address of a page with forms has, by the first."""


class _Static(StaticFiles):
    """Our own files: their address changes with their content, so browsers keep them."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """The file, to be kept for a year."""
        answer = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        answer.headers["cache-control"] = "public, max-age=31536000, immutable"
        return answer


def _log_in(request: Request, _error: Exception) -> Response:
    if _wants_json(request):
        return JSONResponse({"detail": "log in, or send a bearer token"}, 401, {"www-authenticate": "Bearer"})
    if request.method != "GET" or request.query_params.get("part"):
        on = _to_login(_page_of(request.url.path))
        return page(request, site_of(request), None).answer("fault.html", status=401, fault="session", nav="", on=on)
    after = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(_to_login(after), 303)


def _to_login(after: str) -> str:
    return f"/login?next={quote(after)}" if after != "/" else "/login"


def _page_of(path: str) -> str:
    """The page on which a form stands, by where it is sent; the first one where that is not known."""
    parts = path.split("/")
    many = _PARTS.get(parts[1], 0)
    return "/".join(parts[: many + 1]) if 0 < many < len(parts) - 1 else "/"


def _fault(request: Request, error: Exception) -> Response:
    status, words = next(found for kind, found in _FAULTS.items() if isinstance(error, kind))
    if isinstance(error, StoreAway):
        log.error("web: %s: %s", request.url.path if not _secret(request) else "/a/...", error)
    if isinstance(error, RequestValidationError) and _wants_json(request):
        faults = [{"where": list(one["loc"]), "reason": one["msg"]} for one in error.errors()]
        return JSONResponse({"detail": faults}, 422)
    return _told(request, status, words, f"/alerts/{error.code}" if isinstance(error, NoLink) and error.code else "/")


def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _told(request, status, "none" if status == HTTPStatus.NOT_FOUND else "request")


def _broken(request: Request, error: Exception) -> Response:
    """The framework logs the error with its traceback, after this answer."""
    return _told(request, 500, "broken")


def _told(request: Request, status: int, words: str, on: str = "/") -> Response:
    """What went wrong, and a way on, by the login for who has no session."""
    if _wants_json(request):
        return JSONResponse({"detail": HTTPStatus(status).phrase}, status)
    here = site_of(request)
    try:
        viewer = maybe_me(request, here)
    except StoreAway:
        viewer = None
    on = on if viewer else _to_login(on)
    answer = page(request, here, viewer).answer("fault.html", status=status, fault=words, nav="", on=on)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        answer.headers["retry-after"] = "30"
    return answer


def _wants_json(request: Request) -> bool:
    return request.url.path.startswith(("/api/", "/healthz"))


def _secret(request: Request) -> bool:
    return request.url.path.startswith("/a/")
