"""A camera by OpenCV, its frames in the hands of the test."""

import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest

from otorongo.station.adapters.opencv import OpenCvCamera
from otorongo.station.errors import SensorError
from otorongo.station.samples import Fault, Item, Sample, Tick
from otorongo.station.shutter import Shutter
from otorongo.wire.codes import NoteKind

PATIENCE_S = 20.0


class Lens:
    """A capture device with a driver's queue of four frames; it can be unplugged, and it can hang."""

    def __init__(self) -> None:
        self.there = True
        self.opened: list[object] = []
        self.released = 0
        self.queue: deque[int] = deque()
        self.made = 0
        self.free = threading.Event()
        self.free.set()
        self.stuck = threading.Event()
        self._now = 0

    def lies_waiting(self, count: int) -> None:
        """Frames come that nobody asks for: the driver keeps the oldest four."""
        for _ in range(count):
            self.made += 1
            if len(self.queue) < 4:
                self.queue.append(self.made)

    def drained(self) -> bool:
        """Whether somebody took what the driver had, in a time that is long."""
        until_s = time.monotonic() + PATIENCE_S
        while self.queue and time.monotonic() < until_s:
            time.sleep(0.001)
        return not self.queue

    def open(self, source: object, *more: object) -> bool:
        """Opened by its number, path or address."""
        self.opened.append(source)
        return self.there

    def set(self, what: int, value: float) -> bool:
        """Its size."""
        return True

    def grab(self) -> bool:
        """The oldest frame that the driver has, or the next one."""
        if not self.free.is_set():
            self.stuck.set()
        self.free.wait()
        if self.queue:
            self._now = self.queue.popleft()
        else:
            time.sleep(0.001)
            self.made += 1
            self._now = self.made
        return self.there

    def retrieve(self) -> tuple[bool, object]:
        """Blue, green, red; the number of the frame in two of its pixels."""
        frame = np.full((4, 6, 3), (1, 2, 3), np.uint8)
        frame[3, 4:, 0] = self._now // 256 % 256, self._now % 256
        return self.there, frame

    def release(self) -> None:
        """Let go."""
        self.released += 1


def number_of(sample: Sample) -> int:
    """Which frame of the lens it is."""
    high, low = (int(value) for value in sample.data[3, 4:, 2])
    return high * 256 + low


def camera(
    lens: Lens, wait: Callable[[float], int | None] | None = None, device: str = "0", burst: int = 2, **more: float
) -> OpenCvCamera:
    """A camera that does not wait between two attempts; its clock stands at 7."""
    return OpenCvCamera(
        device,
        (6, 4),
        Shutter(1000.0, burst=burst, wait=wait),
        lambda: 7,
        sleep_s=lambda s: None,
        capture=lambda: lens,  # type: ignore[arg-type,return-value]
        **more,
    )


def test_frames_come_as_rgb() -> None:
    """OpenCV gives blue first; a sample has red first, and no trigger asked for it."""
    source = camera(Lens())
    [sample] = [item for item in islice(source.samples(), 50) if isinstance(item, Sample)][:1]
    source.close()
    assert sample.data[0, 0].tolist() == [3, 2, 1]
    assert (sample.triggered, sample.trigger_ms) == (False, -1)


@pytest.mark.parametrize("trigger", [False, True])
def test_a_camera_that_is_unplugged_is_told_at_once_and_found_again(*, trigger: bool) -> None:
    """Also while it only waits for its trigger: nobody passes by for a week, and it is not silent for a week."""
    lens = Lens()
    items = camera(lens, (lambda s: time.sleep(0.01)) if trigger else None).samples()
    first = next(items)
    assert isinstance(first, Tick if trigger else Sample)
    lens.there = False
    told: list[Item] = list(islice(items, 60))
    fault = next(item for item in told if isinstance(item, Fault))
    assert fault.kind == NoteKind.SENSOR_FAULT
    assert "no frame comes any more" in fault.text
    assert any(isinstance(item, Tick) for item in told), "it still says that it lives"
    lens.there = True
    later = list(islice(items, 60))
    assert isinstance(later[-1], Tick if trigger else Sample)
    assert len(lens.opened) > 1
    assert lens.released >= 1
    items.close()  # type: ignore[attr-defined]


def test_a_trigger_gives_a_burst() -> None:
    """So many frames for each time that something moved, and ticks between; the first one says how long it took."""
    rose = iter([None, 4, None, 6])
    source = camera(Lens(), lambda s: next(rose, None), burst=3)
    told = list(islice((one for one in source.samples() if isinstance(one, Sample | Tick)), 9))
    source.close()
    frames = [item for item in told if isinstance(item, Sample)]
    assert len(frames) == 6
    assert all(frame.triggered for frame in frames)
    assert [frame.trigger_ms for frame in frames[:3]] == [3, -1, -1]


def test_a_pin_that_stays_high_is_one_trigger() -> None:
    """Frames go on as long as somebody is there; only the first of all of them tells how long it took."""
    source = camera(Lens(), lambda s: 5, burst=2)
    frames = list(islice((one for one in source.samples() if isinstance(one, Sample)), 6))
    source.close()
    assert [frame.trigger_ms for frame in frames] == [2, -1, -1, -1, -1, -1]


def test_what_the_driver_has_buffered_is_not_taken_for_what_triggered() -> None:
    """A V4L2 driver keeps the oldest frames of the last hours: the first frame of a burst is newer than its trigger."""
    lens = Lens()
    numbers: list[int] = []

    def wait(seconds: float) -> int | None:
        lens.lies_waiting(40)
        assert lens.drained(), "frames lie in the driver, to be dated now when a trigger comes"
        numbers.append(lens.made)
        return 5 if len(numbers) == 3 else None

    source = camera(lens, wait, burst=2)
    first = next(item for item in source.samples() if isinstance(item, Sample))
    source.close()
    assert number_of(first) >= numbers[-1]


def test_a_driver_that_hangs_is_told_and_ends_the_process_if_it_does_not_come_back() -> None:
    """Ticks while nothing comes, then a fault that says so; nothing opens it a second time; at last an error."""
    lens = Lens()
    source = camera(lens, silent_s=0.2, stuck_s=0.1)
    items = source.samples()
    assert isinstance(next(items), Sample)
    lens.free.clear()
    told: list[Item] = []
    with pytest.raises(SensorError, match="does not come back"):
        told += iter(items)
    lens.free.set()
    assert any("hangs" in item.text for item in told if isinstance(item, Fault))
    assert lens.opened == [0]


def test_a_driver_that_hung_and_came_back_is_opened_again() -> None:
    """A camera that was gone for a while costs a fault, and no process."""
    lens = Lens()
    source = camera(lens, silent_s=0.2, stuck_s=PATIENCE_S)
    items = source.samples()
    next(items)
    lens.free.clear()
    fault = next(item for item in items if isinstance(item, Fault))
    assert "hangs" in fault.text
    lens.free.set()
    assert next(item for item in items if isinstance(item, Sample)).t_ms == 7
    source.close()
    assert lens.opened == [0, 0]


def test_a_camera_that_repeats_itself_is_let_go_before_it_is_opened_again() -> None:
    """Whoever begins anew, because a frame came again and again, waits for the one who has it."""
    lens = Lens()
    source = camera(lens, silent_s=PATIENCE_S, stuck_s=PATIENCE_S)
    items = source.samples()
    next(items)
    lens.free.clear()
    assert lens.stuck.wait(PATIENCE_S)
    items.close()  # type: ignore[attr-defined]
    items = source.samples()
    assert isinstance(next(items), Tick)
    assert (lens.opened, lens.released) == ([0], 0)
    lens.free.set()
    assert next(item for item in items if isinstance(item, Sample)).t_ms == 7
    assert (lens.opened, lens.released) == ([0, 0], 1)
    source.close()


def test_a_password_is_in_no_fault() -> None:
    """The address of an RTSP camera is told without it."""
    lens = Lens()
    lens.there = False
    fault = next(item for item in camera(lens, device="rtsp://admin:ge@heim@10.0.0.3/x").samples())
    assert isinstance(fault, Fault)
    assert "rtsp://10.0.0.3/x" in fault.text
    assert "heim" not in fault.text
