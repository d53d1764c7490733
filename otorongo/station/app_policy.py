"""After `people` was changed from `keep`: what still lies open on the card follows the policy that holds now.

Nobody waited then to see who came after a picture, so any of them may show people. Where pictures are discarded they
go; where they are sealed, each is sealed beside (`before/` in the data folder) before the open one goes. What the hub
has is the hub's.
"""

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from otorongo.errors import OtorongoError
from otorongo.language import say, say_count, why
from otorongo.station.adapters.systemd import notify
from otorongo.station.config import CameraConfig, StationConfig
from otorongo.station.outbox import Outbox
from otorongo.station.sealing import ENDING, Sealer
from otorongo.station.shelf import write_whole
from otorongo.wire.codes import NoteKind
from otorongo.wire.rows import Note

log = logging.getLogger(__name__)

BEFORE: Final = "before"
_FOLDERS: Final = ("media/{}", "media/{}-full", "media/{}-audit", "scenery/{}", "bad/{}")
_SHOW_NOBODY: Final = (ENDING, "-preview.webp")
_LONGER: Final = "EXTEND_TIMEOUT_USEC=60000000"
"""Of a full card that takes minutes, and the service manager waits for the start."""


def follow(
    config: StationConfig,
    section: str,
    sensor: CameraConfig,
    outbox: Outbox,
    sealer: Sealer | None,
    alive: Callable[[], None] = lambda: notify(_LONGER),
) -> None:
    """Remember the policy; after another than `keep` took its place, close what was left open, and tell it."""
    name, policy = _cursor(section), sensor.people
    before = outbox.cursor(name)
    if before == policy:
        return
    if before != "keep":
        outbox.put([], cursor=(name, policy))
        return
    root, closed, failed = Path(config.data_dir), 0, ""
    for path in left_open(root, section):
        alive()
        try:
            if sealer:
                write_whole(root / BEFORE / f"{path.relative_to(root)}{ENDING}", sealer.seal(path.read_bytes()))
            path.unlink()
            closed += 1
        except (OSError, OtorongoError) as error:
            failed = f"{path}: {why(error) if isinstance(error, OSError) else error}"
    mine = tuple(f"{each.format(section)}/" for each in _FOLDERS)
    known = [one for one in outbox.media.all() if one.path.startswith(mine)]
    outbox.media.forget([one.seq for one in known if not (root / one.path).exists()])
    text = told(section, policy, closed, sealed=sealer is not None)
    if failed:  # the next start tries again
        text += "; " + say("not all of them: {why}", why=failed)
    if closed or failed:
        log.warning("%s", text)
        note = Note(outbox.t_ms(), NoteKind.OTHER, text[:500], sensor.number)
        outbox.put([note], cursor=None if failed else (name, policy))
    else:
        outbox.put([], cursor=(name, policy))


def left_open(root: Path, section: str) -> list[Path]:
    """Files of a camera that anybody could look at, but for previews, in which nobody is to be recognised."""
    folders = [root / each.format(section) for each in _FOLDERS]
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [path for path in files if not path.name.endswith(_SHOW_NOBODY)]


def waits(config: StationConfig, section: str, sensor: CameraConfig) -> int:
    """How many open pictures of a camera will be closed at its next start, because `people` was `keep` at the last."""
    if sensor.people == "keep" or not config.outbox_path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"{config.outbox_path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as db:
            found = db.execute("SELECT value FROM cursors WHERE name = ?", (_cursor(section),)).fetchone()
    except sqlite3.Error:
        return 0
    return len(left_open(Path(config.data_dir), section)) if found == ("keep",) else 0


def told(section: str, policy: str, count: int, *, sealed: bool) -> str:
    """What became of the pictures."""
    if sealed:
        return say_count(
            "{section}.people is {policy} and was keep: {count} open picture from then was sealed, below before/",
            "{section}.people is {policy} and was keep: {count} open pictures from then were sealed, below before/",
            count,
            section=section,
            policy=policy,
        )
    return say_count(
        "{section}.people is {policy} and was keep: {count} open picture from then was removed",
        "{section}.people is {policy} and was keep: {count} open pictures from then were removed",
        count,
        section=section,
        policy=policy,
    )


def _cursor(section: str) -> str:
    return f"{section} people"
