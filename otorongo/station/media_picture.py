"""What is kept of pictures: a small one of each event, and of one that may show people what their policy says.

It is the best of the event's first moments: of the frames of `pre_s` before it opened and `BEST_MS` after, the one with
the surest and largest box of its class.

A picture may show people if a network takes anybody for one, far below the threshold of an event, or if that is so of a
picture at most `BESIDE_MS` before or after it: people do not begin where a network first notices them. What is
sealed is the whole frame, untouched; what stays open of it is small, and everything that a network has put a box around
is gone from it, whatever the network calls it and however unsure it is.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import numpy as np

from otorongo.language import say
from otorongo.station.handed import Judged, Kept, Unkept
from otorongo.station.outbox_write import Of
from otorongo.station.outline import Place, outlined
from otorongo.station.ring import Ring
from otorongo.station.samples import Event, Picture, Sample
from otorongo.station.sealing import CARRIERS, ENDING, PERSON, People, Sealer
from otorongo.station.shelf import Shelf, tried
from otorongo.wire.codes import Counter, Kind, MediaKind, NoteKind, Tag
from otorongo.wire.rows import Media

THUMBNAIL_BYTES: Final = (3_000, 8_000)
"""A thumbnail has about so many bytes: enough to recognise, few enough for a bad link."""
LONGEST_PX: Final = 480
PREVIEW_PX: Final = 320
"""A picture that showed people is smaller: whom no network has found in it is not recognised either."""
ORIGINAL_QUALITY: Final = 90
BESIDE_MS: Final = 10_000
CELLS: Final = 8
"""What is made unrecognisable has at most so many cells each way: of a whole person, a head is one of them."""
MOST_HELD_BYTES: Final = 72_000_000
"""Of frames that wait until it is known who came after them: two of 12 million pixels."""
HIDDEN_P: Final = 0.05
"""A box of this probability, or of the policy's if that is lower, is gone from what stays open."""
MOST_SEEN: Final = 1000
"""Of pictures that may have shown people the newest are remembered: far more than are taken in that time."""
BEST_MS: Final = 2_000
"""For so long after an event opened, a better picture of it takes the place of the first."""
RING_BYTES: Final = 32_000_000
"""Frames from before an event take no more memory."""
FULL_QUALITY: Final = 85
FOUND: Final = CARRIERS | {PERSON}
_MARGIN: Final = 0.25
_UNBOXED: Final = 1e-6

EncodePicture = Callable[[Picture, int], bytes]
"""RGB (H, W, 3) and a quality from 1 to 100 to a WebP file."""
Shrink = Callable[[Picture, float], Picture]
"""RGB and a factor below 1 to a smaller RGB."""


@dataclass
class _Shot:
    """A picture that waits to be written."""

    opening: int
    boot: int
    tags: int
    cls: int
    sample: Sample
    judged: Judged
    opened_ms: int


@dataclass
class ThumbnailKeeper:
    """Keeps one small picture of each event, cut out with a margin around what was seen."""

    shelf: Shelf
    sensor: int
    encode: EncodePicture
    shrink: Shrink
    people: People = field(default_factory=People)
    pre_ms: int = 0
    """So long before an event its picture may be from."""
    full: Shelf | None = None
    """Where the whole frame is kept besides, if it may lie open; None: nowhere."""
    _ring: "Ring[tuple[Sample, Judged]]" = field(init=False)
    _due: list[_Shot] = field(default_factory=list)
    _seen: deque[int] = field(default_factory=lambda: deque(maxlen=MOST_SEEN))
    """When pictures may have shown people, in all clock domains: a folder's visit may be read in two parts."""

    def __post_init__(self) -> None:
        """Frames from before an event, in memory."""
        self._ring = Ring(self.pre_ms, RING_BYTES)

    def see(self, sample: Sample, judged: Judged | None) -> None:
        """Remember frames that were classified, and when people may have been seen."""
        if judged is None:
            return
        if judged.failed or self.people.shown(judged.scores):  # nobody knows who is in a frame that failed
            self._seen.append(when_ms(sample))
        if not judged.failed:  # last: whatever it lacks memory for, who was seen is remembered
            self._offer(sample, judged)

    def _offer(self, sample: Sample, judged: Judged) -> None:
        """A frame that may be the best of an event that opens, or has just opened."""
        worth = merits(judged)
        self._ring.push(sample.t_ms, worth, (sample, judged), sample.data.nbytes)
        for shot in self._due:
            later = sample.t_ms <= shot.opened_ms + BEST_MS
            if later and worth.get(shot.cls, 0.0) > merits(shot.judged).get(shot.cls, 0.0):
                shot.sample, shot.judged = sample, judged
        self._bound()

    def about(self, revision: Event, opening: int, boot: int, tags: int) -> None:
        """An opening takes the best frame that there is."""
        best = self._ring.best(revision.cls)
        if revision.kind == Kind.OPEN and best:
            self._due.append(_Shot(opening, boot, tags, revision.cls, *best, revision.t_ms))
            self._bound()

    def _bound(self) -> None:
        """Hold no more than there is room for: of what waits, the largest frame becomes half as wide."""
        while True:
            held = {id(shot.sample.data): shot.sample.data for shot in self._due}
            if sum(data.nbytes for data in held.values()) <= MOST_HELD_BYTES:
                return
            large = max(held.values(), key=lambda data: data.nbytes)
            smaller = self.shrink(large, 0.5)
            for shot in self._due:
                if shot.sample.data is large:
                    shot.sample = replace(shot.sample, data=smaller)

    def work(self, now_ms: int, *, last: bool = False) -> Iterator[Kept | Unkept]:
        """Write the pictures that wait: one that shows nobody, once it is known that nobody came right after it."""
        for shot in list(self._due):
            peopled = self._peopled(shot)
            patient = self.people.policy != "keep" and not peopled
            until_ms = max(shot.opened_ms + BEST_MS, shot.sample.t_ms + BESIDE_MS if patient else 0)
            if now_ms <= until_ms and not last:
                continue
            self._due.remove(shot)
            yield from self._kept(shot, peopled=peopled)
        if last:
            self._ring.clear()

    def discard(self, row: Of) -> None:
        """The row of a picture could not be put."""
        self.shelf.discard(row)

    def _peopled(self, shot: _Shot) -> bool:
        """Whether a picture, or one right before or after it, may show people."""
        near = any(abs(at - when_ms(shot.sample)) <= BESIDE_MS for at in self._seen)
        return near or shot.cls == PERSON or self.people.shown(shot.judged.scores)

    def _kept(self, shot: _Shot, *, peopled: bool) -> Iterator[Kept | Unkept]:
        what = say("picture of event {opening}", opening=shot.opening)
        if not peopled or self.people.policy == "keep":
            tags = shot.tags | (Tag.PERSON if peopled else 0)
            yield tried(what, partial(self._thumbnail, shot, tags))
            if self.full:
                yield tried(say("full {what}", what=what), partial(self._full, shot, tags, self.full))
        elif self.people.policy == "seal" and self.people.sealer:
            sealer = self.people.sealer
            if self.people.no_contact:
                yield tried(say("small {what}", what=what), partial(self._small, shot, sealer))
            elif any(box.wire_class in FOUND for box in shot.judged.boxes):  # else nobody knows where they are in it
                yield tried(say("preview of event {opening}", opening=shot.opening), partial(self._preview, shot))
            yield tried(what, partial(self._original, shot, sealer))
        else:
            # In no_contact land a person's event says enough.
            note = None if shot.cls == PERSON and self.people.no_contact else NoteKind.PEOPLE
            yield Unkept(say("{what}: it may show people", what=what), Counter.PEOPLE_DISCARDED, note)

    def _cut(self, shot: _Shot) -> bytes:
        """A small picture of what was seen, as it is."""
        boxes = [box for box in shot.judged.boxes if box.wire_class == shot.cls]
        return self._told(shot.sample.data, boxes, LONGEST_PX)

    def _told(self, picture: Picture, boxes: "list[Any]", most_px: int) -> bytes:
        """Cut out around its boxes, small, and with them drawn in."""
        window = window_of(boxes)
        part = shrunk(cut(picture, window), self.shrink, most_px)
        return small(outlined(part, (_within(box, window) for box in boxes)), self.encode, self.shrink, most_px)

    def _full(self, shot: _Shot, tags: int, shelf: Shelf) -> Kept:
        """The whole frame, open: it shows nobody, or everybody has agreed."""
        content = self.encode(shot.sample.data, FULL_QUALITY)
        return self._written(shot, "-full.webp", content, MediaKind.FRAME, tags, shelf=shelf)

    def _thumbnail(self, shot: _Shot, tags: int) -> Kept:
        return self._written(shot, ".webp", self._cut(shot), MediaKind.THUMBNAIL, tags)

    def _preview(self, shot: _Shot) -> Kept:
        """Small, and without anybody who could be recognised."""
        boxes = [box for box in shot.judged.boxes if box.wire_class == shot.cls]
        hidden = unrecognisable(shot.sample.data, anybody(shot.judged, self.people.least_p))
        content = self._told(hidden, boxes, PREVIEW_PX)
        return self._written(shot, "-preview.webp", content, MediaKind.PREVIEW, shot.tags | Tag.PERSON)

    def _small(self, shot: _Shot, sealer: Sealer) -> Kept:
        """Small enough for a bad link, for those who can open it."""
        return self._sealed(shot, "-small.webp", self._cut(shot), MediaKind.THUMBNAIL, sealer)

    def _original(self, shot: _Shot, sealer: Sealer) -> Kept:
        """The whole frame, nothing cut off and nothing hidden."""
        content = self.encode(shot.sample.data, ORIGINAL_QUALITY)
        return self._sealed(shot, ".webp", content, MediaKind.FRAME, sealer)

    def _sealed(self, shot: _Shot, ending: str, content: bytes, kind: MediaKind, sealer: Sealer) -> Kept:
        tags, closed = shot.tags | Tag.PERSON | Tag.SEALED, sealer.seal(content)
        return self._written(shot, ending + ENDING, closed, kind, tags, sealer.sealed_to)

    def _written(
        self,
        shot: _Shot,
        ending: str,
        content: bytes,
        kind: MediaKind,
        tags: int,
        sealed_to: bytes = b"",
        shelf: Shelf | None = None,
    ) -> Kept:
        path = (shelf or self.shelf).write(f"{shot.opening}-{shot.boot}{ending}", content)
        row = Media(
            t_ms=shot.sample.t_ms,
            sensor=self.sensor,
            back=0,
            kind=kind,
            bytes=len(content),
            sha256=hashlib.sha256(content).digest(),
            tags=tags,
            sealed_to=sealed_to,
        )
        return Kept(Of(shot.opening, row, path), shot.boot)


def when_ms(sample: Sample) -> int:
    """By a clock that all clock domains of recordings share; of a live camera since its boot."""
    return sample.t_ms + (sample.domain.utc0_ms if sample.domain else 0)


def anybody(judged: Judged, least_p: float) -> list[Any]:
    """All boxes in which somebody may be: to a network a person may be faint, or an animal, or a dog."""
    least = min(HIDDEN_P, least_p)
    return [*judged.boxes, *(box for box in judged.faint if box.p >= least)]


def unrecognisable(picture: Picture, boxes: "Iterable[object]") -> Picture:
    """RGB (H, W, 3) in which each box with a margin is a few cells, each of one colour: the mean of what was there.

    A mean cannot be undone, as a blur can. Boxes have x, y, w, h in shares of the picture.
    """
    height, width = picture.shape[:2]
    out = picture.copy()
    for x, y, w, h in ((box.x, box.y, box.w, box.h) for box in boxes):  # type: ignore[attr-defined]
        rows = _span(y, h, height)
        columns = _span(x, w, width)
        part = out[rows, columns]
        if part.size:
            out[rows, columns] = _cells(part)
    return out


def _span(start: float, length: float, size: int) -> slice:
    low, high = start - _MARGIN * length, start + (1 + _MARGIN) * length
    return slice(min(size, max(0, int(low * size))), max(0, min(size, int(np.ceil(high * size)))))


def _cells(part: Picture) -> Picture:
    """The same size in square cells of one colour each, at most `CELLS` each way."""
    side = -(-max(part.shape[:2]) // CELLS)
    rows, columns = (np.arange(0, size, side) for size in part.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(part, rows, axis=0, dtype=np.uint32), columns, axis=1)
    heights, widths = (np.diff(np.append(at, size)) for at, size in zip((rows, columns), part.shape[:2], strict=True))
    means = np.round(sums / (heights[:, None, None] * widths[None, :, None])).astype(np.uint8)
    return np.asarray(means.repeat(heights, axis=0).repeat(widths, axis=1), np.uint8)


def merits(judged: Judged) -> dict[int, float]:
    """What a frame shows of each class: probability times share of the picture of its best box.

    A class that is told without a box has its probability alone, and that counts less than any box.
    """
    out = {score.cls: score.p * _UNBOXED for score in judged.scores if score.hit}
    for box in judged.boxes:
        out[box.wire_class] = max(out.get(box.wire_class, 0.0), box.p * box.w * box.h)
    return out


Window = tuple[float, float, float, float]
"""Left, top, right and bottom in shares of a picture."""


def window_of(boxes: "Iterable[object]") -> Window:
    """What holds all boxes with a margin, at least a third of the picture each way; without boxes: all of it.

    Boxes have x, y, w, h in shares of the picture.
    """
    known = [(box.x, box.y, box.x + box.w, box.y + box.h) for box in boxes]  # type: ignore[attr-defined]
    if not known:
        return 0.0, 0.0, 1.0, 1.0
    sides = []
    for low, high in (
        (min(b[0] for b in known), max(b[2] for b in known)),
        (min(b[1] for b in known), max(b[3] for b in known)),
    ):
        span = max((high - low) * (1 + 2 * _MARGIN), 1 / 3)
        middle = min(max((low + high) / 2, span / 2), max(1 - span / 2, span / 2))
        sides.append((max(0.0, middle - span / 2), min(1.0, middle + span / 2)))
    return sides[0][0], sides[1][0], sides[0][1], sides[1][1]


def cut(picture: Picture, window: Window) -> Picture:
    """A part of RGB (H, W, 3)."""
    height, width = picture.shape[:2]
    left, top, right, bottom = window
    return picture[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]


def crop(picture: Picture, boxes: "Iterable[object]") -> Picture:
    """The part of RGB (H, W, 3) that holds all boxes with a margin, at least a third of the picture each way."""
    return cut(picture, window_of(boxes))


def _within(box: Any, window: Window) -> Place:
    """A box in shares of a window."""
    left, top, right, bottom = window
    width, height = right - left, bottom - top
    return Place((box.x - left) / width, (box.y - top) / height, box.w / width, box.h / height)


def shrunk(picture: Picture, shrink: Shrink, most_px: int) -> Picture:
    """RGB of at most so many pixels each way."""
    longest = max(picture.shape[:2])
    return shrink(picture, most_px / longest) if longest > most_px else picture


def small(picture: Picture, encode: EncodePicture, shrink: Shrink, most_px: int = LONGEST_PX) -> bytes:
    """A WebP of RGB (H, W, 3) of 3 to 8 kB: at most so many pixels, then less quality, then fewer pixels."""
    picture = shrunk(picture, shrink, most_px)
    content = b""
    for _ in range(6):
        for quality in (80, 60, 45, 30, 18):
            content = encode(picture, quality)
            if len(content) <= THUMBNAIL_BYTES[1]:
                return content
        picture = shrink(picture, 0.7)
    return content
