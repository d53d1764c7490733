"""`otorongo-station replay`: recordings through the whole station, and a table of what it noticed."""

import argparse
import sys
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from otorongo.language import say
from otorongo.station import app_replay_words as replay_words
from otorongo.station import config as station_config
from otorongo.station.app import Show, sense
from otorongo.station.config import MOST_SPEED, CameraConfig, MicrophoneConfig, ReplayConfig, StationConfig
from otorongo.station.errors import SensorError
from otorongo.station.samples import Event, Sample
from otorongo.toml import ConfigError
from otorongo.wire import species
from otorongo.wire.classes import name_of
from otorongo.wire.codes import Kind, NameSource

_SOUNDS: Final = (".wav", ".flac", ".ogg", ".opus", ".mp3")
_PICTURES: Final = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".mp4", ".avi", ".mov", ".mkv")


def replay(given: argparse.Namespace) -> int:
    """Replay a file or folder as microphone, camera or both, as its files are; the exit status."""
    if not 0 <= given.speed <= MOST_SPEED:
        raise ConfigError(
            say(
                "--speed {speed:g}: is no pace (allowed: 0 for as fast as possible, 1 for as "
                "recorded, up to {most_speed})",
                speed=given.speed,
                most_speed=MOST_SPEED,
            )
        )
    path: Path = given.path
    if not path.exists():
        raise SensorError(say("{path}: no such file or folder", path=path))
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    endings = {one.suffix.lower() for one in files}
    sections = [name for name, known in (("microphone", _SOUNDS), ("camera", _PICTURES)) if endings & set(known)]
    if not sections:
        raise SensorError(
            say(
                "{path}: holds nothing to replay (allowed: {names})", path=path, names=", ".join((*_SOUNDS, *_PICTURES))
            )
        )
    config = (
        station_config.load(given.config) if given.keep or given.config.exists() else StationConfig(station="replay")
    )
    with tempfile.TemporaryDirectory(prefix="otorongo-replay-") as folder:
        if not given.keep:
            config = msgspec.structs.replace(config, data_dir=folder)
        if not given.json:
            sys.stdout.write(replay_words.head())
        dated: list[datetime] = []
        for section in sections:
            counters: dict[int, int] = {}
            sense(_only(config, section, given), section, show=_shown(given.json, dated), counters=counters)
            if not given.json:
                known = _SOUNDS if section == "microphone" else _PICTURES
                played = sum(one.suffix.lower() in known for one in files)
                sys.stdout.write(replay_words.summary(section, played, counters))
                if not (untimed := _untimed(files, known, given.zone)):
                    continue
                if section == "camera":
                    sys.stdout.write(replay_words.untimed(len(untimed), shifted=given.at == "now"))
                else:
                    sys.stdout.write(replay_words.untimed_sounds(len(untimed), _overlapping(untimed)))
        if dated and given.at == "now" and given.keep and not given.json:
            sys.stdout.write(replay_words.late((datetime.now(UTC) - min(dated)).total_seconds()))
    return 0


def _untimed(files: list[Path], known: tuple[str, ...], zone: str) -> list[tuple[int, Path]]:
    """Those of these kinds that do not say when they were recorded, and the time that stands for it (UTC in ms)."""
    from otorongo.station.adapters.replay import zone_of
    from otorongo.station.adapters.replay_times import captured

    found = []
    for one in files:
        if one.suffix.lower() in known:
            with suppress(OSError):
                when = captured(one, zone_of(zone), None)
                if when.source in ("changed", "found"):
                    found.append((when.utc_ms, one))
    return sorted(found)


def _overlapping(sounds: list[tuple[int, Path]]) -> int:
    """How many of these recordings, oldest first, begin before one before them has ended."""
    from otorongo.station.adapters.replay_sound import duration_ms

    count = end_ms = 0
    for at_ms, one in sounds:
        count += at_ms < end_ms
        end_ms = max(end_ms, at_ms + duration_ms(one))
    return count


def _only(config: StationConfig, section: str, given: argparse.Namespace) -> StationConfig:
    """The configuration with one sensor that replays these files."""
    changes: dict[str, object] = {
        "driver": "replay",
        "device": str(given.path),
        "replay": ReplayConfig(speed=given.speed, at=given.at, zone=given.zone),
    }
    if given.bundle:
        changes["bundle"] = given.bundle
    if section == "microphone":
        base = config.microphone or MicrophoneConfig(driver="replay", device="", voices=_closed(config))
        return msgspec.structs.replace(config, microphone=msgspec.structs.replace(base, **changes), camera=None)
    if given.species:
        changes["species"] = given.species
    seen = config.camera or CameraConfig(driver="replay", people=_closed(config))
    if seen.driver == "folder":
        changes["gate"] = False  # as there: what made the pictures was a trigger
    return msgspec.structs.replace(config, camera=msgspec.structs.replace(seen, **changes), microphone=None)


def _closed(config: StationConfig) -> Literal["discard", "seal"]:
    """What becomes of people and voices at a station without such a sensor: sealed, if it knows for whom."""
    return "seal" if config.seal else "discard"


def _shown(as_json: bool, dated: list[datetime]) -> Show:
    """Writes revisions: as lines of a table, or of JSON. What closes at the end has no sample: the last clock holds.

    An event closes while a later file is looked at: its file is the one that it was last told of. When each of them was
    last heard or seen is put into `dated`.
    """
    utc0_ms, file = 0, ""
    files: dict[int, str] = {}

    def show(event: Event, sample: Sample | None) -> None:
        nonlocal utc0_ms, file, dated
        utc0_ms = sample.domain.utc0_ms if sample and sample.domain else utc0_ms
        when = datetime.fromtimestamp((utc0_ms + event.start_ms) / 1000, UTC) if utc0_ms else None
        dated += [datetime.fromtimestamp((utc0_ms + event.t_ms) / 1000, UTC)] if utc0_ms else []
        source = sample.source if sample else ""
        if event.kind == Kind.CLOSE:
            source = files.pop(event.key, source)
        else:
            files[event.key] = source
        if as_json:
            sys.stdout.write(_json(event, when, source) + "\n")
        else:
            sys.stdout.write(replay_words.row(event, when, source if source != file else ""))
        file = source or file
        sys.stdout.flush()

    return show


def _json(event: Event, when: datetime | None, file: str) -> str:
    told: dict[str, object] = {
        "what": Kind(event.kind).name.lower(),
        "event": event.key,
        "class": name_of(event.cls),
        "start": when.isoformat(timespec="milliseconds") if when else None,
        "seconds": round((event.t_ms - event.start_ms) / 1000, 3),
        "evidence": round(event.evidence, 3),
        "hits": event.hits,
        "peak": round(event.peak, 4),
        "count": event.count,
        "level_db": event.level_db,
        "floor_db": event.floor_db,
        "f0_hz": round(event.f0_hz, 1),
        "file": file,
    }
    if event.named.names:
        told["species"] = species.name_of(event.named.species)
        told["species_p"] = round(event.named.p, 4)
        told["named_by"] = NameSource(event.named.source).name.lower()
        told["said"] = [{"species": species.name_of(one.species), "p": round(one.p, 4)} for one in event.named.names]
    if event.named.kinds:
        told["kinds"] = [
            {"species": species.name_of(one.species), "p": round(one.p, 4), "count": one.most}
            for one in event.named.kinds
        ]
    return msgspec.json.encode(told).decode()
