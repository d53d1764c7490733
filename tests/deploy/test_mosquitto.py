"""The broker's configuration, tried on a real mosquitto with certificates from `station add`."""

import datetime as dt
import socket
import ssl
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from paho.mqtt.reasoncodes import ReasonCode

from otorongo.hub import stations
from otorongo.wire import topics
from tests.deploy.broker import Broker, Caller, call, copy_pki, running, until

NOT_AUTHORIZED = 135


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub's PKI with two stations."""
    folder = tmp_path_factory.mktemp("hub") / "pki"
    for name in ("K-02", "K-05"):
        admit(folder, name)
    return folder


def admit(folder: Path, name: str) -> None:
    """Let a station in."""
    now = dt.datetime.now(dt.UTC)
    stations.add(folder, name, broker="mqtts://127.0.0.1:8883", configuration="", now=now)


@pytest.fixture(scope="module")
def broker(root: Path, pki: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One mosquitto for the tests that leave it as it is."""
    with running(root, pki, tmp_path_factory.mktemp("mosquitto")) as broker:
        yield broker


def as_station(broker: Broker, pki: Path, name: str) -> AbstractContextManager[Caller]:
    """Connect with a station's own certificate."""
    folder = pki / "handover" / name / "pki"
    return call(broker, folder / "hub-ca.crt", folder / "device.crt", folder / "device.key")


def as_hub(broker: Broker, pki: Path) -> AbstractContextManager[Caller]:
    """Connect as the hub."""
    return call(broker, pki / "ca.crt", pki / "hub" / "hub.crt", pki / "hub" / "hub.key")


def refused(code: ReasonCode) -> bool:
    """Whether the broker said: not authorized."""
    return code.value == NOT_AUTHORIZED


def heard_nothing_more(listener: Caller, speaker: Caller, topic: str) -> bool:
    """Send one allowed message after the forbidden ones: when it is here, the others will not come."""
    speaker.publish(topic, b"last")
    assert until(lambda: (topic, b"last") in listener.messages)
    return set(listener.messages) == {(topic, b"last")}


@pytest.mark.parametrize("leaf", [topics.RECORDS, topics.MEDIA, topics.BIRTH, topics.STATUS])
def test_a_station_reaches_the_hub(broker: Broker, pki: Path, leaf: str) -> None:
    """What a station says on each of its topics arrives at the hub."""
    topic = topics.topic("K-02", leaf)
    with as_hub(broker, pki) as hub, as_station(broker, pki, "K-02") as station:
        assert not hub.subscribe(topics.ALL_UP).is_failure
        assert not station.publish(topic, leaf.encode()).is_failure
        assert until(lambda: (topic, leaf.encode()) in hub.messages)


@pytest.mark.parametrize("leaf", [topics.RECEIPT, topics.WANTS])
def test_the_hub_reaches_a_station(broker: Broker, pki: Path, leaf: str) -> None:
    """What the hub says arrives at the one station that it is for."""
    topic = topics.topic("K-02", leaf)
    with (
        as_hub(broker, pki) as hub,
        as_station(broker, pki, "K-02") as station,
        as_station(broker, pki, "K-05") as other,
    ):
        assert not station.subscribe("ot/1/K-02/d/#").is_failure
        assert not other.subscribe("ot/1/K-05/d/#").is_failure
        assert not hub.publish(topic, b"word").is_failure
        assert until(lambda: station.messages == [(topic, b"word")])
        assert other.messages == []


@pytest.mark.parametrize("leaf", topics.LEAVES)
def test_a_station_cannot_write_anothers_topics(broker: Broker, pki: Path, leaf: str) -> None:
    """The broker says no, and the hub hears nothing."""
    with (
        as_hub(broker, pki) as hub,
        as_station(broker, pki, "K-02") as station,
        as_station(broker, pki, "K-05") as other,
    ):
        hub.subscribe(topics.ALL_UP)
        other.subscribe("ot/1/K-05/d/#")
        assert refused(station.publish(topics.topic("K-05", leaf), b"forged"))
        assert heard_nothing_more(hub, station, topics.topic("K-02", topics.RECORDS))
        assert other.messages == []


@pytest.mark.parametrize("leaf", [topics.RECEIPT, topics.WANTS])
def test_a_station_cannot_write_its_own_receipts(broker: Broker, pki: Path, leaf: str) -> None:
    """Only the hub writes below d/: a forged receipt would empty an outbox."""
    topic = topics.topic("K-02", leaf)
    with as_hub(broker, pki) as hub, as_station(broker, pki, "K-02") as station:
        station.subscribe("ot/1/K-02/d/#")
        assert refused(station.publish(topic, b"forged"))
        assert heard_nothing_more(station, hub, topic)


@pytest.mark.parametrize("wish", ["ot/1/K-05/u/#", "ot/1/K-05/d/#", "ot/1/+/u/r", "ot/1/#", "#", "ot/1/K-02/u/r"])
def test_a_station_hears_nobody_else(broker: Broker, pki: Path, wish: str) -> None:
    """Whatever it subscribes to, no word of another station, nor for another, comes through."""
    with as_hub(broker, pki) as hub, as_station(broker, pki, "K-02") as spy, as_station(broker, pki, "K-05") as other:
        spy.subscribe(wish)
        spy.subscribe("ot/1/K-02/d/#")
        other.publish(topics.topic("K-05", topics.RECORDS), b"secret")
        hub.publish(topics.topic("K-05", topics.RECEIPT), b"secret")
        assert heard_nothing_more(spy, hub, topics.topic("K-02", topics.WANTS))


def test_the_hub_cannot_pass_for_a_station(broker: Broker, pki: Path) -> None:
    """Who breaks into the hub's connection still writes no records."""
    with as_hub(broker, pki) as hub:
        assert refused(hub.publish(topics.topic("K-02", topics.RECORDS), b"forged"))


def test_nobody_comes_in_without_a_certificate(broker: Broker, pki: Path) -> None:
    """Without a client's certificate there is no connection."""
    with call(broker, pki / "ca.crt") as nobody:
        assert nobody.connected == []
        assert nobody.lost


def test_another_authority_is_worth_nothing(broker: Broker, pki: Path, tmp_path: Path) -> None:
    """A certificate with a station's name, signed by somebody else, is refused."""
    admit(tmp_path, "K-02")
    forged = tmp_path / "handover/K-02/pki"
    with call(broker, pki / "ca.crt", forged / "device.crt", forged / "device.key") as stranger:
        assert stranger.connected == []
        assert stranger.lost


def test_a_station_does_not_talk_to_a_false_broker(root: Path, pki: Path, tmp_path: Path) -> None:
    """A broker whose certificate another authority signed is refused by the station."""
    (tmp_path / "mosquitto").mkdir()
    admit(tmp_path / "pki", "K-02")
    trust = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    with (
        running(root, tmp_path / "pki", tmp_path / "mosquitto") as false,
        socket.create_connection(("127.0.0.1", false.port)) as sock,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        trust.wrap_socket(sock, server_hostname="127.0.0.1")


def test_one_station_cannot_end_anothers_session(broker: Broker, pki: Path) -> None:
    """Two stations that claim the same client id ("anything", both) live side by side."""
    with as_station(broker, pki, "K-02") as one, as_station(broker, pki, "K-05") as two:
        for station, name in ((one, "K-02"), (two, "K-05")):
            assert not station.publish(topics.topic(name, topics.STATUS), b"here").is_failure
        assert one.lost == []


def test_a_revoked_station_stays_out(root: Path, tmp_path: Path) -> None:
    """After `station revoke` and a restart of the broker its certificate opens nothing; the others go on."""
    pki = tmp_path / "pki"
    for name in ("K-02", "K-05"):
        admit(pki, name)
    for folder in ("before", "after"):
        (tmp_path / folder).mkdir()
    with running(root, pki, tmp_path / "before") as broker, as_station(broker, pki, "K-02") as station:
        assert not station.connected[0].is_failure
    stations.revoke(pki, "K-02", now=dt.datetime.now(dt.UTC))
    with running(root, pki, tmp_path / "after") as broker:
        with as_station(broker, pki, "K-02") as thief:
            assert thief.connected == []
            assert thief.lost
        with as_station(broker, pki, "K-05") as honest:
            assert not honest.connected[0].is_failure


def test_a_reload_takes_the_new_list(root: Path, tmp_path: Path) -> None:
    """Once the list is copied and the broker told, a revoked station cannot connect again; no restart is needed."""
    pki = tmp_path / "pki"
    admit(pki, "K-02")
    (tmp_path / "broker").mkdir()

    def shut_out(broker: Broker) -> bool:
        with as_station(broker, pki, "K-02") as thief:
            return not thief.connected

    with running(root, pki, tmp_path / "broker") as broker:
        assert not shut_out(broker)
        stations.revoke(pki, "K-02", now=dt.datetime.now(dt.UTC))
        copy_pki(root, pki, broker.folder / "otorongo")
        broker.reload()
        assert until(lambda: shut_out(broker))
