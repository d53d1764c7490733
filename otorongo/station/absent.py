"""Sensors whose process ended without being asked to: what the hub is told of it.

A process that ends by an error of its own says so itself. One that was killed, or for which there was no memory,
cannot: the uplink tells the hub in its place. One that is just being started again may be away for some seconds; so it
must be found gone twice in a row, a minute apart.
"""

from collections.abc import Callable, Mapping
from typing import Final

from otorongo.language import say
from otorongo.station.outbox import Outbox
from otorongo.wire.codes import NoteKind
from otorongo.wire.rows import Note

LOOKS: Final = 2
MOST_WHY: Final = 400
AGAIN_MS: Final = 3_600_000
"""What cannot even begin is started again every ten seconds, for weeks if nobody comes: it says why once an hour."""


class Absent:
    """Looks whether the processes of sensors are there; `gone` gives section by number of those that are not."""

    def __init__(self, gone: Callable[[], Mapping[int, str]] = dict) -> None:
        self._gone = gone
        self._looks: dict[int, int] = {}

    def notes(self, t_ms: int) -> list[Note]:
        """Look; a note for each process that is gone for good, once."""
        gone = self._gone()
        self._looks = {number: self._looks.get(number, 0) + 1 for number in gone}
        lasting = [(number, gone[number]) for number, looks in self._looks.items() if looks == LOOKS]
        return [Note(t_ms, NoteKind.STOPPED, _told(section), number) for number, section in lasting]


def _told(section: str) -> str:
    return say("{section}: its process is gone, and did not say why", section=section)


def put_why(outbox: Outbox, section: str, number: int, why: str, *, worked: bool) -> None:
    """Put the last row of a sensor's process: why it ends. `worked`: it told that it lives, which this takes back.

    Raises OutboxError.
    """
    text, t_ms, name = f"{section}: {why}"[:MOST_WHY], outbox.t_ms(), f"{section} ended"
    boot, _, before = (outbox.cursor(name) or "").partition(" ")
    at, _, known = before.partition(" ")
    same = boot == str(outbox.boot) and known == text
    if worked or not (same and t_ms - int(at) < AGAIN_MS):
        outbox.put([Note(t_ms, NoteKind.STOPPED, text, number)], cursor=(name, f"{outbox.boot} {t_ms} {text}"))
