"""The units: nothing that systemd complains about or passes over in silence, and little that a break-in could use."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from otorongo.station.config import BirdsConfig, CameraConfig, MicrophoneConfig, StationConfig

UNITS = ("otorongo-sense@.service", "otorongo-uplink.service", "otorongo-hub.service")
EXPOSURE_AT_MOST = 2.0
SYSTEM = Path("/usr/lib/systemd/system")
# Units of Debian packages that are installed beside ours, or not at all.
ELSEWHERE = {"mosquitto.service", "postgresql.service"}
ORDERING = re.compile(
    r"^(?:After|Before|Wants|Requires|Requisite|BindsTo|PartOf|Conflicts|Upholds|OnFailure|WantedBy|RequiredBy|Also)=(.+)$",
    re.MULTILINE,
)


def instance(unit: str) -> str:
    """A template's unit for one sensor; any other as it is."""
    return unit.replace("@.", "@microphone.")


def machine(folder: Path, units: dict[str, str]) -> Path:
    """A root folder with systemd's own units, these units, and the programs that they start."""
    shutil.copytree(SYSTEM, folder / "usr/lib/systemd/system", symlinks=True)
    (folder / "lib").symlink_to("usr/lib")
    (folder / "etc/systemd/system").mkdir(parents=True)
    for name, text in units.items():
        path = folder / "etc/systemd/system" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    for program in ("opt/otorongo/current/bin/otorongo-station", "opt/otorongo-hub/current/bin/otorongo-hub"):
        make_program(folder / program)
    return folder


def make_program(path: Path) -> None:
    """Something that can be started."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


def verify(folder: Path, *units: str) -> str:
    """Everything that `systemd-analyze verify` says, also while it exits with 0; plus its exit code if bad."""
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={folder}", *units], capture_output=True, text=True
    )
    return done.stdout + done.stderr + (f"exit code {done.returncode}" if done.returncode else "")


def strangers(text: str, known: set[str]) -> list[str]:
    """Units that a unit names and that exist nowhere: systemd passes over them in silence."""
    named = [name for line in ORDERING.findall(text) for name in line.split()]
    return [name for name in named if name not in known and not (SYSTEM / name).exists()]


@pytest.fixture(scope="module")
def units(root: Path) -> dict[str, str]:
    """Our units by name."""
    return {name: (root / "systemd" / name).read_text() for name in UNITS}


def test_nothing_is_left_out(root: Path) -> None:
    """Every unit in the folder is one that is tested here."""
    assert {path.name for path in (root / "systemd").glob("*.service")} == set(UNITS)


def test_systemd_has_nothing_to_say(tmp_path: Path, units: dict[str, str]) -> None:
    """`systemd-analyze verify` prints nothing: no unknown key, no bad value, no missing program."""
    assert verify(machine(tmp_path / "root", units), *map(instance, UNITS)) == ""


def test_the_drop_ins_fit(root: Path, tmp_path: Path, units: dict[str, str]) -> None:
    """The examples and the addition to Debian's mosquitto.service are accepted in silence too."""
    examples = {
        "otorongo-sense@microphone.service.d/rtsp.conf": (root / "systemd/examples/rtsp-camera.conf").read_text(),
        "otorongo-sense@camera.service.d/folder.conf": (root / "systemd/examples/folder-camera.conf").read_text(),
        "otorongo-hub.service.d/folders.conf": (root / "systemd/examples/hub-folders.conf").read_text(),
        "mosquitto.service.d/otorongo.conf": (root / "deploy/mosquitto/mosquitto.service.d.conf").read_text(),
    }
    folder = machine(tmp_path / "root", units | examples)
    copy_pki = "opt/otorongo-hub/current/deploy/mosquitto/copy-pki"
    for program in ("usr/sbin/mosquitto", "bin/mkdir", "bin/chown", "bin/kill", copy_pki):
        make_program(folder / program)
    shutil.copy("/usr/lib/systemd/system/mosquitto.service", folder / "usr/lib/systemd/system")
    named = {path.name for path in (root / "systemd/examples").iterdir()}
    assert named == {"rtsp-camera.conf", "folder-camera.conf", "hub-folders.conf"}
    sensors = ("otorongo-sense@microphone.service", "otorongo-sense@camera.service")
    assert verify(folder, *sensors, "otorongo-hub.service", "mosquitto.service") == ""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("ProtectSystem=strict", "ProtectSytem=strict"),
        ("WatchdogSec=", "WatchDogSec="),
        ("Restart=always", "Restart=allways"),
        ("WatchdogSec=300s", "WatchdogSec=300 parsecs"),
        ("bin/otorongo-station", "bin/otorongo-sation"),
        ("SystemCallFilter=@system-service", "SystemCallFilter=@system-services"),
    ],
)
def test_a_slip_is_caught(tmp_path: Path, units: dict[str, str], right: str, wrong: str) -> None:
    """The check can fail: each of these slips makes systemd say something, though it exits with 0 for most."""
    unit = "otorongo-uplink.service"
    assert right in units[unit]
    assert verify(machine(tmp_path / "root", {unit: units[unit].replace(right, wrong)}), unit)


def test_every_unit_that_is_named_exists(units: dict[str, str]) -> None:
    """No ordering or wanting points into the void."""
    known = {*UNITS, *ELSEWHERE}
    assert {name: found for name, text in units.items() if (found := strangers(text, known))} == {}
    assert strangers("After=netwrok.target network.target", known) == ["netwrok.target"]


@pytest.mark.parametrize("unit", UNITS)
def test_little_is_exposed(tmp_path: Path, units: dict[str, str], unit: str) -> None:
    """`systemd-analyze security` finds an exposure of at most 2.0."""
    path = tmp_path / instance(unit)
    path.write_text(units[unit])
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", path], capture_output=True, text=True, check=True
    )
    overall = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert overall
    assert float(overall[1]) <= EXPOSURE_AT_MOST


def test_backups_go_where_disks_are_mounted(root: Path, units: dict[str, str]) -> None:
    """Without this the service, which sees everything else read-only, never makes a backup; docs name these places."""
    writable = re.search(r"^ReadWritePaths=(.+)$", units["otorongo-hub.service"], re.MULTILINE)
    assert writable
    places = [place.removeprefix("-") for place in writable[1].split()]
    for name in ("docs/hub.md", "deploy/hub-start.toml", "docs/deploy.md"):
        folders = re.findall(
            r'^#?\s*folder\s*= "([^"]+)"|\[backup\] folder = "([^"]+)"', (root / name).read_text(), re.MULTILINE
        )
        named = [one or other for one, other in folders]
        assert named, name
        assert all(any(folder.startswith(f"{place}/") for place in places) for folder in named), named


def test_every_sensor_of_a_configuration_gets_its_service(root: Path) -> None:
    """The install script knows each section of station.toml that is a process of its own."""
    listed = re.search(r"^for sensor in (.+); do$", (root / "deploy/install-station.sh").read_text(), re.MULTILINE)
    assert listed
    every = StationConfig(
        station="K-02",
        microphone=MicrophoneConfig(driver="replay", device="/"),
        camera=CameraConfig(driver="replay", device="/"),
        birds=BirdsConfig(driver="replay", device="/"),
    )
    assert set(listed[1].split()) == set(every.sensors())


def test_devices_that_come_late_are_allowed(units: dict[str, str]) -> None:
    """What can be plugged in any time is named by its fixed number: systemd looks names up at the start only."""
    allowed = re.findall(r"^DeviceAllow=char-(\S+) rw$", units["otorongo-sense@.service"], re.MULTILINE)
    assert {"116", "81"} <= set(allowed)
    assert not {"alsa", "video4linux"} & set(allowed)


def test_two_sensors_may_share_a_microphone(units: dict[str, str]) -> None:
    """dsnoop, which docs/station.md names for it, meets in the machine's own shared memory."""
    assert "\nPrivateIPC=" not in units["otorongo-sense@.service"]


def test_a_data_folder_may_lie_on_a_disk_of_its_own(units: dict[str, str]) -> None:
    """Sensors and uplink write where disks are mounted; nothing but the permissions there is in the way."""
    for unit in ("otorongo-sense@.service", "otorongo-uplink.service"):
        assert "ReadWritePaths=-/srv -/mnt -/media\n" in units[unit]


def test_only_the_uplink_has_network_and_keys(tmp_path: Path, units: dict[str, str]) -> None:
    """A sensor's process sees neither network nor keys; the uplink sees both and no device."""
    path = tmp_path / "otorongo-sense@microphone.service"
    path.write_text(units["otorongo-sense@.service"])
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--json=short", path],
        capture_output=True,
        text=True,
        check=True,
    )
    checks = {entry["json_field"]: entry for entry in json.loads(done.stdout)}
    assert checks["PrivateNetwork"]["set"]
    assert "InaccessiblePaths=-/etc/otorongo/pki\n" in units["otorongo-sense@.service"]
    assert "LoadCredential" not in units["otorongo-sense@.service"]
    assert "PrivateDevices=yes\n" in units["otorongo-uplink.service"]
    assert "PrivateNetwork" not in units["otorongo-uplink.service"]
