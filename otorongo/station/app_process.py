"""What every process of a station has in common. Light: the uplink loads it too, and with it no numpy."""

import fcntl
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, Final, Literal

from otorongo import __version__
from otorongo.errors import OtorongoError
from otorongo.language import say, why
from otorongo.models.manifest import Bundle
from otorongo.models.manifest import load as load_bundle
from otorongo.station.config import CameraConfig, MicrophoneConfig
from otorongo.station.errors import SensorError
from otorongo.wire import birth

log = logging.getLogger(__name__)

M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -3, -1
"""Of glibc's malloc.h."""
LARGE_BYTES: Final = 262_144
_TRIES: Final = 5
_TRY_S: Final = 0.05

SOFTWARE: Final = f"otorongo {__version__}"
"""What a birth calls this program."""


def kind_of(section: str) -> Literal["microphone", "camera"]:
    """What the birth calls a section."""
    return "camera" if section == "camera" else "microphone"


def birth_bundles(sensor: MicrophoneConfig | CameraConfig, bundle: Bundle) -> list[birth.Bundle]:
    """A sensor's bundle, and after it the one that gives a second opinion or names animals, if it can be used."""
    found = [bundle]
    other = sensor.second if isinstance(sensor, MicrophoneConfig) else sensor.species
    if other:
        try:
            found.append(load_bundle(other))
        except OtorongoError as error:
            log.warning("%s: %s", other, error)
    return [
        birth.Bundle(each.manifest.name, each.manifest.version, each.digest, each.manifest.validated) for each in found
    ]


def one_thread() -> None:
    """One thread for each numeric library of this process, unless the environment says otherwise.

    Call it before numpy is loaded. Their threads spin while they wait for one another, and the arrays of one window are
    small: with four threads the microphone's process took ten times the CPU, for nothing.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
        os.environ.setdefault(name, "1")


def give_back() -> None:
    """Let the C library give each large piece of memory back as soon as it is free: frames come and go.

    glibc raises the size from which it does so with the largest piece that was ever freed, and then keeps them: the
    process of a camera held 165 MB, and holds 146. Call it before numpy is loaded. Other C libraries are left alone.
    """
    import ctypes

    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for parameter in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
            mallopt(parameter, LARGE_BYTES)


def give_back_now() -> None:
    """Give back what is free in small pieces, too: of the networks that a camera has let go, that is most (25 MB)."""
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def stop_on_signal(close: Callable[[], None]) -> None:
    """SIGTERM and Ctrl-C end a process in order, so that events are closed and nothing is left behind."""

    def stop(number: int, frame: FrameType | None) -> None:
        log.info("%s: closing", signal.Signals(number).name)
        close()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)


@contextmanager
def only_one(section: str, data_dir: str | Path) -> Iterator[Callable[[], object]]:
    """Hold a section of a data folder for this process: a second one would close the events of the first.

    What it yields is called by a process that has told of its own end: see `without_word`.

    `uplink` is held like a section: a second one would not know what the first has sent.

    The lock is the kernel's (`flock`), so that a process which dies leaves none behind. Raises SensorError that names
    the other process, or says why the folder cannot be used.
    """
    path = Path(data_dir) / f"{section}.lock"
    unit = section if section == "uplink" else f"sense@{section}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise SensorError(
            say("{path}: {reason}: run as the user who owns {folder}", path=path, reason=why(error), folder=path.parent)
        ) from error
    with file:
        try:
            _lock(file)
        except BlockingIOError:
            file.seek(0)
            number, _, command = file.read().strip().partition(" ")
            known = say("process {number} ({command})", number=number, command=command)
            other = known if number else say("another process")
            raise SensorError(
                say(
                    "{section}: {other} already works in {folder}: stop it first (systemctl stop otorongo-{unit}, or "
                    "Ctrl-C where it runs), or use another data_dir",
                    section=section,
                    other=other,
                    folder=path.parent,
                    unit=unit,
                )
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()} {_command()}")  # whoever reads it says it in a language of their own
        file.flush()
        yield lambda: file.truncate(0)


def _lock(file: IO[str]) -> None:
    """Raises BlockingIOError if another holds it, and not only looks whether anybody does."""
    for _ in range(_TRIES):
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_TRY_S)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def without_word(section: str, data_dir: str | Path) -> bool:
    """Whether the process that last held a section is gone and has not told of its end."""
    try:
        with (Path(data_dir) / f"{section}.lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return bool(file.read())
    except OSError:  # held, never held, or not to be read: of none of them is known that it is gone
        return False


def _command() -> str:
    """What this process was started as, in short."""
    words = Path("/proc/self/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    return " ".join(Path(word).name for word in words if word)[:120]
