"""One's own account: language, password, sessions and tokens."""

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from otorongo.hub import store_people, store_web, texts, users
from otorongo.hub.users import WeakPassword
from otorongo.hub.web import site
from otorongo.hub.web.login import Me, MeByForm, cookie_name
from otorongo.hub.web.render import page
from otorongo.hub.web.site import PER_ACCOUNT_HERE, Here, Site
from otorongo.hub.web.viewer import Viewer

router: Final = APIRouter(include_in_schema=False)
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)
_DONE: Final = ("language", "password", "ended", "ended_all")


@router.get("/account")
def show(request: Request, here: Here, viewer: Me, done: str = "") -> Response:
    """Who one is here, and where one is logged in."""
    return _account(request, here, viewer, done=done if done in _DONE else "")


@router.post("/account/language")
def language(here: Here, viewer: MeByForm, lang: Annotated[str, Form()] = "") -> Response:
    """Change the language of pages."""
    if lang in texts.LANGUAGES:
        with here.store.write() as tx:
            store_people.set_user(tx, viewer.user.name, language=lang, changed_ms=here.now_ms())
    return RedirectResponse("/account?done=language", 303)


@router.post("/account/password")
def password(
    request: Request,
    here: Here,
    viewer: MeByForm,
    old: Annotated[str, Form()] = "",
    new: Annotated[str, Form()] = "",
    again: Annotated[str, Form()] = "",
) -> Response:
    """Change one's password; every other session and token ends."""
    name, where = viewer.user.name, site.address(request)
    key = (PER_ACCOUNT_HERE, f"account {name.casefold()}", where)
    if here.throttle.wait_s(key):
        return _account(request, here, viewer, fault="often", status=429)
    with here.store.read() as tx:
        row = store_people.user(tx, name)
    if row is None or not users.matches(row["password"], old):
        here.throttle.failed(key)
        return _account(request, here, viewer, fault="old", status=422)
    if new != again:
        return _account(request, here, viewer, fault="differ", status=422)
    try:
        users.check_strength(new, name, row["person"], row["team"])
    except WeakPassword as error:
        return _account(request, here, viewer, fault=error.reason, status=422)
    hashed, mine, now_ms = users.hashed(new), _mine(request), here.now_ms()
    with here.store.write() as tx:
        store_people.set_user(tx, name, password=hashed, changed_ms=now_ms)
        store_web.end_sessions_but(tx, name, mine)
        store_people.saw(tx, now_ms, name, "password_changed", subject=name, address=where)
    return RedirectResponse("/account?done=password", 303)


@router.post("/account/end")
def end(request: Request, here: Here, viewer: MeByForm, session: Annotated[str, Form()] = "") -> Response:
    """End one of one's sessions or tokens, or `all` but this one."""
    name = viewer.user.name
    with here.store.write() as tx:
        if session == "all":
            store_web.end_sessions_but(tx, name, _mine(request))
        else:
            store_web.end_own_session(tx, name, _digest(session))
        store_people.saw(tx, here.now_ms(), name, "session_ended", subject=name, address=site.address(request))
    return RedirectResponse(f"/account?done={'ended_all' if session == 'all' else 'ended'}", 303)


def _account(
    request: Request, here: Site, viewer: Viewer, *, done: str = "", fault: str = "", status: int = 200
) -> Response:
    mine = _mine(request)
    with here.store.read() as tx:
        rows = store_web.sessions_of(tx, viewer.user.name, here.now_ms())
    sessions = [
        {
            "id": bytes(row["hash"]).hex(),
            "mine": bytes(row["hash"]) == mine,
            "token": row["csrf"] == "",
            "agent": row["agent"] if row["csrf"] == "" else device(row["agent"]),
            "address": row["address"],
            "seen_ms": row["seen_ms"],
            "expires_ms": row["expires_ms"],
        }
        for row in rows
    ]
    return page(request, here, viewer).answer(
        "account.html", status=status, sessions=sessions, done=done, fault=fault, shortest=users.SHORTEST, nav="account"
    )


def device(agent: str) -> str:
    """What a browser says of itself, in two words; the whole of it if it is none that we know."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    return ", ".join(one for one in (browser, system) if one) or agent[:40]


def _mine(request: Request) -> bytes:
    return users.digest(request.cookies.get(cookie_name(request), ""))


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
