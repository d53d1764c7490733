"""Files of a folder that are known by when they were taken, put together as visits. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from otorongo.station.adapters.folder_watch import Found
from otorongo.station.adapters.replay_place import Place
from otorongo.station.adapters.replay_times import Captured


class Dated(NamedTuple):
    """A file, when it was taken, and how far it was read."""

    found: Found
    when: Captured
    known: Place | None

    @property
    def order(self) -> tuple[str, int, str]:
        """Folder by folder in order of capture."""
        return self.found.folder, self.when.utc_ms, self.found.name


def visits(files: Iterable[Dated], apart_ms: int) -> list[list[Dated]]:
    """In their order, cut where a folder ends or nothing was taken for longer than this."""
    out: list[list[Dated]] = []
    for one in sorted(files, key=lambda file: file.order):
        if out and follows(one, out[-1][-1], apart_ms):
            out[-1].append(one)
        else:
            out.append([one])
    return out


def follows(one: Dated, before: Dated, apart_ms: int) -> bool:
    """Whether a file goes on with the visit of another."""
    return one.found.folder == before.found.folder and 0 <= one.when.utc_ms - before.when.utc_ms <= apart_ms


def newest_ms(files: Iterable[Dated]) -> int:
    """When the last of them was changed; there must be one."""
    return max(one.found.stat.mtime_ms for one in files)
