"""Evidence in chunks: taken in order, resumed from where it stopped, believed when its hash holds.

A piece lies below `folder` as STATION/OUTBOX/SEQ.part while it grows and under its kind's ending when it is whole. The
database says how many bytes from the start are good; bytes beyond that are written again.
"""

import collections
import hashlib
import logging
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from otorongo.hub import noted, receipts, store_events, store_media, store_records, store_stations
from otorongo.hub.store import Found, Store, Tx
from otorongo.hub.store_media import ASKED_MS
from otorongo.language import either
from otorongo.wire import media, topics
from otorongo.wire.codes import MediaKind, Tag
from otorongo.wire.errors import BadMessage
from otorongo.wire.media import MAX_DATA, Chunk
from otorongo.wire.receipt import Receipt
from otorongo.wire.wants import WantMedia

log = logging.getLogger(__name__)

ENDINGS: Final = {
    MediaKind.THUMBNAIL: "webp",
    MediaKind.CLIP: "opus",
    MediaKind.FRAME: "webp",
    MediaKind.SPECTROGRAM: "webp",
    MediaKind.LOG: "txt",
    MediaKind.PREVIEW: "webp",
    MediaKind.AUDIT: "bin",  # a picture or a sound
}
_TOLD_EVERY: Final = 8 * MAX_DATA
"""Progress is told this often while a piece grows, and at its end."""
_TRIES: Final = 3
MOST_WANTS: Final = 32
"""Pieces asked for at once."""
DAY_MS: Final = 86_400_000


class Limits(Struct, frozen=True):
    """How much evidence the hub takes."""

    piece_bytes: int = 4_000_000
    station_day_bytes: int = 50_000_000
    """In 24 hours; what is beyond waits."""
    ask_again_ms: int = 600_000
    """The hub asks again for a piece that has not moved for so long."""
    animal_thumbs_day: int = 20
    """Of each station, in 24 hours, of events that no alert covers."""


def take_chunk(store: Store, folder: Path, limits: Limits, station: str, payload: bytes, now_ms: int) -> Receipt | None:
    """Write a chunk to disk; a receipt where the station should hear of it, None if it goes on by itself.

    Raises OSError if the disk cannot be written: the chunk then comes again.
    """
    with store.write() as tx:
        if not store_stations.touch_one(tx, station, topics.MEDIA, payload, now_ms):
            return None
        try:
            chunk = media.decode(payload)
        except BadMessage as error:
            log.warning("station %s: chunk: %s", station, error)
            store_stations.keep(tx, station, topics.MEDIA, payload, str(error), now_ms)
            return None
        box = store_records.outbox(tx, (station, chunk.outbox))
        if box is None:
            return None
        piece = store_media.piece(tx, (station, chunk.outbox, chunk.seq))
        tell = True
        if piece is not None and piece["state"] in ("told", "part"):
            tell = _take(tx, folder, limits, piece, chunk, now_ms)
        receipt = receipts.receipt(tx, (station, chunk.outbox), box, now_ms, with_media=True)
        if piece is None or piece["state"] == "bad":
            receipt = _with(receipt, chunk.seq, 0)
        return receipt if tell else None


def _take(tx: Tx, folder: Path, limits: Limits, piece: Found, chunk: Chunk, now_ms: int) -> bool:
    """Add a chunk to a piece; True if the station should hear of it."""
    key = _key(piece)
    if piece["bytes"] > limits.piece_bytes:
        _refuse(tx, key, f"{piece['bytes']} bytes: the hub takes at most {limits.piece_bytes}", now_ms)
        return True
    if store_media.media_bytes_since(tx, key[0], now_ms - DAY_MS) >= limits.station_day_bytes:
        _put_off(tx, key[0], limits, now_ms)
        return True
    have = int(piece["have"])
    fresh = chunk.data[max(have - chunk.offset, 0) :]
    if chunk.offset > have or not fresh or have + len(fresh) > piece["bytes"]:
        return True
    part = _path(folder, piece, "part")
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("r+b" if part.exists() and have else "wb") as file:
        file.seek(have)
        file.write(fresh)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
    have += len(fresh)
    store_media.set_piece(tx, key, have=have, state="part", changed_ms=now_ms)
    if have == piece["bytes"]:
        _finish(tx, folder, piece, now_ms)
        return True
    return have // _TOLD_EVERY > int(piece["have"]) // _TOLD_EVERY


def _put_off(tx: Tx, station: str, limits: Limits, now_ms: int) -> None:
    """The day's bytes are used up: the piece stays as it is, and is asked for again when there is room."""
    text = f"more than {limits.station_day_bytes} bytes of evidence in a day: the rest waits until there is room again"
    said = f"más de {limits.station_day_bytes} bytes de evidencia en un día: el resto espera hasta que haya lugar"
    source = f"budget/{station}/{now_ms // DAY_MS}"
    if store_stations.add_note(tx, station, now_ms, "evidence", noted.both(said, text), source=source):
        log.warning("station %s: %s", station, either(said, text))


def _refuse(tx: Tx, key: store_media.MediaKey, reason: str, now_ms: int) -> None:
    log.warning("station %s: evidence %s of outbox %s refused: %s", key[0], key[2], key[1], reason)
    store_media.set_piece(tx, key, state="refused", changed_ms=now_ms)
    text = f"evidence {key[2]} of outbox {key[1]} was refused: {reason}"
    both = noted.both(f"la evidencia {key[2]} de la tarjeta {key[1]} fue rechazada por su tamaño", text)
    store_stations.add_note(tx, key[0], now_ms, "evidence", both, source=f"refused/{key[0]}/{key[1]}/{key[2]}")


def _finish(tx: Tx, folder: Path, piece: Found, now_ms: int) -> None:
    """Check a piece that has all its bytes."""
    key = _key(piece)
    part = _path(folder, piece, "part")
    if hashlib.sha256(part.read_bytes()).digest() == bytes(piece["sha256"]):
        whole = _path(folder, piece, _ending(piece))
        part.replace(whole)
        _sync(whole.parent)
        path = whole.relative_to(folder).as_posix()
        store_media.set_piece(tx, key, state="whole", path=path, changed_ms=now_ms)
        return
    part.unlink()
    tries = piece["tries"] + 1
    bad = {"state": "bad"} if tries >= _TRIES else {"state": "told", "wanted_ms": min(piece["wanted_ms"], ASKED_MS)}
    store_media.set_piece(tx, key, have=0, tries=tries, changed_ms=now_ms, **bad)
    text = f"evidence {key[2]} of outbox {key[1]} came whole {tries} times and is not what its row says (SHA-256)"
    said = f"la evidencia {key[2]} de la tarjeta {key[1]} llegó entera {tries} veces y no es la anunciada"
    log.error("station %s: %s", key[0], either(said, text))
    if tries >= _TRIES:
        source = f"bad/{key[0]}/{key[1]}/{key[2]}"
        store_stations.add_note(tx, key[0], now_ms, "evidence", noted.both(said, text), source=source)


def wanted(store: Store, limits: Limits, now_ms: int, *, apart: Collection[str] = ()) -> list[tuple[str, WantMedia]]:
    """What to ask stations for now: the evidence of alerts that is not here yet. Each is asked for again only later.

    After it a few animals of each day, but of no station `apart`, in land of peoples in isolation. A station is asked
    for no more than it may send in a day; what it sent and what is on its way count. Of what people ask for beside
    alerts it is asked for no more once half of that is used: nobody asks away the room that an alert needs.
    """
    again_ms = now_ms - limits.ask_again_ms
    with store.write() as tx:
        load = store_media.media_load(tx, now_ms - DAY_MS, again_ms)
        most = limits.station_day_bytes - limits.piece_bytes
        full = [station for station, size in load.items() if size > most]
        asked: list[tuple[str, WantMedia]] = []

        def ask(pieces: Iterable[Found]) -> None:
            for piece in pieces:
                station = piece["station"]
                room = most // 2 if piece.get("beside") else most
                if load.get(station, 0) > room or len(asked) == MOST_WANTS:
                    continue
                load[station] = load.get(station, 0) + piece["bytes"] - piece["have"]
                store_media.set_piece(tx, _key(piece), wanted_ms=now_ms)
                asked.append((station, WantMedia(piece["outbox"], piece["seq"], piece["have"])))

        ask(store_events.media_to_want(tx, again_ms, limits.piece_bytes, without=full, limit=4 * MOST_WANTS))
        ask(_animals(tx, limits, now_ms, [*full, *apart]))
    return asked


def _animals(tx: Tx, limits: Limits, now_ms: int, without: Sequence[str]) -> Iterator[Found]:
    """Pictures of animals to ask for, of each station only so many new ones in a day."""
    counts = store_events.animals_asked_for(tx, now_ms - DAY_MS)
    spent = [name for name, count in counts.items() if count >= limits.animal_thumbs_day]
    again_ms, most = now_ms - limits.ask_again_ms, limits.piece_bytes
    for piece in store_events.animals_to_want(tx, again_ms, most, without=without, spent=spent, limit=4 * MOST_WANTS):
        station = piece["station"]
        if not piece["wanted_ms"]:
            counts[station] = counts.get(station, 0) + 1
            if counts[station] > limits.animal_thumbs_day:
                continue
        yield piece


def forget(store: Store, folder: Path, told_before_ms: int, now_ms: int) -> int:
    """Delete the files of evidence older than that which no alert covers; how many. Their rows stay, as `gone`.

    A piece is `gone` before its file is, and its path is forgotten after: whatever ends the hub between, no piece is
    called whole that is not, and no file is left for good.
    """
    with store.write() as tx:
        found = store_events.media_to_forget(tx, told_before_ms)
        for piece in found:
            store_media.set_piece(tx, _key(piece), state="gone")
    if not found:
        return 0
    for piece in found:
        (folder / piece["path"]).unlink(missing_ok=True)
    with store.write() as tx:
        for piece in found:
            store_media.set_piece(tx, _key(piece), path="")
        for station, count in sorted(collections.Counter(piece["station"] for piece in found).items()):
            text = f"{count} pieces of evidence that no alert covers were older than retention.media_days: deleted"
            said = f"{count} evidencias que ninguna alerta cubre pasaron de retention.media_days: borradas"
            store_stations.add_note(tx, station, now_ms, "forgotten", noted.both(said, text))
            log.info("station %s: %s", station, either(said, text))
    return len(found)


def _key(piece: Found) -> store_media.MediaKey:
    return (piece["station"], piece["outbox"], piece["seq"])


def sweep(store: Store, folder: Path) -> int:
    """Remove parts of which the database knows nothing, as after a restore; how many."""
    swept = 0
    for part in folder.glob("*/*/*.part"):
        name = (part.parts[-3], _number(part.parts[-2]), _number(part.stem))
        with store.read() as tx:
            piece = store_media.piece(tx, name)
        if piece is None or piece["state"] not in ("told", "part"):
            part.unlink()
            swept += 1
    return swept


def _ending(piece: Found) -> str:
    """A sealed file is called after what is in it, so that whoever opens it knows."""
    return ENDINGS.get(piece["kind"], "bin") + (".age" if piece["tags"] & Tag.SEALED else "")


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 20 else -1


def _path(folder: Path, piece: Found, ending: str) -> Path:
    station = str(piece["station"])
    return folder / station / str(piece["outbox"]) / f"{piece['seq']}.{ending}"


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _with(receipt: Receipt, seq: int, have: int) -> Receipt:
    """The receipt, saying how far a piece is that no row tells of."""
    others = tuple(one for one in receipt.media if one[0] != seq)[-31:]
    fields: dict[str, Any] = {name: getattr(receipt, name) for name in Receipt.__struct_fields__}
    return Receipt(**{**fields, "media": tuple(sorted((*others, (seq, have))))})
