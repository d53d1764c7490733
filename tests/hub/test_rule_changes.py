"""Rules that changed since the last start: each difference is logged, auditors and coordinators hear of it once."""

import datetime as dt
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from otorongo.hub import app, messages, rule_changes, store_deliveries, store_people
from otorongo.hub.config import BrokerConfig, HubConfig, RightConfig
from otorongo.hub.config_activities import ActivityConfig
from otorongo.hub.config_persons import ChannelConfig, PersonConfig
from otorongo.hub.rules import Rules
from otorongo.hub.store import Found, Store
from tests.hub import scenes
from tests.hub.scenes import LAKE, NOON_MS, PEOPLE, square

RIGHT = RightConfig(holder="E", kind="harvest_parcel", activity="logging", place=LAKE, review_by=dt.date(2026, 12, 1))


def _told(store: Store) -> tuple[list[Found], list[Found]]:
    """Deliveries and log."""
    with store.read() as tx:
        return store_deliveries.deliveries_since(tx, 0), store_people.access_newest(tx)


def test_the_first_start_and_the_same_rules_tell_nothing(store: Store, tmp_path: Path) -> None:
    """Only a difference is news."""
    rules = scenes.rules(tmp_path, right=(RIGHT,))
    assert rule_changes.tell(store, rules, NOON_MS) == []
    assert rule_changes.tell(store, scenes.rules(tmp_path, right=(RIGHT,)), NOON_MS) == []
    assert _told(store) == ([], [])


def test_each_difference_is_logged_and_one_message_says_how_many(store: Store, tmp_path: Path) -> None:
    """A right, a person, a threshold, an outline and a station that moved, in both languages and in an SMS."""
    before = scenes.rules(tmp_path)
    rule_changes.tell(store, before, NOON_MS)
    (tmp_path / "cocha-larga.geojson").write_text(str(square(-12.5, -70.0, 0.01)).replace("'", '"'))
    config = replace(
        before.config,
        right=(RIGHT, RIGHT),
        person=tuple(one for one in PEOPLE if one.name != "ana"),
        activity=(ActivityConfig(name="logging", weights={"chainsaw": 1.0}, ring_at=0.99),),
        station=(replace(before.config.station[0], latitude_deg=-13.0), *before.config.station[1:]),
    )
    after = Rules.of(config, tmp_path)
    assert len(rule_changes.tell(store, after, NOON_MS)) == 6
    assert rule_changes.tell(store, after, NOON_MS) == []
    sent, logged = _told(store)
    lines = {(row["what"], row["subject"].partition(": ")[0]) for row in logged}
    assert lines == {
        ("rule_added", f"right E, harvest_parcel, logging, {LAKE}"),
        ("rule_added", f"right E, harvest_parcel, logging, {LAKE} (2)"),
        ("rule_removed", "person ana"),
        ("rule_changed", f"place {LAKE}"),
        ("rule_changed", "activity logging"),
        ("rule_changed", "station K-01"),
    }
    assert any("ring_at: 0.95 -> 0.99" in row["subject"] for row in logged)
    assert {row["person"] for row in sent} == {"carla", "fidel"}
    assert len(sent) == 2
    carla = PEOPLE[2]
    text = messages.compose(sent[0], None, carla, carla.channels[0], "").text
    assert text.startswith(
        "Cambiaron las reglas del centro: derechos: altas 2; personas: bajas 1; lugares: cambios 1; "
    )
    english = messages.compose(sent[0], None, replace(carla, language="en"), carla.channels[0], "").text
    assert "rights: added 2; people: removed 1" in english
    short = messages.compose(sent[0], None, carla, ChannelConfig(url="json://127.0.0.1:9/x", sms=True), "").text
    assert "6 en total" in short
    assert len(short) <= 160


def test_no_address_is_written_down(store: Store) -> None:
    """A person's channels are told by their files; an address in the file itself is only called one."""
    channels = (ChannelConfig(url_file="/etc/ana.url"), ChannelConfig(url="json://127.0.0.1:9/SECRET"))
    rule_changes.tell(store, Rules(HubConfig()), NOON_MS)
    rule_changes.tell(store, Rules(HubConfig(person=(PersonConfig(name="ana"),))), NOON_MS)
    rule_changes.tell(store, Rules(HubConfig(person=(PersonConfig(name="ana", channels=channels),))), NOON_MS)
    logged = _told(store)[1]
    assert 'channels: [] -> ["/etc/ana.url", "url"]' in logged[0]["subject"]
    assert not any("SECRET" in row["subject"] for row in logged)


def test_a_hub_that_starts_with_other_rules_says_so(tmp_path: Path) -> None:
    """The program itself compares at every start."""
    more: dict[str, Any] = {"data_dir": str(tmp_path / "hub"), "broker": BrokerConfig(listen="127.0.0.1:0")}
    carla = PersonConfig(name="carla", role="coordinator", channels=(ChannelConfig(url="json://127.0.0.1:9/x"),))
    for config in (HubConfig(person=(carla,), **more), HubConfig(person=(carla, PersonConfig(name="x")), **more)):
        with app.running(config, tmp_path / "hub.toml", roles=frozenset({"ingest"})):
            pass
    store = Store.open(config.database_url)
    sent, logged = _told(store)
    store.close()
    assert [(row["person"], row["kind"]) for row in sent] == [("carla", "rules")]
    assert [(row["who"], row["what"], row["subject"]) for row in logged] == [("hub.toml", "rule_added", "person x")]
