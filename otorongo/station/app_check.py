"""`otorongo-station check`: what is wrong with this station, and how to mend it, in words for a technician."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from otorongo.errors import OtorongoError
from otorongo.language import say, say_count, why
from otorongo.models.class_words import named
from otorongo.models.manifest import Bundle
from otorongo.models.manifest import load as load_bundle
from otorongo.station import config as station_config
from otorongo.station.app_keep import knows_people, knows_voices, sealer_for
from otorongo.station.app_policy import waits
from otorongo.station.app_rules import Sensor, experimental, rules_for
from otorongo.station.config import CameraConfig, MicrophoneConfig, StationConfig, policy_of
from otorongo.station.events import Rule
from otorongo.station.redact import without_secrets
from otorongo.station.uplink_config import UplinkConfig, endpoint
from otorongo.wire.classes import BY_NAME, name_of

Finding = tuple[bool, str]
"""Well or not, and the sentence."""


def check(path: Path) -> int:
    """Print a line for each thing looked at; the exit status is 1 if anything is wrong."""
    try:
        config = station_config.load(path)
    except OtorongoError as error:
        sys.stdout.write(say("WRONG") + f"  {error}\n")
        return 1
    findings = [(True, say("{path}: station {station}", path=path, station=config.station)), *_folder(config)]
    for section, sensor in config.sensors().items():
        findings += _sensor(config, section, sensor)
    findings += [*_seal(config), *_uplink(config)]
    if config.place is None:
        findings.append(
            (False, say("place: left out: the hub cannot say where an alert is; write [place] with latitude_deg"))
        )
    for well, text in findings:
        sys.stdout.write((say("ok   ") if well else say("WRONG")) + f"  {text}\n")
    wrong = sum(not well for well, _ in findings)
    sys.stdout.write(
        (say_count("{count} thing to mend", "{count} things to mend", wrong) if wrong else say("all is well")) + "\n"
    )
    return 1 if wrong else 0


def _folder(config: StationConfig) -> Iterator[Finding]:
    folder = Path(config.data_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".check"
        probe.write_bytes(b"otorongo")
        probe.unlink()
    except OSError as error:
        yield (
            False,
            say(
                "data_dir {folder}: cannot be written: {why}: run as the user otorongo, or make the folder",
                folder=folder,
                why=why(error),
            ),
        )
        return
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < 200:
        yield (
            False,
            say(
                "data_dir {folder}: {free_mb} MB free: free at least 200 MB, or put in a larger card",
                folder=folder,
                free_mb=free_mb,
            ),
        )
    else:
        yield True, say("data_dir {folder}: {free_mb} MB free", folder=folder, free_mb=free_mb)


def _sensor(config: StationConfig, section: str, sensor: Sensor) -> Iterator[Finding]:
    try:
        bundle = load_bundle(sensor.bundle)
        rules = rules_for(section, sensor, bundle)
        unsure = {BY_NAME[wire].number for wire in experimental(sensor, bundle)}
        words = ", ".join(_rule(cls, rule, experimental=cls in unsure) for cls, rule in rules.items())
        yield (
            True,
            say(
                "{section}.bundle: {reference}; events: {words}",
                section=section,
                reference=bundle.manifest.reference,
                words=words,
            ),
        )
    except OtorongoError as error:
        yield False, str(error)
    else:
        yield from _policy(section, sensor, bundle)
    if isinstance(sensor, CameraConfig) and (open_ones := waits(config, section, sensor)):
        yield _left_open(section, sensor, open_ones)
    if isinstance(sensor, MicrophoneConfig) and sensor.second:
        yield _second(section, sensor)
    if isinstance(sensor, CameraConfig) and sensor.species:
        yield _names(section, sensor)
    yield from _device(section, sensor)


def _rule(cls: int, rule: Rule, *, experimental: bool) -> str:
    """What makes an event of a class, and whether little stands behind it."""
    mark = say(" (experimental)") if experimental else ""
    return say("{name} {hits} of {windows}", name=named(name_of(cls)), hits=rule.hits, windows=rule.windows) + mark


def _policy(section: str, sensor: Sensor, bundle: Bundle) -> Iterator[Finding]:
    """What is kept of people by this sensor."""
    name, policy = bundle.manifest.reference, policy_of(sensor)
    sounds = isinstance(sensor, MicrophoneConfig)
    if policy != "keep" and sounds and not knows_voices(bundle):
        yield True, say("{section}.voices: {name} cannot tell voices: it keeps no clips", section=section, name=name)
    elif policy != "keep" and not sounds and not knows_people(bundle):
        what = say("all pictures are sealed") if policy == "seal" else say("it keeps no pictures")
        yield True, say("{section}.people: {name} cannot tell people: {what}", section=section, name=name, what=what)
    elif policy == "discard" and not sounds:
        mend = say('people = "seal" with [seal] keeps them for those who may open them')
        yield (
            True,
            say("{section}.people: pictures that may show people are discarded: {mend}", section=section, mend=mend),
        )


def _left_open(section: str, sensor: CameraConfig, count: int) -> Finding:
    """What was made while `people` was `keep` is still to be closed: when that is, and what to do before."""
    return False, say_count(
        "{section}.people is {policy} and was keep: {count} picture from then still lies open, until the camera starts "
        "anew (systemctl restart otorongo-sense@{section}); copy it before, if everybody in it agrees",
        "{section}.people is {policy} and was keep: {count} pictures from then still lie open, until the camera starts "
        "anew (systemctl restart otorongo-sense@{section}); copy them before, if everybody in them agrees",
        count,
        section=section,
        policy=sensor.people,
    )


def _seal(config: StationConfig) -> Iterator[Finding]:
    """Whether what is to be sealed can be: the library is there, and the keys are keys."""
    if config.seal is None:
        return
    try:
        sealer_for(config.seal.recipients).seal(b"otorongo")
    except OtorongoError as error:
        yield False, str(error)
    else:
        yield (
            True,
            say_count(
                "seal: originals are sealed to {count} key",
                "seal: originals are sealed to {count} keys, each of which opens them",
                len(config.seal.recipients),
            ),
        )


def _second(section: str, sensor: MicrophoneConfig) -> Finding:
    from otorongo.models.runtime import open_classifier
    from otorongo.models.second import SecondOpinion

    try:
        both = SecondOpinion(open_classifier(load_bundle(sensor.bundle)), open_classifier(load_bundle(sensor.second)))
    except OtorongoError as error:
        name = sensor.second.partition("@")[0]
        return False, say(
            "{section}.second: {error}; add it with otorongo-models add {name}, or take the line out",
            section=section,
            error=error,
            name=name,
        )
    return True, f"{section}.second: {both.second.manifest.reference}"


def _names(section: str, sensor: CameraConfig) -> Finding:
    """What names this camera's animals: its files fit together, and whether anybody has measured it here."""
    from otorongo.models.runtime import check_goldens, open_classifier
    from otorongo.station.app_eyes import named_by

    try:
        names = load_bundle(sensor.species)
        named_by(open_classifier(load_bundle(sensor.bundle)), names)
        wrong = sum(not one.ok for one in check_goldens(open_classifier(names)))
    except OtorongoError as error:
        return False, say(
            "{section}.species: {error}; add it with otorongo-models, or take the line out",
            section=section,
            error=error,
        )
    reference = names.manifest.reference
    if wrong:
        return False, say(
            "{section}.species: {reference} computes something else here: otorongo-models check {reference}",
            section=section,
            reference=reference,
        )
    told = "" if names.manifest.validated else say(", not validated on animals of the region: pages say so")
    return True, f"{section}.species: {reference}{told}"


def _device(section: str, sensor: Sensor) -> Iterator[Finding]:
    where = f"{section}.device {without_secrets(sensor.device)}"
    if sensor.driver == "replay":
        yield _recordings(section, sensor)
    elif isinstance(sensor, CameraConfig) and sensor.driver == "folder":
        from otorongo.station.app_folder import check_folder

        yield from check_folder(sensor)
    elif isinstance(sensor, MicrophoneConfig):
        if shutil.which("arecord") is None:
            yield False, say("microphone: the program arecord is missing: install the package alsa-utils")
        if sensor.device.startswith("usb-port:"):
            from otorongo.station.adapters.alsa import card_at

            try:
                yield True, f"{where}: {card_at(sensor.device.removeprefix('usb-port:'))}"
            except OtorongoError as error:
                yield False, say("{error}: plug it in there, or write the port where it is", error=error)
    elif sensor.driver == "picamera":
        there = Path("/usr/lib/python3/dist-packages/picamera2").exists()
        found, missing = say("is there"), say("is missing: install the package python3-picamera2")
        yield there, f"camera: picamera2 {found if there else missing}"
    elif (given := sensor.device or "0").startswith("/") or given.isdecimal():
        device = f"/dev/video{given}" if given.isdecimal() else given
        there = Path(device).exists()
        told = say("is there") if there else say("no such device: is the camera plugged in?")
        yield there, f"{section}.device {without_secrets(device)}: {told}"
    if isinstance(sensor, CameraConfig):
        yield from _pins(section, sensor)


def _pins(section: str, sensor: CameraConfig) -> Iterator[Finding]:
    """Whether there is something that reads and drives the pins of a camera."""
    from otorongo.station.adapters import gpio

    for key, pin in (("trigger_pin", sensor.trigger_pin), ("ir_cut_pin", sensor.ir_cut_pin)):
        if pin is not None and (missing := gpio.missing()):
            yield False, f"{section}.{key} {pin}: {missing}"


def _recordings(section: str, sensor: Sensor) -> Finding:
    """Whether there is something to replay, and its time zone exists."""
    from otorongo.station.adapters import replay

    sounds = isinstance(sensor, MicrophoneConfig)
    endings = replay.SOUNDS if sounds else (*replay.PICTURES, *replay.VIDEOS)
    where = f"{section}.device {sensor.device}"
    try:
        found, refused = replay.find(Path(sensor.device), endings, replay.zone_of(sensor.replay.zone))
    except OtorongoError as error:
        return False, f"{section}: {error}"
    if not found:
        return False, say("{where}: holds nothing to replay (allowed: {names})", where=where, names=", ".join(endings))
    if refused:
        return False, say_count(
            "{where}: {count} file cannot be read: {name}: {why}",
            "{where}: {count} files cannot be read, such as {name}: {why}",
            len(refused),
            where=where,
            name=refused[0].name,
            why=refused[0].why,
        )
    return True, say_count(
        "{where}: {count} recording, {name}",
        "{where}: {count} recordings, the first is {name}",
        len(found),
        where=where,
        name=found[0].name,
    )


def _uplink(config: StationConfig) -> Iterator[Finding]:
    link = config.uplink
    if link is None:
        yield False, say("uplink: left out: nothing will be sent; write [uplink] with broker")
        return
    try:
        where = endpoint(link.broker)
    except OtorongoError as error:
        yield False, str(error)
        return
    if not where.tls and where.host not in ("localhost", "127.0.0.1", "::1"):
        yield (
            False,
            say(
                "uplink.broker {broker}: not encrypted: everybody on the way can read it; write mqtts://",
                broker=link.broker,
            ),
        )
    else:
        yield True, f"uplink.broker {link.broker}"
    yield from _files(link)


def _files(link: UplinkConfig) -> Iterator[Finding]:
    """The files of the uplink: there, readable, private where they are secret, and usable together."""
    from otorongo.station.adapters.mqtt import check_file, tls_context

    well = True
    for key in ("key_file", "cert_file", "ca_file", "password_file"):
        name = getattr(link, key)
        if not name:
            continue
        try:
            check_file(key, name)
            if key in ("key_file", "password_file") and Path(name).stat().st_mode & 0o077:
                yield False, say("uplink.{key} {name}: others may read it: chmod 600 {name}", key=key, name=name)
        except OtorongoError as error:
            well = False
            yield False, str(error)
    try:
        if well:
            tls_context(link.ca_file, link.cert_file, link.key_file)
    except OtorongoError as error:
        yield False, str(error)
