"""Scenes for the engine: places with stations, people, and evidence as stations send it."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from otorongo.hub import engine
from otorongo.hub.alerts import Alert, Decision, Evidence, State
from otorongo.hub.config import HubConfig, NotifyConfig, PlaceConfig, StationConfig
from otorongo.hub.config_persons import ChannelConfig, PersonConfig
from otorongo.hub.rules import Rules
from otorongo.wire import classes

MINUTE_MS = 60_000
NOON_MS = 1_767_268_800_000
"""2026-01-01 12:00 UTC, 07:00 in Lima."""
LAKE = "Cocha Larga"
COMMONS = "Quebrada Comun"
FAR = "Cabeceras"
CORNERS = {LAKE: -12.5, COMMONS: -12.7, FAR: -12.9}
KINDS = {LAKE: "protected", COMMONS: "shared_use", FAR: "no_contact"}


def square(north_deg: float, west_deg: float, size_deg: float = 0.1) -> dict[str, Any]:
    """A square as GeoJSON, its north-west corner given."""
    n, w, s, e = north_deg, west_deg, north_deg - size_deg, west_deg + size_deg
    return {"type": "Polygon", "coordinates": [[[w, n], [e, n], [e, s], [w, s], [w, n]]]}


def person(name: str, role: str = "ranger", **more: Any) -> PersonConfig:
    """Somebody for all places, with a phone."""
    channels = (ChannelConfig(url=f"json://127.0.0.1:9/{name}"),)
    return PersonConfig(**{"name": name, "role": role, "places": ("*",), "channels": channels, **more})


PEOPLE = (
    person("ana", group="north"),
    person("beto", group="south"),
    person("carla", "coordinator", group="office"),
    person("dora", "second_organisation", group="ngo"),
    person("eva", "protocol_holder", group="ministry"),
    person("fidel", "auditor", group="audit"),
)
STATIONS = (
    *(StationConfig(name=f"K-0{n}", latitude_deg=-12.55, longitude_deg=-70.0 + n / 100) for n in range(1, 6)),
    *(StationConfig(name=f"C-0{n}", latitude_deg=-12.75, longitude_deg=-70.0 + n / 100) for n in range(1, 4)),
    *(StationConfig(name=f"N-0{n}", latitude_deg=-12.95, longitude_deg=-70.0 + n / 100) for n in range(1, 3)),
)


def rules(folder: Path, **more: Any) -> Rules:
    """Three places with their stations, and everybody."""
    places = []
    for name, north in CORNERS.items():
        file = f"{name.replace(' ', '-').lower()}.geojson"
        (folder / file).write_text(json.dumps({"type": "Feature", "geometry": square(north, -70.0)}))
        places.append(
            PlaceConfig(name=name, kind=KINDS[name], polygon=file, authority="Jefatura", instruction="observe")  # type: ignore[arg-type]
        )
    notify = NotifyConfig(retry_first_s=1, timeout_s=5)
    values = {"place": tuple(places), "person": PEOPLE, "station": STATIONS, "notify": notify, **more}
    return Rules.of(HubConfig(**values), folder)


def seen(
    station: str = "K-02", cls: str = "chainsaw", llr: float = 8.0, minute: float = 0, *, event: int = 1, **more: Any
) -> Evidence:
    """An event that began so many minutes after noon, lasted three and was told at once."""
    start_ms = NOON_MS + int(minute * MINUTE_MS)
    last_ms = start_ms + more.pop("length_ms", 3 * MINUTE_MS)
    values = {"seq": event, "start_ms": start_ms, "last_ms": last_ms, "received_ms": start_ms + 2000, **more}
    return Evidence(station=station, outbox=7, event=event, cls=classes.BY_NAME[cls].number, llr=llr, **values)


def believed(
    rules: Rules, evidence: Iterable[Evidence], *, place: str = LAKE, activity: str = "logging", minute: float = 5
) -> tuple[State, list[Decision]]:
    """What the engine makes of evidence that comes all at once."""
    state = State(place=place, activity=activity)
    return engine.step(state, evidence, NOON_MS + int(minute * MINUTE_MS), rules)


def only(state: State) -> Alert:
    """The one alert, merged ones apart."""
    (alert,) = [one for one in state.alerts if one.resolution != "merged"]
    return alert


def rings(decisions: Iterable[Decision]) -> list[str]:
    """What rang, in order."""
    return [one.what for one in decisions if one.to]


def with_notify(rules: Rules, **changes: Any) -> Rules:
    """The same with other keys under [notify]."""
    return Rules(replace(rules.config, notify=replace(rules.config.notify, **changes)), rules.places)
