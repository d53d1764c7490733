"""What is new in a folder into which something else writes, once it is no longer being written.

A look costs one question for each folder, however many files lie there: only a folder that has changed is listed, and
only new names in it are asked for their size. Every `WHOLE_S` all of it is looked through once more, because a file
that is written over, or a file system that keeps no dates of folders, changes none.
"""

import heapq
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from otorongo.language import say, why
from otorongo.station.adapters.replay_place import Stat, spelled, stat_of

WHOLE_S: Final = 600.0
HOT_S: Final = 4.0
"""So long a folder that has changed is listed at each look: dates of FAT are two seconds wide."""
MOST_SUSPECTS: Final = 1000
FIRST_PAUSE_S: Final = 60.0
LONGEST_PAUSE_S: Final = 3600.0
"""What cannot be opened is tried again after a minute, then after twice as long each time, up to this."""
MOST_DEPTH: Final = 12
MOST_TOGETHER: Final = 1000
PARTIAL: Final = (".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".swp", "~")
"""Names under which a file is written before it gets its own."""

_CLOSED: Final = -2
_SHUT: Final = -1
"""No hash is this: the next whole look takes the file for one that has changed."""


class Found(NamedTuple):
    """A file that has settled."""

    path: Path
    name: str
    """Relative to the folder that is watched, as text."""
    stat: Stat
    pause_s: float = FIRST_PAUSE_S
    """How long it rests if it cannot be opened."""

    @property
    def retried(self) -> bool:
        """Whether it could not be opened before."""
        return self.pause_s > FIRST_PAUSE_S

    @property
    def folder(self) -> str:
        """Of its name; empty: the watched one itself."""
        return self.name.rpartition("/")[0]


class _Suspect(NamedTuple):
    """A file that could not be read as it was."""

    stat: Stat
    due_s: float = math.inf
    """When it is tried again as it is."""
    pause_s: float = FIRST_PAUSE_S
    """How long it rests after that."""


@dataclass
class _Folder:
    mtime_ns: int = -1
    hot_until_s: float = 0.0


@dataclass
class Watch:
    """A folder and those below it; links are not followed, and names that begin with a dot are nobody's."""

    root: Path
    endings: Sequence[str]
    """Of files that are wanted, in small letters."""
    settle_s: float
    monotonic_s: Callable[[], float]
    foreign: list[str] = field(default_factory=list)
    """Files of other kinds, each once; whoever reads this empties it."""
    problems: list[str] = field(default_factory=list)
    """Folders that cannot be listed, as they are met; whoever reads this empties it."""
    there: bool = True
    """Whether the folder itself could be listed at the last look."""
    _ready: dict[str, Found] = field(default_factory=dict)
    _folders: dict[str, _Folder] = field(default_factory=dict)
    _known: dict[str, int] = field(default_factory=dict)
    """By name, a hash of size and date: 10,000 files take some 2 MB."""
    _waiting: dict[str, tuple[Stat, float]] = field(default_factory=dict)
    """What is perhaps still being written, and since when it has been as it is."""
    _suspects: dict[str, _Suspect] = field(default_factory=dict)
    """What could not be read as it was: asked for at each look."""
    _whole_s: float = 0.0

    def look(self) -> bool:
        """See what has changed; whether all of it was looked through."""
        now_s = self.monotonic_s()
        whole = now_s >= self._whole_s
        seen: set[str] = set()
        todo = [*({"": None} | dict.fromkeys(self._folders))]
        while todo:
            folder = todo.pop()
            todo += self._list(folder, now_s, seen, whole=whole)
        if whole and self.there:
            self._whole_s = now_s + WHOLE_S
            self._known = {name: value for name, value in self._known.items() if name in seen}
        self._settle(now_s)
        return whole and self.there

    def take(self, most: int, newer_ms: int | None = None, together_ms: int = 0) -> list[Found]:
        """Of what has settled the newest, each once: a new picture does not wait for an old card.

        Given `newer_ms`, only what was changed after that. What was changed within `together_ms` of one that is taken
        is taken with it, up to `MOST_TOGETHER`: a visit is not cut in two.
        """
        ready = [one for one in self._ready.values() if newer_ms is None or one.stat.mtime_ms > newer_ms]
        newest = heapq.nlargest(max(most, MOST_TOGETHER), ready, key=lambda one: (one.stat.mtime_ms, one.name))
        count = min(most, len(newest))
        while 0 < count < len(newest) and newest[count - 1].stat.mtime_ms - newest[count].stat.mtime_ms <= together_ms:
            count += 1
        for one in newest[:count]:
            del self._ready[self._raw(one)]
        return newest[:count]

    def again(self, found: Found, *, shut: bool = False) -> None:
        """It could not be read as it was: it comes again once it has changed; `shut`: and as it is after a pause."""
        name = self._raw(found)
        if len(self._suspects) >= MOST_SUSPECTS:
            if shut:
                self._known[name] = _SHUT
        elif shut:
            due_s = self.monotonic_s() + found.pause_s
            self._suspects[name] = _Suspect(found.stat, due_s, min(2 * found.pause_s, LONGEST_PAUSE_S))
        else:
            self._suspects[name] = _Suspect(found.stat)

    def waits(self, folder: str) -> bool:
        """Whether a file right in a folder is perhaps still being written."""
        return any(spelled(name.rpartition("/")[0]) == folder for name in self._waiting)

    def names(self) -> set[str]:
        """The names of all files that the last looks have found, as text."""
        return {spelled(name) for name in (*self._known, *self._waiting)}

    def forget(self, found: Found) -> None:
        """It is gone: should it be back, it comes again as it was."""
        name = self._raw(found)
        self._known.pop(name, None)
        if folder := self._folders.get(name.rpartition("/")[0]):
            folder.mtime_ns = -1

    def _raw(self, found: Found) -> str:
        """Its name as the file system has it."""
        return found.path.relative_to(self.root).as_posix()

    def _list(self, folder: str, now_s: float, seen: set[str], *, whole: bool) -> list[str]:
        """List a folder if it has changed; returns folders in it that are new."""
        path = self.root / folder
        state = self._folders.setdefault(folder, _Folder())
        try:
            mtime_ns = path.stat().st_mtime_ns
            if mtime_ns != state.mtime_ns:
                state.hot_until_s = now_s + max(HOT_S, self.settle_s)
            elif not whole and now_s > state.hot_until_s:
                return []
            with os.scandir(path) as entries:
                new = [child for entry in entries if (child := self._entry(entry, folder, now_s, seen, whole=whole))]
            state.mtime_ns = mtime_ns
        except OSError as error:
            self._lost(folder, error)
            return []
        self.there = self.there or not folder
        return new

    def _entry(self, entry: "os.DirEntry[str]", folder: str, now_s: float, seen: set[str], *, whole: bool) -> str:
        """Take note of one entry; the name of a folder that is new, else nothing."""
        name = f"{folder}/{entry.name}" if folder else entry.name
        lower = entry.name.lower()
        if lower.startswith(".") or lower.endswith(PARTIAL):
            return ""
        if entry.is_dir(follow_symlinks=False):
            return name if name not in self._folders and name.count("/") < MOST_DEPTH else ""
        if not entry.is_file(follow_symlinks=False):
            return ""
        seen.add(name)
        if name in self._waiting or (name in self._known and not whole):
            return ""
        if not lower.endswith(tuple(self.endings)):
            if name not in self._known:
                self._known[name] = 0
                self.foreign.append(spelled(name))
            return ""
        found = entry.stat()
        stat = Stat(found.st_size, found.st_mtime_ns // 1_000_000)
        if self._known.get(name) != hash(stat):
            self._waiting[name] = (stat, now_s)
        return ""

    def _lost(self, folder: str, error: OSError) -> None:
        """A folder cannot be listed: a card was pulled, a folder removed, or it is another's."""
        had = self._folders.pop(folder)
        if not folder:
            self.there, self._whole_s = False, 0.0
            self._folders.clear()
        elif not isinstance(error, FileNotFoundError):
            if had.mtime_ns != _CLOSED:
                self.problems.append(
                    say("{folder}: cannot be listed: {reason}", folder=spelled(folder), reason=why(error))
                )
            self._folders[folder] = _Folder(_CLOSED)

    def _settle(self, now_s: float) -> None:
        """What has stayed as it is for long enough is ready."""
        for name, before in list(self._suspects.items()):
            stat = self._stat(name)
            if stat != before.stat:
                del self._suspects[name]
                if stat:
                    self._waiting[name] = (stat, now_s)
                else:  # once it is back, as it was, it is tried anew: nothing of it was read
                    self._known.pop(name, None)
            elif now_s >= before.due_s:
                del self._suspects[name]
                self._ready[name] = Found(self.root / name, spelled(name), stat, before.pause_s)
        for name, (stat, since_s) in list(self._waiting.items()):
            if now_s - since_s < self.settle_s:
                continue
            now = self._stat(name)
            if now == stat:
                again = self._known.get(name) == _SHUT
                pause_s = 2 * FIRST_PAUSE_S if again else FIRST_PAUSE_S
                self._ready[name] = Found(self.root / name, spelled(name), stat, pause_s)
                self._known[name] = hash(stat)
                self._suspects.pop(name, None)
            if now and now != stat:
                self._waiting[name] = (now, now_s)
            else:
                del self._waiting[name]

    def _stat(self, name: str) -> Stat | None:
        try:
            return stat_of(self.root / name)
        except OSError:
            return None
