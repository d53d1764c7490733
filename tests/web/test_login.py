"""Logging in, sessions, forms, and what every answer carries."""

from collections.abc import Callable

import pytest

from otorongo.hub import store_people, users
from otorongo.hub.web.routes_login import local
from otorongo.hub.web.site import PER_ACCOUNT
from tests.web.conftest import Hub, Phone
from tests.web.seed import PASSWORD, USERS


def failures(hub: Hub) -> list[str]:
    """The names in the log of failed logins."""
    with hub.store.read() as tx:
        return [row["who"] for row in store_people.access_newest(tx) if row["what"] == "login_failed"]


def test_name_and_password_let_in_and_out_again(hub: Hub) -> None:
    """A session begins with the password and ends with the button: its cookie is worth nothing afterwards."""
    phone = hub.enter("maria")
    cookie = phone.client.cookies["otorongo"]
    assert phone.get("/alerts").status_code == 200
    assert phone.send("/account", "/logout").headers["location"] == "/login"
    late = Phone(hub.client())
    late.client.cookies.set("otorongo", cookie)
    assert late.get("/alerts").headers["location"] == "/login?next=/alerts"


def test_a_failure_says_the_same_whatever_failed(new_hub: Callable[[], Hub]) -> None:
    """A wrong password, a name that nobody bears and a disabled user get the same words and the same status."""
    hub = new_hub()
    with hub.store.write() as tx:
        users.disable(tx, "jose", hub.clock())
    texts = set()
    for name in ("maria", "nobody-here", "jose"):
        phone = Phone(hub.client())
        answer = phone.send("/login", "/login", name=name, password=PASSWORD if name == "jose" else "falsa falsa falsa")
        assert answer.status_code == 401
        assert "otorongo" not in phone.client.cookies
        texts.add(answer.text.replace(name, "").replace(phone.client.cookies["form"], ""))
    assert len(texts) == 1


def test_a_password_typed_as_a_name_is_not_kept(hub: Hub) -> None:
    """The log of failures holds names of users only."""
    Phone(hub.client()).send("/login", "/login", name=PASSWORD, password="x")
    Phone(hub.client()).send("/login", "/login", name="maria", password="x")
    assert failures(hub) == ["maria", ""]


def test_guessing_is_slowed_down_and_others_are_not(hub: Hub) -> None:
    """Five failures for one account from one address and it waits, even with the right password."""
    stranger = Phone(hub.client(address="192.0.2.7"))
    for _ in range(5):
        assert stranger.send("/login", "/login", name="maria", password="x").status_code == 401
    blocked = stranger.send("/login", "/login", name="maria", password=PASSWORD)
    assert blocked.status_code == 429
    assert 0 < int(blocked.headers["retry-after"]) <= 900
    assert stranger.send("/login", "/login", name="jose", password=PASSWORD).status_code == 303
    assert hub.enter("maria").get("/alerts").status_code == 200


def test_one_address_cannot_try_everybody(hub: Hub) -> None:
    """Twenty failures from one address, whoever they are for, and it waits."""
    stranger = Phone(hub.client(address="192.0.2.8"))
    names = [name for name, *_ in USERS] * 2
    codes = [stranger.send("/login", "/login", name=name, password="x").status_code for name in names[:21]]
    assert codes == [401] * 20 + [429]


def test_strangers_cannot_shut_a_ranger_out_at_home(hub: Hub) -> None:
    """However many addresses guess, the user still gets in from where they have been before."""
    hub.enter("maria")
    for _ in range(29):
        hub.app.state.site.throttle.failed((PER_ACCOUNT, "account", "maria"))
    for n in (1, 2):
        Phone(hub.client(address=f"198.51.100.{n}")).send("/login", "/login", name="maria", password="x")
    elsewhere = Phone(hub.client(address="198.51.100.99"))
    assert elsewhere.send("/login", "/login", name="maria", password=PASSWORD).status_code == 429
    hub.enter("maria")


def test_a_session_ends_unused_and_in_the_end_anyway(hub: Hub) -> None:
    """Seven days without use end it, and thirty days with."""
    phone = hub.login("maria")
    hub.clock.pass_ms(users.SESSION_IDLE_MS - 1000)
    assert phone.get("/alerts").status_code == 200
    hub.clock.pass_ms(users.SESSION_IDLE_MS + 1000)
    assert phone.get("/alerts").status_code == 303
    again = hub.login("maria")
    for _ in range(4):
        hub.clock.pass_ms(users.SESSION_IDLE_MS - 1000)
        assert again.get("/alerts").status_code == 200
    hub.clock.pass_ms(3 * users.DAY_MS)
    assert again.get("/alerts").status_code == 303


def test_disabling_a_user_ends_their_session_at_once(hub: Hub) -> None:
    """The next page asks for a login."""
    phone = hub.login("maria")
    with hub.store.write() as tx:
        users.disable(tx, "maria", hub.clock())
    assert phone.get("/alerts").status_code == 303


def test_only_the_hash_of_a_cookie_is_kept(hub: Hub) -> None:
    """Whoever reads the database can log in as nobody."""
    phone = hub.enter("maria")
    cookie = phone.client.cookies["otorongo"]
    hub.store.close()
    raw = b"".join(path.read_bytes() for path in hub.folder.glob("hub.db*"))
    assert cookie.encode() not in raw
    assert PASSWORD.encode() not in raw


@pytest.mark.parametrize("url", ["http://127.0.0.1", "https://hub.reserva.example"])
def test_cookies_are_for_this_site_alone(hub: Hub, url: str) -> None:
    """HttpOnly and SameSite always; Secure and bound to the host unless browser and hub are one machine."""
    phone = Phone(hub.client(url=url))
    answer = phone.send("/login", "/login", name="maria", password=PASSWORD)
    (cookie,) = [one for one in answer.headers.get_list("set-cookie") if "otorongo=" in one]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert ("Secure" in cookie and cookie.startswith("__Host-")) == url.startswith("https")
    assert phone.get("/alerts").status_code == 200


@pytest.mark.parametrize("action", ["/logout", "/account/language", "/account/end", "/alerts/CODE/seen"])
def test_a_form_without_its_token_does_nothing(hub: Hub, action: str) -> None:
    """Every form is refused without the session's token, or with another session's."""
    phone, other = hub.login("maria"), hub.login("jose")
    code = hub.code("Cocha Larga", "logging")
    before = hub.alert(code)
    other_token = other.get("/account").text.split('name="csrf" value="')[1].split('"')[0]
    for given in ({}, {"csrf": ""}, {"csrf": other_token}):
        assert phone.client.post(action.replace("CODE", code), data=given).status_code == 403
    assert hub.alert(code) == before
    assert phone.get("/alerts").status_code == 200


def test_a_login_form_of_another_browser_is_refused(hub: Hub) -> None:
    """Nobody can log somebody else in as themselves: the form belongs to the browser that got it."""
    token = hub.client().get("/login").text.split('name="csrf" value="')[1].split('"')[0]
    answer = hub.client().post("/login", data={"csrf": token, "name": "maria", "password": PASSWORD})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}]
)
def test_a_form_from_another_site_is_refused(hub: Hub, headers: dict[str, str]) -> None:
    """Even with a token that holds."""
    phone = hub.login("maria")
    token = phone.get("/account").text.split('name="csrf" value="')[1].split('"')[0]
    assert phone.client.post("/logout", data={"csrf": token}, headers=headers).status_code == 403
    assert phone.client.post("/logout", data={"csrf": token}, headers={"origin": "null"}).status_code == 303


def test_nobody_is_sent_elsewhere_after_the_login(hub: Hub) -> None:
    """`next` leads to pages of this hub only."""
    for bad in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/login"):
        assert local(bad) == "/"
    bad_one = Phone(hub.client()).send("/login", "/login", name="maria", password=PASSWORD, next="//evil.example")
    assert bad_one.headers["location"] == "/"
    phone = Phone(hub.client())
    answer = phone.send("/login", "/login", name="maria", password=PASSWORD, next="/alerts?state=all")
    assert answer.headers["location"] == "/alerts?state=all"


def test_whose_session_ended_comes_back_to_the_page_of_the_form(hub: Hub) -> None:
    """What they pressed was not done, and they need not look for the alert again."""
    code = hub.code("Cocha Larga", "logging")
    for action, page in ((f"/alerts/{code}/going", f"/alerts/{code}"), ("/account/language", "/account")):
        answer = hub.client().post(action)
        assert answer.status_code == 401
        assert f'href="/login?next={page}"' in answer.text
    assert 'href="/login"' in hub.client().post("/logout").text


def test_every_answer_carries_the_headers(hub: Hub) -> None:
    """Pages, faults, static files and the API: nothing runs, frames, sniffs, refers or is stored that should not."""
    phone = hub.login("maria")
    for path in ("/login", "/alerts", "/nothing", "/static/site.css", "/healthz", "/api/v1/me", "/a/none"):
        headers = phone.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        expected = "public, max-age=31536000, immutable" if path.startswith("/static") else "no-store"
        assert headers["cache-control"] == expected


def test_more_than_a_form_holds_is_refused(hub: Hub) -> None:
    """A body past 64 kB is not read to its end."""
    answer = hub.client().post("/login", data={"name": "x" * 70_000})
    assert answer.status_code in (400, 413)


def test_a_password_is_changed_by_who_knows_it(hub: Hub) -> None:
    """The old one is asked for, the new one must be strong, and every other session ends."""
    phone, other = hub.login("maria"), hub.login("maria")
    new = "otra balsa seca canta"

    def change(old: str, one: str, two: str) -> int:
        return phone.send("/account", "/account/password", old=old, new=one, again=two).status_code

    assert change("falsa", new, new) == 422
    assert change(PASSWORD, new, new + "!") == 422
    assert change(PASSWORD, "corta", "corta") == 422
    assert change(PASSWORD, "maria maria 12", "maria maria 12") == 422
    assert change(PASSWORD, new, new) == 303
    assert phone.get("/alerts").status_code == 200
    assert other.get("/alerts").status_code == 303
    hub.enter("maria", new)


def test_one_ends_ones_own_sessions_only(hub: Hub) -> None:
    """Another phone can be logged out from this one, but not somebody else's."""
    phone, lost, other = hub.login("maria"), hub.login("maria"), hub.login("jose")
    theirs = users.digest(other.client.cookies["otorongo"]).hex()
    mine = users.digest(lost.client.cookies["otorongo"]).hex()
    phone.send("/account", "/account/end", session=theirs)
    phone.send("/account", "/account/end", session=mine)
    phone.send("/account", "/account/end", session="nonsense")
    assert other.get("/alerts").status_code == 200
    assert lost.get("/alerts").status_code == 303
    assert phone.get("/alerts").status_code == 200


def test_the_language_is_the_users(hub: Hub) -> None:
    """Chosen before the login by link, after it in the account."""
    phone = Phone(hub.client())
    assert "Contraseña" in phone.get("/login").text
    assert "Password" in phone.get("/login?lang=en").text
    assert "Password" in phone.get("/login").text
    phone = hub.login("maria")
    assert "Alertas" in phone.get("/alerts").text
    phone.send("/account", "/account/language", lang="en")
    assert "Alerts" in phone.get("/alerts").text
