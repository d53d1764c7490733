"""A folder into which other cameras write: its driver, and what `check` says of it."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from otorongo.language import say, say_count
from otorongo.station.adapters.board import LinuxBoard
from otorongo.station.config import CameraConfig, rules_of
from otorongo.station.errors import SensorError
from otorongo.station.outbox import Outbox
from otorongo.station.samples import Source

_HIDDEN: Final = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - what the unit hides
_UNIT: Final = Path("/etc/systemd/system/otorongo-sense@.service")
_MOST_LISTED: Final = 100_000


def open_folder(sensor: CameraConfig, name: str, outbox: Outbox, board: LinuxBoard) -> Source:
    """The folder into which cameras write. Raises SensorError."""
    from otorongo.models import image
    from otorongo.station.adapters.folder import FolderCamera
    from otorongo.station.adapters.folder_memory import Memory
    from otorongo.station.adapters.replay import zone_of
    from otorongo.station.adapters.replay_picture import PictureReader, duration_ms

    if not sensor.device:
        raise SensorError(say("camera.device: is empty (allowed: the folder into which the cameras write)"))
    reader = PictureReader(image.look, image.pixels, sensor.fps)
    given, below = sensor.folder, f"{name}\n"

    def now_ms() -> int | None:
        return board.clock().utc_ms or None

    kept = outbox.cursors
    memory = Memory(lambda: kept.below(below), lambda values: kept.change(below, values), now_ms)
    return FolderCamera(
        Path(sensor.device),
        reader,
        zone_of(given.zone, "camera.folder.zone"),
        name=name,
        committed=outbox.cursor,
        mark=lambda cursor: outbox.put([], cursor=cursor),
        heavy=reader.heavy,
        duration_ms=duration_ms,
        sweep=memory.sweep,
        settle_s=given.settle_s,
        poll_s=given.poll_s,
        close_s=max(rule.quiet_s for rule in rules_of(sensor).values()),
        now_ms=now_ms,
    )


def check_folder(sensor: CameraConfig) -> Iterator[tuple[bool, str]]:
    """What is well or wrong with the folder into which cameras write, and how to mend it."""
    from otorongo.station.adapters import replay, replay_heic
    from otorongo.station.adapters.folder import ENDINGS
    from otorongo.station.adapters.folder_watch import Watch

    place = Path(sensor.device)
    where = f"camera.device {place}"
    try:
        replay.zone_of(sensor.folder.zone, "camera.folder.zone")
    except SensorError as error:
        yield False, str(error)
    hidden = next((top for top in _HIDDEN if place.absolute().is_relative_to(top)), None)
    if hidden and _UNIT.exists():
        yield (
            False,
            say(
                "{where}: the service does not see {hidden}: BindReadOnlyPaths= in systemd/examples/folder-camera.conf",
                where=where,
                hidden=hidden,
            ),
        )
    if not sensor.device or not place.is_dir():
        yield False, say("{where}: no such folder: is the card in, the disk mounted, the path right?", where=where)
        return
    watch = Watch(place, ENDINGS, 0.0, time.monotonic)
    watch.look()
    if not watch.there or watch.problems:
        problem = watch.problems[0] if watch.problems else say("cannot be listed")
        yield (
            False,
            say(
                "{where}: {problem}: let the user otorongo read it (chmod o+rx, or a group it is in)",
                where=where,
                problem=problem,
            ),
        )
        return
    files = watch.take(_MOST_LISTED)
    shut = next((one.name for one in files if not os.access(one.path, os.R_OK)), None)
    if shut:
        yield (
            False,
            say(
                "{where}: {shut} cannot be read: let the user otorongo read it (chmod o+r, or a group it is in)",
                where=where,
                shut=shut,
            ),
        )
    if not replay_heic.installed() and any(one.path.suffix.lower() in replay_heic.HEICS for one in files):
        yield (
            False,
            say("{where}: a HEIC {value}", where=where, value=replay_heic.cannot()),
        )
    others = say_count(", {count} other file", ", {count} other files", len(watch.foreign)) if watch.foreign else ""
    told = say_count("{count} picture or film", "{count} pictures and films", len(files))
    yield True, f"{where}: {told}{others}"
