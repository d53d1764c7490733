"""The best of what was seen in the last seconds, for each class, in little memory. Pure.

A frame that is older than another and better in nothing can never be the best again: it goes at once. So what stays are
a few frames, falling in merit, however fast a camera is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class Ring(Generic[T]):
    """Frames of the last `span_ms`, of `most_bytes` at most together; the newest always stays."""

    span_ms: int
    most_bytes: int
    _kept: list[tuple[int, Mapping[int, float], T, int]] = field(default_factory=list)

    def push(self, t_ms: int, merits: Mapping[int, float], frame: T, size_bytes: int) -> None:
        """A frame came; `merits` by class. Times may not run backwards."""
        oldest_ms = t_ms - self.span_ms
        self._kept = [one for one in self._kept if one[0] >= oldest_ms and not _covered(one[1], merits)]
        self._kept.append((t_ms, merits, frame, size_bytes))
        while len(self._kept) > 1 and sum(one[3] for one in self._kept) > self.most_bytes:
            # The one whose best is least; the newest is needed, whatever it is worth.
            self._kept.remove(min(self._kept[:-1], key=lambda one: max(one[1].values(), default=0.0)))

    def best(self, cls: int) -> T | None:
        """The frame of the highest merit of a class, of equal ones the newest; the newest if there is none of it."""
        if not self._kept:
            return None
        return max(reversed(self._kept), key=lambda one: one[1].get(cls, 0.0))[2]

    def clear(self) -> None:
        """What comes now has nothing to do with what came before."""
        self._kept = []

    def __len__(self) -> int:
        """How many frames are held."""
        return len(self._kept)


def _covered(merits: Mapping[int, float], newer: Mapping[int, float]) -> bool:
    return all(newer.get(cls, 0.0) >= merit for cls, merit in merits.items())
