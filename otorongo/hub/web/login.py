"""Who asks: a cookie or a bearer token becomes a viewer, and a form is checked before it does anything."""

import hmac
from typing import Annotated, Final

from fastapi import Depends, Form, Header, Request, Response

from otorongo.hub import store_people, users
from otorongo.hub.store import Found
from otorongo.hub.users import May
from otorongo.hub.web import site
from otorongo.hub.web.site import Here, Site
from otorongo.hub.web.viewer import Viewer, viewer_of

_TOUCH_MS: Final = 60_000
"""A session that was touched so lately is not written again: pages refresh by themselves."""


class NotLoggedIn(Exception):
    """Nobody is logged in: a page asks for it, the API says 401."""


class Forbidden(Exception):
    """Their role does not allow it."""


class BadForm(Exception):
    """The form carries no token of this session: it is old, or not ours."""


def cookie_name(request: Request, what: str = "otorongo") -> str:
    """`__Host-` lets no other site of the domain set it, and needs TLS; on the hub's own machine there is none."""
    return what if site.at_home(request) else f"__Host-{what}"


def set_cookie(request: Request, response: Response, what: str, value: str, *, life_s: int) -> None:
    """Set a cookie that no script reads and no other site sends along."""
    response.set_cookie(
        cookie_name(request, what),
        value,
        max_age=life_s,
        path="/",
        secure=not site.at_home(request),
        httponly=True,
        samesite="lax",
    )


def drop_cookie(request: Request, response: Response, what: str = "otorongo") -> None:
    """Forget a cookie."""
    response.delete_cookie(
        cookie_name(request, what), path="/", secure=not site.at_home(request), httponly=True, samesite="lax"
    )


def maybe_me(request: Request, here: Here) -> Viewer | None:
    """Who asks with a cookie; None: nobody."""
    cookie = request.cookies.get(cookie_name(request), "")
    return _viewer(here, cookie, token=False)


def me(viewer: Annotated[Viewer | None, Depends(maybe_me)]) -> Viewer:
    """Who asks. Raises NotLoggedIn."""
    if viewer is None:
        raise NotLoggedIn
    return viewer


def me_by_form(viewer: Annotated[Viewer, Depends(me)], csrf: Annotated[str, Form()] = "") -> Viewer:
    """Who sent a form. Raises BadForm if it is none of this session's."""
    if not viewer.csrf or not hmac.compare_digest(viewer.csrf.encode(), csrf.encode()):
        raise BadForm
    return viewer


def me_by_api(
    request: Request,
    here: Here,
    viewer: Annotated[Viewer | None, Depends(maybe_me)],
    authorization: Annotated[str, Header()] = "",
) -> Viewer:
    """Who asks the API, with a bearer token or with the cookie of the pages. Raises NotLoggedIn."""
    kind, _, token = authorization.partition(" ")
    if kind.lower() == "bearer":
        viewer = _viewer(here, token.strip(), token=True)
    if viewer is None:
        raise NotLoggedIn
    return viewer


def me_writing_by_api(
    viewer: Annotated[Viewer, Depends(me_by_api)], x_csrf_token: Annotated[str, Header()] = ""
) -> Viewer:
    """Who changes something by the API: with a cookie, X-CSRF-Token must be the session's. Raises BadForm."""
    if viewer.csrf and not hmac.compare_digest(viewer.csrf.encode(), x_csrf_token.encode()):
        raise BadForm
    return viewer


Maybe = Annotated[Viewer | None, Depends(maybe_me)]
Me = Annotated[Viewer, Depends(me)]
MeByForm = Annotated[Viewer, Depends(me_by_form)]
MeByApi = Annotated[Viewer, Depends(me_by_api)]
MeWritingByApi = Annotated[Viewer, Depends(me_writing_by_api)]


def need(viewer: Viewer, what: May) -> None:
    """Raise Forbidden if a role does not allow it."""
    if not viewer.may(what):
        raise Forbidden


def _viewer(here: Site, secret: str, *, token: bool) -> Viewer | None:
    """The viewer of a session that lives: a token is no cookie, and a cookie no token."""
    if not secret or len(secret) > 200:
        return None
    digest, now_ms = users.digest(secret), here.now_ms()
    with here.store.read() as tx:
        session = store_people.session(tx, digest, now_ms)
        if session is None or (session["csrf"] == "") is not token:
            return None
        row = store_people.user(tx, session["user"])
    if row is None or row["disabled"]:
        return None
    if now_ms - session["seen_ms"] >= _TOUCH_MS:
        _touch(here, session, now_ms, token=token)
    return viewer_of(users.from_row(row), here.rules, session["csrf"])


def _touch(here: Site, session: Found, now_ms: int, *, token: bool) -> None:
    expires_ms = session["expires_ms"]
    if not token:
        expires_ms = min(now_ms + users.SESSION_IDLE_MS, session["created_ms"] + users.SESSION_LIFE_MS)
    with here.store.write() as tx:
        store_people.touch_session(tx, session["hash"], now_ms, expires_ms)
