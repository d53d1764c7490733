"""Recordings of pictures and short films as frames."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from otorongo.errors import OtorongoError
from otorongo.language import say
from otorongo.station.adapters import replay_film, replay_heic
from otorongo.station.adapters.replay import VIDEOS
from otorongo.station.adapters.replay_file import Part
from otorongo.station.errors import SensorError
from otorongo.station.samples import Picture, Sample

MOST_BYTES: Final = 64 << 20
LARGE_PX: Final = 12_000_000
LARGE_FILM_PX: Final = 4_000_000

Look = Callable[[bytes, str], tuple[Picture, str]]
"""Bytes and name of a picture to uint8 RGB (H, W, 3), and what is wrong with them although that could be seen.

Raises an OtorongoError.
"""


def duration_ms(path: Path) -> int:
    """How long a film is by its own head, at most a day; 0 for a picture, and if it cannot be read."""
    if path.suffix.lower() not in VIDEOS:
        return 0
    try:
        return replay_film.duration_ms(path)
    except (SensorError, OSError):
        return 0


class PictureReader:
    """One frame of a picture, `fps` frames a second of a film; a position counts frames."""

    def __init__(self, look: Look, pixels: Callable[[bytes], int], fps: float) -> None:
        self._look = look
        self._pixels = pixels
        self._fps = fps

    def __call__(self, path: Path, position: int) -> Iterator[Part]:
        """The frames of a file from a position on.

        Raises SensorError if the file cannot be read, or behind what can be seen of it; and OSError.
        """
        if path.suffix.lower() in VIDEOS:
            yield from replay_film.frames(path, position, self._fps)
            return
        raw = _content(path)
        try:
            picture, damage = (replay_heic.look(raw), "") if replay_heic.is_heic(raw) else self._look(raw, str(path))
        except SensorError:
            raise
        except OtorongoError as error:
            raise SensorError(str(error)) from error
        yield Part(0, Sample(t_ms=0, data=picture, new_ms=0), -1)
        if damage:
            raise SensorError(say("{damage}; what there is of it was looked at", damage=damage))

    def heavy(self, path: Path) -> bool:
        """Whether its decoding takes so much memory that a small computer may end the process. Raises OSError."""
        if path.suffix.lower() in VIDEOS:
            return replay_film.pixels(path) > LARGE_FILM_PX
        try:
            raw = _content(path)
            return (replay_heic.pixels(raw) if replay_heic.is_heic(raw) else self._pixels(raw)) > LARGE_PX
        except OtorongoError:  # it is told when it is read, and nothing is decoded of it
            return False


def _content(path: Path) -> bytes:
    """All bytes of a file. Raises SensorError or OSError."""
    size = path.stat().st_size
    if not 0 < size <= MOST_BYTES:
        raise SensorError(
            say("is empty: 0 bytes") if not size else say("is larger than {most} MB", most=MOST_BYTES >> 20)
        )
    return path.read_bytes()
