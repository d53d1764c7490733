"""What somebody calls a class of pictures, looked up in the table of Peru. Pure."""

import difflib
from functools import cache
from typing import Final, NamedTuple

from otorongo.models import plain_labels
from otorongo.wire import species

SPECIAL: Final = ("blank", "human", "vehicle")
NEAREST: Final = 3


class Class(NamedTuple):
    """One thing that a head can say."""

    name: str
    """Scientific name, or `blank`, `human`, `vehicle`."""
    line: str
    """Its line in a file of labels: seven fields."""

    @property
    def special(self) -> bool:
        """It is no animal."""
        return self.name in SPECIAL


def class_of(word: str) -> Class | None:
    """The class of a name; None if nothing here is known by it."""
    key = plain(word)
    special = plain_labels.SPECIAL.get(key, "")
    if special in SPECIAL:
        return Class(special, f";;;;;;{special}")
    found = _known().get(key)
    if found is None:
        return None
    if found.kind == "human":
        return Class("human", ";;;;;;human")
    epithet = found.lineage[4].removeprefix(f"{found.lineage[3]} ")
    ranks = [rank.lower() for rank in (*found.lineage[:4], epithet)]
    return Class(found.scientific, ";".join(["", *ranks, (found.english or found.scientific).lower()]))


def nearest(word: str) -> tuple[str, ...]:
    """The three names that are written most alike."""
    return tuple(difflib.get_close_matches(plain(word), (*SPECIAL, *_known()), NEAREST, cutoff=0.0))


def plain(word: str) -> str:
    """Lower case, one blank between words, `_` and `-` as blanks where the name has none."""
    key = " ".join(word.replace("_", " ").lower().split())
    return key if key in _known() or key in plain_labels.SPECIAL else key.replace("-", " ")


@cache
def _known() -> dict[str, species.Taxon]:
    """Every name of the table, what people call an animal there last; without hyphens too."""
    out = dict(plain_labels.known())
    for line in species.taxa().values():
        for name in line.local:
            out.setdefault(" ".join(name.lower().split()), line)
    for name, line in tuple(out.items()):
        out.setdefault(name.replace("-", " "), line)
    return out
