"""What a station told stands in the alert's reason, from the wire to the words."""

from pathlib import Path

from otorongo.hub import reasons, store_alerts
from otorongo.hub.ingest import accept
from otorongo.hub.ledger import alert_of
from otorongo.hub.store import Store
from otorongo.wire.classes import BY_NAME
from otorongo.wire.codes import Kind, Tag, Trend
from otorongo.wire.rows import Event
from tests.hub import scenes
from tests.hub.fakes import CHAINSAW, NOON_MS, Card


def test_a_trend_reaches_the_reason(store: Store, tmp_path: Path) -> None:
    """A saw that for 47 seconds comes nearer is told so; what the opening left out, an update brings."""
    rules = scenes.rules(tmp_path)
    now_ms = NOON_MS + 60_000
    for station in ("K-02", "K-05"):
        card = Card(station)
        opened = card.open(1000, evidence=80)
        accept(store, rules, station, card.batch(), now_ms)
        grown = Event(
            48_000, 1, CHAINSAW, 80, Tag.THREAT, Kind.UPDATE, back=card.last + 1 - opened, duration_ms=47_000, hits=30,
            peak=99, f0_dhz=1_424, trend=Trend.RISING,
        )  # fmt: skip
        accept(store, rules, station, card.batch([card.put(grown)]), now_ms)
    with store.read() as tx:
        (row,) = [one for one in store_alerts.alerts_unresolved(tx) if one["activity"] == "logging"]
    told = reasons.render(alert_of(row).reason, "es")
    assert told == "motosierra, 47 s, se acerca, estaciones K-02 y K-05, sin derecho vigente"


def test_the_number_of_shots_reaches_the_reason(store: Store, tmp_path: Path) -> None:
    """Two stations that heard four and three shots tell of four, not of seven."""
    rules = scenes.rules(tmp_path)
    now_ms = NOON_MS + 60_000
    for station, count in (("K-02", 4), ("K-05", 3)):
        card = Card(station)
        shot = Event(1000, 1, BY_NAME["gunshot"].number, 80, Tag.THREAT, bundle=0, count=count)
        accept(store, rules, station, card.batch([card.put(shot)]), now_ms)
    with store.read() as tx:
        found = store_alerts.alerts_unresolved(tx)
    told = [reasons.render(alert_of(row).reason, "es") for row in found]
    assert any(one.startswith("4 disparos") for one in told), told
