"""Births and statuses: who a station is, and whether it is there."""

import logging
from collections.abc import Mapping
from typing import Final

import msgspec

from otorongo.hub import custody, noted, notices, places, receipts, store_events, store_evidence, store_stations, taking
from otorongo.hub.belief import Rules, believe
from otorongo.hub.store import Store, Tx
from otorongo.language import either
from otorongo.wire import birth, status, topics
from otorongo.wire.birth import Birth
from otorongo.wire.codes import TamperKind
from otorongo.wire.errors import BadMessage
from otorongo.wire.receipt import Receipt

log = logging.getLogger(__name__)

MOVED_M: Final = 200.0
"""A position that differs by less was measured anew."""
_NO_KEYS: Final[Mapping[str, bytes]] = {}


def take_birth(
    store: Store,
    rules: Rules,
    station: str,
    payload: bytes,
    now_ms: int,
    *,
    retained: bool = False,
    enrolled: Mapping[str, bytes] = _NO_KEYS,
) -> Receipt | None:
    """Keep a birth, and answer with a receipt of its outbox. None: it cannot be read, and is kept with the reason.

    `enrolled` are the public keys that a technician gave out with the certificates, 32 bytes each, newest first: the
    newest is the station's, and seals by the earlier ones stay good; without, the first key heard stays. Any other key
    is a tamper note, and its seals do not hold. A birth that the broker `retained` is no sign of life.
    """
    with store.write() as tx:
        if not store_stations.touch_one(tx, station, topics.BIRTH, payload, now_ms, heard=not retained):
            return None
        try:
            told = birth.decode(payload)
        except BadMessage as error:
            log.warning("station %s: birth: %s", station, error)
            store_stations.keep(tx, station, topics.BIRTH, payload, str(error), now_ms)
            return None
        number = birth.hash_of(payload)
        body = msgspec.to_builtins(told)
        row = {"outbox": told.outbox, "boot": told.boot, "payload": payload, "body": body, "received_ms": now_ms}
        store_stations.add_birth(tx, {"station": station, "hash": number, **row})
        _place(tx, rules, station, told, now_ms)
        store_stations.set_station(
            tx,
            station,
            birth=number,
            height_m=told.height_m,
            software=store_stations.clean(told.software),
            config_digest=store_stations.clean(told.config_digest),
        )
        _judge_key(tx, station, told, now_ms, enrolled.get(station))
        key = (station, told.outbox)
        box, closed = taking.begin_outbox(tx, key, now_ms)
        believe(tx, rules, closed | frozenset(store_events.open_events(tx, station)), now_ms)
        return receipts.receipt(tx, key, box, now_ms, with_media=True)


def _place(tx: Tx, rules: Rules, station: str, told: Birth, now_ms: int) -> None:
    """Where the station stands. One that tells no place stays where it was; one that tells another is told of itself.

    Its place decides who is rung and what is sealed, and hub.toml may know it better: then that holds, without a word.
    """
    if told.latitude_deg is None or told.longitude_deg is None:
        return
    before, here = store_evidence.positions(tx), (told.latitude_deg, told.longitude_deg)
    store_stations.set_station(tx, station, latitude_deg=here[0], longitude_deg=here[1])
    there = before.get(station)
    if there is None or station in rules.fixed or (moved_m := places.distance_m(there, here)) < MOVED_M:
        return
    sectors = [rules.sites(at).within.get(station, "-") for at in (before, {**before, station: here})]
    text = f"the station says that it stands {moved_m / 1000:.1f} km from where it stood: {' -> '.join(sectors)}"
    said = f"la estación dice estar a {moved_m / 1000:.1f} km de donde estaba: {' -> '.join(sectors)}"
    log.error("station %s: %s", station, either(said, text))
    both = noted.both(said, text)
    store_stations.add_note(tx, station, now_ms, "tamper", both, kind=int(TamperKind.MOVED))
    if sectors[0] != sectors[1]:
        notices.tell(tx, rules, ("coordinator",), "health", {"station": station, "sensor": 0, "news": "moved"}, now_ms)


def _judge_key(tx: Tx, station: str, told: Birth, now_ms: int, enrolled: bytes | None) -> None:
    """Learn the station's keys, or tell that it shows another one."""
    known = bytes((store_stations.station(tx, station) or {})["public_keys"] or b"")
    keys = enrolled or known or told.public_key
    if keys != known:
        store_stations.set_station(tx, station, public_keys=keys)
    newest = keys[: custody.KEY_BYTES]
    if told.public_key and told.public_key != newest:
        text = f"the station shows another key ({told.public_key.hex()[:16]}) than its own ({newest.hex()[:16]})"
        source = f"key/{station}/{told.public_key.hex()[:16]}"
        kind = int(TamperKind.KEY_CHANGED)
        shown, own = told.public_key.hex()[:16], newest.hex()[:16]
        said = f"la estación muestra otra clave ({shown}) que la suya ({own})"
        both = noted.both(said, text)
        if store_stations.add_note(tx, station, now_ms, "tamper", both, source=source, kind=kind):
            log.error("station %s: %s", station, either(said, text))


def take_status(store: Store, station: str, payload: bytes, now_ms: int, *, retained: bool = False) -> bool:
    """Keep what a station, or its last will, says of itself; False if it is kept with the reason.

    That is so if it cannot be read, or if the name is another station's in another case.
    """
    try:
        told, reason = status.decode(payload), ""
    except BadMessage as error:
        told, reason = None, str(error)
    with store.write() as tx:
        heard = not retained and (told is None or told.state != "offline")
        if not store_stations.touch_one(tx, station, topics.STATUS, payload, now_ms, heard=heard):
            return False
        if told is None:
            log.warning("station %s: status: %s", station, reason)
            store_stations.keep(tx, station, topics.STATUS, payload, reason, now_ms)
            return False
        since_ms = told.at_ms if 0 < told.at_ms <= now_ms else now_ms
        store_stations.set_station(tx, station, status=told.state, status_until_s=told.until_s, status_ms=since_ms)
        return True
