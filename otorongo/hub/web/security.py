"""What holds for every answer and every request, whatever the page: headers, size, and where a form came from."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

MOST_BYTES: Final = 64 * 1024
"""Of what somebody sends: the longest form is a fraction of it."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-robots-tag", b"noindex, nofollow"),
)
_SAFE: Final = ("GET", "HEAD", "OPTIONS")


class TooLarge(Exception):
    """Somebody sends more than any form holds."""


class Guard:
    """ASGI: adds the headers, refuses forms from other sites and bodies that are too large."""

    def __init__(self, app: Asgi, public_url: str) -> None:
        self._app = app
        self._public_host = urlsplit(public_url).netloc

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        secure = scope.get("scheme") == "https"
        begun = False

        async def with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [*message.get("headers", ()), *self._extra(message, secure=secure)]
            await send(message)

        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MOST_BYTES:
                raise TooLarge
            return message

        if "\0" in scope["path"] or b"%00" in scope.get("query_string", b""):
            # No name and no code holds one, and PostgreSQL takes none.
            await _refuse(with_headers, 400, b"There is a character of no text in this address.\n")
            return
        if scope["method"] not in _SAFE and self._foreign(headers):
            await _refuse(with_headers, 403, b"This form was sent from another site.\n")
            return
        try:
            await self._app(scope, bounded, with_headers)
        except TooLarge:
            if not begun:
                await _refuse(with_headers, 413, b"Too large.\n")

    def _extra(self, message: Message, *, secure: bool) -> "list[tuple[bytes, bytes]]":
        there = {name.lower() for name, _ in message.get("headers", ())}
        extra = [(name, value) for name, value in HEADERS if name not in there]
        if b"cache-control" not in there:
            extra.append((b"cache-control", b"no-store"))
        if secure:
            extra.append((b"strict-transport-security", b"max-age=31536000"))
        return extra

    def _foreign(self, headers: "dict[bytes, str]") -> bool:
        """Whether a browser says that another site sent this. The CSRF token is what decides where it says nothing."""
        if headers.get(b"sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return True
        origin = headers.get(b"origin", "null")  # `null` is what browsers send under our referrer policy
        return origin != "null" and urlsplit(origin).netloc not in (headers.get(b"host", ""), self._public_host)


async def _refuse(send: Send, status: int, text: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})
