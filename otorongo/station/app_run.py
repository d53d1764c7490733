"""`otorongo-station run`: exactly the processes that systemd would start, as children of this one."""

import logging
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

import otorongo
from otorongo.station.config import StationConfig

log = logging.getLogger(__name__)

STOP_S: Final = 15.0
MOST_PAUSE_S: Final = 60.0
STEADY_S: Final = 60.0
"""A child that has lived so long begins its pauses anew."""


@dataclass
class _Child:
    """One process, and when it may be started again."""

    name: str
    argv: list[str]
    process: "subprocess.Popen[bytes] | None" = None
    started_s: float = 0.0
    again_s: float = 0.0
    failures: int = 0
    done: bool = False
    lasting: bool = field(default=False)
    """False: exit status 0 means that it is done (a replay at its end)."""


def run(config: StationConfig, path: Path) -> int:
    """Start `sense` for each sensor and `uplink`, start again what dies, until Ctrl-C; the exit status."""
    program = [*_python(), "-m", "otorongo.station", "--config", str(path)]
    children = [_Child(name, [*program, "sense", name]) for name in config.sensors()]
    if config.uplink is not None:
        children.append(_Child("uplink", [*program, "uplink"], lasting=True))
    else:
        log.warning("there is no section [uplink]: nothing will be sent")
    stop = threading.Event()

    def leave(number: int, frame: FrameType | None) -> None:
        stop.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, leave)
    try:
        while not stop.is_set() and not all(child.done for child in children):
            for child in children:
                _tend(child, time.monotonic())
            stop.wait(0.2)
    finally:
        _stop(children)
    return 0


def _python() -> list[str]:
    """Our interpreter, taking no module from the folder we stand in, unless we come from there ourselves."""
    ours = Path(otorongo.__file__).parents[1]
    return [sys.executable] if ours == Path.cwd() else [sys.executable, "-P"]


def _tend(child: _Child, now_s: float) -> None:
    """Start a child that should run and does not; later and later if it keeps dying."""
    if child.done:
        return
    if child.process is None:
        if now_s >= child.again_s:
            child.process = subprocess.Popen(child.argv, stdin=subprocess.DEVNULL)
            child.started_s = now_s
            log.info("%s: process %d", child.name, child.process.pid)
        return
    status = child.process.poll()
    if status is None:
        return
    child.process = None
    if status == 0 and not child.lasting:
        log.info("%s: came to its end", child.name)
        child.done = True
        return
    child.failures = 0 if now_s - child.started_s > STEADY_S else child.failures + 1
    pause_s = min(MOST_PAUSE_S, 2.0 ** min(child.failures, 6)) * random.uniform(0.5, 1.0)
    child.again_s = now_s + pause_s
    log.error("%s: ended with status %d, starts again in %.0f s", child.name, status, pause_s)


def _stop(children: list[_Child]) -> None:
    """End the sensors first, so that the uplink can still send what they close."""
    for child in children:
        if child.process is not None:
            child.process.terminate()
    until_s = time.monotonic() + STOP_S
    for child in children:
        if child.process is None:
            continue
        try:
            child.process.wait(max(0.1, until_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("%s: does not stop, killed", child.name)
            child.process.kill()
            child.process.wait()
