"""Logging in and out. What is told of a failure is the same whatever failed."""

import hmac
import logging
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from otorongo.hub import store_people, store_web, texts, users
from otorongo.hub.store import Found
from otorongo.hub.web import site
from otorongo.hub.web.login import Maybe, MeByForm, cookie_name, drop_cookie, set_cookie
from otorongo.hub.web.render import language_of, page
from otorongo.hub.web.site import PER_ACCOUNT, PER_ACCOUNT_HERE, PER_ADDRESS, Here, Key, Site

log = logging.getLogger(__name__)
router: Final = APIRouter(include_in_schema=False)

_FORM_S: Final = 3600
_YEAR_S: Final = 365 * 86_400


@router.get("/login")
def show(request: Request, here: Here, viewer: Maybe, lang: str = "", next: str = "/") -> Response:  # noqa: A002
    """The form."""
    if viewer is not None:
        return RedirectResponse(local(next), 303)
    chosen = lang if lang in texts.LANGUAGES else language_of(request, None)
    answer = _form(request, here, chosen, after=local(next))
    if lang == chosen:
        set_cookie(request, answer, "lang", lang, life_s=_YEAR_S)
    return answer


@router.post("/login")
def enter(
    request: Request,
    here: Here,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    csrf: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002
) -> Response:
    """Let somebody in, or say that name or password is wrong."""
    lang, after, name = language_of(request, None), local(next), name.replace("\0", "").strip()[:80]
    mine = request.cookies.get(cookie_name(request, "form"), "")
    if not mine or not hmac.compare_digest(mine.encode(), csrf.encode()):
        return _form(request, here, lang, after=after, name=name, fault="stale", status=403)
    where = site.address(request)
    keys = _keys(here, name, where)
    wait_s = here.throttle.wait_s(*keys)
    if wait_s:
        answer = _form(request, here, lang, after=after, name=name, fault="often", status=429, minutes=-(-wait_s // 60))
        answer.headers["retry-after"] = str(wait_s)
        return answer
    with here.store.read() as tx:
        row = store_people.user(tx, name)
    usable = row if row is not None and not row["disabled"] else None
    if not users.matches(usable["password"] if usable else None, password) or usable is None:
        here.throttle.failed(*keys)
        with here.store.write() as tx:
            # A name that is nobody's may be a password typed into the wrong field: it is not kept.
            known = row["name"] if row else ""
            store_people.saw(tx, here.now_ms(), known, "login_failed", subject=known, address=where)
        return _form(request, here, lang, after=after, name=name, fault="wrong", status=401)
    return _enter(request, here, usable, password, after, where)


@router.post("/logout")
def leave(request: Request, here: Here, viewer: MeByForm) -> Response:
    """End the session."""
    cookie = request.cookies.get(cookie_name(request), "")
    with here.store.write() as tx:
        store_people.end_session(tx, users.digest(cookie))
        store_people.saw(tx, here.now_ms(), viewer.user.name, "logout", address=site.address(request))
    answer = RedirectResponse("/login", 303)
    drop_cookie(request, answer)
    return answer


def local(path: str) -> str:
    """A path of this site, and nothing else, to go to after the login."""
    fine = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and len(path) <= 500
    return path if fine and not path.startswith("/login") else "/"


def _enter(request: Request, here: Site, row: Found, password: str, after: str, where: str) -> Response:
    now_ms, name = here.now_ms(), row["name"]
    stale = users.hashed(password) if users.outdated(row["password"]) else None
    old = request.cookies.get(cookie_name(request), "")
    with here.store.write() as tx:
        if old:
            store_people.end_session(tx, users.digest(old))
        agent = request.headers.get("user-agent", "")
        cookie = users.open_session(tx, name, now_ms, address=where, agent=agent)
        store_people.set_user(tx, name, last_login_ms=now_ms, **({"password": stale} if stale else {}))
        store_people.saw(tx, now_ms, name, "login", subject=name, address=where)
    answer = RedirectResponse(after, 303)
    set_cookie(request, answer, "otorongo", cookie, life_s=users.SESSION_LIFE_MS // 1000)
    drop_cookie(request, answer, "form")
    return answer


def _keys(here: Site, name: str, where: str) -> tuple[Key, ...]:
    """What a failure counts against. Where the user has been before, strangers' failures elsewhere count nothing."""
    account = name.casefold()
    keys: tuple[Key, ...] = ((PER_ADDRESS, "address", where), (PER_ACCOUNT_HERE, f"account {account}", where))
    with here.store.read() as tx:
        at_home = store_web.was_here(tx, name, where)
    return keys if at_home else (*keys, (PER_ACCOUNT, "account", account))


def _form(
    request: Request,
    here: Site,
    lang: str,
    *,
    after: str,
    name: str = "",
    fault: str = "",
    status: int = 200,
    minutes: int = 0,
) -> Response:
    csrf = request.cookies.get(cookie_name(request, "form"), "") or users.secret()
    with here.store.read() as tx:
        nobody = store_people.count_users(tx) == 0
    insecure = request.url.scheme == "http" and not site.at_home(request) and not _behind_tls(request, here)
    answer = page(request, here, None, lang=lang).answer(
        "login.html",
        status=status,
        csrf=csrf[:100],
        after=after,
        name=name,
        fault=fault,
        minutes=minutes,
        nobody=nobody,
        insecure=insecure,
    )
    set_cookie(request, answer, "form", csrf[:100], life_s=_FORM_S)
    return answer


def _behind_tls(request: Request, here: Site) -> bool:
    """Whether the browser came by the public address, before which a proxy with TLS stands."""
    return here.rules.config.web.public_url.lower().startswith(f"https://{request.url.netloc.lower()}")
