"""A PIR detector at pins that are not there: gpiozero's own stand-in for them."""

from collections.abc import Iterator
from typing import Any

import pytest

from otorongo.station.adapters.gpio import Pir
from otorongo.station.errors import SensorError

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


def test_a_pin_that_another_has_is_an_error_that_says_which(pins: Any) -> None:
    """Two sections of station.toml cannot have the same pin."""
    first = Pir(17, lambda: 0)
    with pytest.raises(SensorError, match="trigger_pin 17"):
        Pir(17, lambda: 0)
    first.close()
