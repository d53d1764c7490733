"""What the pages say of a sealed original: that it is there, who can open it, and what the reader may do about it."""

from functools import partial
from typing import Any

from otorongo.hub import custodians, texts
from otorongo.hub.store import Found, Tx
from otorongo.hub.users import May
from otorongo.hub.web.render import Page
from otorongo.hub.web.viewer import Viewer
from otorongo.wire.codes import MediaKind


def may_handle(viewer: Viewer | None, alert: Found) -> bool:
    """Whether somebody may ask for sealed originals of an alert that they see, and take them along, closed."""
    return viewer is not None and (viewer.may(May.SEALED) or bool(alert["sealed"]))


def may_ask(viewer: Viewer | None, alert: Found, piece: Found) -> bool:
    """Whether somebody may ask for a piece that does not come by itself: a sealed original, or a whole open frame."""
    if custodians.is_sealed(piece):
        return may_handle(viewer, alert)
    return viewer is not None and piece["kind"] == MediaKind.FRAME


def of(tx: Tx, page: Page, alert: Found, piece: Found) -> dict[str, Any]:
    """What is added to a piece of an alert's page that does not come by itself; of any other, that it is none."""
    told = piece["state"] == "told" and piece["wanted_ms"] == 0
    if not custodians.is_sealed(piece):
        waits = told and piece["kind"] == MediaKind.FRAME
        return {"sealed": False, "waits": waits, "ask": waits and may_ask(page.viewer, alert, piece)}
    may = may_handle(page.viewer, alert)
    return {
        "sealed": True,
        "opened_by": _opened_by(tx, page, piece),
        "name": f"{piece['station']}/{piece['outbox']}/{piece['seq']}",
        "take": may and piece["state"] == "whole",
        "ask": may and told,
        "waits": told,
    }


def _opened_by(tx: Tx, page: Page, piece: Found) -> str:
    """`Operaciones y Custodia externa`, and how many keys nobody here knows."""
    found = custodians.openers(tx, page.site.rules.config.custodian, piece)
    names, plural = list(found.names), partial(texts.plural, page.lang)
    if found.strangers or not names:
        names.append(plural("page.piece.strangers", found.strangers))
    return texts.listed(page.lang, names)
