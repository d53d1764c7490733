"""The Pi's own camera, with a child that stands in for picamera2 and keeps to its letters."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from otorongo.station.adapters.picamera import CHILD, PiCamera
from otorongo.station.errors import SensorError
from otorongo.station.samples import Fault, Item, Sample, Tick
from otorongo.station.shutter import Shutter

LETTERS = """
import struct, sys, time
frames, log = int(sys.argv[1]), open(sys.argv[2], "a", buffering=1)
log.write("began\\n")
def send(t_ms, height, width, value):
    sys.stdout.buffer.write(struct.pack("<QII", t_ms, height, width) + bytes([value]) * (height * width * 3))
    sys.stdout.flush()
number = 0
while len(order := sys.stdin.buffer.read(5)) == 5:
    letter, ms = struct.unpack("<cI", order)
    log.write(f"{letter.decode()}{ms or ''}\\n")
    if letter == b"s":
        if number == frames:
            sys.stderr.write("camera frontend has timed out")
            sys.exit(3)
        send(1000 + number, 4, 6, number)
        number += 1
    if letter == b"f":
        send(1000 + number - 1, 8, 12, 100 + number - 1)
log.write("ended\\n")
"""
PATIENCE_S = 20.0


def uptime_ms() -> int:
    """Milliseconds since boot."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def camera(
    code: str,
    *words: object,
    wait: Callable[[float], int | None] | None = None,
    burst: int = 2,
    size: tuple[int, int] = (1280, 720),
    **more: object,
) -> PiCamera:
    """A camera whose child is Python, and which does not wait between two attempts."""
    given: dict[str, object] = {"argv": [sys.executable, "-c", code, *map(str, words)], "sleep_s": lambda s: None}
    return PiCamera("", size, Shutter(1000.0, burst=burst, wait=wait), uptime_ms, **(given | more))  # type: ignore[arg-type]


def take(items: Iterator[Item], until: Callable[[Item], bool]) -> list[Item]:
    """Items up to the one that is looked for."""
    out = []
    for item in items:
        out.append(item)
        if until(item):
            return out
    return out


def frames_of(items: Iterator[Item], count: int) -> list[Sample]:
    """The next frames."""
    return list(islice((item for item in items if isinstance(item, Sample)), count))


def said(log: Path) -> list[str]:
    """What the child was asked."""
    return log.read_text().split()


def test_frames_come_with_the_childs_times_and_its_end_is_told(tmp_path: Path) -> None:
    """Small frames with their own capture times; then a fault with the child's last words."""
    items = take(camera(LETTERS, 3, tmp_path / "log").samples(), lambda item: isinstance(item, Fault))
    frames = [item for item in items if isinstance(item, Sample)]
    assert [(one.t_ms, one.data.shape, int(one.data.max())) for one in frames] == [
        (1000, (4, 6, 3), 0), (1001, (4, 6, 3), 1), (1002, (4, 6, 3), 2),
    ]  # fmt: skip
    assert isinstance(items[-1], Fault)
    assert "camera frontend has timed out" in items[-1].text


def test_the_whole_frame_travels_only_when_it_is_asked_for(tmp_path: Path) -> None:
    """It is the same frame in full, as often as it is asked for; another frame's is gone, and that is an error."""
    items = camera(LETTERS, 9, tmp_path / "log").samples()
    first, second = frames_of(items, 2)
    assert first.full
    assert second.full
    assert (second.full().shape, int(second.full().max())) == ((8, 12, 3), 101)
    with pytest.raises(SensorError, match="another one has been taken"):
        first.full()
    [third] = frames_of(items, 1)
    assert int(third.data.max()) == 2
    items.close()  # type: ignore[attr-defined]
    assert said(tmp_path / "log")[:6] == ["began", "s", "s", "f", "f", "s"]


def test_a_small_camera_has_no_larger_frame(tmp_path: Path) -> None:
    """What is no wider than the gate's frame is given once."""
    items = camera(LETTERS, 9, tmp_path / "log", size=(640, 480)).samples()
    [frame] = frames_of(items, 1)
    assert frame.full is None
    items.close()  # type: ignore[attr-defined]


def test_a_whole_frame_that_does_not_come_costs_the_child_and_no_more(tmp_path: Path) -> None:
    """Half of it would be taken for the next one: the child goes, and another gives frames."""
    code = LETTERS.replace("send(1000 + number - 1, 8, 12, 100 + number - 1)", "sys.exit(1)")
    items = camera(code, 9, tmp_path / "log").samples()
    [frame] = frames_of(items, 1)
    assert frame.full
    with pytest.raises(SensorError, match="picamera2 ended"):
        frame.full()
    later = take(items, lambda item: isinstance(item, Sample))
    assert any(isinstance(item, Fault) for item in later)
    assert isinstance(later[-1], Sample)
    items.close()  # type: ignore[attr-defined]
    assert said(tmp_path / "log").count("began") == 2


@pytest.mark.parametrize(("standby", "begun"), [("warm", 1), ("cold", 2)])
def test_between_two_triggers_a_warm_camera_goes_on(tmp_path: Path, standby: str, begun: int) -> None:
    """Warm, one child sees every burst, and was there before the first; cold, each burst has its own."""
    rose = iter([None, 900, None, None, 1100])
    items = camera(LETTERS, 99, tmp_path / "log", wait=lambda s: next(rose, None), standby=standby).samples()
    assert isinstance(next(items), Tick)
    assert (tmp_path / "log").exists() or standby == "cold" or _comes(tmp_path / "log")
    frames = frames_of(items, 4)
    assert [(one.triggered, one.trigger_ms) for one in frames][:2] == [(True, 100), (True, -1)]
    assert all(one.triggered for one in frames)
    items.close()  # type: ignore[attr-defined]
    assert said(tmp_path / "log").count("began") == begun


def _comes(path: Path) -> bool:
    until_s = time.monotonic() + PATIENCE_S
    while not path.exists() and time.monotonic() < until_s:
        time.sleep(0.01)
    return path.exists()


def test_a_night_exposure_is_told_once_and_to_every_child(tmp_path: Path) -> None:
    """Before the next frame; also to the child that comes after one that failed."""
    source = camera(LETTERS, 3, tmp_path / "log")
    items = source.samples()
    frames_of(items, 1)
    source.expose(120)
    frames_of(items, 4)
    items.close()  # type: ignore[attr-defined]
    assert said(tmp_path / "log")[:9] == ["began", "s", "x120", "s", "s", "s", "began", "x120", "s"]


def test_a_camera_that_fails_or_hangs_still_ticks_and_can_be_closed() -> None:
    """A service manager sees life every two seconds: in the pauses after a fault and while no frame comes."""
    slept: list[float] = []
    failing = camera("", argv=["/nowhere/python"], sleep_s=slept.append)
    items = take(failing.samples(), lambda item: len(slept) > 20)
    assert max(slept) <= 2.0
    assert sum(isinstance(item, Fault) for item in items) >= 3
    assert sum(isinstance(item, Tick) for item in items) == len(slept)
    hung = camera("import time; time.sleep(60)")
    threading.Timer(0.3, hung.close).start()
    assert [type(item) for item in hung.samples()] == []


def test_a_camera_that_hangs_is_a_fault() -> None:
    """No answer for so long is told."""
    hung = camera("import time; time.sleep(60)", silent_s=0.1)
    items = take(hung.samples(), lambda item: isinstance(item, Fault))
    assert isinstance(items[-1], Fault)
    assert "no frame for" in items[-1].text


TALKS = """
import struct, sys
for n in range(4):
    sys.stdin.buffer.read(5)
    sys.stderr.write("INFO Camera camera.cpp " + "x" * 100_000)
    sys.stderr.flush()
    sys.stdout.buffer.write(struct.pack("<QII", n, 4, 6) + bytes(72))
    sys.stdout.flush()
sys.stdin.buffer.read(5)
sys.stdout.buffer.write(struct.pack("<QII", 9, 1 << 30, 1 << 30))
"""


def test_a_camera_may_say_as_much_as_it_likes_and_no_nonsense() -> None:
    """Libcamera's talk does not stop the frames; a frame of an impossible size is a fault, not an allocation."""
    items = take(camera(TALKS).samples(), lambda item: isinstance(item, Fault))
    assert [item.t_ms for item in items if isinstance(item, Sample)] == [0, 1, 2, 3]
    assert isinstance(items[-1], Fault)
    assert "1073741824 x 1073741824 pixels" in items[-1].text


TALKS_AT_REST = """
import sys
for n in range(20):
    sys.stderr.write("x" * 100_000)
    sys.stderr.flush()
open(sys.argv[1], "w").close()
sys.stdin.read()
"""


def test_a_child_that_talks_while_nothing_is_asked_of_it_is_heard(tmp_path: Path) -> None:
    """Hours without a trigger fill no pipe."""
    source = camera(TALKS_AT_REST, tmp_path / "done", wait=lambda s: time.sleep(0.01))
    until_s = time.monotonic() + PATIENCE_S
    for item in source.samples():
        assert isinstance(item, Tick)
        if (tmp_path / "done").exists():
            break
        assert time.monotonic() < until_s
    source.close()


PICAMERA2 = """
import numpy as np
class Request:
    def __init__(self, log, number):
        self.log, self.number = log, number
    def get_metadata(self):
        return {"SensorTimestamp": (5000 + self.number) * 1_000_000}
    def make_array(self, name):
        self.log.write(f"{name}{self.number}\\n")
        r, g, b = 220, 30, 40
        if name == "main":
            return np.full((720, 1280, 3), (r, g, b), np.uint8)
        y = 0.299 * r + 0.587 * g + 0.114 * b
        planes = np.zeros((540, 704), np.uint8)  # 640 columns, padded
        planes[:360] = round(y)
        planes[360:450], planes[450:] = round(128 + 0.564 * (b - y)), round(128 + 0.713 * (r - y))
        return planes
    def release(self):
        self.log.write(f"released{self.number}\\n")
class Picamera2:
    def __init__(self, number):
        self.log, self.count = open(LOG, "a", buffering=1), 0
    def create_video_configuration(self, **given):
        assert given["main"] == {"size": (1280, 720), "format": "BGR888"}
        assert given["lores"] == {"size": (640, 360), "format": "YUV420"}
    def configure(self, given):
        pass
    def start(self):
        self.log.write("started\\n")
    def capture_metadata(self):
        pass
    def capture_request(self):
        self.count += 1
        return Request(self.log, self.count)
    def set_controls(self, given):
        self.log.write(f"exposure{given.get('ExposureTime', 'auto')}\\n")
"""


def test_the_real_child_keeps_to_the_same_letters(tmp_path: Path) -> None:
    """The program that runs on a Pi, over a picamera2 that stands in: colours, times, exposure, and what is let go."""
    log = tmp_path / "log"
    (tmp_path / "picamera2.py").write_text(f"LOG = {str(log)!r}\n{PICAMERA2}")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{CHILD}"
    source = camera(code, 0, 1280, 720, 640)
    items = source.samples()
    [small] = frames_of(items, 1)
    assert small.t_ms == 5001
    assert small.data.shape == (360, 640, 3)
    assert np.abs(small.data.astype(int) - (220, 30, 40)).max() <= 4, "a few levels, by the small stream's colours"
    assert small.full
    whole = small.full()
    assert (whole.shape, whole[5, 5].tolist()) == ((720, 1280, 3), [220, 30, 40])
    source.expose(120)
    frames_of(items, 1)
    source.expose(0)
    frames_of(items, 1)
    items.close()  # type: ignore[attr-defined]
    assert said(log) == [
        "started", "lores1", "main1", "exposure120000", "released1", "lores2", "exposureauto", "released2", "lores3",
    ]  # fmt: skip


def test_the_real_child_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    """Nobody asks any more: it ends, and lets the camera go to whoever comes next."""
    (tmp_path / "picamera2.py").write_text(f"LOG = {str(tmp_path / 'log')!r}\n{PICAMERA2}")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{CHILD}"
    ended = subprocess.run([sys.executable, "-c", code, "0", "1280", "720", "640"], input=b"", timeout=60, check=False)
    assert ended.returncode == 0
