"""The link in a message, one's own and expiring: it shows on GET, as often as a messenger looks, and acts on POST only.

Whoever holds the phone reads a code, the activity, the sector and what to do; the rest needs a login.
"""

import hmac
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from otorongo.hub import acts, ledger, messages, notify, store_alerts, store_deliveries, store_people, texts
from otorongo.hub.acts import Done
from otorongo.hub.alerts import Alert
from otorongo.hub.answers import Act, Plan, Who
from otorongo.hub.config import EVERYWHERE
from otorongo.hub.config_persons import PersonConfig
from otorongo.hub.store import Found, Tx
from otorongo.hub.web import site
from otorongo.hub.web.login import BadForm
from otorongo.hub.web.render import Page, language_of, page
from otorongo.hub.web.routes_alerts import FORMS, OUTCOMES, moment_ms, proposed
from otorongo.hub.web.site import LINKS_PER_ADDRESS, Here, Site
from otorongo.hub.web.viewer import PROTOCOL_HOLDER, groups_of

router: Final = APIRouter(include_in_schema=False)


class NoLink(Exception):
    """A link that has expired, with the code of its alert; or that never was one, or is no longer theirs."""

    def __init__(self, code: str = "") -> None:
        super().__init__(code)
        self.code = code


@router.api_route("/a/{token}", methods=["GET", "HEAD"])
def show(request: Request, here: Here, token: str, done: str = "") -> Response:
    """What is going on, and two buttons. Changes nothing, because messengers look too."""
    link, alert = _open(request, here, token)
    if request.method == "GET":
        with here.store.write() as tx:
            # Not "saw": it may have been the messenger's preview. The agent tells.
            data = {"agent": request.headers.get("user-agent", "")[:200]}
            where = site.address(request)
            store_people.saw(
                tx, here.now_ms(), link["person"], "link_fetched", subject=alert["id"], address=where, data=data
            )
    return _answer(request, here, token, link, alert, told=done if done in OUTCOMES else "")


@router.post("/a/{token}")
def do(
    request: Request,
    here: Here,
    token: str,
    csrf: Annotated[str, Form()] = "",
    act: Annotated[str, Form()] = "",
    party: Annotated[str, Form()] = "",
    route: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "",
) -> Response:
    """Seen, or I go."""
    link, alert = _open(request, here, token)
    if not hmac.compare_digest(_csrf(token).encode(), csrf.encode()):
        raise BadForm
    if act not in ("seen", "going") or (act == "going" and not _may_go(here, link["person"])):
        raise BadForm
    done = _press(here, link, alert, "seen" if act == "seen" else "going", Plan(party, route, moment_ms(here, back)))
    if done.outcome in FORMS:
        given = {"party": party, "route": route, "back": back}
        return _answer(request, here, token, link, alert, told=done.outcome, given=given, status=422)
    return RedirectResponse(f"/a/{token}?done={done.outcome}", 303)


def _press(here: Site, link: Found, alert: Found, act: Act, plan: Plan) -> Done:
    now_ms = here.now_ms()
    with here.store.write() as tx:
        who = Who(link["person"], _group(tx, here, link["person"]))
        done = acts.act_in(tx, here.rules, alert["id"], who, act, now_ms, plan=plan, delivery=link["delivery"])
        store_deliveries.use_token(tx, link["hash"], now_ms)
    return done


def _may_go(here: Site, name: str) -> bool:
    """Auditors watch: who never goes must not hold the rings by saying so."""
    person = here.rules.person(name)
    return person is not None and person.role != "auditor"


def _group(tx: Tx, here: Site, name: str) -> str:
    person = here.rules.person(name)
    return groups_of(store_people.users_by_name(tx)).get(name) or (person.group if person else "")


def _open(request: Request, here: Site, token: str) -> tuple[Found, Found]:
    """The link and its alert. Raises NoLink: also for somebody who tries many."""
    key = (LINKS_PER_ADDRESS, "link", site.address(request))
    if here.throttle.wait_s(key):
        raise NoLink
    with here.store.read() as tx:
        link = store_deliveries.token(tx, notify.token_hash(token[:200]))
        alert = _living(tx, link["alert"]) if link else None
        alive = link is not None and alert is not None and not _shut_out(tx, link["person"])
    theirs = link and alert and alive and _concerns(here.rules.person(link["person"]), alert)
    if link is None or alert is None or not theirs:
        here.throttle.failed(key)
        raise NoLink
    if link["expires_ms"] <= here.now_ms():
        raise NoLink(alert["id"])
    return link, alert


def _shut_out(tx: Tx, name: str) -> bool:
    """Whether everybody who logs in as a person has been shut out; who never logs in has not."""
    mine = [row["disabled"] for row in store_people.users_by_name(tx) if (row["person"] or row["name"]) == name]
    return bool(mine) and all(mine)


def _concerns(person: PersonConfig | None, alert: Found) -> bool:
    """Whether an alert is still one that this person may be told of, as hub.toml stands now."""
    if person is None or not {EVERYWHERE, alert["place"]} & set(person.places):
        return False
    return not alert["sealed"] or person.role == PROTOCOL_HOLDER


def _living(tx: Tx, code: str) -> Found | None:
    """The alert, or the one that it was merged into."""
    row = store_alerts.alert(tx, code)
    for _ in range(8):
        into = (row["data"] or {}).get("merged_into") if row else None
        if not into:
            break
        row = store_alerts.alert(tx, into)
    return row


def _csrf(token: str) -> str:
    """What the form of a link carries. Nobody can make it without the link, which is the secret here."""
    return notify.token_hash(f"form {token}").hex()


def _answer(
    request: Request,
    here: Site,
    token: str,
    link: Found,
    row: Found,
    *,
    told: str = "",
    given: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    person = here.rules.person(link["person"])
    lang = person.language if person else language_of(request, None)
    this = page(request, here, None, lang=lang)
    alert = ledger.alert_of(row)
    return this.answer(
        "link.html",
        status=status,
        **_outside(here, this, alert),
        csrf=_csrf(token),
        action=f"/a/{token}",
        told=told,
        given=given or {"party": "", "route": "", "back": proposed(this)},
        may_go=_may_go(here, link["person"]),
        i_saw=link["person"] in alert.seen_by,
        i_go=next((one.back_ms for one in alert.going if one.who == link["person"]), 0),
        expires_ms=link["expires_ms"],
    )


def _outside(here: Site, this: Page, alert: Alert) -> dict[str, Any]:
    """What may be read without a login: of a sealed alert, its code."""
    place = here.rules.places.get(alert.place)
    instruction = (place and place.config.instruction) or "none"
    if alert.sealed:
        return {"code": alert.id, "sealed": True, "closed": alert.state == "resolved", "drill": alert.drill}
    return {
        "code": alert.id,
        "sealed": False,
        "closed": alert.state == "resolved",
        "drill": alert.drill,
        "severity": int(alert.severity),
        "severity_text": this.t(f"severity.{alert.severity:d}"),
        "activity": texts.named(this.lang, "activity", alert.activity),
        "place": messages.sector(this.lang, alert.place),
        "instruction": this.t(f"instruction.{instruction}"),
        "instruction_key": instruction,
        "opened_ms": alert.opened_ms,
    }
