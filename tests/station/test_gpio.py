"""A PIR detector and a lamp at pins that are not there: gpiozero's own stand-in for them."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from otorongo.station.adapters.gpio import Lamp, Pir
from otorongo.station.app_eyes import _by_night
from otorongo.station.config import CameraConfig
from otorongo.station.errors import SensorError
from otorongo.station.night import DARK, DUSK_MS
from otorongo.station.samples import Item, Sample

gpiozero = pytest.importorskip("gpiozero", reason="the extra `pi` is not installed")


@pytest.fixture
def pins() -> Iterator[Any]:
    """Pins that can be driven by hand."""
    from gpiozero.pins.mock import MockFactory

    before = gpiozero.Device.pin_factory
    gpiozero.Device.pin_factory = factory = MockFactory()
    yield factory
    factory.reset()
    gpiozero.Device.pin_factory = before


def test_the_edge_is_stamped_when_it_comes_not_when_somebody_asks(pins: Any) -> None:
    """A pulse that was over before anybody waited is told with the time at which it rose, and once."""
    now = iter([100, 250])
    pir = Pir(17, lambda: next(now))
    assert pir.wait(0) is None
    pins.pin(17).drive_high()
    pins.pin(17).drive_low()
    assert pir.wait(0) == 250
    assert pir.wait(0) is None
    pir.close()


def test_a_pin_that_stays_high_says_when_it_rose(pins: Any) -> None:
    """Somebody who stays is told again and again, always as the same trigger."""
    now = iter([100, 250])
    pir = Pir(17, lambda: next(now))
    pins.pin(17).drive_high()
    assert [pir.wait(0) for _ in range(3)] == [250, 250, 250]
    pir.close()


def test_who_stays_before_the_detector_is_not_waited_for(pins: Any) -> None:
    """While the pin is high frames go on at their rate: however long a call may wait, it says at once that it rose."""
    pir = Pir(17, lambda: 250)
    pins.pin(17).drive_high()
    told: list[int | None] = []
    asks = threading.Thread(target=lambda: told.extend(pir.wait(1000.0) for _ in range(3)), daemon=True)
    asks.start()
    asks.join(20.0)
    assert told == [250, 250, 250]
    pins.pin(17).drive_low()
    assert pir.wait(0) is None
    pir.close()


def test_a_pin_that_another_has_is_an_error_that_says_which(pins: Any) -> None:
    """Two sections of station.toml cannot have the same pin."""
    first = Pir(17, lambda: 0)
    with pytest.raises(SensorError, match="trigger_pin 17"):
        Pir(17, lambda: 0)
    first.close()


def test_a_lamp_is_low_until_it_is_night_and_let_go_at_the_end(pins: Any) -> None:
    """High by night, low by day, however often it is told; a pin that was let go is another's to have."""
    lamp = Lamp(18)
    seen = [pins.pin(18).state]
    for dark in (True, True, False, True):
        lamp.set(dark)
        seen.append(pins.pin(18).state)
    assert [bool(one) for one in seen] == [False, True, True, False, True]
    lamp.close()
    Lamp(18).close()


def test_a_lamps_pin_that_another_has_is_an_error_that_says_which(pins: Any) -> None:
    """A detector and a lamp at one pin would drive against each other."""
    pir = Pir(18, lambda: 0)
    with pytest.raises(SensorError, match="ir_cut_pin 18"):
        Lamp(18)
    pir.close()


class Frames:
    """A camera whose frames are dark, all but the last."""

    def __init__(self, pin: Any) -> None:
        self.pin = pin
        self.lit: list[bool] = []

    def samples(self) -> Iterator[Item]:
        """A frame a second; whether the lamp burns when it is asked for."""
        for second in range(2 * DUSK_MS // 1000):
            self.lit.append(bool(self.pin.state))
            yield Sample(1000 * second, np.full((48, 64, 3), DARK // 2, np.uint8))

    def close(self) -> None:
        """Nothing is open."""


def test_the_lamp_of_a_station_burns_once_its_frames_are_dark(pins: Any) -> None:
    """As station.toml names it: dark frames for long enough, and the pin is high from then on."""
    frames = Frames(pins.pin(18))
    sensor = CameraConfig(driver="opencv", ir_cut_pin=18)
    list(_by_night(sensor, frames, None).samples())
    at = DUSK_MS // 1000
    assert not any(frames.lit[:at])
    assert all(frames.lit[at + 2 :])
