"""What only a camera's process needs: its gate, its drivers, and how its recordings are read.

Imports stand inside the functions, because the microphone's process imports the module that names this one.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from otorongo.errors import OtorongoError
from otorongo.language import say
from otorongo.models.errors import BundleError
from otorongo.models.manifest import Bundle
from otorongo.models.manifest import load as load_bundle
from otorongo.models.runtime import Classifier, open_classifier
from otorongo.station.config import CameraConfig
from otorongo.station.config_view import view_of
from otorongo.station.errors import SensorError
from otorongo.station.handed import Passed
from otorongo.station.night import DayAndNight
from otorongo.station.outbox import uptime_ms
from otorongo.station.samples import ClockDomain, Sample, Source
from otorongo.station.shutter import Bursts, Lapse, Shutter
from otorongo.wire.codes import Counter

if TYPE_CHECKING:
    from otorongo.station.adapters.replay_file import Reader

log = logging.getLogger(__name__)


def eyes(sensor: CameraConfig, bundle: Bundle) -> Classifier:
    """What scores a camera's frames: a detector, which asks a network of names where there is one.

    Raises BundleError when the detector cannot be used; without names it sees all the same.
    """
    first = open_classifier(bundle, sensor.threads)
    if not sensor.species:
        return first
    try:
        return named_by(first, load_bundle(sensor.species))
    except OtorongoError as error:
        log.error("camera.species %s: %s: animals get no names", sensor.species, error)  # noqa: TRY400
    return first


def named_by(first: Classifier, names: Bundle) -> Classifier:
    """A detector whose animals a bundle names. Raises BundleError if one of the two is none."""
    from otorongo.models.ensemble import Ensemble, Finder
    from otorongo.models.name_animals import Namer

    if not isinstance(first, Finder):
        raise BundleError(
            say(
                "{reference}: draws no boxes, so that there is nothing to name",
                reference=first.bundle.manifest.reference,
            )
        )
    return Ensemble(first, Namer(names))


LOOK_S: Final = 60.0
"""A camera with a trigger is looked through so often all the same: a covered lens makes no trigger."""


def gate(sensor: CameraConfig, source: Source) -> Callable[[Sample], Passed]:
    """What says which frames are worth classifying, and gives the whole of those that are."""
    alone = sensor.driver == "folder"  # single pictures have no background, and what made the films was a trigger
    moved = _moved(sensor) if sensor.gate and not alone else None
    hurry: Callable[[int], None] | None = getattr(source, "hurry", None)
    bursts = Bursts(sensor.burst if hurry else 0)
    lapse = Lapse(round(sensor.every_s * 1000))

    def passed(sample: Sample) -> Passed:
        said = moved(sample) if moved else Passed(classify=True)
        timed = lapse.due(sample.domain, sample.t_ms)
        if bursts.begins(sample.t_ms, moved=said.classify and moved is not None and not sample.triggered) and hurry:
            hurry(sensor.burst)
        if timed and not said.classify:
            said = Passed(classify=True, why=Counter.TIMED)
        if sample.triggered or bursts.goes_on():
            said = replace(said, classify=True, why=None)
        return replace(said, sample=whole(sample)) if said.classify else said

    return passed


def whole(sample: Sample) -> Sample:
    """A frame at its full size; as it is, where the full one cannot be had any more: it is looked at all the same."""
    if sample.full is None:
        return sample
    try:
        return replace(sample, data=sample.full(), full=None)
    except SensorError as error:
        log.warning("camera: %s: the small frame is looked at instead", error)
        return replace(sample, full=None)


@dataclass(frozen=True, slots=True)
class Everywhere:
    """A frame that passed and has no pieces: the first one, or another scene. What moved may be anywhere in it."""

    x: float = 0.0
    y: float = 0.0
    w: float = 1.0
    h: float = 1.0


EVERYWHERE: Final = Everywhere()


def _moved(sensor: CameraConfig) -> Callable[[Sample], Passed]:
    from otorongo.station import motion

    state: Any = None
    view = view_of(sensor.mask, sensor.zone)
    before: tuple[ClockDomain | None, int] = (None, 0)

    def moved(sample: Sample) -> Passed:
        nonlocal state, before
        step_s = (sample.t_ms - before[1]) / 1000 if before[0] == sample.domain else motion.STEP_S[1]
        before = (sample.domain, sample.t_ms)
        state, seen = motion.moved(state, sample.data, view, step_s)
        looks = tuple(piece for piece in seen.pieces if piece.counts) or ((EVERYWHERE,) if seen.passed else ())
        return Passed(seen.passed, why=Counter[f"GATED_{seen.why.upper()}"] if seen.why else None, looks=looks)

    return moved


def open_camera(sensor: CameraConfig) -> Source:
    """The driver of a camera. Raises SensorError."""
    wait = None
    if sensor.trigger_pin is not None:
        from otorongo.station.adapters.gpio import Pir

        wait = Pir(sensor.trigger_pin, uptime_ms).wait
    look_s = sensor.every_s if sensor.standby == "cold" else min(LOOK_S, sensor.every_s or LOOK_S)
    shutter = Shutter(sensor.fps, burst=sensor.burst, wait=wait, look_s=look_s)
    size = (sensor.width, sensor.height)
    expose: Callable[[int], None] | None = None
    camera: Source
    if sensor.driver == "picamera":
        from otorongo.station.adapters.picamera import PiCamera

        camera = pi = PiCamera(sensor.device, size, shutter, uptime_ms, standby=sensor.standby)
        expose = pi.expose
    else:
        from otorongo.station.adapters.opencv import OpenCvCamera

        camera = OpenCvCamera(sensor.device or "0", size, shutter, uptime_ms)
    return _by_night(sensor, camera, expose)


def _by_night(sensor: CameraConfig, camera: Source, expose: Callable[[int], None] | None) -> Source:
    """The camera, told when night falls, where it has something that differs by night. Raises SensorError."""
    lamp: Callable[[bool], None] | None = None
    if sensor.ir_cut_pin is not None:
        from otorongo.station.adapters.gpio import Lamp

        lamp = Lamp(sensor.ir_cut_pin).set
    longer = expose if sensor.night_exposure_ms else None
    if lamp is None and longer is None:
        return camera

    def switch(dark: bool) -> None:
        log.info("camera: %s", say("night") if dark else say("day"))
        if lamp:
            lamp(dark)
        if longer:
            longer(sensor.night_exposure_ms if dark else 0)

    return DayAndNight(camera, switch)


def recordings_of(sensor: CameraConfig) -> "tuple[Reader, Callable[[Path], int], tuple[str, ...]]":
    """How recordings of pictures are read, how long one is in ms, and what their names end with."""
    from otorongo.models import image
    from otorongo.station.adapters import replay, replay_picture

    reader = replay_picture.PictureReader(image.look, image.pixels, sensor.fps)
    return reader, replay_picture.duration_ms, (*replay.PICTURES, *replay.VIDEOS)
