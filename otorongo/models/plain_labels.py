"""Lists of names as others write them, brought to the seven fields of `labels`: one name a line. Pure.

A name is looked up in the table of Peru's species, by its scientific, English or Spanish name, and then in a few words
that networks for other countries use for groups which live here too. What is in neither says nothing.
"""

import re
from functools import cache
from typing import Final, NamedTuple

from otorongo.language import say
from otorongo.models.labels import FIELDS
from otorongo.models.rollup import UNKNOWN, Label, label_of
from otorongo.wire import species
from otorongo.wire.species import Taxon

SPECIAL: Final = {
    "human": "human", "person": "human", "people": "human", "homo sapiens": "human", "humain": "human",
    "humano": "human", "humanos": "human", "persona": "human", "personas": "human", "gente": "human",
    "vehículo": "vehicle", "vehiculo": "vehicle", "vehículos": "vehicle", "vehiculos": "vehicle",
    "vacío": "blank", "vacio": "blank", "vacía": "blank", "vacia": "blank", "vacíos": "blank", "vacios": "blank",
    "vacías": "blank", "vacias": "blank", "fotos vacías": "blank", "fotos vacias": "blank", "nada": "blank",
    "vehicle": "vehicle", "vehicule": "vehicle", "car": "vehicle",
    "blank": "blank", "empty": "blank", "nothing": "blank", "vide": "blank",
    "animal": "animal",
}  # fmt: skip
GROUPS: Final = {
    "bird": "Aves", "mammal": "Mammalia", "reptile": "Reptilia", "squirrel": "Sciuridae", "mustelid": "Mustelidae",
    "otter": "Mustelidae", "lagomorph": "Leporidae", "rabbit": "Leporidae", "bear": "Ursidae", "fox": "Canidae",
    "deer": "Cervidae", "equid": "Equus caballus", "cow": "Bos taurus", "cattle": "Bos taurus",
    "dog": "Canis familiaris", "cat": "Felidae", "pig": "Sus scrofa domesticus", "wild boar": "Artiodactyla",
    "sheep": "Artiodactyla", "goat": "Artiodactyla", "raccoon": "Procyonidae", "opossum": "Didelphidae",
    "armadillo": "Cingulata", "monkey": "Primates", "peccary": "Tayassuidae", "agouti": "Dasyproctidae",
    "rodent": "Rodentia", "micromammal": "Mammalia", "primate": "Primates",
    "oiseau": "Aves", "micromammifere": "Mammalia", "mustelide": "Mustelidae", "loutre": "Mustelidae",
    "ecureuil": "Sciuridae", "lagomorphe": "Leporidae", "ours": "Ursidae", "renard": "Canidae",
    "equide": "Equus caballus", "vache": "Bos taurus", "chien": "Canis familiaris", "chat": "Felidae",
    "felinae": "Felidae", "mouton": "Artiodactyla", "chevre": "Artiodactyla", "sanglier": "Artiodactyla",
    "raton laveur": "Procyonidae",
}  # fmt: skip
"""Words for groups, DeepFaune's in French too, and the deepest name of ours that is surely right for them here."""
_NUMBERED: Final = re.compile(r"(\d+)\s*[:;,.)\s]\s*(\S.*)")


class Read(NamedTuple):
    """A list of names as lines of seven fields."""

    lines: tuple[str, ...]
    silent: tuple[str, ...]
    """Names that nothing here is known by: their outputs say nothing."""


def read(text: str) -> Read:
    """The lines of a file of labels: those of seven fields as they are, plain names looked up. Raises ValueError."""
    given = _bare([line.strip() for line in text.splitlines() if line.strip()])
    if not given:
        raise ValueError(say("holds no name (allowed: one line for each output of the network, in their order)"))
    lines = [line if line.count(";") == FIELDS - 1 else _line(line) for line in given]
    silent = tuple(name for name, line in zip(given, lines, strict=True) if line is None)
    return Read(tuple(line or f";;;;;;{_plain(name)}" for name, line in zip(given, lines, strict=True)), silent)


def label(name: str) -> Label:
    """What one name, or a line of seven fields, means."""
    line = name if name.count(";") == FIELDS - 1 else _line(name)
    fields = line.split(";") if line else []
    return label_of(fields[1:6], fields[6]) if fields else UNKNOWN


def _bare(lines: list[str]) -> list[str]:
    """Lines without their own numbers, which some programs write before each name, from 0 or 1 on."""
    found = [_NUMBERED.fullmatch(line) for line in lines]
    numbers = [int(one[1]) for one in found if one]
    counted = len(lines) > 1 and numbers in ([*range(len(lines))], [*range(1, len(lines) + 1)])
    return [one[2] for one in found if one] if counted else lines


def _line(name: str) -> str | None:
    key = _plain(name)
    if key in SPECIAL:
        return f";;;;;;{SPECIAL[key]}"
    found = known().get(GROUPS.get(key, key).lower())
    if found is None:
        return None
    ranks = [*found.lineage[:4], found.lineage[4].removeprefix(f"{found.lineage[3]} ")]
    return ";".join(["", *(rank.lower() for rank in ranks), key])


def _plain(name: str) -> str:
    """Lower case, one blank between words, and no field separator."""
    return " ".join(name.replace("_", " ").replace(";", " ").lower().split())


@cache
def known() -> dict[str, Taxon]:
    """The table of Peru by every name: scientific ones of species count first, then English ones, then Spanish ones.

    Those of groups come last: who says puma or caiman speaks of no genus.
    """
    table = tuple(species.taxa().values())
    scientific = [(name, line) for line in table for name in (line.scientific, *line.synonyms)]
    common = [(line.english, line) for line in table] + [(line.spanish, line) for line in table]
    own = [(name, line) for name, line in scientific if line.rank == "species"]
    out: dict[str, Taxon] = {}
    for name, line in (*own, *common, *scientific):
        if name:
            out.setdefault(_plain(name), line)
    return out
