"""What a station sends, and everything it causes, in one transaction; then the receipt.

`accept` is the whole way of one batch: rows, gaps, dates, events, alert state and delivery intents are committed
together, and only then is there a receipt. `accept_many` does the same for a handful of payloads at once, because a
commit costs more than a row.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from otorongo.hub import custody, notices, receipts, store_records, store_stations, taking
from otorongo.hub.belief import Rules, believe
from otorongo.hub.receipts import COPIED
from otorongo.hub.store import Found, Store, Tx
from otorongo.hub.store_alerts import EventKey
from otorongo.hub.store_records import BoxKey
from otorongo.wire import topics
from otorongo.wire.batch import Batch, Runs, decode_body, decode_header
from otorongo.wire.errors import BadBody, BadHeader
from otorongo.wire.receipt import Receipt
from otorongo.wire.rows import Media

log = logging.getLogger(__name__)

TAMPERS_MS: Final = 3_600_000
"""Of one station's tampers in so long, coordinators are told once."""


class Payload(NamedTuple):
    """What came on a station's topic."""

    station: str
    payload: bytes


class _Box:
    """The good batches of one outbox, in the order in which they came."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.payloads: list[bytes] = []
        self.births: set[int] = set()
        self.kept: Runs = ()
        self.media = False
        self.row: Found = {}


def accept(store: Store, rules: Rules, station: str, payload: bytes, now_ms: int) -> Receipt | None:
    """Take one batch in: everything it causes is committed when this returns. None: its header cannot be believed.

    Raises StoreAway if the database cannot be written; then nothing of it is committed, and the payload may come again.
    """
    return accept_many(store, rules, [Payload(station, payload)], now_ms)[0]


def accept_many(
    store: Store,
    rules: Rules,
    payloads: Sequence[Payload],
    now_ms: int,
    *,
    safe_at_commit: Callable[[Tx], bool] | None = None,
) -> list[Receipt | None]:
    """Take batches in, in one transaction; a receipt for each, or None where a header cannot be believed.

    `safe_at_commit` says of a transaction that a synchronous standby has it before its commit returns: then what is
    committed is safe. None: backups alone make it so.
    """
    with store.write() as tx:
        names = store_stations.touch(tx, (one.station for one in payloads), now_ms)
        boxes, keys = _sort(tx, names, payloads, now_ms)
        touched: set[EventKey] = set()
        sealed: list[BoxKey] = []
        for key, box in boxes.items():
            row, closed = taking.begin_outbox(tx, key, now_ms)
            touched |= closed
            box.row = row
            if box.kept:
                _keep_seqs(tx, key, box.kept)
                box.row["kept"] = True
            if row["state"] == COPIED:
                _keep_copied(tx, key, box, now_ms)
            elif box.batches:
                taken = taking.take(tx, key, row, box.batches, now_ms)
                touched |= taken.events
                sealed += [key] if taken.sealed else []
                if taken.tampers:
                    _tell_tampers(tx, rules, key[0], now_ms)
                if taken.conflicts:
                    touched |= _copied(tx, rules, key, box, taken.conflicts, now_ms)
            store_records.heard_outbox(tx, key, now_ms)
        believe(tx, rules, touched, now_ms)
        if safe_at_commit is not None and safe_at_commit(tx):
            for key, box in boxes.items():
                if box.row["state"] == COPIED:
                    continue
                box.row["safe_up_to"] = store_records.up_to(tx, key)
                store_records.set_outbox(tx, key, safe_up_to=box.row["safe_up_to"])
        written = {key: _receipt(tx, key, box, now_ms) for key, box in boxes.items()}
    for key in sealed:
        custody.verify(store, key)
    return [None if key is None else written[key] for key in keys]


def _sort(
    tx: Tx, names: Mapping[str, str], payloads: Sequence[Payload], now_ms: int
) -> tuple[dict[BoxKey, _Box], list[BoxKey | None]]:
    """Decode, and sort by outbox. What cannot be read is kept with its reason."""
    boxes: dict[BoxKey, _Box] = {}
    keys: list[BoxKey | None] = []
    for given, payload in payloads:
        station = names[given]
        keys.append(None)
        if station != given:
            store_stations.keep(tx, station, topics.RECORDS, payload, store_stations.misnamed(given, station), now_ms)
            continue
        try:
            header, deflated, body = decode_header(payload)
        except BadHeader as error:
            log.warning("station %s: %s", station, error)
            store_stations.count_up(tx, station, "bad_headers")
            store_stations.keep(tx, station, topics.RECORDS, payload, str(error), now_ms)
            continue
        key = keys[-1] = (station, header.outbox)
        box = boxes.setdefault(key, _Box())
        box.births.add(header.birth)
        try:
            records = decode_body(header, deflated, body)
        except BadBody as error:
            log.warning("station %s outbox %s rows %s: kept: %s", *key, header.runs, error)
            store_stations.keep(tx, station, topics.RECORDS, payload, str(error), now_ms)
            box.kept += header.runs
            continue
        box.batches.append(Batch(header, records))
        box.payloads.append(payload)
        box.media = box.media or any(isinstance(record.row, Media) for record in records)
    return boxes, keys


def _keep_seqs(tx: Tx, key: BoxKey, runs: Sequence[tuple[int, int]]) -> None:
    """Note the seqs of a body that cannot be read, except those that came whole before."""
    for first, last in runs:
        have = store_records.spans_in(tx, key, first, last)
        at = first
        for start, end in have:
            if at < start:
                store_records.add_spans(tx, key, ((at, start - 1),), kept=True)
            at = max(at, end + 1)
        if at <= last:
            store_records.add_spans(tx, key, ((at, last),), kept=True)
    store_records.set_outbox(tx, key, kept=True)


def _copied(tx: Tx, rules: Rules, key: BoxKey, box: _Box, seqs: frozenset[int], now_ms: int) -> frozenset[EventKey]:
    """A copied card, or a forger: what came first stays, what came now is kept until it comes under another outbox."""
    closed = taking.give_up(tx, key, seqs, now_ms)
    box.row["state"] = COPIED
    _keep_copied(tx, key, box, now_ms)
    notices.tell(tx, rules, ("coordinator",), "health", {"station": key[0], "sensor": 0, "news": COPIED}, now_ms)
    return closed


def _tell_tampers(tx: Tx, rules: Rules, station: str, now_ms: int) -> None:
    """Coordinators hear that somebody was at a station, once an hour: the notes on its page tell the rest.

    The hour is the hub's own: what a station that was long out of reach tells of is old, and comes all at once.
    """
    told = {"station": station, "sensor": 0, "news": "tampered"}
    notices.tell_seldom(tx, rules, ("coordinator",), "health", told, now_ms, TAMPERS_MS)


def _keep_copied(tx: Tx, key: BoxKey, box: _Box, now_ms: int) -> None:
    reason = f"outbox {key[1]} was copied: its card is told to begin a new one, and to send this again under it"
    log.warning("station %s: %s", key[0], reason)
    for payload in box.payloads:
        store_stations.keep(tx, key[0], topics.RECORDS, payload, reason, now_ms)


def _receipt(tx: Tx, key: BoxKey, box: _Box, now_ms: int) -> Receipt:
    unknown = any(number and not store_stations.knows_birth(tx, key[0], number) for number in box.births)
    return receipts.receipt(tx, key, box.row, now_ms, want_birth=unknown, with_media=box.media)
