"""What a picture or a sound can be told to be: species of Peru's Amazon as append-only numbers (u16), and their taxa.

`species.csv` beside this file is the one table: mammals, large birds and reptiles that cameras see in Madre de Dios,
and what lives with people there; from 1001 on the classes, orders, families and genera above them, because "a cat" is
an answer too. A number is never reused and never changes its meaning. 0 on the wire: no taxon said.
"""

import csv
from functools import cache
from pathlib import Path
from typing import Final, Literal, NamedTuple, cast

Rank = Literal["class", "order", "family", "genus", "species"]
RANKS: Final[tuple[Rank, ...]] = ("class", "order", "family", "genus", "species")
"""From the widest on."""
TABLE: Final = Path(__file__).with_name("species.csv")


class Taxon(NamedTuple):
    """One line of the table."""

    number: int
    rank: Rank
    scientific: str
    lineage: tuple[str, str, str, str, str]
    """Class, order, family, genus and species (the whole binomial); empty below its own rank."""
    gbif: int
    """Key in GBIF's backbone taxonomy; 0: not known for sure."""
    iucn: str
    """Category of the Red List as last looked up (NT, VU, ...); empty: not known for sure."""
    kind: str
    """`wild`, `domestic` or `human`; of a group: `wild` if anything in it is."""
    sensitive: bool
    """Hunted for trade or easily disturbed: its places are nothing to publish."""
    spanish: str
    english: str
    local: tuple[str, ...]
    """What people call it there."""
    synonyms: tuple[str, ...]
    """Scientific names by which other lists know it, or the population that lives here."""

    def name(self, lang: str) -> str:
        """What to call it on a page: `es` or any other for English."""
        return (self.spanish if lang == "es" else self.english) or self.scientific


@cache
def taxa() -> dict[int, Taxon]:
    """The whole table by number."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        return {int(row["number"]): _taxon(row) for row in csv.DictReader(file)}


def taxon(number: int) -> Taxon | None:
    """The line of a number; None for 0 and for one that is newer than this table."""
    return taxa().get(number)


def name_of(number: int) -> str:
    """The scientific name; empty for 0, `taxon-N` for a number that is newer than this table."""
    line = taxa().get(number)
    return line.scientific if line else f"taxon-{number}" if number else ""


@cache
def numbers() -> dict[str, int]:
    """Numbers by scientific name and synonym, in lower case."""
    named = {other.lower(): line.number for line in taxa().values() for other in line.synonyms}
    return named | {line.scientific.lower(): line.number for line in taxa().values()}


def _taxon(row: dict[str, str]) -> Taxon:
    rank = cast("Rank", row["rank"])
    species = row["scientific"] if rank == "species" else ""
    return Taxon(
        number=int(row["number"]),
        rank=rank,
        scientific=row["scientific"],
        lineage=(row["class"], row["order"], row["family"], row["genus"], species),
        gbif=int(row["gbif"] or 0),
        iucn=row["iucn"],
        kind=row["kind"],
        sensitive=row["sensitive"] == "yes",
        spanish=row["spanish"],
        english=row["english"],
        local=_several(row["local"]),
        synonyms=_several(row["synonyms"]),
    )


def _several(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(";") if part)
