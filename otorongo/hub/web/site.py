"""What every page needs: the store, the rules, the folder of evidence, the clock, and how often one may try."""

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from fastapi import Depends, Request
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from otorongo.hub.rules import Rules
from otorongo.hub.store import Store

PER_ADDRESS: Final = parse("20/15minutes")
PER_ACCOUNT_HERE: Final = parse("5/15minutes")
"""For one account from one address."""
PER_ACCOUNT: Final = parse("30/hour")
"""For one account from addresses where it has never been: a stranger's guesses must not shut a ranger out at home."""
LINKS_PER_ADDRESS: Final = parse("30/15minutes")
"""Links that are none."""
Key = tuple[RateLimitItem, str, str]


class Throttle:
    """Counts what failed, in this process's memory. Several web processes each count their own."""

    def __init__(self) -> None:
        self._window = MovingWindowRateLimiter(MemoryStorage())

    def wait_s(self, *keys: Key) -> int:
        """How long until another try is allowed; 0: now."""
        full = [key for key in keys if not self._window.test(*key)]
        if not full:
            return 0
        return max(1, round(max(self._window.get_window_stats(*key).reset_time for key in full) - time.time()))

    def failed(self, *keys: Key) -> None:
        """Count a failure."""
        for key in keys:
            self._window.hit(*key)


@dataclass(frozen=True)
class Site:
    """One hub's pages."""

    store: Store
    rules: Rules
    media: Path
    """Folder of the evidence that stations sent."""
    now_ms: Callable[[], int]
    pseudonym_key: bytes
    throttle: Throttle = field(default_factory=Throttle)


def of(request: Request) -> Site:
    """The site that a request asks."""
    site: Site = request.app.state.site
    return site


Here = Annotated[Site, Depends(of)]


def address(request: Request) -> str:
    """Where a request comes from, as uvicorn believes it; of IPv6 the network, because one house has many addresses."""
    host = request.client.host if request.client else ""
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    if ip.version == 6 and not ip.is_loopback:
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return host


def at_home(request: Request) -> bool:
    """Whether browser and hub are on one machine: only then may a cookie travel without TLS."""
    return request.url.hostname in ("127.0.0.1", "localhost", "::1")
