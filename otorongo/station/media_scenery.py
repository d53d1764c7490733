"""A small picture of each event that was held back as scenery, on the card alone: so that somebody can look it through.

What may show people is not kept, unless the place's policy keeps such pictures, and the oldest give way within a budget
of its own. No row tells of them: they stay where they are until somebody takes the card.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from otorongo.language import say
from otorongo.station.handed import Judged, Kept, Unkept
from otorongo.station.media_picture import BESIDE_MS, MOST_SEEN, EncodePicture, Shrink, crop, small, when_ms
from otorongo.station.outbox_write import Of
from otorongo.station.samples import Event, Sample
from otorongo.station.sealing import People
from otorongo.wire.classes import name_of

log = logging.getLogger(__name__)


@dataclass
class SceneryPictures:
    """Keeps what was held back."""

    folder: Path
    budget_bytes: int
    name: Callable[[Sample], str]
    """Of a picture's file, without what it shows and its ending."""
    encode: EncodePicture
    shrink: Shrink
    people: People = field(default_factory=People)
    _due: list[tuple[Sample, Judged]] = field(default_factory=list)
    _seen_ms: deque[int] = field(default_factory=lambda: deque(maxlen=MOST_SEEN))
    """When pictures may have shown people, in all clock domains."""

    def see(self, sample: Sample, judged: Judged | None) -> None:
        """Remember what was held back, and when people may have been seen."""
        if judged is None:
            return
        if judged.failed or self.people.shown(judged.scores):
            self._seen_ms.append(when_ms(sample))
        if judged.held:
            self._due.append((sample, judged))

    def about(self, revision: Event, opening: int, boot: int, tags: int) -> None:
        """Events that are told are none of its business."""

    def work(self, now_ms: int, *, last: bool = False) -> Iterator[Kept | Unkept]:
        """Write what waits, once it is known that nobody came right after it."""
        for sample, judged in list(self._due):
            open_ = self.people.policy == "keep"
            if not (open_ or last) and now_ms <= sample.t_ms + BESIDE_MS:
                continue
            self._due.remove((sample, judged))
            if not open_ and any(abs(at - when_ms(sample)) <= BESIDE_MS for at in self._seen_ms):
                continue
            try:
                self._write(sample, judged)
            except Exception as error:  # noqa: BLE001 - a full card, an encoder: cv2.error is a plain exception
                yield Unkept(say("picture of scenery: {error}", error=error))

    def discard(self, row: Of) -> None:
        """It has no rows."""

    def _write(self, sample: Sample, judged: Judged) -> None:
        """Raises OSError if the card does not take it."""
        boxes = [box for box in judged.boxes if box.wire_class in judged.held]
        content = small(crop(sample.data, boxes), self.encode, self.shrink)
        if len(content) > self.budget_bytes:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        files = sorted(self.folder.glob("*.webp"), key=lambda one: one.stat().st_mtime_ns)
        total = sum(one.stat().st_size for one in files) + len(content)
        while files and total > self.budget_bytes:
            oldest = files.pop(0)
            total -= oldest.stat().st_size
            oldest.unlink()
        what = "_".join(name_of(cls) for cls in judged.held)
        path = self.folder / f"{self.name(sample)}_{what}.webp"
        part = path.with_name(path.name + ".part")
        try:
            part.write_bytes(content)
            part.replace(path)
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
