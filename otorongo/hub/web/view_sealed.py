"""What the pages say of a sealed original: that it is there, who can open it, and what the reader may do about it."""

from functools import partial
from typing import Any

from otorongo.hub import custodians, texts
from otorongo.hub.store import Found, Tx
from otorongo.hub.users import May
from otorongo.hub.web.render import Page
from otorongo.hub.web.viewer import Viewer


def may_handle(viewer: Viewer | None, alert: Found) -> bool:
    """Whether somebody may ask for sealed originals of an alert that they see, and take them along, closed."""
    return viewer is not None and (viewer.may(May.SEALED) or bool(alert["sealed"]))


def of(tx: Tx, page: Page, alert: Found, piece: Found) -> dict[str, Any]:
    """What is added to a sealed piece of an alert's page; of any other, that it is none."""
    if not custodians.is_sealed(piece):
        return {"sealed": False}
    may = may_handle(page.viewer, alert)
    asked = piece["wanted_ms"] > 0
    return {
        "sealed": True,
        "opened_by": _opened_by(tx, page, piece),
        "name": f"{piece['station']}/{piece['outbox']}/{piece['seq']}",
        "take": may and piece["state"] == "whole",
        "ask": may and piece["state"] == "told" and not asked,
        "waits": piece["state"] == "told" and not asked,
    }


def _opened_by(tx: Tx, page: Page, piece: Found) -> str:
    """`Operaciones y Custodia externa`, and how many keys nobody here knows."""
    found = custodians.openers(tx, page.site.rules.config.custodian, piece)
    names, plural = list(found.names), partial(texts.plural, page.lang)
    if found.strangers or not names:
        names.append(plural("page.piece.strangers", found.strangers))
    return texts.listed(page.lang, names)
