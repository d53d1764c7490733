"""What a sensor's process keeps on the card: clips or thumbnails of events, and sound by the clock."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from otorongo.models.manifest import Bundle
from otorongo.station.adapters.board import LinuxBoard
from otorongo.station.config import CameraConfig, MicrophoneConfig, StationConfig
from otorongo.station.media import ClipKeeper, Shelf, ThumbnailKeeper
from otorongo.station.outbox import Outbox
from otorongo.station.pipeline import Keeper
from otorongo.station.schedule import Keepers, Schedule
from otorongo.wire.codes import Clock


def keeper(
    config: StationConfig,
    section: str,
    sensor: MicrophoneConfig | CameraConfig,
    bundle: Bundle,
    outbox: Outbox,
    classifier: Any = None,
) -> Keeper | None:
    """What is kept of this sensor; None: nothing. Vectors are, where its classifier gives them."""
    shelf = Shelf(Path(config.data_dir), section, sensor.media_mb * 1_000_000, outbox.media)
    shelf.sweep()
    if isinstance(sensor, MicrophoneConfig):
        return _sound(config, section, sensor, bundle, outbox, shelf, classifier)
    if not sensor.media_mb or not sensor.thumbnail:
        return None
    from otorongo.station.adapters.encode_picture import shrink, webp

    return ThumbnailKeeper(shelf, sensor.number, webp, shrink)


def knows_voices(bundle: Bundle) -> bool:
    """Whether a bundle can tell that somebody speaks: without that no sound is kept, unless all agreed to it."""
    return any(spec.wire == "speech" for spec in bundle.manifest.classes)


def _sound(
    config: StationConfig,
    section: str,
    sensor: MicrophoneConfig,
    bundle: Bundle,
    outbox: Outbox,
    shelf: Shelf,
    classifier: Any,
) -> Keeper | None:
    from otorongo.station.adapters.encode_sound import flac, opus

    voices_p = sensor.voices_p if sensor.voices == "discard" else None
    if voices_p and not knows_voices(bundle):
        return None
    parts: list[Keeper] = []
    if sensor.media_mb and sensor.clip_s:
        parts.append(ClipKeeper(shelf, sensor.number, sensor.clip_s, sensor.pre_roll_s, opus, voices_p))
    wanted = sensor.schedule
    if wanted.length_s and wanted.mb and sensor.driver != "replay":
        board = LinuxBoard(config.data_dir)
        parts.append(
            Schedule(
                folder=Path(config.data_dir) / "samples" / section,
                budget_bytes=wanted.mb * 1_000_000,
                length_ms=round(wanted.length_s * 1000),
                every_ms=round(wanted.every_s * 1000),
                encode=flac,
                name=lambda t_ms: sample_name(board, outbox.live_boot, t_ms),
                voices_p=voices_p,
            )
        )
    if vectors := _vectors(config, section, sensor, outbox, classifier, voices_p):
        parts.append(vectors)
    return Keepers(tuple(parts)) if parts else None


def _vectors(
    config: StationConfig,
    section: str,
    sensor: MicrophoneConfig,
    outbox: Outbox,
    classifier: Any,
    voices_p: float | None,
) -> Keeper | None:
    """Embeddings by the clock; None where nobody wants them, or the bundle gives none."""
    from otorongo.models.embeddings import source_of
    from otorongo.models.sound import SoundClassifier
    from otorongo.station.embeddings import Embeddings, Whose
    from otorongo.station.loudness import level_db

    hears = getattr(classifier, "first", classifier)  # of two opinions, the one that always hears
    if not isinstance(hears, SoundClassifier) or not hears.embedding_size:
        return None
    if not sensor.embeddings.mb or sensor.driver == "replay":
        return None
    board = LinuxBoard(config.data_dir)
    return Embeddings(
        folder=Path(config.data_dir) / "embeddings" / section,
        source=replace(source_of(hears.bundle, hears.embedding_size), station=config.station, section=section),
        budget_bytes=sensor.embeddings.mb * 1_000_000,
        every_ms=round(sensor.embeddings.every_s * 1000),
        embed=lambda data, rate_hz: hears.embedded(data, rate_hz)[1],
        whose=lambda: Whose(outbox.outbox_id, outbox.live_boot, board.clock()),
        voices_p=voices_p,
        level_db=level_db,
    )


def sample_name(board: LinuxBoard, boot: int, t_ms: int) -> str:
    """`20261123_051000Z_b12_t123456`: UTC if it is known; boot and ms since boot, by which it can be dated later."""
    now = board.clock()
    when = "undated"
    if now.state >= Clock.RTC and now.utc0_ms:
        when = datetime.fromtimestamp((now.utc0_ms + t_ms) / 1000, UTC).strftime("%Y%m%d_%H%M%SZ")
    return f"{when}_b{boot}_t{t_ms}"
