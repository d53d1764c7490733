"""A thread that does one thing again and again, survives what it stumbles over, and says when it last moved."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from otorongo.errors import OtorongoError
from otorongo.language import say

log = logging.getLogger(__name__)

_PAUSE_S: Final = 2.0
_JOIN_S: Final = 30.0


class Round:
    """Duties that are done one after the other, again and again; each fails alone, and is counted and logged."""

    def __init__(self, duties: Mapping[str, Callable[[], object]]) -> None:
        self.stumbles: Final = dict.fromkeys(duties, 0)
        """How often each raised."""
        self._duties = duties
        self._failing: set[str] = set()

    def __call__(self) -> None:
        """Do each of them once."""
        for name, duty in self._duties.items():
            try:
                duty()
            except Exception as error:  # noqa: BLE001 - told and counted below
                self._stumbled(name, error)
            else:
                self._failing.discard(name)

    def _stumbled(self, name: str, error: Exception) -> None:
        """Where it is the same again and again, as with a database that is away, one line is enough."""
        self.stumbles[name] += 1
        known = name in self._failing or isinstance(error, OtorongoError)
        log.error("%s: failed %d times: %s", name, self.stumbles[name], error, exc_info=None if known else error)
        self._failing.add(name)


class Worker:
    """Calls `turn` until stopped; `turn` gets the event to wait on, and returns within seconds of its setting."""

    def __init__(self, name: str, turn: Callable[[threading.Event], None], *, still_s: float = 90.0) -> None:
        self.name: Final = name
        self.stumbles = 0
        """How often a turn raised."""
        self.moved_s = time.monotonic()
        self._turn = turn
        self._still_s = still_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; `join` waits for it."""
        self._over.set()

    def join(self) -> None:
        """Wait until it has ended, for half a minute at most."""
        self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            log.error("%s: does not end", self.name)

    def fault(self) -> str:
        """Why it cannot be called well; empty: it is."""
        if not self._thread.is_alive():
            return say("{name} has ended", name=self.name)
        still_s = time.monotonic() - self.moved_s
        if still_s <= self._still_s:
            return ""
        return say("{name} has stood still for {still_s:.0f} s", name=self.name, still_s=still_s)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._turn(self._over)
            except Exception:
                self.stumbles += 1
                log.exception("%s: stumbled, and goes on", self.name)
                self._over.wait(_PAUSE_S)
            self.moved_s = time.monotonic()
