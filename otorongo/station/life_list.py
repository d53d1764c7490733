"""Which species were heard on which day: one small table a day, for the biologist who collects the card.

An event on the wire says `birds`, and a species only if it is in the Peru list; this says all of them, by their names.
"""

import csv
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from otorongo.models.runtime import SpeciesScore

WRITE_S: Final = 300.0
"""What is lost when the power goes."""
MOST_SPECIES: Final = 2000
HEADER: Final = ("scientific", "spanish", "english", "windows", "best_p", "best_at")


@dataclass(frozen=True, slots=True)
class Line:
    """One species on one day."""

    scientific: str
    spanish: str
    english: str
    windows: int
    best_p: float
    best_at: str
    """Time of day (UTC) of the surest window."""


@dataclass
class LifeList:
    """Counts, and writes `<folder>/<day>.csv` now and then; a day that was begun goes on after a restart."""

    folder: Path
    now: Callable[[], tuple[str, str, float]]
    """Day (`2026-11-23`, or `undated`), time of day, and a steady clock in s."""
    _day: str = ""
    _lines: dict[str, Line] = field(default_factory=dict)
    _written_s: float = 0.0
    _changed: bool = False

    def heard(self, species: Iterable[SpeciesScore], least_p: float) -> None:
        """Count a window's species that are at least so sure. Raises OSError when the card cannot be written."""
        day, at, now_s = self.now()
        if day != self._day:
            self.write()
            self._day, self._lines = day, _read(self.folder / f"{day}.csv")
            self._written_s = now_s
        for each in species:
            if each.p >= least_p:
                self._count(each, at)
        if self._changed and now_s - self._written_s >= WRITE_S:
            self._written_s = now_s
            self.write()

    def write(self) -> None:
        """Write the day's table, whole or not at all. Raises OSError."""
        if not self._changed:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{self._day}.csv"
        part = path.with_suffix(".part")
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(HEADER)
            for line in sorted(self._lines.values(), key=lambda each: (-each.windows, each.scientific)):
                row = (line.scientific, line.spanish, line.english, line.windows, f"{line.best_p:.3f}", line.best_at)
                writer.writerow(row)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        self._changed = False

    def _count(self, each: SpeciesScore, at: str) -> None:
        old = self._lines.get(each.scientific)
        if old is None and len(self._lines) >= MOST_SPECIES:
            return
        line = old or Line(each.scientific, each.spanish, each.english, 0, 0.0, at)
        line = replace(line, windows=line.windows + 1)
        if each.p > line.best_p:
            line = replace(line, best_p=each.p, best_at=at)
        self._lines[each.scientific] = line
        self._changed = True


def _read(path: Path) -> dict[str, Line]:
    """A table that was begun; a missing or damaged one is begun anew."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        lines = [_line(row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {line.scientific: line for line in lines}


def _line(row: Mapping[str, str]) -> Line:
    scientific, spanish, english, windows, best_p, best_at = (row[key] for key in HEADER)
    return Line(scientific, spanish, english, int(windows), float(best_p), best_at)
