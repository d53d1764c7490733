"""The Pi's own camera, by picamera2 in a child on the system's Python.

picamera2 comes with Raspberry Pi OS and is built against the system's numpy, which is not ours: so it runs in a process
of its own and writes frames to a pipe, each with its time and size before it. A camera that hangs is a child to kill.
Whatever the camera does, something comes every two seconds: a tick if nothing else, so that events close and a service
manager that watches sees that this process lives.
"""

import os
import random
import select
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from otorongo.station.errors import SensorError
from otorongo.station.samples import Fault, Item, Sample, Tick, Wait
from otorongo.wire.codes import NoteKind

HEAD: Final = struct.Struct("<QII")
"""Milliseconds since boot, height, width; then the pixels, RGB."""
SYSTEM_PYTHON: Final = "/usr/bin/python3"
SILENT_S: Final = 30.0
"""No frame for so long, beyond the time between two, is a camera that hangs."""
TICK_S: Final = 2.0
_SAID_BYTES: Final = 4_000
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
        wait: Wait | None = None,
        argv: list[str] | None = None,
        sleep_s: Callable[[float], None] = time.sleep,
    ) -> None:
        number = device or "0"
        self._silent_s = SILENT_S + 1 / fps
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
        failures, last_ms = 0, -1
        while not self._closed:
            rose_ms = self._wait(TICK_S) if self._wait else -1
            if rose_ms is None:
                yield Tick(self._uptime_ms())
                continue
            seen = False
            try:
                for item in self._look():
                    if isinstance(item, Sample):
                        seen = True
                        item, last_ms = self._as_triggered(item, rose_ms, last_ms)  # noqa: PLW2901
                    yield item
            except SensorError as error:
                failures = 0 if seen else failures + 1
                yield Fault(self._uptime_ms(), NoteKind.SENSOR_FAULT, f"camera: {error}")
                yield from self._pause(min(MOST_PAUSE_S, 2.0 ** min(failures, 6)) * random.uniform(0.5, 1.0))

    def _as_triggered(self, sample: Sample, rose_ms: int, last_ms: int) -> tuple[Sample, int]:
        """A frame as one of a trigger's; and until when the trigger is told."""
        if self._wait is None:
            return sample, last_ms
        trigger_ms = max(0, sample.t_ms - rose_ms) if rose_ms > last_ms else -1
        return replace(sample, triggered=True, trigger_ms=trigger_ms), max(sample.t_ms, rose_ms)

    def _pause(self, left_s: float) -> Iterator[Tick]:
        while left_s > 0 and not self._closed:
            self._sleep_s(min(TICK_S, left_s))
            left_s -= TICK_S
            yield Tick(self._uptime_ms())

    def _look(self) -> Iterator[Item]:
        """Frames of one child: for ever, or one burst if there is a trigger (the camera sleeps between)."""
        try:
            child = _Child(self._argv)
        except OSError as error:
            raise SensorError(f"{self._argv[0]} cannot be started: {error.strerror or error}") from error
        left = self._burst if self._wait is not None else -1
        came_s = time.monotonic()
        try:
            while not self._closed and left != 0:
                sample = child.frame(TICK_S)
                if sample:
                    came_s = time.monotonic()
                    left -= 1
                elif (silent_s := time.monotonic() - came_s) > self._silent_s:
                    raise SensorError(f"no frame for {silent_s:.0f} s")
                yield sample or Tick(self._uptime_ms())
        finally:
            child.end()


class _Child:
    """The process that has the camera, and what it has written so far."""

    def __init__(self, argv: list[str]) -> None:
        """Raises OSError if it cannot be started."""
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, bufsize=0)
        assert self._process.stdout is not None  # noqa: S101 - started with pipes
        assert self._process.stderr is not None  # noqa: S101
        self._out = self._process.stdout.fileno()
        self._err = [self._process.stderr.fileno()]
        self._held = bytearray()
        self._said = b""

    def frame(self, within_s: float) -> Sample | None:
        """The next frame, if it is whole in time. Raises SensorError if the child has ended, or says nonsense."""
        self._listen(within_s)
        if self._missing():
            return None
        t_ms, height, width = HEAD.unpack_from(self._held)
        raw = bytes(memoryview(self._held)[HEAD.size :])
        self._held = bytearray()
        return Sample(t_ms, np.frombuffer(raw, np.uint8).reshape(height, width, 3))

    def _listen(self, for_s: float) -> None:
        """Read what comes, at most so long, up to a whole frame."""
        until_s = time.monotonic() + for_s
        while self._missing() and (left_s := until_s - time.monotonic()) > 0:
            ready = select.select([self._out, *self._err], [], [], left_s)[0]
            for err in set(ready) & set(self._err):  # libcamera talks much, and a full pipe would stop it
                self._hear(err)
            if self._out in ready:
                piece = os.read(self._out, min(self._missing(), 1 << 20))
                if not piece:
                    raise SensorError(f"picamera2 ended: {self._last_words()}")
                self._held += piece

    def _hear(self, err: int) -> None:
        piece = os.read(err, 65_536)
        self._said = (self._said + piece)[-_SAID_BYTES:]
        if not piece:
            self._err = []

    def end(self) -> None:
        """Kill it and let its pipes go."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def _missing(self) -> int:
        """Bytes up to the next whole frame, or to its head."""
        if len(self._held) < HEAD.size:
            return HEAD.size - len(self._held)
        _, height, width = HEAD.unpack_from(self._held)
        if not 0 < height * width <= _MOST_PIXELS:
            raise SensorError(f"a frame of {width} x {height} pixels")
        return HEAD.size + int(height) * int(width) * 3 - len(self._held)

    def _last_words(self) -> str:
        until_s = time.monotonic() + TICK_S
        while self._err and (left_s := until_s - time.monotonic()) > 0:
            for err in select.select(self._err, [], [], left_s)[0]:
                self._hear(err)
        lines = self._said.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "without a word"
