"""How far a file was read, as it is kept in the outbox: a file that changes afterwards is looked at again.

What was read in whole is known by its name, its capture time and its size; what was damaged, or ended the process that
read it, also by its date of change, because a card that is still being copied grows into the same size.
"""

import json
from pathlib import Path
from typing import Final, NamedTuple

DAMAGED: Final = "damaged"
BEGUN: Final = "begun"
AGAIN: Final = "begun again"


class Stat(NamedTuple):
    """What the file system says of a file."""

    size: int
    mtime_ms: int


class Place(NamedTuple):
    """How far a file was read."""

    position: int
    """In the reader's own unit; -1: to its end."""
    at: int = 0
    """Its beginning when pauses are cut, in ms ..."""
    end: int = 0
    """... and the end of what came before and with it."""
    size: int = -1
    """Of the file as it was read; -1: not known."""
    mtime_ms: int = 0
    how: str = ""
    """`damaged`: it could not be read further; `begun`, `begun again`: nobody knows how its decoding ended."""
    gone: int = 0
    """The day, as `folder_memory` counts them, since which the file is no longer there; 0: it is."""

    def dump(self, utc_ms: int) -> str:
        """As text. The capture time is part of it: another recording may come under an old name."""
        return json.dumps([utc_ms, *(self if self.gone else self[:-1])], separators=(",", ":"))

    def same(self, now: Stat) -> bool:
        """Whether the file is still as it was."""
        return self.size in (-1, now.size) and (not self.how or self.size == -1 or self.mtime_ms == now.mtime_ms)

    def done(self, now: Stat) -> bool:
        """Whether there is nothing more to be read of it."""
        return self.ended and self.same(now)

    @property
    def ended(self) -> bool:
        """Whether it was read as far as it went."""
        return self.position < 0 or bool(self.how)

    def start(self) -> int:
        """Where to go on in a file that is not done."""
        return max(0, self.position)


def parse(kept: str | None) -> tuple[int | None, Place | None]:
    """The capture time and the place that were kept; None for both: the file was never read."""
    if not kept:
        return None, None
    utc_ms, *place = json.loads(kept)
    return utc_ms, Place(*place)


def load(kept: str | None, utc_ms: int) -> Place | None:
    """The place kept for a file that was captured then; None: it was never read."""
    of_ms, place = parse(kept)
    return place if of_ms == utc_ms else None


def spelled(name: str) -> str:
    """A file's name as text that can be kept and sent: old cameras and cards write names that are no UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()


def stat_of(path: Path) -> Stat:
    """Size and date of change. Raises OSError."""
    found = path.stat()
    return Stat(found.st_size, found.st_mtime_ns // 1_000_000)
