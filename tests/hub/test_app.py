"""The whole hub over real brokers and databases, started and stopped as a program."""

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from otorongo.hub import app, store_deliveries, store_people, store_records
from otorongo.hub.__main__ import main, parser
from otorongo.hub.config import BrokerConfig, HubConfig, WebConfig
from otorongo.hub.errors import HubError, StoreError
from otorongo.hub.store import Store
from otorongo.wire import receipt
from tests.hub.brokers import V5, V311, Mosquitto, Station, free_port, until
from tests.hub.fakes import Card, mapping

WORK = frozenset({"ingest", "notify"})


def _receipts(station: Station) -> list[receipt.Receipt]:
    return [receipt.decode(bytes(message.payload)) for message in station.got]


def _run(config: HubConfig, folder: Path, *, protocol: int) -> None:
    """A station sends, the hub receipts; after a restart of the hub the rows are there."""
    card = Card()
    clock = mapping(utc0_ms=app.now_ms() - 60_000)
    event = card.open(1000)
    card.revise(event, 4000)
    port = int((config.broker.url or config.broker.listen).rpartition(":")[2])
    with app.running(config, folder / "hub.toml", roles=WORK) as faults:
        with Station(card.station, port, protocol=V5 if protocol == 5 else V311) as station:
            station.send("u/b", card.birth(), retain=True)
            station.send("u/r", card.batch(None, clock))
            until(lambda: any(one.up_to == 2 for one in _receipts(station)), "the receipt")
            assert not _receipts(station)[-1].want_birth
        assert faults() == []
    store = Store.open(config.database_url)
    with store.read() as tx:
        assert store_records.count_records(tx) == 2
    store.close()


def test_embedded_broker_and_sqlite(tmp_path: Path) -> None:
    """What `otorongo-hub serve` does without any configuration of servers."""
    listen = f"127.0.0.1:{free_port()}"
    _run(HubConfig(data_dir=str(tmp_path / "hub"), broker=BrokerConfig(listen=listen)), tmp_path, protocol=311)


def test_a_hub_that_was_killed_while_it_sent_sends_soon(tmp_path: Path) -> None:
    """The next hub on the same SQLite is alone there, and waits for no lease of the one before it."""
    config = HubConfig(data_dir=str(tmp_path / "hub"))
    began_ms = app.now_ms()
    intent = {"id": "a" * 32, "alert": "A", "person": "nadie", "channel": 0, "kind": "ring", "severity": 2, "round": 0}
    with app.running(config, tmp_path / "hub.toml", roles=frozenset({"web"})):
        store = Store.open(config.database_url)
        with store.write() as tx:
            store_deliveries.add(tx, [{**intent, "created_ms": began_ms, "next_at_ms": began_ms}])
            assert store_deliveries.claim(tx, began_ms, lease_ms=600_000)
    with app.running(config, tmp_path / "hub.toml", roles=frozenset({"notify"})), store.read() as tx:
        due_ms = store_deliveries.next_due(tx)
    store.close()
    assert due_ms is not None
    assert due_ms - began_ms < 300_000


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running broker."""
    broker = Mosquitto(tmp_path / "broker").start()
    yield broker
    broker.kill()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_mosquitto(engine: str, mosquitto: Mosquitto, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """One server: mosquitto, and SQLite or PostgreSQL."""
    database = "" if engine == "sqlite" else str(request.getfixturevalue("postgres_hub"))
    broker = BrokerConfig(url=f"mqtt://127.0.0.1:{mosquitto.port}")
    _run(HubConfig(data_dir=str(tmp_path / "hub"), database=database, broker=broker), tmp_path, protocol=5)


def test_the_pages_are_served_and_end_with_the_hub(tmp_path: Path) -> None:
    """All roles in one process: whoever is not logged in is sent to the login; a taken port is named."""
    listen = f"127.0.0.1:{free_port()}"
    config = HubConfig(
        data_dir=str(tmp_path / "hub"), broker=BrokerConfig(listen="127.0.0.1:0"), web=WebConfig(listen=listen)
    )
    with app.running(config, tmp_path / "hub.toml") as faults:
        answer = httpx.get(f"http://{listen}/", follow_redirects=True)
        assert (answer.status_code, answer.url.path) == (200, "/login")
        assert faults() == []
        other = HubConfig(data_dir=str(tmp_path / "other"), web=config.web, broker=config.broker)
        with pytest.raises(HubError, match=rf"{listen} cannot be listened on"):
            app.running(other, tmp_path / "hub.toml", roles=frozenset({"web"})).__enter__()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{listen}/")


def test_two_hubs_on_one_sqlite_are_refused(tmp_path: Path) -> None:
    """The second one says that another runs."""
    config = HubConfig(data_dir=str(tmp_path / "hub"), broker=BrokerConfig(listen="127.0.0.1:0"))
    with (
        app.running(config, tmp_path / "hub.toml", roles=WORK),
        pytest.raises(StoreError, match=r"another otorongo-hub runs on it"),
        app.running(config, tmp_path / "hub.toml", roles=WORK),
    ):
        pass


def test_a_second_process_that_takes_in_is_refused(tmp_path: Path, postgres_hub: str) -> None:
    """On PostgreSQL other roles may run beside it on the same folder; ingest is one."""
    broker = BrokerConfig(listen="127.0.0.1:0")
    config = HubConfig(data_dir=str(tmp_path / "hub"), database=postgres_hub, broker=broker)
    with (
        app.running(config, tmp_path / "hub.toml", roles=WORK),
        app.running(config, tmp_path / "hub.toml", roles=frozenset({"notify"})),
        pytest.raises(StoreError, match=r"another otorongo-hub runs on it: one takes in for all of them"),
        app.running(config, tmp_path / "hub.toml", roles=WORK),
    ):
        pass


def test_a_hub_without_a_single_copy_is_told(config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` says that no copy has ever succeeded until one has."""
    at = ["--config", str(config_file)]
    assert main(["user", *at, "list"]) == 0  # the database is made
    main(["check", *at])
    assert "backup: no copy has ever succeeded: otorongo-hub backup makes one now" in capsys.readouterr().out
    assert main(["backup", *at]) == 0
    main(["check", *at])
    assert "no copy has ever" not in capsys.readouterr().out


def test_stations_let_in_and_shut_out_stand_in_the_log(config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is a line that auditors read; a list is none, and where the log cannot be written that is said."""
    at = ["--config", str(config_file)]
    assert main(["station", *at, "add", "K-02", "--broker", "mqtts://hub.example:8883"]) == 0
    assert main(["station", *at, "list"]) == 0
    assert main(["station", *at, "revoke", "K-02"]) == 0
    store = Store.open(f"sqlite:///{config_file.parent / 'hub' / 'hub.db'}")
    with store.read() as tx:
        rows = store_people.access_newest(tx)
    store.close()
    assert [(row["what"], row["subject"]) for row in rows] == [("station_revoke", "K-02"), ("station_add", "K-02")]
    config_file.write_text(
        config_file.read_text().replace("[broker]", 'database = "sqlite:////dev/null/no.db"\n[broker]')
    )
    assert "WARNING" not in capsys.readouterr().out
    assert main(["station", *at, "add", "K-05", "--broker", "mqtts://hub.example:8883"]) == 0
    assert "WARNING: the log that auditors read has no line of this" in capsys.readouterr().out


def test_a_station_that_was_let_in_is_told_whatever_the_log_takes(
    config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where its line can be begun and not written, its folder is named all the same: it was made."""
    at, database = ["--config", str(config_file)], config_file.parent / "hub" / "hub.db"
    Store.open(f"sqlite:///{database}").close()
    with contextlib.closing(sqlite3.connect(database)) as db:
        db.execute("DROP TABLE access_log")
    assert main(["station", *at, "add", "K-02", "--broker", "mqtts://hub.example:8883"]) == 0
    out = capsys.readouterr().out
    assert "K-02: everything it needs is in" in out
    assert "WARNING: the log that auditors read has no line of this" in out


def test_a_standby_that_is_not_there_is_refused(tmp_path: Path, postgres_hub: str) -> None:
    """`safe = "standby"` without a synchronous standby would call safe what is not."""
    text = f'data_dir = "{tmp_path}/hub"\ndatabase = "{postgres_hub}"\n[backup]\nsafe = "standby"\n'
    (tmp_path / "hub.toml").write_text(text + '[broker]\nlisten = "127.0.0.1:0"\n')
    assert main(["serve", "--config", str(tmp_path / "hub.toml"), "--roles", "ingest"]) == 1


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """A small hub.toml."""
    path = tmp_path / "hub.toml"
    path.write_text(
        f'data_dir = "{tmp_path}/hub"\n[broker]\nlisten = "127.0.0.1:{free_port()}"\n'
        f'[backup]\nfolder = "{tmp_path}/copies"\n'
    )
    return path


def _port(config_file: Path) -> int:
    return int(config_file.read_text().split('listen = "127.0.0.1:')[1].split('"')[0])


def _serve(config_file: Path, notify: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "otorongo.hub", "serve", "--config", str(config_file), "--roles", "ingest,notify"]
    environment = os.environ | {"NOTIFY_SOCKET": str(notify)}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def test_the_program_says_ready_and_ends_cleanly(config_file: Path, tmp_path: Path) -> None:
    """READY to systemd; SIGTERM ends it with 0 within seconds, everything committed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(60)
        process = _serve(config_file, tmp_path / "notify")
        assert told.recv(100) == b"READY=1"
        card = Card()
        card.beat(1000)
        with Station("K-02", _port(config_file)) as station:
            station.send("u/r", card.batch(None, mapping(utc0_ms=app.now_ms())))
            until(lambda: bool(station.got), "the receipt")
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
        assert process.returncode == 0, log
        assert told.recv(100) == b"STOPPING=1"
        assert "Traceback" not in log
    assert (tmp_path / "copies").is_dir()


def test_killed_again_and_again_nothing_that_was_receipted_is_missing(config_file: Path, tmp_path: Path) -> None:
    """`kill -9` while rows flow: what a receipt covers is in the database."""
    card = Card()
    promised = 0
    for _ in range(2):
        process = _serve(config_file, tmp_path / "nobody")
        try:
            with Station("K-02", _wait(config_file)) as station:
                before, end = promised, time.monotonic() + 20
                while promised < before + 5 and time.monotonic() < end:  # like a station: again, until receipted
                    card.beat(card.last)
                    station.send("u/r", card.batch(range(promised + 1, card.last + 1), mapping()))
                    time.sleep(0.02)
                    promised = max([promised, *(one.up_to for one in _receipts(station))])
                process.kill()
        finally:
            process.kill()
            process.communicate()
    assert promised >= 10
    with sqlite3.connect(tmp_path / "hub" / "hub.db") as database:
        have = {seq for (seq,) in database.execute("SELECT seq FROM records")}
    database.close()
    assert set(range(1, promised + 1)) <= have


def _wait(config_file: Path) -> int:
    port = _port(config_file)

    def listens() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return True
        except OSError:
            return False

    until(listens, "the hub listens", 30)
    return port


def test_commands_on_a_hub(config_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """backup, restore, export and tail say what they did; a mistake says what to do."""
    config = HubConfig(data_dir=f"{tmp_path}/hub", broker=BrokerConfig(listen=f"127.0.0.1:{_port(config_file)}"))
    _run(config, tmp_path, protocol=311)
    at = ["--config", str(config_file)]
    assert main(["backup", *at, str(tmp_path / "disk")]) == 0
    copy = capsys.readouterr().out.strip()
    assert (Path(copy) / "manifest.json").is_file()
    assert main(["restore", *at, copy]) == 1
    assert "move it away first" in capsys.readouterr().err
    (tmp_path / "hub").rename(tmp_path / "burned")
    assert main([*at, "restore", str(tmp_path / "disk")]) == 0
    assert "restored: 2 records" in capsys.readouterr().out
    assert main(["tail", *at, "--minutes", "5"]) == 0
    assert "K-02: chainsaw, event 1 (closed, 3 s, peak 95 %) [threat]" in capsys.readouterr().out
    days = ["--from", "2020-01-01", "--to", "2099-01-01"]
    assert main(["export", *at, str(tmp_path / "a.geojson"), "--format", "geojson", "--threats", *days]) == 0
    assert "a.geojson: 1 event, " in capsys.readouterr().out
    assert len(json.loads((tmp_path / "a.geojson").read_text())["features"]) == 1
    assert main(["export", *at, str(tmp_path / "b.csv"), "--persons", *days]) == 0
    told = capsys.readouterr().out
    assert "1 event of the period stays here" in told
    assert "--threats, --no-contact" in told
    assert main(["station", *at, "list"]) == 0
    assert main(["serve", *at, "--roles", "all"]) == 2
    assert main(["check", *at]) in (0, 1)
    assert str(config_file) in capsys.readouterr().out


def test_a_configuration_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """File, key, and reason; exit status 1."""
    (tmp_path / "hub.toml").write_text("color = 1\n")
    assert main(["serve", "--config", str(tmp_path / "hub.toml")]) == 1
    assert "color: no such key" in capsys.readouterr().err
    assert main(["check", "--config", str(tmp_path / "none.toml")]) == 1
    assert parser().prog == "otorongo-hub"
