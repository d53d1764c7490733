"""The hub's connection to mosquitto: nothing is acknowledged before it is done, and no thread dies unseen."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import MQTTMessage

from otorongo.hub.adapters.mqtt import Address, MqttBearer, address
from otorongo.hub.errors import BrokerError
from tests.hub.brokers import Mosquitto, Station, bearing, taken, until


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running broker."""
    broker = Mosquitto(tmp_path / "broker").start()
    yield broker
    broker.kill()


def test_it_speaks_mqtt_5_and_receives_what_stations_send(mosquitto: Mosquitto) -> None:
    """Every topic of `u`, with what is retained marked as such; receipts go down."""
    with Station("K-02", mosquitto.port) as station:
        station.send("u/b", b"birth", retain=True)
        with bearing(Address("127.0.0.1", mosquitto.port)) as bearer:
            (birth,) = taken(bearer, 1)
            assert (birth.topic, birth.payload, birth.retained) == ("ot/1/K-02/u/b", b"birth", True)
            station.send("u/r", b"rows")
            (rows,) = taken(bearer, 1)
            assert not rows.retained
            bearer.send("ot/1/K-02/d/r", b"receipt")
            until(lambda: [message.payload for message in station.got] == [b"receipt"], "the receipt")
            assert bearer.state().protocol == "MQTT 5"


def test_what_was_not_done_comes_again(mosquitto: Mosquitto) -> None:
    """A hub that dies between taking and committing gets the message again under its fixed client id."""
    where = Address("127.0.0.1", mosquitto.port)
    with Station("K-02", mosquitto.port) as station:
        with bearing(where) as bearer:
            for number in range(5):
                station.send("u/r", bytes([number]))
            came = taken(bearer, 5)
            bearer.done(came[:2])
            time.sleep(0.2)
        with bearing(where) as bearer:
            assert [message.payload for message in taken(bearer, 3)] == [b"\2", b"\3", b"\4"]


def test_a_second_hub_under_the_same_name_is_told(mosquitto: Mosquitto) -> None:
    """The broker gives the place to the newer one; whoever lost it again and again says why, and the way out."""
    where = Address("127.0.0.1", mosquitto.port)
    with bearing(where) as first:
        second = MqttBearer(where)
        second.open()
        try:
            until(lambda: "has another hub here the role ingest? Only one may" in first.state().last_error, "why", 30)
        finally:
            second.close()


def test_what_comes_while_the_hub_is_away_waits(mosquitto: Mosquitto) -> None:
    """The session is persistent."""
    where = Address("127.0.0.1", mosquitto.port)
    with bearing(where):
        pass
    with Station("K-02", mosquitto.port) as station:
        station.send("u/r", b"rows")
    with bearing(where) as bearer:
        assert taken(bearer, 1)[0].payload == b"rows"


def test_it_comes_back_when_the_broker_does(mosquitto: Mosquitto) -> None:
    """A broker that is killed and comes back without any memory is subscribed to again."""
    with bearing(Address("127.0.0.1", mosquitto.port)) as bearer:
        mosquitto.kill()
        until(lambda: not bearer.state().connected, "the loss is seen")
        bearer.send("ot/1/K-02/d/r", b"dropped: the station asks again")
        mosquitto.start()
        until(lambda: bearer.state().connected, "connected again")
        with Station("K-02", mosquitto.port) as station:
            station.send("u/r", b"rows")
            assert taken(bearer, 1)[0].payload == b"rows"
        assert bearer.state().connects == 2


def test_an_exception_in_a_callback_is_counted_and_survived(mosquitto: Mosquitto) -> None:
    """Paho would end its thread and still say that it is connected."""
    with bearing(Address("127.0.0.1", mosquitto.port)) as bearer:
        network = bearer._network
        assert network is not None
        client = network.client
        assert client is not None
        good = client.on_message

        def bad(*_: Any) -> None:
            raise RuntimeError("a bug")

        client.on_message = bad
        with Station("K-02", mosquitto.port) as station:
            station.send("u/r", b"lost to the bug")
            until(lambda: bearer.state().faults == 1, "the fault is counted")
            client.on_message = good
            station.send("u/r", b"rows")
            assert taken(bearer, 1)[0].payload == b"rows"


def test_a_thread_that_stands_still_is_replaced(mosquitto: Mosquitto) -> None:
    """A callback that hangs for ever: the next `take` that sees it makes a new thread, and messages flow again."""
    with bearing(Address("127.0.0.1", mosquitto.port)) as bearer:
        network = bearer._network
        assert network is not None
        assert network.client is not None
        stuck: list[MQTTMessage] = []

        def hang(_client: Any, _data: Any, message: MQTTMessage) -> None:
            stuck.append(message)
            while bearer._network is network:
                time.sleep(0.01)

        network.client.on_message = hang
        with Station("K-02", mosquitto.port) as station:
            station.send("u/r", b"rows")
            until(lambda: bool(stuck), "the thread hangs")
            network.moved_s = time.monotonic() - 1000
            came = list(bearer.take(1, 0.1)) or taken(bearer, 1)
            assert bearer.state().rebuilt == 1
            assert came[0].payload == b"rows"
            until(lambda: not network.is_alive(), "the old thread ends once it moves again")


def test_a_thread_that_ended_is_replaced(mosquitto: Mosquitto) -> None:
    """However it ended."""
    with bearing(Address("127.0.0.1", mosquitto.port)) as bearer:
        network = bearer._network
        assert network is not None
        network.finish()
        bearer.take(1, 0.1)
        assert bearer.state().rebuilt == 1
        until(lambda: bearer.state().connected, "connected again")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://hub:1883", "write mqtt://HOST:1883"),
        ("mqtt://hub:many", "write mqtts://HOST:8883"),
        ("mqtt://", "write mqtt://HOST:1883"),
    ],
)
def test_an_address_that_is_none_says_how_to_write_it(url: str, reason: str) -> None:
    """The error shows the way out."""
    with pytest.raises(BrokerError, match=reason):
        address(url)


def test_addresses() -> None:
    """Ports, users and TLS as the URL says; a missing file is named."""
    assert address("mqtt://ana:s%40@hub").user == "ana"
    assert address("mqtt://ana:s%40@hub")[:2] == ("hub", 1883)
    assert address("mqtt://ana:s%40@hub").password == "s@"
    assert address("mqtts://hub").port == 8883
    assert address("mqtts://hub").tls is not None
    with pytest.raises(BrokerError, match=r"broker.ca_file: /none is not a file"):
        address("mqtts://hub", ca_file="/none")
    with pytest.raises(BrokerError, match=r"go together"):
        address("mqtts://hub", cert_file=__file__)
