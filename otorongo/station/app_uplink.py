"""Where a station's uplink is put together: the only process with the network and the keys."""

import hashlib
import logging
import threading
from collections import deque
from pathlib import Path
from typing import Final

from otorongo.errors import OtorongoError
from otorongo.language import say
from otorongo.models.manifest import load as load_bundle
from otorongo.station.absent import Absent
from otorongo.station.adapters.board import LinuxBoard
from otorongo.station.adapters.mqtt import MqttTransport, check_file, tls_context
from otorongo.station.adapters.seal import FileSigner
from otorongo.station.adapters.systemd import notify
from otorongo.station.app_process import SOFTWARE, birth_bundles, kind_of, only_one, stop_on_signal, without_word
from otorongo.station.config import StationConfig
from otorongo.station.outbox import Outbox
from otorongo.station.uplink import Station, Uplink, speaks_cursor
from otorongo.station.uplink import run as run_uplink
from otorongo.station.uplink_config import UplinkConfig, endpoint
from otorongo.toml import ConfigError
from otorongo.wire import birth
from otorongo.wire.codes import NoteKind
from otorongo.wire.rows import Note

log = logging.getLogger(__name__)

LOG_LINES: Final = 500
NO_BUNDLE: Final = 255
"""A place in the birth's list of bundles where there is none."""


def uplink(config: StationConfig, config_path: Path) -> int:
    """Run the uplink's process until it is stopped; the exit status.

    Raises ConfigError, TransportError, SealError, OutboxError or, where another one runs, SensorError; they say how to
    mend it.
    """
    link = config.uplink
    if link is None:
        raise ConfigError(
            say("{config_path}: there is no section [uplink]: write one with broker", config_path=config_path)
        )
    with only_one("uplink", config.data_dir):
        return _uplink(config, link, config_path)


def _uplink(config: StationConfig, link: UplinkConfig, config_path: Path) -> int:
    where = endpoint(link.broker)
    lines = _keep_log()
    board = LinuxBoard(config.data_dir)
    outbox = Outbox.open(config.outbox_path, boot_id=board.boot_id(), now=board.clock(), keep_days=link.keep_days)
    outbox.check()
    for seq in outbox.close_leftovers(0):
        log.warning("uplink: a drill was left open by the last run: closed as restart at seq %d", seq)
    whole, faults = station_birth(config, config_path)
    if faults:
        outbox.put([Note(outbox.t_ms(), NoteKind.SENSOR_FAULT, text[:500], number) for number, text in faults])
    transport = MqttTransport(
        config.station,
        where.host,
        where.port,
        tls=tls_context(link.ca_file, link.cert_file, link.key_file) if where.tls else None,
        user=link.user,
        password=_secret(link.password_file),
        keepalive_s=link.keepalive_s,
        connect_wait_s=link.connect_wait_s,
        reconnect_max_s=link.reconnect_max_s,
        speaks=outbox.cursor(speaks_cursor(link.broker)),
    )
    signer = FileSigner(link.seal_key_file or Path(config.data_dir) / "seal.key")
    station = Station(
        config.station,
        whole,
        config_path.read_text(),
        lambda count: list(lines)[-count:],
    )
    stop = threading.Event()
    stop_on_signal(stop.set)
    absent = Absent(
        lambda: {
            sensor.number: section
            for section, sensor in config.sensors().items()
            if without_word(section, config.data_dir)
        }
    )
    uplink = Uplink(link, station, outbox, transport, board, signer, absent=absent)
    run_uplink(uplink, transport, outbox, notify, stop)
    return 0


def station_birth(config: StationConfig, config_path: Path) -> tuple[birth.Birth, list[tuple[int, str]]]:
    """All sensors and bundles of a station; the uplink fills in outbox, boot and key.

    Also the sensors whose bundle cannot be read, by number, and why: that is no reason to silence the others.
    """
    bundles: list[birth.Bundle] = []
    sensors: list[birth.Sensor] = []
    faults: list[tuple[int, str]] = []
    for section, sensor in config.sensors().items():
        place_in_list = len(bundles)
        try:
            bundle = load_bundle(sensor.bundle)
            bundles += birth_bundles(sensor, bundle)
        except OtorongoError as error:
            log.error("uplink: %s.bundle %s: %s: it is missing in the birth", section, sensor.bundle, error)  # noqa: TRY400
            faults.append((sensor.number, f"{section}.bundle {sensor.bundle}: {error}"))
            place_in_list = NO_BUNDLE
        sensors.append(birth.Sensor(sensor.number, kind_of(section), sensor.driver, place_in_list))
    place = config.place
    whole = birth.Birth(
        outbox=0,
        boot=0,
        software=SOFTWARE,
        bundles=tuple(bundles),
        sensors=tuple(sensors),
        latitude_deg=place.latitude_deg if place else None,
        longitude_deg=place.longitude_deg if place else None,
        height_m=place.height_m if place else None,
        config_digest=hashlib.sha256(config_path.read_bytes()).hexdigest(),
    )
    return whole, faults


def _secret(path: str) -> str:
    """The first line of a file; nothing if no file is named. Raises ConfigError, TransportError."""
    if not path:
        return ""
    check_file("password_file", path)
    lines = Path(path).read_bytes().decode("utf-8", "replace").splitlines()
    if not lines or not lines[0].strip():
        raise ConfigError(
            say("uplink.password_file {path}: its first line is empty: write the password there", path=path)
        )
    return lines[0].strip()


def _keep_log() -> deque[str]:
    """Remember the newest lines of the log, for a hub that wants them."""
    lines: deque[str] = deque(maxlen=LOG_LINES)

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.levelname} {record.getMessage()}"[:400])

    logging.getLogger().addHandler(Keep())
    return lines
