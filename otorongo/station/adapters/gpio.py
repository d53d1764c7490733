"""A PIR detector at a GPIO pin, by gpiozero."""

import os
import tempfile
import threading

from otorongo.station.errors import SensorError


class Pir:
    """Something warm moved. `wait` sleeps until the pin rises."""

    def __init__(self, pin: int) -> None:
        os.environ.setdefault("LG_WD", tempfile.gettempdir())  # else lgpio leaves a pipe wherever it was started
        try:
            from gpiozero import DigitalInputDevice
            from gpiozero.exc import GPIOZeroError
        except ImportError as error:
            raise SensorError(f"camera.trigger_pin: {error}: install the extra `pi`") from error
        try:
            self._pin = DigitalInputDevice(pin, pull_up=False)
        except GPIOZeroError as error:
            raise SensorError(f"camera.trigger_pin {pin}: {error}") from error
        self._rose = threading.Event()
        self._pin.when_activated = self._rose.set

    def wait(self, seconds: float) -> bool:
        """True if it moved within so many seconds, or moved since the last call."""
        rose = self._rose.wait(seconds) or bool(self._pin.value)
        self._rose.clear()
        return rose

    def close(self) -> None:
        """Let the pin go."""
        self._pin.close()
