"""`tail`: the outbox in words, while it is written, emptied and replaced."""

import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from otorongo.wire.receipt import Receipt
from otorongo.wire.rows import Note
from tests.station.outbox_bench import opened, saw

ENV = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A station whose outbox lies in `data`."""
    path = tmp_path / "station.toml"
    path.write_text(f'station = "K-02"\ndata_dir = "{tmp_path}/data"\n[microphone]\ndriver = "alsa"\ndevice = "hw:0"\n')
    return path


class Tail:
    """A running `tail -f`."""

    def __init__(self, config: Path, *more: str) -> None:
        argv = [sys.executable, "-m", "otorongo.station", "--config", str(config), "tail", "-f", *more]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENV)
        self._lines: queue.Queue[str] = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self._lines.put(line.rstrip())

    def until(self, words: str) -> list[str]:
        """The lines up to the one with these words."""
        out: list[str] = []
        while not out or words not in out[-1]:
            out.append(self._lines.get(timeout=20))
        return out

    def end(self) -> list[str]:
        """Ctrl-C; the lines that were left."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(10)
        self._thread.join(10)
        if self.process.stdout:
            self.process.stdout.close()
        return list(self._lines.queue)


@pytest.fixture
def outbox(config: Path) -> Path:
    """The file, with three rows."""
    path = config.parent / "data" / "outbox.db"
    box = opened(path)
    box.put([Note(n, 6, f"early {n}") for n in range(3)])
    box.close()
    return path


def test_following_prints_every_new_row_once_and_nothing_else(config: Path, outbox: Path) -> None:
    """More rows at once than were asked for at first are all printed; silence prints nothing."""
    tail = Tail(config, "-n", "2")
    first = tail.until("rows wait")
    assert [line.rpartition(" ")[2] for line in first[:-1]] == ["1", "2"]
    assert first[-1].startswith("3 rows wait")
    box = opened(outbox)
    box.put([Note(n, 6, f"late {n}") for n in range(200)])
    assert len(tail.until("late 199")) == 200
    box.receipted(Receipt(box.outbox_id, box.chain().last_seq))
    threading.Event().wait(1.2)
    box.put([saw()])
    assert len(tail.until("open   chainsaw")) == 1
    box.close()
    assert tail.end() == []


def test_an_empty_outbox_is_followed_in_silence(config: Path) -> None:
    """Nothing waits: it is said once."""
    opened(config.parent / "data" / "outbox.db").close()
    tail = Tail(config)
    assert tail.until("rows wait") == ["0 rows wait for the hub, 0 that it has wait to be safe"]
    threading.Event().wait(1.5)
    assert tail.end() == []


def test_a_replaced_outbox_is_noticed(config: Path, outbox: Path) -> None:
    """When the file is set aside, the rows of the new one are printed from the first on."""
    tail = Tail(config)
    tail.until("rows wait")
    box = opened(outbox)
    box._file.replace("test")
    box.put([saw()])
    lines = tail.until("open   chainsaw")
    assert lines[0] == "a new outbox has taken the place of the one before"
    assert [line.split()[0] for line in lines[1:]] == ["1", "2", "3", "4"]
    box.close()
    assert tail.end() == []


def test_a_reader_that_leaves_is_no_error(config: Path, outbox: Path) -> None:
    """`tail | head -1` ends without a traceback."""
    box = opened(outbox)
    box.put([Note(n, 6, "x" * 100) for n in range(2000)])
    box.close()
    command = f"{sys.executable} -m otorongo.station --config {config} tail -n 2000 | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=ENV, timeout=60, check=True)
    assert "early" in done.stdout or "note" in done.stdout
    assert done.stderr == ""


def test_who_finds_nothing_is_told_how_something_comes(config: Path) -> None:
    """Without an outbox, as after a replay that keeps nothing, and with one in which nothing was ever written."""
    argv = [sys.executable, "-m", "otorongo.station", "--config", str(config), "tail"]
    how = "otorongo-station run lets the sensors write into it, otorongo-station replay --keep a recording"
    none = subprocess.run(argv, capture_output=True, text=True, env=ENV, timeout=60, check=False)
    assert none.returncode == 1
    assert how in none.stderr
    box = opened(config.parent / "data" / "outbox.db")
    box.close()
    empty = subprocess.run(argv, capture_output=True, text=True, env=ENV, timeout=60, check=True)
    assert how in empty.stdout
    box = opened(config.parent / "data" / "outbox.db")
    box.put([saw()])
    box.close()
    assert how not in subprocess.run(argv, capture_output=True, text=True, env=ENV, timeout=60, check=True).stdout
