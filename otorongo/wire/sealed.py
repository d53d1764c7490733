"""Sealed evidence: an age file (https://age-encryption.org/v1), and the short names of those who can open it.

The file does not say whose it is, so its media row does: four bytes for each recipient. They are enough to look a key
up in a list of a few, and no secret, for the keys are public.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

MAGIC: Final = b"age-encryption.org/v1\n"
"""How every sealed file begins."""
SHORT: Final = 4


def fingerprint(recipient: str) -> bytes:
    """The first 4 bytes of the SHA-256 of a recipient, `age1...` as written."""
    return hashlib.sha256(recipient.encode()).digest()[:SHORT]


def fingerprints(recipients: Iterable[str]) -> bytes:
    """Those of several, one after the other in ascending order: what a media row carries."""
    return b"".join(sorted(map(fingerprint, recipients)))


def split(sealed_to: bytes) -> tuple[bytes, ...]:
    """The fingerprints in a row's field; what is left over at its end is none."""
    return tuple(sealed_to[at : at + SHORT] for at in range(0, len(sealed_to) - SHORT + 1, SHORT))
