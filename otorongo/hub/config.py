"""`hub.toml` as frozen values. Every key has its unit in its name or is explained here and in docs/hub.md.

`load` refuses what cannot be meant: unknown keys, names that nothing bears, a time zone that is none. What can be meant
but serves nobody, such as a place without an authority to call, is told by `check`.
"""

import datetime as dt
import re
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from msgspec import Meta, Struct, structs

from otorongo import toml
from otorongo.hub import config_custodians, config_persons
from otorongo.hub.config_activities import ActivityConfig, activities_of
from otorongo.hub.config_custodians import CustodianConfig
from otorongo.hub.config_persons import PersonConfig
from otorongo.language import say
from otorongo.toml import ConfigError
from otorongo.wire import classes
from otorongo.wire.errors import BadValue
from otorongo.wire.topics import check_station

DEFAULT_PATH: Final = Path("/etc/otorongo/hub.toml")
EVERYWHERE: Final = "*"

Name = Annotated[str, Meta(min_length=1, max_length=80)]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]
Minutes = Annotated[float, Meta(gt=0, le=100_000)]
_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(([01]\d|2[0-3]):([0-5]\d)|24:00)")


class PlaceConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A sector: where evidence is fused, whom to call, and what to do there."""

    name: Name
    """The sector's name. Outside messages carry it: nothing that must stay secret."""
    kind: Literal["protected", "shared_use", "concession", "community", "no_contact"]
    polygon: str
    """GeoJSON file (WGS 84), relative to hub.toml."""
    authority: str = ""
    """Whom to call, and how."""
    instruction: Literal["", "go", "observe", "do_not_approach"] = ""
    """What a ranger who is rung does. Rangers are unarmed."""


class RightConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something that somebody may do at a place: what it covers is recorded, not alerted."""

    holder: Name
    kind: Name
    """Such as `harvest_parcel`, `community_hunting`, `castana`, `research`, `patrol`."""
    activity: Name
    """Name of an activity."""
    place: Name
    """Name of a place."""
    resolution: str = ""
    """The document that grants it."""
    season: tuple[dt.date, dt.date] | None = None
    """First and last day of every year or of one year, as written; left out: all year."""
    yearly: bool = False
    """True: the season comes again every year."""
    hours: str = "00:00-24:00"
    """Local time, `06:00-18:00`; over midnight `20:00-04:00`."""
    zone: str = "America/Lima"
    """Time zone of season and hours."""
    review_by: dt.date | None = None
    """After this day it covers nothing until somebody has looked at it again."""
    volume: str = ""
    """What was granted, such as `120 m3`; shown, not measured."""


class StationConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a station stands, if the hub knows better than the station."""

    name: str
    latitude_deg: Latitude
    """WGS 84, negative in the south."""
    longitude_deg: Longitude
    """WGS 84, negative in the west."""


class BrokerConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The MQTT broker between stations and hub."""

    url: str = ""
    """`mqtts://host:8883` or `mqtt://127.0.0.1:1883` of a broker that runs already; empty: the hub runs its own."""
    listen: str = "127.0.0.1:1883"
    """Address and port of the hub's own broker; other than loopback only with certificates."""
    public_url: str = ""
    """Where stations find it, `mqtts://hub.reserva.example:8883`: what `station add` writes."""
    ca_file: str = ""
    """Certificate authority of `url`; empty: that of `station add`."""
    cert_file: str = ""
    """The hub's certificate; empty: that of `station add`."""
    key_file: str = ""
    """The hub's key; empty: that of `station add`."""


class WebConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The pages."""

    listen: str = "127.0.0.1:8080"
    """Address and port; a reverse proxy with TLS stands before it."""
    public_url: str = "http://127.0.0.1:8080"
    """How phones reach the pages: links in messages begin with it."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose X-Forwarded-For is believed."""
    link_valid_h: Annotated[float, Meta(gt=0, le=720)] = 24.0
    """Hours for which the link in a message works."""


class NotifyConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When people are rung again, and how messages are retried."""

    re_ring_after_min: Minutes = 10.0
    """Nobody goes: those of the place are rung again after so long."""
    rounds: Annotated[int, Meta(ge=1, le=50)] = 6
    """At most so many rings at one severity."""
    escalate_after_rounds: Annotated[int, Meta(ge=1, le=50)] = 2
    """After so many rounds without a "I go" coordinators are rung too."""
    second_organisation_after_rounds: Annotated[int, Meta(ge=1, le=50)] = 4
    """After so many rounds second organisations too."""
    overdue_grace_min: Minutes = 30.0
    """A party that is not back so long after its time: the coordinator is rung, and after twice that the second
    organisation."""
    going_at_most_h: Annotated[float, Meta(gt=0, le=240)] = 48.0
    """A return time later than this after the start of a trip is not believed, and no group holds the rings longer."""
    timeout_s: Annotated[float, Meta(gt=0, le=120)] = 20.0
    """For one send."""
    retry_first_s: Annotated[float, Meta(gt=0, le=3600)] = 10.0
    """Pause after the first failure; it doubles with each further one ..."""
    retry_most_s: Annotated[float, Meta(gt=0, le=86_400)] = 900.0
    """... up to this."""
    give_up_after_h: Annotated[float, Meta(gt=0, le=720)] = 24.0
    """A message that could not be sent for so long is given up; the ledger says so."""


class RetentionConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long the hub keeps what grows. Records, alerts and logs are kept for good."""

    media_days: Annotated[int, Meta(ge=0)] = 0
    """Days for which media that no alert covers are kept, then deleted with a note; 0: for good."""
    event_timeout_min: Minutes = 60.0
    """An event of which nothing was heard for so long is closed as lost; a true close that comes later wins."""


class LimitsConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the hub asks of stations by itself."""

    animal_thumbs_day: Annotated[int, Meta(ge=0, le=1000)] = 20
    """Small pictures of animals in 24 hours of each station; none from `no_contact` places."""


class BackupConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Copies of the hub while it runs. Stations forget threats only once they are in one."""

    folder: str = ""
    """Where copies go, best another disk or machine; empty: no copies."""
    every_h: Annotated[float, Meta(gt=0, le=720)] = 24.0
    keep: Annotated[int, Meta(ge=1, le=1000)] = 7
    """So many of the newest."""
    safe: Literal["backup", "standby"] = "backup"
    """What makes a record safe: a verified backup, or a synchronous standby of PostgreSQL (then at commit)."""


class HubConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    data_dir: str = "/var/lib/otorongo-hub"
    """Folder of everything that the hub keeps."""
    database: str = ""
    """`postgresql://...` or `sqlite:////file`; empty: `hub.db` in data_dir."""
    pki_dir: str = ""
    """Folder of certificates; empty: `pki` in data_dir."""
    zone: str = "America/Lima"
    """Time zone of the times that people read."""
    broker: BrokerConfig = BrokerConfig()
    web: WebConfig = WebConfig()
    notify: NotifyConfig = NotifyConfig()
    retention: RetentionConfig = RetentionConfig()
    limits: LimitsConfig = LimitsConfig()
    backup: BackupConfig = BackupConfig()
    place: tuple[PlaceConfig, ...] = ()
    activity: tuple[ActivityConfig, ...] = ()
    right: tuple[RightConfig, ...] = ()
    person: tuple[PersonConfig, ...] = ()
    station: tuple[StationConfig, ...] = ()
    custodian: tuple[CustodianConfig, ...] = ()

    @property
    def database_url(self) -> str:
        """As `Store.open` takes it."""
        return self.database or f"sqlite:///{Path(self.data_dir).absolute() / 'hub.db'}"

    @property
    def pki_path(self) -> Path:
        """The folder of certificates."""
        return Path(self.pki_dir) if self.pki_dir else Path(self.data_dir) / "pki"

    @property
    def activities(self) -> tuple[ActivityConfig, ...]:
        """Those of the file over the built-in ones of other names."""
        return activities_of(self.activity)


def load(path: str | Path) -> HubConfig:
    """Read `hub.toml`; files and folders in it are relative to its own folder.

    Raises ConfigError, which names the file, the key, the reason and what is allowed.
    """
    config = toml.load(path, HubConfig)
    for where, reason in _mistakes(config):
        raise ConfigError(f"{path}: {where}: {reason}")
    return _anchored(config, Path(path).absolute().parent)


def _anchored(config: HubConfig, folder: Path) -> HubConfig:
    """The same with absolute paths, wherever the program was started; polygons stay as written, for `places.load`."""

    def at(path: str) -> str:
        return str(folder / path) if path else ""

    broker = config.broker
    return structs.replace(
        config,
        data_dir=at(config.data_dir),
        pki_dir=at(config.pki_dir),
        database=_database(config.database, folder),
        broker=structs.replace(
            broker, ca_file=at(broker.ca_file), cert_file=at(broker.cert_file), key_file=at(broker.key_file)
        ),
        backup=structs.replace(config.backup, folder=at(config.backup.folder)),
        person=tuple(_at_home(one, folder) for one in config.person),
    )


def _at_home(person: PersonConfig, folder: Path) -> PersonConfig:
    channels = (
        structs.replace(one, url_file=str(folder / one.url_file)) if one.url_file else one for one in person.channels
    )
    return structs.replace(person, channels=tuple(channels))


def _database(url: str, folder: Path) -> str:
    """`sqlite:///hub.db` is relative, `sqlite:////var/hub.db` is not, and `sqlite://` is no file."""
    path = url.removeprefix("sqlite:///")
    return f"sqlite:///{folder / path}" if path and path != url else url


def with_servers(config: HubConfig, *, broker: str | None, database: str | None) -> HubConfig:
    """The configuration with another broker or database, as named on the command line."""
    if broker:
        config = structs.replace(config, broker=structs.replace(config.broker, url=broker))
    return structs.replace(config, database=database) if database else config


def minutes_of(hours: str) -> tuple[int, int]:
    """`06:00-18:00` as minutes since midnight. Raises ValueError."""
    found = _HOURS.fullmatch(hours)
    if found is None:
        raise ValueError(hours)
    first, last = hours.split("-")
    start, end = (int(one[:2]) * 60 + int(one[3:]) for one in (first, last))
    return start, end


def _mistakes(config: HubConfig) -> list[tuple[str, str]]:
    """(key, reason) of what cannot be meant."""
    found: list[tuple[str, str]] = []
    for section, names in (
        ("place", [one.name for one in config.place]),
        ("activity", [one.name for one in config.activity]),
        ("person", [one.name for one in config.person]),
        ("station", [one.name for one in config.station]),
        ("custodian", [one.name for one in config.custodian]),
    ):
        twice = sorted({name for name in names if names.count(name) > 1})
        found += [(section, say("{name!r} stands twice (allowed: once)", name=name)) for name in twice]
    found += [
        (say("place {name}", name=p.name), say("the name begins with ~ or *, which names no place (allowed: a letter)"))
        for p in config.place
        if p.name[0] in "~*"
    ]
    found += _zones(config) + _activities(config) + _rights(config)
    found += config_persons.mistakes(
        config.person, [one.name for one in config.place], [one.name for one in config.activities]
    )
    apart = [one.name for one in config.place if one.kind == "no_contact"]
    found += config_custodians.mistakes(config.custodian, [one.name for one in config.place], apart)
    for station in config.station:
        try:
            check_station(station.name)
        except BadValue:
            found.append(
                ("station.name", say("{name!r} (allowed: 1 to 32 of A-Z, a-z, 0-9, - and _)", name=station.name))
            )
    return found


def _zones(config: HubConfig) -> list[tuple[str, str]]:
    zones = [
        ("zone", config.zone),
        *((say("right of {holder}", holder=one.holder) + ": zone", one.zone) for one in config.right),
    ]
    known = available_timezones()
    return [
        (where, say("{zone!r} is no time zone (allowed: such as America/Lima)", zone=zone))
        for where, zone in zones
        if zone not in known
    ]


def _activities(config: HubConfig) -> list[tuple[str, str]]:
    found = []
    for one in config.activity:
        where = say("activity {name}", name=one.name)
        unknown = sorted(set(one.weights) - set(classes.BY_NAME))
        if unknown:
            allowed = ", ".join(classes.BY_NAME)
            what = say("{name!r} is no class (allowed: {names})", name=unknown[0], names=allowed)
            found.append((f"{where}: weights", what))
        if one.weights and not one.watch_at <= one.ring_at <= one.high_at:
            found.append((where, say("watch_at, ring_at and high_at must rise in this order")))
    return found


def _rights(config: HubConfig) -> list[tuple[str, str]]:
    found = []
    activities, places = {one.name for one in config.activities}, {one.name for one in config.place}
    for one in config.right:
        where = say("right of {holder}", holder=one.holder)
        if one.activity not in activities:
            found.append((f"{where}: activity", config_persons.none_of(one.activity, sorted(activities))))
        if one.place not in places:
            found.append((f"{where}: place", config_persons.none_of(one.place, sorted(places))))
        if one.season and one.season[0] > one.season[1] and not one.yearly:
            found.append((f"{where}: season", say("ends before it begins (allowed with yearly = true)")))
        try:
            minutes_of(one.hours)
        except ValueError:
            found.append((f"{where}: hours", say("{hours!r} (allowed: such as 06:00-18:00)", hours=one.hours)))
    return found


def zone_of(config: HubConfig) -> ZoneInfo:
    """The zone of the times that people read."""
    return ZoneInfo(config.zone)
