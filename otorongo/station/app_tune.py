"""`otorongo-station tune`: a picture of what the gate sees, for whoever draws masks and zones."""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from otorongo.language import say
from otorongo.language import why as refused_why
from otorongo.station.app_eyes import open_camera, recordings_of
from otorongo.station.app_process import only_one
from otorongo.station.config import CameraConfig, StationConfig
from otorongo.station.config_view import view_of
from otorongo.station.errors import SensorError
from otorongo.station.redact import without_secrets
from otorongo.station.samples import Fault, Sample
from otorongo.station.tune_words import words
from otorongo.toml import ConfigError

MOST_FRAMES: Final = 60
MOST_S: Final = 3600


class _Frame(NamedTuple):
    """A frame to look at."""

    label: str
    picture: Any
    step_s: float | None
    """Since the one before; None: not known."""


def tune(config: StationConfig, given: argparse.Namespace) -> int:
    """Write a strip of frames with what the gate saw; the exit status. Raises ConfigError or SensorError."""
    camera = config.camera
    if camera is None and given.source is not None:
        camera = CameraConfig(driver="replay")  # what a laptop has of a camera is its recordings
    if camera is None:
        raise ConfigError(
            say("{config}: there is no section [camera], and tune looks through a camera", config=given.config)
        )
    if not 1 <= given.frames <= MOST_FRAMES:
        raise ConfigError(
            say(
                "--frames {frames}: is none (allowed: 1 to {most_frames})", frames=given.frames, most_frames=MOST_FRAMES
            )
        )
    if not 1 <= given.seconds <= MOST_S:
        raise ConfigError(
            say("--seconds {seconds:g}: is none (allowed: 1 to {most})", seconds=given.seconds, most=MOST_S)
        )
    _may_show(config, camera, given)
    if given.source is not None or camera.driver in ("replay", "folder"):
        place = given.source or Path(camera.device)
        return _written(camera, given, _recorded(camera, place), str(place))
    said = words()
    sys.stderr.write(said["looking"].format(seconds=given.seconds))
    with only_one("camera", config.data_dir) as told:
        told()  # no process of a sensor: nobody misses it afterwards
        frames = _live(camera, given.seconds)
        return _written(camera, given, frames, f"{camera.driver} {without_secrets(camera.device)}".strip())


def _may_show(config: StationConfig, camera: CameraConfig, given: argparse.Namespace) -> None:
    """A strip lies open: it is made only where pictures of people may be, or where somebody vouches for it."""
    if config.no_contact:
        raise ConfigError(say("tune: in land of peoples in isolation no open picture is made of what passes a camera"))
    if camera.people != "keep" and not given.people:
        raise ConfigError(
            say(
                'tune: camera.people is "{people}", and {out} would show whoever passes, unsealed: '
                "write --people if only you and those who agreed are before the camera, and delete "
                "the file afterwards",
                people=camera.people,
                out=given.out,
            )
        )


def _live(camera: CameraConfig, seconds: float) -> Iterator[_Frame]:
    """What the camera gives in so many seconds, at its rate; the trigger has no part in it."""
    source = open_camera(msgspec.structs.replace(camera, trigger_pin=None, standby="warm"))
    until_s = time.monotonic() + seconds
    before_ms: int | None = None
    items = source.samples()
    try:
        for item in items:
            if isinstance(item, Fault):
                raise SensorError(item.text)
            if isinstance(item, Sample):
                step_s = None if before_ms is None else (item.t_ms - before_ms) / 1000
                before_ms = item.t_ms
                yield _Frame(time.strftime("%H:%M:%S"), item.data, step_s)
            if time.monotonic() >= until_s:
                return
    finally:
        source.close()
        if close := getattr(items, "close", None):
            close()


def _recorded(camera: CameraConfig, place: Path) -> Iterator[_Frame]:
    """Frames of recordings, in order of capture; those that cannot be read are told and left out."""
    from otorongo.station.adapters import replay
    from otorongo.station.adapters.replay_file import Trouble, play

    reader, _, endings = recordings_of(camera)
    found, refused = replay.find(place, endings, replay.zone_of(camera.replay.zone))
    for one in refused:
        sys.stderr.write(f"{one.name}: {one.why}\n")
    before_ms: int | None = None
    for recording in found:
        for got in play(recording.path, None, reader, lambda path: False, lambda place: None):
            if isinstance(got, Trouble):
                sys.stderr.write(f"{recording.name}: {got.why}\n")
                continue
            t_ms = recording.when.utc_ms + got.part.offset_ms
            step_s = None if before_ms is None or t_ms < before_ms else (t_ms - before_ms) / 1000
            before_ms = t_ms
            label = recording.name if not got.part.offset_ms else f"{recording.name} {got.part.offset_ms / 1000:.1f} s"
            yield _Frame(label[-40:], got.part.sample.data, step_s)


@dataclass
class _Counts:
    """How many frames were held back, and as what."""

    why: dict[str, int]

    def see(self, why: str) -> None:
        """One more."""
        self.why[why] = self.why.get(why, 0) + 1


def _written(camera: CameraConfig, given: argparse.Namespace, frames: Iterator[_Frame], source: str) -> int:
    from otorongo.station import motion
    from otorongo.station.motion_strip import Strip, drawn, png

    view, strip, counts = view_of(camera.mask, camera.zone), Strip(given.frames), _Counts({})
    state: motion.Motion | None = None
    for frame in frames:
        step_s = motion.STEP_S[1] if frame.step_s is None else frame.step_s
        state, seen = motion.moved(state, frame.picture, view, step_s)
        strip.see(frame.label, frame.picture, state, seen)
        if not seen.passed:
            counts.see(seen.why or ("small" if seen.pieces else "nothing"))
    if not strip.count:
        raise SensorError(say("{source}: gave no frame to look at", source=source))
    said, shots = words(), strip.shots()
    title = said["title"].format(source=source, passed=strip.passed, count=strip.count, shown=len(shots))
    _private(given.out, png(drawn(shots, view, said, title)))
    out = sys.stdout
    out.write(said["wrote"].format(path=given.out, shown=len(shots), count=strip.count, passed=strip.passed))
    for why, count in sorted(counts.why.items(), key=lambda one: -one[1]):
        out.write(said["why"].format(why=said[why], count=count))
    out.write(said["people"].format(path=given.out))
    return 0


def _private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read. Raises SensorError."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)  # one that was there before may have been open to all
            file.write(content)
    except OSError as error:
        raise SensorError(
            say("{path}: cannot be written: {why}: name another file with --out", path=path, why=refused_why(error))
        ) from error
