"""A camera by OpenCV: USB (`0`, `/dev/video0`) or RTSP."""

import random
import time
from collections.abc import Callable, Iterator
from typing import Final

import cv2
import numpy as np

from otorongo.station.errors import SensorError
from otorongo.station.samples import Fault, Item, Sample, Tick
from otorongo.wire.codes import NoteKind

MOST_PAUSE_S: Final = 60.0
TICK_S: Final = 2.0
"""Something comes at least so often while frames are passed over: a service manager watches."""
OPEN_MS: Final = 15_000
READ_MS: Final = 10_000


class OpenCvCamera:
    """The sensor: `fps` frames a second, or bursts of `burst` frames when `wait` says that something moved."""

    def __init__(
        self,
        device: str,
        size: tuple[int, int],
        fps: float,
        uptime_ms: Callable[[], int],
        *,
        burst: int = 5,
        wait: Callable[[float], bool] | None = None,
        sleep_s: Callable[[float], None] = time.sleep,
        capture: Callable[[], cv2.VideoCapture] = cv2.VideoCapture,
    ) -> None:
        self._capture = capture
        self._device = device
        self._size = size
        self._period_s = 1 / fps
        self._uptime_ms = uptime_ms
        self._burst = burst
        self._wait = wait
        self._sleep_s = sleep_s
        self._closed = False

    def close(self) -> None:
        """Let `samples` end."""
        self._closed = True

    def samples(self) -> Iterator[Item]:
        """Frames as they are seen, for ever; ticks and faults between them."""
        failures = 0
        while not self._closed:
            seen = False
            try:
                for item in self._look():
                    seen = seen or isinstance(item, Sample)
                    yield item
            except SensorError as error:
                failures = 0 if seen else failures + 1
                yield Fault(self._uptime_ms(), NoteKind.SENSOR_FAULT, f"camera: {error}")
                pause_s = min(MOST_PAUSE_S, 2.0 ** min(failures, 6)) * random.uniform(0.5, 1.0)
                while pause_s > 0 and not self._closed:
                    self._sleep_s(min(TICK_S, pause_s))
                    pause_s -= TICK_S
                    yield Tick(self._uptime_ms())

    def _look(self) -> Iterator[Item]:
        source: str | int = int(self._device) if self._device.isdigit() else self._device
        camera = self._capture()
        if str(source).startswith(("rtsp://", "rtsps://")):
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_MS]
            opened = camera.open(str(source), cv2.CAP_FFMPEG, limits)
        else:
            opened = camera.open(source, cv2.CAP_V4L2)
            camera.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0])
            camera.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1])
        if not opened:
            raise SensorError(
                f"{_without_password(self._device)}: cannot be opened: is it plugged in, is the address right?"
            )
        try:
            yield from self._frames(camera)
        finally:
            camera.release()

    def _frames(self, camera: cv2.VideoCapture) -> Iterator[Item]:
        left = 0
        next_s = said_s = time.monotonic()
        while not self._closed:
            if self._wait is not None and left == 0:
                if not self._wait(TICK_S):
                    self._grab(camera)  # what the driver has buffered is old by then; a camera that is gone is noticed
                    yield Tick(self._uptime_ms())
                    continue
                left = self._burst
            self._grab(camera)
            if time.monotonic() < next_s:  # a stream must be read as fast as it comes, or it lags
                if time.monotonic() - said_s >= TICK_S:
                    said_s = time.monotonic()
                    yield Tick(self._uptime_ms())
                continue
            next_s = max(next_s + self._period_s, time.monotonic())
            ok, frame = camera.retrieve()
            if not ok:
                raise SensorError(f"{_without_password(self._device)}: a frame cannot be decoded")
            left, said_s = max(0, left - 1), time.monotonic()
            yield Sample(self._uptime_ms(), np.ascontiguousarray(frame[:, :, ::-1]))

    def _grab(self, camera: cv2.VideoCapture) -> None:
        if not camera.grab():
            raise SensorError(f"{_without_password(self._device)}: no frame comes any more")


def _without_password(address: str) -> str:
    """An RTSP address without user and password, for logs."""
    scheme, mark, rest = address.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else address
