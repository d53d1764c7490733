"""Evidence in chunks: what the hub asked for, after the records, within the day's budget, from where the hub is."""

import hashlib
import logging
from collections.abc import Callable
from typing import Final

from otorongo.language import say, why
from otorongo.station.outbox import Outbox
from otorongo.station.outbox_media import Evidence
from otorongo.wire import media, topics
from otorongo.wire.codes import NoteKind
from otorongo.wire.media import MAX_DATA, Chunk
from otorongo.wire.receipt import Receipt
from otorongo.wire.rows import Note

log = logging.getLogger(__name__)

OVERHEAD: Final = 200
"""Bytes around a chunk: topic, MQTT, TLS, TCP and the acknowledgement."""
_RESTART: Final = 5
"""After so many patiences without news a file is sent again from where the hub was last."""

Send = Callable[[str, bytes], int]


class MediaSender:
    """The file that is being sent; one chunk at a time."""

    def __init__(self, outbox: Outbox, send: Send) -> None:
        self._outbox = outbox
        self._send = send
        self._seq = 0
        self._at = 0
        self._chunk_ms = 0
        self._last = 0
        self._ticket: int | None = None
        self._told_spent = False
        self._waiting: dict[int, int] = {}
        """Files that are sent to their end: when."""

    def acked(self, ticket: int) -> None:
        """The broker has the chunk: the next may go."""
        if ticket == self._ticket:
            self._ticket = None

    def lost(self) -> None:
        """The connection ended: a file whose last chunk the broker does not have goes on from where the hub is."""
        if self._ticket is not None:
            self._waiting.pop(self._last, None)
        self._ticket = None
        self._seq = 0

    def receipted(self, receipt: Receipt, now_ms: int, patience_ms: int) -> None:
        """Follow the hub's progress; a file that stands still is sent again from there."""
        shelf = self._outbox.media
        pairs = [(own, have) for seq, have in receipt.media if (own := shelf.own(receipt.outbox, seq))]
        shelf.progress(pairs)
        for seq, _ in pairs:
            if seq in self._waiting and now_ms - self._waiting[seq] >= patience_ms:
                del self._waiting[seq]

    def wanted(self, seq: int, offset: int) -> bool:
        """The hub asks for a file; False if it is not on the card."""
        self._waiting.pop(seq, None)
        if seq == self._seq:
            self._seq = 0
        return self._outbox.media.want(seq, offset)

    def send(self, now_ms: int, patience_ms: int, budget: int) -> bool:
        """Send the next chunk if one may go; returns whether it did."""
        if self._ticket is not None and now_ms - self._chunk_ms < _RESTART * patience_ms:
            return False
        self._waiting = {seq: at for seq, at in self._waiting.items() if now_ms - at < _RESTART * patience_ms}
        found = self._outbox.media.next(self._waiting)
        if found is None:
            return False
        if found.seq != self._seq:
            self._seq, self._at = found.seq, found.have
        if min(MAX_DATA, found.bytes - self._at) + OVERHEAD > budget:
            if not self._told_spent:
                log.info(
                    "uplink: today's bytes are spent (daily_bytes): what evidence is left waits for tomorrow (UTC)"
                )
            self._told_spent = True
            return False
        self._told_spent = False
        data = self._read(found, now_ms)
        if not data:
            return False
        payload = media.encode(Chunk(*self._outbox.media.name(found.seq), self._at, data))
        self._ticket = self._send(topics.MEDIA, payload)
        self._chunk_ms = now_ms
        self._last = found.seq
        self._at += len(data)
        if self._at >= found.bytes:
            self._waiting[found.seq] = now_ms
            self._seq = 0
        return True

    def _read(self, found: Evidence, now_ms: int) -> bytes:
        """The next stretch of the file; a file that is gone or short is wanted no more, and a note says so."""
        path = self._outbox.media.root / found.path
        try:
            with path.open("rb") as file:
                file.seek(self._at)
                data = file.read(min(MAX_DATA, found.bytes - self._at))
        except OSError as error:
            reason = why(error)
        else:
            if data:
                return data
            reason = say("it ends at {at} of {whole} bytes", at=self._at, whole=found.bytes)
        self._seq = 0
        self._outbox.media.drop_want(found.seq)
        self._outbox.put(
            [
                Note(
                    now_ms,
                    NoteKind.OTHER,
                    say("evidence {seq} cannot be sent: {reason}", seq=abs(found.seq), reason=reason),
                )
            ]
        )
        log.warning("uplink: %s cannot be sent: %s", path, reason)
        return b""


def keep_text(outbox: Outbox, name: str, text: str, now_ms: int) -> tuple[str, int, bytes]:
    """Write a text for the hub below the data folder, in place of the one before it.

    Returns its relative path, size and hash. Raises OSError if the card does not take it; nothing is left behind then.
    """
    data = text.encode(errors="replace")[-64 * 1024 :]
    folder = outbox.media.root / "media"
    folder.mkdir(exist_ok=True)
    known = {one.path: one.seq for one in outbox.media.all()}
    for old in folder.glob(f"{name}-*.txt"):  # also one whose row was never put
        old.unlink(missing_ok=True)
        if (seq := known.get(str(old.relative_to(outbox.media.root)))) is not None:
            outbox.media.forget([seq])
    path = folder / f"{name}-{now_ms}.txt"
    try:
        path.write_bytes(data)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return str(path.relative_to(outbox.media.root)), len(data), hashlib.sha256(data).digest()
