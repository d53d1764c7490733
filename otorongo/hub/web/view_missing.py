"""Why an event's page shows no picture and no sound: kept apart, discarded, still to come, lost, or never recorded."""

from typing import Final

from otorongo.hub import store_stations, store_web, texts
from otorongo.hub.leaving import Gate
from otorongo.hub.store import Found, Tx
from otorongo.hub.web.render import Page
from otorongo.wire.codes import GapReason, Tag

BESIDE_MS: Final = 60_000
"""A station tells so soon before or after an event's end that it discarded what it had recorded of it."""
SOON_MS: Final = 1_800_000
"""So long after its end what was recorded of an event may still be announced."""
NEAR_ROWS: Final = 20
"""Evidence is announced within so many rows of the last revision."""
_REASONS: Final = {int(one): one.name.lower() for one in GapReason}


def why(tx: Tx, page: Page, row: Found, gate: Gate) -> str:
    """The reason in a sentence, for an event of which nothing may be shown. Of land that is kept apart: that alone."""
    if gate.land.hides(row["station"], row["tags"]):
        return page.t("page.visit.no_evidence")
    there = store_web.pieces_to_show(tx, (row["station"], row["outbox"], row["event"]))
    if there:
        closed = all(one["tags"] & Tag.SEALED for one in there)
        return page.t("page.visit.none.sealed" if closed else "page.visit.none.people")
    if notes := store_stations.discarded_of(tx, row, BESIDE_MS, NEAR_ROWS):
        return texts.plural(page.lang, "page.evidence.discarded", len(notes))
    lost = store_web.gap_near(tx, row, NEAR_ROWS)
    if lost is not None:
        return page.t(
            "page.visit.none.lost",
            reason=texts.named(page.lang, "gap", _REASONS.get(lost["reason"], f"gap-{lost['reason']}")),
        )
    ended_ms = row["end_ms"]
    soon = ended_ms is None or page.now_ms - ended_ms < SOON_MS
    return page.t("page.visit.none.soon" if soon else "page.visit.none.kept")
