"""What in hub.toml can be meant but serves nobody, and how to mend it."""

import datetime as dt
import math
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from otorongo.hub import ledger, notify, places
from otorongo.hub.alerts import MAX_LLR, ONE_ENGINE
from otorongo.hub.config import EVERYWHERE, HubConfig
from otorongo.hub.config_activities import PRESENCE, ActivityConfig
from otorongo.hub.config_custodians import covers
from otorongo.hub.config_persons import ChannelConfig
from otorongo.hub.custodians import LEAST
from otorongo.hub.fusion import OPEN_IN_SHARED_USE
from otorongo.hub.places import Place, PlaceError, Position
from otorongo.hub.rules import Rules
from otorongo.language import say, say_count, why
from otorongo.wire import classes

SOON: Final = dt.timedelta(days=30)


class Finding(Struct, frozen=True):
    """One thing that is wrong."""

    where: str
    """Such as `place Cocha Larga`."""
    what: str
    mend: str
    """What to do about it."""
    fatal: bool = False
    """The hub cannot work like this; the others it can, worse than it might."""

    def line(self) -> str:
        """As `otorongo-hub check` prints it."""
        weight = say("wrong") if self.fatal else say("check")
        return f"{weight}: {self.where}: {self.what}: {self.mend}"


def check(
    config: HubConfig, folder: Path, today: dt.date, told: Mapping[str, Position | None] | None = None
) -> list[Finding]:
    """Everything that is wrong. `folder` is that of hub.toml, `told` where stations say that they stand."""
    loaded: dict[str, Place] = {}
    found: list[Finding] = []
    for one in config.place:
        try:
            loaded[one.name] = places.load(one, folder)
        except PlaceError as error:
            what, _, mend = str(error).rpartition(": ")
            found.append(
                Finding(say("place {name}", name=one.name), say("polygon {what}", what=what), mend, fatal=True)
            )
    rules = Rules(config, loaded)
    for part in (
        _places(rules),
        _custodians(rules),
        _activities(rules),
        _rights(config, today),
        _persons(rules),
        _hub(config),
    ):
        found += part
    return found + list(_stations(rules, told or {}))


def _places(rules: Rules) -> Iterator[Finding]:
    for one in rules.config.place:
        where = say("place {name}", name=one.name)
        if not one.authority:
            yield Finding(where, say("has no authority"), say("write authority = whom a ranger calls, and how"))
        if not one.instruction:
            yield Finding(
                where, say("has no instruction"), say('write instruction = "go", "observe" or "do_not_approach"')
            )
        if one.kind == "no_contact" and one.instruction in ("go", "observe"):
            mend = say('write instruction = "do_not_approach"')
            yield Finding(
                where, say("is no_contact, and its instruction is {instruction}", instruction=one.instruction), mend
            )
        if one.kind == "no_contact" and not rules.persons(one.name, PRESENCE, ("protocol_holder",)):
            mend = say('add a [[person]] with role = "protocol_holder" for it')
            yield Finding(where, say("nobody learns of persons in it"), mend)
        if not [p for p in rules.config.person if p.role == "ranger" and {one.name, EVERYWHERE} & set(p.places)]:
            yield Finding(where, say("rings no ranger"), say("name it under places of a [[person]]"))
        deaf = [name for name in rules.activities if name != PRESENCE and not ledger.reachable(rules, one.name, name)]
        if deaf:
            mend = say("give a [[person]] for it a channel: until then its alerts ring nobody at all")
            yield Finding(where, say("nobody with a channel is rung for {names}", names=", ".join(deaf)), mend)
        holders = ledger.reachable(rules, one.name, PRESENCE, ("protocol_holder",), sealed=True)
        if one.kind == "no_contact" and not holders and rules.persons(one.name, PRESENCE, ("protocol_holder",)):
            mend = say("give them channels with a url_file")
            yield Finding(where, say("no protocol_holder of it has a channel: of persons in it nobody learns"), mend)
    if not rules.config.place:
        yield Finding(
            "place",
            say("there is none"),
            say("add a [[place]] with its polygon; until then alerts name no sector"),
        )


def _custodians(rules: Rules) -> Iterator[Finding]:
    """Whether somebody can open what stations seal, and not one alone."""
    mend = say("add [[custodian]], one for operations and one elsewhere: docs/custodios.md")
    ordinary = [one for one in rules.config.custodian if one.role != "protocol_holder"]
    if len(ordinary) < LEAST:
        yield Finding(
            "custodian",
            say("there is one: `station add` lets stations discard what shows people")
            if ordinary
            else say("there is none: `station add` lets stations discard what shows people"),
            mend,
        )
    holders = [one for one in rules.config.custodian if one.role == "protocol_holder"]
    for place in rules.config.place:
        if place.kind == "no_contact" and not any(covers(one, place.name) for one in holders):
            what = say("nobody could open pictures of persons in it: stations discard them")
            yield Finding(
                say("place {name}", name=place.name),
                what,
                say('add a [[custodian]] with role = "protocol_holder" for it'),
            )


def _activities(rules: Rules) -> Iterator[Finding]:
    for one in rules.config.activity:
        where = say("activity {name}", name=one.name)
        if not one.weights:
            yield Finding(
                where, say("has no weights: it is switched off"), say("give it weights, or leave it out for ours")
            )
            continue
        if one.prior >= one.ring_at:
            yield Finding(where, say("rings without any evidence"), say("set prior far below ring_at"), fatal=True)
        elif one.prior >= one.watch_at:
            yield Finding(where, say("is watched without any evidence"), say("set watch_at above prior"))
        pairs = least_pairs(one)
        if pairs > 6:
            what = say(
                "needs {pairs} stations or classes that are sure at once to ring: that hardly happens", pairs=pairs
            )
            yield Finding(where, what, say("raise weights or prior, or lower ring_at"))
    if PRESENCE not in rules.activities and any(one.kind == "no_contact" for one in rules.config.place):
        where = say("activity {name}", name=PRESENCE)
        yield Finding(
            where, say("is switched off, so persons in no_contact places ring nobody"), say("leave it out for ours")
        )


def least_pairs(activity: ActivityConfig) -> int:
    """How many pairs of station and class, all as sure as can be, it takes to ring."""
    wanted = _logit(activity.ring_at) - _logit(activity.prior)
    strongest = MAX_LLR * max(activity.weights.values(), default=0.0)
    least = math.ceil(wanted / strongest - 1e-9) if strongest else 0
    return max(least, 1 if activity.alone else 2)


def can_ring(activity: ActivityConfig, stations: int, kind: str) -> bool:
    """Whether so many stations, all as sure as can be of everything, would ring at a place of some kind."""
    weights = activity.weights
    if kind == "shared_use" and not set(weights) - OPEN_IN_SHARED_USE:
        return False
    strongest: dict[int, float] = {}
    for name, weight in weights.items():
        cls = classes.BY_NAME[name].number
        cls = ONE_ENGINE.get(cls, cls)
        strongest[cls] = max(weight, strongest.get(cls, 0.0))
    if stations * len(strongest) < (1 if activity.alone else 2):
        return False
    most = _logit(activity.prior) + stations * MAX_LLR * sum(strongest.values())
    return most >= _logit(activity.ring_at) - 1e-9


def _logit(p: float) -> float:
    return math.log(p / (1 - p))


def _rights(config: HubConfig, today: dt.date) -> Iterator[Finding]:
    for one in config.right:
        where = say("right of {holder}", holder=one.holder)
        if one.review_by is None:
            yield Finding(
                where, say("has no review date"), say("write review_by = the day until which it was looked at")
            )
        elif one.review_by < today:
            mend = say("look at it with its holder, then write a new review_by")
            yield Finding(
                where, say("was to be reviewed by {review_by} and covers nothing since", review_by=one.review_by), mend
            )
        elif one.review_by < today + SOON:
            yield Finding(
                where,
                say("is to be reviewed by {review_by}", review_by=one.review_by),
                say("look at it with its holder in time"),
            )
        if not one.resolution:
            yield Finding(where, say("names no document"), say("write resolution = the document that grants it"))


def _persons(rules: Rules) -> Iterator[Finding]:
    persons = rules.config.person
    for one in persons:
        where = say("person {name}", name=one.name)
        if not one.channels:
            yield Finding(where, say("has no channel and is never reached"), say("give channels with a url_file"))
        if not one.places:
            yield Finding(
                where,
                say("has no place and is never rung"),
                say('write places = ["..."], or ["{everywhere}"] for all', everywhere=EVERYWHERE),
            )
        if not one.group:
            mend = say("write group; two people of different groups close a high alert")
            yield Finding(where, say("has no group and cannot agree to a closing"), mend)
        for number, channel in enumerate(one.channels):
            yield from _channel(f"{where}: channels[{number}]", channel)
    roles = {one.role for one in persons}
    for role, what in (
        ("ranger", say("nobody is rung first")),
        ("coordinator", say("nobody is rung when nobody goes")),
        ("auditor", say("nobody learns of closings")),
    ):
        if role not in roles:
            yield Finding(
                "person",
                say("there is no {role}: {what}", role=role, what=what),
                say('add a [[person]] with role = "{role}"', role=role),
            )


def _channel(where: str, channel: ChannelConfig) -> Iterator[Finding]:
    if not channel.url_file:
        return
    path = Path(channel.url_file)
    try:
        mode = path.stat().st_mode
        notify.address(channel)
    except OSError as error:
        mend = say("write the address into it: install -m 600 -o {user} /dev/stdin {path}", user=_user(), path=path)
        yield Finding(where, say("{path} cannot be read ({why})", path=path, why=why(error)), mend, fatal=True)
    except ValueError as error:
        yield Finding(
            where, f"{path} {str(error).partition(':')[0]}", say("one line, such as tgram://BOT/CHAT"), fatal=True
        )
    else:
        if mode & (stat.S_IROTH | stat.S_IWOTH):
            yield Finding(
                where,
                say("{path} can be read by everybody on this machine", path=path),
                say("chmod 600 {path}", path=path),
                fatal=True,
            )


def _user() -> str:
    return "otorongo" if os.getuid() == 0 else "$USER"


def _hub(config: HubConfig) -> Iterator[Finding]:
    url = config.web.public_url
    if not url.startswith("https://") and not any(host in url for host in ("//127.0.0.1", "//localhost", "//[::1]")):
        mend = say("put a proxy with TLS before the hub, and write https://")
        yield Finding("web", say("public_url {url} sends links and passwords in the clear", url=url), mend)
    elif "//127.0.0.1:8080" in url and not config.web.listen.endswith(":8080"):
        mend = say("write how phones reach this hub, https://...")
        what = say(
            "public_url {url} is not where the pages listen, {listen}: links lead nowhere",
            url=url,
            listen=config.web.listen,
        )
        yield Finding("web", what, mend)
    if not config.backup.folder and config.backup.safe == "backup":
        mend = say("write folder = a folder on another disk")
        yield Finding("backup", say("there is none, so stations never forget a threat and the hub can be lost"), mend)


def _stations(rules: Rules, told: Mapping[str, Position | None]) -> Iterable[Finding]:
    sites = rules.sites(told)
    for name, at in sorted(sites.positions.items()):
        if at is None:
            mend = say("write [place] in its station.toml, or a [[station]] here")
            yield Finding(
                say("station {name}", name=name),
                say("does not say where it stands: its evidence is fused with no other"),
                mend,
            )
        elif name not in sites.within and rules.places:
            mend = say("draw a place around it, or correct its position")
            yield Finding(
                say("station {name}", name=name), say("stands in no place: only persons for * are rung"), mend
            )
    if not sites.positions:
        return
    for place in rules.places.values():
        count = sum(where == place.name for where in sites.within.values())
        if not count:
            yield Finding(
                say("place {name}", name=place.name), say("has no station"), say("set one up, or correct its polygon")
            )
            continue
        for one in rules.activities.values():
            if (one.name == PRESENCE) == place.sealed and not can_ring(one, count, place.config.kind):
                what = say_count(
                    "{name} can never ring with {count} station",
                    "{name} can never ring with {count} stations",
                    count,
                    name=one.name,
                )
                mend = say(
                    "it takes at least {pairs} stations or classes that are sure: add stations, or weights",
                    pairs=least_pairs(one),
                )
                yield Finding(say("place {name}", name=place.name), what, mend)
