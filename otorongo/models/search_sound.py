"""Where the sound of a window lies, if it was kept, and how it is cut out."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

import soundfile

from otorongo.language import say, why_sound
from otorongo.models.errors import InputError
from otorongo.native import overheard

_MINUTE: Final = re.compile(r"(?P<when>\d{8}_\d{6}Z|undated)_b(?P<boot>\d+)_t(?P<t_ms>\d+)\.flac")
AROUND_S: Final = 1.5
"""Cut on each side of a window, where there is sound."""
LONGEST_MS: Final = 600_000
"""No piece that a station keeps by the clock is longer."""


@dataclass(frozen=True, slots=True)
class Place:
    """A moment in a file."""

    path: Path
    start_s: float


def card_of(path: Path) -> Path:
    """The data_dir that a file of embeddings (`embeddings/SECTION/DAY.emb`) lies in, else its own folder."""
    above = path.parent.parent
    return above.parent if above.name == "embeddings" else path.parent


def kept_sound(path: Path, section: str, boot: int, start_ms: int, end_ms: int, day: date | None) -> Place | None:
    """Where a window of a file of embeddings can be heard: in that of its station's minutes that has most of it.

    `day` is the window's, in UTC: after an outbox was replaced boots are counted anew, and the day tells them apart.
    """
    best, most = None, 0
    folder = card_of(path) / "samples"
    kept = [one for name in (section, f"{section}-vetoed") for one in _minutes(folder / name).get(boot, ())]
    for minute_ms, minute_day, minute in kept:
        if not start_ms - LONGEST_MS <= minute_ms < end_ms:
            continue
        if day and minute_day and abs((day - minute_day).days) > 1:
            continue
        shared = min(end_ms, minute_ms + round(1000 * _seconds(minute))) - max(start_ms, minute_ms)
        if shared > most:
            best, most = Place(minute, max(0.0, (start_ms - minute_ms) / 1000)), shared
    return best


def cut(place: Place, window_s: float, target: Path) -> None:
    """Write a window and what is around it as FLAC. Raises InputError if it cannot be read or written."""
    try:
        with overheard(), soundfile.SoundFile(place.path) as file:
            rate_hz = file.samplerate
            start = min(file.frames, max(0, round((place.start_s - AROUND_S) * rate_hz)))
            file.seek(start)
            sound = file.read(round((place.start_s + window_s + AROUND_S) * rate_hz) - start, dtype="float32")
        target.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(target, sound, rate_hz, format="FLAC", subtype="PCM_16")
    except (soundfile.LibsndfileError, OSError, ValueError) as error:
        raise InputError(
            say("{path}: cannot be cut into {target}: {why}", path=place.path, target=target, why=why_sound(error))
        ) from error


def file_name(words: Sequence[str]) -> str:
    """A name for a file, of these words."""
    return "_".join(re.sub(r"[^A-Za-z0-9.-]+", "-", word) for word in words if word)


@cache
def _minutes(folder: Path) -> dict[int, list[tuple[int, date | None, Path]]]:
    """The minutes in a folder by boot: beginning in ms since boot, day, file."""
    found: dict[int, list[tuple[int, date | None, Path]]] = defaultdict(list)
    for path in sorted(folder.glob("*.flac")):
        if match := _MINUTE.fullmatch(path.name):
            found[int(match["boot"])].append((int(match["t_ms"]), _day(match["when"]), path))
    return found


def _day(text: str) -> date | None:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return None


@cache
def _seconds(path: Path) -> float:
    try:
        return float(soundfile.info(path).duration)
    except (soundfile.LibsndfileError, OSError):
        return 0.0
