"""Delivers what was intended: claims what is due, sends it under its id, and writes down what became of it.

The intent was committed with the alert. A worker that dies between sending and writing leaves the delivery `sending`;
after its lease another sends it again under the same id, marked as a possible repeat.
"""

import hashlib
import logging
import random
import secrets
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from otorongo.hub import messages, store_alerts, store_deliveries
from otorongo.hub.config import NotifyConfig
from otorongo.hub.config_persons import ChannelConfig
from otorongo.hub.ports import Messenger, Outgoing, Sent
from otorongo.hub.rules import Rules
from otorongo.hub.store import Found, Store, Tx
from otorongo.language import say

log = logging.getLogger(__name__)

AT_ONCE: Final = 8
"""Sent side by side, so that one channel that hangs does not hold up the others."""
MAX_URL: Final = 4096
_LINKED: Final = ("ring", "raise", "rering", "overdue", "extended", "audit")


class Letter(NamedTuple):
    """A claimed delivery, ready to go; or why it cannot."""

    row: Found
    url: str
    message: Outgoing | None
    error: str = ""


def run_due(store: Store, messenger: Messenger, rules: Rules, now_ms: int) -> int:
    """Send what is due, at most AT_ONCE; how many were tried. Call again at once if that many, else when due."""
    notify = rules.config.notify
    lease_ms = int(3 * notify.timeout_s * 1000) + 60_000
    with store.write() as tx:
        letters = [
            _letter(tx, rules, row, now_ms)
            for row in store_deliveries.claim(tx, now_ms, lease_ms=lease_ms, limit=AT_ONCE)
        ]
    if not letters:
        return 0
    began_s = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="notify") as pool:
        for letter, sent in zip(letters, pool.map(lambda one: _send(messenger, one, notify), letters), strict=True):
            done_ms = now_ms + int((time.monotonic() - began_s) * 1000)
            with store.write() as tx:
                _write_down(tx, letter.row, sent, notify, done_ms)
    return len(letters)


def take_over(store: Store, rules: Rules, now_ms: int) -> int:
    """What a hub that was killed was just sending is due after the pause of a failed attempt; how many. Only for a hub
    that is alone on its store: nobody else can be sending then, and nobody need wait for the lease to end.
    """
    with store.write() as tx:
        mine = store_deliveries.lent(tx, now_ms)
        for row in mine:
            pause_ms = int(pause_s(row["attempts"], None, rules.config.notify) * 1000)
            store_deliveries.end_lease(tx, row["id"], now_ms + pause_ms)
    return len(mine)


def next_due_ms(store: Store) -> int | None:
    """When there is something to send again; None: nothing waits."""
    with store.read() as tx:
        return store_deliveries.next_due(tx)


def token_hash(token: str) -> bytes:
    """What the store keeps of a link's token."""
    return hashlib.sha256(token.encode()).digest()


def _letter(tx: Tx, rules: Rules, row: Found, now_ms: int) -> Letter:
    person = rules.person(row["person"])
    if person is None or row["channel"] >= len(person.channels):
        return Letter(row, "", None, f"{row['person']} has no channel {row['channel']} in hub.toml any more")
    channel = person.channels[row["channel"]]
    try:
        url = address(channel)
    except (OSError, ValueError) as error:
        return Letter(row, "", None, f"{channel.url_file}: {error.strerror if isinstance(error, OSError) else error}")
    alert = store_alerts.alert(tx, row["alert"])
    link = _link(tx, rules, row, now_ms) if alert and row["kind"] in _LINKED else ""
    return Letter(row, url, messages.compose(row, alert, person, channel, link))


def address(channel: ChannelConfig) -> str:
    """The address of a channel. Raises OSError, or ValueError if the file holds none; neither text holds a secret."""
    if channel.url:
        return channel.url
    lines = [line.strip() for line in Path(channel.url_file).read_text()[:MAX_URL].splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    if len(found) != 1 or "://" not in found[0]:
        raise ValueError(say("holds no address: one line, such as tgram://BOT/CHAT"))
    return found[0]


def _link(tx: Tx, rules: Rules, row: Found, now_ms: int) -> str:
    """A link of one's own: 128 random bits, of which only the hash is kept."""
    token = secrets.token_urlsafe(16)
    web = rules.config.web
    store_deliveries.add_token(
        tx,
        {
            "hash": token_hash(token),
            "alert": row["alert"],
            "person": row["person"],
            "delivery": row["id"],
            "created_ms": now_ms,
            "expires_ms": now_ms + int(web.link_valid_h * 3_600_000),
            "used_ms": 0,
        },
    )
    return f"{web.public_url.rstrip('/')}/a/{token}"


def _send(messenger: Messenger, letter: Letter, notify: NotifyConfig) -> Sent:
    if letter.message is None:
        return Sent(ok=False, error=letter.error)
    return messenger.send(letter.url, letter.message, notify.timeout_s)


def _write_down(tx: Tx, row: Found, sent: Sent, notify: NotifyConfig, now_ms: int) -> None:
    if sent.ok:
        store_deliveries.sent(tx, row["id"], now_ms)
        store_alerts.log(tx, row["alert"], now_ms, "sent", data=_told(row))
        log.info("alert %s: %s to %s sent, delivery %s", row["alert"], row["kind"], row["person"], row["id"])
        return
    over_ms = row["created_ms"] + int(notify.give_up_after_h * 3_600_000)
    given_up = now_ms >= over_ms
    # However long the pause would be: once more when the time is over.
    next_ms = min(now_ms + int(pause_s(row["attempts"], sent.retry_after_s, notify) * 1000), over_ms)
    log.warning(
        "alert %s: %s to %s not sent: %s%s, delivery %s",
        *(row["alert"], row["kind"], row["person"], sent.error),
        *(say("; given up") if given_up else "", row["id"]),
    )
    when = None if given_up else next_ms
    store_deliveries.failed(tx, row["id"], sent.error, next_at_ms=when, possible_repeat=sent.possible_repeat)
    if given_up:
        store_alerts.log(tx, row["alert"], now_ms, "not_sent", data={**_told(row), "error": sent.error})


def _told(row: Found) -> dict[str, object]:
    return {"delivery": row["id"], "person": row["person"], "channel": row["channel"], "kind": row["kind"]}


def pause_s(attempts: int, asked_s: float | None, notify: NotifyConfig, chance: float | None = None) -> float:
    """Until the next try: as the channel asked, or doubling from first pause to longest, give or take a fifth."""
    if asked_s is not None:
        return max(asked_s, 1.0)
    longest = min(notify.retry_first_s * 2.0 ** min(attempts - 1, 30), notify.retry_most_s)
    return longest * (0.8 + 0.4 * (random.random() if chance is None else chance))


def intend_test(tx: Tx, rules: Rules, people: Sequence[str], now_ms: int, run: str) -> int:
    """Intend a test message to every channel of these people; `run` tells one test from the next. How many."""
    intents = [
        {
            "id": str(uuid.uuid4()),
            "alert": f"test-{run}"[:24],
            "person": name,
            "channel": number,
            "kind": "test",
            "created_ms": now_ms,
            "next_at_ms": now_ms,
        }
        for name in people
        if (person := rules.person(name)) is not None
        for number in range(len(person.channels))
    ]
    return store_deliveries.add(tx, intents)
