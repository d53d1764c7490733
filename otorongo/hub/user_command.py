"""`otorongo-hub user`: who may use the hub's pages. The first user is made here; nobody has a default password."""

import argparse
import datetime as dt
import getpass
import sys
from pathlib import Path

from otorongo.hub import notify, store_people, users
from otorongo.hub.rules import Rules
from otorongo.hub.store import Found, Store
from otorongo.hub.users import Role, User, UserError
from otorongo.language import say, say_count, why


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `user add|list|passwd|disable|enable|test|token`; `run` carries out what was parsed."""
    parser = subparsers.add_parser("user", help=say("who may use the pages"))
    actions = parser.add_subparsers(dest="action", required=True, metavar="add|list|passwd|disable|enable|test|token")
    adding = actions.add_parser("add", help=say("a new user; asks for the password"))
    adding.add_argument("name", metavar=say("NAME"), help=say("letters, digits, dots, - _ and @"))
    adding.add_argument(
        "--role", required=True, choices=[str(role) for role in Role], help=say("what they may do: docs/hub.md")
    )
    adding.add_argument(
        "--group",
        metavar=say("GROUP"),
        default="",
        help=say("such as north, south, ngo: two of one group cannot both close an alert"),
    )
    adding.add_argument(
        "--person",
        metavar=say("PERSON"),
        default="",
        help=say("their name as [[person]] in hub.toml: it says their places"),
    )
    adding.add_argument(
        "--language",
        default="es",
        choices=users.LANGUAGES,
        help=say("of messages and pages (default: %(default)s)"),
    )
    _password_file(adding)
    actions.add_parser("list", help=say("every user, role, group and last login"))
    changing = actions.add_parser("passwd", help=say("another password; ends all sessions and tokens of the user"))
    changing.add_argument("name", metavar=say("NAME"))
    _password_file(changing)
    for action, text in (("disable", say("shut a user out, at once")), ("enable", say("let a disabled user in again"))):
        actions.add_parser(action, help=text).add_argument("name", metavar=say("NAME"))
    testing = actions.add_parser("test", help=say("a test message to every channel of a [[person]] of hub.toml"))
    testing.add_argument("name", metavar=say("NAME"), help=say("their name in hub.toml"))
    token = actions.add_parser("token", help=say("a bearer token for the JSON API, shown once"))
    token.add_argument("name", metavar=say("NAME"))
    token.add_argument(
        "--days", metavar=say("DAYS"), type=int, default=90, help=say("until it expires, 1 to 366 (default: 90)")
    )
    token.add_argument(
        "--for", metavar=say("PURPOSE"), dest="purpose", default="", help=say("what it is for, to tell tokens apart")
    )


def _password_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--password-file",
        type=Path,
        metavar=say("FILE"),
        help=say("its first line is the password (default: asked for)"),
    )


def run(args: argparse.Namespace, store: Store, *, rules: Rules, now_ms: int) -> list[str]:
    """Carry out `user ...`; returns the lines to print. `rules` say who is rung. Raises UserError."""
    match args.action:
        case "add":
            user = User(args.name, Role(args.role), args.group, args.person, args.language)
            if user.person:
                _known(user.person, rules)
            password = _password(args.password_file)
            with store.write() as tx:
                users.add(tx, user, password, now_ms)
                users.saw_command(tx, now_ms, "user_added", user.name, {"role": str(user.role)})
            return [say("{name}: added as {role}", name=user.name, role=user.role), *_advice(user)]
        case "list":
            with store.read() as tx:
                rows = store_people.users_by_name(tx)
            return [_line(row) for row in rows] or [say("no users yet: otorongo-hub user add NAME --role coordinator")]
        case "passwd":
            password = _password(args.password_file)
            with store.write() as tx:
                users.set_password(tx, args.name, password, now_ms)
                users.saw_command(tx, now_ms, "user_password", args.name)
            return [say("{name}: password changed, all sessions and tokens ended", name=args.name)]
        case "disable" | "enable":
            with store.write() as tx:
                users.disable(tx, args.name, now_ms, disabled=args.action == "disable")
                users.saw_command(tx, now_ms, f"user_{args.action}d", args.name)
            return [
                say("{name}: disabled", name=args.name)
                if args.action == "disable"
                else say("{name}: enabled", name=args.name),
                *(_still_rung(args.name, store, rules) if args.action == "disable" else []),
            ]
        case "test":
            return [_test(args.name, store, rules, now_ms)]
        case _:
            return [_token(args, store, now_ms)]


def _still_rung(name: str, store: Store, rules: Rules) -> list[str]:
    """Messages follow hub.toml, not logins."""
    with store.read() as tx:
        row = store_people.user(tx, name)
    person = rules.person(row["person"] or name) if row else None
    if person is None or not person.channels:
        return []
    return [
        say("{name} is still rung: take the [[person]] out of hub.toml, or give them other channels", name=person.name)
    ]


def _known(person: str, rules: Rules) -> None:
    """Raise UserError if hub.toml has no such [[person]], and say how one is made."""
    if rules.person(person) is None:
        known = ", ".join(sorted(one.name for one in rules.config.person)) or say("none yet")
        raise UserError(
            say(
                "{name}: no [[person]] of that name in hub.toml (there are: {known}): write [[person]] with "
                'name = "{name}", role, places and channels there first (docs/hub.md)',
                name=person,
                known=known,
            )
        )


def _test(name: str, store: Store, rules: Rules, now_ms: int) -> str:
    """Intend a test message; whichever process has the role notify sends it."""
    _known(name, rules)
    with store.write() as tx:
        count = notify.intend_test(tx, rules, [name], now_ms, str(now_ms))
    if not count:
        raise UserError(say("{name}: has no channel in hub.toml: give channels with a url_file", name=name))
    return say_count(
        "{name}: a test message to {count} channel waits; a running hub sends it. See: otorongo-hub tail -f",
        "{name}: test messages to {count} channels wait; a running hub sends them. See: otorongo-hub tail -f",
        count,
        name=name,
    )


def _token(args: argparse.Namespace, store: Store, now_ms: int) -> str:
    if not 1 <= args.days <= 366:
        raise UserError(say("--days {days}: 1 to 366 are allowed", days=args.days))
    with store.write() as tx:
        token = users.open_token(tx, args.name, now_ms, days=args.days, purpose=args.purpose)
        users.saw_command(tx, now_ms, "user_token", args.name, {"days": args.days})
    return token


def _advice(user: User) -> list[str]:
    """What this user cannot do yet, and how to mend it."""
    lines = []
    if user.may(users.May.CLOSE) and not user.team:
        lines.append(say("no --group: this user cannot close a high alert, nor confirm that somebody else closes one"))
    if user.role in (Role.RANGER, Role.MONITOR) and not user.person:
        lines.append(say("no --person: this user sees no alerts, because the places stand with the person in hub.toml"))
    return lines


def _line(row: Found) -> str:
    login = say("last login {day}", day=_day(row["last_login_ms"])) if row["last_login_ms"] else say("never logged in")
    state = say("disabled") if row["disabled"] else login
    return f"{row['name']:<24} {row['role']:<12} {row['team'] or '-':<12} {row['person'] or '-':<20} {state}"


def _day(at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _password(file: Path | None) -> str:
    """The password from a file's first line, or asked for twice on the terminal. Raises UserError."""
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(say("{file}: the password cannot be read: {error}", file=file, error=why(error))) from error
        return lines[0] if lines else ""
    if not sys.stdin.isatty():
        raise UserError(say("no terminal to ask for the password: give --password-file FILE"))
    first = getpass.getpass(say("Password: "))
    if first != getpass.getpass(say("Again: ")):
        raise UserError(say("the two passwords differ: nothing was changed"))
    return first
