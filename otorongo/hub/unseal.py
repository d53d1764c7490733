"""Sealed originals opened with a key, and never without a line in the log.

The line is committed before the first byte of the original is written: who can open can not do so unseen at this hub.
What somebody opens elsewhere, with the file and the program `age`, no program can log.
"""

import getpass
import hashlib
import os
from pathlib import Path
from typing import Any, Final

import pyrage

from otorongo.hub import store_media, users
from otorongo.hub.custodians import is_sealed
from otorongo.hub.errors import HubError
from otorongo.hub.rules import Rules
from otorongo.hub.store import Found, Store
from otorongo.language import say, why
from otorongo.wire.sealed import MAGIC

SHORTEST_REASON: Final = 8
_MOST_BYTES: Final = 64_000_000
_ARMOUR: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"


class UnsealError(HubError):
    """A sealed original that cannot be opened as asked."""


def keygen(path: Path) -> list[str]:
    """Make a key pair: the private half goes to a file (mode 0600), the lines to print hold the public one.

    Raises UnsealError.
    """
    key = pyrage.x25519.Identity.generate()
    public = str(key.to_public())
    _write_new(path, f"# public key: {public}\n{key}\n".encode())
    return [
        f"{public}",
        say(
            "The private key is in {path}: print it, lock both away, and keep no copy here. "
            "docs/custodios.md says how.",
            path=path,
        ),
        say('For hub.toml: [[custodian]] with name, role and key = "{public}"', public=public),
    ]


def is_recipient(key: str) -> bool:
    """Whether a public key is whole: its check sum holds."""
    try:
        pyrage.x25519.Recipient.from_str(key)
    except pyrage.RecipientError:
        return False
    return True


def unseal(
    store: Store, rules: Rules, media: Path, piece: str, *, identity: Path, reason: str, out: Path, now_ms: int
) -> list[str]:
    """Open a sealed piece into `out` (mode 0600) and log it; the lines to print. Raises UnsealError."""
    reason = " ".join(reason.split())
    if len(reason) < SHORTEST_REASON:
        raise UnsealError(
            say("--reason {reason!r}: says nothing: auditors read it, so write a sentence", reason=reason)
        )
    if out.exists():
        raise UnsealError(say("{out}: is there already: name another, nothing is overwritten", out=out))
    keys = identities(identity)
    subject, closed, row = _closed(store, media, piece)
    used = [str(one.to_public()) for one in keys]
    names = [one.name for one in rules.config.custodian if one.key in used]
    told = {
        "reason": reason[:500],
        "sealed_sha256": hashlib.sha256(closed).hexdigest(),
        "as_signed": None if row is None else bytes(row["sha256"]) == hashlib.sha256(closed).digest(),
        "keys": names or [f"{one[:14]}..." for one in used],
        "out": str(out),
    }
    if told["as_signed"] is False:
        raise UnsealError(
            say("{piece}: is not what the station signed (SHA-256): restore it from a backup, or the card", piece=piece)
        )
    try:
        content: bytes = pyrage.decrypt(closed, keys)
    except pyrage.DecryptError as error:
        _log(store, "unseal_failed", subject, {**told, "error": str(error)}, now_ms)
        raise UnsealError(
            say(
                "{piece}: {identity} does not open it ({error}): it was sealed to others, or is "
                "damaged; the alert's page says who can open it",
                piece=piece,
                identity=identity,
                error=error,
            )
        ) from error
    told["sha256"] = hashlib.sha256(content).hexdigest()
    _log(store, "unsealed", subject, told, now_ms)
    _write_new(out, content)
    whose = say(" with the key of {names}", names=", ".join(names)) if names else ""
    return [
        say(
            "{out}: {count} bytes, opened{whose}. It is logged; delete the file when it has served.",
            out=out,
            count=len(content),
            whose=whose,
        ),
        say("SHA-256 sealed {value}, opened {value2}", value=told["sealed_sha256"], value2=told["sha256"]),
    ]


def identities(path: Path) -> list[Any]:
    """The private keys of a file as `age-keygen` writes it, also one that a passphrase protects. Raises UnsealError."""
    try:
        content = path.read_bytes()
        others = path.stat().st_mode & 0o077
    except OSError as error:
        raise UnsealError(say("--identity {path}: {why}", path=path, why=why(error))) from error
    if others:
        raise UnsealError(say("--identity {path}: others on this machine can read it: chmod 600 {path}", path=path))
    if content.startswith(_ARMOUR):
        raise UnsealError(say("--identity {path}: is armoured: age --decrypt {path} > key.txt first", path=path))
    try:
        if content.startswith(MAGIC):
            content = pyrage.passphrase.decrypt(content, getpass.getpass(say("Passphrase of {path}: ", path=path)))
        lines = [line.strip() for line in content.decode().splitlines()]
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (pyrage.DecryptError, pyrage.IdentityError, UnicodeDecodeError) as error:
        raise UnsealError(
            say("--identity {path}: holds no key that can be read ({error})", path=path, error=error)
        ) from error
    if not found:
        raise UnsealError(
            say("--identity {path}: holds no key: it is a line that begins with AGE-SECRET-KEY-1", path=path)
        )
    return found


def _closed(store: Store, media: Path, piece: str) -> tuple[str, bytes, Found | None]:
    """What the log calls a piece, its sealed bytes, and its row at the hub (None: a file from elsewhere)."""
    parts = piece.split("/")
    if len(parts) == 3 and parts[1].isdecimal() and parts[2].isdecimal() and len(parts[2]) < 20:
        key = (parts[0], int(parts[1]), int(parts[2]))
        with store.read() as tx:
            row = store_media.piece(tx, key)
        if row is None or not is_sealed(row):
            raise UnsealError(
                say(
                    "{piece}: there is no sealed piece of that name (the alert's page says STATION/OUTBOX/SEQ)",
                    piece=piece,
                )
            )
        if row["state"] != "whole":
            raise UnsealError(
                say(
                    "{piece}: is not here yet ({value}): ask for it on the alert's page",
                    piece=piece,
                    value=row["state"],
                )
            )
        return piece, _read(media / row["path"]), row
    content = _read(Path(piece))
    return f"{Path(piece).name} {hashlib.sha256(content).hexdigest()[:16]}", content, None


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UnsealError(
                say(
                    "{path}: is larger than {value} MB: open it with age --decrypt",
                    path=path,
                    value=_MOST_BYTES // 1000000,
                )
            )
        content = path.read_bytes()
    except OSError as error:
        raise UnsealError(say("{path}: cannot be read: {why}", path=path, why=why(error))) from error
    if not content.startswith(MAGIC):
        raise UnsealError(say("{path}: is no sealed file: it does not begin as age files do", path=path))
    return content


def _log(store: Store, what: str, subject: str, data: dict[str, Any], now_ms: int) -> None:
    with store.write() as tx:
        users.saw_command(tx, now_ms, what, subject, data)


def _write_new(path: Path, content: bytes) -> None:
    """A file that was not there, for its owner alone. Raises UnsealError."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UnsealError(say("{path}: cannot be written: {why}", path=path, why=why(error))) from error
