"""The install scripts, run in a Debian root folder: a copy-on-write view of this machine, thrown away afterwards."""

import contextlib
import datetime as dt
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from otorongo.hub import station_command, stations

SOURCE = ("otorongo", "deploy", "systemd", "docs", "locks", "scripts", "pyproject.toml", "LICENSE", "README.md")
ENABLED = "etc/systemd/system/multi-user.target.wants"

ASK_POSTGRESQL = """
set -e
cluster=$(pg_lsclusters -h | awk 'END { print $1, $2 }')
pg_ctlcluster $cluster start -- -o "-c listen_addresses=''"
trap 'pg_ctlcluster $cluster stop --mode fast' EXIT
ask='SELECT current_user, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()'
tables="SELECT tablename FROM pg_tables WHERE tablename = 'stations'"
runuser -u otorongo -- psql -AtF ' ' -c "$ask" -c "$tables" otorongo
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def source(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source tree as it is unpacked on a station."""
    folder = tmp_path_factory.mktemp("source")
    for name in SOURCE:
        if (root / name).is_dir():
            shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (root / name).exists():
            shutil.copy(root / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A root folder that can be written to without touching this machine."""
    if os.getuid() != 0:
        pytest.skip("the install scripts are tried as root, in an overlay of this machine")
    folder = tmp_path_factory.mktemp("machine")
    with mounted("tmpfs", folder):
        for name in ("upper", "work", "root"):
            (folder / name).mkdir()
        layers = f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work"
        with mounted("overlay", folder / "root", layers):
            yield folder / "root"


@contextlib.contextmanager
def mounted(kind: str, folder: Path, options: str = "rw") -> Iterator[None]:
    """A file system, for a while; skips where the kernel has none of that kind."""
    done = subprocess.run(["mount", "-t", kind, "-o", options, kind, folder], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"cannot mount {kind} here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def install(source: Path, script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run an install script of the source tree; bytecode is not made here, to save time."""
    return subprocess.run(
        [source / "deploy" / script, *arguments],
        capture_output=True,
        text=True,
        # Debian's own Python, as on a machine that has no other.
        env=os.environ | {"PIP_NO_COMPILE": "1", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )


def inside(machine: Path, *command: str) -> str:
    """What a command says in the root folder."""
    return subprocess.run(["chroot", machine, *command], capture_output=True, text=True, check=True).stdout


def owner_and_mode(machine: Path, path: str) -> str:
    """Such as `root:otorongo 750`."""
    return inside(machine, "stat", "-c", "%U:%G %a", path).strip()


@pytest.fixture(scope="module")
def hub(source: Path, machine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root folder with a hub in it."""
    folder = tmp_path_factory.mktemp("hub")
    (folder / "hub.toml").write_text('[broker]\nurl = "mqtts://127.0.0.1:8883"\n')
    done = install(source, "install-hub.sh", "--root", machine, "--config", folder / "hub.toml")
    assert done.returncode == 0, done.stdout + done.stderr
    return machine


@pytest.fixture(scope="module")
def handover(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a hub gives a new station."""
    folder, broker = tmp_path_factory.mktemp("pki"), "mqtts://hub.example:8883"
    text = station_command.station_toml("K-02", broker, (-12.83, -69.29))
    return stations.add(folder, "K-02", broker=broker, configuration=text, now=dt.datetime.now(dt.UTC))


@pytest.fixture(scope="module")
def station(source: Path, machine: Path, handover: Path) -> Path:
    """A root folder with a station in it."""
    done = install(source, "install-station.sh", "--root", machine, "--station-folder", handover)
    assert done.returncode == 0, done.stdout + done.stderr
    return machine


def test_a_hub_is_ready_to_start(hub: Path) -> None:
    """Program, configuration, data folder, broker and unit are in place, and nobody else can read what is private."""
    assert "serve" in inside(hub, "/usr/local/bin/otorongo-hub", "--help")
    assert owner_and_mode(hub, "/etc/otorongo") == "root:otorongo 750"
    assert owner_and_mode(hub, "/etc/otorongo/hub.toml") == "root:otorongo 640"
    assert owner_and_mode(hub, "/var/lib/otorongo-hub") == "otorongo:otorongo 750"
    assert owner_and_mode(hub, "/etc/mosquitto/otorongo") == "root:mosquitto 750"
    assert (hub / ENABLED / "otorongo-hub.service").is_symlink()
    for name in ("etc/mosquitto/conf.d/otorongo.conf", "etc/systemd/system/mosquitto.service.d/otorongo.conf"):
        assert (hub / name).exists()


def test_the_broker_gets_its_keys(hub: Path) -> None:
    """After the first `station add` the script of the broker's unit copies what mosquitto may read, and no more."""
    inside(hub, "otorongo-hub", "station", "add", "K-05", "--broker", "mqtts://hub.example:8883")
    assert owner_and_mode(hub, "/var/lib/otorongo-hub/pki/ca.key") == "otorongo:otorongo 600"
    inside(hub, "/opt/otorongo-hub/current/deploy/mosquitto/copy-pki")
    names = {path.name for path in (hub / "etc/mosquitto/otorongo").iterdir()}
    assert names == {"otorongo.acl", "ca.crt", "crl.pem", "broker.crt", "broker.key"}
    assert owner_and_mode(hub, "/etc/mosquitto/otorongo/broker.key") == "root:mosquitto 640"


def test_a_hub_on_postgresql(source: Path, hub: Path) -> None:
    """User and database are made, in UTF-8, also on a disk where PostgreSQL does not run, and the hub uses them."""
    path = hub / "etc/otorongo/hub.toml"
    before = path.read_text()
    try:
        path.write_text('database = "postgresql:///otorongo"\n' + before)
        done = install(source, "install-hub.sh", "--root", hub, "--postgresql")  # `check` makes the tables
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        path.write_text(before)
    devices = 'mount --rbind /dev "$0/dev"; mount -t proc proc "$0/proc"; exec chroot "$0" sh -c "$1"'
    asked = ["unshare", "--mount", "sh", "-ec", devices, str(hub), ASK_POSTGRESQL]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert "otorongo UTF8" in told
    assert "stations" in told
    assert " down " in inside(hub, "pg_lsclusters", "-h")


def test_a_station_is_ready_to_start(station: Path) -> None:
    """Program, configuration, keys and a unit for each configured sensor are in place; keys are root's alone."""
    assert "sense" in inside(station, "/usr/local/bin/otorongo-station", "--help")
    assert owner_and_mode(station, "/etc/otorongo/station.toml") == "root:otorongo 640"
    assert owner_and_mode(station, "/etc/otorongo/pki/device.key") == "root:root 400"
    assert owner_and_mode(station, "/etc/otorongo/pki/seal.key") == "root:root 400"
    assert owner_and_mode(station, "/etc/otorongo/pki/hub-ca.crt") == "root:root 644"
    assert owner_and_mode(station, "/var/lib/otorongo") == "otorongo:otorongo 750"
    enabled = {path.name for path in (station / ENABLED).glob("otorongo-[su]*")}
    assert enabled == {"otorongo-sense@microphone.service", "otorongo-uplink.service"}


def test_nothing_of_the_source_stays_behind(station: Path) -> None:
    """The copies that were carried in, keys among them, are gone."""
    assert [path.name for path in (station / "root").glob("otorongo-*")] == []


def test_once_more_changes_nothing(source: Path, station: Path, handover: Path) -> None:
    """A second run installs nothing and keeps a configuration that was edited, with the new one beside it."""
    release = (station / "opt/otorongo/current").readlink()
    edited = "# edited here\n" + (station / "etc/otorongo/station.toml").read_text()
    (station / "etc/otorongo/station.toml").write_text(edited)
    done = install(source, "install-station.sh", "--root", station, "--station-folder", handover)
    assert done.returncode == 0, done.stderr
    assert "installing" not in done.stdout
    assert (station / "opt/otorongo/current").readlink() == release
    assert (station / "etc/otorongo/station.toml").read_text() == edited
    assert (station / "etc/otorongo/station.toml.new").read_text() == (handover / "station.toml").read_text()


def test_a_sensor_that_is_taken_out_is_no_longer_started(source: Path, station: Path) -> None:
    """Units follow the configuration: one that was enabled for a camera that there was once is disabled."""
    left_over = station / ENABLED / "otorongo-sense@camera.service"
    left_over.symlink_to("/etc/systemd/system/otorongo-sense@.service")
    done = install(source, "install-station.sh", "--root", station)
    assert done.returncode == 0, done.stderr
    assert not left_over.is_symlink()
    assert (station / ENABLED / "otorongo-sense@microphone.service").is_symlink()


def test_a_card_is_filled_in_a_machine_without_its_microphone(source: Path, station: Path) -> None:
    """What is not plugged in here is told, and every unit is there for the machine where it will be."""
    path = station / "etc/otorongo/station.toml"
    whole = path.read_text()
    birds = '\n[birds]\ndriver = "alsa"\ndevice = "usb-port:1-1.7"\n'
    path.write_text(whole + birds + '[camera]\ndriver = "opencv"\ndevice = "/dev/video77"\n')
    try:
        done = install(source, "install-station.sh", "--root", station)
        assert done.returncode == 0, done.stderr
        assert "video77: no such device" in done.stdout
        assert "to be mended" in done.stdout
        enabled = {path.name for path in (station / ENABLED).glob("otorongo-sense*")}
        assert enabled == {f"otorongo-sense@{name}.service" for name in ("microphone", "camera", "birds")}
    finally:
        path.write_text(whole)


def test_a_bad_configuration_is_told_and_not_started(source: Path, station: Path) -> None:
    """`check` speaks before any unit is touched."""
    path = station / "etc/otorongo/station.toml"
    whole = path.read_text()
    path.write_text(whole + "\n[moon]\n")
    try:
        done = install(source, "install-station.sh", "--root", station)
        assert done.returncode == 1
        assert "moon" in done.stdout + done.stderr
        assert "needs mending" in done.stderr
    finally:
        path.write_text(whole)


def handed(script: str, folder: Path) -> Path:
    """What is carried into a card: a hub's configuration, or a station's folder."""
    names = ("station.toml", *(f"pki/{name}" for name in ("device.key", "device.crt", "hub-ca.crt", "seal.key")))
    for name in ("hub.toml",) if script == "install-hub.sh" else names:
        (folder / "handed" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "handed" / name).touch()
    return folder / "handed" / "hub.toml" if script == "install-hub.sh" else folder / "handed"


@pytest.mark.parametrize("script", ["install-station.sh", "install-hub.sh"])
def test_help_and_slips(source: Path, tmp_path: Path, script: str) -> None:
    """Help is the script's own head; an unknown option, an absent folder and a folder without Debian are named."""
    said = install(source, script, "--help").stdout
    assert f"sudo deploy/{script}" in said
    assert "Hace de esta máquina" in said
    assert "Makes a " in said
    assert said.endswith("image instead of this machine\n")
    program = script.removesuffix(".sh")
    assert install(source, script, "--moon").stderr == (
        f"{program}: --moon: no existe esa opción; --help las muestra\n"
        f"{program}: --moon: no such option; --help shows them\n"
    )
    option = "--config" if script == "install-hub.sh" else "--station-folder"
    assert f"{tmp_path}/x" in install(source, script, option, tmp_path / "x").stderr
    empty, other = tmp_path / "empty", tmp_path / "other"
    empty.mkdir()
    (other / "etc").mkdir(parents=True)
    (other / "etc/os-release").touch()
    found = install(source, script, option, handed(script, tmp_path), "--root", empty)
    assert found.returncode == 1
    assert "no es una tarjeta con un sistema: ¿está montada?\n" in found.stderr
    assert found.stderr.endswith("no card with a system: is it mounted?\n")
    assert list(empty.iterdir()) == []
    assert "no Debian system" in install(source, script, "--root", other).stderr


@pytest.mark.parametrize("script", ["install-station.sh", "install-hub.sh"])
def test_who_is_not_root_is_told(source: Path, script: str) -> None:
    """Without root nothing is tried."""
    if os.getuid() != 0:
        assert "must run as root" in install(source, script).stderr
        return
    with tempfile.TemporaryDirectory() as folder:  # pytest closes its own folders to others
        Path(folder).chmod(0o755)
        shutil.copytree(source / "deploy", Path(folder) / "deploy")
        command = ["setpriv", "--reuid=65534", "--clear-groups", f"{folder}/deploy/{script}"]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "must run as root" in done.stderr
