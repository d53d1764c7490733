"""The Pi's own camera, by picamera2 in a child on the system's Python.

picamera2 comes with Raspberry Pi OS and is built against the system's numpy, which is not ours: so it runs in a process
of its own and writes frames to a pipe, each with its time and size before it. A camera that hangs is a child to kill.
"""

import os
import random
import select
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from otorongo.station.errors import SensorError
from otorongo.station.samples import Fault, Item, Sample, Tick
from otorongo.wire.codes import NoteKind

HEAD: Final = struct.Struct("<QII")
"""Milliseconds since boot, height, width; then the pixels, RGB."""
SYSTEM_PYTHON: Final = "/usr/bin/python3"
SILENT_S: Final = 30.0
MOST_PAUSE_S: Final = 60.0
_MOST_PIXELS: Final = 64_000_000
CHILD: Final = r"""
import struct, sys, time
from picamera2 import Picamera2
number, width, height, period = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
camera = Picamera2(number)
# libcamera calls it BGR888 when the bytes lie in the order red, green, blue.
camera.configure(camera.create_video_configuration({"size": (width, height), "format": "BGR888"}))
camera.start()
out = sys.stdout.buffer
while True:
    began = time.monotonic()
    frame = camera.capture_array()
    t_ms = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000000
    out.write(struct.pack("<QII", t_ms, frame.shape[0], frame.shape[1]))
    out.write(frame[:, :, :3].tobytes())
    out.flush()
    time.sleep(max(0, period - (time.monotonic() - began)))
"""


class PiCamera:
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
        argv: list[str] | None = None,
        sleep_s: Callable[[float], None] = time.sleep,
    ) -> None:
        number = device or "0"
        self._argv = argv or [SYSTEM_PYTHON, "-c", CHILD, number, str(size[0]), str(size[1]), str(1 / fps)]
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
            if self._wait is not None and not self._wait(5.0):
                yield Tick(self._uptime_ms())
                continue
            seen = False
            try:
                for item in self._look():
                    seen = seen or isinstance(item, Sample)
                    yield item
            except SensorError as error:
                failures = 0 if seen else failures + 1
                yield Fault(self._uptime_ms(), NoteKind.SENSOR_FAULT, f"camera: {error}")
                self._sleep_s(min(MOST_PAUSE_S, 2.0 ** min(failures, 6)) * random.uniform(0.5, 1.0))

    def _look(self) -> Iterator[Item]:
        """Frames of one child: for ever, or one burst if there is a trigger (the camera sleeps between)."""
        try:
            child = subprocess.Popen(
                self._argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
            )
        except OSError as error:
            raise SensorError(f"{self._argv[0]} cannot be started: {error.strerror or error}") from error
        assert child.stdout is not None  # noqa: S101 - started with a pipe
        left = self._burst if self._wait is not None else -1
        try:
            while not self._closed and left != 0:
                t_ms, height, width = HEAD.unpack(_read(child, HEAD.size))
                if not 0 < height * width <= _MOST_PIXELS:
                    raise SensorError(f"a frame of {width} x {height} pixels")
                raw = _read(child, height * width * 3)
                left -= 1
                yield Sample(t_ms, np.frombuffer(raw, np.uint8).reshape(height, width, 3))
        finally:
            child.kill()
            child.wait()
            child.stdout.close()
            if child.stderr:
                child.stderr.close()


def _read(child: "subprocess.Popen[bytes]", count: int) -> bytes:
    """So many bytes of the child. Raises SensorError if it ends or stays silent."""
    assert child.stdout is not None  # noqa: S101
    out = bytearray()
    pipe = child.stdout.fileno()
    while len(out) < count:
        if not select.select([pipe], [], [], SILENT_S)[0]:
            raise SensorError(f"no frame for {SILENT_S:.0f} s")
        piece = os.read(pipe, min(count - len(out), 1 << 20))
        if not piece:
            child.wait()
            said = child.stderr.read(2000).decode("utf-8", "replace").strip().splitlines() if child.stderr else []
            raise SensorError(f"picamera2 ended: {said[-1] if said else f'exit status {child.returncode}'}")
        out += piece
    return bytes(out)
