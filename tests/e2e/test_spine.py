"""The whole way: a recording goes in, a ranger's phone rings."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from demo.field import PLACE, Field, Person
from demo.phone import Phone
from otorongo.hub import db
from otorongo.hub.store import Store
from otorongo.wire.codes import Kind

pytestmark = pytest.mark.slow


def wait_for(what: str, check: Callable[[], object], field: Field, wait_s: float = 60.0) -> None:
    """Wait until something is so; fail with what was waited for and what the programs said."""
    end = time.monotonic() + wait_s
    while not check():
        if time.monotonic() > end:
            logs = "\n".join(f"== {name}\n{field.log_of(name)[-1500:]}" for name in field.programs)
            pytest.fail(f"after {wait_s:.0f} s: {what}\n{logs}")
        time.sleep(0.2)


def replay(folder: Path) -> str:
    """A microphone that replays a folder, shifted to now, four times as fast."""
    return f'[microphone]\ndriver = "replay"\ndevice = "{folder}"\n[microphone.replay]\nat = "now"\nspeed = 4.0\n'


@pytest.fixture(params=["embedded+sqlite", "mosquitto+sqlite", "mosquitto+postgresql"])
def field(request: pytest.FixtureRequest, tmp_path: Path) -> Field:
    """Each of the three ways to run a hub on one machine."""
    broker, database = request.param.split("+")
    url = request.getfixturevalue("postgres_database") if database == "postgresql" else ""
    try:
        return Field(tmp_path, broker=broker, database=url)
    except FileNotFoundError as error:
        pytest.skip(str(error))


def test_a_saw_that_two_stations_hear_rings_once_and_its_sound_arrives(
    field: Field, saws: tuple[Path, Path], phone: Phone
) -> None:
    """Two recordings become one alert at one place, which rings the phone once at each severity, with its evidence."""
    field.add_hub([Person("guardia.norte", "ranger", "norte", phone.url("guardia.norte"))])
    for place, (name, folder) in enumerate(zip(("K-02", "K-05"), saws, strict=True)):
        field.add_station(name, replay(folder), place=place)
    try:
        field.start()
        wait_for("the phone rings", lambda: phone.messages, field)
        store = Store.open(field.database_url)
        media = select(func.count()).select_from(db.media).where(db.media.c.state == "whole")

        def whole() -> bool:
            with store.read() as tx:
                return (tx.scalar(media) or 0) >= 2

        wait_for("two clips arrive whole", whole, field)
        open_events = select(func.count()).select_from(db.events).where(db.events.c.kind != Kind.CLOSE)

        def closed() -> bool:
            with store.read() as tx:
                return tx.scalar(open_events) == 0

        wait_for("every event closes", closed, field)
        with store.read() as tx:
            alerts = tx.execute(select(db.alerts)).mappings().all()
            covered = tx.execute(select(db.alert_events.c.station).distinct()).mappings().all()
            deliveries = tx.execute(select(db.deliveries)).mappings().all()
        store.close()
    finally:
        field.stop()
    rung = [alert for alert in alerts if alert["rung_ms"]]
    assert [(alert["activity"], alert["place"]) for alert in rung] == [("logging", PLACE)]
    assert {row["station"] for row in covered} == {"K-02", "K-05"}
    kinds = Counter(row["kind"] for row in deliveries)
    assert kinds["ring"] == 1
    assert kinds <= Counter(["ring", "raise"]), "a saw that grows to high rings once more, and never again"
    assert len({message.fields["delivery"] for message in phone.messages}) == kinds.total()
    text = phone.messages[0].body
    assert rung[0]["id"] in text
    assert PLACE in text
    assert not re.search(r"-?\d+\.\d{3,}|K-0\d|chainsaw|motosierra", text), (
        "no coordinates, stations or evidence outside"
    )
    assert "127.0.0.1" in text
    reason = json.dumps(rung[0]["reason"])
    assert "K-02" in reason
    assert "K-05" in reason
