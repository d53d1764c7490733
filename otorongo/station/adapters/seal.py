"""The key that seals the chain: Ed25519 in a file of its own, made when it is missing."""

import logging
import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from otorongo.language import say, why
from otorongo.station.errors import SealError

log = logging.getLogger(__name__)


class FileSigner:
    """Signs with the key of a PEM file (PKCS 8)."""

    def __init__(self, path: str | Path) -> None:
        """Read the key, or make it (mode 0600). Raises SealError, which names the file."""
        self._key = _read_or_make(Path(path))

    @property
    def public_key(self) -> bytes:
        """32 bytes, raw."""
        return self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, data: bytes) -> bytes:
        """64 bytes (RFC 8032)."""
        return self._key.sign(data)


def _read_or_make(path: Path) -> Ed25519PrivateKey:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return _make(path)
    except OSError as error:
        raise SealError(say("seal key {path}: {why}", path=path, why=why(error))) from error
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SealError(
            say(
                "seal key {path}: no key that can be read ({error}): move it away, a new one is made",
                path=path,
                error=error,
            )
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SealError(say("seal key {path}: not an Ed25519 key: move it away, a new one is made", path=path))
    return key


def _make(path: Path) -> Ed25519PrivateKey:
    """A new key, whole on the card before it is used: half a key file after a power cut would end all seals."""
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, text)
            os.fsync(fd)
        finally:
            os.close(fd)
        draft.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise SealError(say("seal key {path}: cannot be made: {why}", path=path, why=why(error))) from error
    log.info("seal: a new key in %s", path)
    return key
