"""A camera's sieve, put together: its gate, its classifier, and what an earlier run learned of the place."""

from collections.abc import Callable, Mapping

from otorongo.station.adapters.board import LinuxBoard
from otorongo.station.config import CameraConfig
from otorongo.station.config_repeat import repeat_of
from otorongo.station.events import Rule
from otorongo.station.handed import Judged, Passed
from otorongo.station.outbox import Outbox
from otorongo.station.samples import Sample
from otorongo.station.scenery import HELD, load
from otorongo.station.sealing import SIGNS
from otorongo.station.sieve import Sieve


def sieve(
    sensor: CameraConfig,
    rules: Mapping[int, Rule],
    outbox: Outbox,
    board: LinuxBoard,
    gate: Callable[[Sample], Passed],
    classify: Callable[..., Judged],
    *,
    name: str,
    no_contact: bool,
) -> Sieve:
    """What stands around gate and classifier; `name`: under which the outbox keeps what it has learned."""

    def save(text: str) -> None:
        outbox.put([], cursor=(name, text))

    return Sieve(
        gate=gate,
        classify=classify,
        rules=rules,
        repeat=repeat_of(sensor.repeat, sensor.people_p),
        held=HELD - SIGNS if no_contact else HELD,  # where they show that people live, they are always told
        memory=load(outbox.cursor(name)),
        save=save,
        clock=board.clock,
    )
