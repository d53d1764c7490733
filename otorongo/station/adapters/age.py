"""Sealing by age (https://age-encryption.org/v1): X25519 for each recipient, ChaCha20-Poly1305 for the content.

The card holds public keys only: what is sealed cannot be opened at the station, by whoever has it in hand.
"""

from collections.abc import Callable, Sequence

import pyrage

from otorongo.language import say
from otorongo.station.errors import SealError


def sealing(recipients: Sequence[str]) -> Callable[[bytes], bytes]:
    """What seals bytes to all of these recipients (`age1...`): each of them opens it alone.

    Raises SealError, which names the recipient that is none.
    """
    keys = []
    for recipient in recipients:
        try:
            keys.append(pyrage.x25519.Recipient.from_str(recipient))
        except pyrage.RecipientError as error:
            raise SealError(
                say(
                    "seal.recipients: {recipient}: is no age recipient ({error}): copy it again from its owner",
                    recipient=recipient,
                    error=error,
                )
            ) from error
    if not keys:
        raise SealError(say("seal.recipients: nobody could open what is sealed: name at least two"))

    def seal(content: bytes) -> bytes:
        """Raises SealError."""
        try:
            sealed: bytes = pyrage.encrypt(content, keys)
        except pyrage.EncryptError as error:
            raise SealError(say("an original cannot be sealed: {error}", error=error)) from error
        return sealed

    return seal
