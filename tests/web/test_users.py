"""Users: passwords, roles, and the command that makes the first one."""

import argparse
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.hub import store_deliveries, store_people, user_command, users
from otorongo.hub.config import HubConfig
from otorongo.hub.config_persons import ChannelConfig, PersonConfig
from otorongo.hub.rules import Rules
from otorongo.hub.store import Store
from otorongo.hub.users import CAN, May, Role, User, UserError, WeakPassword

GOOD = "lluvia machete remo aguaje"
ANA = PersonConfig(name="ana", channels=(ChannelConfig(url="json://127.0.0.1:9/a"), ChannelConfig(url_file="/a.url")))
RULES = Rules(HubConfig(person=(ANA, PersonConfig(name="beto"))))


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty hub."""
    store = Store.open("sqlite://")
    yield store
    store.close()


def command(store: Store, *argv: str, now_ms: int = 1_767_268_800_000) -> list[str]:
    """`otorongo-hub user ...`."""
    parser = argparse.ArgumentParser()
    user_command.add_parser(parser.add_subparsers(dest="command"))
    return user_command.run(parser.parse_args(["user", *argv]), store, rules=RULES, now_ms=now_ms)


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """A file with a good password."""
    file = tmp_path / "password"
    file.write_text(f"{GOOD}\nsecond line\n")
    return str(file)


def test_nobody_calls_themselves_another_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whom the system knows is named, and who became that by sudo; not whom the environment tells."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    monkeypatch.delenv("SUDO_USER", raising=False)
    mine = pwd.getpwuid(os.getuid()).pw_name
    assert users.at_the_machine() == f"command line: {mine}"
    monkeypatch.setenv("SUDO_USER", "x" * 100)
    assert users.at_the_machine() == f"command line: {mine} (sudo: {'x' * 100})"[: users.MOST_NAME]


def test_what_is_done_with_users_stands_in_the_log(store: Store, secret: str) -> None:
    """Who lets people in or shuts them out at the hub's machine is written down, with the role; what failed is not."""
    command(store, "add", "carla", "--role", "coordinator", "--password-file", secret)
    for action in (["passwd", "carla", "--password-file", secret], ["token", "carla"], ["disable", "carla"]):
        command(store, *action)
    command(store, "enable", "carla")
    with pytest.raises(UserError):
        command(store, "disable", "nobody")
    with store.read() as tx:
        rows = list(reversed(store_people.access_newest(tx)))
    assert [row["what"] for row in rows] == [
        f"user_{one}" for one in ("added", "password", "token", "disabled", "enabled")
    ]
    assert {(row["who"].split(":")[0], row["subject"]) for row in rows} == {("command line", "carla")}
    assert rows[0]["data"] == {"role": "coordinator"}


def test_the_first_user_is_made_by_command(store: Store, secret: str) -> None:
    """Nobody is there before, and afterwards exactly whom was asked for, with a password that only its hash knows."""
    assert command(store, "list") == ["no users yet: otorongo-hub user add NAME --role coordinator"]
    said = command(store, "add", "carla", "--role", "coordinator", "--group", "office", "--password-file", secret)
    assert said == ["carla: added as coordinator"]
    with store.read() as tx:
        row = store_people.user(tx, "carla")
    assert row is not None
    assert row["password"].startswith("$argon2id$")
    assert users.matches(row["password"], GOOD)
    assert not users.matches(row["password"], GOOD + "x")
    (line,) = command(store, "list")
    assert line.split()[:3] == ["carla", "coordinator", "office"]
    assert line.endswith("never logged in")


def test_a_test_message_goes_to_every_channel_of_a_person(store: Store) -> None:
    """Each time anew; who is not in hub.toml, or has no channel, is told the way out."""
    (said,) = command(store, "test", "ana")
    assert said.startswith("ana: test messages to 2 channels wait; a running hub sends them")
    command(store, "test", "ana", now_ms=1_767_268_800_001)
    with store.read() as tx:
        sent = store_deliveries.deliveries_since(tx, 0)
    assert [(row["person"], row["kind"], row["state"]) for row in sent] == [("ana", "test", "waiting")] * 4
    with pytest.raises(UserError, match=r"no \[\[person\]\] of that name in hub.toml \(there are: ana, beto\)"):
        command(store, "test", "carla")
    with pytest.raises(UserError, match=r"beto: has no channel in hub\.toml: give channels"):
        command(store, "test", "beto")


def test_a_user_who_can_do_little_is_told_why(store: Store, secret: str) -> None:
    """Without a group nobody closes a high alert; without a person a ranger sees none."""
    said = command(store, "add", "maria", "--role", "ranger", "--password-file", secret)
    assert len(said) == 3
    assert "--group" in said[1]
    assert "--person" in said[2]


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (("add", "carla", "--role", "auditor"), "there is a user of that name"),
        (("add", "with space", "--role", "auditor"), "letters, digits, dots"),
        (("add", "", "--role", "auditor"), "letters, digits, dots"),
        (("passwd", "nobody"), "no such user"),
    ],
)
def test_what_cannot_be_done_is_told(store: Store, secret: str, argv: tuple[str, ...], reason: str) -> None:
    """A name that is taken, odd, or nobody's: nothing changes."""
    command(store, "add", "carla", "--role", "coordinator", "--password-file", secret)
    with pytest.raises(UserError, match=reason):
        command(store, *argv, "--password-file", secret)
    for lonely in (("disable", "nobody"), ("token", "nobody")):
        with pytest.raises(UserError, match="no such user"):
            command(store, *lonely)
    assert len(command(store, "list")) == 1


def test_a_password_needs_a_terminal_or_a_file(store: Store, tmp_path: Path) -> None:
    """Started by a script, the command asks nobody; a file that is not there is named."""
    with pytest.raises(UserError, match="--password-file"):
        command(store, "add", "carla", "--role", "auditor")
    with pytest.raises(UserError, match="nowhere"):
        command(store, "add", "carla", "--role", "auditor", "--password-file", str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "short"),
        ("Xk9#mQ2vLp!", "short"),
        ("x" * 129, "long"),
        ("aaaaaaaaaaaaaaaa", "guessable"),
        ("guardia.norte.1", "guessable"),
        ("otorongo otorongo", "guessable"),
        ("contraseña2026", "guessable"),
        ("123456789012", "guessable"),
        ("qwertyuiop12", "guessable"),
    ],
)
def test_a_weak_password_is_refused(password: str, reason: str) -> None:
    """Too short, too long, or what somebody who knows the user would try first."""
    with pytest.raises(WeakPassword) as told:
        users.check_strength(password, "guardia.norte")
    assert told.value.reason == reason
    assert password == "" or password not in str(told.value)


def test_good_passwords_are_taken() -> None:
    """Four words, or enough chance."""
    for password in (GOOD, "tres monos comen aguaje", "v8$kQz!m2Xw#9b"):
        users.check_strength(password, "guardia.norte")


def test_changing_and_disabling_end_sessions_and_tokens(store: Store, secret: str, tmp_path: Path) -> None:
    """Whoever had a cookie or a token of that user has none."""
    command(store, "add", "carla", "--role", "coordinator", "--group", "office", "--password-file", secret)
    other = tmp_path / "other"
    other.write_text("otra balsa seca canta")
    for last in (("passwd", "carla", "--password-file", str(other)), ("disable", "carla")):
        (token,) = command(store, "token", "carla", "--days", "1", "--for", "test")
        with store.write() as tx:
            cookie = users.open_session(tx, "carla", 1_767_268_800_000, address="", agent="")
        with store.read() as tx:
            for one in (token, cookie):
                assert store_people.session(tx, users.digest(one), 1_767_268_800_000)
        command(store, *last)
        with store.read() as tx:
            for one in (token, cookie):
                assert store_people.session(tx, users.digest(one), 1_767_268_800_000) is None
    assert command(store, "enable", "carla") == ["carla: enabled"]


def test_a_person_who_is_not_in_hub_toml_is_refused(store: Store, secret: str) -> None:
    """A typo would make a ranger who sees no alert: the text says who there is, and how one is made."""
    said = r"nohay: no \[\[person\]\] of that name in hub.toml \(there are: ana, beto\): write \[\[person\]\]"
    with pytest.raises(UserError, match=said):
        command(store, "add", "luz", "--role", "ranger", "--person", "nohay", "--password-file", secret)
    assert command(store, "list") == ["no users yet: otorongo-hub user add NAME --role coordinator"]


def test_disabling_says_who_is_still_rung(store: Store, secret: str) -> None:
    """Messages follow hub.toml: whoever shuts a user out learns what is left to do."""
    for name, person in (("ana", ""), ("nora", "ana"), ("beto", "")):
        command(store, "add", name, "--role", "technician", "--person", person, "--password-file", secret)
    for name in ("ana", "nora"):
        said = command(store, "disable", name)
        assert said[0] == f"{name}: disabled"
        assert said[1].startswith("ana is still rung: take the [[person]] out of hub.toml")
    assert command(store, "disable", "beto") == ["beto: disabled"]


@pytest.mark.parametrize("days", ["0", "-1", "367"])
def test_a_token_does_not_live_for_ever(store: Store, secret: str, days: str) -> None:
    """At most a year."""
    command(store, "add", "carla", "--role", "coordinator", "--group", "office", "--password-file", secret)
    with pytest.raises(UserError, match="1 to 366"):
        command(store, "token", "carla", f"--days={days}")


def test_a_user_who_is_not_there_has_no_password() -> None:
    """Neither an empty one nor the one whose hash is compared to keep the time the same."""
    for password in ("", "x", GOOD, "x" * 1000):
        assert not users.matches(None, password)
    assert not users.matches("not a hash", GOOD)


def test_roles_are_what_they_say() -> None:
    """Only coordinators read names of monitors; auditors act on nothing; technicians see no alerts but drills."""
    assert {role for role in Role if May.NAMES in CAN[role]} == {Role.COORDINATOR}
    assert {role for role in Role if May.AUDIT in CAN[role]} == {Role.COORDINATOR, Role.AUDITOR}
    assert not CAN[Role.AUDITOR] & {May.ACT, May.CLOSE}
    assert not CAN[Role.TECHNICIAN] & {May.ALERTS, May.ACT, May.CLOSE}
    assert {role for role in Role if May.EVERYWHERE not in CAN[role]} == {Role.RANGER, Role.MONITOR}


def test_the_docs_say_what_roles_may(root: Path) -> None:
    """The table in docs/pages.md is the one in the code."""
    lines = (root / "docs" / "pages.md").read_text().splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    heads = next(row for row in table if row[0] == "role")
    assert heads[1:] == [str(one) for one in May]
    said = {
        row[0]: {May(head) for head, cell in zip(heads[1:], row[1:], strict=True) if cell == "yes"}
        for row in table
        if row[0] in list(Role)
    }
    assert said == {str(role): set(may) for role, may in CAN.items()}


def test_a_user_acts_as_their_person() -> None:
    """So that a login and a link of one human are one."""
    assert User("mquispe", Role.RANGER, "norte", "maria", "es").acts_as == "maria"
    assert User("elena", Role.ECOLOGIST, "ciencia", "", "es").acts_as == "elena"


@given(st.text(max_size=40), st.text(max_size=40))
def test_pseudonyms_are_the_same_for_a_name_and_a_hub(one: str, other: str) -> None:
    """And say nothing of the name: another hub's differ."""
    assert users.pseudonym(b"key", one) == users.pseudonym(b"key", one)
    assert len(users.pseudonym(b"key", other)) == 4
    assert users.pseudonym(b"key", "kusi") != users.pseudonym(b"other", "kusi")
