"""How well a station's cameras could see in the last day: a night behind a web is no night without animals."""

from statistics import median
from typing import Any, Final

from otorongo.hub import store_records, texts
from otorongo.hub.store import Tx
from otorongo.hub.web.render import Page
from otorongo.wire import rows
from otorongo.wire.codes import CameraFlag
from otorongo.wire.errors import WireError
from otorongo.wire.rows import Seeing

DAY_MS: Final = 86_400_000
SEEING: Final = 11
"""Tag of the rows."""
MOST: Final = 2000
"""Rows: a card that was out of reach brings months of them in a day."""
MUCH: Final = 0.5
"""An hour of which so much was blind stands out."""


def of(tx: Tx, page: Page, station: str) -> list[dict[str, Any]]:
    """What each camera of a station told in the last day, newest hour first; empty: none did."""
    told: dict[int, list[tuple[int, Seeing]]] = {}
    found = store_records.told_between(tx, station, SEEING, page.now_ms - DAY_MS, page.now_ms + 1, limit=MOST)
    for one in found:
        try:
            row = rows.parse(bytes(one["row"]))
        except WireError:
            continue
        if isinstance(row, Seeing) and one["utc_ms"] > page.now_ms - DAY_MS:  # others came late, from a card
            told.setdefault(row.sensor, []).append((one["utc_ms"], row))
    return [_camera(page, sensor, told[sensor]) for sensor in sorted(told)]


def _camera(page: Page, sensor: int, told: list[tuple[int, Seeing]]) -> dict[str, Any]:
    hours = [row for _, row in told]
    whole_ms, blind_ms = sum(row.length_ms for row in hours), sum(_blind_ms(row) for row in hours)
    newest = max(told, key=lambda one: one[0])[1]
    sharp = [row.sharp_pct for row in hours if row.sharp_pct]
    return {
        "name": page.t("sensor.camera", number=sensor),
        "seeing": texts.duration(whole_ms - blind_ms),
        "whole": texts.duration(whole_ms),
        "blind": texts.duration(blind_ms) if blind_ms >= 1000 else "",
        "sharp_pct": round(median(sharp)) if sharp else 0,
        "faults": _faults(page, newest, "camera"),
        "moved": _moved(page, newest),
        "hours": [_hour(page, utc_ms, row) for utc_ms, row in sorted(told, key=lambda one: -one[0])],
    }


def _hour(page: Page, utc_ms: int, row: Seeing) -> dict[str, Any]:
    blind_ms = _blind_ms(row)
    return {
        "at_ms": utc_ms,
        "frames": row.frames,
        "seeing": texts.duration(row.length_ms - blind_ms),
        "bad": blind_ms > MUCH * row.length_ms or bool(row.flags),
        "blind": texts.duration(blind_ms) if blind_ms >= 1000 else "",
        "faults": ", ".join(_faults(page, row, "camera_short")),
    }


def _faults(page: Page, row: Seeing, names: str) -> list[str]:
    """Sentences (`camera`) or words (`camera_short`)."""
    return [texts.named(page.lang, names, flag.name.lower()) for flag in CameraFlag if flag & row.flags and flag.name]


def _moved(page: Page, row: Seeing) -> str:
    """How far the view lies from the usual one."""
    if row.shift_permille >= 1000:
        return page.t("page.seeing.elsewhere")
    if row.shift_permille or row.tilt_ddeg:
        percent, degrees = texts.percent(f"{row.shift_permille / 10:.0f}"), f"{row.tilt_ddeg / 10:.0f}"
        return page.t("page.seeing.moved", percent=percent, degrees=degrees)
    return ""


def _blind_ms(row: Seeing) -> int:
    return min(row.blind_ms, row.length_ms)
