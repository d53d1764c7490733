"""Frames that a camera rejected and kept a random few of, on its station's page: to ask for, and to look at.

They belong to no event, so who sees the alerts of a place sees them, without those that may show people: these are for
who may handle originals of people. From land of peoples in isolation they are for its protocol holder alone.
"""

from pathlib import Path
from typing import Any, Final

from otorongo.hub import custodians, leaving, store_events, store_web, texts
from otorongo.hub.store import Found, Tx
from otorongo.hub.users import May
from otorongo.hub.web.render import Page
from otorongo.hub.web.viewer import Viewer
from otorongo.wire.codes import MediaKind, Tag

MOST: Final = 24
_NEAR_MS: Final = 10_000
_LONGEST_MS: Final = 86_400_000


def of(tx: Tx, page: Page, viewer: Viewer, name: str, place: str) -> dict[str, Any]:
    """The newest of a station that a viewer may have; `rejected` is None for who sees no evidence there at all."""
    if not may_look(viewer, place):
        return {"rejected": None, "rejected_hidden": 0}
    found = store_web.rejected(tx, name, limit=MOST)
    mine = [one for one in found if may_have(tx, page, viewer, place, one)]
    return {"rejected": [_frame(one) for one in mine], "rejected_hidden": len(found) - len(mine)}


def may_look(viewer: Viewer, place: str) -> bool:
    """Whether somebody sees evidence of a place."""
    return viewer.may(May.ALERTS) and (viewer.places is None or place in viewer.places)


def may_have(tx: Tx, page: Page, viewer: Viewer, place: str, piece: Found) -> bool:
    """Whether somebody may ask for a rejected frame and have it: a sealed one closed."""
    if piece["kind"] != MediaKind.AUDIT or piece["event"] is not None or not may_look(viewer, place):
        return False
    if piece["tags"] & Tag.NO_CONTACT or piece["station"] in leaving.stations_apart(tx, page.site.rules):
        holds = viewer.sealed_places is None or place in viewer.sealed_places
        return holds and custodians.is_sealed(piece)
    return viewer.may(May.SEALED) or not (piece["tags"] & (Tag.PERSON | Tag.SEALED) or _near(tx, piece))


def is_picture(path: Path) -> bool:
    """Whether a file is WebP by its first bytes: its name does not say what was kept."""
    with path.open("rb") as file:
        head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def _near(tx: Tx, piece: Found) -> bool:
    """Whether somebody was noticed at the station about when a frame was taken."""
    at_ms = piece["utc_ms"]
    near = store_events.people_between(tx, piece["station"], at_ms - _LONGEST_MS, at_ms + _NEAR_MS)
    return any(row["end_ms"] is None or row["end_ms"] >= at_ms - _NEAR_MS for row in near)


def _frame(piece: Found) -> dict[str, Any]:
    waits = piece["state"] == "told" and piece["wanted_ms"] == 0
    return {
        "src": f"/stations/{piece['station']}/rejected/{piece['outbox']}/{piece['seq']}",
        "at_ms": piece["utc_ms"],
        "kilobytes": max(1, round(piece["bytes"] / 1000)),
        "sealed": custodians.is_sealed(piece),
        "people": bool(piece["tags"] & Tag.PERSON),
        "whole": piece["state"] == "whole",
        "state": piece["state"],
        "have_percent": texts.percent(100 * piece["have"] // max(piece["bytes"], 1)),
        "waits": waits,
        "ask": waits,
    }
