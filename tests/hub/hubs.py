"""A hub's folder and its database with hands, for the tests of backups."""

import hashlib
from pathlib import Path

from otorongo.hub.belief import NO_RULES
from otorongo.hub.ingest import accept
from otorongo.hub.media import Limits, take_chunk
from otorongo.hub.store import Store
from otorongo.wire.media import Chunk, encode
from otorongo.wire.receipt import Receipt
from otorongo.wire.rows import Media
from tests.hub.fakes import NOON_MS, Card

PICTURE = b"a picture" * 100


class Hub:
    """A hub's folder and its database, with hands."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        folder.mkdir()
        (folder / "pki").mkdir()
        (folder / "pki" / "ca.key").write_text("a key")
        (folder / "pki" / "ca.key").chmod(0o600)
        self.store = Store.open(url)

    def take(self, card: Card, seqs: list[int] | None = None) -> Receipt:
        """A batch comes."""
        receipt = accept(self.store, NO_RULES, card.station, card.batch(seqs), NOON_MS)
        assert receipt is not None
        return receipt

    def picture(self, card: Card, event: int) -> int:
        """Evidence comes whole."""
        seq = card.put(Media(0, 1, card.last + 1 - event, 1, len(PICTURE), hashlib.sha256(PICTURE).digest(), 1))
        self.take(card, [seq])
        take_chunk(
            self.store, self.folder / "media", Limits(), card.station, encode(Chunk(card.outbox, seq, 0, PICTURE)), 1
        )
        return seq
