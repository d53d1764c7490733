"""The name of an animal as a page shows it: whether anybody has validated what gave it, and what was said before."""

from typing import Any

from otorongo.hub import reasons, shown, texts
from otorongo.hub.store import Found, Tx
from otorongo.hub.web.render import Page
from otorongo.wire import species


def of(tx: Tx, page: Page, event: Found) -> dict[str, Any]:
    """Of one event: `unvalidated`, and `said`, a sentence for whoever wants to know how it came by its name."""
    told = shown.of(tx, event) if event["species"] or event["end_ms"] is not None else None
    if told is None or not told.names:
        return {"unvalidated": bool(event["species"]), "said": ""}
    names = [f"{_name(page, one.species)} {texts.percent(reasons.percent(one.p))}" for one in told.names]
    how = page.t(f"page.named.{told.source}") if event["species"] and told.source else page.t("page.named.none")
    said = page.t("page.event.said", bundle=told.bundle or "?", names=texts.listed(page.lang, names), how=how)
    return {"unvalidated": not told.validated, "said": said}


def _name(page: Page, number: int) -> str:
    taxon = species.taxon(number)
    return taxon.name(page.lang) if taxon else species.name_of(number) or page.t("page.named.unknown")
