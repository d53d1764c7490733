"""What a camera has beside its networks: the eye that judges whether it sees, and a source that can be opened again."""

from collections.abc import Callable

from otorongo.station.config import CameraConfig, MicrophoneConfig
from otorongo.station.reopening import Reopening
from otorongo.station.samples import Source
from otorongo.station.sighting import Eye


def eye(sensor: MicrophoneConfig | CameraConfig, memory: str | None, tags: int) -> Eye | None:
    """The eye of a camera; `memory` is what an earlier run learned of its view.

    None: of a microphone, and of a folder, in which the pictures of several cameras lie.
    """
    if isinstance(sensor, MicrophoneConfig) or sensor.driver == "folder":
        return None
    from otorongo.station.eye import Eye as CameraEye
    from otorongo.station.seeing_usual import Usual

    # Frames of another size or device are not comparable with those before.
    view = f"{sensor.view} {sensor.driver} {sensor.width}x{sensor.height}"
    steady = sensor.trigger_pin is None and sensor.driver != "replay"
    return CameraEye(sensor.number, Usual.load(memory, view), steady, sensor.people_p, tags)


def reopen_of(source: Source) -> Callable[[], None]:
    """How a source is opened again; of one that cannot be, nothing happens."""
    return source.reopen if isinstance(source, Reopening) else lambda: None
