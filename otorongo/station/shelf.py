"""Evidence as files on the card: within a budget, whole or not at all, and none that no record tells of.

A file is written beside its final name and renamed, then told by a media row; a file without a row is an orphan of a
power cut and is swept at the next start. The oldest evidence gives way when the budget is spent; what is pinned
(a threat's evidence that the hub does not have safely) goes last.
"""

import logging
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from otorongo.language import say
from otorongo.station.errors import SensorError
from otorongo.station.handed import Judged, Keeper, Kept, Unkept
from otorongo.station.outbox_media import MediaShelf
from otorongo.station.outbox_write import Of
from otorongo.station.samples import Event, Sample

log = logging.getLogger(__name__)


def write_whole(path: Path, content: bytes) -> None:
    """A file on the card, whole or not at all, when this returns. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:  # half a file would take the room that is missing
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


@dataclass
class Shelf:
    """The files of one sensor, their budget, and how they come onto the card."""

    data_dir: Path
    section: str
    budget_bytes: int
    media: MediaShelf
    delete: Callable[[Path], None] = lambda path: path.unlink(missing_ok=True)
    key: str = ""
    """Of the budget in station.toml; empty: `media_mb` of the section."""

    def sweep(self) -> int:
        """Delete files that no row tells of; returns how many."""
        told = {evidence.path for evidence in self.media.all()}
        orphans = [path for path in self._files() if path.relative_to(self.data_dir).as_posix() not in told]
        for path in orphans:
            self.delete(path)
        if orphans:
            log.warning("%s: %d files of evidence without a record deleted", self.section, len(orphans))
        return len(orphans)

    def write(self, name: str, content: bytes) -> str:
        """Put a file onto the card within the budget; its path relative to the data folder.

        Raises OSError if the card does not take it, SensorError if it is larger than the whole budget.
        """
        if len(content) > self.budget_bytes:
            raise SensorError(
                say(
                    "{name} has {count} bytes, more than all of {key}: allow more there",
                    name=name,
                    count=len(content),
                    key=self.key or f"{self.section}.media_mb",
                )
            )
        self._make_room(len(content))
        path = self.data_dir / "media" / self.section / name
        write_whole(path, content)
        return path.relative_to(self.data_dir).as_posix()

    def discard(self, row: Of) -> None:
        """Delete a file whose row could not be put."""
        self.delete(self.data_dir / row.path)

    def _make_room(self, size: int) -> None:
        mine = f"media/{self.section}/"
        known = [evidence for evidence in self.media.all() if evidence.path.startswith(mine)]
        total = sum(evidence.bytes for evidence in known) + size
        gone = []
        try:
            for evidence in known:
                if total <= self.budget_bytes:
                    break
                self.delete(self.data_dir / evidence.path)
                gone.append(evidence.seq)
                total -= evidence.bytes
        finally:
            if gone:
                self.media.forget(gone)

    def _files(self) -> Iterable[Path]:
        return [path for path in (self.data_dir / "media" / self.section).rglob("*") if path.is_file()]


def tried(what: str, write: Callable[[], Kept]) -> Kept | Unkept:
    """Write one piece of evidence; whatever goes wrong with it, the next one is written."""
    try:
        return write()
    except Exception as error:  # noqa: BLE001 - a full card, an encoder: cv2.error is a plain exception
        return Unkept(f"{what}: {error}")


@dataclass
class Keepers:
    """Several keepers as one. What one of them fails at costs evidence, never the event that is told after it."""

    parts: tuple[Keeper, ...]
    _failed: list[Unkept] = field(default_factory=list)

    def see(self, sample: Sample, judged: Judged | None) -> None:
        """Each sees everything."""
        for part in self.parts:
            self._tried(partial(part.see, sample, judged))

    def about(self, revision: Event, opening: int, boot: int, tags: int) -> None:
        """Each hears of every event."""
        for part in self.parts:
            self._tried(partial(part.about, revision, opening, boot, tags))

    def _tried(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - no memory for a frame: cv2.error is a plain exception
            self._failed.append(Unkept(say("a frame: {error}", error=error)))

    def work(self, now_ms: int, *, last: bool = False) -> Iterable[Kept | Unkept]:
        """One after another."""
        failed, self._failed = self._failed, []
        yield from failed
        for part in self.parts:
            yield from part.work(now_ms, last=last)

    def discard(self, row: Of) -> None:
        """Whose file it is knows."""
        for part in self.parts:
            part.discard(row)
