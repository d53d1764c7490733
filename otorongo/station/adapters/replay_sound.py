"""Recordings of sound as windows: WAV, FLAC, OGG, Opus, MP3, in any rate and number of channels."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
import soxr

from otorongo.language import say, why_sound
from otorongo.native import overheard
from otorongo.station.adapters.replay_file import Part
from otorongo.station.adapters.replay_whole import cut_off
from otorongo.station.channels import Channels
from otorongo.station.clipping import Clipped
from otorongo.station.errors import SensorError
from otorongo.station.samples import Sample, Sound, Windows

log = logging.getLogger(__name__)

BLOCK_S: Final = 2.0
"""What a damaged place takes with it, at most."""
MISSING_S: Final = 0.5
MOST_S: Final = 1e7
"""A length beyond this is not known."""
MOST_NUMBERS: Final = 4_000_000
"""In a block, of all channels together: 16 MB."""
MOST_CHANNELS: Final = 16
LOUDEST: Final = 1e6
"""Of full scale 1: files of floats that hold 16-bit numbers have 32768; beyond, powers overflow and read as silence."""


def duration_ms(path: Path) -> int:
    """How long a recording is; 0 if it cannot be read."""
    try:
        with _unheard(path):
            info = soundfile.info(path)
    except (soundfile.LibsndfileError, OSError):
        return 0
    return int(info.frames * 1000 // info.samplerate)


@contextmanager
def _unheard(path: Path) -> Iterator[None]:
    """Around a decoder at work: what is wrong is said by us, and mpg123 complains of whole files too, in English."""
    said: list[str] = []
    try:
        with overheard() as said:
            yield
    finally:
        for line in said:
            log.debug("%s: its decoder says: %s", path, line)


class SoundReader:
    """Windows of `window_s`, every `hop_s`, at `rate_hz`; a position counts samples at that rate."""

    def __init__(self, rate_hz: int, window_s: float, hop_s: float) -> None:
        self._rate_hz = rate_hz
        self._window = round(window_s * rate_hz)
        self._hop = round(hop_s * rate_hz)

    def __call__(self, path: Path, position: int) -> Iterator[Part]:
        """The windows of a file from a position on. Raises SensorError if the file cannot be read.

        It reads from a hop before, for the last window may begin there.
        """
        begin = max(0, position - self._hop)
        windows = Windows(self._rate_hz, self._window, self._hop)
        heard = _Captured()
        damage: SensorError | None = None
        try:
            for block in self._blocks(path, begin, heard):
                for start, new, sound in windows.push(block):
                    if begin + start >= position:
                        yield self._part(begin, start, new, sound, begin + start + self._hop, heard)
            if told := self._not_told(path, position, heard):
                damage = SensorError(told)
        except (soundfile.LibsndfileError, OSError, ValueError) as error:
            damage = SensorError(say("is damaged or no sound: {error}", error=why_sound(error)))
        except SensorError as error:
            damage = error
        for start, new, sound in windows.finish():
            yield self._part(begin, start, new, sound, -1, heard)
        if damage:
            raise damage

    def _not_told(self, path: Path, position: int, heard: "_Captured") -> str:
        """What is wrong with a file of which no decoder complained."""
        found = [cut_off(path, MISSING_S)]
        if heard.not_finite:
            found.append(
                say(
                    "{not_finite} samples of it are no numbers, or beyond any sound: they are heard as silence",
                    not_finite=heard.not_finite,
                )
            )
        if heard.alone is not None:
            found.append(
                say(
                    "its channels together are nearly silent: channel {number} alone is heard (is a microphone wired "
                    "the wrong way round?)",
                    number=heard.alone + 1,
                )
            )
        return "; ".join(each for each in found if each)

    def _part(self, begin: int, start: int, new: int, sound: Sound, after: int, heard: "_Captured") -> Part:
        sample = Sample(
            t_ms=0,
            data=sound,
            duration_ms=round(len(sound) * 1000 / self._rate_hz),
            rate_hz=self._rate_hz,
            new_ms=round(new * 1000 / self._rate_hz),
            clipped=heard.share(start / self._rate_hz, (start + len(sound)) / self._rate_hz),
            not_finite=heard.newly_not_finite(),
        )
        return Part(round((begin + start) * 1000 / self._rate_hz), sample, after)

    def _blocks(self, path: Path, position: int, heard: "_Captured") -> Iterator[Sound]:
        """Mono float32 at the wanted rate, block by block: a long recording does not fit into a small Pi."""
        with _unheard(path):
            opened = soundfile.SoundFile(path)
        with opened as file:
            if not 1 <= file.channels <= MOST_CHANNELS or not 1000 <= file.samplerate <= 384_000:
                raise SensorError(
                    say(
                        "{channels} channels at {samplerate} Hz (allowed: 1 to 16, 1 to 384 kHz)",
                        channels=file.channels,
                        samplerate=file.samplerate,
                    )
                )
            begin = min(round(position * file.samplerate / self._rate_hz), file.frames)
            if position:
                with _unheard(path):
                    file.seek(begin)
            heard.begin(file.samplerate)
            same = file.samplerate == self._rate_hz
            stream: Any = None if same else soxr.ResampleStream(file.samplerate, self._rate_hz, 1, dtype="float32")
            read = 0
            frames = min(round(BLOCK_S * file.samplerate), MOST_NUMBERS // file.channels)
            while True:
                with _unheard(path):
                    block = file.read(frames, dtype="float32", always_2d=True)
                read += len(block)
                last = len(block) == 0
                mono = heard.mono(block)
                if stream is not None:
                    mono = stream.resample_chunk(mono, last=last)
                if len(mono):
                    yield mono
                if last:
                    break
            if read == 0 and position == 0:
                raise SensorError(say("holds no sound"))
            missing_s = (file.frames - begin - read) / file.samplerate
            if MISSING_S < missing_s < MOST_S:  # a decoder may pass over what it cannot read, and say nothing
                raise SensorError(say("is damaged: {missing_s:.1f} s of it cannot be read", missing_s=missing_s))


class _Captured:
    """What is known of a file's samples at its own rate, before they are resampled."""

    def __init__(self) -> None:
        self.not_finite = 0
        self._told = 0
        self._clipped = Clipped(1)
        self._channels = Channels(1)

    @property
    def alone(self) -> int | None:
        """Number of the channel that is heard alone, from 0, because all together are silent; None: their mean is."""
        return self._channels.alone

    def begin(self, rate_hz: int) -> None:
        """The file's rate is known."""
        self._clipped = Clipped(rate_hz)
        self._channels = Channels(rate_hz)

    def mono(self, block: Sound) -> Sound:
        """One channel of frames (n, channels); what is no sound is silence, and counted."""
        if len(block) and not max(float(block.max()), -float(block.min())) <= LOUDEST:  # NaN compares as False
            finite = np.abs(block) <= LOUDEST
            self.not_finite += block.size - int(np.count_nonzero(finite))
            block = np.where(finite, block, np.float32(0))
        if block.shape[1] == 1:
            self._clipped.push(block[:, 0])
            return block[:, 0]
        self._clipped.push(block[np.arange(len(block)), np.abs(block).argmax(1)])
        return self._channels.mono(block)

    def share(self, start_s: float, end_s: float) -> float:
        """Of what was clipped between two times since the beginning."""
        return self._clipped.share(start_s, end_s)

    def newly_not_finite(self) -> int:
        """How many were counted since the last call."""
        newly, self._told = self.not_finite - self._told, self.not_finite
        return newly
