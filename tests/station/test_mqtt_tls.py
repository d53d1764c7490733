"""The transport's keys: who is let in over TLS, and what is said of files that are wrong."""

import os
import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from otorongo.station.adapters.mqtt import tls_context
from otorongo.station.errors import TransportError
from otorongo.station.ports import Connected, Lost
from tests.station.mqtt_bench import Diary, listener, transport
from tests.station.uplink_hub import Mosquitto, free_port, until


def test_files_of_keys_are_named_when_they_are_wrong(tmp_path: Path) -> None:
    """A missing or broken key file is an error that names the key of the configuration and the file."""
    with pytest.raises(TransportError, match=r"ca_file.*missing\.pem"):
        tls_context(str(tmp_path / "missing.pem"), "", "")
    (tmp_path / "a.pem").write_text("no certificate")
    with pytest.raises(TransportError, match=r"a\.pem"):
        tls_context(str(tmp_path / "a.pem"), "", "")
    for path in (tmp_path / "a.pem" / "b.pem", tmp_path):
        with pytest.raises(TransportError, match=f"key_file {path}"):
            tls_context("", str(tmp_path / "a.pem"), str(path))
    with pytest.raises(TransportError, match=r"a\.pem, .*a\.pem: not usable"):
        tls_context("", str(tmp_path / "a.pem"), str(tmp_path / "a.pem"))
    locked = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"geheim")
    )
    (tmp_path / "locked.key").write_bytes(locked)
    _signed("ca", None, tmp_path)
    with pytest.raises(TransportError, match=r"locked\.key: not usable"):  # and nobody is asked at a terminal
        tls_context("", str(tmp_path / "ca.crt"), str(tmp_path / "locked.key"))
    with pytest.raises(TransportError, match="go together"):
        tls_context("", str(tmp_path / "a.pem"), "")
    assert tls_context("", "", "").verify_mode == ssl.CERT_REQUIRED


def test_a_key_that_this_user_may_not_read_is_named(tmp_path: Path) -> None:
    """No traceback: file, key and way out, whether the file or a folder above it is closed to this user."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for path in (closed / "device.key", tmp_path / "device.key"):
        path.write_text("")
        path.chmod(0o600 if path.parent == closed else 0o000)
        mine = os.geteuid()
        if mine == 0:
            os.seteuid(65534)
        else:
            closed.chmod(0o000)
        try:
            with pytest.raises(TransportError, match=rf"uplink\.key_file {path}: this user may not read it: use sudo"):
                tls_context("", __file__, str(path))
        finally:
            if mine == 0:
                os.seteuid(0)
            else:
                closed.chmod(0o700)


def test_a_broker_without_tls_is_told_in_words() -> None:
    """Who asks for TLS where none is spoken reads what it means, and not only what OpenSSL says."""
    with listener(_hang_up) as port, transport(port, tls=tls_context("", "", "")) as way:
        diary = Diary(way)
        until(diary.saw(Lost))
        assert "the broker speaks no TLS on this port" in str(diary.of(Lost)[0])


def _hang_up(peer: socket.socket) -> None:
    """What a server does that understands nothing."""
    peer.recv(4096)


def _signed(name: str, issuer: "tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None", folder: Path) -> Path:
    """A certificate for `name` in `name.crt` and its key in `name.key`, signed by an issuer or by itself (a CA)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(issuer[1] if issuer else key, hashes.SHA256())
    )
    (folder / f"{name}.crt").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / f"{name}.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / f"{name}.key").chmod(0o644)  # Debian's mosquitto reads it as a user of its own
    if issuer is None:
        _signed("hub", (made, key), folder)
        _signed("K-02", (made, key), folder)
    return folder


def test_certificates_let_in_and_keep_out(tmp_path: Path) -> None:
    """With its certificate the station is let in over TLS; a hub signed by somebody else is refused, by reason."""
    pki, other = tmp_path / "pki", tmp_path / "other"
    for folder, mode in ((pki, 0o755), (other, 0o755), (tmp_path, 0o755)):
        folder.mkdir(exist_ok=True)
        folder.chmod(mode)
    _signed("ca", None, pki)
    _signed("ca", None, other)
    extra = f"cafile {pki}/ca.crt\ncertfile {pki}/hub.crt\nkeyfile {pki}/hub.key\nrequire_certificate true\n"
    extra += "use_identity_as_username true\nset_tcp_nodelay true\nuser root\n"
    broker = Mosquitto(tmp_path, free_port(), extra)
    broker.start()
    try:
        mine = tls_context(f"{pki}/ca.crt", f"{pki}/K-02.crt", f"{pki}/K-02.key")
        with transport(broker.port, tls=mine) as way:
            diary = Diary(way)
            until(diary.saw(Connected))
            until(lambda: way.traffic().up > 1000)
        stranger = tls_context(f"{other}/ca.crt", f"{pki}/K-02.crt", f"{pki}/K-02.key")
        with transport(broker.port, tls=stranger) as way:
            diary = Diary(way)
            until(diary.saw(Lost, 2))
            assert "CERTIFICATE_VERIFY_FAILED" in str(diary.of(Lost)[0])
            assert "the broker's certificate is not of ca_file" in str(diary.of(Lost)[0])
        nobody = tls_context(f"{pki}/ca.crt", "", "")
        with transport(broker.port, tls=nobody, reconnect_max_s=0.2) as way:
            diary = Diary(way)
            until(diary.saw(Lost, 3))
            assert diary.of(Connected) == []
    finally:
        broker.kill()
