"""Births: where a station says that it stands decides who is rung and what is sealed."""

import pytest
from msgspec.structs import replace

from otorongo.hub import store_alerts, store_deliveries, store_stations
from otorongo.hub.ingest import accept
from otorongo.hub.presence import take_birth
from otorongo.hub.rules import Rules
from otorongo.hub.store import Found, Store
from otorongo.wire import birth as wire_birth
from otorongo.wire import classes
from otorongo.wire.codes import TamperKind
from tests.hub.fakes import NOON_MS, Card
from tests.hub.scenes import FAR, LAKE, MINUTE_MS, rules

IN_FAR, IN_LAKE = (-12.95, -69.95), (-12.55, -69.95)
PERSON = classes.BY_NAME["person"].number


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory) -> Rules:
    """Three places; where Z-09 stands only Z-09 knows."""
    return rules(tmp_path_factory.mktemp("hub"))


def born(store: Store, here: Rules, at: tuple[float, float] | None, minute: int, name: str = "Z-09") -> None:
    """A station says where it stands, or does not."""
    told = wire_birth.decode(Card(name).birth())
    north, west = at or (None, None)
    payload = wire_birth.encode(replace(told, latitude_deg=north, longitude_deg=west))
    assert take_birth(store, here, name, payload, NOON_MS + minute * MINUTE_MS) is not None


def told(store: Store, name: str = "Z-09") -> tuple[list[Found], list[str]]:
    """The notes that somebody moved it, and who gets a message of what."""
    with store.read() as tx:
        notes = [one for one in store_stations.notes_newest(tx, name) if one["kind"] == TamperKind.MOVED]
        sent = store_deliveries.deliveries_since(tx, 0)
    return notes, [f"{one['person']} {one['data']['news']}" for one in sent if one["kind"] == "health"]


def test_a_station_that_forgets_its_place_stays_in_it(store: Store, here: Rules) -> None:
    """A configuration without a position unseals nobody: persons at a station of no_contact land ring its holder."""
    born(store, here, IN_FAR, 0)
    born(store, here, None, 1)
    card = Card("Z-09")
    card.open(2 * MINUTE_MS, cls=PERSON, evidence=80)
    accept(store, here, "Z-09", card.batch(), NOON_MS + 2 * MINUTE_MS)
    with store.read() as tx:
        alerts = store_alerts.alerts_newest(tx, sealed=True)
        sent = store_deliveries.deliveries_since(tx, 0)
    assert [(one["place"], one["activity"], one["sealed"]) for one in alerts] == [(FAR, "presence", True)]
    assert {one["person"] for one in sent} == {"eva"}


def test_a_station_that_moves_is_told(store: Store, here: Rules) -> None:
    """Into another sector, coordinators get a message; within one a note stands; measured anew, it is nothing."""
    born(store, here, IN_FAR, 0)
    born(store, here, (IN_FAR[0] + 0.001, IN_FAR[1]), 1)
    assert told(store) == ([], [])
    born(store, here, (IN_FAR[0] + 0.02, IN_FAR[1]), 2)
    notes, sent = told(store)
    assert ([one["what"] for one in notes], sent) == (["tamper"], [])
    born(store, here, IN_LAKE, 3)
    notes, sent = told(store)
    assert notes[0]["text"] == (
        f"la estación dice estar a 42.3 km de donde estaba: {FAR} -> {LAKE} / "
        f"the station says that it stands 42.3 km from where it stood: {FAR} -> {LAKE}"
    )
    assert (len(notes), sent) == (2, ["carla moved"])
    born(store, here, IN_LAKE, 4)
    assert told(store)[1] == ["carla moved"]


def test_where_hub_toml_knows_better_nothing_is_told(store: Store, here: Rules) -> None:
    """A fixed station is where hub.toml says, whatever it tells."""
    born(store, here, IN_LAKE, 0, "K-02")
    born(store, here, IN_FAR, 1, "K-02")
    assert told(store, "K-02") == ([], [])
