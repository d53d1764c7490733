"""What a sensor's process keeps on the card: clips or pictures of events, sound by the clock, samples that failed."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from otorongo.language import say
from otorongo.models.manifest import Bundle
from otorongo.station.adapters.board import LinuxBoard
from otorongo.station.bad_input import BadInput
from otorongo.station.config import CameraConfig, MicrophoneConfig, StationConfig, policy_of
from otorongo.station.errors import SealError
from otorongo.station.handed import Judged, Keeper
from otorongo.station.hearing import Vetoed
from otorongo.station.outbox import Outbox
from otorongo.station.samples import Sample
from otorongo.station.sealing import People, Sealer
from otorongo.station.shelf import Keepers, Shelf
from otorongo.wire.codes import Clock, Tag
from otorongo.wire.sealed import fingerprints


def keeper(
    config: StationConfig,
    section: str,
    sensor: MicrophoneConfig | CameraConfig,
    bundle: Bundle,
    outbox: Outbox,
    sealer: Sealer | None,
    classifier: Any = None,
    classify: Callable[[Any, int], Judged] | None = None,
    vetoed: Callable[[], Vetoed] | None = None,
) -> Keeper | None:
    """What is kept of this sensor; None: nothing. Vectors are, where its classifier gives them.

    `classify` looks at frames that the gate held back, before one of them is kept; `vetoed` says what vetoes did to the
    newest window, None: a sensor without any.
    """
    shelf = Shelf(Path(config.data_dir), section, sensor.media_mb * 1_000_000, outbox.media)
    shelf.sweep()
    if isinstance(sensor, MicrophoneConfig):
        return _sound(config, section, sensor, bundle, outbox, shelf, sealer, classifier, vetoed)
    from otorongo.station.adapters.encode_picture import shrink, webp
    from otorongo.station.app_policy import follow
    from otorongo.station.media_picture import ThumbnailKeeper

    follow(config, section, sensor, outbox, sealer)
    people = People(sensor.people, sensor.people_p, knows_people(bundle), sealer, config.no_contact)
    budget = sensor.full_mb * 1_000_000
    full = Shelf(Path(config.data_dir), f"{section}-full", budget, outbox.media, key=f"{section}.full_mb")
    full.sweep()
    parts: list[Keeper] = []
    if sensor.media_mb and sensor.thumbnail:
        pre_ms = round(sensor.pre_s * 1000)
        whole_on = full if sensor.full else None
        parts.append(ThumbnailKeeper(shelf, sensor.number, webp, shrink, people, pre_ms=pre_ms, full=whole_on))
    if audit := _audit(config, section, sensor, outbox, people, classify):
        parts.append(audit)
    if scenery := _scenery(config, section, sensor, outbox, people):
        parts.append(scenery)
    return Keepers(tuple(parts)) if parts else None


def _scenery(
    config: StationConfig, section: str, sensor: CameraConfig, outbox: Outbox, people: People
) -> Keeper | None:
    """Pictures of what was held back as scenery; None where nobody wants them."""
    if not sensor.repeat.mb or not sensor.repeat.hours:
        return None
    from otorongo.station.adapters.encode_picture import shrink, webp
    from otorongo.station.media_scenery import SceneryPictures

    board, folder = LinuxBoard(config.data_dir), Path(config.data_dir) / "scenery" / section

    def name(sample: Sample) -> str:
        if sample.domain is None:
            return sample_name(board, outbox.live_boot, sample.t_ms)
        return f"{_stamp(sample.domain.utc0_ms + sample.t_ms)}_t{sample.t_ms}"

    return SceneryPictures(folder, sensor.repeat.mb * 1_000_000, name, webp, shrink, people)


def _audit(
    config: StationConfig,
    section: str,
    sensor: CameraConfig,
    outbox: Outbox,
    people: People,
    classify: Callable[[Any, int], Judged] | None,
) -> Keeper | None:
    """A random few of a live camera's rejected frames; None where nobody wants them, or nobody could look at them."""
    budget = sensor.audit.mb * 1_000_000
    shelf = Shelf(Path(config.data_dir), f"{section}-audit", budget, outbox.media, key=f"{section}.audit.mb")
    shelf.sweep()
    if not sensor.audit.per_day or not sensor.audit.mb or classify is None or sensor.driver in ("replay", "folder"):
        return None
    from otorongo.station.adapters.encode_picture import decoded, jpeg, shrink, webp
    from otorongo.station.app_eyes import whole
    from otorongo.station.audit_picture import AuditKeeper, pressed

    board = LinuxBoard(config.data_dir)
    return AuditKeeper(
        shelf,
        sensor.number,
        webp,
        press=lambda picture: pressed(picture, jpeg, shrink),
        unpress=decoded,
        judge=lambda picture: classify(picture, 0),
        name=lambda t_ms: sample_name(board, outbox.live_boot, t_ms),
        boot=lambda: outbox.boot,
        below=secrets.randbelow,
        per_day=sensor.audit.per_day,
        people=people,
        tags=Tag.NO_CONTACT if config.no_contact else 0,
        whole=whole,
    )


def sealer_of(config: StationConfig, sensor: MicrophoneConfig | CameraConfig) -> Sealer | None:
    """What seals this sensor's originals; None: its policy is another. Raises SealError."""
    return sealer_for(config.seal.recipients) if policy_of(sensor) == "seal" and config.seal else None


def sealer_for(recipients: Sequence[str]) -> Sealer:
    """What seals to these. Raises SealError if one is none, or the library is missing."""
    try:
        from otorongo.station.adapters.age import sealing
    except ImportError as error:
        raise SealError(
            say("seal: {error}: install the station again (deploy/install-station.sh)", error=error)
        ) from error
    return Sealer(sealing(recipients), fingerprints(recipients))


def keep_bad(
    config: StationConfig, section: str, sensor: MicrophoneConfig | CameraConfig, sealer: Sealer | None
) -> Callable[[Sample], Path | None]:
    """Keeps samples that nothing could be made of. Nobody has looked at them, so each may show people."""
    if policy_of(sensor) == "discard":
        return lambda sample: None
    return BadInput(Path(config.data_dir) / "bad" / section, sealer=sealer).keep


def knows_voices(bundle: Bundle) -> bool:
    """Whether a bundle can tell that somebody speaks: without that no sound is kept, unless all agreed to it."""
    return any(spec.wire == "speech" for spec in bundle.manifest.classes)


def knows_people(bundle: Bundle) -> bool:
    """Whether a bundle can tell that somebody is in a picture: without that each may show people."""
    return any(spec.wire == "person" for spec in bundle.manifest.classes)


def _sound(
    config: StationConfig,
    section: str,
    sensor: MicrophoneConfig,
    bundle: Bundle,
    outbox: Outbox,
    shelf: Shelf,
    sealer: Sealer | None,
    classifier: Any,
    vetoed: Callable[[], Vetoed] | None,
) -> Keeper | None:
    from otorongo.station.adapters.encode_sound import opus
    from otorongo.station.media import ClipKeeper

    voices_p = None if sensor.voices == "keep" else sensor.voices_p
    if voices_p and not knows_voices(bundle):
        return None
    parts: list[Keeper] = []
    if sensor.media_mb and sensor.clip_s:
        levels: Callable[[Any], bytes] | None = None
        if sealer and not config.no_contact:
            from otorongo.station.adapters.encode_levels import webp

            levels = webp
        clips = ClipKeeper(shelf, sensor.number, sensor.clip_s, sensor.pre_roll_s, opus, voices_p, sealer, levels)
        parts.append(clips)
    parts += _minutes(config, section, sensor, outbox, voices_p, sealer, vetoed)
    if vectors := _vectors(config, section, sensor, outbox, classifier, voices_p):
        parts.append(vectors)
    return Keepers(tuple(parts)) if parts else None


def _minutes(
    config: StationConfig,
    section: str,
    sensor: MicrophoneConfig,
    outbox: Outbox,
    voices_p: float | None,
    sealer: Sealer | None,
    vetoed: Callable[[], Vetoed] | None,
) -> list[Keeper]:
    """Minutes by the clock, and where there are vetoes those that they cost, in a quarter of the room."""
    from otorongo.station.adapters.encode_sound import flac
    from otorongo.station.schedule import Schedule

    wanted, board = sensor.schedule, LinuxBoard(config.data_dir)
    if not wanted.length_s or not wanted.mb or sensor.driver == "replay":
        return []
    extra = wanted.mb * 1_000_000 // 4 if vetoed else 0
    shares = [
        (section, wanted.mb * 1_000_000 - extra, None),
        *([(f"{section}-vetoed", extra, vetoed)] if vetoed else []),
    ]
    return [
        Schedule(
            folder=Path(config.data_dir) / "samples" / folder,
            budget_bytes=budget,
            length_ms=round(wanted.length_s * 1000),
            every_ms=round(wanted.every_s * 1000),
            encode=flac,
            name=lambda t_ms: sample_name(board, outbox.live_boot, t_ms),
            voices_p=voices_p,
            sealer=sealer,
            veto=veto,
        )
        for folder, budget, veto in shares
        if budget
    ]


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
        when = _stamp(now.utc0_ms + t_ms)
    return f"{when}_b{boot}_t{t_ms}"


def _stamp(utc_ms: int) -> str:
    return datetime.fromtimestamp(utc_ms / 1000, UTC).strftime("%Y%m%d_%H%M%SZ")
