"""One small vector of a window in so many, by the clock: with it an unknown sound can be looked for later.

A vector says what a window sounds like, not what was said in it; all the same those of windows with voices, or right
beside, are not kept, as clips and minutes are not. They lie in one file a day, which grows by one record at a time; the
oldest files go first. The network hears such a window once more, after the alert is on the card: one in forty.
"""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otorongo.language import say
from otorongo.models import embeddings
from otorongo.models.embeddings import ENDING, HEAD_BYTES, Source, Window
from otorongo.models.errors import InputError
from otorongo.station.handed import Judged, Kept, Unkept
from otorongo.station.outbox_write import Of
from otorongo.station.ports import ClockReading
from otorongo.station.samples import Event, Sample
from otorongo.station.schedule import SPARE_BYTES, free_bytes, make_room
from otorongo.station.voices import BESIDE_MS, Span, beside, span
from otorongo.wire.codes import Clock

MOST_FILES: Final = 100
"""Of one day: a new one begins with another network or another outbox."""

Embed = Callable[[NDArray[Any], int], NDArray[np.int8]]
"""A window and its rate in Hz to its embedding."""


@dataclass(frozen=True, slots=True)
class Whose:
    """Where this boot's windows belong: the outbox, its number of the boot, and what is known of UTC now."""

    outbox: int
    boot: int
    clock: ClockReading


@dataclass
class Embeddings:
    """The vectors of one microphone that are kept by the clock."""

    folder: Path
    source: Source
    budget_bytes: int
    every_ms: int
    embed: Embed
    whose: Callable[[], Whose]
    voices_p: float | None
    """As of clips; None: windows with voices are kept."""
    level_db: Callable[[NDArray[Any]], float]
    free_bytes: Callable[[Path], int] = free_bytes
    _due: Sample | None = None
    """Chosen, not embedded yet."""
    _said: tuple[tuple[int, float], ...] = ()
    _done: list[tuple[int, Window]] = field(default_factory=list)
    """Embedded, with their end in ms; what comes right after them is not known yet."""
    _voices: list[Span] = field(default_factory=list)
    _turn: int = -1
    """The newest stretch of `every_ms` of which a window was chosen."""
    _failing: bool = False

    def see(self, sample: Sample, judged: Judged | None) -> None:
        """Choose the first window of each stretch that the network has judged; a replay's recordings lie there."""
        if sample.domain is not None:
            return
        if spoken := span(sample, judged, self.voices_p):
            self._voices.append(spoken)
        turn = sample.t_ms // self.every_ms
        if judged is not None and not judged.failed and turn > self._turn:
            self._turn, self._due = turn, sample
            self._said = embeddings.likeliest([(score.cls, score.p) for score in judged.scores])

    def about(self, revision: Event, opening: int, boot: int, tags: int) -> None:
        """Events are none of its business."""

    def work(self, now_ms: int, *, last: bool = False) -> Iterator[Kept | Unkept]:
        """Embed what was chosen, and write what is known to be without voices beside it."""
        try:
            self._embed()
            for end_ms, window in list(self._done):
                if last or now_ms >= end_ms + BESIDE_MS + self.source.window_ms:
                    self._done.remove((end_ms, window))
                    if not beside(self._voices, window.t_ms, end_ms):
                        self._write(window)
                        self._failing = False
        except Exception as error:  # noqa: BLE001 - onnxruntime raises plain exceptions, a card OSError
            if not self._failing:  # once, not every minute of a full card
                yield Unkept(say("an embedding: {error}", error=error))
            self._failing = True
        oldest_ms = min((window.t_ms for _, window in self._done), default=now_ms) - BESIDE_MS - self.source.window_ms
        self._voices = [] if last else [one for one in self._voices if one.end_ms > oldest_ms]

    def discard(self, row: Of) -> None:
        """It has no rows."""

    def _embed(self) -> None:
        sample, self._due = self._due, None
        if sample is not None:
            level_db = round(max(-128.0, self.level_db(sample.data)))
            vector = self.embed(sample.data, sample.rate_hz)
            self._done.append((sample.end_ms, Window(sample.t_ms, vector, self._said, level_db)))

    def _write(self, window: Window) -> None:
        """Raises OSError if the card does not take it."""
        whose = self.whose()
        clock = whose.clock
        known = clock.state >= Clock.RTC and clock.utc0_ms > 0
        window = dataclasses.replace(
            window, boot=whose.boot, clock=int(clock.state), utc0_ms=clock.utc0_ms if known else 0
        )
        source = dataclasses.replace(self.source, outbox=whose.outbox)
        self.folder.mkdir(parents=True, exist_ok=True)
        record = embeddings.record(window, source.size)
        make_room(self.folder, HEAD_BYTES + len(record), self.budget_bytes)
        if self.free_bytes(self.folder) < SPARE_BYTES + len(record):
            raise OSError(
                say(
                    "less than {spare_bytes} MB are free: these are left to records and evidence",
                    spare_bytes=SPARE_BYTES // 1000000,
                )
            )
        day = datetime.fromtimestamp((window.utc0_ms + window.t_ms) / 1000, UTC).strftime("%Y%m%d") if known else ""
        append(self.folder, day or f"undated_b{whose.boot}", source, record)


def append(folder: Path, day: str, source: Source, record: bytes) -> Path:
    """Add a record to the file of a day that is of this source, or begin one. Raises OSError.

    What a power cut left unfinished at its end is cut off first, so that what follows stands in its place.
    """
    head = embeddings.head(source)
    for number in range(1, MOST_FILES + 1):
        path = folder / (f"{day}_{number}{ENDING}" if number > 1 else f"{day}{ENDING}")
        with path.open("a+b") as file:
            file.seek(0)
            found = file.read(len(head))
            if found != head and not _unfinished(found):
                continue
            size = file.seek(0, 2)
            whole = size - (size - len(head)) % len(record) if found == head else 0
            if whole != size:
                file.truncate(whole)
            try:
                file.write(record if whole else head + record)
                file.flush()
            except OSError:  # half a record would only take room
                with suppress(OSError):
                    file.truncate(whole)
                raise
            return path
    raise OSError(
        say(
            "{folder}: has {most_files} files of {day}, none of which can go on",
            folder=folder,
            most_files=MOST_FILES,
            day=day,
        )
    )


def _unfinished(found: bytes) -> bool:
    """Whether this is all that a file has, and not even a head."""
    if len(found) < HEAD_BYTES:
        return True
    try:
        embeddings.source_in(found)
    except InputError:
        return not any(found)  # a card that was cut off may have kept the length and not the bytes
    return False
