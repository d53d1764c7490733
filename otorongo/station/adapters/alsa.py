"""A microphone by ALSA: `arecord` runs as a child, so that a stuck driver is a child that can be killed.

Samples wait in a bounded queue; when the process falls behind, the oldest go and are counted. What arecord says is read
all the time: its overruns are counted, and its last words tell why it ended. A child that ends is told as a fault and
started again after a pause that grows.
"""

import contextlib
import os
import queue
import random
import re
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import soxr

from otorongo.language import say, why
from otorongo.station.clipping import Clipped
from otorongo.station.errors import SensorError
from otorongo.station.samples import Fault, Item, Sample, Sound, Tick, Windows
from otorongo.wire.codes import NoteKind

BLOCK_S: Final = 0.25
RING_BLOCKS: Final = 120
"""Half a minute of sound may wait."""
TICK_S: Final = 2.0
"""Nothing for so long: time is told all the same."""
SILENT_S: Final = 30.0
"""Nothing for so long: the child is stuck, and is killed."""
MOST_PAUSE_S: Final = 60.0
HOLE_MS: Final = 200
"""Sound that comes later than its place in the stream by more than this has a hole before it."""
_LATE_BLOCKS: Final = 8
"""All of so many blocks in a row must be late: one that the scheduler held up lost nothing."""
_FOLLOW_BLOCKS: Final = 32
_FOLLOW: Final = 4
_WORDS: Final = 300
_OVERRUN: Final = re.compile(rb"overrun!*(?:.*?([0-9.]+) ms)?")
_PREFIX: Final = "usb-port:"


def card_at(port: str, sys_sound: Path = Path("/sys/class/sound")) -> str:
    """The ALSA device of the microphone at a USB port such as `1-1.2`, which stays where the plug stays.

    Raises SensorError, which names the ports where there are microphones.
    """
    found = {}
    for card in sorted(sys_sound.glob("card[0-9]*")):
        parts = (card / "device").resolve().parts
        names = [part.split(":")[0] for part in parts if ":" in part and part[0].isdigit()]
        if names:
            found[names[-1]] = f"plughw:{card.name.removeprefix('card')},0"
    if port not in found:
        there = ", ".join(f"{_PREFIX}{name}" for name in found) or say("none")
        raise SensorError(
            say(
                "microphone.device: no sound card at {prefix}{port} (there are: {there})",
                prefix=_PREFIX,
                port=port,
                there=there,
            )
        )
    return found[port]


def command(device: str, rate_hz: int) -> list[str]:
    """How `arecord` is started: 16 bit, mono, raw."""
    return ["arecord", "-q", "-D", device, "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(rate_hz)]


class Alsa:
    """The sensor: windows of `window_s` every `hop_s` at `out_rate_hz`."""

    def __init__(
        self,
        device: str,
        rate_hz: int,
        out_rate_hz: int,
        window_s: float,
        hop_s: float,
        uptime_ms: Callable[[], int],
        *,
        start: Callable[[list[str]], "subprocess.Popen[bytes]"] | None = None,
        sleep_s: Callable[[float], None] = time.sleep,
    ) -> None:
        self._device = device
        self._rate_hz = rate_hz
        self._out_hz = out_rate_hz
        self._window = round(window_s * out_rate_hz)
        self._hop = round(hop_s * out_rate_hz)
        self._uptime_ms = uptime_ms
        self._start = start or _popen
        self._sleep_s = sleep_s
        self._stop = threading.Event()

    def close(self) -> None:
        """Let `samples` end."""
        self._stop.set()

    def samples(self) -> Iterator[Item]:
        """Windows as they are heard, for ever; ticks and faults between them."""
        failures = 0
        while not self._stop.is_set():
            heard = False
            try:
                for item in self._listen():
                    heard = heard or isinstance(item, Sample)
                    yield item
                return
            except SensorError as error:
                failures = 0 if heard else failures + 1
                yield Fault(self._uptime_ms(), NoteKind.SENSOR_FAULT, say("microphone: {error}", error=error))
            pause_s = min(MOST_PAUSE_S, 2.0 ** min(failures, 6)) * random.uniform(0.5, 1.0)
            until_ms = self._uptime_ms() + pause_s * 1000
            while self._uptime_ms() < until_ms and not self._stop.is_set():
                self._sleep_s(min(1.0, pause_s))
                yield Tick(self._uptime_ms())

    def _listen(self) -> Iterator[Item]:
        device = card_at(self._device.removeprefix(_PREFIX)) if self._device.startswith(_PREFIX) else self._device
        try:
            child = self._start(command(device, self._rate_hz))
        except OSError as error:
            raise SensorError(
                say("arecord cannot be started: {reason} (package alsa-utils)", reason=why(error))
            ) from error
        ring = _Ring(child, round(self._rate_hz * BLOCK_S) * 2, self._uptime_ms)
        try:
            yield from self._cut(ring)
        finally:
            child.kill()
            child.wait()
            ring.join()
            for pipe in (child.stdout, child.stderr):
                if pipe is not None:
                    pipe.close()

    def _cut(self, ring: "_Ring") -> Iterator[Item]:
        windows, stream, clock, clipped = self._anew()
        quiet_since_s = time.monotonic()
        while not self._stop.is_set():
            block, lost, ended = ring.take(TICK_S)
            overruns, missing_ms = ring.overruns()
            if overruns:
                text = say(
                    "microphone: {overruns} overruns, at least {missing_ms:.0f} ms of sound lost before arecord",
                    overruns=overruns,
                    missing_ms=missing_ms,
                )
                yield Fault(self._uptime_ms(), NoteKind.OTHER, text, overruns)
            if ended:
                raise SensorError(say("{device}: arecord ended: {ended}", device=self._device, ended=ended))
            if block is None:
                yield Tick(self._uptime_ms())
                if time.monotonic() - quiet_since_s > SILENT_S:
                    raise SensorError(
                        say("{device}: nothing heard for {silent_s:.0f} s", device=self._device, silent_s=SILENT_S)
                    )
                continue
            quiet_since_s = time.monotonic()
            if lost:  # the stream has a hole: begin anew behind it
                yield Fault(
                    self._uptime_ms(), NoteKind.OTHER, say("microphone: {lost} blocks lost, too slow", lost=lost), lost
                )
                windows, stream, clock, clipped = self._anew()
            elif hole_ms := clock.hole_ms(len(block.sound), block.came_ms):
                text = say("microphone: {hole_ms} ms of sound are missing: its times begin anew", hole_ms=hole_ms)
                yield Fault(self._uptime_ms(), NoteKind.OTHER, text, 0 if overruns else 1)
                windows, stream, clock, clipped = self._anew()
            clock.take(len(block.sound), block.came_ms)
            clipped.push(block.sound)
            for start, new, window in windows.push(stream.resample_chunk(block.sound)):
                yield Sample(
                    t_ms=max(0, clock.at_ms(start / self._out_hz)),
                    data=window,
                    duration_ms=round(len(window) * 1000 / self._out_hz),
                    rate_hz=self._out_hz,
                    new_ms=round(new * 1000 / self._out_hz),
                    clipped=clipped.share(start / self._out_hz, (start + len(window)) / self._out_hz),
                )

    def _anew(self) -> "tuple[Windows, soxr.ResampleStream, SampleClock, Clipped]":
        windows = Windows(self._out_hz, self._window, self._hop)
        stream = soxr.ResampleStream(self._rate_hz, self._out_hz, 1, dtype="float32")
        return windows, stream, SampleClock(self._rate_hz), Clipped(self._rate_hz)


class Block(NamedTuple):
    """A stretch of sound, and when it was complete."""

    sound: Sound
    came_ms: int


class SampleClock:
    """When each sample of a stream was heard, by when its blocks came. Pure.

    A block may come late because the machine was busy, never early. So the least delay of some blocks in a row counts:
    above `HOLE_MS` sound is missing, below it the clock follows slowly (a microphone's own clock is off by up to 100
    millionths); and a stream that is `HOLE_MS` early shows that its beginning was reckoned too late.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._began_ms = 0.0
        self._read = 0
        self._late: deque[float] = deque(maxlen=_FOLLOW_BLOCKS)
        self._settled = False

    def at_ms(self, seconds: float) -> int:
        """When the stream was so many seconds old."""
        return round(self._began_ms + seconds * 1000)

    def hole_ms(self, count: int, came_ms: int) -> int:
        """How much sound is missing somewhere in the last blocks, if one of `count` samples comes now; 0: none."""
        newest = [*self._late, self._late_ms(count, came_ms)][-_LATE_BLOCKS:]
        missing = min(newest)
        return round(missing) if len(newest) == _LATE_BLOCKS and missing > HOLE_MS else 0

    def take(self, count: int, came_ms: int) -> None:
        """A block of `count` samples came."""
        if not self._read:
            self._began_ms = came_ms - count * 1000 / self._rate_hz
        self._late.append(self._late_ms(count, came_ms))
        self._read += count
        if len(self._late) == _FOLLOW_BLOCKS:
            least = min(self._late)
            if least > 0:
                self._began_ms += least / _FOLLOW
            elif least < -HOLE_MS or not self._settled:  # time never goes back by small steps
                self._began_ms += least
            self._settled = True
            self._late.clear()

    def _late_ms(self, count: int, came_ms: int) -> float:
        """How much later a block came than its place in the stream says."""
        return came_ms - self._began_ms - (self._read + count) * 1000 / self._rate_hz if self._read else 0.0


class _Ring:
    """Reads the child on two threads: sound into a bounded queue, whole samples only; words as they come."""

    def __init__(self, child: "subprocess.Popen[bytes]", block_bytes: int, uptime_ms: Callable[[], int]) -> None:
        self._child = child
        self._block_bytes = block_bytes
        self._uptime_ms = uptime_ms
        self._queue: queue.Queue[Block] = queue.Queue(RING_BLOCKS)
        self._lost = 0
        self._ended = ""
        self._lock = threading.Lock()
        self._overruns, self._missing_ms = 0, 0.0
        self._words = b""
        self._listener = threading.Thread(target=self._listen, name="arecord words", daemon=True)
        self._listener.start()
        self._thread = threading.Thread(target=self._read, name="arecord", daemon=True)
        self._thread.start()

    def take(self, wait_s: float) -> tuple[Block | None, int, str]:
        """A block (or None), how many were lost before it, and why the child ended (or nothing)."""
        try:
            block = self._queue.get(timeout=0 if self._ended else wait_s)
        except queue.Empty:
            return None, 0, self._ended
        lost, self._lost = self._lost, 0
        return block, lost, ""

    def overruns(self) -> tuple[int, float]:
        """How often arecord was too slow since the last call, and how many ms of sound that cost at least."""
        with self._lock:
            told = self._overruns, self._missing_ms
            self._overruns, self._missing_ms = 0, 0.0
            return told

    def join(self) -> None:
        """Wait for the threads after the child has ended."""
        self._thread.join(timeout=5)
        self._listener.join(timeout=5)

    def _read(self) -> None:
        out = self._child.stdout
        assert out is not None  # noqa: S101 - started with a pipe
        while True:
            raw = out.read(self._block_bytes)
            if len(raw) < self._block_bytes:
                break
            sound = np.frombuffer(raw, "<i2").astype(np.float32) / np.float32(32768)
            block = Block(sound, self._uptime_ms())
            try:
                self._queue.put_nowait(block)
            except queue.Full:
                self._drop(block)
        self._child.wait()
        self._listener.join(timeout=1)
        error = self._words.decode("utf-8", "replace").strip()
        self._ended = error or f"exit status {self._child.returncode}"

    def _listen(self) -> None:
        """A full pipe would stop arecord, so everything that it says is read; its newest words are kept."""
        words = self._child.stderr
        if words is None:
            return
        while line := words.readline(_WORDS):
            if found := _OVERRUN.match(line):
                with self._lock:
                    self._overruns += 1
                    self._missing_ms += float(found[1] or 0)
            else:
                self._words = (self._words + line)[-_WORDS:]

    def _drop(self, block: Block) -> None:
        """The newest sound is worth more: the oldest goes."""
        with contextlib.suppress(queue.Empty):
            self._queue.get_nowait()
        self._lost += 1
        self._queue.put_nowait(block)


def _popen(argv: list[str]) -> "subprocess.Popen[bytes]":
    env = {**os.environ, "LC_ALL": "C"}  # its words are understood in English only
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
