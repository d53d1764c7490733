"""A source that is closed and opened again when somebody says that it repeats itself."""

from collections.abc import Iterator
from dataclasses import dataclass

from otorongo.station.samples import Item, Source


@dataclass
class Reopening:
    """A driver whose device is let go and opened anew after `reopen`, without the loop noticing more than a pause.

    Its driver opens the device when `samples` is begun and lets it go when that is closed, as each of ours does.
    """

    source: Source
    _again: bool = False

    def samples(self) -> Iterator[Item]:
        """What the driver yields, from one opening after another."""
        while True:
            self._again = False
            items = iter(self.source.samples())
            for item in items:
                yield item
                if self._again:
                    break
            else:
                return
            if close := getattr(items, "close", None):
                close()

    def close(self) -> None:
        """Let `samples` end."""
        self.source.close()

    def reopen(self) -> None:
        """Let the device go after this item, and open it again."""
        self._again = True

    def hurry(self, frames: int) -> None:
        """The next frames come as fast as the driver can, where it can."""
        if hurry := getattr(self.source, "hurry", None):
            hurry(frames)
