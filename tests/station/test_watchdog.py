"""Only work that moves keeps a process alive; heartbeats, spending and systemd's socket."""

import os
import socket
from pathlib import Path

import pytest

from otorongo.station import spending, watchdog
from otorongo.station.adapters.systemd import notify
from otorongo.station.heartbeat import station_heartbeat
from otorongo.station.outbox import Stats
from otorongo.station.ports import Vitals
from otorongo.station.spending import Spending
from otorongo.wire.codes import Counter
from otorongo.wire.rows import standalone


def test_a_counter_that_moves_pings_and_one_that_stands_still_stops() -> None:
    """Two cadences after the last move the pings end, and begin again with the next move."""
    watch = watchdog.start({"samples": 0, "ticks": 0}, 0)
    watch, alive = watchdog.look(watch, {"samples": 0, "ticks": 0}, 20, 10)
    assert alive
    watch, alive = watchdog.look(watch, {"samples": 0, "ticks": 0}, 20.1, 10)
    assert not alive
    watch, alive = watchdog.look(watch, {"samples": 0, "ticks": 1}, 30, 10)
    assert alive
    watch, alive = watchdog.look(watch, {"samples": 0, "ticks": 1}, 51, 10)
    assert not alive


def test_a_heartbeat_stays_inside_its_bounds() -> None:
    """Whatever the board measures, the row can travel; counters that are zero stay out."""
    stats = Stats(1, 10, 3, 1, 0, 0)
    wild = Vitals(temperature_dc=99_999, disk_free_mb=-1, battery_mv=1_000_000)
    beat = station_heartbeat(5, wild, stats, {Counter.BYTES_SENT: 7, Counter.CONNECTS: 0}, next_contact_s=3600)
    standalone(beat)
    assert (beat.temperature_dc, beat.disk_free_mb, beat.battery_mv) == (0x7FFF, 0, 0xFFFF)
    assert (beat.waiting, beat.counters, beat.next_contact_s) == (3, {Counter.BYTES_SENT: 7}, 3600)


def test_the_days_spending_survives_and_begins_anew() -> None:
    """Bytes add up within a day, a new day begins at zero, and the text of it reads back; nonsense is nothing."""
    spent = Spending().add(10, 500).add(10, 600)
    assert (spent.left(2000), spent.left(1000)) == (900, 0)
    assert spending.parse(spent.text()) == spent
    assert spent.add(11, 5) == Spending(11, 5)
    assert [spending.parse(text) for text in (None, "", "1 x", "1 2 3")] == [Spending()] * 4


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_what_is_told(tmp_path: Path, abstract: bool) -> None:
    """The state arrives as one datagram, on a path and on an abstract socket."""
    name = f"@otorongo-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind("\0" + name[1:] if abstract else name)
        ear.settimeout(2)
        os.environ["NOTIFY_SOCKET"] = name
        try:
            notify("WATCHDOG=1")
        finally:
            del os.environ["NOTIFY_SOCKET"]
        assert ear.recv(100) == b"WATCHDOG=1"


def test_without_systemd_nothing_happens(tmp_path: Path) -> None:
    """No socket, or one that nobody listens on, is no error."""
    assert "NOTIFY_SOCKET" not in os.environ
    notify("READY=1")
    os.environ["NOTIFY_SOCKET"] = str(tmp_path / "nobody")
    try:
        notify("READY=1")
    finally:
        del os.environ["NOTIFY_SOCKET"]
