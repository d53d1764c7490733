"""Which rows may have been sent from this card.

Two stations on copies of one card share the outbox's number, and each hears the receipts that the other causes. A
receipt for a row that was never sent from here is about the other's row of that number.
"""

from collections.abc import Collection
from typing import Final

from otorongo.station.outbox import Outbox
from otorongo.wire.receipt import Receipt

CURSOR: Final = "sent up to"
_AHEAD: Final = 256
"""The mark on the card is set so far ahead, which spares most commits; above it nothing was ever sent."""


class Sent:
    """What this process and those before it may have sent of one outbox."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.begin()

    def begin(self) -> None:
        """Begin anew: at the start of a process, and when the outbox was replaced."""
        chain, kept = self._outbox.chain(), self._outbox.cursor(CURSOR) or ""
        number, _, mark = kept.partition(" ")
        self._number = chain.outbox
        if not mark.isdecimal():
            self._marked = chain.last_seq
        else:  # of an outbox that is newer than the mark nothing was sent
            self._marked = int(mark) if number == str(chain.outbox) else 0
        self._before = self._marked
        self._here: set[int] = set()
        self._write()

    def note(self, outbox: int, seqs: Collection[int]) -> None:
        """Rows are about to be sent; on return a later process cannot think that they were not."""
        if outbox != self._number:
            self.begin()
        self._here.update(seqs)
        if max(seqs, default=0) > self._marked:
            self._marked = max(seqs) + _AHEAD
            self._write()

    def __contains__(self, seq: object) -> bool:
        return isinstance(seq, int) and (seq <= self._before or seq in self._here)

    def settled(self, receipt: Receipt) -> None:
        """A receipt was acted on: no row up to its mark waits here any more unsent."""
        if receipt.outbox == self._number:
            self._before = max(self._before, receipt.up_to)
            self._here = {seq for seq in self._here if seq > self._before}

    def _write(self) -> None:
        self._outbox.put([], cursor=(CURSOR, f"{self._number} {self._marked}"))
