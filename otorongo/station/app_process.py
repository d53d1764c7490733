"""What every process of a station has in common. Light: the uplink loads it too, and with it no numpy."""

import logging
import signal
from collections.abc import Callable
from types import FrameType
from typing import Final, Literal

from otorongo import __version__

log = logging.getLogger(__name__)

SOFTWARE: Final = f"otorongo {__version__}"
"""What a birth calls this program."""


def kind_of(section: str) -> Literal["microphone", "camera"]:
    """What the birth calls a section."""
    return "microphone" if section == "microphone" else "camera"


def stop_on_signal(close: Callable[[], None]) -> None:
    """SIGTERM and Ctrl-C end a process in order, so that events are closed and nothing is left behind."""

    def stop(number: int, frame: FrameType | None) -> None:
        log.info("%s: closing", signal.Signals(number).name)
        close()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)
