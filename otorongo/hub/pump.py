"""From the bearer into the store and back: takes what came, commits it, sends the receipts, and only then says done.

What cannot be committed because the database is away is held and tried again; nothing is acknowledged meanwhile. What
makes the hub itself stumble is kept with the error, so that one payload cannot stop the others, and not receipted: the
station sends it again to a hub that has been mended.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from otorongo.hub import leaving, media, presence, store_stations
from otorongo.hub.belief import Rules
from otorongo.hub.errors import StoreAway
from otorongo.hub.ingest import Payload, accept_many
from otorongo.hub.media import Limits
from otorongo.hub.ports import Bearer, Message
from otorongo.hub.store import Store, Tx
from otorongo.wire import receipt as wire_receipt
from otorongo.wire import topics, wants
from otorongo.wire.errors import BadMessage
from otorongo.wire.receipt import Receipt

log = logging.getLogger(__name__)

AT_ONCE: Final = 64
"""Messages of one transaction: more gain little, and hold the first receipt up."""
_FIRST_PAUSE_S: Final = 0.5
_MOST_PAUSE_S: Final = 30.0


class Counts(Struct):
    """What went through, since the start."""

    messages: int = 0
    receipts: int = 0
    foreign: int = 0
    """On topics of which version 1 knows nothing."""
    stumbled: int = 0
    """Payloads at which the hub itself failed."""
    pauses: int = 0
    """Times that the database was away."""


class Pump:
    """The ingest worker; `turn` is called for ever by one thread."""

    def __init__(
        self,
        store: Store,
        bearer: Bearer,
        *,
        rules: Callable[[], Rules],
        media_folder: Path,
        limits: Limits,
        now_ms: Callable[[], int],
        enrolled: Callable[[], Mapping[str, bytes]] = dict,
        safe_at_commit: Callable[[Tx], bool] | None = None,
    ) -> None:
        self.counts = Counts()
        self.moved_s = time.monotonic()
        """When it last did something, or found nothing to do."""
        self._store, self._bearer, self._rules, self._now_ms = store, bearer, rules, now_ms
        self._media_folder, self._limits, self._enrolled = media_folder, limits, enrolled
        self._safe_at_commit = safe_at_commit
        self._held: list[Message] = []
        self._pause_s = _FIRST_PAUSE_S

    def turn(self, timeout_s: float = 1.0) -> int:
        """Take what has come, at most some dozens of messages, and see it through; how many were done."""
        if not self._held:
            self._held = list(self._bearer.take(AT_ONCE, timeout_s))
        self.moved_s = time.monotonic()
        held = self._held
        if not held:
            return 0
        try:
            self._through(held)
        except (StoreAway, OSError) as error:
            self.counts.pauses += 1
            log.error("ingest: %d messages wait %.1f s: %s", len(held), self._pause_s, error)  # noqa: TRY400
            time.sleep(self._pause_s)
            self._pause_s = min(self._pause_s * 2, _MOST_PAUSE_S)
            return 0
        self._pause_s = _FIRST_PAUSE_S
        self._held = []
        self._bearer.done(held)
        self.counts.messages += len(held)
        return len(held)

    def _through(self, messages: Sequence[Message]) -> None:
        """All of them in as few transactions as may be; one by one if that makes the hub stumble."""
        try:
            self._send(self._commit(messages))
        except (StoreAway, OSError):
            if len(messages) == 1:
                raise
            for message in messages:
                self._through([message])
        except Exception as error:  # noqa: BLE001 - kept and logged with its trace below
            if len(messages) > 1:
                for message in messages:
                    self._through([message])
                return
            self._keep(messages[0], error)

    def _commit(self, messages: Sequence[Message]) -> dict[tuple[str, int], Receipt]:
        """Commit; the receipts to send, the last one of each outbox."""
        now_ms, rules = self._now_ms(), self._rules()
        receipts: dict[tuple[str, int], Receipt] = {}
        records: list[Payload] = []
        others: list[tuple[str, str, Message]] = []
        for message in messages:
            try:
                station, leaf = topics.parse(message.topic)
            except BadMessage as error:
                self.counts.foreign += 1
                log.warning("ingest: %s", error)
                continue
            if leaf == topics.RECORDS and not message.retained:
                records.append(Payload(station, message.payload))
            else:
                others.append((station, leaf, message))
        for station, leaf, message in others:
            if leaf == topics.BIRTH:  # before the records that name it
                self._add(receipts, station, self._birth(station, message, rules, now_ms))
        if records:
            told = accept_many(self._store, rules, records, now_ms, safe_at_commit=self._safe_at_commit)
            for one, receipt in zip(records, told, strict=True):
                self._add(receipts, one.station, receipt)
        for station, leaf, message in others:
            if leaf == topics.MEDIA:
                self._add(receipts, station, self._chunk(station, message, now_ms))
            elif leaf == topics.STATUS:
                presence.take_status(self._store, station, message.payload, now_ms, retained=message.retained)
        return receipts

    def _chunk(self, station: str, message: Message, now_ms: int) -> Receipt | None:
        """Evidence that cannot be written must not hold up the records of threats; the chunk comes again."""
        try:
            return media.take_chunk(self._store, self._media_folder, self._limits, station, message.payload, now_ms)
        except OSError as error:
            log.error("ingest: evidence of %s cannot be written: %s", station, error)  # noqa: TRY400
            return None

    def _birth(self, station: str, message: Message, rules: Rules, now_ms: int) -> Receipt | None:
        return presence.take_birth(
            self._store,
            rules,
            station,
            message.payload,
            now_ms,
            retained=message.retained,
            enrolled=self._enrolled(),
        )

    def _add(self, receipts: dict[tuple[str, int], Receipt], station: str, receipt: Receipt | None) -> None:
        if receipt is not None:
            known = receipts.get((station, receipt.outbox))
            if known is not None and known.media and not receipt.media:
                self._send({(station, receipt.outbox): known})
            receipts[station, receipt.outbox] = receipt

    def _send(self, receipts: Mapping[tuple[str, int], Receipt]) -> None:
        for (station, _), receipt in receipts.items():
            self._bearer.send(topics.topic(station, topics.RECEIPT), wire_receipt.encode(receipt))
            self.counts.receipts += 1

    def ask_for_media(self) -> int:
        """Ask stations for the evidence of alerts that is not here yet; for how many pieces."""
        asked: dict[str, list[wants.Want]] = {}
        with self._store.read() as tx:
            apart = leaving.stations_apart(tx, self._rules())
        for station, want in media.wanted(self._store, self._limits, self._now_ms(), apart=apart):
            asked.setdefault(station, []).append(want)
        for station, some in asked.items():
            self._bearer.send(topics.topic(station, topics.WANTS), wants.encode(tuple(some)))
        return sum(map(len, asked.values()))

    def _keep(self, message: Message, error: Exception) -> None:
        """The hub itself stumbled over a payload: keep it with the error, and let it go."""
        self.counts.stumbled += 1
        log.error("ingest: %s: the hub failed at this payload, it is kept", message.topic, exc_info=error)
        station, leaf = topics.parse(message.topic)
        reason = f"the hub failed at it: {type(error).__name__}: {error}"
        with self._store.write() as tx:
            name = store_stations.touch(tx, [station], self._now_ms(), heard=not message.retained)[station]
            store_stations.keep(tx, name, leaf, message.payload, reason, self._now_ms())
