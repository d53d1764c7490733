"""Up, late, silent, back: told once each."""

from hypothesis import given
from hypothesis import strategies as st

from otorongo.hub import messages, store_deliveries, store_stations, watch
from otorongo.hub.belief import NO_RULES
from otorongo.hub.config import HubConfig
from otorongo.hub.config_persons import ChannelConfig, PersonConfig
from otorongo.hub.ingest import accept
from otorongo.hub.liveness import Cadence, Health, Heard, SensorKey, judge
from otorongo.hub.presence import take_status
from otorongo.hub.rules import Rules
from otorongo.hub.store import Store
from otorongo.wire import status
from otorongo.wire.status import Status
from tests.hub.fakes import DAY_MS, NOON_MS, Card, mapping

CADENCE = Cadence()
MINUTE_MS = 60_000


def _news(heard: list[Heard], told: dict[SensorKey, Health], minutes: float) -> list[tuple[str, int, str]]:
    healths, news = judge(heard, told, NOON_MS + int(minutes * MINUTE_MS), CADENCE)
    told.update(healths)
    return [(one.station, one.sensor, one.news) for one in news]


def test_late_silent_and_back_are_told_once_each() -> None:
    """A station that announced 15 minutes is late after 17, silent after 62, and back when it speaks."""
    told: dict[SensorKey, Health] = {}
    heard = [Heard("K-02", 0, NOON_MS, 900)]
    assert _news(heard, told, 0) == []
    assert _news(heard, told, 17) == []
    assert _news(heard, told, 17.1) == [("K-02", 0, "late")]
    assert _news(heard, told, 40) == []
    assert _news(heard, told, 62.1) == [("K-02", 0, "silent")]
    assert _news(heard, told, 9999) == []
    back = [Heard("K-02", 0, NOON_MS + 9999 * MINUTE_MS, 900)]
    assert _news(back, told, 9999) == [("K-02", 0, "back")]
    assert _news(back, told, 10_000) == []


def test_a_planned_sleep_is_no_silence() -> None:
    """A station that said until when it sleeps is late only after that."""
    told: dict[SensorKey, Health] = {}
    heard = [Heard("K-02", 0, NOON_MS, 900, NOON_MS + 600 * MINUTE_MS)]
    assert _news(heard, told, 600) == []
    assert _news(heard, told, 603) == [("K-02", 0, "late")]


def test_no_station_announces_its_own_alarm_away() -> None:
    """A next contact in a hundred years is taken as a day, a sleep for as long as a week."""
    told: dict[SensorKey, Health] = {}
    heard = [Heard("K-02", 0, NOON_MS, 0xFFFFFFFF)]
    assert _news(heard, told, 24 * 60 + 2) == []
    assert _news(heard, told, 24 * 60 + 3) == [("K-02", 0, "late")]
    assert _news(heard, told, 4 * 24 * 60 + 3) == [("K-02", 0, "silent")]
    asleep = [Heard("K-03", 0, NOON_MS, 900, NOON_MS + 0xFFFFFFFF * 1000)]
    assert _news(asleep, told, 7 * 24 * 60 + 2) == []
    assert _news(asleep, told, 7 * 24 * 60 + 3) == [("K-03", 0, "late")]


def test_a_link_that_is_down_says_nothing_of_its_sensors() -> None:
    """While the station is late its sensors are not told; a dead sensor of a living station is."""
    told: dict[SensorKey, Health] = {}
    sensor = Heard("K-02", 1, NOON_MS, 900)
    assert _news([Heard("K-02", 0, NOON_MS, 900), sensor], told, 0) == []
    assert _news([Heard("K-02", 0, NOON_MS, 900), sensor], told, 100) == [("K-02", 0, "silent")]
    alive = Heard("K-02", 0, NOON_MS + 100 * MINUTE_MS, 900)
    assert _news([alive, sensor], told, 101) == [("K-02", 0, "back"), ("K-02", 1, "silent")]


@given(st.lists(st.tuples(st.integers(0, 120), st.booleans()), max_size=60))
def test_whatever_happens_news_alternate(steps: list[tuple[int, bool]]) -> None:
    """Nobody is told `late` twice without `back` between, nor `silent` before or without `late` or `back` after up."""
    told: dict[SensorKey, Health] = {}
    now = heard = 0
    state = "up"
    for minutes, contact in steps:
        now += minutes
        heard = now if contact else heard
        for _, _, news in _news([Heard("K-02", 0, NOON_MS + heard * MINUTE_MS, 900)], told, now):
            assert (state, news) in {
                ("up", "late"), ("up", "silent"), ("late", "silent"), ("late", "back"), ("silent", "back"),
            }  # fmt: skip
            state = "up" if news == "back" else news


def test_the_hub_notes_it_for_the_technician(store: Store) -> None:
    """A tick writes one note each, from what the database knows; a last will and a retained message are no contact."""
    card = Card()
    card.beat(0)
    accept(store, NO_RULES, "K-02", card.batch(), NOON_MS)

    def tick(minutes: int) -> list[str]:
        tellings = watch.tick(store, NO_RULES, CADENCE, NOON_MS + minutes * MINUTE_MS, close_after_ms=3_600_000)
        return [one.news for one in tellings]

    assert tick(1) == []
    will = status.encode(Status("offline"))
    assert take_status(store, "K-02", will, NOON_MS + 18 * MINUTE_MS)
    assert take_status(store, "K-02", status.encode(Status("online")), NOON_MS + 18 * MINUTE_MS, retained=True)
    assert tick(18) == ["late"]
    assert tick(19) == []
    assert tick(70) == ["silent"]
    assert take_status(store, "K-02", status.encode(Status("online")), NOON_MS + 80 * MINUTE_MS)
    assert tick(80) == ["back"]
    with store.read() as tx:
        assert [note["what"] for note in store_stations.notes_newest(tx)] == ["back", "silent", "late"]
        assert store_stations.notes_newest(tx)[0]["text"] == "station K-02: back after 10 min"


def test_the_heartbeat_of_a_new_card_counts_whatever_the_old_one_took_for_the_time(store: Store) -> None:
    """The old card's clock was years ahead; what the hub received last is the newest."""
    old, new = Card(outbox=7), Card(outbox=8)
    old.beat(0, next_contact_s=86_400)
    new.beat(0, next_contact_s=600)
    accept(store, NO_RULES, "K-02", old.batch(clock=mapping(utc0_ms=NOON_MS + 10 * 365 * DAY_MS)), NOON_MS)
    accept(store, NO_RULES, "K-02", new.batch(), NOON_MS + 1000)
    with store.read() as tx:
        (beat,) = store_stations.heartbeats_newest(tx)
    assert (beat["outbox"], beat["next_contact_s"]) == (8, 600)


def test_coordinators_are_told_when_a_station_falls_silent_and_when_it_is_back(store: Store) -> None:
    """One message each, in their language, without the station's name: that stays inside. Lateness rings nobody."""
    channel = ChannelConfig(url="json://127.0.0.1:1/a")
    ana = PersonConfig(name="ana", role="coordinator", channels=(channel,))
    rules = Rules(HubConfig(person=(ana, PersonConfig(name="beto", channels=(channel,)))))
    card = Card()
    card.beat(0)
    accept(store, NO_RULES, "K-02", card.batch(), NOON_MS)
    for minutes in (1, 20, 40, 70, 90):
        watch.tick(store, rules, CADENCE, NOON_MS + minutes * MINUTE_MS, close_after_ms=3_600_000)
    take_status(store, "K-02", status.encode(Status("online")), NOON_MS + 100 * MINUTE_MS)
    watch.tick(store, rules, CADENCE, NOON_MS + 100 * MINUTE_MS, close_after_ms=3_600_000)
    with store.read() as tx:
        rows = store_deliveries.deliveries_since(tx, 0)
    assert [(row["person"], row["kind"], row["data"]["news"]) for row in rows] == [
        ("ana", "health", "silent"),
        ("ana", "health", "back"),
    ]
    text = messages.compose(rows[0], None, ana, channel, "").text
    assert "una calla" in text
    assert "K-02" not in text
