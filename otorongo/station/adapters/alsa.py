"""A microphone by ALSA: `arecord` runs as a child, so that a stuck driver is a child that can be killed.

Samples wait in a bounded queue; when the process falls behind, the oldest go and are counted. A child that ends is told
as a fault and started again after a pause that grows.
"""

import contextlib
import queue
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import soxr

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
        there = ", ".join(f"{_PREFIX}{name}" for name in found) or "none"
        raise SensorError(f"microphone.device: no sound card at {_PREFIX}{port} (there are: {there})")
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
                yield Fault(self._uptime_ms(), NoteKind.SENSOR_FAULT, f"microphone: {error}")
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
            raise SensorError(f"arecord cannot be started: {error.strerror or error} (package alsa-utils)") from error
        ring = _Ring(child, round(self._rate_hz * BLOCK_S) * 2)
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
        windows = Windows(self._out_hz, self._window, self._hop)
        stream = soxr.ResampleStream(self._rate_hz, self._out_hz, 1, dtype="float32")
        began_ms, read, quiet_since_s = 0, 0, time.monotonic()
        while not self._stop.is_set():
            block, lost, ended = ring.take(TICK_S)
            if ended:
                raise SensorError(f"{self._device}: arecord ended: {ended}")
            if block is None:
                yield Tick(self._uptime_ms())
                if time.monotonic() - quiet_since_s > SILENT_S:
                    raise SensorError(f"{self._device}: nothing heard for {SILENT_S:.0f} s")
                continue
            quiet_since_s = time.monotonic()
            if lost:  # the stream has a hole: begin anew behind it
                yield Fault(self._uptime_ms(), NoteKind.OTHER, f"microphone: {lost} blocks lost, too slow", lost)
                windows, read = Windows(self._out_hz, self._window, self._hop), 0
            if read == 0:
                began_ms = self._uptime_ms() - round(len(block) * 1000 / self._rate_hz) - ring.waiting_ms()
            read += len(block)
            sound = stream.resample_chunk(block)
            for start, new, window in windows.push(sound):
                yield Sample(
                    t_ms=max(0, began_ms + round(start * 1000 / self._out_hz)),
                    data=window,
                    duration_ms=round(len(window) * 1000 / self._out_hz),
                    rate_hz=self._out_hz,
                    new_ms=round(new * 1000 / self._out_hz),
                )


class _Ring:
    """Reads the child on a thread of its own into a bounded queue; whole samples only."""

    def __init__(self, child: "subprocess.Popen[bytes]", block_bytes: int) -> None:
        self._child = child
        self._block_bytes = block_bytes
        self._queue: queue.Queue[Sound] = queue.Queue(RING_BLOCKS)
        self._lost = 0
        self._ended = ""
        self._thread = threading.Thread(target=self._read, name="arecord", daemon=True)
        self._thread.start()

    def take(self, wait_s: float) -> tuple[Sound | None, int, str]:
        """A block (or None), how many were lost before it, and why the child ended (or nothing)."""
        try:
            block = self._queue.get(timeout=0 if self._ended else wait_s)
        except queue.Empty:
            return None, 0, self._ended
        lost, self._lost = self._lost, 0
        return block, lost, ""

    def waiting_ms(self) -> int:
        """How much sound waits."""
        return round(self._queue.qsize() * BLOCK_S * 1000)

    def join(self) -> None:
        """Wait for the thread after the child has ended."""
        self._thread.join(timeout=5)

    def _read(self) -> None:
        out = self._child.stdout
        assert out is not None  # noqa: S101 - started with a pipe
        while True:
            raw = out.read(self._block_bytes)
            if len(raw) < self._block_bytes:
                break
            block = np.frombuffer(raw, "<i2").astype(np.float32) / np.float32(32768)
            try:
                self._queue.put_nowait(block)
            except queue.Full:
                self._drop(block)
        self._child.wait()
        error = self._child.stderr.read(300).decode("utf-8", "replace").strip() if self._child.stderr else ""
        self._ended = error or f"exit status {self._child.returncode}"

    def _drop(self, block: Sound) -> None:
        """The newest sound is worth more: the oldest goes."""
        with contextlib.suppress(queue.Empty):
            self._queue.get_nowait()
        self._lost += 1
        self._queue.put_nowait(block)


def _popen(argv: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
