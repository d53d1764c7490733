"""`otorongo-hub rejudge`: which events of a period would be events by another rule, as a table; nothing is changed."""

import argparse
import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from otorongo.hub import export, rejudge, texts
from otorongo.hub.errors import HubError
from otorongo.hub.rejudge import Judged, Rule
from otorongo.hub.store import Store
from otorongo.language import language, say
from otorongo.wire.classes import BY_NAME


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Its options."""
    to = commands.add_parser("rejudge", help=say("which events would be events by another rule; changes nothing"))
    to.add_argument("--from", dest="first", required=True, metavar=say("DAY"), help=say("first day, 2026-01-01"))
    to.add_argument(
        "--to", dest="last", required=True, metavar=say("DAY"), help=say("last day, in the hub's time zone")
    )
    to.add_argument(
        "--station", action="append", default=[], metavar=say("NAME"), help=say("only this one; may repeat")
    )
    to.add_argument(
        "--class", dest="cls", action="append", default=[], metavar=say("NAME"), help=say("only this one; may repeat")
    )
    to.add_argument(
        "--threshold", metavar=say("THRESHOLD"), type=float, required=True, help=say("probability of a hit, 0 to 1")
    )
    to.add_argument(
        "--hits",
        metavar=say("HITS"),
        type=int,
        default=4,
        help=say("an event needs so many hits (default: %(default)s) ..."),
    )
    to.add_argument(
        "--within", type=float, default=60.0, metavar=say("S"), help=say("... in so many seconds (%(default)s)")
    )
    to.add_argument("--language", default=language(), choices=texts.LANGUAGES, help=say("default: %(default)s"))


def run(args: argparse.Namespace, store: Store, zone: dt.tzinfo) -> Sequence[str]:
    """The table, and how many there are of each. Raises HubError for values that no rule can have."""
    if not 0 < args.threshold < 1:
        raise HubError(
            say("--threshold {threshold:g}: is no probability (allowed: between 0 and 1)", threshold=args.threshold)
        )
    if args.hits < 1 or not 0 < args.within <= 3600:
        raise HubError(
            say(
                "--hits {hits} --within {within:g}: (allowed: 1 or more hits in up to 3600 s)",
                hits=args.hits,
                within=args.within,
            )
        )
    for name in args.cls:
        if name not in BY_NAME:
            raise HubError(
                say("--class {name}: is no class (allowed: {names})", name=name, names=", ".join(sorted(BY_NAME)))
            )
    rule = Rule(args.threshold, args.hits, args.within)
    with store.read() as tx:
        found = [*rejudge.lines(tx, args.station, args.cls, export.period(args.first, args.last, zone), rule)]
    return [*_table(found, args.language, zone)]


def _table(found: Sequence[Judged], lang: str, zone: dt.tzinfo) -> Iterator[str]:
    if not found:
        yield texts.text(lang, "rejudge.none")
        return
    wide = max(len(one.station) for one in found)
    names = {one.cls: texts.named(lang, "class", one.cls) for one in found}
    long = max(map(len, names.values()))
    for one in found:
        when = texts.local(one.start_ms, zone).strftime("%Y-%m-%d %H:%M:%S")
        hits = f"{one.sure}" if one.sure == one.possible else f"{one.sure}-{one.possible}"
        yield (
            f"{when}  {one.station:<{wide}}  {names[one.cls]:<{long}}  {texts.duration(one.duration_ms):>10}  "
            f"{hits:>6}  {texts.text(lang, f'rejudge.{one.verdict}')}"
        )
    counts = Counter(one.verdict for one in found)
    yield texts.text(
        lang, "rejudge.sum", all=len(found), would=counts["would"], may=counts["may"], would_not=counts["would_not"]
    )
