"""The scores of an event, window by window, as one small drawing: how a station came to be sure."""

from typing import Any, Final

from otorongo.hub import store_records, texts
from otorongo.hub.store import Found, Tx
from otorongo.hub.web.render import Page
from otorongo.wire import rows
from otorongo.wire.errors import WireError
from otorongo.wire.rows import Track

WITHIN: Final = 16
"""A track is put with the closing of its event, and so stands among the next rows."""
MOST_BARS: Final = 120
HIGH: Final = 15
"""The highest score: four bits."""


def of(tx: Tx, page: Page, event: Found) -> dict[str, Any] | None:
    """The drawing of a closed event: a path in a box `width` by 15, and what it says in words; None: there is none."""
    if event["end_ms"] is None:
        return None
    key = event["station"], event["outbox"]
    for one in store_records.tracks_of(tx, key, event["seq"], event["seq"] + WITHIN):
        track = _parsed(bytes(one["row"]))
        if track and one["seq"] - track.back == event["event"]:
            return _drawn(page, track)
    return None


def _parsed(raw: bytes) -> Track | None:
    try:
        row = rows.parse(raw)
    except WireError:
        return None
    return row if isinstance(row, Track) and row.scores and row.step_ms else None


def _drawn(page: Page, track: Track) -> dict[str, Any]:
    values = [half for byte in track.scores for half in (byte >> 4, byte & 15)]
    wide = -(-len(values) // MOST_BARS)
    bars = [max(values[at : at + wide]) for at in range(0, len(values), wide)]
    path = f"M0 {HIGH}" + "".join(f"V{HIGH - bar}h1" for bar in bars) + f"V{HIGH}z"
    length = texts.duration(track.step_ms * len(values))
    return {"path": path, "width": len(bars), "text": page.t("page.event.track", length=length)}
