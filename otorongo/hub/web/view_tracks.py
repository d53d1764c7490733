"""The scores of an event, window by window, as one small drawing: how a station came to be sure."""

from typing import Any, Final

from otorongo.hub import rejudge, texts
from otorongo.hub.store import Found, Tx
from otorongo.hub.web.render import Page
from otorongo.wire.rows import Track

MOST_BARS: Final = 120
HIGH: Final = 15
"""The highest score: four bits."""


def of(tx: Tx, page: Page, event: Found) -> dict[str, Any] | None:
    """The drawing of a closed event: a path in a box `width` by 15, and what it says in words; None: there is none."""
    if event["end_ms"] is None:
        return None
    track = rejudge.track_of(tx, event)
    return _drawn(page, track) if track else None


def _drawn(page: Page, track: Track) -> dict[str, Any]:
    values = [half for byte in track.scores for half in (byte >> 4, byte & 15)]
    wide = -(-len(values) // MOST_BARS)
    bars = [max(values[at : at + wide]) for at in range(0, len(values), wide)]
    path = f"M0 {HIGH}" + "".join(f"V{HIGH - bar}h1" for bar in bars) + f"V{HIGH}z"
    length = texts.duration(track.step_ms * len(values))
    return {"path": path, "width": len(bars), "text": page.t("page.event.track", length=length)}
