"""The linter of hub.toml: what is wrong, where, and how to mend it."""

import datetime as dt
from pathlib import Path
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from otorongo.hub import check
from otorongo.hub.config import HubConfig, PlaceConfig, RightConfig, WebConfig
from otorongo.hub.config_activities import BUILT_IN, ActivityConfig
from otorongo.hub.config_custodians import CustodianConfig
from otorongo.hub.config_persons import ChannelConfig, PersonConfig
from tests.hub.scenes import LAKE, person, rules

TODAY = dt.date(2026, 1, 1)


def lines(config: HubConfig, folder: Path, **more: Any) -> str:
    """What the linter prints."""
    return "\n".join(one.line() for one in check.check(config, folder, TODAY, **more))


def test_a_good_hub_is_praised_by_silence(tmp_path: Path) -> None:
    """Places, people, stations and a backup as they should be: nothing is found."""
    good = rules(tmp_path).config
    places = tuple(replace(one, instruction="do_not_approach") for one in good.place)
    people = tuple(replace(one, group=one.group or "x") for one in good.person)
    backup = replace(good.backup, folder="/mnt/backup")
    roles: tuple[Literal["operations", "custodian", "protocol_holder"], ...] = (
        *("operations", "custodian", "protocol_holder"),
    )
    keys = tuple(
        CustodianConfig(name=role, role=role, key="age1" + letter * 58)
        for role, letter in zip(roles, "qpz", strict=True)
    )
    whole = replace(good, place=places, person=people, backup=backup, custodian=keys)
    assert lines(whole, tmp_path) == ""


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"authority": ""}, "place X: has no authority: write authority"),
        ({"instruction": ""}, "place X: has no instruction: write instruction"),
        ({"kind": "no_contact", "instruction": "go"}, "is no_contact, and its instruction is go: write instruction"),
        ({"kind": "no_contact"}, "nobody learns of persons in it: add a [[person]] with role"),
        ({"polygon": "none.geojson"}, "wrong: place X: polygon .*none.geojson: cannot be read: No such file"),
    ],
)
def test_places(tmp_path: Path, change: dict[str, Any], line: str) -> None:
    """A place without authority or instruction, or whose polygon does not load, is named with the way out."""
    rules(tmp_path)
    whole: dict[str, Any] = {"name": "X", "kind": "protected", "polygon": "cocha-larga.geojson", **change}
    config = HubConfig(place=(PlaceConfig(**{"authority": "A", "instruction": "observe", **whole}),))
    found = lines(config, tmp_path)
    assert line.replace(".*", str(tmp_path) + "/") in found


def test_rights(tmp_path: Path) -> None:
    """A right without a review date, or past it, covers too much or nothing, and is told."""

    def right(**more: Any) -> RightConfig:
        return RightConfig(
            **{"holder": "E", "kind": "k", "activity": "logging", "place": "X", "resolution": "R", **more}
        )

    assert "has no review date" in lines(HubConfig(right=(right(),)), tmp_path)
    past = right(review_by=dt.date(2025, 12, 31))
    assert "was to be reviewed by 2025-12-31 and covers nothing since" in lines(HubConfig(right=(past,)), tmp_path)
    soon = right(review_by=dt.date(2026, 1, 20))
    assert "is to be reviewed by 2026-01-20" in lines(HubConfig(right=(soon,)), tmp_path)
    fine = right(review_by=dt.date(2026, 12, 1))
    assert "right of" not in lines(HubConfig(right=(fine,)), tmp_path)


def test_persons(tmp_path: Path) -> None:
    """A person without channel or place is told, and a role that nobody has."""
    found = lines(HubConfig(person=(PersonConfig(name="ana"),)), tmp_path)
    assert "person ana: has no channel and is never reached" in found
    assert "person ana: has no place and is never rung" in found
    assert "there is no coordinator: nobody is rung when nobody goes" in found


def test_secrets(tmp_path: Path) -> None:
    """A channel's file that is missing, empty or readable by everybody stops the hub, and the text holds no secret."""
    path = tmp_path / "ana.url"
    config = HubConfig(person=(person("ana", channels=(ChannelConfig(url_file=str(path)),)),))
    assert f"wrong: person ana: channels[0]: {path} cannot be read" in lines(config, tmp_path)
    path.write_text("tgram://SECRET/1\n")
    path.chmod(0o644)
    assert f"{path} can be read by everybody on this machine: chmod 600 {path}" in lines(config, tmp_path)
    path.chmod(0o600)
    assert "channels[0]" not in lines(config, tmp_path)
    path.write_text("SECRET")
    assert f"{path} holds no address" in lines(config, tmp_path)
    assert "SECRET" not in lines(config, tmp_path)


def test_activities_that_cannot_ring(tmp_path: Path) -> None:
    """What cannot ring with the stations that a place has is told with how many it takes; what rings at nothing too."""
    good = rules(tmp_path)
    one = replace(good.config, station=good.config.station[:1])
    found = lines(one, tmp_path)
    assert f"place {LAKE}: logging can never ring with 1 station" not in found  # a saw, a fall, a truck and a person
    weak = ActivityConfig(name="logging", weights={"chainsaw": 1.0})
    found = lines(replace(one, activity=(weak,)), tmp_path)
    assert f"place {LAKE}: logging can never ring with 1 station: it takes at least 2 stations or classes" in found
    faint = ActivityConfig(name="x", weights={"rain": 0.1})
    assert "activity x: needs 13 stations or classes that are sure at once" in lines(
        HubConfig(activity=(faint,)), tmp_path
    )
    eager = ActivityConfig(name="y", weights={"rain": 0.1}, prior=0.97)
    assert "wrong: activity y: rings without any evidence" in lines(HubConfig(activity=(eager,)), tmp_path)


def test_our_own_activities_ring_with_two_stations() -> None:
    """What every hub knows from the start takes two stations, or fewer, that are sure."""
    assert {one.name: check.least_pairs(one) for one in BUILT_IN if one.name != "presence"} == dict.fromkeys(
        ("logging", "mining", "clearing", "poaching", "intrusion"), 2
    )


def test_stations(tmp_path: Path) -> None:
    """A station in no place, or that does not say where it stands, is told; so is a place without station."""
    good = rules(tmp_path).config
    found = lines(replace(good, station=()), tmp_path, told={"A": (-1.0, -70.0), "B": None})
    assert "station A: stands in no place" in found
    assert "station B: does not say where it stands" in found
    assert f"place {LAKE}: has no station" in found


def test_links_in_the_clear(tmp_path: Path) -> None:
    """A public address without TLS is told."""
    assert "sends links and passwords in the clear" in lines(
        HubConfig(web=WebConfig(public_url="http://hub.example")), tmp_path
    )


def test_links_that_lead_nowhere(tmp_path: Path) -> None:
    """Pages that listen elsewhere than where links lead by default are told, and the default is fine."""
    assert "is not where the pages listen, 127.0.0.1:9090" in lines(
        HubConfig(web=WebConfig(listen="127.0.0.1:9090")), tmp_path
    )
    assert "pages listen" not in lines(HubConfig(), tmp_path)


def test_a_place_that_rings_nobody_at_all_is_told(tmp_path: Path) -> None:
    """A place whose people have no channel is named with the activities; one with a coordinator to ring is not."""
    good = rules(tmp_path).config
    deaf = tuple(replace(one, channels=()) for one in good.person)
    found = lines(replace(good, person=deaf), tmp_path)
    assert f"place {LAKE}: nobody with a channel is rung for logging, mining, clearing, poaching, intrusion: " in found
    assert "no protocol_holder of it has a channel: of persons in it nobody learns: give them channels" in found
    some = (*deaf, person("hugo", "coordinator", activities=("logging",)))
    assert "is rung for mining, clearing, poaching, intrusion: " in lines(replace(good, person=some), tmp_path)
