"""Which batches are on their way, when they travel again, and which of them a hub will not take. Pure.

A broker's acknowledgement only starts the patience; a receipt of the hub ends it. A batch has failed when the hub has
taken one that was sent after it: silence alone (no link, no hub) is nobody's fault and costs no row its place.
"""

import random
from collections.abc import Callable
from typing import Final

from otorongo.wire.receipt import MAX_RANGES, Receipt, covers

MAX_FLYING: Final = 16
"""Batches without a receipt at a time."""
MAX_UNACKED: Final = 3
"""Batches that may wait for the broker when the next one carries a threat; ordinary ones wait for each."""
_BACK_OFF: Final = 16
_UNTOLD: Final = 10
"""How many patiences a batch above the ranges of a full receipt waits: the hub cannot speak of it yet."""
_SMOOTH: Final = 8


class Sent:
    """A batch on its way."""

    def __init__(self, ticket: int, seqs: tuple[int, ...], number: int, now_ms: int, due_ms: int, times: int) -> None:
        self.ticket: int | None = ticket
        self.all = seqs
        self.open = set(seqs)
        """Seqs without a receipt."""
        self.number = number
        self.sent_ms = now_ms
        self.due_ms = due_ms
        self.times = times
        self.overtaken = False
        self.untold = 0


class Flight:
    """The batches on their way."""

    def __init__(self, resend_after_ms: int, jitter: Callable[[], float] = random.random) -> None:
        self.rtt_ms = 0.0
        """Smoothed time from sending a batch to its receipt; 0: not known yet."""
        self._resend_after_ms = resend_after_ms
        self._jitter = jitter
        self._flying: list[Sent] = []
        self._count = 0
        self._times: dict[int, int] = {}
        self._owed_ms: int | None = None
        """Since when the broker owes an acknowledgement and gives none; sending again is no excuse for it."""

    @property
    def skip(self) -> set[int]:
        """Seqs that need not be sent now."""
        return {seq for sent in self._flying for seq in sent.open}

    def may_send(self, *, threat: bool) -> bool:
        """One ordinary batch at a time in the pipe, so that a threat never waits behind many."""
        unacked = sum(sent.ticket is not None for sent in self._flying)
        if len(self._flying) >= MAX_FLYING and not threat:
            return False
        return unacked < (MAX_UNACKED if threat else 1)

    def sent(self, ticket: int, seqs: tuple[int, ...], now_ms: int) -> bool:
        """A batch was handed to the transport; returns whether it was sent before."""
        self._count += 1
        times = self._times[seqs[0]] = self._times.get(seqs[0], 0) + 1
        due = now_ms + 4 * self._patience_ms(times)
        if self._owed_ms is None:
            self._owed_ms = now_ms
        self._flying.append(Sent(ticket, seqs, self._count, now_ms, due, times))
        return times > 1

    def acked(self, ticket: int, now_ms: int) -> None:
        """The broker has it: from now on the hub may take its time."""
        for sent in self._flying:
            if sent.ticket == ticket:
                sent.ticket = None
                sent.due_ms = now_ms + self._patience_ms(sent.times)
        self._heard(now_ms)

    def lost(self) -> None:
        """The connection ended: what the broker has not acknowledged travels again on the next one."""
        self._flying = [sent for sent in self._flying if sent.ticket is None]
        self._owed_ms = None

    def owed_ms(self, now_ms: int) -> int:
        """How long the broker owes an acknowledgement and has given none; 0: it owes none."""
        return 0 if self._owed_ms is None else now_ms - self._owed_ms

    def receipted(self, receipt: Receipt, now_ms: int) -> Sent | None:
        """Take off what the hub has; returns the last sent batch that is whole by this receipt, or None."""
        told = receipt.beyond[-1][1] if len(receipt.beyond) == MAX_RANGES else None
        touched = []
        for sent in self._flying:
            had = len(sent.open)
            sent.open = {seq for seq in sent.open if not covers(receipt, seq)}
            if len(sent.open) < had:
                touched.append(sent)
        newest = max((sent.number for sent in touched), default=0)
        for sent in self._flying:
            silent = told is not None and bool(sent.open) and max(sent.open) > told
            sent.untold = sent.untold + 1 if silent else 0
            if sent.open and sent.number < newest and not silent:
                sent.overtaken = True
        whole = [sent for sent in touched if not sent.open]
        for sent in whole:
            self._times.pop(sent.all[0], None)
            if sent.times == 1:
                took = now_ms - sent.sent_ms
                self.rtt_ms += (took - self.rtt_ms) / _SMOOTH if self.rtt_ms else took
        self._flying = [sent for sent in self._flying if sent.open]
        self._heard(now_ms)
        return whole[-1] if whole else None

    def due(self, now_ms: int) -> list[tuple[int, ...]]:
        """Take off the batches whose patience is over, so that they travel again; returns those that have failed."""
        failed = []
        for sent in list(self._flying):
            if now_ms < sent.due_ms:
                continue
            if sent.untold and now_ms - sent.sent_ms < _UNTOLD * self._patience_ms(1):
                sent.due_ms = now_ms + self._patience_ms(1)
                continue
            self._flying.remove(sent)
            if sent.overtaken:
                failed.append(tuple(sorted(sent.open)))
        if not self._flying and not failed and len(self._times) > 10_000:
            self._times.clear()
        return failed

    def next_due_ms(self) -> int | None:
        """When `due` will have something to do."""
        return min((sent.due_ms for sent in self._flying), default=None)

    def _heard(self, now_ms: int) -> None:
        """The broker lives: what it owes now it owes anew."""
        self._owed_ms = now_ms if any(sent.ticket is not None for sent in self._flying) else None

    def _patience_ms(self, times: int) -> int:
        """Longer each time, so that an absent hub costs little; jittered, so that stations do not march in step."""
        base = max(self._resend_after_ms, 4 * self.rtt_ms)
        return round(base * min(1 << (times - 1), _BACK_OFF) * (1 + self._jitter() / 4))
