"""Sensor, uplink, broker and hub are killed with -9 while events flow; afterwards nothing is missing or double.

`KILLS` says how often (20 when left out; `make faults KILLS=200`), `SEED` which chance.
"""

import os
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile
from sqlalchemy import select

from demo.field import Field, Person
from demo.phone import Phone
from otorongo.hub import db, store_deliveries
from otorongo.hub.store import Store
from otorongo.models.train.scenes import Source, render_soundscape
from otorongo.station.outbox import Outbox
from otorongo.station.outbox_write import Chain
from otorongo.station.ports import ClockReading
from otorongo.wire import chain
from otorongo.wire.codes import Kind

pytestmark = pytest.mark.faults

KILLS = int(os.environ.get("KILLS", "20"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
RATE = 16_000
SPEED = 12.0
BOUT_S = 48.0
"""Each recording: a saw of 20 s, then quiet for longer than it takes to end an event and an alert."""

ACTIVITY = """
[[activity]]
name = "logging"
prior = 0.02
weights = { chainsaw = 1.0 }
ring_at = 0.9
high_at = 0.99999
alone = true
half_life_min = 1.0
late_after_min = 10000.0
quiet_min = 0.2
"""


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """As many bouts as the kills take, all the same sound under other names."""
    sound = tmp_path / "saw.flac"
    scene = render_soundscape([Source("chainsaw", start_s=4, seconds=20, distance_m=90)], BOUT_S, RATE, seed=11)
    soundfile.write(sound, scene, RATE)
    folder = tmp_path / "recordings"
    folder.mkdir()
    for number in range(4 + round(KILLS * 2.5 * SPEED / BOUT_S)):
        (folder / f"20260111_{number // 60:02d}{number % 60:02d}00.flac").hardlink_to(sound)
    return folder


@pytest.fixture
def phone() -> Iterator[Phone]:
    """A phone that takes what Apprise sends."""
    one = Phone()
    yield one
    one.close()


def wait_for(what: str, check: Callable[[], object], field: Field, wait_s: float) -> None:
    """Wait until something is so; fail with what was waited for and what the programs said."""
    end = time.monotonic() + wait_s
    while not check():
        if time.monotonic() > end:
            logs = "\n".join(f"== {name}\n{field.log_of(name)[-2000:]}" for name in field.programs)
            pytest.fail(f"SEED={SEED}: after {wait_s:.0f} s: {what}\n{logs}")
        time.sleep(0.25)


def outbox_of(folder: Path) -> Outbox:
    """The station's outbox, to look at."""
    return Outbox.open(folder / "outbox.db", boot_id="test", now=ClockReading(0))


def drain(field: Field, data: Path) -> Chain:
    """Wait until the hub has everything, and end the uplink, which writes heartbeats; where the chain ends then."""
    outbox = outbox_of(data)
    uplink = field.programs["K-02/uplink"]
    try:
        for _ in range(10):
            wait_for("the hub has every record", lambda: outbox.stats().waiting == 0, field, 90)
            uplink.stop()
            if outbox.stats().waiting == 0:
                return outbox.chain()
            uplink.start()
    finally:
        outbox.close()
    pytest.fail(f"SEED={SEED}: the uplink never came to rest")


def still_open(field: Field) -> int:
    """Deliveries that want to be sent."""
    store = Store.open(field.database_url)
    try:
        with store.read() as tx:
            waits = db.deliveries.c.state.in_(store_deliveries.OPEN)
            return len(tx.execute(select(db.deliveries.c.id).where(waits)).all())
    finally:
        store.close()


def kill_at_random(field: Field, chance: random.Random) -> Counter[str]:
    """Kill and start again; how often each was killed. A sensor that came to its end is left alone."""
    killed: Counter[str] = Counter()
    names = list(field.programs)
    while sum(killed.values()) < KILLS:
        time.sleep(chance.uniform(0.2, 1.6))
        name = chance.choice(names)
        program = field.programs[name]
        for other in names:
            one = field.programs[other]
            ended = one.process.poll() if one.process else None
            done = other.endswith("microphone") and ended == 0
            assert ended is None or done, (
                f"SEED={SEED}: {other} ended by itself: {ended}\n{field.log_of(other)[-3000:]}"
            )
        program.kill()
        killed[name] += 1
        time.sleep(chance.uniform(0.0, 0.5))
        program.start()
    return killed


def test_nothing_is_lost_or_doubled_by_kills(tmp_path: Path, recordings: Path, phone: Phone) -> None:
    """Every committed record is at the hub once; no hole without a gap; the chain holds; every alert rang once."""
    chance = random.Random(SEED)
    try:
        field = Field(tmp_path / "field", broker="mosquitto")
    except FileNotFoundError as error:
        pytest.skip(str(error))
    person = Person("guardia.norte", "ranger", "norte", phone.url("guardia.norte"))
    field.add_hub([person], re_ring_after_min=10_000.0, more=ACTIVITY)
    microphone = (
        f'[microphone]\ndriver = "replay"\ndevice = "{recordings}"\nheartbeat_s = 10\n[microphone.rule.chainsaw]\n'
        f'quiet_s = 6.0\n[microphone.replay]\nat = "now"\nspeed = {SPEED}\n'
    )
    field.add_station("K-02", microphone, heartbeat_s=10)
    data = tmp_path / "field" / "K-02" / "data"
    try:
        field.start()
        wait_for("the first event", lambda: "open chainsaw" in field.log_of("K-02/microphone"), field, 60)
        killed = kill_at_random(field, chance)

        def ended() -> bool:
            sensor = field.programs["K-02/microphone"].process
            return sensor is not None and sensor.poll() is not None

        wait_for("the recordings end", ended, field, 60 + KILLS * 2)
        head = drain(field, data)
        # A hub that was killed while it sent sends again after a pause.
        wait_for("every ring has gone out", lambda: still_open(field) == 0, field, 60)
    finally:
        field.stop()
    check_records(field, head)
    check_events(field)
    check_rings(field, phone)
    print(f"SEED={SEED}: {dict(killed)}; {head.last_seq} records, {len(phone.messages)} messages")  # noqa: T201


def check_records(field: Field, head: Chain) -> None:
    """Exactly the seqs 1 to the last, told gaps aside, and the hub's bytes make the station's chain."""
    outbox, last_seq, wanted = head
    store = Store.open(field.database_url)
    with store.read() as tx:
        mine = db.records.c.outbox == outbox
        records = tx.execute(select(db.records).where(mine).order_by(db.records.c.seq)).mappings().all()
        gaps = tx.execute(select(db.gaps).where(db.gaps.c.outbox == outbox)).mappings().all()
        outboxes = tx.execute(select(db.outboxes.c.outbox)).scalars().all()
        seals = tx.execute(select(db.seals.c.state)).scalars().all()
    store.close()
    assert outboxes == [outbox], "the card was never lost"
    seqs = [row["seq"] for row in records]
    told = {seq for gap in gaps for seq in range(gap["first"], gap["last"] + 1)}
    assert sorted({*seqs, *told}) == list(range(1, last_seq + 1))
    assert told.isdisjoint(seqs)
    at = chain.genesis(outbox)
    for row in records:
        at = chain.link(at, row["seq"], row["boot"], row["row"])
    assert told or at == wanted, "the hub's rows are the station's, byte for byte"
    assert seals
    assert set(seals) == {"verified"}


def check_events(field: Field) -> None:
    """Every event of which the sensor said after its commit that it opened is at the hub, closed, once."""
    said = [int(number) for number in re.findall(r": open \w+, evento? (\d+)", field.log_of("K-02/microphone"))]
    store = Store.open(field.database_url)
    with store.read() as tx:
        events = tx.execute(select(db.events)).mappings().all()
    store.close()
    assert len(said) >= 3
    assert len(set(said)) == len(said)
    assert set(said) <= {row["event"] for row in events}
    assert [row["event"] for row in events if row["kind"] != Kind.CLOSE] == []


def check_rings(field: Field, phone: Phone) -> None:
    """Every alert that should ring did, and a phone that knows delivery ids shows each ring once."""
    store = Store.open(field.database_url)
    with store.read() as tx:
        alerts = tx.execute(select(db.alerts)).mappings().all()
        sent = tx.execute(select(db.deliveries).where(db.deliveries.c.kind == "ring")).mappings().all()
    store.close()
    arrived = {message.fields["delivery"] for message in phone.messages}
    rung = [row for row in alerts if row["rung_ms"]]
    assert rung
    rings = Counter(row["alert"] for row in sent)
    for alert in rung:
        assert rings[alert["id"]] == 1, f"SEED={SEED}: {alert['id']}: {rings[alert['id']]} rings"
    assert {row["id"] for row in sent} <= arrived, f"SEED={SEED}: a ring that nobody heard"
