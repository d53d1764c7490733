"""A random few of what a camera's gate and thresholds rejected, for somebody to look at: what was missed?

The day is cut into half as many equal stretches as pictures are wanted, for frames that the gate held back and for
those in which no class reached its threshold. In each stretch every frame has the same chance to be the one that is
kept (a reservoir of one: Vitter 1985), and the file's name says for how many it stands. A stretch that a restart cuts
off leaves a picture only if half of it had passed, so that restarts never make more than twice as many.

A frame that the gate held back was never looked at, so the networks look at it before it is kept: what may show people
follows their policy, and in land of peoples in isolation every frame does.

Four frames may wait at a time, for hours: as JPEG, in memory. WebP, which is kept, takes ten times as long to make, and
whatever comes next would wait for it.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from otorongo.language import say
from otorongo.station.handed import Judged, Kept, Unkept
from otorongo.station.media_picture import BESIDE_MS, EncodePicture, Shrink
from otorongo.station.outbox_write import Of
from otorongo.station.samples import Event, Picture, Sample
from otorongo.station.sealing import ENDING, People
from otorongo.station.shelf import Shelf, tried
from otorongo.wire.codes import Counter, MediaKind, Tag
from otorongo.wire.rows import Media

DAY_MS: Final = 86_400_000
QUALITY: Final = 80
"""Somebody small and far must still be seen by who looks."""
WAITING_BYTES: Final = 4_000_000
"""A frame that waits takes no more memory: one of 12 million pixels, dark and noisy, fits at `WAITING_QUALITIES[1]`."""
WAITING_QUALITIES: Final = (92, 80)
SMALLER: Final = 0.7
GATE: Final = "gate"
THRESHOLD: Final = "threshold"


@dataclass
class Reservoir:
    """One frame of a stretch of time, each with the same chance."""

    begun_ms: int
    count: int = 0
    """Frames that came."""
    t_ms: int = 0
    """When the frame that is held was taken."""
    waiting: bytes = b""
    """That frame, encoded; empty: none is held."""
    judged: Judged | None = None
    peopled: bool = False
    """Somebody may have been seen in it, or in a frame right before or after it."""

    def takes(self, below: Callable[[int], int]) -> bool:
        """Count one more frame; whether it takes the place of the one before. `below(n)`: a random number under n."""
        self.count += 1
        return below(self.count) == 0


@dataclass
class AuditKeeper:
    """Keeps a random few of the rejected frames of one camera."""

    shelf: Shelf
    sensor: int
    encode: EncodePicture
    press: Callable[[Picture], bytes]
    """A frame as it waits: see `pressed`."""
    unpress: Callable[[bytes], Picture]
    judge: Callable[[Picture], Judged]
    """What the networks say of a frame. May raise whatever a network raises."""
    name: Callable[[int], str]
    """When a frame was taken, for the file's name, from ms since boot."""
    boot: Callable[[], int]
    below: Callable[[int], int]
    """A random number from 0 on, under the one given."""
    per_day: int = 20
    people: People = field(default_factory=People)
    tags: int = 0
    whole: Callable[[Sample], Sample] = lambda sample: sample
    """A frame at its full size, as long as it is the newest."""
    _open: dict[str, Reservoir] = field(default_factory=dict)
    _done: list[tuple[str, Reservoir]] = field(default_factory=list)
    _people_ms: deque[int] = field(default_factory=lambda: deque(maxlen=1000))

    @property
    def stretch_ms(self) -> int:
        """How long a stretch is: each gives a picture of either kind."""
        return 2 * DAY_MS // max(1, self.per_day)

    def see(self, sample: Sample, judged: Judged | None) -> None:
        """Take in a frame. Those of a replay lie where they lay."""
        if sample.domain is not None:
            return
        now_ms = sample.t_ms
        if judged and (judged.failed or self.people.shown(judged.scores)):
            self._people_ms.append(now_ms)
            for one in (*self._open.values(), *(one for _, one in self._done)):
                near = bool(one.waiting) and abs(now_ms - one.t_ms) <= BESIDE_MS
                one.peopled = one.peopled or near
        self._end(now_ms)
        if judged is None or not (judged.failed or any(score.hit for score in judged.scores)):
            self._take(GATE if judged is None else THRESHOLD, sample, judged)

    def about(self, revision: Event, opening: int, boot: int, tags: int) -> None:
        """Events are none of its business."""

    def work(self, now_ms: int, *, last: bool = False) -> Iterator[Kept | Unkept]:
        """Write what a stretch has left, once it is known who came right after it."""
        self._end(now_ms)
        if last:
            cut, self._open = self._open, {}
            half_ms = self.stretch_ms // 2
            self._done += [(kind, one) for kind, one in cut.items() if now_ms - one.begun_ms >= half_ms]
        for kind, one in list(self._done):
            if not last and now_ms <= one.t_ms + BESIDE_MS:
                continue
            self._done.remove((kind, one))
            if one.waiting:
                yield from self._kept(kind, one)

    def discard(self, row: Of) -> None:
        """The row of a picture could not be put."""
        self.shelf.discard(row)

    @property
    def waiting_bytes(self) -> int:
        """What the frames that wait take in memory."""
        return sum(len(one.waiting) for one in (*self._open.values(), *(one for _, one in self._done)))

    def _end(self, now_ms: int) -> None:
        """Stretches that are over."""
        for kind, one in list(self._open.items()):
            if now_ms // self.stretch_ms != one.begun_ms // self.stretch_ms:
                del self._open[kind]
                self._done.append((kind, one))

    def _take(self, kind: str, sample: Sample, judged: Judged | None) -> None:
        one = self._open.setdefault(kind, Reservoir(sample.t_ms))
        if one.takes(self.below):
            near = any(abs(sample.t_ms - at_ms) <= BESIDE_MS for at_ms in self._people_ms)
            one.waiting = self.press(self.whole(sample).data)
            one.t_ms, one.judged, one.peopled = sample.t_ms, judged, near

    def _kept(self, kind: str, one: Reservoir) -> Iterator[Kept | Unkept]:
        what = say("a rejected frame ({kind})", kind=kind)
        peopled = one.peopled or self.people.no_contact
        if not peopled:
            try:
                judged = one.judged or self.judge(self.unpress(one.waiting))
                peopled = judged.failed or self.people.shown(judged.scores)
            except Exception:  # noqa: BLE001 - whatever a network raises: then nobody knows who is in it
                peopled = True
        if not peopled or (self.people.policy == "keep" and not self.people.no_contact):
            yield tried(what, partial(self._write, kind, one, peopled=peopled))
        elif self.people.policy == "seal" and self.people.sealer:
            yield tried(what, partial(self._write, kind, one, peopled=True, seal=True))
        else:
            yield Unkept(say("{what}: it may show people", what=what), Counter.PEOPLE_DISCARDED, None)

    def _write(self, kind: str, one: Reservoir, *, peopled: bool, seal: bool = False) -> Kept:
        content, ending, sealed_to = self.encode(self.unpress(one.waiting), QUALITY), ".webp", b""
        tags = self.tags | (Tag.PERSON if peopled else 0)
        if seal and self.people.sealer:
            content, ending = self.people.sealer.seal(content), ending + ENDING
            tags, sealed_to = tags | Tag.SEALED, self.people.sealer.sealed_to
        path = self.shelf.write(f"{kind}-w{one.count}-{self.name(one.t_ms)}{ending}", content)
        row = Media(
            t_ms=one.t_ms,
            sensor=self.sensor,
            back=0,
            kind=MediaKind.AUDIT,
            bytes=len(content),
            sha256=hashlib.sha256(content).digest(),
            tags=tags,
            sealed_to=sealed_to,
        )
        return Kept(Of(0, row, path), self.boot())


def pressed(picture: Picture, jpeg: EncodePicture, shrink: Shrink) -> bytes:
    """RGB (H, W, 3) as JPEG of at most `WAITING_BYTES`: with less quality if it must be, then with fewer pixels."""
    while True:
        for quality in WAITING_QUALITIES:
            content = jpeg(picture, quality)
            if len(content) <= WAITING_BYTES:
                return content
        picture = shrink(picture, SMALLER)
