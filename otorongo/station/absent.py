"""Sensors whose process is gone without a word: killed, or out of memory. The uplink tells the hub in its place.

A process that ends in order, or by an error of its own, says so itself. One that is just being started again may be
away for some seconds; so it must be found gone twice in a row, a minute apart.
"""

from collections.abc import Callable, Mapping
from typing import Final

from otorongo.language import say
from otorongo.wire.codes import NoteKind
from otorongo.wire.rows import Note

LOOKS: Final = 2


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
