"""What the pages' tests ask for: a seeded hub of one's own, and people at their phones."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
import pytest
from fastapi import FastAPI

from otorongo.hub import users
from otorongo.hub.store import Found, Store
from otorongo.hub.store_alerts import alert as alert_of
from otorongo.hub.web.app import create_app
from tests.web import seed
from tests.web.seed import PASSWORD, Seeded

HOME = "http://127.0.0.1"
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass
class Clock:
    """The hub's clock, with hands."""

    now_ms: int

    def __call__(self) -> int:
        """UTC in ms."""
        return self.now_ms

    def pass_ms(self, ms: int) -> None:
        """Let time pass."""
        self.now_ms += ms


class Wire(httpx.BaseTransport):
    """Carries requests to the application without a network, from an address of one's choice."""

    def __init__(self, app: FastAPI, address: str) -> None:
        self._asgi = httpx.ASGITransport(app=app, client=(address, 50_000))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One request, to its end."""

        async def ask() -> httpx.Response:
            answer = await self._asgi.handle_async_request(request)
            return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

        return anyio.run(ask)


@dataclass
class Hub:
    """A hub with its pages."""

    store: Store
    app: FastAPI
    seeded: Seeded
    clock: Clock
    folder: Path

    def client(self, url: str = HOME, address: str = "127.0.0.1") -> httpx.Client:
        """A browser that nobody has logged in with."""
        return httpx.Client(transport=Wire(self.app, address), base_url=url)

    def login(self, name: str) -> "Phone":
        """Somebody who has a session; `enter` takes the way through the form, which costs an Argon2."""
        with self.store.write() as tx:
            cookie = users.open_session(tx, name, self.clock(), address="127.0.0.1", agent="test")
        phone = Phone(self.client())
        phone.client.cookies.set("otorongo", cookie, domain="127.0.0.1")
        return phone

    def enter(self, name: str, password: str = PASSWORD) -> "Phone":
        """Somebody who logs in."""
        phone = Phone(self.client())
        answer = phone.send("/login", "/login", name=name, password=password)
        assert answer.status_code == 303, answer.text
        return phone

    def code(self, place: str, activity: str) -> str:
        """The code of a seeded alert."""
        return self.seeded.alerts[place, activity]

    def alert(self, code: str) -> Found:
        """An alert as the store has it."""
        with self.store.read() as tx:
            row = alert_of(tx, code)
        assert row is not None
        return row


@dataclass
class Phone:
    """A browser in somebody's hand."""

    client: httpx.Client

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Open a page."""
        return self.client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def send(self, page: str, action: str, /, **fields: str) -> httpx.Response:
        """Fill in a form of a page, with the token that the page carries, and send it."""
        found = _CSRF.search(self.get(page).text)
        token = {"csrf": found[1]} if found else {}
        return self.client.post(action, data={**token, **fields})


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Seeded]:
    """The folder of a seeded hub that is not running."""
    folder = tmp_path_factory.mktemp("reserve")
    store = Store.open(f"sqlite:///{folder / 'hub.db'}")
    made = seed.seed(store, seed.rules(folder), folder, time.time_ns() // 1_000_000)
    store.close()
    return folder, made


@pytest.fixture
def new_hub(seeded: tuple[Path, Seeded], tmp_path: Path) -> Iterator[Callable[[], Hub]]:
    """Makes seeded hubs that one test may change."""
    stores: list[Store] = []

    def make() -> Hub:
        folder = tmp_path / f"hub{len(stores)}"
        shutil.copytree(seeded[0], folder)
        store = Store.open(f"sqlite:///{folder / 'hub.db'}")
        stores.append(store)
        clock = Clock(seeded[1].now_ms)
        return Hub(store, create_app(store, seeded[1].rules, data_dir=folder, now_ms=clock), seeded[1], clock, folder)

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def hub(new_hub: Callable[[], Hub]) -> Hub:
    """A seeded hub."""
    return new_hub()


@pytest.fixture(scope="module")
def read_hub(seeded: tuple[Path, Seeded], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A seeded hub for all tests of a file, which only read."""
    folder = tmp_path_factory.mktemp("read") / "hub"
    shutil.copytree(seeded[0], folder)
    store = Store.open(f"sqlite:///{folder / 'hub.db'}")
    clock = Clock(seeded[1].now_ms)
    yield Hub(store, create_app(store, seeded[1].rules, data_dir=folder, now_ms=clock), seeded[1], clock, folder)
    store.close()
