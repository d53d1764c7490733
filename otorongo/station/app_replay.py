"""`otorongo-station replay`: recordings through the whole station, and a table of what it noticed."""

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

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
_HEAD: Final = f"{'capture (UTC)':<20}  {'what':<6}  {'class':<14}  evidence  hits   peak  seconds  file\n"
_PICTURES: Final = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".mp4", ".avi", ".mov", ".mkv")


def replay(given: argparse.Namespace) -> int:
    """Replay a file or folder as microphone, camera or both, as its files are; the exit status."""
    if not 0 <= given.speed <= MOST_SPEED:
        raise ConfigError(
            f"--speed {given.speed:g}: is no pace (allowed: 0 for as fast as possible, 1 for as recorded, up to "
            f"{MOST_SPEED})"
        )
    path: Path = given.path
    if not path.exists():
        raise SensorError(f"{path}: no such file or folder")
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    endings = {one.suffix.lower() for one in files}
    sections = [name for name, known in (("microphone", _SOUNDS), ("camera", _PICTURES)) if endings & set(known)]
    if not sections:
        raise SensorError(f"{path}: holds nothing to replay (allowed: {', '.join((*_SOUNDS, *_PICTURES))})")
    config = (
        station_config.load(given.config) if given.keep or given.config.exists() else StationConfig(station="replay")
    )
    with tempfile.TemporaryDirectory(prefix="otorongo-replay-") as folder:
        if not given.keep:
            config = msgspec.structs.replace(config, data_dir=folder)
        if not given.json:
            sys.stdout.write(
                f"{'capture (UTC)':<20}  {'what':<6}  {'class':<14}  evidence  hits   peak  seconds  file\n"
            )
        for section in sections:
            sense(_only(config, section, given), section, show=_shown(given.json))
    return 0


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
        base = config.microphone or MicrophoneConfig(driver="replay", device="")
        return msgspec.structs.replace(config, microphone=msgspec.structs.replace(base, **changes), camera=None)
    if given.species:
        changes["species"] = given.species
    seen = config.camera or CameraConfig(driver="replay")
    return msgspec.structs.replace(config, camera=msgspec.structs.replace(seen, **changes), microphone=None)


def _shown(as_json: bool) -> Show:
    """Writes revisions: as lines of a table, or of JSON. What closes at the end has no sample: the last clock holds."""
    utc0_ms = 0

    def show(event: Event, sample: Sample | None) -> None:
        nonlocal utc0_ms
        utc0_ms = sample.domain.utc0_ms if sample and sample.domain else utc0_ms
        when = datetime.fromtimestamp((utc0_ms + event.start_ms) / 1000, UTC) if utc0_ms else None
        file = sample.source if sample else ""
        sys.stdout.write((_json if as_json else _row)(event, when, file) + "\n")
        sys.stdout.flush()

    return show


def _row(event: Event, when: datetime | None, file: str) -> str:
    at = when.strftime("%Y-%m-%d %H:%M:%S") if when else ""
    lasted = (event.t_ms - event.start_ms) / 1000
    what = f"{Kind(event.kind).name.lower():<6}  {name_of(event.cls):<14}  {event.evidence:+8.1f}  {event.hits:4d}"
    name = species.name_of(event.named.species)
    said = f"  {name} {event.named.p:.2f} ({_source(event)})" if name else ""
    said += "".join(f", {species.name_of(one.species) or 'animal'} {one.p:.2f}" for one in event.named.kinds[1:])
    return f"{at:<20}  {what}  {event.peak:5.2f}  {lasted:7.1f}  {file}{said}"


def _source(event: Event) -> str:
    return NameSource(event.named.source).name.lower()


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
        told["named_by"] = _source(event)
        told["said"] = [{"species": species.name_of(one.species), "p": round(one.p, 4)} for one in event.named.names]
    if event.named.kinds:
        told["kinds"] = [
            {"species": species.name_of(one.species), "p": round(one.p, 4), "count": one.most}
            for one in event.named.kinds
        ]
    return msgspec.json.encode(told).decode()
