"""The clips of sounds. Encoding comes after the alert, never before."""

import hashlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from otorongo.language import say
from otorongo.station.errors import SensorError
from otorongo.station.handed import Judged, Kept, Unkept
from otorongo.station.media_levels import STEP_MS, open_steps, picture
from otorongo.station.outbox_write import Of
from otorongo.station.samples import Event, Picture, Sample, Sound
from otorongo.station.sealing import ENDING, Sealer
from otorongo.station.shelf import Shelf, tried
from otorongo.station.voices import BESIDE_MS, SPEECH, Span, beside, covered_ms, named, span
from otorongo.wire.codes import Counter, Kind, MediaKind, NoteKind, Tag
from otorongo.wire.rows import Media

log = logging.getLogger(__name__)

EncodeSound = Callable[[Sound, int], bytes]
"""Float mono (n,) and its rate in Hz to an Ogg Opus file."""


@dataclass
class _Clip:
    """A clip that is still being heard."""

    opening: int
    boot: int
    tags: int
    until_ms: int
    start_ms: int
    cls: int


@dataclass(eq=False)
class _Heard:
    """The sound of a clip, taken out of the memory, and not yet written."""

    clip: _Clip
    start_ms: int
    sound: Sound
    rate_hz: int
    known_ms: int
    """From then on it is known who speaks right after it, also where the sound broke off."""
    blur_ms: int = 0
    """So far its samples may lie beside the times of their windows."""
    voices: Sequence[Span] = ()
    """Where somebody may be speaking, in it or beside it: then it is not written, or sealed."""

    @property
    def end_ms(self) -> int:
        """Where its sound ends."""
        return self.start_ms + (len(self.sound) * 1000 // self.rate_hz if self.rate_hz else 0)


@dataclass
class ClipKeeper:
    """Keeps the newest sound in memory, and a clip of each event with what came before it."""

    shelf: Shelf
    sensor: int
    clip_s: float
    pre_roll_s: float
    encode: EncodeSound
    voices_p: float | None = None
    """From this calibrated probability of speech a window has voices; None: clips with voices are kept."""
    sealer: Sealer | None = None
    """Clips with voices are sealed whole; None: they are discarded."""
    levels: Callable[[Picture], bytes] | None = None
    """Of a sealed clip a picture of its levels stays open, without the voices: RGB (H, W, 3) to a file. None: nothing
    of it does."""
    _voices: deque[Span] = field(default_factory=deque)
    _window_ms: int = 0
    _ring: deque[tuple[int, Sound, int]] = field(default_factory=deque)
    _due: list[_Clip] = field(default_factory=list)
    _heard: list[_Heard] = field(default_factory=list)

    def see(self, sample: Sample, judged: Judged | None) -> None:
        """Remember what is new of a window; forget what no clip can need any more."""
        self._window_ms = sample.duration_ms
        count = round(sample.new_ms * sample.rate_hz / 1000)
        new = sample.data[-count:] if count else sample.data[:0]
        start_ms = sample.end_ms - sample.new_ms
        if self._ring and abs(start_ms - self._end_ms()) > 250:
            self._cut(self._due)  # what comes now belongs to another piece of sound
            if start_ms < self._end_ms():  # ... of other times: who spoke beside what was before is known by now
                self._settle(self._heard)
                self._voices.clear()
            self._ring.clear()
        self._ring.append((start_ms, new.copy(), sample.rate_hz))
        if spoken := span(sample, judged, self.voices_p):
            self._voices.append(spoken)
        first_ms = min((clip.start_ms for clip in self._due), default=sample.end_ms)
        keep_from = min(first_ms, sample.end_ms - round((self.pre_roll_s + self.clip_s) * 1000))
        while len(self._ring) > 1 and self._ring[1][0] <= keep_from:
            self._ring.popleft()
        oldest_ms = min((heard.start_ms for heard in self._heard), default=self._ring[0][0])
        while self._voices and self._voices[0].end_ms <= min(oldest_ms, self._ring[0][0]) - BESIDE_MS:
            self._voices.popleft()

    def about(self, revision: Event, opening: int, boot: int, tags: int) -> None:
        """An opening begins a clip; a closing ends it early."""
        if revision.kind == Kind.OPEN and self.clip_s:
            # Not all of a long gathering: the newest hits, with a little before them.
            newest = revision.t_ms - round((self.clip_s - 3.0) * 1000)
            start = max(revision.start_ms - round(self.pre_roll_s * 1000), newest)
            self._due.append(_Clip(opening, boot, tags, start + round(self.clip_s * 1000), start, revision.cls))
        if revision.kind == Kind.CLOSE:
            for clip in self._due:
                if clip.opening == opening:
                    clip.until_ms = min(clip.until_ms, revision.t_ms + 1000)

    def work(self, now_ms: int, *, last: bool = False) -> Iterator[Kept | Unkept]:
        """Write the clips that are complete, or as complete as they can become."""
        self._cut([clip for clip in self._due if last or clip.until_ms + self._beside_ms <= now_ms])
        ready = [heard for heard in self._heard if last or heard.known_ms <= now_ms]
        self._settle(ready)
        if last:
            self._ring.clear()
            self._voices.clear()
        for heard in ready:
            self._heard.remove(heard)
            if heard.voices and self.sealer is None:
                yield _private(heard)
                continue
            sealer = self.sealer if heard.voices else None
            if sealer and self.levels:
                yield from self._open(heard, self.levels)
            yield tried(say("clip of event {opening}", opening=heard.clip.opening), partial(self._write, heard, sealer))

    def discard(self, row: Of) -> None:
        """The row of a clip could not be put."""
        self.shelf.discard(row)

    def _cut(self, clips: Sequence[_Clip]) -> None:
        """Take the sound of clips out of the memory: what there is of it."""
        self._heard += [self._cut_one(clip) for clip in clips]
        self._due = [clip for clip in self._due if clip not in clips]

    def _cut_one(self, clip: _Clip) -> _Heard:
        parts = [
            (start, sound, rate)
            for start, sound, rate in self._ring
            if len(sound) and start < clip.until_ms and start + len(sound) * 1000 // rate > clip.start_ms
        ]
        if not parts:
            return _Heard(clip, clip.start_ms, np.zeros(0, np.float32), 0, 0)
        first_ms, _, rate = parts[0]
        sound = np.concatenate([part for _, part, _ in parts])
        ends_ms = [start + len(part) * 1000 // rate for start, part, _ in parts]
        blur_ms = sum(abs(start - end) for (start, _, _), end in zip(parts[1:], ends_ms[:-1], strict=True))
        skip = max(0, round((clip.start_ms - first_ms) * rate / 1000))
        start_ms, sound = max(clip.start_ms, first_ms, 0), sound[skip : skip + round(self.clip_s * rate)]
        end_ms = start_ms + len(sound) * 1000 // rate
        return _Heard(clip, start_ms, sound, rate, min(clip.until_ms, end_ms) + self._beside_ms, blur_ms)

    @property
    def _beside_ms(self) -> int:
        """So long after a clip it is known who speaks beside it."""
        return 0 if self.voices_p is None else BESIDE_MS + self._window_ms

    def _settle(self, pieces: Sequence[_Heard]) -> None:
        """Who speaks in these or beside them is known now."""
        for heard in pieces:
            heard.voices = heard.voices or beside(self._voices, heard.start_ms, heard.end_ms)
            heard.known_ms = 0

    def _open(self, heard: _Heard, encode: Callable[[Picture], bytes]) -> Iterator[Kept | Unkept]:
        """What stays open of a clip that is sealed: nothing, if somebody may be speaking in every second of it."""
        length_ms = len(heard.sound) * 1000 // max(1, heard.rate_hz)
        shown = open_steps(length_ms, heard.start_ms, heard.voices, heard.blur_ms)
        seen = picture(heard.sound, heard.rate_hz, shown)
        if seen is not None:
            what, tags = f"levels of event {heard.clip.opening}", heard.clip.tags | Tag.PERSON
            put = partial(self._put, heard, "-levels.webp", MediaKind.SPECTROGRAM, tags, len(shown) * STEP_MS)
            yield tried(what, lambda: put(encode(seen)))

    def _write(self, heard: _Heard, sealer: Sealer | None) -> Kept:
        """Raises SensorError if there is no sound, OSError if the card does not take it, what the encoder raises."""
        sound, rate = heard.sound, heard.rate_hz
        if not len(sound):
            raise SensorError(say("none of its sound is in memory any more"))
        content, ending, tags, sealed_to = self.encode(sound, rate), ".ogg", heard.clip.tags, b""
        if sealer:
            content, ending, sealed_to = sealer.seal(content), ".ogg" + ENDING, sealer.sealed_to
            tags |= Tag.PERSON | Tag.SEALED
        return self._put(heard, ending, MediaKind.CLIP, tags, round(len(sound) * 1000 / rate), content, sealed_to)

    def _put(
        self, heard: _Heard, ending: str, kind: MediaKind, tags: int, lasts_ms: int, content: bytes, to: bytes = b""
    ) -> Kept:
        """Raises OSError if the card does not take it, SensorError if it is larger than the whole budget."""
        clip = heard.clip
        path = self.shelf.write(f"{clip.opening}-{clip.boot}{ending}", content)
        row = Media(
            t_ms=heard.start_ms,
            sensor=self.sensor,
            back=0,
            kind=kind,
            bytes=len(content),
            sha256=hashlib.sha256(content).digest(),
            tags=tags,
            duration_ms=lasts_ms,
            sealed_to=to,
        )
        return Kept(Of(clip.opening, row, path), clip.boot)

    def _end_ms(self) -> int:
        start, sound, rate = self._ring[-1]
        return start + len(sound) * 1000 // rate


def _private(heard: _Heard) -> Unkept:
    """A clip with voices: it goes wholly, never in part. That is told, but of speech in `no_contact` land."""
    quiet = heard.clip.cls == SPEECH and heard.clip.tags & Tag.NO_CONTACT
    note = None if quiet else NoteKind.VOICES
    length_s, voices_s = len(heard.sound) / max(1, heard.rate_hz), covered_ms(heard.voices) / 1000
    what = say("{voices} in or beside it for {voices_s:.0f} s", voices=named(heard.voices), voices_s=voices_s)
    why = say(
        "clip of event {opening}, {length_s:.0f} s: {what}", opening=heard.clip.opening, length_s=length_s, what=what
    )
    return Unkept(why, Counter.VOICES_DISCARDED, note)
