"""What a camera usually sees: by hour of the day its light, contrast and sharpness; by day and in infrared its edges.

It is learned slowly, of hours in which nothing was wrong, and only of those: a covered, fogged or shifted lens is
flagged as long as it lasts and teaches nothing. What creeps in below every threshold moves the usual by at most `SLOW`
a day once it is a fortnight old. Only a person begins it anew, by `camera.view`, because only a person knows that a
camera was turned on purpose.
"""

import base64
import zlib
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from otorongo.station.seeing_look import Edges

LEAST_DAYS: Final = 3
"""So many days of an hour before it can be compared."""
LEARNS: Final = 1 / 7
SLOW: Final = 0.02
"""Of its value, and no further a day, moves what is a fortnight old."""
SETTLED_DAYS: Final = 14
MOST_EDGE: Final = 4.0
MAPS: Final = ("day", "infrared", "threads")
"""Edges by day, edges before the infrared lamp, and how often a pixel there is bright and narrow."""


class Hour(msgspec.Struct, frozen=True):
    """What one hour of the day looks like here."""

    days: int
    light: float
    """Mean grey level of the median frame."""
    contrast: float
    sharp: float
    """0: never known."""
    bright: float
    """Share as bright as can be."""
    infrared: float
    """Share of the looks."""
    spread: tuple[float, ...]
    """Of each cell (16), grey levels."""
    detail: tuple[float, ...]


class Map(msgspec.Struct, frozen=True):
    """A small map of the view, as it is over many hours."""

    hours: int
    rows: int
    columns: int
    packed: str

    @staticmethod
    def of(hours: int, edges: Edges) -> "Map":
        """Of values 0 to 4; they are means over hours, in which nobody who passed can be made out."""
        steps = np.clip(np.round(edges * (255 / MOST_EDGE)), 0, 255).astype(np.uint8)
        rows, columns = edges.shape
        return Map(hours, rows, columns, base64.b64encode(zlib.compress(steps.tobytes(), 9)).decode())

    def edges(self) -> Edges | None:
        """The map; None if it is damaged."""
        try:
            raw = zlib.decompressobj().decompress(base64.b64decode(self.packed), self.rows * self.columns + 1)
            steps = np.frombuffer(raw, np.uint8).reshape(self.rows, self.columns)
        except (ValueError, zlib.error):
            return None
        return np.asarray(steps * (MOST_EDGE / 255), np.float32)


class Usual(msgspec.Struct, frozen=True):
    """All that is usual at one camera; small enough to be kept as one value (some 20 kB)."""

    view: str = ""
    """Under which name it was learned; another name begins anew."""
    hours: dict[int, Hour] = {}
    maps: dict[str, Map] = {}

    def hour(self, of_day: int | None) -> Hour | None:
        """What is usual at an hour of the day, or None while it is not known for three days."""
        known = self.hours.get(of_day % 24) if of_day is not None else None
        return known if known and known.days >= LEAST_DAYS and len(known.spread) == len(known.detail) else None

    def edges(self, name: str) -> Edges | None:
        """A usual map, or None while it is not known for three hours."""
        known = self.maps.get(name)
        return known.edges() if known and known.hours >= LEAST_DAYS else None

    def learned(self, of_day: int, now: Hour, maps: dict[str, Edges]) -> "Usual":
        """With one more hour, in which nothing was wrong."""
        hours = {**self.hours, of_day % 24: _moved(self.hours.get(of_day % 24), now)}
        return Usual(self.view, hours, {**self.maps, **{name: self._map(name, new) for name, new in maps.items()}})

    def _map(self, name: str, new: Edges) -> Map:
        old = self.maps.get(name)
        before = old.edges() if old else None
        if old is None or before is None or before.shape != new.shape:
            return Map.of(1, new)
        rate = max(1 / (old.hours + 1), LEARNS / 8)  # about as many hours of a day are day, or infrared
        return Map.of(min(old.hours + 1, 10_000), before + (new - before) * np.float32(rate))

    def dump(self) -> str:
        """As text."""
        return msgspec.json.encode(self).decode()

    @staticmethod
    def load(text: str | None, view: str) -> "Usual":
        """Of text; nothing, what is damaged, and what was learned of another view is an empty one: it is learned."""
        try:
            found = msgspec.json.decode(text or "{}", type=Usual)
        except msgspec.DecodeError:
            return Usual(view)
        return found if found.view == view else Usual(view)


def _moved(old: Hour | None, now: Hour) -> Hour:
    if old is None or len(old.spread) != len(now.spread):
        return now
    rate = max(LEARNS, 1 / (old.days + 1))
    settled = old.days >= SETTLED_DAYS

    def step(before: float, new: float, least: float = 0.0) -> float:
        by = (new - before) * rate
        if settled:
            most = SLOW * max(abs(before), least)
            by = min(max(by, -most), most)
        return round(before + by, 3)

    def steps(before: Sequence[float], new: Sequence[float]) -> tuple[float, ...]:
        return tuple(step(one, other, 1.0) for one, other in zip(before, new, strict=True))

    return Hour(
        days=min(old.days + 1, 10_000),
        light=step(old.light, now.light, 10.0),
        contrast=step(old.contrast, now.contrast, 5.0),
        sharp=step(old.sharp, now.sharp) if old.sharp and now.sharp else old.sharp or now.sharp,
        bright=step(old.bright, now.bright, 0.1),
        infrared=step(old.infrared, now.infrared, 0.5),
        spread=steps(old.spread, now.spread),
        detail=steps(old.detail, now.detail),
    )
