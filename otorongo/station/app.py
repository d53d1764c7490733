"""Where a station's sensors are put together: which driver, which bundle.

`app_eyes.py` does it for what only cameras have, `app_uplink.py` for the uplink.

Imports stand inside the functions, because each process loads only what it needs: the microphone process never loads
OpenCV, the camera process never loads what decodes sound, and neither loads what speaks to the network.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from otorongo.errors import OtorongoError
from otorongo.language import say
from otorongo.models.manifest import Bundle
from otorongo.models.manifest import load as load_bundle
from otorongo.station.absent import put_why
from otorongo.station.adapters.board import LinuxBoard
from otorongo.station.adapters.systemd import notify
from otorongo.station.app_keep import keep_bad, keeper, sealer_of
from otorongo.station.app_process import SOFTWARE, birth_bundles, give_back_now, kind_of, only_one, stop_on_signal
from otorongo.station.app_rules import Sensor, follows_combs, rules_for
from otorongo.station.app_seeing import eye, reopen_of
from otorongo.station.config import (
    BirdsConfig,
    CameraConfig,
    MicrophoneConfig,
    StationConfig,
    rules_of,
)
from otorongo.station.errors import SensorError
from otorongo.station.events import Rule
from otorongo.station.handed import Judged, Passed
from otorongo.station.hearing import Ear, memory_name
from otorongo.station.judging import judged
from otorongo.station.outbox import Outbox, uptime_ms
from otorongo.station.pipeline import Sense
from otorongo.station.redact import without_secrets
from otorongo.station.reopening import Reopening
from otorongo.station.resting import Resting
from otorongo.station.samples import Event, Sample, Source
from otorongo.station.tracks import Tracks
from otorongo.station.unheard import Unheard
from otorongo.toml import ConfigError
from otorongo.wire import birth
from otorongo.wire.classes import is_threat
from otorongo.wire.codes import NoteKind, Tag
from otorongo.wire.rows import Note

log = logging.getLogger(__name__)

PING_S: Final = 10.0

Show = Callable[[Event, Sample | None], None]


def sense(
    config: StationConfig,
    section: str,
    *,
    show: Show | None = None,
    counters: dict[int, int] | None = None,
    drill: bool = False,
) -> int:
    """Run one sensor's process until it is stopped, or its recordings end; the exit status. `counters` are added to.

    Raises ConfigError, BundleError, SensorError or OutboxError, which say how to mend it.
    """
    sensor = sensor_of(config, section)
    with only_one(section, config.data_dir) as told:
        return _sense(config, section, sensor, show, {} if counters is None else counters, told, drill=drill)


def _sense(
    config: StationConfig,
    section: str,
    sensor: Sensor,
    show: Show | None,
    counters: dict[int, int],
    told: Callable[[], object],
    *,
    drill: bool,
) -> int:
    board = LinuxBoard(config.data_dir)
    bundle = load_bundle(sensor.bundle)
    rules = rules_for(section, sensor, bundle)
    classifier = _classifier(config, sensor, bundle, board)
    sealer = sealer_of(config, sensor)
    outbox = Outbox.open(config.outbox_path, boot_id=board.boot_id(), now=board.clock())
    worked = False
    try:
        outbox.speak_as(birth.encode(birth_of(config, section, sensor, bundle, outbox)))
        for seq in outbox.close_leftovers(sensor.number):
            log.warning("%s: an event was left open by the last run: closed as restart at seq %d", section, seq)
        source = _open(section, sensor, bundle, outbox, board)
        resting = _resting(sensor, classifier, rules)
        classify = resting.judge
        tags = (Tag.DRILL if drill else 0) | (Tag.NO_CONTACT if config.no_contact else 0)
        gate, judge = _gate(sensor, source), classify
        done: list[Callable[[], None]] = [close] if (close := getattr(classifier, "close", None)) else []
        if isinstance(sensor, CameraConfig):
            from otorongo.station.app_scenery import sieve

            name = f"{cursor_name(section, sensor)} scenery"
            between = sieve(sensor, rules, outbox, board, gate, classify, name=name, no_contact=config.no_contact)
            gate, judge = between.passed, between.judge
            done.append(between.close)
        ear = _ear(section, sensor, classifier, rules, outbox)
        vetoed = (lambda: ear.vetoed) if ear else None
        loop = Sense(
            name=section,
            number=sensor.number,
            outbox=outbox,
            gate=gate,
            classify=judge,
            rules=rules,
            keeper=keeper(config, section, sensor, bundle, outbox, sealer, classifier, classify, vetoed),
            ear=ear,
            eye=eye(sensor, outbox.cursor(memory_name(section)), tags),
            reopen=reopen_of(source),
            tracks=_tracks(sensor, rules),
            unheard=Unheard(listens=isinstance(sensor, MicrophoneConfig)),
            names=1,  # the detector is number 0 of the birth's list, what names its animals comes after it
            tags=tags,
            heartbeat_s=sensor.heartbeat_s,
            counters=counters,
            uptime_ms=uptime_ms,
            clock=board.clock,
            bad=keep_bad(config, section, sensor, sealer),
            alive=_alive(resting),
        )
        if show:
            loop.show = show

        def stop() -> None:
            loop.stop()
            source.close()

        stop_on_signal(stop)
        log.debug("ready")
        device = without_secrets(sensor.device)  # everybody may read a service's status
        notify(f"READY=1\nSTATUS={section}: {sensor.driver} {device}, {bundle.manifest.reference}")
        worked = True
        loop.run(source.samples())
        outbox.put([Note(outbox.t_ms(), NoteKind.STOPPED, section, sensor.number)])
        told()
        notify("STOPPING=1")
        for each in done:
            each()
    except Exception as error:  # whatever ends the process: the hub learns of it, and it ends all the same
        kind = "" if isinstance(error, OtorongoError) else f"{type(error).__name__}: "
        with suppress(OtorongoError):  # of a card that takes no more nobody can be told
            put_why(outbox, section, sensor.number, f"{kind}{without_secrets(str(error))}", worked=worked)
            told()
        raise
    finally:
        outbox.close()
    return 0


def _classifier(config: StationConfig, sensor: Sensor, bundle: Bundle, board: LinuxBoard) -> Any:
    """What scores a sensor's samples. Raises BundleError."""
    if isinstance(sensor, MicrophoneConfig):
        from otorongo.station.app_ears import ears

        return ears(config, sensor, bundle, board)
    from otorongo.station.app_eyes import eyes

    return eyes(sensor, bundle)


def _resting(sensor: Sensor, classifier: Any, rules: dict[int, Rule]) -> Resting:
    """The classifier's verdicts as scores; a camera's networks go when nothing comes."""
    idle_ms = round(sensor.idle_s * 1000) if isinstance(sensor, CameraConfig) else 0

    def rest() -> None:
        getattr(classifier, "rest", lambda: None)()
        give_back_now()

    return Resting(_judge(classifier, rules), rest, idle_ms, uptime_ms)


def _alive(resting: Resting) -> Callable[[int], None]:
    """What is done after each item, ticks too."""
    ping = _watchdog()

    def moved(count: int) -> None:
        ping(count)
        resting.look()

    return moved


def _ear(section: str, sensor: Sensor, classifier: Any, rules: dict[int, Rule], outbox: Outbox) -> Ear | None:
    """What a microphone has beside its network: none for species, whose microphone has one already."""
    if not isinstance(sensor, MicrophoneConfig) or isinstance(sensor, BirdsConfig):
        return None
    from otorongo.models.second import thresholds
    from otorongo.station.app_ears import ear

    memory = outbox.cursor(memory_name(section))
    return ear(sensor, thresholds(classifier), rules, memory, combs=follows_combs(sensor, classifier.bundle))


def _tracks(sensor: Sensor, rules: dict[int, Rule]) -> Tracks | None:
    """The scores of a microphone's threats; its hour of them."""
    if not isinstance(sensor, MicrophoneConfig) or not sensor.tracks:
        return None
    return Tracks(sensor.number, tuple(cls for cls in rules if is_threat(cls)))


def sensor_of(config: StationConfig, section: str) -> Sensor:
    """The sensor of a section. Raises ConfigError."""
    sensors = config.sensors()
    if section not in sensors:
        raise ConfigError(
            say(
                "there is no section [{section}] in station.toml (there are: {names})",
                section=section,
                names=", ".join(sensors),
            )
        )
    return sensors[section]


def cursor_name(section: str, sensor: Sensor) -> str:
    """Under which name it is remembered what was read of recordings: another folder is another replay."""
    return f"{section} {Path(sensor.device).absolute()}" if sensor.driver in ("replay", "folder") else section


def birth_of(config: StationConfig, section: str, sensor: Sensor, bundle: Bundle, outbox: Outbox) -> birth.Birth:
    """What this sensor's rows refer to: its bundle is number 0 of it."""
    place = config.place
    return birth.Birth(
        outbox=outbox.outbox_id,
        boot=0,  # rows say theirs: a birth that changed with each boot would travel after each
        software=SOFTWARE,
        bundles=tuple(birth_bundles(sensor, bundle)),
        sensors=(birth.Sensor(sensor.number, kind_of(section), sensor.driver),),
        latitude_deg=place.latitude_deg if place else None,
        longitude_deg=place.longitude_deg if place else None,
        height_m=place.height_m if place else None,
    )


def _gate(sensor: Sensor, source: Source) -> Callable[[Sample], Passed]:
    if isinstance(sensor, MicrophoneConfig):
        return _sound_gate(sensor)
    from otorongo.station.app_eyes import gate

    return gate(sensor, source)


def _sound_gate(sensor: MicrophoneConfig) -> Callable[[Sample], Passed]:
    from otorongo.station.loudness import Loudness, level_db, loud, needed_db

    state = Loudness()

    def gate(sample: Sample) -> Passed:
        nonlocal state
        level = level_db(sample.data)
        new_s = sample.new_ms / 1000
        state, passed = loud(state, level, new_s, gate_db=sensor.gate_db, margin_db=sensor.gate_margin_db)
        needed = needed_db(state, gate_db=sensor.gate_db, margin_db=sensor.gate_margin_db)
        return Passed(passed, round(level), round(state.floor_db), needed_db=needed)

    return gate


def _judge(classifier: Any, rules: dict[int, Rule]) -> Callable[..., Judged]:
    """The classifier's verdicts as scores."""
    return lambda data, rate_hz, **more: judged(classifier.scores(data, rate_hz, **more), rules)


def _open(section: str, sensor: Sensor, bundle: Bundle, outbox: Outbox, board: LinuxBoard) -> Source:
    """Open the device or the recordings. Raises SensorError."""
    if sensor.driver == "replay":
        return _replay(section, sensor, bundle, outbox, board)
    if isinstance(sensor, MicrophoneConfig):
        from otorongo.station.adapters.alsa import Alsa

        given = bundle.manifest.sound
        assert given is not None  # noqa: S101 - rules_for has compared bundle and sensor
        return Alsa(sensor.device, sensor.rate_hz, given.rate_hz, given.window_s, given.hop_s, uptime_ms)
    if sensor.driver == "folder":
        from otorongo.station.app_folder import open_folder

        return open_folder(sensor, cursor_name(section, sensor), outbox, board)
    from otorongo.station.app_eyes import open_camera

    return Reopening(open_camera(sensor))


def _replay(section: str, sensor: Sensor, bundle: Bundle, outbox: Outbox, board: LinuxBoard) -> Source:
    from otorongo.station.adapters import replay, replay_file
    from otorongo.station.adapters.replay_foreign import foreign

    place, zone = Path(sensor.device), replay.zone_of(sensor.replay.zone)
    name = cursor_name(section, sensor)
    reader: replay_file.Reader
    duration_ms: Callable[[Path], int]
    endings: tuple[str, ...]
    if isinstance(sensor, MicrophoneConfig):
        from otorongo.station.adapters import replay_sound

        given = bundle.manifest.sound
        assert given is not None  # noqa: S101 - rules_for has compared bundle and sensor
        reader = replay_sound.SoundReader(given.rate_hz, given.window_s, given.hop_s)
        duration_ms, endings = replay_sound.duration_ms, replay.SOUNDS
    else:
        from otorongo.station.app_eyes import recordings_of

        reader, duration_ms, endings = recordings_of(sensor)
    recordings, refused = replay.find(place, endings, zone, board.clock().utc_ms or None)
    if not recordings and not refused:
        told = say("{path}: holds nothing to replay (allowed: {names})", path=place, names=", ".join(endings))
        raise SensorError(f"{section}.device {told}")
    close_ms = round(max(rule.quiet_s for rule in rules_of(sensor).values()) * 1000)
    apart_ms = close_ms + 1000 if isinstance(sensor, CameraConfig) and not sensor.replay.speed else 0
    origin = _origin(name, sensor, outbox, board, replay.length_of(recordings, duration_ms, apart_ms))
    player = replay.Replay(recordings, reader, name, outbox.cursor, sensor.replay.speed, origin, refused)
    player.foreign = foreign(place, (*replay.SOUNDS, *replay.PICTURES, *replay.VIDEOS, *endings))
    player.endings, player.apart_ms, player.close_ms = endings, apart_ms, close_ms
    player.heavy = getattr(reader, "heavy", player.heavy)
    player.mark = lambda cursor: outbox.put([], cursor=cursor)
    return player


def _origin(name: str, sensor: Sensor, outbox: Outbox, board: LinuxBoard, length_ms: int) -> Any:
    """Where a replay shifted to now begins: once chosen it stays, so that a restart goes on with the same times."""
    if sensor.replay.at != "now":
        return None
    from otorongo.station.adapters.replay import Origin, origin_for

    kept = outbox.cursor(f"{name} origin")
    if kept:
        return Origin.load(kept)
    origin = origin_for(board.clock(), length_ms, sensor.replay.speed)
    outbox.put([], cursor=(f"{name} origin", origin.dump()))
    return origin


def _watchdog() -> Callable[[int], None]:
    """The service manager is told only when items move, and not for each of them."""
    last_s = 0.0

    def moved(count: int) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if now_s - last_s >= PING_S:
            last_s = now_s
            notify("WATCHDOG=1")

    return moved
