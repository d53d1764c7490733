"""The transport over MQTT against real brokers and brokers that misbehave."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from otorongo.language import say, speak
from otorongo.station.adapters.mqtt import MqttTransport
from otorongo.station.adapters.mqtt_network import Desk
from otorongo.station.adapters.mqtt_version import Mode, Outcome, after, known
from otorongo.station.ports import Acked, Arrived, Connected, Lost
from otorongo.wire import status, topics
from tests.spoken import english_in
from tests.station.mqtt_bench import Diary, listener, transport
from tests.station.uplink_hub import MiniHub, Mosquitto, free_port, mosquitto, until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A real mosquitto."""
    with mosquitto(tmp_path) as running:
        yield running


def version_of(connect: bytes) -> int:
    """The protocol level of a CONNECT packet: 4 or 5."""
    return connect[connect.index(b"MQTT") + 4]


def test_messages_go_up_and_down_with_mqtt_5(broker: Mosquitto) -> None:
    """A message up is acknowledged under its ticket, one down arrives with its leaf, and bytes are counted."""
    hub = MiniHub(broker.port)
    with transport(broker.port) as way:
        diary = Diary(way)
        until(diary.saw(Connected))
        assert diary.of(Connected) == [Connected("MQTT 5")]
        ticket = way.send(topics.STATUS, status.encode(status.Status("online")), retain=True)
        until(diary.saw(Acked))
        assert diary.of(Acked) == [Acked(ticket)]
        hub.tell("K-02", topics.WANTS, b"hello")
        hub.tell("K-03", topics.WANTS, b"not ours")
        hub.tell("K-02", topics.RECEIPT, b"word")
        until(diary.saw(Arrived, 2))
        assert diary.of(Arrived) == [Arrived(topics.WANTS, b"hello"), Arrived(topics.RECEIPT, b"word")]
        until(lambda: way.traffic().up > 100)
        traffic = way.traffic()
        assert (traffic.down > 50, traffic.connects, traffic.failures) == (True, 1, 0)
    hub.close()


def test_the_farewell_is_left_and_else_the_last_will(broker: Mosquitto) -> None:
    """A transport that closes in order leaves its farewell; one that is cut off leaves `offline` as its will."""
    hub = MiniHub(broker.port)
    way = MqttTransport("K-02", "127.0.0.1", broker.port)
    way.open()
    until(Diary(way).saw(Connected))
    way.close(status.encode(status.Status("sleeping", 600)))
    until(lambda: [one.state for one in hub.statuses] == ["sleeping"])
    cut = MqttTransport("K-02", "127.0.0.1", broker.port)
    cut.open()
    until(Diary(cut).saw(Connected))
    cut._network.abandon()  # type: ignore[union-attr]
    until(lambda: [one.state for one in hub.statuses] == ["sleeping", "offline"])
    hub.close()


def test_it_comes_back_when_the_broker_does(broker: Mosquitto) -> None:
    """A broker killed and started again is found again, and its subscriptions are made anew."""
    with transport(broker.port) as way:
        diary = Diary(way)
        until(diary.saw(Connected))
        broker.kill()
        until(diary.saw(Lost))
        broker.start()
        until(diary.saw(Connected, 2))
        way.send(topics.STATUS, b"x")
        until(diary.saw(Acked))  # a broker takes packets in order: it has the subscriptions
        hub = MiniHub(broker.port)
        hub.tell("K-02", topics.RECEIPT, b"word")
        until(diary.saw(Arrived))
        hub.close()


def test_the_first_connection_may_fail_for_long(tmp_path: Path) -> None:
    """No broker at first is no error: it is tried again until there is one."""
    port = free_port()
    with transport(port, reconnect_max_s=0.2) as way:
        diary = Diary(way)
        until(diary.saw(Lost, 2))
        assert way.traffic().failures >= 2
        with mosquitto(tmp_path) as running:
            running.kill()
            other = Mosquitto(tmp_path, port)
            other.start()
            until(diary.saw(Connected))
            other.kill()


def test_a_wait_for_the_answer_ends(tmp_path: Path) -> None:
    """A server that takes the connection and says nothing is left after the wait, with the reason."""
    with listener(lambda peer: time.sleep(1.5)) as port, transport(port, connect_wait_s=0.5) as way:
        diary = Diary(way)
        until(diary.saw(Lost))
        [lost] = diary.of(Lost)[:1]
        assert "no answer" in str(lost)


@pytest.mark.parametrize("refusal", [b"\x20\x03\x00\x84\x00", b"\x20\x02\x00\x01"])
def test_an_unsupported_version_falls_back_at_once(refusal: bytes) -> None:
    """A broker that refuses MQTT 5 by 0x84, or by the 1 of older versions, is asked in 3.1.1 next."""
    versions: list[int] = []

    def answer(peer: socket.socket) -> None:
        versions.append(version_of(peer.recv(1000)))
        peer.sendall(refusal if versions[-1] == 5 else b"\x20\x02\x00\x00")
        time.sleep(0.3)

    with listener(answer) as port, transport(port, reconnect_max_s=0.2) as way:
        diary = Diary(way)
        until(diary.saw(Connected))
        assert (versions[:2], diary.of(Connected)) == ([5, 4], [Connected("MQTT 3.1.1")])


def test_a_silent_closing_is_asked_before_the_version_changes() -> None:
    """A broker that closes without a word is asked in plain MQTT 5, then tried in 3.1.1, then all over again."""
    connects: list[bytes] = []

    def answer(peer: socket.socket) -> None:
        connects.append(peer.recv(1000))

    with listener(answer) as port, transport(port, reconnect_max_s=0.1):
        until(lambda: len(connects) >= 6)
    assert [version_of(one) for one in connects[:6]] == [5, 5, 4, 5, 5, 4]
    assert len(connects[1]) < len(connects[0]) / 2
    assert b"K-02-hello" in connects[1]


def test_a_silent_broker_that_answers_the_bare_question_is_known_afterwards() -> None:
    """A slow broker of MQTT 5 that missed the first wait is asked, answers, and is spoken to in MQTT 5."""
    connects: list[bytes] = []

    def answer(peer: socket.socket) -> None:
        connects.append(peer.recv(1000))
        if len(connects) > 1:
            peer.sendall(b"\x20\x03\x00\x00\x00")
        time.sleep(0.6)

    with listener(answer) as port, transport(port, connect_wait_s=0.3) as way:
        diary = Diary(way)
        until(diary.saw(Connected))
        assert [version_of(one) for one in connects[:3]] == [5, 5, 5]
        assert diary.of(Connected) == [Connected("MQTT 5")]


def test_a_technician_reads_in_spanish_what_a_broker_speaks(caplog: pytest.LogCaptureFixture) -> None:
    """Not only the sentence, but what is put into it."""
    caplog.set_level("INFO")
    speak("es")
    Desk().learn(Outcome.BY_VERSION)
    (line,) = caplog.messages
    assert "espera corta" in line
    assert "no conoce esa versión" in line
    assert [word for each in (*Mode, *Outcome) for word in english_in(say(each.value))] == []


def test_what_a_broker_speaks_is_learnt_from_every_outcome() -> None:
    """The table of versions: refusals by version lead to 3.1.1, other refusals keep what was tried."""
    assert after(Mode.TRY_5, Outcome.BY_VERSION) == Mode.V3
    assert after(Mode.V5, Outcome.REFUSED) == Mode.V5
    assert after(Mode.V3, Outcome.ACCEPTED) == Mode.V3
    assert after(Mode.TRY_3, Outcome.ACCEPTED) == Mode.TRY_5
    assert all(isinstance(after(mode, outcome), Mode) for mode in Mode for outcome in Outcome)
    assert [known(text) for text in ("MQTT 5", "MQTT 3.1.1", None, "x")] == [Mode.V5, Mode.V3, Mode.TRY_5, Mode.TRY_5]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (b"\x20\x03\x00\x87\x00", "does not know this certificate, or this user and password: Not authorized"),
        (b"\x20\x03\x00\x86\x00", "user or password is wrong: Bad user name or password"),
    ],
)
def test_other_refusals_keep_the_version_and_are_said_in_words(code: bytes, words: str) -> None:
    """Not authorized or a bad password is no reason to change the version; MQTT's own name stands behind ours."""
    versions: list[int] = []

    def answer(peer: socket.socket) -> None:
        versions.append(version_of(peer.recv(1000)))
        peer.sendall(code)

    with listener(answer) as port, transport(port, reconnect_max_s=0.1) as way:
        diary = Diary(way)
        until(diary.saw(Lost, 3))
        assert set(versions) == {5}
        assert f"refused: {words}" in str(diary.of(Lost)[0]).replace("it does", "does")


def test_amqtt_is_spoken_to_in_3_1_1(tmp_path: Path) -> None:
    """The hub's own embedded broker refuses MQTT 5; the station talks 3.1.1 with it, both ways."""
    broker_module = pytest.importorskip("amqtt.broker")
    port = free_port()
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        config = {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
        broker = broker_module.Broker(config)
        await broker.start()
        ready.set()
        await asyncio.to_thread(stop.wait)
        await broker.shutdown()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(20)
    try:
        with transport(port, connect_wait_s=1) as way:
            diary = Diary(way)
            until(diary.saw(Connected))
            assert diary.of(Connected) == [Connected("MQTT 3.1.1")]
            way.send(topics.STATUS, b"x")
            until(diary.saw(Acked))
            from paho.mqtt.enums import MQTTProtocolVersion

            hub = MiniHub(port, MQTTProtocolVersion.MQTTv311)
            hub.tell("K-02", topics.RECEIPT, b"word")
            until(diary.saw(Arrived))
            hub.close()
    finally:
        stop.set()
        thread.join()


def test_a_thread_that_ended_or_stands_still_is_replaced(broker: Mosquitto) -> None:
    """A network thread that died, or did not move for too long, is given up; the next connection works."""
    with transport(broker.port, connect_wait_s=0.1) as way:
        diary = Diary(way)
        until(diary.saw(Connected))
        first = way._network
        assert first is not None
        first._given_up.set()
        until(lambda: not first.is_alive())
        until(diary.saw(Connected, 2))
        second = way._network
        assert second is not None
        assert second is not first
        second.moved_s -= 1000
        way._look_after()
        assert way._network is not second
        until(diary.saw(Connected, 3))
        assert any("stood still" in str(one) for one in diary.of(Lost))


def test_a_callback_that_fails_does_not_end_the_thread(broker: Mosquitto) -> None:
    """A message that makes a callback raise is passed over; the connection goes on."""
    hub = MiniHub(broker.port)
    with transport(broker.port) as way:
        diary = Diary(way)
        until(diary.saw(Connected))
        network = way._network
        assert network is not None

        class Broken:
            def put(self, _: object) -> None:
                raise RuntimeError("a fault in a callback")

            def qsize(self) -> int:
                return 0

        good = way._desk.happenings
        way._desk.happenings = Broken()  # type: ignore[assignment]
        hub.tell("K-02", topics.RECEIPT, b"lost")
        time.sleep(0.3)
        way._desk.happenings = good
        hub.tell("K-02", topics.RECEIPT, b"word")
        until(diary.saw(Arrived))
        assert network.is_alive()
    hub.close()
