"""The embedded broker: open to this machine alone until certificates say who comes."""

import contextlib
import datetime as dt
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from otorongo.hub import stations
from otorongo.hub.adapters.broker import AmqttBroker, certificates
from otorongo.hub.adapters.mqtt import Address
from otorongo.hub.errors import BrokerError
from tests.hub.brokers import V5, Station, bearing, free_port, taken, until


def _hub(broker: AmqttBroker) -> Address:
    return Address("127.0.0.1", broker.port, user=broker.user, password=broker.password)


@pytest.fixture
def broker() -> Iterator[AmqttBroker]:
    """One on loopback, without certificates."""
    broker = AmqttBroker("127.0.0.1:0")
    broker.start()
    yield broker
    broker.stop()


def test_a_station_on_this_machine_reaches_the_hub(broker: AmqttBroker) -> None:
    """Records up, receipts down; a receipt that a station writes itself reaches nobody."""
    with bearing(_hub(broker)) as bearer, Station("K-02", broker.port) as station:
        station.send("u/r", b"rows")
        assert taken(bearer, 1)[0].payload == b"rows"
        station.send("d/r", b"forged")
        bearer.send("ot/1/K-02/d/r", b"receipt")
        until(lambda: bool(station.got), "the receipt")
        time.sleep(0.2)
        assert [message.payload for message in station.got] == [b"receipt"]
        assert broker.alive()


def test_mqtt_5_is_refused_by_its_name(broker: AmqttBroker) -> None:
    """A client that asks for MQTT 5 is told at once that 3.1.1 is spoken here, and does not wait for ever."""
    with Station("K-02", broker.port, protocol=V5) as station:
        assert str(station.reasons[0]) == "Unsupported protocol version"
    with bearing(_hub(broker)) as bearer:
        assert bearer.state().protocol == "MQTT 3.1.1"


def test_rubbish_ends_one_connection_only(broker: AmqttBroker) -> None:
    """What is no CONNECT, or too large, is closed; the others go on."""
    for rubbish in (b"GET / HTTP/1.1\r\n\r\n", b"\x10\xff\xff\xff\x7f" + b"x" * 100, b"\x10\x0c\0\4MQTT\5\2\0\1\0\0"):
        with socket.create_connection(("127.0.0.1", broker.port), 5) as sock:
            sock.sendall(rubbish)
            assert sock.recv(100) in (b"", b"\x20\x03\x00\x84\x00")
    with Station("K-02", broker.port) as station:
        assert str(station.reasons[0]) == "Success"


def test_a_message_too_large_ends_its_connection(broker: AmqttBroker) -> None:
    """More than a message of ours may have is not read into memory."""
    with bearing(_hub(broker)) as bearer, Station("K-02", broker.port) as station:
        station.client.publish("ot/1/K-02/u/r", bytes(200_000), 1)
        until(lambda: len(station.reasons) > 1, "the broker ended the connection")
        assert bearer.take(1, 0.2) == []
        assert broker.alive()


def test_outside_of_loopback_needs_certificates() -> None:
    """The error says what makes them."""
    with pytest.raises(BrokerError, match=r"otorongo-hub station add NAME makes one"):
        AmqttBroker("0.0.0.0:8883")
    with pytest.raises(BrokerError, match=r"write ADDRESS:PORT"):
        AmqttBroker("here")


def test_a_port_that_is_taken_is_named(broker: AmqttBroker) -> None:
    """The one who starts a second broker reads which address is taken."""
    with pytest.raises(BrokerError, match=rf"127.0.0.1:{broker.port}.*in use"):
        AmqttBroker(f"127.0.0.1:{broker.port}").start()


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[tuple[AmqttBroker, int, Path]]:
    """A broker for stations with certificates, as `station add` makes them; its outside port, and where they lie."""
    now = dt.datetime.now(dt.UTC)
    port = free_port()
    for name in ("K-02", "K-05", "gone"):
        stations.add(tmp_path / "pki", name, broker=f"mqtts://127.0.0.1:{port}", configuration="", now=now)
    stations.revoke(tmp_path / "pki", "gone", now=now)
    broker = AmqttBroker(f"0.0.0.0:{port}", certificates=certificates(tmp_path / "pki"))
    broker.start()
    yield broker, port, tmp_path / "pki" / "handover"
    broker.stop()


def _certified(name: str, port: int, handover: Path, *, client_id: str = "") -> Station:
    files = handover / name
    ca, cert, key = (next(files.rglob(pattern)) for pattern in ("hub-ca.crt", "device.crt", "device.key"))
    return Station(name, port, client_id=client_id).tls(ca, cert, key)


def test_a_certificate_reaches_its_own_topics_alone(closed: tuple[AmqttBroker, int, Path]) -> None:
    """A station cannot write for another, nor read what is sent to it; and loopback is the hub's alone."""
    broker, port, handover = closed
    with (
        bearing(_hub(broker)) as bearer,
        _certified("K-02", port, handover) as mine,
        _certified("K-05", port, handover) as other,
    ):
        other.client.subscribe("ot/1/K-02/d/#", 1)
        other.client.subscribe("ot/1/#", 1)
        other.send("u/r", b"forged", station="K-02")
        mine.send("u/r", b"rows")
        assert taken(bearer, 1)[0].payload == b"rows"
        bearer.send("ot/1/K-02/d/r", b"receipt")
        until(lambda: bool(mine.got), "the receipt")
        assert bearer.take(1, 0.2) == []
        assert other.got == []
    with Station("K-02", broker.port) as intruder:
        assert str(intruder.reasons[0]) != "Success"


def test_a_revoked_certificate_and_a_borrowed_name_are_refused(closed: tuple[AmqttBroker, int, Path]) -> None:
    """The revocation list counts; nobody takes over another's session by its client id."""
    broker, port, handover = closed
    with _certified("K-02", port, handover) as mine:
        for stranger in (_certified("gone", port, handover), _certified("K-05", port, handover, client_id="K-02")):
            stranger.patience_s = 1.0
            with pytest.raises((AssertionError, OSError)), stranger:
                pass
            stranger.client.loop_stop()
        assert mine.client.is_connected()
        assert len(mine.reasons) == 1
    assert broker.alive()


def test_a_last_will_on_anothers_topic_is_refused(closed: tuple[AmqttBroker, int, Path]) -> None:
    """A broker publishes a will in the name of who died: nobody may leave rows or receipts of another station in it."""
    broker, port, handover = closed
    with bearing(_hub(broker)) as bearer, _certified("K-02", port, handover) as victim:
        for topic in ("ot/1/K-02/d/r", "ot/1/K-02/u/r"):
            bad = _certified("K-05", port, handover)
            bad.patience_s = 3.0  # a refusal comes at once, or as silence
            bad.client.will_set(topic, b"FORGED", 1, retain=True)
            with contextlib.suppress(OSError, AssertionError, TimeoutError, ValueError):
                bad.__enter__()
            line = bad.client.socket()
            if isinstance(line, socket.socket):
                line.shutdown(socket.SHUT_RDWR)
            bad.client.loop_stop()
            time.sleep(0.5)
        assert victim.got == []
        assert [message.payload for message in bearer.take(5, 1)] == []
