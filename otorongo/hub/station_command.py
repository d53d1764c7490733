"""`otorongo-hub station`: what a person types to let a station in, and the configuration that it gets."""

import argparse
import datetime as dt
import json
from pathlib import Path
from typing import Final

from otorongo.hub import custodians, places, stations
from otorongo.hub.custodians import NOBODY, Custody
from otorongo.hub.ports import is_loopback
from otorongo.hub.rules import NO_RULES, Rules
from otorongo.hub.stations import StationError
from otorongo.language import say

MISSED_SIGN: Final = 10
"""Where another sign brings a station so many times nearer to a place, it is asked for."""
DESK_LISTEN: Final = "127.0.0.1:1883"
"""Where a hub and a station on one machine meet: the hub's own broker, by default."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `station add|list|revoke|renew`; `run` carries out what was parsed."""
    parser = subparsers.add_parser("station", help=say("let stations in, list them, shut them out"))
    actions = parser.add_subparsers(dest="action", required=True, metavar="add|list|revoke|renew")
    adding = actions.add_parser("add", help=say("make certificate, seal key and configuration of a new station"))
    adding.add_argument("name", metavar=say("NAME"), help=say("1 to 32 of A-Z, a-z, 0-9, - and _"))
    adding.add_argument(
        "--dir",
        type=Path,
        metavar=say("DIR"),
        help=say("write DIR/NAME, such as on a stick (default: the hub's; with mqtt:// the folder where you are)"),
    )
    adding.add_argument(
        "--broker",
        metavar=say("URL"),
        help=say(
            "where the station finds the broker: mqtts://HOST:8883, or on this machine mqtt://127.0.0.1:1883 "
            "(default: as hub.toml says)"
        ),
    )
    adding.add_argument(
        "--latitude", type=float, metavar=say("DEG"), help=say("where it will hang, WGS 84, negative in the south")
    )
    adding.add_argument("--longitude", type=float, metavar=say("DEG"), help=say("negative in the west"))
    actions.add_parser("list", help=say("every certificate, when it ends, and whether it was revoked"))
    revoking = actions.add_parser("revoke", help=say("shut a station out, such as a stolen one"))
    revoking.add_argument("name", metavar=say("NAME"))
    actions.add_parser("renew", help=say("make the broker's and the hub's own certificates anew"))


def run(
    args: argparse.Namespace, folder: Path, *, broker: str | None, now: dt.datetime, rules: Rules = NO_RULES
) -> list[str]:
    """Carry out `station ...` on the hub's `pki` folder; `broker` is the default for `add`, `rules` say who opens.

    Returns the lines to print; none holds a secret. Raises StationError.
    """
    match args.action:
        case "add":
            return _add(args, folder, broker=args.broker or broker, now=now, rules=rules)
        case "list":
            return [_line(station) for station in stations.listed(folder)] or [say("no stations yet")]
        case "revoke":
            stations.revoke(folder, args.name, now=now)
            return [
                say("{name}: revoked. Tell the broker: systemctl reload mosquitto", name=args.name),
                say("A connection that is open stays open; systemctl restart mosquitto ends it too."),
            ]
        case _:
            hosts = stations.renew(folder, now=now)
            return [say("new certificates for {names}. Restart the broker and the hub.", names=", ".join(hosts))]


def _add(args: argparse.Namespace, folder: Path, *, broker: str | None, now: dt.datetime, rules: Rules) -> list[str]:
    if broker is None:
        raise StationError(
            say(
                "where will the station find the broker? Say --broker mqtts://HOST:8883; to try both on this machine: "
                "--broker mqtt://{listen}",
                listen=DESK_LISTEN,
            )
        )
    place = _place(args.latitude, args.longitude)
    custody = custodians.custody(rules, place)
    alone = _on_desk(rules, broker)
    into = args.dir or (Path() if alone else None)
    desk = stations.target_of(folder, args.name, into).absolute() if alone else None
    text = station_toml(args.name, broker, place, custody, desk)
    target = stations.add(folder, args.name, broker=broker, configuration=text, into=into, now=now)
    return [
        say("{name}: everything it needs is in {target}", name=args.name, target=target),
        *([] if place else [say("Write where it hangs into {path}, section [place].", path=target / "station.toml")]),
        *_far(rules, args.name, place),
        _sealing(custody),
        *(_next_on_desk(desk) if desk else _next(folder)),
    ]


def _on_desk(rules: Rules, broker: str) -> bool:
    """Whether the station is to stay on this machine, to be tried. Raises StationError if the broker lets none in."""
    if not broker.startswith("mqtt://"):
        return False
    listen = rules.config.broker.listen
    if not rules.config.broker.url and not is_loopback(listen.rpartition(":")[0].strip("[]")):
        raise StationError(
            say(
                "the broker of this hub listens on {listen} and takes nobody without a certificate; to try on this "
                "machine: [broker] listen = {desk!r}",
                listen=listen,
                desk=DESK_LISTEN,
            )
        )
    return True


def _next(folder: Path) -> list[str]:
    return [
        say("Carry that folder to the station, run install-station.sh with it, then delete it: it holds private keys."),
        say("A broker that runs already must read {folder} again: systemctl restart mosquitto", folder=folder),
    ]


def _next_on_desk(desk: Path) -> list[str]:
    path = desk / "station.toml"
    return [
        say("Nothing between it and the hub is encrypted, and whoever is on this machine may send: for trying alone."),
        say("Now: otorongo-station replay RECORDINGS --keep --at now --config {path}", path=path),
        say("and, while the hub runs: otorongo-station uplink --config {path}", path=path),
    ]


def _far(rules: Rules, name: str, place: places.Position | None) -> list[str]:
    """A warning for a station that will stand in no place of hub.toml, and the sign that may be missing."""
    near = places.nearest(rules.places.values(), place) if place else None
    if place is None or near is None or not near[1]:
        return []
    told = [
        say(
            "WARNING: {name} will stand in no [[place]] of hub.toml: the nearest, {place}, is {km:.1f} km away.",
            name=name,
            place=near[0].name,
            km=near[1] / 1000,
        )
    ]
    turned = [(-place[0], place[1]), (place[0], -place[1]), (-place[0], -place[1])]
    likely = min(turned, key=lambda at: _metres(rules, at))
    if _metres(rules, likely) < near[1] / MISSED_SIGN:
        told.append(
            say(
                "Is a minus sign missing or too many? Latitudes in the south and longitudes in the west are negative: "
                "{latitude_deg:g}, {longitude_deg:g} is {km:.1f} km from {place}.",
                latitude_deg=likely[0],
                longitude_deg=likely[1],
                km=_metres(rules, likely) / 1000,
                place=(places.nearest(rules.places.values(), likely) or near)[0].name,
            )
        )
    return told


def _metres(rules: Rules, at: places.Position) -> float:
    near = places.nearest(rules.places.values(), at)
    return near[1] if near else 0.0


def _sealing(custody: Custody) -> str:
    """Who will open what this station seals."""
    if not custody.to:
        return say("It keeps no pictures and no sound of people: {why}.", why=custody.why)
    return say(
        "What shows people, or lets them be heard, it seals to {names}.",
        names=say(" and ").join(one.name for one in custody.to),
    )


def _place(latitude_deg: float | None, longitude_deg: float | None) -> tuple[float, float] | None:
    if latitude_deg is None and longitude_deg is None:
        return None
    if latitude_deg is None or longitude_deg is None:
        raise StationError(say("--latitude and --longitude come together, or neither"))
    if not (-90 <= latitude_deg <= 90 and -180 <= longitude_deg <= 180):
        raise StationError(
            say(
                "{latitude_deg:g}, {longitude_deg:g}: no place (allowed: -90 to 90, and -180 to 180)",
                latitude_deg=latitude_deg,
                longitude_deg=longitude_deg,
            )
        )
    return latitude_deg, longitude_deg


def _line(station: stations.Station) -> str:
    good, revoked = say("good until {day}", day=station.expires.date()), say("revoked")
    state = f"{revoked} {station.revoked:%Y-%m-%d}" if station.revoked else good
    about = say("certificate {serial:x}  seal {key}", serial=station.serial, key=station.seal_key.hex()[:16])
    return f"{station.name:<32}  {state}  {about}"


def station_toml(
    name: str,
    broker: str,
    place: tuple[float, float] | None = None,
    custody: Custody = NOBODY,
    desk: Path | None = None,
) -> str:
    """A station's configuration, ready to run with one microphone; the rest stands in it as comments.

    `place` is latitude and longitude in degrees (WGS 84); without it the station's `check` asks for it. `desk`: the
    folder in which everything of it lies, on the hub's own machine.
    """
    data_dir, pki = (desk / "data", desk / "pki") if desk else (Path("/var/lib/otorongo"), Path("/etc/otorongo/pki"))
    where = "station.toml" if desk else "/etc/otorongo/station.toml"
    files = {"key_file": "device.key", "cert_file": "device.crt", "ca_file": "hub-ca.crt", "seal_key_file": "seal.key"}
    used = {key: pki / file for key, file in files.items() if not desk or key == "seal_key_file"}
    keys_of = "".join(f"{key:<13} = {_quoted(path)}\n" for key, path in used.items())
    latitude_deg, longitude_deg = place or (-12.5, -70.0)
    mark = "" if place else "# "
    free = say("nothing on this machine costs money")
    unmetered = f"daily_bytes   = 1000000000           # {free}\n" if desk else ""
    land = say("land of peoples in isolation")
    apart = f"{mark}no_contact    = true                 # {land}\n" if custody.no_contact else ""
    policy = "seal" if custody.to else "discard"
    keys = "".join(f'    "{one.key}",  # {_plain(one.name)}\n' for one in custody.to)
    who = say("who opens originals with people; docs/custodios.md")
    seal = f"\n[seal]                               # {who}\nrecipients = [\n{keys}]\n"
    first = say(
        "{file} of {name}. After a change: otorongo-station check, then restart the units.", file=where, name=name
    )
    hung = say("where it hangs: alerts speak of this")
    height = say("microphone above ground")
    without = say("leave a section out: no such sensor")
    port = say("better the port's path, such as {example}", example='"usb-port:1-1.2"')
    sound = say("sound with voices: seal, discard, or keep where all agreed")
    other = say("or {other}", other='"opencv"')
    trigger = say("PIR; leave out: the gate alone decides")
    pictures = say("pictures of people: seal, discard, or keep where all agreed")
    return f'''\
# {first}
station  = "{name}"
data_dir = {_quoted(data_dir)}

{mark}[place]                              # {hung}
{mark}latitude_deg  = {latitude_deg:.5f}
{mark}longitude_deg = {longitude_deg:.5f}
# height_m    = 6.0                  # {height}
{apart}{seal if custody.to else ""}
[microphone]                         # {without}
driver = "alsa"
device = "default"                   # {port}
bundle = "threats@5"
voices = "{policy}"{" " * (26 - len(policy))}# {sound}

# [camera]
# driver      = "picamera"           # {other}
# trigger_pin = 17                   # {trigger}
# bundle      = "boxes@1"
# people      = "{policy}"{" " * (19 - len(policy))}# {pictures}

[uplink]
broker        = "{broker}"
{unmetered}{keys_of}'''


def _quoted(path: Path) -> str:
    """A path as a string of TOML."""
    return json.dumps(str(path), ensure_ascii=False)


def _plain(text: str) -> str:
    """A name as a comment can hold it."""
    return "".join(letter for letter in text if letter.isprintable())
