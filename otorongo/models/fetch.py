"""Weights from elsewhere: over https only, never more than was announced, and nothing without its hash."""

import hashlib
import http.client
import logging
import os
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from otorongo.language import say, why
from otorongo.models.errors import BundleError

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 30.0
_BLOCK: Final = 1 << 16


def downloaded(addresses: Sequence[str], sha256: str, size: int) -> bytes:
    """What lies at the first https address that has it: `size` bytes with that SHA-256. Raises BundleError."""
    for address in addresses[:-1]:
        try:
            return _from(address, sha256, size)
        except BundleError as error:
            log.warning("%s", error)
    return _from(addresses[-1], sha256, size)


def _from(address: str, sha256: str, size: int, *, exact: bool = True) -> bytes:
    if not address.startswith("https://"):
        raise BundleError(say("{address}: is not https: nothing is fetched in the clear", address=address))
    try:
        with urllib.request.build_opener(_HttpsOnly).open(address, timeout=TIMEOUT_S) as answer:
            data = read(answer, size, address, exact=exact)
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise BundleError(
            say(
                "{address}: cannot be fetched: {reason}: carry the file here and give it with --from PATH",
                address=address,
                reason=reason,
            )
        ) from error
    return checked(data, sha256, address)


def taken(path: Path, sha256: str, size: int) -> bytes:
    """A file that was carried here, if it is the one that is meant. Raises BundleError."""
    try:
        found = path.stat().st_size
        data = path.read_bytes() if found == size else b""
    except OSError as error:
        raise BundleError(say("{path}: cannot be read: {why}", path=path, why=why(error))) from error
    if found != size:
        raise BundleError(
            say("{path}: has {found} bytes, not {size}: this is another file", path=path, found=found, size=size)
        )
    return checked(data, sha256, str(path))


def bounded(address: str, sha256: str, most: int) -> bytes:
    """What lies at an https address, if it has that SHA-256 and at most so many bytes. Raises BundleError."""
    return _from(address, sha256, most, exact=False)


def shelved(folder: Path, files: Mapping[str, bytes], recipe: Path | None = None) -> Path:
    """Make a bundle's folder of a recipe's files and these, whole or not at all. Raises BundleError."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            for each in sorted(recipe.iterdir()) if recipe else ():
                shutil.copyfile(each, part / each.name)
            for name, data in files.items():
                _write(part / name, data)
            part.chmod(0o755)
            if folder.exists():
                shutil.rmtree(folder)
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise BundleError(
            say("{folder}: cannot be written: {why} (name another with --into)", folder=folder, why=why(error))
        ) from error
    return folder


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """No answer may lead from https to something else."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if not newurl.startswith("https://"):
            raise BundleError(
                say("{full_url}: leads to {newurl}, which is not https", full_url=req.full_url, newurl=newurl)
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def read(answer: Any, size: int, address: str, *, exact: bool = True) -> bytes:
    """An open answer to its end, if it is `size` bytes, or (not `exact`) at most those.

    Raises BundleError, at once when it sends more.
    """
    parts, got = [], 0
    told = size if exact else min(size, int(answer.headers.get("Content-Length") or size))
    while block := answer.read(_BLOCK):
        parts.append(block)
        got += len(block)
        if got > size:
            raise BundleError(
                say("{address}: sends more than the {size} bytes that the file has", address=address, size=size)
                if exact
                else say("{address}: sends more than the {size} bytes that are allowed", address=address, size=size)
            )
        _show(got, told)
    if got < told and (exact or told < size):
        raise BundleError(
            say("{address}: ended after {got} of {told} bytes: try again", address=address, got=got, told=told)
        )
    return b"".join(parts)


def _show(got: int, size: int) -> None:
    """A bar for a person who watches."""
    if sys.stderr.isatty():
        full = round(30 * got / size)
        end = "\n" if got == size else ""
        bar = "█" * full + "░" * (30 - full)
        sys.stderr.write(f"\r  {bar} {got / 1e6:.1f} of {size / 1e6:.1f} MB{end}")
        sys.stderr.flush()


def checked(data: bytes, sha256: str, where: str) -> bytes:
    """The same bytes, if that is their SHA-256. Raises BundleError."""
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise BundleError(
            say(
                "{where}: has SHA-256 {digest}..., not {sha256}...: damaged, or another file",
                where=where,
                digest=digest[:12],
                sha256=sha256[:12],
            )
        )
    return data


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
