"""The pages in a real browser, on a small phone: nothing overflows, nothing is heavy, nothing needs a script."""

import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Response, sync_playwright
from sqlalchemy import update

from otorongo.hub import acts, db
from otorongo.hub.answers import Who
from otorongo.hub.web.app import create_app
from tests.web import cameras, visits
from tests.web.conftest import Hub
from tests.web.seed import BROOK, HEADWATERS, LAKE, PASSWORD

pytestmark = pytest.mark.slow

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}
MOST_BYTES = 100_000
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]

_CONTRAST = """
() => {
  const rgb = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => { const f = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0.9) return c; } return [255, 255, 255]; };
  const bad = [];
  for (const e of document.querySelectorAll("main *, header *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility()) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push(`${e.tagName}.${e.className} ${ratio.toFixed(2)} ${e.textContent.trim().slice(0, 30)}`);
  }
  return bad;
}
"""
_SMALL = """
() => [...document.querySelectorAll("button, select, summary, nav a, a.button, .card > a, input:not([type=hidden])")]
  .filter((e) => e.checkVisibility() && (e.closest("label.choice") || e).getBoundingClientRect().height < 43.5)
  .map((e) => `${e.tagName} ${e.textContent.trim().slice(0, 30)} ${e.getBoundingClientRect().height}`)
"""
_BROKEN = """
() => {
  const broken = [], texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (texts.nextNode())
    for (const { 0: name, index } of texts.currentNode.textContent.matchAll(/[A-Z]-\\d\\d/g)) {
      const range = document.createRange();
      range.setStart(texts.currentNode, index);
      range.setEnd(texts.currentNode, index + name.length);
      const lines = new Set([...range.getClientRects()].map((one) => Math.round(one.top)));
      if (lines.size > 1) broken.push(name);
    }
  return broken;
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, as Debian packs it."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no browser: apt-get install chromium")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def url(read_hub: Hub) -> Iterator[str]:
    """The hub's pages, served on loopback."""
    with served(read_hub) as address:
        yield address


@contextmanager
def served(hub: Hub) -> Iterator[str]:
    """The pages of a hub, as uvicorn serves them."""
    app = create_app(hub.store, hub.seeded.rules, data_dir=hub.folder)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


@contextmanager
def phone(browser: Browser, url: str, name: str = "", **options: Any) -> Iterator[Page]:
    """A page in somebody's hand, logged in if they have a name."""
    context = browser.new_context(**{"viewport": PHONE, "color_scheme": "dark", "locale": "es-PE", **options})
    page = context.new_page()
    if name:
        page.goto(f"{url}/login")
        page.fill("[name=name]", name)
        page.fill("[name=password]", PASSWORD)
        page.click("main form button")
        page.wait_for_url(re.compile(r"/(alerts|stations)$"))
    yield page
    context.close()


def pages(hub: Hub) -> dict[str, list[str]]:
    """Every page, by who opens it; the empty name is nobody."""
    saw, hunt = hub.code(LAKE, "logging"), hub.code(BROOK, "poaching")
    sealed = hub.code(HEADWATERS, "presence")
    return {
        "": ["/login", f"/a/{hub.seeded.tokens['maria', saw]}", f"/a/{hub.seeded.tokens['pilar', sealed]}"],
        "jose": ["/alerts", f"/alerts/{saw}", f"/alerts/{hunt}", "/events", "/events?what=insects"],
        "carla": [
            "/alerts?state=all",
            f"/alerts?code={saw}",
            f"/alerts/{saw}",
            "/events",
            "/stations",
            "/stations/K-04",
            "/stations/P-07",
            "/log",
        ],
        "wren": [f"/alerts/{hunt}", "/account"],
        "pilar": [f"/alerts/{sealed}"],
        "nadie": ["/alerts"],
    }


class Watched:
    """What a page fetched, and what it complained of."""

    def __init__(self, page: Page) -> None:
        self.weight, self.complaints = 0, list[str]()
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        page.on("response", self._weigh)
        page.on("console", lambda one: self.complaints.append(one.text) if one.type != "log" else None)
        page.on("pageerror", lambda one: self.complaints.append(str(one)))

    def _weigh(self, response: Response) -> None:
        if response.request.resource_type not in ("image", "media") or "/static/" in response.url:
            self.weight += int(response.headers.get("content-length", 0)) + 1500  # and headers


@pytest.mark.parametrize("name", ["", "jose", "carla", "wren", "pilar", "nadie"])
def test_every_page_fits_a_small_phone(browser: Browser, read_hub: Hub, url: str, name: str) -> None:
    """At 360 px no page scrolls sideways, weighs over 100 kB without media, complains, or has a button for mice."""
    with phone(browser, url, name) as page:
        watched = Watched(page)
        for lang in ("es", "en"):
            if name:
                page.goto(f"{url}/account")
                page.click(f"button[name=lang][value={lang}]")
            else:
                page.goto(f"{url}/login?lang={lang}")
            for path in pages(read_hub)[name]:
                watched.weight = 0
                page.goto(url + path, wait_until="load")
                for summary in page.query_selector_all("summary"):
                    summary.click()
                width, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
                assert width <= inner == 360, f"{path} is {width} px wide"
                assert 5000 < watched.weight <= MOST_BYTES, f"{path}: {watched.weight} B"
                assert watched.complaints == [], path
                assert page.evaluate(_SMALL) == [], path
                page.set_viewport_size(DESK)  # type: ignore[arg-type]
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
                page.set_viewport_size(PHONE)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "extra"), [("carla", []), ("jose", []), ("pilar", ["/events"])])
def test_no_line_ends_within_the_name_of_a_station(
    browser: Browser, read_hub: Hub, url: str, name: str, extra: list[str]
) -> None:
    """However narrow a page is, `K-02` stands in one line, and nothing scrolls sideways for it."""
    with phone(browser, url, name) as page:
        for path in (*pages(read_hub)[name], *extra):
            page.goto(url + path)
            for summary in page.query_selector_all("summary"):
                summary.click()
            for width in range(320, 401, 4):
                page.set_viewport_size({"width": width, "height": 740})
                assert page.evaluate(_BROKEN) == [], f"{path} at {width} px"
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} at {width} px"


@pytest.mark.parametrize("lang", ["es", "en"])
def test_the_hours_of_a_camera_fit_a_small_phone(browser: Browser, hub: Hub, lang: str) -> None:
    """Blind hours and faults are read in both schemes, with nothing cut off, and stand on the page without a script."""
    cameras.hours(hub)
    for scheme in ("dark", "light"):
        with served(hub) as url, phone(browser, url, "carla", color_scheme=scheme) as page:
            page.goto(f"{url}/account")
            page.click(f"button[name=lang][value={lang}]")
            page.goto(f"{url}/stations/K-03")
            for summary in page.query_selector_all("summary"):
                summary.click()
            width, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert width <= inner == 360
            assert page.evaluate(_CONTRAST) == []
            assert page.evaluate(_SMALL) == []
            shown = page.inner_text("main")
            assert ("vio 20 min" if lang == "es" else "saw for 20 min") in shown


@pytest.mark.parametrize("lang", ["es", "en"])
def test_events_fit_a_small_phone(browser: Browser, hub: Hub, lang: str) -> None:
    """List, events of every kind and rejected frames: read in both schemes, nothing cut off, light, large enough."""
    made = visits.fill(hub)
    paths = ["/events", *(made.events[word] for word in ("jaguar", "herd", "howler", "walker")), "/stations/K-03"]
    for scheme in ("dark", "light"):
        with served(hub) as url, phone(browser, url, "carla", color_scheme=scheme) as page:
            page.goto(f"{url}/account")
            page.click(f"button[name=lang][value={lang}]")
            watched = Watched(page)
            for path in paths:
                watched.weight = 0
                page.goto(url + path, wait_until="load")
                for summary in page.query_selector_all("summary"):
                    summary.click()
                width, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
                assert width <= inner == 360, path
                assert 5000 < watched.weight <= MOST_BYTES, f"{path}: {watched.weight} B"
                assert watched.complaints == [], path
                assert page.evaluate(_CONTRAST) == [], path
                assert page.evaluate(_SMALL) == [], path


def test_an_event_is_found_and_reviewed_without_a_script(browser: Browser, hub: Hub) -> None:
    """Searched by animal, its picture seen, two kinds named: all with JavaScript switched off."""
    made = visits.fill(hub)
    with served(hub) as url, phone(browser, url, "jose", java_script_enabled=False) as page:
        page.goto(f"{url}/events")
        page.click("details summary")
        page.select_option("[name=what]", str(visits.NUMBERS["pecari tajacu"]))
        page.click("form.filters button")
        assert page.locator(".card").count() == 1
        page.click(f"a[href='{made.events['herd']}']")
        assert page.locator("figure img").evaluate("(e) => e.complete && e.naturalWidth") == 320
        page.click("details.closing summary")
        page.check("[name=verdict][value=other]")
        for at, (name, count) in enumerate((("pecari tajacu", "3"), ("dasyprocta variegata", "1"))):
            page.locator("[name=kind]").nth(at).select_option(str(visits.NUMBERS[name]))
            page.locator("[name=many]").nth(at).fill(count)
        page.click("form[action$='/review'] button")
        assert "Guardado. Gracias." in page.inner_text(".told >> nth=0")
        assert "Pecarí de collar (Dicotyles tajacu) · 3, agutí" in page.inner_text("h1")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_what_is_written_can_be_read(browser: Browser, read_hub: Hub, url: str, scheme: str) -> None:
    """At night and by day every text stands out from its ground by 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    with phone(browser, url, "carla", color_scheme=scheme) as page:
        for path in (*pages(read_hub)["carla"], f"/alerts/{read_hub.code(BROOK, 'poaching')}", "/account"):
            page.goto(url + path)
            assert page.evaluate(_CONTRAST) == [], path


def test_from_the_link_of_a_message_by_the_login_to_its_alert(browser: Browser, hub: Hub) -> None:
    """Who is logged out lands on that alert: also after a slip, in another language, and by a link that has expired."""
    code = hub.code(LAKE, "logging")
    link = f"/a/{hub.seeded.tokens['maria', code]}"
    with served(hub) as url, phone(browser, url, java_script_enabled=False) as page:
        for expired in (False, True):
            if expired:
                with hub.store.write() as tx:
                    tx.execute(update(db.tokens).values(expires_ms=1))
            page.context.clear_cookies()
            page.goto(url + link)
            assert ("El enlace ya no vale" in page.inner_text("h1")) is expired
            page.click("main a.button")
            page.click(".languages a[lang=en]")
            for password in ("no", PASSWORD):
                page.fill("[name=name]", "maria")
                page.fill("[name=password]", password)
                page.click("main form button")
            assert page.url == f"{url}/alerts/{code}"
            assert "Tala · Cocha Larga" in page.inner_text("h1")


def test_everything_is_done_without_a_script(browser: Browser, hub: Hub) -> None:
    """Logging in, seen, I go, back, closing with two people, logging out: all with JavaScript switched off."""
    code = hub.code(LAKE, "logging")
    with served(hub) as url:
        with phone(browser, url, "carla", java_script_enabled=False) as page:
            page.goto(f"{url}/alerts")
            page.click(f"a[href='/alerts/{code}']")
            page.click("form[action$='/refuse'] button")
            page.click("form[action$='/seen'] button")
            assert "Hecho." in page.inner_text(".told")
            page.click("details summary.go")
            page.fill("[name=party]", "Carla y Beto")
            page.fill("[name=route]", "trocha 4")
            page.click("form[action$='/going'] button")
            assert "Carla y Beto; trocha 4" in page.inner_text("main")
            assert hub.alert(code)["state"] == "acknowledged"
            page.click("form[action$='/back'] button")
            page.click("details.closing summary")
            page.check("[name=what][value=by_right]")
            page.click("form[action$='/close'] button")
            assert "sigue abierta hasta que confirme" in page.inner_text(".told")
            page.goto(f"{url}/account")
            page.click("form[action='/logout'] button")
            assert page.url.endswith("/login")
        with phone(browser, url, "jose", java_script_enabled=False) as page:
            page.goto(f"{url}/alerts/{code}")
            page.click("form[action$='/agree'] button")
            assert "La alerta está cerrada." in page.inner_text(".told")
    assert hub.alert(code)["resolution"] == "by_right"


def test_sound_is_heard_and_pictures_are_seen(browser: Browser, read_hub: Hub, url: str) -> None:
    """Chromium plays the clip to its length and draws spectrogram and photograph."""
    with phone(browser, url, "jose") as page:
        page.goto(f"{url}/alerts/{read_hub.code(LAKE, 'logging')}")
        seconds = page.evaluate(
            "new Promise((done, no) => { const a = document.querySelector('audio'); a.onloadedmetadata = () =>"
            " done(a.duration); a.onerror = no; a.preload = 'metadata'; a.load(); })"
        )
        assert 7.5 < seconds < 8.5
        for image in page.query_selector_all("figure img"):
            image.scroll_into_view_if_needed()
            page.wait_for_function("(e) => e.complete && e.naturalWidth >= 320", arg=image)


def test_the_list_keeps_itself_fresh_and_backs_off(browser: Browser, hub: Hub) -> None:
    """What others do appears by itself; without a link it asks ever more seldom and says since when it is old."""
    code = hub.code(LAKE, "logging")
    asked: list[str] = []
    with served(hub) as url, phone(browser, url, "jose") as page:
        page.clock.install()
        page.goto(f"{url}/alerts")
        page.on("request", lambda one: asked.append(one.url) if "part=list" in one.url else None)
        card = page.locator(f"li:has(a[href='/alerts/{code}'])")
        assert "cierre por confirmar" in card.inner_text()
        acts.act(hub.store, hub.seeded.rules, code, Who("carla", "oficina"), "refuse", hub.clock())
        with page.expect_response(re.compile("part=list")) as first:
            page.clock.run_for(30_000)
        assert first.value.status == 200
        page.wait_for_function("!document.querySelector('.badge.pending')")
        with page.expect_response(re.compile("part=list")) as second:
            page.clock.run_for(30_000)
        assert second.value.status == 304

        page.context.set_offline(True)
        counts = []
        for _ in range(2):
            asked.clear()
            for _ in range(30):
                page.clock.run_for(10_000)
            counts.append(len(asked))
        assert counts[0] > counts[1] >= 0
        notice = page.locator("#offline")
        notice.wait_for(state="visible")
        assert "Sin conexión con el centro. Última actualización: hace" in notice.inner_text()
        page.context.set_offline(False)
        for _ in range(90):
            page.clock.run_for(10_000)
            if not notice.is_visible():
                break
        notice.wait_for(state="hidden")
