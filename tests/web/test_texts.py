"""Every text of the pages stands in both catalogues, is used, and none is shown as its key."""

import re
from pathlib import Path
from typing import get_args

import pytest

from otorongo.hub import texts
from otorongo.hub.answers import Act, Outcome
from otorongo.hub.review import VERDICTS
from otorongo.hub.users import Role
from otorongo.hub.web.render import TEMPLATES
from otorongo.hub.web.routes_events import TOLD
from otorongo.wire.codes import CloseReason, Counter, GapReason, NameSource, NoteKind, TamperKind
from tests.hub.test_texts import catalogue
from tests.web.conftest import Hub
from tests.web.seed import BROOK, HEADWATERS, LAKE

_KEY = re.compile(r"""(?:\bt|\bpage\.t|\bthis\.t)\(\s*(['"])([a-z_.]+)\1\s*[,)]""")
_OTHER_BRANCH = re.compile(r"""['"]((?:page|delivery|sensor|role|log)\.[a-z_.]*[a-z_])(?<!html)['"]""")
_PLURAL = re.compile(r"""plural\((['"])([a-z_.]+)\1""")
FAMILIES = ("page", "delivery", "note", "tamper", "gap", "counter", "sensor", "role", "log")


def sources() -> str:
    """Templates and code of the pages, as one text."""
    code = Path(texts.__file__).parent / "web"
    return "\n".join(path.read_text() for path in (*sorted(TEMPLATES.glob("*.html")), *sorted(code.glob("*.py"))))


def made() -> set[str]:
    """Keys that are put together while a page is made."""
    faults = ("forbidden", "form", "link", "none", "request", "session", "store", "broken")
    return {
        *(f"page.fault.{one}{end}" for one in faults for end in ("", ".help")),
        *(f"page.login.{one}" for one in ("wrong", "stale")),
        *(f"page.done.{one}" for one in (*get_args(Outcome), "needs_what")),
        *(f"page.second.{one}" for one in ("may_not", "same_person", "same_group", "no_group")),
        *(f"page.act.{one}" for one in get_args(Act)),
        *(f"page.state.{one}" for one in ("open", "acknowledged", "nobody", "going", "overdue", "resolved")),
        *(f"page.piece.{one}" for one in ("told", "part", "bad", "refused", "gone")),
        *(f"page.why.{one}" for one in ("counted", "late", "vetoed", "own_patrol")),
        *(f"page.station.{one}" for one in ("up", "late", "silent", "asleep")),
        *(f"page.outbox.{one}" for one in ("open", "lost", "copied", "chain", "unsealed")),
        *(f"page.account.done.{one}" for one in ("language", "password", "ended", "ended_all")),
        *(f"page.account.fault.{one}" for one in ("often", "old", "differ", "short", "long", "guessable")),
        *(
            f"delivery.{one}"
            for one in ("ring", "raise", "rering", "overdue", "extended", "audit", "health", "rules", "test")
        ),
        *(f"delivery.state.{one}" for one in ("waiting", "sending", "sent", "failed", "dropped")),
        *(f"sensor.{one}" for one in ("station", "microphone", "camera", "sensor")),
        *(f"role.{one}" for one in Role),
        *(f"counter.{one.name.lower()}" for one in Counter),
        *(f"page.named.{one.name.lower()}" for one in NameSource),
        *(f"tamper.{one.name.lower()}" for one in TamperKind),
        *(f"gap.{one.name.lower()}" for one in GapReason),
        *(f"note.kind.{one.name.lower()}" for one in NoteKind),
        *(f"log.{one}" for one in ("login", "login_failed", "logout", "saw_alert", "saw_media", "link_fetched")),
        *(
            f"log.{one}"
            for one in ("saw_visits", "saw_event", "saw_event_media", "saw_withdrawn", "reviewed", "asked_clip")
        ),
        *(f"log.{one}" for one in ("asked_rejected", "saw_rejected", "took_rejected")),
        *(f"page.visit.sense.{one}" for one in ("sound", "picture")),
        *(f"page.visit.{one}" for one in ("waiting", "split")),
        *(f"page.visit.fact.{one}" for one in ("clock", "hits", "most", "peak", "level", "f0", "closed")),
        *(f"page.visit.closed.{one.name.lower()}" for one in CloseReason if one),
        *(f"page.review.{one}" for one in ("waiting", "split")),
        *(f"page.review.said.{one}" for one in VERDICTS),
        *(f"page.review.done.{one}" for one in TOLD),
        *(f"log.{one}" for one in ("unsealed", "unseal_failed", "took_sealed", "asked_sealed", "asked_frame")),
        *(f"log.rule_{one}" for one in ("added", "removed", "changed")),
        *(f"log.{one}" for one in ("password_changed", "session_ended", "exported", "saw_events")),
        *(f"log.act_{one}" for one in get_args(Act)),
        *(f"log.then.{one}" for one in ("waits", "closed")),
        *(f"log.user_{one}" for one in ("added", "disabled", "enabled", "password", "token")),
        *(f"log.station_{one}" for one in ("add", "revoke", "renew")),
        *(f"note.{one}" for one in ("late", "silent", "back", "station", "tamper", "lost_outbox", "outbox_back")),
        *(f"note.{one}" for one in ("key_changed", "chain", "conflict", "evidence", "evidence_lost", "forgotten")),
        *(f"instruction.{one}" for one in ("none", "go", "observe", "do_not_approach")),
    }


def used() -> set[str]:
    """Every key that the pages ask for."""
    text = sources()
    whole = {found[2] for found in _KEY.finditer(text)} | {found[1] for found in _OTHER_BRANCH.finditer(text)}
    plurals = {f"{found[2]}.{end}" for found in _PLURAL.finditer(text) for end in ("one", "many")}
    stems = {found[2] for found in _PLURAL.finditer(text)}
    return {one for one in whole if one not in stems or one in catalogue("es")} | plurals | made()


@pytest.mark.parametrize("lang", texts.LANGUAGES)
def test_every_text_that_a_page_asks_for_is_there(lang: str) -> None:
    """In Spanish and in English."""
    assert sorted(used() - catalogue(lang).keys()) == []


def test_no_text_is_left_over() -> None:
    """What no page asks for any more is not kept for translators to wonder about."""
    mine = {key for key in catalogue("es") if key.partition(".")[0] in FAMILIES}
    assert sorted(mine - used()) == []


@pytest.mark.parametrize("lang", texts.LANGUAGES)
def test_no_page_shows_a_key(read_hub: Hub, lang: str) -> None:
    """Every page of every role, in both languages, with everything on it that the seed has."""
    keys = re.compile(
        rf"\b(?:{'|'.join((*FAMILIES, 'reason', 'class', 'activity', 'severity'))})\.[a-z_]+(?:\.[a-z_]+)*\b"
    )
    alerts = [read_hub.code(*one) for one in ((LAKE, "logging"), (BROOK, "poaching"), (LAKE, "mining"))]
    paths = ("/alerts?state=all", "/stations", "/stations/K-04", "/stations/P-07", "/stations/K-05", "/account", "/log")
    with_texts = {
        "carla": (*paths, *(f"/alerts/{code}" for code in alerts), "/nothing"),
        "pilar": (f"/alerts/{read_hub.code(HEADWATERS, 'presence')}",),
        "nadie": ("/alerts",),
    }
    for name, wanted in with_texts.items():
        phone = read_hub.login(name)
        phone.send("/account", "/account/language", lang=lang)
        for path in wanted:
            text = phone.get(path).text
            assert f'<html lang="{lang}">' in text
            shown = re.sub(r"<[^>]*>", " ", text)
            assert not keys.findall(shown), path
            assert "{" not in shown, path
