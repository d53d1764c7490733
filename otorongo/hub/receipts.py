"""What the hub may promise of an outbox: which seqs are committed, and which are safe."""

from typing import Final

from otorongo.hub import store_media, store_records
from otorongo.hub.store import Found, Tx
from otorongo.hub.store_records import BoxKey
from otorongo.wire.receipt import MAX_RANGES, Receipt, renewal

_ASK: Final = MAX_RANGES + 1
"""One span may be `up_to` itself."""
COPIED: Final = "copied"
"""State of an outbox of which rows came with other bytes: nothing more of it is committed, its cards begin new ones."""


def receipt(
    tx: Tx, key: BoxKey, box: Found, now_ms: int, *, want_birth: bool = False, with_media: bool = False
) -> Receipt:
    """The receipt of an outbox as it stands in this transaction; send it only after the commit.

    What is kept because it could not be read is told above `up_to` only: below, the station has given it up as a gap.
    """
    media = tuple(store_media.progress(tx, key[0], key[1], limit=MAX_RANGES)) if with_media else ()
    if box["state"] == COPIED:
        return renewal(key[1], now_ms, media)
    committed = store_records.lowest_spans(tx, key, _ASK)
    up_to = committed.pop(0)[1] if committed and committed[0][0] <= 1 else 0
    kept = store_records.lowest_spans(tx, key, _ASK, above=up_to, kept=True) if box["kept"] else []
    return Receipt(
        outbox=key[1],
        up_to=up_to,
        beyond=tuple(committed[:MAX_RANGES]),
        safe_up_to=min(box["safe_up_to"], up_to),
        kept=tuple((max(first, up_to + 1), last) for first, last in kept[:MAX_RANGES]),
        hub_time_ms=now_ms,
        media=media,
        want_birth=want_birth,
    )
