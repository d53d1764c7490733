"""Who may use the hub's pages, what each role may do, and how passwords and secrets are kept.

Values and functions; the statements stand in `store_people.py`. A password is kept as Argon2id (RFC 9106), a session or
token only as its SHA-256: whoever reads the database can log in as nobody.
"""

import hashlib
import hmac
import os
import pwd
import secrets
import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn  # type: ignore[import-untyped]

from otorongo.hub import store_deliveries, store_people
from otorongo.hub.errors import HubError
from otorongo.hub.store import Found, Tx
from otorongo.language import say

DAY_MS: Final = 86_400_000
SESSION_IDLE_MS: Final = 7 * DAY_MS
"""A session that nobody used for so long is over."""
SESSION_LIFE_MS: Final = 30 * DAY_MS
"""A session is over after so long, used or not."""
MOST_NAME: Final = 80
SHORTEST: Final = 12
LONGEST: Final = 128
"""Characters of a password. Argon2 would take more, at the cost of the hub."""
STRONG: Final = 3
"""Of zxcvbn's 0 to 4: "safely unguessable" against an attack on the stolen, slowly hashed password."""
LANGUAGES: Final = ("es", "en")
COMMAND_LINE: Final = "command line: "
"""So begins in the log the name of who typed a command."""


class UserError(HubError):
    """A user that cannot be added or changed as asked."""


class WeakPassword(UserError):
    """A password that would be guessed. `reason` is a key: `short`, `long` or `guessable`."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason: Final = reason


class Role(StrEnum):
    """What somebody does here."""

    RANGER = "ranger"
    COORDINATOR = "coordinator"
    ECOLOGIST = "ecologist"
    TECHNICIAN = "technician"
    AUDITOR = "auditor"
    MONITOR = "monitor"
    """Of a community. Nothing about them leaks: others than coordinators see a pseudonym."""


class May(StrEnum):
    """One thing that a role may or may not do."""

    ALERTS = "alerts"
    """See alerts and their evidence: of one's own places, unless EVERYWHERE."""
    EVERYWHERE = "everywhere"
    """What one sees, one sees of every place; what is sealed, never."""
    DRILLS = "drills"
    """See the alerts of drills, wherever."""
    ACT = "act"
    """Say "seen" and "I go"."""
    CLOSE = "close"
    """Say that an alert is confirmed, false or by right, and confirm what another group said."""
    STATIONS = "stations"
    """See how stations do: of one's own places, unless EVERYWHERE."""
    NAMES = "names"
    """Read the names of community monitors."""
    AUDIT = "audit"
    """Read who saw what."""
    SEALED = "sealed"
    """Ask stations for sealed originals, and take them along, closed: to open one takes a key."""


CAN: Final = {
    Role.RANGER: frozenset({May.ALERTS, May.ACT, May.CLOSE, May.STATIONS}),
    Role.MONITOR: frozenset({May.ALERTS, May.ACT, May.CLOSE}),
    Role.COORDINATOR: frozenset(May),
    Role.ECOLOGIST: frozenset({May.ALERTS, May.EVERYWHERE, May.DRILLS, May.CLOSE, May.STATIONS}),
    Role.TECHNICIAN: frozenset({May.EVERYWHERE, May.DRILLS, May.STATIONS}),
    Role.AUDITOR: frozenset({May.ALERTS, May.EVERYWHERE, May.DRILLS, May.STATIONS, May.AUDIT, May.SEALED}),
}


@dataclass(frozen=True)
class User:
    """Somebody with a password."""

    name: str
    role: Role
    team: str
    """The group: two people of one group cannot both close an alert."""
    person: str
    """Their `[[person]]` in hub.toml, which says their places and channels; empty: none."""
    language: str
    disabled: bool = False

    def may(self, what: May) -> bool:
        """Whether the role allows it."""
        return what in CAN[self.role]

    @property
    def acts_as(self) -> str:
        """The name under which an alert's life knows them: the person's, so that link and login are one."""
        return self.person or self.name


def from_row(row: Found) -> User:
    """A user as the store has it."""
    role = Role(row["role"])
    return User(row["name"], role, row["team"], row["person"], row["language"], bool(row["disabled"]))


_HASHER: Final = PasswordHasher()
# Each check takes 64 MiB: a burst of guesses must not take the hub's memory.
_TURN: Final = threading.BoundedSemaphore(2)
_NOBODY: Final = "$argon2id$v=19$m=65536,t=3,p=4$6Tgm2v372Sb82uboD+cLtg$LBQewWLdoiGSpj4xDNlcfKBZ0WoRu3t1Q5zDjsHa+gw"


def hashed(password: str) -> str:
    """The Argon2id hash of a password, with its salt and costs."""
    with _TURN:
        return _HASHER.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Whether it is the password. None, for a user who is not there, takes as long and is never right."""
    if len(password) > LONGEST:
        return False
    with _TURN:
        try:
            _HASHER.verify(stored or _NOBODY, password)
        except (VerificationError, InvalidHashError):
            return False
    return stored is not None


def outdated(stored: str) -> bool:
    """Whether the hash was made with other costs than today's, and wants to be made anew at the next login."""
    return _HASHER.check_needs_rehash(stored)


def check_strength(password: str, *about: str) -> None:
    """Raise WeakPassword if it is short, or likely to be guessed by somebody who knows what `about` says."""
    if len(password) < SHORTEST:
        raise WeakPassword(
            "short",
            say(
                "the password has {count} characters: it needs at least {shortest}",
                count=len(password),
                shortest=SHORTEST,
            ),
        )
    if len(password) > LONGEST:
        raise WeakPassword(
            "long",
            say(
                "the password has {count} characters: at most {longest} are taken", count=len(password), longest=LONGEST
            ),
        )
    known = [word for word in ("otorongo", "contraseña", "contrasena", "guardia", "guardaparque", *about) if word]
    rest = password.casefold()
    for word in known:
        rest = rest.replace(word.casefold(), "")
    # zxcvbn refuses more than 72 characters and slows down with length; the first 72 are strong enough or not.
    if zxcvbn(password[:72], user_inputs=known)["score"] < STRONG or len(rest) < SHORTEST // 2:
        raise WeakPassword(
            "guessable", say("the password is easy to guess: try four words that do not belong together")
        )


def secret() -> str:
    """A new random secret for a cookie or a header, 256 bits."""
    return secrets.token_urlsafe(32)


def digest(text: str) -> bytes:
    """What the database keeps of a secret. The secret is random, so a fast hash is enough."""
    return hashlib.sha256(text.encode()).digest()


def pseudonym(key: bytes, name: str) -> str:
    """Four letters that stand for a name at this hub, and cannot be found from a list of names without its key."""
    mac = hmac.new(key, name.encode(), hashlib.sha256).digest()
    return "".join("BCDFGHJKLMNPRSTVWXYZ"[byte % 20] for byte in mac[:4])


def at_the_machine() -> str:
    """Who types a command of the hub, as the log calls them: by the number that the system gives, whatever they set."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a number without a name, as in a container
        name = str(os.getuid())
    sudo = os.environ.get("SUDO_USER", "")
    return f"{COMMAND_LINE}{name}{f' (sudo: {sudo})' if sudo else ''}"[:MOST_NAME]


def saw_command(tx: Tx, now_ms: int, what: str, subject: str, data: Any = None) -> None:
    """Write into the log that auditors read what somebody did at the hub's machine."""
    store_people.saw(tx, now_ms, at_the_machine(), what, subject=subject, data=data)


def add(tx: Tx, user: User, password: str, now_ms: int) -> None:
    """Add a user. Raises UserError if the name is taken, empty or odd, and WeakPassword."""
    _check_name(user.name)
    if user.language not in LANGUAGES:
        raise UserError(
            say(
                "{name}: language {language!r} (allowed: {names})",
                name=user.name,
                language=user.language,
                names=", ".join(LANGUAGES),
            )
        )
    check_strength(password, user.name, user.person, user.team)
    values: dict[str, Any] = {
        "name": user.name,
        "password": hashed(password),
        "role": str(user.role),
        "team": user.team,
        "person": user.person,
        "language": user.language,
        "created_ms": now_ms,
        "changed_ms": now_ms,
    }
    if not store_people.add_user(tx, values):
        raise UserError(
            say("{name}: there is a user of that name already (see otorongo-hub user list)", name=user.name)
        )


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= MOST_NAME or not all(c.isalnum() or c in ".-_@" for c in name):
        raise UserError(say("{name!r}: a user's name is 1 to 80 letters, digits, dots, - _ and @", name=name))


def set_password(tx: Tx, name: str, password: str, now_ms: int) -> None:
    """Give a user another password and end all sessions and tokens. Raises UserError and WeakPassword."""
    row = store_people.user(tx, name)
    if row is None:
        raise UserError(say("{name}: no such user (see otorongo-hub user list)", name=name))
    check_strength(password, name, row["person"], row["team"])
    store_people.set_user(tx, name, password=hashed(password), changed_ms=now_ms)
    store_people.end_sessions(tx, name)


def disable(tx: Tx, name: str, now_ms: int, *, disabled: bool = True) -> None:
    """Shut a user out (or let them in again): sessions, tokens and links end. Raises UserError if there is none."""
    row = store_people.user(tx, name)
    if row is None:
        raise UserError(say("{name}: no such user (see otorongo-hub user list)", name=name))
    store_people.set_user(tx, name, disabled=disabled, changed_ms=now_ms)
    store_people.end_sessions(tx, name)
    if disabled:
        store_deliveries.end_links(tx, row["person"] or name)


def open_session(tx: Tx, name: str, now_ms: int, *, address: str, agent: str) -> str:
    """Open a session and return the secret of its cookie."""
    cookie = secret()
    store_people.add_session(
        tx,
        {
            "hash": digest(cookie),
            "user": name,
            "csrf": secret(),
            "created_ms": now_ms,
            "seen_ms": now_ms,
            "expires_ms": now_ms + SESSION_IDLE_MS,
            "address": address[:64],
            "agent": agent[:200],
        },
    )
    return cookie


def open_token(tx: Tx, name: str, now_ms: int, *, days: int, purpose: str) -> str:
    """Make a bearer token for the JSON API and return it: the only time that anybody sees it. Raises UserError."""
    if store_people.user(tx, name) is None:
        raise UserError(say("{name}: no such user (see otorongo-hub user list)", name=name))
    token = f"ot_{secret()}"
    store_people.add_session(
        tx,
        {
            "hash": digest(token),
            "user": name,
            "csrf": "",  # no form can be sent with it, and no cookie carries it
            "created_ms": now_ms,
            "seen_ms": now_ms,
            "expires_ms": now_ms + days * DAY_MS,
            "address": "",
            "agent": f"api: {purpose}"[:200],
        },
    )
    return token
