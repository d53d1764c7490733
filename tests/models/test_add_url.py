"""`otorongo-models add ... --url`: a network from an https address, whole and with its hash, or nothing at all."""

import datetime as dt
import hashlib
import http.server
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from otorongo.models import manifest, runtime
from otorongo.models.__main__ import main
from tests.models.others import ANIMAL, constant, output

NETWORK = constant(output("yolov5", [(ANIMAL, 0.9, (0.1, 0.2, 0.4, 0.6))]))
HASH = hashlib.sha256(NETWORK).hexdigest()


class _Publisher(http.server.BaseHTTPRequestHandler):
    """Has the network at /md.onnx, others of its bytes beside it, and two signs that lead elsewhere."""

    def do_GET(self) -> None:
        port = self.connection.getsockname()[1]
        leads = {"/moved": f"https://127.0.0.1:{port}/md.onnx", "/plain": f"http://127.0.0.1:{port}/md.onnx"}
        sent = {"/md.onnx": NETWORK, "/other": NETWORK[:-1] + b"\0", "/cut": NETWORK[:-9]}
        if self.path in leads:
            self.send_response(302)
            self.send_header("Location", leads[self.path])
            self.end_headers()
        elif self.path in sent:
            self.send_response(200)
            self.send_header("Content-Length", str(len(NETWORK)))
            self.end_headers()
            self.wfile.write(sent[self.path])
        else:
            self.send_error(404)

    def log_message(self, *args: object) -> None:
        """Quiet."""


def _identity(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    none = serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none))
    return paths


@pytest.fixture
def publisher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server on this machine whose certificate is trusted."""
    cert, key = _identity(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Publisher) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def _add(address: str, shelf: Path, sha256: str = HASH) -> int:
    given = ["--url", address, "--sha256", sha256, "--licence", "MIT", "--into", str(shelf)]
    return main(["add", "megadetector", *given])


@pytest.mark.parametrize("path", ["/md.onnx", "/moved"])
def test_what_has_the_hash_becomes_a_bundle(path: str, publisher: str, tmp_path: Path) -> None:
    """Also where one https address leads to another; the card says where it is from and what its hash is."""
    shelf = tmp_path / "shelf"
    assert _add(publisher + path, shelf, HASH.upper()) == 0
    bundle = manifest.load(shelf / "megadetector@1")
    assert bundle.path("model").read_bytes() == NETWORK
    card = bundle.path("card").read_text()
    assert publisher + path in card
    assert HASH in card
    assert runtime.open_classifier(bundle).bundle.manifest.sources[0].what == publisher + path


@pytest.mark.parametrize(
    ("path", "sha256", "reason"),
    [
        ("/md.onnx", "0" * 64, f"has SHA-256 {HASH[:12]}"),
        ("/other", HASH, "damaged, or another file"),
        ("/cut", HASH, f"ended after {len(NETWORK) - 9} of {len(NETWORK)} bytes"),
        ("/plain", HASH, "which is not https"),
        ("/nowhere", HASH, "cannot be fetched"),
    ],
)
def test_anything_else_is_refused_and_nothing_is_left(
    path: str, sha256: str, reason: str, publisher: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another hash, a changed byte, a cut file, a way into the clear, nothing: said, and the shelf is as it was."""
    before = _add(f"{publisher}/md.onnx", tmp_path / "shelf")
    assert before == 0
    kept = sorted((each.name, each.read_bytes()) for each in (tmp_path / "shelf" / "megadetector@1").iterdir())
    capsys.readouterr()
    assert _add(publisher + path, tmp_path / "shelf", sha256) == 1
    assert reason in capsys.readouterr().err
    assert [each.name for each in (tmp_path / "shelf").iterdir()] == ["megadetector@1"]
    assert sorted((each.name, each.read_bytes()) for each in (tmp_path / "shelf" / "megadetector@1").iterdir()) == kept
    assert _add(publisher + path, tmp_path / "empty", sha256) == 1
    assert not (tmp_path / "empty").exists()


def test_a_server_that_nobody_vouches_for_is_refused(
    publisher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not even with the right hash: who listens would learn what a station runs."""
    monkeypatch.delenv("SSL_CERT_FILE")
    assert _add(f"{publisher}/md.onnx", tmp_path / "shelf") == 1
    assert "cannot be fetched" in capsys.readouterr().err
    assert not (tmp_path / "shelf").exists()
