"""One file, read as far as it goes: what comes out of it, how far it was read, and what is wrong with it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from otorongo.language import say, why
from otorongo.station.adapters.replay_place import AGAIN, BEGUN, DAMAGED, Place, stat_of
from otorongo.station.errors import MissingLibrary, SensorError
from otorongo.station.samples import Sample


class Part(NamedTuple):
    """What a reader takes out of a file: a sample without its final times."""

    offset_ms: int
    """From the beginning of the file."""
    sample: Sample
    position: int
    """Where to go on after it, in the reader's own unit."""


class Got(NamedTuple):
    """A part, and the place behind it."""

    part: Part
    place: Place


class Trouble(NamedTuple):
    """A file cannot be read, or not further."""

    why: str
    place: Place | None
    """None: that is the card's fault, or a library's, and nothing is to be remembered of the file."""
    gone: bool = False
    """It is no longer there."""
    shut: bool = False
    """It could not be opened or read off the card: another time it may be."""


Reader = Callable[[Path, int], Iterator[Part]]
"""Reads a file from a position on. Raises SensorError for a file that cannot be read, and OSError."""


def play(
    path: Path,
    known: Place | None,
    read: Reader,
    heavy: Callable[[Path], bool],
    mark: Callable[[Place], None],
) -> Iterator[Got | Trouble]:
    """What is new of a file: nothing, if it was read before and has not changed. Never raises for what is in it.

    `mark` commits that decoding begins, before that of a file that is `heavy`: one that ended the process twice is left
    out. Once may have been a power cut.
    """
    place = Place(known.start() if known else 0)
    begun = False
    try:
        now = stat_of(path)
        place = place._replace(size=now.size, mtime_ms=now.mtime_ms)
        if known and known.done(now):
            if known.how == AGAIN:
                raise SensorError(say("ended the process that read it twice: it is left out, and stays where it is"))
            if known.how != BEGUN:
                return
        if begun := heavy(path):
            mark(place._replace(how=AGAIN if known and known.how == BEGUN else BEGUN))
        for part in _ended(read(path, place.position)):
            yield Got(part, place._replace(position=part.position))
            place = place._replace(position=part.position if part.position > 0 else place.position)
    except GeneratorExit:  # the process is being stopped, and not by this file
        if begun:
            mark(place)
        raise
    except OSError as error:
        yield of_card(error)
    except MissingLibrary as error:
        yield Trouble(str(error), None)
    except Exception as error:  # noqa: BLE001 - decoders raise what they like; the next file is to be read
        why = (
            str(error)
            if isinstance(error, SensorError)
            else say("is damaged: {name}: {error}", name=type(error).__name__, error=error)
        )
        yield Trouble(why, place._replace(how=DAMAGED))


def of_card(error: OSError) -> Trouble:
    """What is the card's fault and not the file's: of the file nothing is remembered."""
    gone = isinstance(error, FileNotFoundError)
    return Trouble(say("cannot be read: {reason}", reason=why(error)), None, gone, not gone)


def _ended(parts: Iterator[Part]) -> Iterator[Part]:
    """The same parts; the last one says that it is the last, whether or not its reader could know that.

    Raises what the reader raises, after the part before.
    """
    held: Part | None = None
    while True:
        try:
            part = next(parts, None)
        except Exception:
            if held:
                yield held
            raise
        if part is None:
            break
        if held:
            yield held
        held = part
    if held:
        yield held._replace(position=-1)
