"""`station.toml` as frozen values. Every key has its unit in its name or is explained here and in docs/station.md."""

from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from otorongo import toml
from otorongo.language import say, say_count
from otorongo.station.config_camera import FolderConfig
from otorongo.station.config_repeat import RepeatConfig
from otorongo.station.config_rules import (
    PICTURE_RULES,
    SOUND_RULES,
    SPECIES_RULES,
    RuleConfig,
    check_rule,
)
from otorongo.station.config_sound import EmbeddingsConfig, ScheduleConfig
from otorongo.station.config_view import AreaConfig, check_view
from otorongo.station.uplink_config import UplinkConfig
from otorongo.toml import ConfigError
from otorongo.wire.errors import BadValue
from otorongo.wire.topics import check_station

DEFAULT_PATH: Final = Path("/etc/otorongo/station.toml")
MOST_SPEED: Final = 1000
"""Of a replay: so many times as fast as it was recorded."""

SensorNumber = Annotated[int, Meta(ge=1, le=250)]


class PlaceConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the station stands."""

    latitude_deg: Annotated[float, Meta(ge=-90, le=90)]
    """WGS 84, negative in the south."""
    longitude_deg: Annotated[float, Meta(ge=-180, le=180)]
    """WGS 84, negative in the west."""
    height_m: Annotated[float, Meta(ge=-100, le=9000)] = 0.0
    """Of the microphone above ground."""
    no_contact: bool = False
    """Land of peoples in isolation: every row says so, and what shows people is sealed to the protocol holder alone."""


class SealConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who can open the originals that `people = "seal"` and `voices = "seal"` close."""

    recipients: tuple[Annotated[str, Meta(pattern="^age1[02-9ac-hj-np-z]{58}$")], ...]
    """Public age keys: at least two, operations and a custodian; with `place.no_contact` the protocol holder alone."""


class ReplayConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How `driver = "replay"` reads files instead of a device."""

    speed: Annotated[float, Meta(ge=0, le=MOST_SPEED)] = 1.0
    """1: as fast as it was recorded; 10: ten times as fast; 0: as fast as possible."""
    at: Literal["recorded", "now"] = "recorded"
    """`now` shifts the capture times: the replay seems to happen while it runs."""
    zone: str = "America/Lima"
    """Time zone of capture times that do not say theirs."""


class MicrophoneConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A microphone."""

    driver: Literal["alsa", "replay"]
    device: str
    """alsa: `usb-port:1-1.2` (the port's path) or an ALSA name such as `hw:1,0`. replay: a file or folder."""
    bundle: str = "threats@5"
    """A bundle of the zoo, or its folder."""
    second: str = ""
    """A bundle that judges once more what the first one holds possible, such as `yamnet@1`; none by default."""
    number: SensorNumber = 1
    """Names this sensor on the wire."""
    rate_hz: Annotated[int, Meta(ge=8_000, le=192_000)] = 48_000
    """alsa: the rate to record at; the bundle's own rate is made from it."""
    gate_db: Annotated[float, Meta(ge=-120, le=0)] = -95.0
    """Windows quieter than this (dB below full scale) are not classified: a converter's own noise, and no forest."""
    gate_margin_db: Annotated[float, Meta(ge=0, le=60)] = 0.0
    """Nor are windows that are not at least so much louder than the noise floor."""
    heartbeat_s: Annotated[int, Meta(ge=10, le=86_400)] = 3600
    """How often this sensor says that it lives."""
    clip_s: Annotated[float, Meta(ge=0, le=60)] = 12.0
    """Length of the sound that is kept of an event; 0: none."""
    pre_roll_s: Annotated[float, Meta(ge=0, le=30)] = 3.0
    """How much of that comes from before the event."""
    media_mb: Annotated[int, Meta(ge=0)] = 500
    """Room on the card for this sensor's evidence."""
    voices: Literal["seal", "discard", "keep"] = "discard"
    """Sound in which somebody may be speaking, or right beside: sealed untouched to those of [seal]; discarded wholly;
    or kept, where everybody agreed."""
    voices_p: Annotated[float, Meta(gt=0, lt=1)] = 0.7
    """From this probability of speech a window counts as one with voices: far below the threshold of an event."""
    tracks: bool = True
    """Tell a threat's scores window by window when it closes (half a byte each): the hub can judge it again."""
    combs: bool = True
    """Follow the combs of engines: their turns per second, and which of them are steady engines, boats or vehicles."""
    vetoes: bool = True
    """Rain, wind, thunder, insects, aircraft and howlers raise what a threat needs, or suspend it."""
    full_scale_db: Annotated[float, Meta(ge=80, le=180)] = 120.0
    """Sound pressure (dB re 20 uPa) of full scale, for how far a saw could be heard: see its data sheet."""
    rule: dict[str, RuleConfig] = {}
    """By class; the others keep their defaults."""
    schedule: ScheduleConfig = ScheduleConfig()
    embeddings: EmbeddingsConfig = EmbeddingsConfig()
    replay: ReplayConfig = ReplayConfig()


class BirdsConfig(MicrophoneConfig, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A second process at a microphone, for species: by choice, slow, and no duty of the station."""

    bundle: str = "birdnet@1"
    """A bundle of species, which `otorongo-models add birdnet` brings."""
    number: SensorNumber = 3
    """Names this sensor on the wire."""
    media_mb: Annotated[int, Meta(ge=0)] = 200
    """Room on the card for this sensor's evidence."""
    schedule: ScheduleConfig = ScheduleConfig(length_s=0)
    embeddings: EmbeddingsConfig = EmbeddingsConfig(mb=0)


class AuditConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A random few of the frames that the gate and the thresholds rejected, kept to be looked at."""

    per_day: Annotated[int, Meta(ge=0, le=1000)] = 20
    """Half of them that the gate held back, half in which no class reached its threshold. 0: none."""
    mb: Annotated[int, Meta(ge=0)] = 200
    """Room on the card; the oldest days go first. 0: none are kept."""


class CameraConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A camera."""

    driver: Literal["picamera", "opencv", "folder", "replay"]
    device: str = ""
    """opencv: a number, `/dev/video0` or an `rtsp://` address. picamera: its number. folder: where cameras
    write. replay: a file or folder."""
    bundle: str = "boxes@1"
    """A bundle of the zoo, or its folder."""
    species: str = ""
    """A bundle that names what is in the boxes of animals, such as `names@1`; none by default."""
    number: SensorNumber = 2
    """Names this sensor on the wire."""
    trigger_pin: Annotated[int, Meta(ge=0, le=40)] | None = None
    """GPIO of a PIR detector (BCM); the camera sleeps until it rises. Left out: the gate alone decides."""
    width: Annotated[int, Meta(ge=160, le=9152)] = 1280
    """Pixels."""
    height: Annotated[int, Meta(ge=120, le=6944)] = 720
    """Pixels."""
    fps: Annotated[float, Meta(gt=0, le=60)] = 2.0
    """Frames per second."""
    burst: Annotated[int, Meta(ge=1, le=100)] = 5
    """Frames after a trigger, or after something began to move, as fast as they are judged."""
    standby: Literal["warm", "cold"] = "warm"
    """picamera with a trigger: between two triggers the camera goes on exposing, or is off and saves its power."""
    every_s: Annotated[float, Meta(ge=0, le=86_400)] = 0.0
    """One frame in so long is classified whatever the gate says (time lapse); 0: none."""
    night_exposure_ms: Annotated[int, Meta(ge=0, le=5000)] = 0
    """picamera: how long a frame is exposed by night; 0: as the camera finds right."""
    ir_cut_pin: Annotated[int, Meta(ge=0, le=40)] | None = None
    """GPIO (BCM) of the infrared lamp or the filter before the lens: high by night, by the frames' brightness."""
    gate: bool = True
    """False: every frame is classified (single pictures, time lapse)."""
    mask: dict[str, AreaConfig] = {}
    """By name: where nothing that moves counts, such as a river or a road that is not ours."""
    zone: dict[str, AreaConfig] = {}
    """By name: with any, what moves must reach into one of them."""
    view: Annotated[str, Meta(max_length=64)] = ""
    """What the camera looks at, in your words; with another one it learns anew what it usually sees."""
    threads: Annotated[int, Meta(ge=1, le=16)] = 1  # of the networks
    idle_s: Annotated[float, Meta(ge=0, le=86_400)] = 600.0
    """Networks that had nothing to look at for so long leave the memory until they are needed; 0: never."""
    heartbeat_s: Annotated[int, Meta(ge=10, le=86_400)] = 3600
    """How often this sensor says that it lives."""
    thumbnail: bool = True
    """Keep one small picture of each event."""
    pre_s: Annotated[float, Meta(ge=0, le=10)] = 3.0
    """So long before an event its picture may be from, if that shows it better."""
    full: bool = False
    """Keep the whole frame of each event besides, on the card; people as `people` says. It travels on demand only."""
    full_mb: Annotated[int, Meta(ge=1)] = 1000
    """Room on the card for whole frames."""
    people: Literal["seal", "discard", "keep"] = "discard"
    """Pictures that may show people: the untouched original sealed to those of [seal], and a small one in which they
    cannot be recognised; discarded wholly; or kept, where everybody agreed."""
    people_p: Annotated[float, Meta(gt=0, lt=1)] = 0.05
    """From this probability of a person a picture may show people: far below the threshold of an event."""
    media_mb: Annotated[int, Meta(ge=0)] = 1000
    """Room on the card for this sensor's evidence."""
    rule: dict[str, RuleConfig] = {}
    """By class; the others keep their defaults."""
    folder: FolderConfig = FolderConfig()
    audit: AuditConfig = AuditConfig()
    repeat: RepeatConfig = RepeatConfig()
    replay: ReplayConfig = ReplayConfig()


class StationConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    station: str
    """Name of the station: 1 to 32 letters, digits, - and _; the hub knows it by this."""
    data_dir: str = "/var/lib/otorongo"
    """Outbox, evidence and ballast."""
    place: PlaceConfig | None = None
    seal: SealConfig | None = None
    """Left out: nothing can be sealed."""
    microphone: MicrophoneConfig | None = None
    camera: CameraConfig | None = None
    birds: BirdsConfig | None = None
    uplink: UplinkConfig | None = None
    """Left out: nothing is sent, and everything waits on the card."""

    @property
    def outbox_path(self) -> Path:
        """The outbox file."""
        return Path(self.data_dir) / "outbox.db"

    @property
    def no_contact(self) -> bool:
        """Whether it stands in land of peoples in isolation."""
        return self.place is not None and self.place.no_contact

    def sensors(self) -> dict[str, "MicrophoneConfig | CameraConfig"]:
        """The sensors that there are, by section."""
        every = (("microphone", self.microphone), ("camera", self.camera), ("birds", self.birds))
        return {name: one for name, one in every if one}


def load(path: str | Path) -> StationConfig:
    """Read `station.toml`. Raises ConfigError, which names the file, the key, the reason and what is allowed."""
    config = toml.load(path, StationConfig)
    try:
        check_station(config.station)
    except BadValue as error:
        raise ConfigError(
            say(
                "{path}: station: {name} (allowed: 1 to 32 of A-Z, a-z, 0-9, - and _)",
                path=path,
                name=repr(config.station),
            )
        ) from error
    if not config.sensors():
        raise ConfigError(say("{path}: no sensor: write a section [microphone] or [camera]", path=path))
    seen: dict[int, str] = {}
    for section, sensor in config.sensors().items():
        other = seen.setdefault(sensor.number, section)
        if other != section:
            raise ConfigError(
                say(
                    "{path}: {section}.number: {number} is that of [{other}] too (allowed: a number of its own)",
                    path=path,
                    section=section,
                    number=sensor.number,
                    other=other,
                )
            )
    _check_seal(path, config)
    if config.camera:
        check_view(f"{path}: camera", config.camera.mask, config.camera.zone)
        _check_pi(f"{path}: camera", config.camera)
        _check_device(f"{path}: camera", config.camera)
        if config.camera.full and config.no_contact:
            raise ConfigError(
                say("{path}: camera.full: is true, in land of peoples in isolation (allowed: false)", path=path)
            )
    for section, sensor in config.sensors().items():
        if isinstance(sensor, MicrophoneConfig) and sensor.schedule.length_s > sensor.schedule.every_s:
            given = sensor.schedule
            where = f"{path}: {section}.schedule.length_s"
            raise ConfigError(
                say(
                    "{where}: {length_s:g} s of every {every_s:g} s (allowed: at most every_s)",
                    where=where,
                    length_s=given.length_s,
                    every_s=given.every_s,
                )
            )
        for name, rule in rules_of(sensor).items():
            check_rule(f"{path}: {section}.rule.{name}", name, rule, "picture" if section == "camera" else "sound")
    return config


def _check_pi(where: str, camera: CameraConfig) -> None:
    """Refuse what only a Pi's own camera can, rather than do without it and say nothing."""
    if camera.standby == "cold" and (camera.driver != "picamera" or camera.trigger_pin is None):
        raise ConfigError(
            say('{where}.standby: is cold (allowed only with driver = "picamera" and a trigger_pin)', where=where)
        )
    if camera.night_exposure_ms and camera.driver != "picamera":
        raise ConfigError(
            say(
                '{where}.night_exposure_ms: is {night_exposure_ms} (allowed only with "picamera")',
                where=where,
                night_exposure_ms=camera.night_exposure_ms,
            )
        )


def _check_device(where: str, camera: CameraConfig) -> None:
    """Refuse a device that its driver cannot mean, and one pin for two things: both fail only once it runs."""
    device, allowed = camera.device, ""
    if camera.driver == "picamera" and device and not device.isdecimal():
        allowed = say("the number of the camera, such as 0")
    if camera.driver == "opencv" and device and not (device.isdecimal() or device[0] == "/" or "://" in device):
        allowed = say("a number, /dev/video0 or an rtsp:// address")
    if allowed:
        raise ConfigError(
            say("{where}.device: {device!r} (allowed: {allowed})", where=where, device=device, allowed=allowed)
        )
    if camera.trigger_pin is not None and camera.trigger_pin == camera.ir_cut_pin:
        raise ConfigError(
            say(
                "{where}.ir_cut_pin: {pin} is that of trigger_pin too (allowed: a pin of its own)",
                where=where,
                pin=camera.ir_cut_pin,
            )
        )


def policy_of(sensor: MicrophoneConfig | CameraConfig) -> Literal["seal", "discard", "keep"]:
    """What becomes of what shows people, or lets them be heard."""
    return sensor.voices if isinstance(sensor, MicrophoneConfig) else sensor.people


def _check_seal(path: str | Path, config: StationConfig) -> None:
    """Whoever seals needs two who can open, for one key is lost; from no_contact land nobody else may."""
    for section, sensor in config.sensors().items():
        key = f"{path}: {section}.{'people' if section == 'camera' else 'voices'}"
        if policy_of(sensor) == "keep" and config.no_contact:
            raise ConfigError(say("{key}: is keep, in land of peoples in isolation (allowed: seal, discard)", key=key))
        if policy_of(sensor) == "seal" and config.seal is None:
            raise ConfigError(
                say(
                    "{key}: is seal, but nobody could open it: write [seal] with recipients, the public keys "
                    "(age1...) of operations and of a custodian, which `otorongo-hub keygen` or `age-keygen` "
                    "makes (or write discard)",
                    key=key,
                )
            )
    if config.seal is None:
        return
    count = len(set(config.seal.recipients))
    if count != len(config.seal.recipients):
        raise ConfigError(say("{path}: seal.recipients: one stands twice (allowed: each key once)", path=path))
    if config.no_contact and count != 1:
        raise ConfigError(
            say(
                "{path}: seal.recipients: {count} keys, in land of peoples in isolation (allowed: the "
                "protocol holder's alone, which the hub's administrator has)",
                path=path,
                count=count,
            )
        )
    if not config.no_contact and count < 2:
        raise ConfigError(
            say_count(
                "{path}: seal.recipients: {count} key: who loses it has lost every original (allowed: at "
                "least two, of operations and of a custodian elsewhere; one only with place.no_contact = "
                "true)",
                "{path}: seal.recipients: {count} keys: who loses them has lost every original (allowed: at "
                "least two, of operations and of a custodian elsewhere; one only with place.no_contact = "
                "true)",
                count,
                path=path,
            )
        )


def rules_of(sensor: MicrophoneConfig | CameraConfig) -> dict[str, RuleConfig]:
    """The rules of a sensor: the defaults, and over them what its section says."""
    if isinstance(sensor, BirdsConfig):
        return {**SPECIES_RULES, **sensor.rule}
    return {**(SOUND_RULES if isinstance(sensor, MicrophoneConfig) else PICTURE_RULES), **sensor.rule}
