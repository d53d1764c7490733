"""What Linux tells of the board, and the key of the seals."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from otorongo.station.adapters.board import LinuxBoard
from otorongo.station.adapters.seal import FileSigner
from otorongo.station.errors import SealError
from otorongo.station.ports import ClockReading
from otorongo.wire.codes import Clock


def lay(root: Path, **files: str) -> None:
    """Files of a board below a folder."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_pi_with_a_battery_is_read(tmp_path: Path) -> None:
    """Temperature in tenths of a degree, battery in millivolts, room of the data card."""
    lay(
        tmp_path,
        sys__class__thermal__thermal_zone0__temp="51234\n",
        sys__class__power_supply__ac__type="Mains\n",
        sys__class__power_supply__bat__type="Battery\n",
        sys__class__power_supply__bat__voltage_now="12650000\n",
        proc__sys__kernel__random__boot_id="0a1b\n",
    )
    board = LinuxBoard(tmp_path, tmp_path)
    vitals = board.vitals()
    assert (vitals.temperature_dc, vitals.battery_mv, board.boot_id()) == (512, 12_650, "0a1b")
    assert vitals.disk_free_mb > 0


def test_what_is_not_there_is_zero(tmp_path: Path) -> None:
    """A board without sensors, and a data folder that is gone, give zeros and no error."""
    vitals = LinuxBoard(tmp_path / "gone", tmp_path).vitals()
    assert (vitals.temperature_dc, vitals.disk_free_mb, vitals.battery_mv) == (0, 0, 0)


def test_the_clock_of_this_computer(tmp_path: Path) -> None:
    """Time since boot runs; the state is one of the wire's and comes with a bound, or nothing is claimed."""
    board = LinuxBoard(tmp_path)
    first, second = board.clock(), board.clock()
    assert 0 < first.t_ms <= second.t_ms
    assert first.state in set(Clock)
    assert (first.utc0_ms > 0) == (first.state != Clock.UNSET)
    assert board.boot_id() == board.boot_id()


def test_timesyncd_is_believed_where_the_kernel_may_not_be_asked(tmp_path: Path) -> None:
    """The age of its last word makes the bound: 500 ppm; a week later, or from the future, it is not believed."""
    board = LinuxBoard(tmp_path, tmp_path)
    now_ms = 1_790_000_000_000
    assert board._timesyncd_error_ms(now_ms) is None
    lay(tmp_path, run__systemd__timesync__synchronized="")
    for age_s, bound_ms in ((0, 250), (2000, 1250), (8 * 86_400, None), (-100, None)):
        told_s = now_ms / 1000 - age_s
        os.utime(tmp_path / "run/systemd/timesync/synchronized", (told_s, told_s))
        assert board._timesyncd_error_ms(now_ms) == bound_ms


def test_utc_of_boot_is_known_only_with_a_clock() -> None:
    """An unset clock says no UTC; a set one that of the boot."""
    assert ClockReading(5000).utc0_ms == 0
    assert ClockReading(5000, 1_790_000_005_000, Clock.NTP, 5).utc0_ms == 1_790_000_000_000


def test_a_key_is_made_once_and_signs(tmp_path: Path) -> None:
    """A missing key is made, readable by its owner only; the next start finds the same one; its signature holds."""
    path = tmp_path / "pki" / "seal.key"
    first = FileSigner(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = FileSigner(path)
    assert again.public_key == first.public_key
    Ed25519PublicKey.from_public_bytes(again.public_key).verify(again.sign(b"head"), b"head")


def test_a_wrong_key_is_named_and_never_overwritten(tmp_path: Path) -> None:
    """A broken or foreign key file is an error with the way out, and stays as it is."""
    path = tmp_path / "seal.key"
    path.write_text("half a key")
    with pytest.raises(SealError, match=r"seal\.key.*move it away"):
        FileSigner(path)
    assert path.read_text() == "half a key"
    other = generate_private_key(SECP256R1())
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(SealError, match="not an Ed25519 key"):
        FileSigner(path)
    with pytest.raises(SealError):
        FileSigner(tmp_path / "seal.key" / "below")
