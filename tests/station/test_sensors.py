"""Drivers at the edge, with children that stand in for the hardware."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.station.adapters import alsa
from otorongo.station.adapters.alsa import Alsa, card_at
from otorongo.station.errors import SensorError
from otorongo.station.samples import Fault, Item, Sample, Tick
from otorongo.wire.codes import NoteKind

RATE = 8_000
WRITE = (
    "import sys, numpy as np; n = int(sys.argv[1]); "
    "sys.stdout.buffer.write((np.arange(n) % 97 * 100).astype('<i2').tobytes())"
)


def child(code: str, *words: str) -> Callable[[list[str]], "subprocess.Popen[bytes]"]:
    """Starts Python instead of arecord."""

    def start(argv: list[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    return start


def uptime_ms() -> int:
    """Milliseconds since boot."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def take(items: Iterator[Item], until: Callable[[Item], bool]) -> list[Item]:
    """Items up to the one that is looked for."""
    out = []
    for item in items:
        out.append(item)
        if until(item):
            return out
    return out


def test_a_microphone_gives_windows_and_tells_when_its_child_ends(tmp_path: Path) -> None:
    """Windows at the bundle's rate with every sample once; then a fault that says why arecord ended, and it goes on."""
    code = WRITE + "; sys.stdout.flush(); sys.stderr.write('hw:1,0: No such device')"
    microphone = Alsa(
        "hw:1,0", RATE, RATE, 1.0, 0.5, uptime_ms, start=child(code, str(4 * RATE)), sleep_s=lambda s: None
    )
    items = take(microphone.samples(), lambda item: isinstance(item, Fault))
    samples = [item for item in items if isinstance(item, Sample)]
    assert len(samples) == 7
    assert [one.new_ms for one in samples] == [1000] + [500] * 6
    assert samples[3].data[100] == pytest.approx((1.5 * RATE + 100) % 97 * 100 / 32768, abs=0.02)
    assert [one.t_ms - samples[0].t_ms for one in samples] == [500 * n for n in range(7)]
    fault = items[-1]
    assert isinstance(fault, Fault)
    assert fault.kind == NoteKind.SENSOR_FAULT
    assert "No such device" in fault.text


def test_a_microphone_that_is_missing_ticks_until_it_is_back() -> None:
    """Time goes on while there is no microphone, so that events close; it is tried again and again."""
    started = []

    def start(argv: list[str]) -> "subprocess.Popen[bytes]":
        started.append(argv)
        raise FileNotFoundError(2, "No such file or directory")

    microphone = Alsa("hw:1,0", RATE, RATE, 1.0, 0.5, uptime_ms, start=start, sleep_s=lambda s: None)
    items = take(microphone.samples(), lambda item: isinstance(item, Fault) and len(started) == 2)
    assert any(isinstance(item, Tick) for item in items)
    assert "alsa-utils" in next(item.text for item in items if isinstance(item, Fault))
    assert started[0][:4] == ["arecord", "-q", "-D", "hw:1,0"]


def test_a_process_that_is_too_slow_loses_the_oldest_sound_and_counts_it(tmp_path: Path) -> None:
    """A full ring drops its oldest blocks; the child is never held up."""
    blocks = alsa.RING_BLOCKS + 40
    code = WRITE + "; sys.stdout.flush(); import time; time.sleep(60)"
    count = round(RATE * alsa.BLOCK_S) * blocks
    process = child(code, str(count))([])
    ring = alsa._Ring(process, round(RATE * alsa.BLOCK_S) * 2, uptime_ms)
    until = time.monotonic() + 20
    while ring._lost < 40 and time.monotonic() < until:
        time.sleep(0.02)
    block, lost, ended = ring.take(1.0)
    assert (lost, ended) == (40, "")
    assert block is not None
    process.kill()
    process.wait()
    ring.join()
    for pipe in (process.stdout, process.stderr):
        assert pipe is not None
        pipe.close()


def test_a_microphone_is_found_by_its_usb_port(tmp_path: Path) -> None:
    """The port's path decides, not the card's number; a wrong one is answered with those that there are."""
    for number, port in ((1, "1-1.2"), (2, "1-1.4")):
        device = tmp_path / "devices" / "usb1" / "1-1" / port / f"{port}:1.0"
        (device / "sound" / f"card{number}").mkdir(parents=True)
        card = tmp_path / "class" / f"card{number}"
        card.mkdir(parents=True)
        (card / "device").symlink_to(device)
    assert card_at("1-1.4", tmp_path / "class") == "plughw:2,0"
    with pytest.raises(SensorError, match=r"usb-port:1-1\.3 \(there are: usb-port:1-1\.2, usb-port:1-1\.4\)"):
        card_at("1-1.3", tmp_path / "class")


def test_a_sensor_ends_when_it_is_closed() -> None:
    """Closing ends the stream, also while the child is silent."""
    code = "import time; time.sleep(60)"
    microphone = Alsa("hw:0", RATE, RATE, 1.0, 0.5, uptime_ms, start=child(code))
    threading.Timer(0.3, microphone.close).start()
    items = list(microphone.samples())
    assert all(isinstance(item, Tick) for item in items)
    assert np.isfinite(len(items))


NOISY = """
import sys, time, numpy as np
for n in range(int(sys.argv[1])):
    sys.stderr.write("overrun!!! (at least 12.500 ms long)\\n" + "x" * 20000 + "\\n")
    sys.stderr.flush()
    sys.stdout.buffer.write((np.arange(2000) % 97 * 100).astype("<i2").tobytes())
    sys.stdout.flush()
    time.sleep(float(sys.argv[2]))
sys.stderr.write("hw:1,0: Input/output error")
"""


def test_arecord_may_say_as_much_as_it_likes_and_its_overruns_are_counted() -> None:
    """Half a megabyte on its error output does not stop the sound; each overrun is told once, with what it cost."""
    microphone = Alsa("hw:1,0", RATE, RATE, 1.0, 0.5, uptime_ms, start=child(NOISY, "24", "0"), sleep_s=lambda s: None)
    items = take(microphone.samples(), lambda item: isinstance(item, Fault) and item.kind == NoteKind.SENSOR_FAULT)
    assert sum(isinstance(item, Sample) for item in items) == 11
    faults = [item for item in items if isinstance(item, Fault)]
    assert sum(fault.lost for fault in faults) == 24
    assert "overruns, at least" in faults[0].text
    assert "Input/output error" in faults[-1].text
    assert "overrun" not in faults[-1].text


STALLS = """
import sys, time, numpy as np
began, lost = time.monotonic(), 0.0
for n in range(22):
    lost += 0.6 if n == 6 else 0
    time.sleep(max(0, began + lost + (n + 1) / 4 - time.monotonic()))
    sys.stdout.buffer.write(np.zeros(2000, "<i2").tobytes())
    sys.stdout.flush()
"""


def test_missing_sound_is_told_and_times_stay_honest() -> None:
    """After 0.6 s that never came, a fault tells the hole and the windows behind it carry the time they were heard."""
    microphone = Alsa("hw:1,0", RATE, RATE, 1.0, 0.5, uptime_ms, start=child(STALLS), sleep_s=lambda s: None)
    items, now = [], []
    for item in microphone.samples():
        items.append(item)
        now.append(uptime_ms())
        if isinstance(item, Fault) and item.kind == NoteKind.SENSOR_FAULT:
            break
    holes = [n for n, item in enumerate(items) if isinstance(item, Fault) and "missing" in item.text]
    assert len(holes) == 1
    [told] = [item for item in items if isinstance(item, Fault) and "missing" in item.text]
    assert told.lost == 1
    assert 400 < int(told.text.split()[1]) < 800
    behind = [(item, at) for item, at in zip(items, now, strict=True) if isinstance(item, Sample)][-2:]
    assert all(abs(at - item.end_ms) < 400 for item, at in behind)


def _heard(clock: alsa.SampleClock, arrivals: list[float], rate_hz: int = 48_000) -> list[tuple[int, int]]:
    """Blocks of a quarter second at these times: (number, missing ms) of each hole; the clock begins anew there."""
    holes = []
    for number, came_ms in enumerate(arrivals):
        if hole := clock.hole_ms(rate_hz // 4, round(came_ms)):
            holes.append((number, hole))
            clock.__init__(rate_hz)  # type: ignore[misc]
        clock.take(rate_hz // 4, round(came_ms))
    return holes


@given(st.lists(st.integers(0, 1400), min_size=10, max_size=60), st.integers(-150, 150))
def test_a_busy_machine_and_a_bad_crystal_are_no_holes(delays: list[int], ppm: int) -> None:
    """Blocks held up now and then and a clock off by 150 millionths: no hole, and times right within 200 ms."""
    clock = alsa.SampleClock(48_000)
    true = [250 * (n + 1) * (1 + ppm / 1e6) + 1000 for n in range(len(delays) * 10)]
    held = [at + (delays[n // 10] if n % 10 == 3 else 0) for n, at in enumerate(true)]
    at = 0.0
    arrivals = [at := max(at, one) for one in held]  # in order
    assert _heard(clock, arrivals) == []
    assert abs(clock.at_ms(len(true) / 4) - true[-1]) <= 200


@given(st.integers(260, 5000), st.integers(0, 100))
def test_a_real_hole_is_found_within_two_seconds(hole_ms: int, before: int) -> None:
    """Whatever is missing for more than 200 ms is told once, with its length, by the eighth block behind it."""
    arrivals = [250.0 * (n + 1) + (hole_ms if n >= before + 40 else 0) for n in range(before + 120)]
    [(number, told)] = _heard(alsa.SampleClock(48_000), arrivals)
    assert before + 40 <= number <= before + 40 + 15
    assert abs(told - hole_ms) < 20
