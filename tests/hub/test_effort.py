"""How long and how far stations listened, hour by hour, and of which hours nothing is known."""

import csv
import json
from pathlib import Path

import pytest

from otorongo.hub import effort, export, presence, store_people
from otorongo.hub.belief import NO_RULES
from otorongo.hub.config import HubConfig, PlaceConfig, StationConfig
from otorongo.hub.ingest import accept
from otorongo.hub.leaving import Wanted
from otorongo.hub.rules import Rules
from otorongo.hub.store import Store
from otorongo.wire.classes import BY_NAME
from otorongo.wire.codes import CameraFlag, MicrophoneFlag
from otorongo.wire.rows import Event, Listening, Seeing
from tests.hub.fakes import NOON_MS, Card

HOUR_MS = 3_600_000
RAIN, WIND = BY_NAME["rain"].number, BY_NAME["wind"].number


def _rules(folder: Path) -> Rules:
    """K-09 stands in land of peoples in isolation."""
    square = {"type": "Polygon", "coordinates": [[[-72, -12], [-71, -12], [-71, -11], [-72, -11], [-72, -12]]]}
    (folder / "closed.geojson").write_text(json.dumps(square))
    place = PlaceConfig(name="closed", kind="no_contact", polygon="closed.geojson")
    return Rules.of(
        HubConfig(place=(place,), station=(StationConfig(name="K-09", latitude_deg=-11.5, longitude_deg=-71.5),)),
        folder,
    )


def _hour(card: Card, end_hour: float, **more: object) -> None:
    """An hour of listening that ends so many hours after noon."""
    values = {"length_ms": HOUR_MS, "reach_m": 400, **more}
    card.put(Listening(round(end_hour * HOUR_MS), 1, **values))  # type: ignore[arg-type]


def _exported(
    store: Store, rules: Rules, out: Path, wanted: Wanted, form: export.Format = "listening"
) -> list[dict[str, str]]:
    export.export(store, rules, wanted, form, out, media=out.parent, who="ana")
    with out.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture
def rules(store: Store, tmp_path: Path) -> Rules:
    """Two stations that listened for an hour, were silent for two, and listened in the rain."""
    rules = _rules(tmp_path)
    for card in (Card("K-02", 7), Card("K-09", 9)):
        _hour(card, 1)
        _hour(card, 4, deaf_ms=HOUR_MS // 2, reach_m=60, vetoes={WIND: 60_000, RAIN: 1_800_000}, vetoed=3,
              flags=int(MicrophoneFlag.WET))  # fmt: skip
        accept(store, NO_RULES, card.station, card.batch(), NOON_MS + 5 * HOUR_MS)
    return rules


def test_hours_and_what_lies_between_them_are_told(store: Store, rules: Rules, tmp_path: Path) -> None:
    """Each hour has a line, and each stretch without one has a line that says that nothing is known."""
    day = Wanted(NOON_MS, NOON_MS + 6 * HOUR_MS)
    lines = _exported(store, rules, tmp_path / "hours.csv", day)
    assert [(line["station"], line["state"], int(line["length_s"]), int(line["deaf_s"])) for line in lines] == [
        ("K-02", "listened", 3600, 0),
        ("K-02", "unknown", 7200, 7200),
        ("K-02", "listened", 3600, 1800),
        ("K-02", "unknown", 7200, 7200),
    ]
    wet = lines[2]
    assert (wet["start"], wet["end"]) == ("2026-01-01T15:00:00Z", "2026-01-01T16:00:00Z")
    assert [line["review_pct"] for line in lines[:4]] == ["0", "100", "75", "100"]
    assert (wet["reach_m"], wet["vetoed_hits"], wet["vetoes"], wet["faults"]) == ("60", "3", "rain:1800|wind:60", "wet")


def test_a_microphone_that_died_before_the_period_is_unknown_in_all_of_it(
    store: Store, rules: Rules, tmp_path: Path
) -> None:
    """A week of which it told nothing has a line, as long as the week: none would read as a week of quiet."""
    week = Wanted(NOON_MS + 30 * HOUR_MS, NOON_MS + (30 + 168) * HOUR_MS)
    (line,) = _exported(store, rules, tmp_path / "week.csv", week)
    assert (line["station"], line["sensor"], line["state"], line["reach_m"]) == ("K-02", "1", "unknown", "")
    assert int(line["length_s"]) == int(line["deaf_s"]) == 168 * 3600
    assert _exported(store, rules, tmp_path / "eyes.csv", week, "seeing") == []


@pytest.mark.parametrize("sign", ["birth", "event"])
def test_a_microphone_that_never_told_of_an_hour_is_unknown(store: Store, tmp_path: Path, sign: str) -> None:
    """Its station has named it, or told of a saw: it has a line as long as the period, and none before it was there."""
    card = Card("K-04")
    if sign == "birth":
        presence.take_birth(store, NO_RULES, card.station, card.birth(), NOON_MS)
    else:
        card.open(1000)
        accept(store, NO_RULES, card.station, card.batch(), NOON_MS)
    rules = _rules(tmp_path)
    later = Wanted(NOON_MS + 2 * HOUR_MS, NOON_MS + 5 * HOUR_MS)
    (line,) = _exported(store, rules, tmp_path / "later.csv", later)
    assert (line["station"], line["sensor"], line["state"], line["review_pct"]) == ("K-04", "1", "unknown", "100")
    assert int(line["length_s"]) == int(line["deaf_s"]) == 3 * 3600
    assert _exported(store, rules, tmp_path / "eyes.csv", later, "seeing") == []
    before = Wanted(NOON_MS - 9 * HOUR_MS, NOON_MS)
    assert _exported(store, rules, tmp_path / "before.csv", before) == []


def test_what_listens_for_species_alone_adds_no_line(store: Store, tmp_path: Path) -> None:
    """Beside a microphone that tells of its hours, another one that tells of birds alone is no lost effort."""
    card = Card("K-05")
    _hour(card, 1)
    card.put(Event(HOUR_MS, 3, BY_NAME["birds"].number, 50, 0))
    accept(store, NO_RULES, card.station, card.batch(), NOON_MS + HOUR_MS)
    (line,) = _exported(store, _rules(tmp_path), tmp_path / "hour.csv", Wanted(NOON_MS, NOON_MS + HOUR_MS))
    assert (line["sensor"], line["state"]) == ("1", "listened")


def test_a_no_contact_station_stays_unless_asked_for_and_who_had_it_is_noted(
    store: Store, rules: Rules, tmp_path: Path
) -> None:
    """K-09 is told of only with no_contact; the export stands in the log of looks."""
    day = Wanted(NOON_MS, NOON_MS + 6 * HOUR_MS, no_contact=True)
    assert {line["station"] for line in _exported(store, rules, tmp_path / "all.csv", day)} == {"K-02", "K-09"}
    with store.read() as tx:
        assert [one["who"] for one in store_people.access_newest(tx)] == ["ana"]


def test_a_station_that_never_listened_has_no_line(store: Store, tmp_path: Path) -> None:
    """A camera alone has no effort of listening, and an empty period gives the head of the table."""
    card = Card("K-03")
    card.beat(1000)
    accept(store, NO_RULES, card.station, card.batch(), NOON_MS)
    out = tmp_path / "none.csv"
    assert _exported(store, _rules(tmp_path), out, Wanted(NOON_MS, NOON_MS + HOUR_MS)) == []
    assert out.read_text().startswith("station,sensor,start,end,state")


def test_blind_time_of_a_camera_is_lost_effort(store: Store, tmp_path: Path) -> None:
    """A camera's hours say how long it saw: not while it was blind, nor in a stretch of which nothing is known."""
    card = Card("K-03")
    flags = int(CameraFlag.WEB | CameraFlag.UNFOCUSED)
    for end_hour, more in ((1, {}), (2, {"blind_ms": 1_200_000, "flags": flags, "sharp_pct": 31}), (5, {"frames": 0})):
        values = {"length_ms": HOUR_MS, "frames": 7200, "light": 80, "tilt_ddeg": -45, **more}
        card.put(Seeing(end_hour * HOUR_MS, 2, **values))  # type: ignore[arg-type]
    accept(store, NO_RULES, card.station, card.batch(), NOON_MS + 5 * HOUR_MS)
    day = Wanted(NOON_MS, NOON_MS + 5 * HOUR_MS)
    lines = _exported(store, _rules(tmp_path), tmp_path / "nights.csv", day, "seeing")
    assert [(one["state"], int(one["length_s"]), int(one["blind_s"]), int(one["seeing_s"])) for one in lines] == [
        ("saw", 3600, 0, 3600),
        ("saw", 3600, 1200, 2400),
        ("unknown", 7200, 7200, 0),
        ("saw", 3600, 0, 3600),
    ]
    assert (lines[1]["faults"], lines[1]["sharp_pct"], lines[1]["tilt_deg"]) == ("web|unfocused", "31", "-4.5")
    assert lines[0]["faults"] == lines[0]["sharp_pct"] == ""
    assert _exported(store, _rules(tmp_path), tmp_path / "hours.csv", day) == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, 0),
        ({"deaf_ms": HOUR_MS}, 100),
        ({"vetoes": {RAIN: HOUR_MS // 5}}, 20),
        ({"deaf_ms": HOUR_MS // 2, "vetoes": {RAIN: HOUR_MS // 5}}, 50),
        ({"vetoes": {RAIN: 1000}, "vetoed": 1}, effort.REJECTED_PCT),
        ({"vetoes": {RAIN: 2**40}}, 100),
        ({"length_ms": 0, "deaf_ms": 5}, 0),
    ],
)
def test_hours_of_rain_want_review(more: dict[str, object], expected: int) -> None:
    """The more of an hour was deaf or vetoed, the sooner somebody should listen to it; a rejected hit weighs most."""
    row = Listening(HOUR_MS, 1, **{"length_ms": HOUR_MS, "reach_m": 400, **more})  # type: ignore[arg-type]
    assert effort.review_pct(row) == expected
