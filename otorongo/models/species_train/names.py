"""What somebody calls a class of pictures, looked up in the table of Peru. Pure."""

import difflib
import unicodedata
from collections.abc import Sequence
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
    """Three names: those that the word is a part of, then those that are written most alike."""
    key = plain(word)
    parts = set(key.split())
    holding = [name for name in _known() if parts and parts <= set(name.split())]
    alike = difflib.get_close_matches(key, (*SPECIAL, *_known()), 4 * NEAREST, cutoff=0.0)
    several: dict[str, str] = {}
    for name in (*holding, *alike):
        line = _known().get(name)
        several.setdefault(line.scientific if line else name, name)  # of each animal one name
    return tuple(several.values())[:NEAREST]


def plain(word: str) -> str:
    """Lower case, one blank between words, `_` and `-` as blanks where the name has none; without accents at worst."""
    key = " ".join(unicodedata.normalize("NFC", word).replace("_", " ").lower().split())
    tried = (key, key.replace("-", " "), _bare(key), _bare(key).replace("-", " "))
    return next((one for one in tried if one in _known() or one in plain_labels.SPECIAL), tried[1])


def _bare(name: str) -> str:
    """Without accents: names of folders often have none, and some systems write them as letters of their own."""
    return "".join(one for one in unicodedata.normalize("NFD", name) if not unicodedata.combining(one))


@cache
def _known() -> dict[str, species.Taxon]:
    """Every name of the table, also what people call an animal there; without hyphens too.

    A name that several animals have, such as `tigrillo`, is that of the deepest group with all of them.
    """
    table = tuple(species.taxa().values())
    by_name: dict[str, list[species.Taxon]] = {}
    for line in table:
        for name in dict.fromkeys(" ".join(each.lower().split()) for each in (line.spanish, line.english, *line.local)):
            by_name.setdefault(name, []).append(line)
    scientific = {name.lower(): line for line in table for name in (line.scientific, *line.synonyms)}
    out = {name: line for name, line in scientific.items() if line.rank == "species"}
    out |= {word: scientific[name.lower()] for word, name in plain_labels.GROUPS.items()}
    for name, lines in by_name.items():
        animals = [line for line in lines if line.rank == "species"]
        shared = _shared(animals or lines) if name else None
        if shared:
            out.setdefault(name, shared)
    for name, line in tuple(out.items()):
        for other in (name.replace("-", " "), _bare(name), _bare(name).replace("-", " ")):
            out.setdefault(other, line)
    return scientific | out  # who says puma, caiman or pecari speaks of no genus


def _shared(lines: Sequence[species.Taxon]) -> species.Taxon | None:
    """The line itself, or the deepest group that all are in; None where they share none."""
    same = [
        ranks[0] for ranks in zip(*(line.lineage for line in lines), strict=True) if ranks[0] and len(set(ranks)) == 1
    ]
    return species.taxon(species.numbers().get(same[-1].lower(), 0)) if same else None
