"""Files beside the recordings that no sensor of ours can read: counted one by one, told once."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from otorongo.language import say_count
from otorongo.station.adapters.replay_place import spelled
from otorongo.station.samples import ClockDomain, Fault
from otorongo.wire.codes import Counter, NoteKind

SHOWN: Final = 3


def foreign(place: Path, known: Sequence[str]) -> list[str]:
    """The names of what lies below a folder with other endings than the known ones; hidden files are nobody's."""
    if not place.is_dir():
        return []
    files = [path for path in sorted(place.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    return [spelled(path.relative_to(place).as_posix()) for path in files if path.suffix.lower() not in known]


def told(
    names: Sequence[str],
    allowed: Sequence[str],
    key: str,
    committed: Callable[[str], str | None],
    t_ms: int,
    domain: ClockDomain | None,
) -> Iterator[Fault]:
    """A fault for each, of which the first has a sentence, unless it was told of these same files before.

    `key` names the replay, `committed` says what was last kept under a cursor's name.
    """
    if not names:
        return
    these = f"{len(names)} {zlib.crc32(chr(10).join(names).encode()):08x}"
    text = ""
    if committed(f"{key} foreign") != these:
        shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
        text = say_count(
            "{count} file is left out, because nothing here reads its kind: {shown} (allowed: {allowed})",
            "{count} files are left out, because nothing here reads their kind: {shown} (allowed: {allowed})",
            len(names),
            shown=shown,
            allowed=", ".join(allowed),
        )
    for number in range(len(names)):
        first = text if number == 0 else ""
        cursor = (f"{key} foreign", these) if first else None
        yield Fault(t_ms, NoteKind.BAD_INPUT, first, 1, domain, cursor, Counter.FOREIGN)
