"""For how long it is remembered that a file was read which is no longer there.

A card may be taken out for a day, or come back each second month with what was on it, so nothing is forgotten soon: a
file must be missing on `DAYS` days, one after the other, on each of which the folder was looked through. Days are
counted, not subtracted: a clock that jumps by years makes one day of it.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from otorongo.station.adapters.replay_place import parse
from otorongo.station.errors import OutboxError

log = logging.getLogger(__name__)

DAYS: Final = 180
DAY_MS: Final = 86_400_000
AT_ONCE: Final = 1000
"""So many are committed at a time: a card with 100,000 pictures that is pulled must not fill the station's own."""
COUNT: Final = "/ days"
"""The cursor that counts the days; no file is called so."""


@dataclass
class Memory:
    """What is remembered of a folder's files."""

    kept: Callable[[], Mapping[str, str]]
    """Its cursors, by the names of the files."""
    change: Callable[[Mapping[str, str | None]], None]
    """Commits new values; None: the cursor goes."""
    now_ms: Callable[[], int | None]
    """UTC; None while nobody knows it."""
    _last: tuple[int, int] | None = None

    def sweep(self, there: Collection[str]) -> None:
        """The whole folder was looked through, and these files are in it.

        What cannot be noted, on a full card, is noted another time: no picture waits for it.
        """
        try:
            self._sweep(there)
        except OutboxError as error:
            log.warning("what is gone from the folder is not noted: %s", error)

    def _sweep(self, there: Collection[str]) -> None:
        if (now_ms := self.now_ms()) is None:
            return
        today = now_ms // DAY_MS
        this = (today, hash(frozenset(there)))
        if this == self._last:
            return
        kept = self.kept()
        days, date = (int(part) for part in kept.get(COUNT, "0 -1").split())
        changes: dict[str, str | None] = {}
        if today != date:
            days += 1
            changes[COUNT] = f"{days} {today}"
        every = [*(changes | swept(kept, there, days)).items()]
        for at in range(0, len(every), AT_ONCE):
            self.change(dict(every[at : at + AT_ONCE]))
        self._last = this


def swept(kept: Mapping[str, str], there: Collection[str], day: int) -> dict[str, str | None]:
    """What changes of the cursors of files when only these are there, on the day of this number (from 1 on)."""
    changes: dict[str, str | None] = {}
    for name, value in kept.items():
        utc_ms, place = parse(value) if value.startswith("[") else (None, None)
        if utc_ms is None or place is None:
            continue
        if name in there:
            if place.gone:
                changes[name] = place._replace(gone=0).dump(utc_ms)
        elif not place.gone:
            changes[name] = place._replace(gone=day).dump(utc_ms)
        elif day - place.gone >= DAYS:
            changes[name] = None
    return changes
