"""A ranger's phone, as far as a hub can tell: takes Apprise's JSON messages on loopback and remembers them."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

MAX_BYTES = 64 * 1024


class Message(NamedTuple):
    """What arrived."""

    at_s: float
    """Seconds since 1970."""
    path: str
    """Whose phone: `/maria`."""
    title: str
    body: str
    fields: dict[str, Any]
    """Everything that the JSON held."""


class Phone:
    """Listens on 127.0.0.1; `messages` holds what came, `on_message` is called with each."""

    def __init__(self, on_message: Callable[[Message], None] | None = None) -> None:
        self.messages: list[Message] = []
        self._tell = on_message
        self._refuse = 0
        self._lock = threading.Lock()
        phone = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = min(int(self.headers.get("Content-Length") or 0), MAX_BYTES)
                status = phone._take(self.path, self.rfile.read(length))
                self.send_response(status)
                if status == 429:
                    self.send_header("Retry-After", "1")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Nothing on the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="phone", daemon=True)
        self._thread.start()

    def url(self, who: str) -> str:
        """The Apprise address of somebody's phone."""
        return f"json://127.0.0.1:{self._server.server_port}/{who}"

    def refuse(self, times: int) -> None:
        """Answer the next messages with 429 and Retry-After, as a busy service does."""
        with self._lock:
            self._refuse = times

    def _take(self, path: str, raw: bytes) -> int:
        with self._lock:
            if self._refuse:
                self._refuse -= 1
                return 429
        try:
            fields = json.loads(raw)
        except ValueError:
            return 400
        message = Message(time.time(), path, str(fields.get("title", "")), str(fields.get("message", "")), fields)
        with self._lock:
            self.messages.append(message)
        if self._tell:
            self._tell(message)
        return 200

    def close(self) -> None:
        """Hang up."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
