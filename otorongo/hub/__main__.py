"""The command `otorongo-hub`."""

import argparse
import datetime as dt
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from otorongo import __version__, logs
from otorongo.errors import OtorongoError
from otorongo.hub import config as hub_config
from otorongo.hub import export as hub_export
from otorongo.hub import leaving, rejudge_command, station_command, unseal_command, user_command, users
from otorongo.hub import rules as hub_rules
from otorongo.hub.config import HubConfig
from otorongo.hub.errors import HubError
from otorongo.hub.export import Exported
from otorongo.hub.rules import Rules
from otorongo.hub.store import Store
from otorongo.language import LANGUAGES, say, say_count, speak
from otorongo.pipes import printing

ROLES = ("ingest", "notify", "web")


def parser() -> argparse.ArgumentParser:
    """The commands and their options. `--config`, `--verbose` and `--lang` may stand anywhere."""
    top = argparse.ArgumentParser(
        prog="otorongo-hub", description=say("The hub: what stations notice becomes alerts, and people are told.")
    )
    top.add_argument(
        "--version", action="version", version=f"otorongo {__version__}", help=say("show the version and exit")
    )
    _common(top)
    commands = top.add_subparsers(dest="command", required=True, metavar=say("COMMAND"))
    serving = commands.add_parser("serve", help=say("run the hub: ingest, alerts, deliveries and pages"))
    serving.add_argument(
        "--broker", metavar=say("URL"), help=say("instead of hub.toml's: mqtts://HOST:8883, mqtt://HOST:1883")
    )
    serving.add_argument(
        "--database", metavar=say("URL"), help=say("instead of hub.toml's: postgresql://..., sqlite:////FILE")
    )
    serving.add_argument(
        "--roles",
        metavar=say("ROLES"),
        default=",".join(ROLES),
        help=say("some of ingest, notify, web, with commas (default: all)"),
    )
    commands.add_parser("check", help=say("say what is wrong with this hub, and how to mend it"))
    station_command.add_parser(commands)
    user_command.add_parser(commands)
    unseal_command.add_parser(commands)
    rejudge_command.add_parser(commands)
    backing = commands.add_parser("backup", help=say("copy the running hub, and verify the copy"))
    backing.add_argument(
        "folder", metavar=say("FOLDER"), nargs="?", type=Path, help=say("where to (default: backup.folder of hub.toml)")
    )
    restoring = commands.add_parser("restore", help=say("make a hub out of a backup, on a machine that has none"))
    restoring.add_argument("source", metavar=say("SOURCE"), type=Path, help=say("a backup folder, or one copy in it"))
    exporting = commands.add_parser("export", help=say("events of a period, or how stations listened"))
    exporting.add_argument(
        "out", metavar=say("OUT"), type=Path, help=say("a file, or for camtrap-dp a folder, that is not there yet")
    )
    exporting.add_argument("--format", choices=hub_export.FORMATS, default="csv", help=say("default: %(default)s"))
    exporting.add_argument(
        "--from", dest="first", metavar=say("DAY"), help=say("first day, such as 2026-01-01 (default: 30 days in all)")
    )
    exporting.add_argument(
        "--to", dest="last", metavar=say("DAY"), help=say("last day, in the hub's time zone (default: today)")
    )
    exporting.add_argument(
        "--station", action="append", default=[], metavar=say("NAME"), help=say("only this one; may repeat")
    )
    exporting.add_argument("--persons", action="store_true", help=say("also persons and speech"))
    exporting.add_argument("--threats", action="store_true", help=say("also threats, such as chainsaws"))
    exporting.add_argument(
        "--no-contact", action="store_true", help=say("also nature in no_contact places (machines with --threats)")
    )
    exporting.add_argument(
        "--exact", action="store_true", help=say("exact places, also with sensitive animals among them")
    )
    tailing = commands.add_parser("tail", help=say("show events, alerts, deliveries and notes"))
    tailing.add_argument(
        "--minutes", metavar=say("MINUTES"), type=float, default=60.0, help=say("how far back (default: %(default)s)")
    )
    tailing.add_argument("-f", "--follow", action="store_true", help=say("go on as they come"))
    return top


def _common(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--config",
        metavar=say("CONFIG"),
        type=Path,
        default=hub_config.DEFAULT_PATH,
        help=say("hub.toml (default: %(default)s)"),
    )
    to.add_argument("-v", "--verbose", action="store_true", help=say("say more"))
    to.add_argument("--lang", choices=LANGUAGES, help=say("es or en; else as OTORONGO_LANG, LC_ALL or LANG says"))


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status: 0 well, 1 something that a person can mend, 2 wrong usage."""
    return printing(lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    speak()
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    _common(early)
    common, rest = early.parse_known_args(argv)
    speak(common.lang)
    given = parser().parse_args(rest)
    given.config, given.verbose = common.config, common.verbose
    logs.begin(logging.DEBUG if given.verbose else logging.INFO)
    for name in ("amqtt", "transitions", "alembic"):  # they tell of every packet, state and schema
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        return _run(given)
    except OtorongoError as error:
        print(f"otorongo-hub: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(given: argparse.Namespace) -> int:
    if given.command == "check":
        from otorongo.hub.app_check import check

        lines, status = check(given.config)
        _print(lines)
        return status
    if given.command == "keygen":
        return _print(unseal_command.keygen(given))
    config = hub_config.load(given.config)
    if given.command == "serve":
        return _serve(config, given)
    if given.command == "station":
        from otorongo.hub.app import today

        broker = config.broker.public_url or None
        rules = hub_rules.load(given.config) if given.action == "add" else Rules(config)
        lines = station_command.run(given, config.pki_path, broker=broker, now=today(), rules=rules)
        return _print([*lines, *([] if given.action == "list" else _log_station(config, given))])
    if given.command == "restore":
        return _restore(config, given)
    return _with_store(config, given)


def _log_station(config: HubConfig, given: argparse.Namespace) -> list[str]:
    """Write into the log what was done with a station; a line to print if that cannot be."""
    from otorongo.hub.app import now_ms

    try:
        store = Store.open(config.database_url)
        try:
            with store.write() as tx:
                users.saw_command(tx, now_ms(), f"station_{given.action}", getattr(given, "name", ""))
        finally:
            store.close()
    except HubError as error:  # what was done is done, and its lines are to be printed
        return [say("WARNING: the log that auditors read has no line of this: {error}", error=error)]
    return []


def _serve(config: HubConfig, given: argparse.Namespace) -> int:
    from otorongo.hub.app import serve

    roles = frozenset(role.strip() for role in given.roles.split(",") if role.strip())
    if not roles or not roles <= set(ROLES):
        told = say("--roles {given}: some of {names}, with commas", given=given.roles, names=", ".join(ROLES))
        print(f"otorongo-hub: {told}", file=sys.stderr)
        return 2
    config = hub_config.with_servers(config, broker=given.broker, database=given.database)
    return serve(config, given.config, roles=roles)


def _restore(config: HubConfig, given: argparse.Namespace) -> int:
    from otorongo.hub.app import now_ms
    from otorongo.hub.backup_files import CONFIG
    from otorongo.hub.restore import restore

    data_dir = Path(config.data_dir)
    done = restore(given.source, data_dir, config.database_url, now_ms=now_ms(), pki_dir=config.pki_path)
    counts = done.manifest.counts
    records = say_count("{count} record", "{count} records", counts["records"])
    alerts = say_count("{count} alert", "{count} alerts", counts["alerts"])
    print(say("restored: {records}, {alerts}. Now: otorongo-hub serve", records=records, alerts=alerts))
    if done.lost:
        print(
            say_count(
                "{count} piece of evidence is missing or damaged in the backup: its station is asked for it again",
                "{count} pieces of evidence are missing or damaged in the backup: stations are asked for them again",
                done.lost,
            )
        )
    print(say("The old hub's configuration lies in {path}, for comparison.", path=data_dir / CONFIG))
    return 0


def _with_store(config: HubConfig, given: argparse.Namespace) -> int:
    from otorongo.hub.app import make_backup, now_ms

    store = Store.open(config.database_url)
    try:
        match given.command:
            case "user":
                return _print(user_command.run(given, store, rules=Rules(config), now_ms=now_ms()))
            case "unseal":
                media = Path(config.data_dir) / "media"
                return _print(unseal_command.run(given, store, rules=Rules(config), media=media, now_ms=now_ms()))
            case "rejudge":
                return _print(rejudge_command.run(given, store, hub_config.zone_of(config)))
            case "backup":
                folder = given.folder or (Path(config.backup.folder) if config.backup.folder else None)
                if folder is None:
                    told = say("where to? Name a folder, or set backup.folder in hub.toml")
                    print(f"otorongo-hub: {told}", file=sys.stderr)
                    return 2
                print(make_backup(config, given.config, store, folder))
                return 0
            case "export":
                return _export(config, given, store)
            case _:
                return _tail(config, given, store)
    finally:
        store.close()


def _export(config: HubConfig, given: argparse.Namespace, store: Store) -> int:
    zone = hub_config.zone_of(config)
    first, last = hub_export.days(given.first, given.last, dt.datetime.now(zone).date())
    from_ms, to_ms = hub_export.period(first, last, zone)
    wanted = leaving.Wanted(
        from_ms,
        to_ms,
        stations=tuple(given.station),
        persons=given.persons,
        threats=given.threats,
        no_contact=given.no_contact,
        exact=given.exact,
    )
    done = hub_export.export(
        store,
        Rules.of(config, given.config.parent),
        wanted,
        given.format,
        given.out,
        media=Path(config.data_dir) / "media",
        who=users.at_the_machine(),
    )
    if given.format in hub_export.EFFORTS:
        print(f"{done.path}:", say_count("{count} line", "{count} lines", done.events))
        if done.left_out:
            print(
                say_count(
                    "{count} station in a no_contact place stays here",
                    "{count} stations in no_contact places stay here",
                    done.left_out,
                )
            )
        return 0
    return _told(done, first, last, wanted)


def _told(done: Exported, first: str, last: str, wanted: leaving.Wanted) -> int:
    """What went out, and what stays here."""
    events = say_count("{count} event", "{count} events", done.events)
    print(say("{path}: {events}, {first} to {last}", path=done.path, events=events, first=first, last=last))
    if done.left_out:
        print(
            say_count("{count} event of the period stays here", "{count} events of the period stay here", done.left_out)
        )
        asked = {"--threats": wanted.threats, "--persons": wanted.persons, "--no-contact": wanted.no_contact}
        if more := [option for option, given in asked.items() if not given]:
            print(say("these let more of them out, as far as it may leave: {options}", options=", ".join(more)))
    if done.coarse:
        print(
            say(
                "places are rounded to 0.1 degrees, because a sensitive animal is among them; --exact leaves them whole"
            )
        )
    if done.pieces_left_out:
        print(
            say_count(
                "{count} picture or sound of these events stays here: it may show or tell of persons",
                "{count} pictures and sounds of these events stay here: they may show or tell of persons",
                done.pieces_left_out,
            )
        )
    return 0


def _tail(config: HubConfig, given: argparse.Namespace, store: Store) -> int:
    from otorongo.hub import tail
    from otorongo.hub.app import now_ms

    zone = hub_config.zone_of(config)
    place = tail.start(store, now_ms() - int(given.minutes * 60_000))
    while True:
        for line in tail.lines(store, place, zone):
            print(line, flush=True)
        if not given.follow:
            return 0
        time.sleep(1)


def _print(lines: Sequence[str]) -> int:
    for line in lines:
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
