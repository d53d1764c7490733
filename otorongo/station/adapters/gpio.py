"""What hangs on GPIO pins, by gpiozero: a PIR detector, and the lamp or filter of a camera by night."""

import os
import tempfile
import threading
from collections.abc import Callable
from typing import Final

from otorongo.language import say
from otorongo.station.errors import SensorError

_EDGE_S: Final = 0.02
"""A pin that is high may have risen just now, and its edge be told by another thread in a moment."""


def missing() -> str:
    """What is missing for pins, and the way out; empty: nothing."""
    try:
        import gpiozero  # noqa: F401
    except ImportError as error:
        return say("{error}: install the extra `pi`", error=error)
    return ""


class Pir:
    """Something warm moved. `wait` sleeps until the pin rises."""

    def __init__(self, pin: int, uptime_ms: Callable[[], int]) -> None:
        """Raises SensorError if there is no such pin, or nothing that reads it."""
        os.environ.setdefault("LG_WD", tempfile.gettempdir())  # else lgpio leaves a pipe wherever it was started
        try:
            from gpiozero import DigitalInputDevice
            from gpiozero.exc import GPIOZeroError
        except ImportError as error:
            raise SensorError(say("camera.trigger_pin: {error}: install the extra `pi`", error=error)) from error
        try:
            self._pin = DigitalInputDevice(pin, pull_up=False)
        except GPIOZeroError as error:
            raise SensorError(say("camera.trigger_pin {pin}: {error}", pin=pin, error=error)) from error
        self._uptime_ms = uptime_ms
        self._rose = threading.Event()
        self._rose_ms = uptime_ms()
        """When it rose last: stamped by the edge itself, whatever this process does at that time."""
        self._pin.when_activated = self._edge

    def wait(self, seconds: float) -> int | None:
        """When it rose, in ms since boot, if that is within so many seconds or since the last call; None: it did not.

        As long as the pin stays high, each call says at once when it rose.
        """
        rose = self._rose.wait(_EDGE_S if self._pin.value else seconds) or bool(self._pin.value)
        self._rose.clear()
        return self._rose_ms if rose else None

    def close(self) -> None:
        """Let the pin go."""
        self._pin.close()

    def _edge(self) -> None:
        self._rose_ms = self._uptime_ms()
        self._rose.set()


class Lamp:
    """An infrared lamp, or the filter before the lens, or both: high by night."""

    def __init__(self, pin: int) -> None:
        """Raises SensorError if there is no such pin, or nothing that drives it."""
        os.environ.setdefault("LG_WD", tempfile.gettempdir())
        try:
            from gpiozero import DigitalOutputDevice
            from gpiozero.exc import GPIOZeroError
        except ImportError as error:
            raise SensorError(say("camera.ir_cut_pin: {error}: install the extra `pi`", error=error)) from error
        try:
            self._pin = DigitalOutputDevice(pin)
        except GPIOZeroError as error:
            raise SensorError(say("camera.ir_cut_pin {pin}: {error}", pin=pin, error=error)) from error

    def set(self, dark: bool) -> None:
        """High by night, low by day."""
        self._pin.value = dark

    def close(self) -> None:
        """Let the pin go."""
        self._pin.close()
