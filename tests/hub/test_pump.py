"""Between the bearer and the store: nothing is called done before it is committed, and nothing stops the others."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import text

from otorongo.hub import media, store_alerts, store_records, store_stations
from otorongo.hub.belief import NO_RULES, Rules
from otorongo.hub.ports import BearerState, Message
from otorongo.hub.pump import Pump
from otorongo.hub.store import Store
from otorongo.wire import receipt, status, topics, wants
from otorongo.wire.media import Chunk, encode
from otorongo.wire.receipt import Receipt
from otorongo.wire.rows import Media
from otorongo.wire.status import Status
from otorongo.wire.wants import WantMedia
from tests.hub.fakes import NOON_MS, Card


class FakeBearer:
    """A bearer with hands: what comes is put in, what is called done and sent is looked at."""

    def __init__(self) -> None:
        self.coming: list[Message] = []
        self.finished: list[Message] = []
        self.sent: list[tuple[str, bytes]] = []
        self.before_done: Callable[[], None] = lambda: None

    def put(self, station: str, leaf: str, payload: bytes, *, retained: bool = False) -> None:
        """A message comes."""
        self.coming.append(Message(f"ot/1/{station}/{leaf}", payload, retained, (1, len(self.coming), 1)))

    def open(self) -> None:
        """Nothing to do."""

    def take(self, limit: int, timeout_s: float) -> Sequence[Message]:
        """What was put in."""
        taken, self.coming = self.coming[:limit], self.coming[limit:]
        return taken

    def done(self, messages: Sequence[Message]) -> None:
        """Remember."""
        self.before_done()
        self.finished += messages

    def send(self, topic: str, payload: bytes) -> None:
        """Remember."""
        self.sent.append((topic, payload))

    def state(self) -> BearerState:
        """Always well."""
        return BearerState(connected=True)

    def close(self) -> None:
        """Nothing to do."""

    def receipts(self, station: str) -> list[Receipt]:
        """The receipts that a station was sent."""
        return [receipt.decode(body) for topic, body in self.sent if topic == topics.topic(station, topics.RECEIPT)]


class Scene:
    """A pump with a fake bearer and a real store."""

    def __init__(self, store: Store, folder: Path, rules: Callable[[], Rules] = lambda: NO_RULES) -> None:
        self.store, self.bearer = store, FakeBearer()
        self.pump = Pump(
            store, self.bearer, rules=rules, media_folder=folder, limits=media.Limits(), now_ms=lambda: NOON_MS
        )

    def count(self) -> int:
        """Records that are committed."""
        with self.store.read() as tx:
            return store_records.count_records(tx)


@pytest.fixture
def scene(store: Store, tmp_path: Path) -> Scene:
    """On each engine."""
    return Scene(store, tmp_path / "media")


def test_done_comes_after_the_commit_and_receipts_between(scene: Scene) -> None:
    """When the broker may forget, the rows are in the database and the receipt is on its way."""
    card = Card()
    card.beat(0)
    scene.bearer.put("K-02", "u/r", card.batch())
    seen: list[tuple[int, int]] = []
    scene.bearer.before_done = lambda: seen.append((scene.count(), len(scene.bearer.sent)))
    assert scene.pump.turn(0) == 1
    assert seen == [(1, 1)]
    assert scene.bearer.receipts("K-02") == [Receipt(7, 1, hub_time_ms=NOON_MS)]


def test_many_messages_are_one_transaction_and_one_receipt_an_outbox(scene: Scene) -> None:
    """Fifty single rows of two stations: two receipts, and the birth that came last is known to the rows."""
    cards = [Card("K-02", 7), Card("K-05", 9)]
    births = [card.birth() for card in cards]
    for number in range(25):
        for card in cards:
            card.beat(number)
            scene.bearer.put(card.station, "u/r", card.batch([card.last]))
    for card, birth in zip(cards, births, strict=True):
        scene.bearer.put(card.station, "u/b", birth, retained=True)
    assert scene.pump.turn(0) == 52
    (first,), (second,) = scene.bearer.receipts("K-02"), scene.bearer.receipts("K-05")
    assert (first.up_to, second.up_to, first.want_birth) == (25, 25, False)


def test_a_database_that_is_away_loses_nothing(tmp_path: Path) -> None:
    """Messages are held, not done, and go through when it is back, in order."""
    scene = Scene(Store.open(f"sqlite:///{tmp_path / 'hub.db'}"), tmp_path / "media")
    card = Card()
    card.beat(0)
    with scene.store.write() as tx:
        tx.execute(text("ALTER TABLE records RENAME TO hidden"))
    scene.bearer.put("K-02", "u/r", card.batch())
    assert scene.pump.turn(0) == 0
    assert scene.bearer.finished == []
    assert scene.pump.counts.pauses == 1
    with scene.store.write() as tx:
        tx.execute(text("ALTER TABLE hidden RENAME TO records"))
    assert scene.pump.turn(0) == 1
    assert scene.count() == 1
    assert len(scene.bearer.finished) == 1
    scene.store.close()


class Thorn(Exception):
    """A bug of the hub, for the test."""


def test_a_payload_at_which_the_hub_fails_is_kept_and_stops_nobody(store: Store, tmp_path: Path) -> None:
    """The others are committed and receipted; the one is kept with the error, not receipted, and let go."""
    poison, good = Card("K-02", 7), Card("K-05", 9)
    calls = 0

    def rules() -> Rules:
        nonlocal calls
        calls += 1
        if calls in (1, 2):  # all together, then the first alone
            raise Thorn("what nobody thought of")
        return NO_RULES

    scene = Scene(store, tmp_path / "media", rules)
    poison.beat(0)
    good.beat(0)
    scene.bearer.put("K-02", "u/r", poison.batch())
    scene.bearer.put("K-05", "u/r", good.batch())
    assert scene.pump.turn(0) == 2
    assert scene.bearer.receipts("K-02") == []
    assert scene.bearer.receipts("K-05") == [Receipt(9, 1, hub_time_ms=NOON_MS)]
    with store.read() as tx:
        (kept,) = store_stations.kept_newest(tx)
    assert kept["reason"] == "the hub failed at it: Thorn: what nobody thought of"
    assert len(scene.bearer.finished) == 2


def test_foreign_topics_statuses_and_retained_records(scene: Scene) -> None:
    """What version 1 does not know is counted and let go; a status is kept; a retained batch is not believed."""
    card = Card()
    card.beat(0)
    scene.bearer.put("K-02", "u/x", b"?")
    scene.bearer.put("K-02", "u/s", status.encode(Status("sleeping", 600)))
    scene.bearer.put("K-02", "u/r", card.batch(), retained=True)
    assert scene.pump.turn(0) == 3
    assert scene.pump.counts.foreign == 1
    assert scene.count() == 0
    with scene.store.read() as tx:
        assert (store_stations.station(tx, "K-02") or {})["status"] == "sleeping"


def test_evidence_is_asked_for_and_comes(scene: Scene) -> None:
    """The want goes down, the chunk comes up, and its receipt says how far."""
    card = Card()
    event = card.open(0)
    seq = card.put(Media(0, 1, card.last + 1 - event, 1, 3, hashlib.sha256(b"abc").digest(), 1))
    scene.bearer.put("K-02", "u/r", card.batch())
    scene.pump.turn(0)
    assert scene.pump.ask_for_media() == 0
    with scene.store.write() as tx:
        more = {"place": "a", "activity": "b", "state": "open", "sealed": False, "drill": False}
        store_alerts.put_alert(tx, {"id": "A1", "reason": None, "data": None, **more})
        covered = {"station": "K-02", "outbox": 7, "event": event, "late": False, "suppressed": False}
        store_alerts.cover(tx, "A1", [covered])
    assert scene.pump.ask_for_media() == 1
    topic, body = scene.bearer.sent[-1]
    assert (topic, wants.decode(body)) == ("ot/1/K-02/d/w", (WantMedia(7, seq),))
    scene.bearer.put("K-02", "u/m", encode(Chunk(7, seq, 0, b"ab")))
    scene.bearer.put("K-02", "u/m", encode(Chunk(7, seq, 2, b"c")))
    scene.pump.turn(0)
    assert scene.bearer.receipts("K-02")[-1].media == ((seq, 3),)
    assert scene.pump.counts.messages == 3
