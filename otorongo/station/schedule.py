"""Sound kept by the clock, whatever is in it: what a station hears when it tells nothing.

From events alone nobody learns what was missed. A minute in ten, kept without looking at the scores, shows how well a
class can be told here, and holds sounds that no network knows yet. The files stay on the card for who collects it; the
oldest go first. Minutes in which somebody may be speaking, or right beside, are not kept, or sealed.

Where a veto holds (rain, wind, ...) nobody knows what was missed, and one more minute in ten is kept: from the first
hit on that a veto rejected, else the last of the ten, if a veto holds then.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from otorongo.language import say
from otorongo.station.errors import SealError
from otorongo.station.handed import Judged, Kept, Unkept
from otorongo.station.hearing import Vetoed
from otorongo.station.outbox_write import Of
from otorongo.station.samples import Event, Sample, Sound
from otorongo.station.sealing import ENDING as SEALED
from otorongo.station.sealing import Sealer
from otorongo.station.voices import BESIDE_MS, Span, beside, covered_ms, span
from otorongo.wire.codes import Counter, NoteKind

LEAST_MS: Final = 10_000
"""A shorter piece is not worth a file."""
SPARE_BYTES: Final = 500_000_000
"""So much room stays free for records and evidence, which matter more."""
ENDING: Final = ".flac"
TELL_MS: Final = 3_600_000
"""So often it is told at most that minutes were discarded: six an hour are due, and people may talk all day."""

Pcm = NDArray[np.int16]
"""Mono (n,), 16 bits."""


def _pcm(sound: Sound) -> Pcm:
    """16 bits. A resampler swings beyond full scale where the sound was clipped: that must not wrap round."""
    return np.clip(np.round(sound * np.float32(32767)), -32768, 32767).astype(np.int16)


def free_bytes(folder: Path) -> int:
    """Room on the card."""
    return shutil.disk_usage(folder).free


def make_room(folder: Path, size: int, budget_bytes: int) -> None:
    """The oldest files go, so that so much more is within the budget.

    Times of change are those of writing, and names may lack a date.
    """
    files = sorted((path.stat().st_mtime_ns, path) for path in folder.iterdir() if path.is_file())
    total = sum(path.stat().st_size for _, path in files) + size
    for _, path in files:
        if total <= budget_bytes:
            return
        total -= path.stat().st_size
        path.unlink(missing_ok=True)


@dataclass
class _Piece:
    """Sound that is being gathered."""

    start_ms: int
    parts: list[Pcm] = field(default_factory=list)
    end_ms: int = 0
    rate_hz: int = 0


@dataclass
class Schedule:
    """The minutes of one microphone that are kept by the clock since boot; or those beside them that vetoes cost."""

    folder: Path
    budget_bytes: int
    length_ms: int
    every_ms: int
    encode: Callable[[Pcm, int], bytes]
    """Mono and its rate in Hz to a file."""
    name: Callable[[int], str]
    """Of the file that begins at a time (ms since boot), without its ending."""
    voices_p: float | None
    """As of clips; None: minutes with voices are kept."""
    sealer: Sealer | None = None
    """As of clips; None: minutes with voices are discarded."""
    free_bytes: Callable[[Path], int] = free_bytes
    veto: Callable[[], Vetoed] | None = None
    """What vetoes did to the newest window: then one piece at most in `every_ms` is kept, of what they cost. None: the
    pieces by the clock are kept."""
    _turn: int = -1
    """The newest stretch of `every_ms` in which such a piece began."""
    _now: _Piece | None = None
    _done: list[_Piece] = field(default_factory=list)
    _voices: list[Span] = field(default_factory=list)
    """Windows with voices that may touch a piece."""
    _window_ms: int = 0
    _discarded: list[tuple[int, int]] = field(default_factory=list)
    """Pieces that were discarded and not told yet: their length, and that of the voices in or beside them, in ms."""
    _told_ms: int | None = None

    def see(self, sample: Sample, judged: Judged | None) -> None:
        """Take in a window; a replay's recordings are kept already."""
        if sample.domain is not None:
            return
        self._window_ms = sample.duration_ms
        if spoken := span(sample, judged, self.voices_p):
            self._voices.append(spoken)
        start_ms = sample.end_ms - sample.new_ms
        if self._now and abs(start_ms - self._now.end_ms) > 250:
            self._end()
        if self._now and start_ms - self._now.start_ms >= self.length_ms:
            self._end()
        if not self._due(start_ms):
            self._end()
            return
        count = round(sample.new_ms * sample.rate_hz / 1000)
        if self.veto and self._now is None:
            start_ms, count = sample.t_ms, len(sample.data)  # what was rejected is heard from its beginning
        self._now = self._now or _Piece(start_ms)
        self._now.parts.append(_pcm(sample.data[len(sample.data) - count :]))
        self._now.end_ms, self._now.rate_hz = sample.end_ms, sample.rate_hz

    def about(self, revision: Event, opening: int, boot: int, tags: int) -> None:
        """Events are none of its business."""

    def work(self, now_ms: int, *, last: bool = False) -> Iterator[Kept | Unkept]:
        """Write what is complete, and known to be without voices beside it."""
        if last:
            self._end()
        for piece in list(self._done):
            if not last and now_ms < piece.end_ms + BESIDE_MS + self._window_ms:
                continue
            self._done.remove(piece)
            near = beside(self._voices, piece.start_ms, piece.end_ms)
            if near and self.sealer is None:
                self._discarded.append((piece.end_ms - piece.start_ms, covered_ms(near)))
                yield Unkept("", Counter.VOICES_DISCARDED, None)
                continue
            try:
                self._write(piece, self.sealer if near else None)
            except (OSError, RuntimeError, SealError) as error:
                yield Unkept(say("a minute {which}: {error}", which=self._which, error=error))
        if self._discarded and (last or self._told_ms is None or now_ms - self._told_ms >= TELL_MS):
            yield self._tell(now_ms)
        oldest_ms = min((piece.start_ms for piece in self._pieces()), default=now_ms) - BESIDE_MS - self._window_ms
        self._voices = [] if last else [one for one in self._voices if one.end_ms > oldest_ms]

    def discard(self, row: Of) -> None:
        """It has no rows."""

    def _due(self, start_ms: int) -> bool:
        """Whether what is new of the newest window, from then on, is to be kept."""
        turn, at_ms = divmod(start_ms, self.every_ms)
        if self.veto is None:
            return at_ms < self.length_ms
        if turn == self._turn or at_ms < self.length_ms:  # the piece of this stretch, or what is kept by the clock
            return turn == self._turn and self._now is not None
        now = self.veto()
        if not now.refused and not (now.holds and at_ms >= self.every_ms - self.length_ms):
            return False
        self._turn = turn
        return True

    def _tell(self, now_ms: int) -> Unkept:
        """That minutes are missing, and how long they were: the first at once, then at most one sentence an hour."""
        lengths, voices = zip(*self._discarded, strict=True)
        self._discarded, self._told_ms = [], now_ms
        what = say(
            "{count} {which}, {length_s:.0f} s in all",
            count=len(lengths),
            which=self._which,
            length_s=sum(lengths) / 1000,
        )
        why = say(
            "{what}: voices, or sound that was not judged, in or beside them for {voices_s:.0f} s",
            what=what,
            voices_s=sum(voices) / 1000,
        )
        return Unkept(why, None, NoteKind.VOICES)

    @property
    def _which(self) -> str:
        return say("that vetoes cost") if self.veto else say("by the clock")

    def _pieces(self) -> list[_Piece]:
        return [*self._done, *([self._now] if self._now else [])]

    def _end(self) -> None:
        if self._now and self._now.end_ms - self._now.start_ms >= LEAST_MS:
            self._done.append(self._now)
        self._now = None

    def _write(self, piece: _Piece, sealer: Sealer | None) -> None:
        """Raises OSError if the card does not take it, RuntimeError and SealError if it cannot be encoded or sealed."""
        content, ending = self.encode(np.concatenate(piece.parts), piece.rate_hz), ENDING
        if sealer:
            content, ending = sealer.seal(content), ENDING + SEALED
        if len(content) > self.budget_bytes:
            raise OSError(say("one piece has {count} bytes, more than all of schedule.mb", count=len(content)))
        self.folder.mkdir(parents=True, exist_ok=True)
        make_room(self.folder, len(content), self.budget_bytes)
        if self.free_bytes(self.folder) < SPARE_BYTES + len(content):
            raise OSError(
                say(
                    "less than {spare_bytes} MB are free: these are left to records and evidence",
                    spare_bytes=SPARE_BYTES // 1000000,
                )
            )
        path = self.folder / (self.name(piece.start_ms) + ending)
        part = path.with_name(path.name + ".part")
        try:
            part.write_bytes(content)
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
