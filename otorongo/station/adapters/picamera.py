"""The Pi's own camera, by picamera2 in a child on the system's Python.

picamera2 comes with Raspberry Pi OS and is built against the system's numpy, which is not ours: so it runs in a process
of its own. The child answers to letters on its input: `s` gives the next frame small, for the gate; `f` the same
frame whole; `x` and a number of ms sets the exposure (0: by itself). A frame on its output has its time and size before
it. Between two letters the camera goes on exposing, so that a trigger finds it ready. A camera that hangs is a child to
kill, and a child whose parent is gone ends.

Whatever the camera does, something comes every two seconds: a tick if nothing else, so that events close and a service
manager that watches sees that this process lives.
"""

import os
import random
import select
import struct
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from typing import Final, Literal

import numpy as np

from otorongo.language import say, why
from otorongo.station.errors import SensorError
from otorongo.station.samples import Fault, Item, Picture, Tick
from otorongo.station.shutter import TICK_S, Shutter
from otorongo.wire.codes import NoteKind

HEAD: Final = struct.Struct("<QII")
"""Milliseconds since boot, height, width; then the pixels, RGB."""
ORDER: Final = struct.Struct("<cI")
"""A letter and a number."""
SYSTEM_PYTHON: Final = "/usr/bin/python3"
SILENT_S: Final = 30.0
"""No answer for so long is a camera that hangs."""
WHOLE_S: Final = 5.0
"""A whole frame that has not come by then comes too late."""
SMALL_PX: Final = 640
"""Width of the frames for the gate."""
_SAID_BYTES: Final = 4_000
MOST_PAUSE_S: Final = 60.0
_MOST_PIXELS: Final = 64_000_000
CHILD: Final = r"""
import struct, sys, time
import numpy as np
from picamera2 import Picamera2
number, width, height, small = (int(word) for word in sys.argv[1:5])
camera = Picamera2(number)
# libcamera calls it BGR888 when the bytes lie in the order red, green, blue.
given = {"main": {"size": (width, height), "format": "BGR888"}, "buffer_count": 4, "queue": False}
if width > small:
    lower = (small, height * small // width // 2 * 2)
    given["lores"] = {"size": lower, "format": "YUV420"}
camera.configure(camera.create_video_configuration(**given))
camera.start()
for _ in range(10):  # the first frames are those of an exposure that still looks for itself
    camera.capture_metadata()
out = sys.stdout.buffer
def send(request, picture):
    # SensorTimestamp is when the first row was exposed, in ns of CLOCK_BOOTTIME.
    t_ns = request.get_metadata().get("SensorTimestamp") or time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    out.write(struct.pack("<QII", t_ns // 1000000, picture.shape[0], picture.shape[1]))
    out.write(np.ascontiguousarray(picture).tobytes())
    out.flush()
def rgb(planes):
    # Three planes under each other, rows padded to one width; half as many rows and columns of colour.
    w, h = lower
    colour = planes[h:h + h // 2].reshape(h, -1)[:, :w // 2].repeat(2, 1).astype(np.int16) - 128
    blue, red = colour[:h // 2].repeat(2, 0), colour[h // 2:].repeat(2, 0)
    grey = planes[:h, :w].astype(np.int16)
    picture = np.stack([grey + red * 45 // 32, grey - red * 23 // 32 - blue * 11 // 32, grey + blue * 57 // 32], 2)
    return np.clip(picture, 0, 255).astype(np.uint8)
held = None
while True:
    order = sys.stdin.buffer.read(5)
    if len(order) < 5:
        break
    letter, number = struct.unpack("<cI", order)
    if letter == b"s":
        if held is not None:
            held.release()
        held = camera.capture_request()
        send(held, rgb(held.make_array("lores")) if width > small else held.make_array("main")[:, :, :3])
    elif letter == b"f" and held is not None:
        send(held, held.make_array("main")[:, :, :3])
    elif letter == b"x":
        shorter = {"AeEnable": False, "ExposureTime": number * 1000, "AnalogueGain": 8.0,
                   "FrameDurationLimits": (number * 1000, number * 1000 + 33333)}
        camera.set_controls(shorter if number else {"AeEnable": True, "FrameDurationLimits": (33333, 200000)})
"""


class PiCamera:
    """The sensor: small frames when its shutter says that one is due, and each of them whole on demand."""

    def __init__(
        self,
        device: str,
        size: tuple[int, int],
        shutter: Shutter,
        uptime_ms: Callable[[], int],
        *,
        standby: Literal["warm", "cold"] = "warm",
        argv: list[str] | None = None,
        sleep_s: Callable[[float], None] = time.sleep,
        silent_s: float = SILENT_S,
    ) -> None:
        number = device or "0"
        self._argv = argv or [SYSTEM_PYTHON, "-c", CHILD, number, str(size[0]), str(size[1]), str(SMALL_PX)]
        self._shutter = shutter
        self._uptime_ms = uptime_ms
        self._cold = standby == "cold"
        self._sleep_s = sleep_s
        self._silent_s = silent_s
        self._exposure_ms = self._exposed_ms = 0
        self._smaller = size[0] > SMALL_PX
        self._child: _Child | None = None
        self._closed = False

    def close(self) -> None:
        """Let `samples` end."""
        self._closed = True

    def hurry(self, frames: int) -> None:
        """The next frames come as fast as they are taken in."""
        self._shutter.hurry(frames)

    def expose(self, exposure_ms: int) -> None:
        """From the next frame on each is exposed so long; 0: as the camera finds right."""
        self._exposure_ms = exposure_ms

    def samples(self) -> Iterator[Item]:
        """Frames as they are due, for ever; ticks and faults between them."""
        failures = 0
        try:
            while not self._closed:
                if self._shutter.at_rest:
                    if self._cold:
                        self._end()
                    elif self._child is None:
                        failures = yield from self._tried(self._warm, failures)
                    else:
                        self._child.heed()
                if not self._shutter.due():
                    yield Tick(self._uptime_ms())
                    continue
                failures = yield from self._tried(self._frame, failures)
        finally:
            self._end()

    def _tried(self, step: Callable[[], Iterator[Item]], failures: int) -> Generator[Item, None, int]:
        """A step, and what follows if it fails; how many have failed in a row."""
        try:
            yield from step()
        except SensorError as error:
            self._end()
            yield Fault(self._uptime_ms(), NoteKind.SENSOR_FAULT, say("camera: {error}", error=error))
            left_s = min(MOST_PAUSE_S, 2.0 ** min(failures + 1, 6)) * random.uniform(0.5, 1.0)
            while left_s > 0 and not self._closed:
                self._sleep_s(min(TICK_S, left_s))
                left_s -= TICK_S
                yield Tick(self._uptime_ms())
            return failures + 1
        return 0

    def _warm(self) -> Iterator[Item]:
        """Start the child before anything is asked of it. Raises SensorError."""
        try:
            self._child = _Child(self._argv)
        except OSError as error:
            raise SensorError(
                say("{program} cannot be started: {reason}", program=self._argv[0], reason=why(error))
            ) from error
        if self._exposure_ms:
            self._child.order(b"x", self._exposure_ms)
        self._exposed_ms = self._exposure_ms
        yield from ()

    def _frame(self) -> Iterator[Item]:
        """The frame that is due; ticks while it does not come. Raises SensorError."""
        if self._child is None:
            yield from self._warm()
        child = self._child
        assert child is not None  # noqa: S101 - just made
        if self._exposed_ms != self._exposure_ms:
            child.order(b"x", self._exposure_ms)
            self._exposed_ms = self._exposure_ms
        child.order(b"s")
        asked_s = time.monotonic()
        while not (taken := child.frame(TICK_S)):
            if (silent_s := time.monotonic() - asked_s) > self._silent_s:
                raise SensorError(say("no frame for {silent_s:.0f} s", silent_s=silent_s))
            if self._closed:
                return
            yield Tick(self._uptime_ms())
        t_ms, picture = taken
        number = child.given
        yield self._shutter.taken(t_ms, picture, (lambda: self._whole(child, number)) if self._smaller else None)

    def _whole(self, child: "_Child", number: int) -> Picture:
        """The frame that was given as a small one, in full. Raises SensorError if it is not the newest any more."""
        if child is not self._child or child.given != number:
            raise SensorError(say("the whole frame is gone: another one has been taken"))
        child.order(b"f")
        taken = child.frame(WHOLE_S)
        if taken is None:
            self._end()  # the half that came would be taken for the next frame
            raise SensorError(say("the whole frame did not come within {whole_s:.0f} s", whole_s=WHOLE_S))
        child.given = number
        return taken[1]

    def _end(self) -> None:
        if self._child:
            self._child.end()
            self._child = None


class _Child:
    """The process that has the camera, and what it has written so far."""

    def __init__(self, argv: list[str]) -> None:
        """Raises OSError if it cannot be started."""
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0)
        assert self._process.stdin is not None  # noqa: S101 - started with pipes
        assert self._process.stdout is not None  # noqa: S101
        assert self._process.stderr is not None  # noqa: S101
        self._in = self._process.stdin
        self._out = self._process.stdout.fileno()
        self._err = [self._process.stderr.fileno()]
        self._held = bytearray()
        self._said = b""
        self.given = 0
        """How many frames came."""

    def order(self, letter: bytes, number: int = 0) -> None:
        """Ask for something. Raises SensorError if the child has ended."""
        try:
            self._in.write(ORDER.pack(letter, number))
        except OSError as error:
            raise SensorError(say("picamera2 ended: {last_words}", last_words=self._last_words())) from error

    def frame(self, within_s: float) -> tuple[int, Picture] | None:
        """The next frame and its time, if it is whole by then. Raises SensorError if the child ended, or nonsense."""
        self._listen(within_s)
        if self._missing():
            return None
        t_ms, height, width = HEAD.unpack_from(self._held)
        raw = bytes(memoryview(self._held)[HEAD.size :])
        self._held = bytearray()
        self.given += 1
        return t_ms, np.frombuffer(raw, np.uint8).reshape(height, width, 3)

    def heed(self) -> None:
        """Hear what it says while nothing is asked of it: a full pipe would stop it."""
        while self._err and select.select(self._err, [], [], 0)[0]:
            self._hear(self._err[0])

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
                    raise SensorError(say("picamera2 ended: {last_words}", last_words=self._last_words()))
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
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def _missing(self) -> int:
        """Bytes up to the next whole frame, or to its head."""
        if len(self._held) < HEAD.size:
            return HEAD.size - len(self._held)
        _, height, width = HEAD.unpack_from(self._held)
        if not 0 < height * width <= _MOST_PIXELS:
            raise SensorError(say("a frame of {width} x {height} pixels", width=width, height=height))
        return HEAD.size + int(height) * int(width) * 3 - len(self._held)

    def _last_words(self) -> str:
        until_s = time.monotonic() + TICK_S
        while self._err and (left_s := until_s - time.monotonic()) > 0:
            for err in select.select(self._err, [], [], left_s)[0]:
                self._hear(err)
        lines = self._said.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "without a word"
