"""A camera by OpenCV, its frames in the hands of the test."""

from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest

from otorongo.station.adapters.opencv import OpenCvCamera
from otorongo.station.samples import Fault, Item, Sample, Tick
from otorongo.wire.codes import NoteKind


class Lens:
    """A capture device that can be unplugged."""

    def __init__(self) -> None:
        self.there = True
        self.opened: list[object] = []
        self.released = 0

    def open(self, source: object, *more: object) -> bool:
        """Opened by its number, path or address."""
        self.opened.append(source)
        return self.there

    def set(self, what: int, value: float) -> bool:
        """Its size."""
        return True

    def grab(self) -> bool:
        """The next frame, if it is there."""
        return self.there

    def retrieve(self) -> tuple[bool, object]:
        """Blue, green, red."""
        return self.there, np.full((4, 6, 3), (1, 2, 3), np.uint8)

    def release(self) -> None:
        """Let go."""
        self.released += 1


def camera(lens: Lens, wait: Callable[[float], bool] | None = None, device: str = "0", burst: int = 2) -> OpenCvCamera:
    """A camera that does not wait between two attempts."""
    return OpenCvCamera(
        device,
        (6, 4),
        1000.0,
        lambda: 7,
        burst=burst,
        wait=wait,
        sleep_s=lambda s: None,
        capture=lambda: lens,  # type: ignore[arg-type,return-value]
    )


def test_frames_come_as_rgb() -> None:
    """OpenCV gives blue first; a sample has red first."""
    [sample] = [item for item in islice(camera(Lens()).samples(), 50) if isinstance(item, Sample)][:1]
    assert sample.data[0, 0].tolist() == [3, 2, 1]


@pytest.mark.parametrize("trigger", [False, True])
def test_a_camera_that_is_unplugged_is_told_at_once_and_found_again(*, trigger: bool) -> None:
    """Also while it only waits for its trigger: nobody passes by for a week, and it is not silent for a week."""
    lens = Lens()
    items = camera(lens, (lambda s: False) if trigger else None).samples()
    first = next(items)
    assert isinstance(first, Tick if trigger else Sample)
    lens.there = False
    told: list[Item] = list(islice(items, 8))
    [fault, *_] = [item for item in told if isinstance(item, Fault)]
    assert fault.kind == NoteKind.SENSOR_FAULT
    assert "no frame comes any more" in fault.text
    assert any(isinstance(item, Tick) for item in told), "it still says that it lives"
    lens.there = True
    later = list(islice(items, 60))
    assert isinstance(later[-1], Tick if trigger else Sample)
    assert len(lens.opened) > 1
    assert lens.released >= 1


def test_a_trigger_gives_a_burst() -> None:
    """So many frames for each time that something moved, and ticks between."""
    moved = iter([False, True, False, True])
    source = camera(Lens(), lambda s: next(moved, False), burst=3)
    kinds = [type(item) for item in islice((one for one in source.samples() if isinstance(one, Sample | Tick)), 9)]
    assert kinds.count(Sample) == 6


def test_a_password_is_in_no_fault() -> None:
    """The address of an RTSP camera is told without it."""
    lens = Lens()
    lens.there = False
    fault = next(camera(lens, device="rtsp://admin:ge@heim@10.0.0.3/x").samples())
    assert isinstance(fault, Fault)
    assert "rtsp://10.0.0.3/x" in fault.text
    assert "heim" not in fault.text
