"""Which stations may talk to this hub: their certificates, their seal keys, and who has been shut out.

One folder holds it all, below the hub's data:

    pki/
      ca.key ca.crt        the authority; whoever holds ca.key can make stations
      crl.pem              the revocation list that the broker reads
      broker/              broker.key broker.crt
      hub/                 hub.key hub.crt: the hub's own way into the broker
      issued/              NAME-SERIAL.crt and NAME-SERIAL.seal, public halves only
      handover/NAME/       what goes onto a station's card, then away from here

Files are the only record: what is not in `issued` was never let in, what is in `crl.pem` no longer is.
"""

import contextlib
import datetime as dt
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import NameOID

from otorongo.hub import pki
from otorongo.hub.errors import HubError
from otorongo.hub.ports import is_loopback
from otorongo.language import say, why
from otorongo.wire.errors import BadValue
from otorongo.wire.topics import check_station

RENEW_BEFORE = dt.timedelta(days=365)
"""A third of a certificate's life: it is renewed, or asked for, this long before its end."""

_HOST = re.compile(r"[A-Za-z0-9.:-]{1,253}")


class StationError(HubError):
    """A station cannot be added, listed or revoked as asked."""


@dataclass(frozen=True)
class Station:
    """One certificate that was given to a station."""

    name: str
    serial: int
    expires: dt.datetime
    revoked: dt.datetime | None
    seal_key: bytes
    """Ed25519 public key, 32 bytes."""


def add(
    folder: Path, name: str, *, broker: str, configuration: str, into: Path | None = None, now: dt.datetime
) -> Path:
    """Let a station in: certificate, seal key and configuration, in `into/NAME` (`folder/handover/NAME` if None).

    `folder` is the hub's `pki` folder, made with its authority on first use. `broker` is where the station finds the
    broker, such as `mqtts://hub.reserva.example:8883`; `configuration` is the text of its station.toml; a broker on
    loopback may be `mqtt://`, for a station on this machine alone. Returns the station's folder: mode 0700, its files
    0600. Raises StationError.
    """
    try:
        check_station(name)
    except BadValue:
        raise StationError(
            say("station name {name!r} (allowed: 1 to 32 of A-Z, a-z, 0-9, - and _)", name=name)
        ) from None
    host = _host_of(broker)
    with _alone(folder):
        _check_free(folder, name)
        target = target_of(folder, name, into)
        if target.exists():
            raise StationError(
                say("{target}: is there already; delete it, or name another folder with --dir", target=target)
            )
        authority = _authority(folder, now)
        _ensure_broker(folder, authority, host, now)
        pair = pki.make_client(authority, name, now)
        seal_pem, seal_public = pki.make_seal_key()
        # First the record: a certificate that exists can then always be found and revoked.
        record = folder / "issued" / f"{name}-{_serial(pair.certificate):x}"
        _write(record.with_name(record.name + ".seal"), seal_public.hex().encode() + b"\n")
        _write(record.with_name(record.name + ".crt"), pair.certificate)
        _hand_over(
            target,
            {
                "station.toml": configuration.encode(),
                "pki/device.key": pair.key,
                "pki/device.crt": pair.certificate,
                "pki/hub-ca.crt": authority.certificate,
                "pki/seal.key": seal_pem,
            },
        )
    return target


def target_of(folder: Path, name: str, into: Path | None) -> Path:
    """Where `add` puts what a station needs."""
    return (into if into is not None else folder / "handover") / name


def listed(folder: Path) -> list[Station]:
    """Every certificate ever given to a station, by name, the oldest first."""
    revoked = _revoked(folder)
    found = []
    for path in (folder / "issued").glob("*.crt"):
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        name = str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        serial = certificate.serial_number
        seal = bytes.fromhex(path.with_suffix(".seal").read_text())
        found.append(Station(name, serial, certificate.not_valid_after_utc, revoked.get(serial), seal))
    return sorted(found, key=lambda station: (station.name.lower(), station.expires, station.serial))


def revoke(folder: Path, name: str, *, now: dt.datetime) -> list[Station]:
    """Shut a station out: all its certificates enter the revocation list. Returns those that were still good.

    The broker learns it when it reads the list again. Raises StationError.
    """
    with _alone(folder):
        good = [station for station in listed(folder) if station.name == name and station.revoked is None]
        if not good:
            known = sorted({station.name for station in listed(folder) if station.revoked is None})
            raise StationError(
                say(
                    "{name}: no such station to revoke (there are: {known})",
                    name=name,
                    known=", ".join(known) or say("none"),
                )
            )
        serials = _revoked(folder) | {station.serial: now for station in good}
        _write(folder / "crl.pem", pki.make_revocations(_authority(folder, now), serials, now))
    return good


def seal_keys(folder: Path, name: str) -> tuple[bytes, ...]:
    """The Ed25519 public keys whose seals count as this station's, also the earlier ones: old seals stay good."""
    return tuple(station.seal_key for station in listed(folder) if station.name == name)


def complaints(folder: Path, now: dt.datetime) -> list[str]:
    """What will stop working soon, and how to mend it. For `otorongo-hub check`."""
    found = []
    for station in listed(folder):
        if station.revoked is None and station.expires - now < RENEW_BEFORE:
            found.append(
                say(
                    "station {name}: its certificate ends on {day}; revoke it and add it again, then carry the new "
                    "folder to it",
                    name=station.name,
                    day=station.expires.date(),
                )
            )
    for path in (folder / "broker" / "broker.crt", folder / "hub" / "hub.crt"):
        if path.exists() and _expires(path.read_bytes()) - now < RENEW_BEFORE:
            found.append(
                say(
                    "{path}: ends on {day}; `station renew` makes it anew",
                    path=path,
                    day=_expires(path.read_bytes()).date(),
                )
            )
    return found


def renew(folder: Path, *, now: dt.datetime) -> list[str]:
    """Make the broker's and the hub's own certificates anew, for the same hosts. Returns the hosts."""
    with _alone(folder):
        path = folder / "broker" / "broker.crt"
        if not path.exists():
            raise StationError(say("{path}: is not there; `station add` makes it", path=path))
        hosts = list(pki.hosts_in(path.read_bytes()))
        _write_broker(folder, _authority(folder, now), hosts, now)
    return hosts


def _check_free(folder: Path, name: str) -> None:
    for station in listed(folder):
        if station.name.lower() != name.lower():
            continue
        if station.name != name:
            raise StationError(
                say("{name}: there is {name2}, and names must differ in more than case", name=name, name2=station.name)
            )
        if station.revoked is None:
            raise StationError(say("{name}: is a station already; to make its keys anew, revoke it first", name=name))


def _host_of(broker: str) -> str:
    try:
        parts = urlsplit(broker)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise StationError(say("broker {broker!r}: {error}", broker=broker, error=error)) from None
    more = parts.path or parts.query or parts.fragment or parts.username is not None
    as_written = broker.startswith(f"{parts.scheme}://") and broker.isprintable()
    if not host or not _HOST.fullmatch(host) or more or not as_written:
        host = None
    if host is None or not (parts.scheme == "mqtts" or (parts.scheme == "mqtt" and is_loopback(host))):
        raise StationError(
            say(
                "broker {broker!r}: must read mqtts://HOST or mqtts://HOST:PORT; mqtt://127.0.0.1:1883, which encrypts "
                "nothing, only for a station on this machine",
                broker=broker,
            )
        )
    return host


def _authority(folder: Path, now: dt.datetime) -> pki.Pair:
    key, certificate = folder / "ca.key", folder / "ca.crt"
    if certificate.exists():
        return pki.Pair(key.read_bytes(), certificate.read_bytes())
    made = pki.make_authority(now)
    _write(key, made.key)
    _write(folder / "crl.pem", pki.make_revocations(made, {}, now))
    _write(certificate, made.certificate)
    return made


def _ensure_broker(folder: Path, authority: pki.Pair, host: str, now: dt.datetime) -> None:
    path = folder / "broker" / "broker.crt"
    hosts = list(pki.hosts_in(path.read_bytes())) if path.exists() else []
    if host not in hosts:
        _write_broker(folder, authority, [*hosts, host], now)


def _write_broker(folder: Path, authority: pki.Pair, hosts: list[str], now: dt.datetime) -> None:
    for path, pair in (
        (folder / "broker" / "broker", pki.make_server(authority, hosts, now)),
        (folder / "hub" / "hub", pki.make_client(authority, pki.HUB_NAME, now)),
    ):
        _write(path.with_suffix(".key"), pair.key)
        _write(path.with_suffix(".crt"), pair.certificate)


def _hand_over(target: Path, files: dict[str, bytes]) -> None:
    """All files or none: they appear under their name only when complete."""
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for name, content in files.items():
            _write(partial / name, content)
        partial.rename(target)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise StationError(say("{target}: cannot be written: {why}", target=target, why=why(error))) from error


def _write(path: Path, content: bytes) -> None:
    """Replace a file in one step, mode 0600, its folder 0700."""
    _make_folder(path.parent)
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _make_folder(folder: Path) -> None:
    """With its parents, all of them closed to others (`Path.mkdir` gives a parent the usual mode)."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One writer at a time."""
    try:
        _make_folder(folder)
        with (folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                _give_to_owner(folder)
    except OSError as error:
        raise StationError(f"{error.filename or folder}: {why(error)}") from error


def _give_to_owner(folder: Path) -> None:
    """What root made belongs to whoever owns the hub's data: a technician who forgets `sudo -u` locks nobody out."""
    if os.geteuid() == 0:
        owner = folder.parent.stat()
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _revoked(folder: Path) -> dict[int, dt.datetime]:
    path = folder / "crl.pem"
    return pki.revoked_in(path.read_bytes()) if path.exists() else {}


def _serial(certificate: bytes) -> int:
    return x509.load_pem_x509_certificate(certificate).serial_number


def _expires(certificate: bytes) -> dt.datetime:
    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc
