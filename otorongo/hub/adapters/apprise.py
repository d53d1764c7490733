"""Messages by Apprise: Telegram, SMS gateways, mail, ntfy, JSON and many more, each named by an address."""

import contextvars
import datetime as dt
import email.utils
import logging
import warnings
from typing import Any, Final, NamedTuple

import apprise
import requests

from otorongo.hub.ports import Outgoing, Sent
from otorongo.language import say

log = logging.getLogger(__name__)

_LONGEST_WAIT_S: Final = 86_400.0


class _Answer(NamedTuple):
    status: int
    retry_after: str | None


_answers: "contextvars.ContextVar[list[_Answer] | None]" = contextvars.ContextVar("answers", default=None)
_send: Final = requests.Session.send


def _listening(self: requests.Session, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
    """Send as `requests` does, and note the status: Apprise says only whether it worked, and drops Retry-After."""
    response = _send(self, request, **kwargs)
    heard = _answers.get()
    if heard is not None:
        heard.append(_Answer(response.status_code, response.headers.get("Retry-After")))
    return response


class AppriseMessenger:
    """Sends by Apprise. Its addresses hold secrets: none of them is logged or stands in an error."""

    def __init__(self) -> None:
        requests.Session.send = _listening  # type: ignore[method-assign]
        # urllib3 writes paths at DEBUG, Apprise whole addresses as errors: for Telegram that is the bot's password.
        for name, level in (("urllib3", logging.WARNING), ("apprise", logging.CRITICAL + 1)):
            logging.getLogger(name).setLevel(level)
        self._asset = apprise.AppriseAsset(app_id="Otorongo", app_desc="Otorongo", async_mode=False)
        with warnings.catch_warnings():
            # The first address makes Apprise load all its drivers, some of which import what Python will drop.
            warnings.simplefilter("ignore", DeprecationWarning)
            apprise.Apprise.instantiate("json://127.0.0.1", asset=self._asset)

    def send(self, url: str, message: Outgoing, timeout_s: float) -> Sent:
        """Send one message to one address."""
        try:
            service = apprise.Apprise.instantiate(url, asset=self._asset, suppress_exceptions=True)
        except Exception as error:  # noqa: BLE001 - an address is input, and its parsers are many
            return Sent(ok=False, error=say("the address cannot be read: {error}", error=type(error).__name__))
        if service is None or not hasattr(service, "notify"):
            return Sent(ok=False, error=say("the address is none that Apprise knows: see its list of services"))
        service.socket_connect_timeout = service.socket_read_timeout = timeout_s
        extras = getattr(service, "payload_extras", None)
        if isinstance(extras, dict):
            extras["delivery"] = message.delivery
        heard: list[_Answer] = []
        mark = _answers.set(heard)
        try:
            ok = bool(service.notify(body=message.text, title=message.title))
        except Exception as error:  # noqa: BLE001 - any of 170 drivers; its text may hold the address
            log.warning("delivery %s: the channel failed: %s", message.delivery, type(error).__name__)
            return Sent(
                ok=False, error=say("the channel failed: {error}", error=type(error).__name__), possible_repeat=True
            )
        finally:
            _answers.reset(mark)
        return _outcome(heard, ok=ok)


def _outcome(heard: list[_Answer], *, ok: bool) -> Sent:
    if ok:
        return Sent(ok=True)
    refused = next((one for one in reversed(heard) if one.status >= 400), None)
    if refused is None:
        return Sent(ok=False, error=say("no answer from the channel"), possible_repeat=True)
    return Sent(
        ok=False,
        error=say("the channel answered {status}", status=refused.status),
        retry_after_s=wait_s(refused.retry_after),
    )


def wait_s(text: str | None, now: dt.datetime | None = None) -> float | None:
    """Seconds that a Retry-After asks for, given as seconds or as a date (RFC 9110, 10.2.3); None: nothing sensible."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            until = email.utils.parsedate_to_datetime(text)
        except ValueError:
            return None
        until = until if until.tzinfo else until.replace(tzinfo=dt.UTC)
        seconds = (until - (now or dt.datetime.now(dt.UTC))).total_seconds()
    return min(seconds, _LONGEST_WAIT_S) if 0 <= seconds < float("inf") else None
