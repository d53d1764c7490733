"""How well a station could hear in the last day: silence is safety only as far, and as long, as it listened."""

from statistics import median
from typing import Any, Final

from otorongo.hub import effort, store_records, texts
from otorongo.hub.store import Tx
from otorongo.hub.web.render import Page
from otorongo.wire import classes, rows
from otorongo.wire.codes import MicrophoneFlag
from otorongo.wire.errors import WireError
from otorongo.wire.rows import Listening

DAY_MS: Final = 86_400_000
LISTENING: Final = 9
"""Tag of the rows."""
MOST: Final = 2000
"""Rows: a card that was out of reach brings months of them in a day."""
UNTOLD_MS: Final = 2 * 3_600_000
"""The hour that goes on, and the one that travels, are not told yet."""
FAR_M: Final = 100
"""Where a saw carries less far, the hour stands out."""


def of(tx: Tx, page: Page, station: str) -> list[dict[str, Any]]:
    """What each microphone of a station told in the last day, newest hour first; empty: none did."""
    told: dict[int, list[tuple[int, Listening]]] = {}
    found = store_records.told_between(tx, station, LISTENING, page.now_ms - DAY_MS, page.now_ms + 1, limit=MOST)
    for one in found:
        try:
            row = rows.parse(bytes(one["row"]))
        except WireError:
            continue
        if isinstance(row, Listening) and one["utc_ms"] > page.now_ms - DAY_MS:  # others came late, from a card
            told.setdefault(row.sensor, []).append((one["utc_ms"], row))
    return [_microphone(page, sensor, told[sensor]) for sensor in sorted(told)]


def _microphone(page: Page, sensor: int, told: list[tuple[int, Listening]]) -> dict[str, Any]:
    hours = [row for _, row in told]
    whole_ms, deaf_ms = sum(row.length_ms for row in hours), sum(row.deaf_ms for row in hours)
    causes: dict[int, int] = {}
    for row in hours:
        for cls, lasted_ms in row.vetoes.items():
            causes[cls] = causes.get(cls, 0) + lasted_ms
    newest = max(told, key=lambda one: one[0])[1]
    return {
        "name": page.t("sensor.microphone", number=sensor),
        "reach_m": round(median(row.reach_m for row in hours)),
        "whole": texts.duration(whole_ms),
        "deaf": texts.duration(deaf_ms) if deaf_ms else "",
        "unknown": texts.duration(DAY_MS - whole_ms) if DAY_MS - whole_ms > UNTOLD_MS else "",
        "causes": _causes(page, causes),
        "vetoed": sum(row.vetoed for row in hours),
        "faults": [
            texts.named(page.lang, "microphone", flag.name.lower())
            for flag in MicrophoneFlag
            if flag & newest.flags and flag.name
        ],
        "hours": [_hour(page, utc_ms, row) for utc_ms, row in sorted(told, key=lambda one: -one[0])],
    }


def _hour(page: Page, utc_ms: int, row: Listening) -> dict[str, Any]:
    return {
        "at_ms": utc_ms,
        "reach_m": row.reach_m,
        "near": row.reach_m < FAR_M,
        "deaf": texts.duration(row.deaf_ms) if row.deaf_ms else "",
        "causes": _causes(page, row.vetoes),
        "review": effort.review_pct(row) >= effort.REVIEW_FIRST_PCT,
    }


def _causes(page: Page, lasted_ms: dict[int, int]) -> str:
    """`lluvia 1 h 40 min, viento 20 min`, the longest first."""
    ordered = sorted(lasted_ms.items(), key=lambda one: (-one[1], one[0]))
    names = {cls: texts.named(page.lang, "class", classes.name_of(cls)) for cls, _ in ordered}
    return ", ".join(f"{names[cls]} {texts.duration(lasted)}" for cls, lasted in ordered if lasted >= 1000)
