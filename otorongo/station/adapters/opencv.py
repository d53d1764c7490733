"""A camera by OpenCV: USB (`0`, `/dev/video0`) or RTSP.

One thread reads as fast as the camera gives, so that nothing old waits in the driver's buffers: a frame that is asked
for was taken after it was asked for. A driver that hangs holds up that thread alone; who hangs for minutes ends the
process with an error, because only a new process gets rid of it.
"""

import random
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Final

import cv2
import numpy as np

from otorongo.language import say
from otorongo.station.errors import SensorError
from otorongo.station.samples import Fault, Item, Picture, Sample, Tick
from otorongo.station.shutter import TICK_S, Shutter
from otorongo.wire.codes import NoteKind

MOST_PAUSE_S: Final = 60.0
OPEN_MS: Final = 15_000
READ_MS: Final = 10_000
SILENT_S: Final = 20.0
"""No frame for so long, also while it is opened, is a camera that hangs."""
STUCK_S: Final = 120.0
"""A driver that has not come back for so long after that will not."""


class OpenCvCamera:
    """The sensor: a frame whenever its shutter says that one is due."""

    def __init__(
        self,
        device: str,
        size: tuple[int, int],
        shutter: Shutter,
        uptime_ms: Callable[[], int],
        *,
        sleep_s: Callable[[float], None] = time.sleep,
        capture: Callable[[], cv2.VideoCapture] = cv2.VideoCapture,
        silent_s: float = SILENT_S,
        stuck_s: float = STUCK_S,
    ) -> None:
        self._device = device
        self._size = size
        self._capture = capture
        self._name = without_password(device)
        self._shutter = shutter
        self._uptime_ms = uptime_ms
        self._sleep_s = sleep_s
        self._silent_s = silent_s
        self._stuck_s = stuck_s
        self._reader: _Reader | None = None
        """The newest: it may have the camera yet."""
        self._closed = False

    def close(self) -> None:
        """Let `samples` end."""
        self._closed = True

    def hurry(self, frames: int) -> None:
        """The next frames come as fast as they are taken in."""
        self._shutter.hurry(frames)

    def samples(self) -> Iterator[Item]:
        """Frames as they are seen, for ever; ticks and faults between them.

        Raises SensorError if the driver hangs and does not come back: what helps then is another process.
        """
        failures = 0
        while not self._closed:
            if self._reader:
                yield from self._parted(self._reader)
            seen = False
            self._reader = reader = _Reader(self._device, self._size, self._capture, self._uptime_ms)
            try:
                for item in self._look(reader):
                    seen = seen or isinstance(item, Sample)
                    yield item
            except SensorError as error:
                failures = 0 if seen else failures + 1
                yield Fault(self._uptime_ms(), NoteKind.SENSOR_FAULT, say("camera: {error}", error=error))
                yield from self._pause(min(MOST_PAUSE_S, 2.0 ** min(failures, 6)) * random.uniform(0.5, 1.0))
            finally:
                reader.stop()

    def _pause(self, left_s: float) -> Iterator[Tick]:
        while left_s > 0 and not self._closed:
            self._sleep_s(min(TICK_S, left_s))
            left_s -= TICK_S
            yield Tick(self._uptime_ms())

    def _parted(self, reader: "_Reader") -> Iterator[Tick]:
        """Until a reader's thread has let go of the camera: opened twice, it would be refused. Raises SensorError."""
        until_s = time.monotonic() + self._stuck_s
        while not reader.gone(min(TICK_S, self._stuck_s)) and not self._closed:
            if time.monotonic() >= until_s:
                raise SensorError(
                    say(
                        "camera {name}: its driver hangs and does not come back: this process ends, so that another "
                        "can open it (if that does not help, plug it out and in)",
                        name=self._name,
                    )
                )
            yield Tick(self._uptime_ms())

    def _look(self, reader: "_Reader") -> Iterator[Item]:
        """Raises SensorError if it cannot be opened, ends or hangs."""
        while not self._closed:
            due = self._shutter.due()
            reader.check(self._silent_s)
            if not due:
                yield Tick(self._uptime_ms())
                continue
            taken = yield from self._frame(reader)
            if taken is None:
                return
            yield self._shutter.taken(*taken)

    def _frame(self, reader: "_Reader") -> Generator[Tick, None, tuple[int, Picture] | None]:
        """The next frame from now on and its time; ticks while it does not come. Raises SensorError."""
        reader.ask()
        while not self._closed:
            if taken := reader.take(TICK_S):
                return taken
            reader.check(self._silent_s)
            yield Tick(self._uptime_ms())
        return None


class _Reader:
    """The thread that has the camera, and the frame that was asked of it."""

    def __init__(
        self,
        device: str,
        size: tuple[int, int],
        capture: Callable[[], cv2.VideoCapture],
        uptime_ms: Callable[[], int],
    ) -> None:
        self._device = device
        self._name = without_password(device)
        self._size = size
        self._capture = capture
        self._uptime_ms = uptime_ms
        self._lock = threading.Condition()
        self._wanted = self._ended = False
        self._taken: tuple[int, Picture] | None = None
        self._fault = ""
        self._moved_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True, name="camera")
        self._thread.start()

    def ask(self) -> None:
        """From now on a frame is wanted."""
        with self._lock:
            self._wanted, self._taken = True, None

    def take(self, within_s: float) -> tuple[int, Picture] | None:
        """The frame that was asked for and its time in ms since boot, if it comes so soon."""
        with self._lock:
            self._lock.wait_for(lambda: self._taken or self._fault, within_s)
            return self._taken

    def check(self, silent_s: float) -> None:
        """Raises SensorError if there is no camera any more, or nothing came from it for so long."""
        with self._lock:
            fault, silent = self._fault, time.monotonic() - self._moved_s
        if fault or silent > silent_s:
            hangs = say("no frame for {seconds:.0f} s: it hangs", seconds=silent)
            raise SensorError(f"{self._name}: {fault or hangs}")

    def stop(self) -> None:
        """Let go of the camera, as soon as its driver comes back."""
        self._ended = True

    def gone(self, within_s: float) -> bool:
        """Whether it has let go."""
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        """Read until it is over; what goes wrong is told to whoever asks."""
        try:
            camera = self._capture()
            try:
                self._read(camera)
            finally:
                camera.release()
        except Exception as error:  # noqa: BLE001 - cv2.error is a plain exception, and nobody else hears of it
            with self._lock:
                self._fault = str(error) or type(error).__name__
                self._lock.notify_all()

    def _read(self, camera: cv2.VideoCapture) -> None:
        source: str | int = int(self._device) if self._device.isdigit() else self._device
        if str(source).startswith(("rtsp://", "rtsps://")):
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_MS]
            opened = camera.open(str(source), cv2.CAP_FFMPEG, limits)
        else:
            opened = camera.open(source, cv2.CAP_V4L2)
            camera.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0])
            camera.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1])
        if not opened:
            raise SensorError(say("cannot be opened: is it plugged in, is the address right?"))
        while not self._ended:
            if not camera.grab():
                raise SensorError(say("no frame comes any more"))
            t_ms = self._uptime_ms()
            with self._lock:
                self._moved_s, wanted = time.monotonic(), self._wanted
            if not wanted:
                continue
            ok, frame = camera.retrieve()
            if not ok:
                raise SensorError(say("a frame cannot be decoded"))
            picture = np.ascontiguousarray(frame[:, :, ::-1], np.uint8)
            with self._lock:
                self._taken, self._wanted = (t_ms, picture), False
                self._lock.notify_all()


def without_password(address: str) -> str:
    """An RTSP address without user and password, for logs."""
    scheme, mark, rest = address.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else address
