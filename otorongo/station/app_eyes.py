"""What only a camera's process needs: its gate, its drivers, and how its recordings are read.

Imports stand inside the functions, because the microphone's process imports the module that names this one.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otorongo.station.config import CameraConfig
from otorongo.station.config_view import view_of
from otorongo.station.outbox import uptime_ms
from otorongo.station.pipeline import Passed
from otorongo.station.samples import ClockDomain, Sample, Source
from otorongo.wire.codes import Counter

if TYPE_CHECKING:
    from otorongo.station.adapters.replay import Reader


def gate(sensor: CameraConfig) -> Callable[[Sample], Passed]:
    """What says which frames are worth classifying."""
    if not sensor.gate:
        return lambda sample: Passed(classify=True)
    from otorongo.station import motion

    state: Any = None
    view = view_of(sensor.mask, sensor.zone)
    before: tuple[ClockDomain | None, int] = (None, 0)

    def passed(sample: Sample) -> Passed:
        nonlocal state, before
        step_s = (sample.t_ms - before[1]) / 1000 if before[0] == sample.domain else motion.STEP_S[1]
        before = (sample.domain, sample.t_ms)
        state, seen = motion.moved(state, sample.data, view, step_s)
        return Passed(seen.passed, why=Counter[f"GATED_{seen.why.upper()}"] if seen.why else None)

    return passed


def open_camera(sensor: CameraConfig) -> Source:
    """The driver of a camera. Raises SensorError."""
    wait = None
    if sensor.trigger_pin is not None:
        from otorongo.station.adapters.gpio import Pir

        wait = Pir(sensor.trigger_pin, uptime_ms).wait
    size = (sensor.width, sensor.height)
    if sensor.driver == "picamera":
        from otorongo.station.adapters.picamera import PiCamera

        return PiCamera(sensor.device, size, sensor.fps, uptime_ms, burst=sensor.burst, wait=wait)
    from otorongo.station.adapters.opencv import OpenCvCamera

    return OpenCvCamera(sensor.device or "0", size, sensor.fps, uptime_ms, burst=sensor.burst, wait=wait)


def recordings_of(sensor: CameraConfig) -> "tuple[Reader, Callable[[Path], int], tuple[str, ...]]":
    """How recordings of pictures are read, how long one is in ms, and what their names end with."""
    from otorongo.models import image
    from otorongo.station.adapters import replay, replay_picture

    reader = replay_picture.PictureReader(image.decode, sensor.fps)
    return reader, replay_picture.duration_ms, (*replay.PICTURES, *replay.VIDEOS)
