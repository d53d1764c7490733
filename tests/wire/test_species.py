"""The table of species: complete, consistent, and only ever appended to."""

import csv
from pathlib import Path

import pytest

from otorongo.wire import species
from otorongo.wire.species import RANKS, Taxon, taxa

EVERY = list(taxa().values())
GIVEN = Path(__file__).with_name("species_v1.txt")
"""Every number that was ever given out; lines are added, never edited."""

SOURCES = species.TABLE.with_name("species_sources.csv")
"""Where keys and categories were found: all keys of species, and the categories that were entered since it is kept."""

WANTED = """
    Panthera onca, Puma concolor, Leopardus pardalis, Leopardus wiedii, Herpailurus yagouaroundi, Atelocynus microtis,
    Speothos venaticus, Eira barbara, Pteronura brasiliensis, Nasua nasua, Tremarctos ornatus, Tapirus terrestris,
    Dicotyles tajacu, Tayassu pecari, Mazama americana, Mazama nemorivaga, Dasyprocta variegata, Myoprocta pratti,
    Cuniculus paca, Hydrochoerus hydrochaeris, Myrmecophaga tridactyla, Tamandua tetradactyla, Priodontes maximus,
    Dasypus, Cabassous, Bradypus, Choloepus, Didelphis, Sciuridae, Sylvilagus, Alouatta, Ateles, Sapajus, Cebus,
    Saimiri, Plecturocebus, Mitu, Penelope, Pipile, Psophia, Tinamus, Crypturellus, Odontophorus, Ara,
    Sarcoramphus papa,
    Opisthocomus hoazin, Caiman, Melanosuchus, Tupinambis, Chelonoidis, Canis familiaris, Bos taurus, Equus caballus,
    Sus scrofa, Gallus gallus, Homo sapiens"""


def test_no_number_has_changed_its_meaning() -> None:
    """What a station has once sent means the same for ever, and a new number is frozen with its line."""
    given = [line.split(" ", 1) for line in GIVEN.read_text(encoding="utf-8").splitlines()]
    assert [(int(number), name) for number, name in given] == [(line.number, line.scientific) for line in EVERY]
    assert [line.scientific for line in EVERY[:3]] == ["Panthera onca", "Puma concolor", "Leopardus pardalis"]


def test_numbers_and_names_are_unique() -> None:
    """One line a number, one number a name, whichever list the name is from."""
    assert len(EVERY) == len(taxa()) == len({line.scientific for line in EVERY})
    names = [name.lower() for line in EVERY for name in (line.scientific, *line.synonyms)]
    assert len(names) == len(set(names)) == len(species.numbers())
    assert all(0 < line.number <= 0xFFFF and line.rank in RANKS for line in EVERY)
    keys = [line.gbif for line in EVERY if line.gbif]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("line", EVERY, ids=lambda line: line.scientific)
def test_a_line_is_whole(line: Taxon) -> None:
    """It has names in both languages, its ranks filled down to its own, and words that mean something."""
    depth = RANKS.index(line.rank) + 1
    assert all(line.lineage[:depth])
    assert not any(line.lineage[depth:])
    assert line.lineage[depth - 1] == line.scientific
    assert line.spanish
    assert line.english
    assert line.kind in {"wild", "domestic", "human"}
    assert line.iucn in {"", "DD", "LC", "NT", "VU", "EN", "CR"}
    if line.rank == "species":
        assert line.scientific.split()[0] == line.lineage[3]
    else:
        assert not line.sensitive
        assert not line.iucn


@pytest.mark.parametrize("line", [line for line in EVERY if line.rank != "class"], ids=lambda line: line.scientific)
def test_each_has_its_parent(line: Taxon) -> None:
    """What a taxon rolls up to is in the table too, with the same ranks above it."""
    depth = RANKS.index(line.rank)
    parent = taxa()[species.numbers()[line.lineage[depth - 1].lower()]]
    assert parent.lineage[:depth] == line.lineage[:depth]
    assert parent.rank == RANKS[depth - 1]


def test_every_group_has_somebody_in_it() -> None:
    """A class, order, family or genus stands there for its species."""
    living = {name for line in EVERY if line.rank == "species" for name in line.lineage}
    assert {line.scientific for line in EVERY} == living


def test_a_key_of_gbif_stands_with_where_it_was_found() -> None:
    """No species has a key without a source, no source says other than the table, and a year is a year."""
    with SOURCES.open(newline="", encoding="utf-8") as file:
        told = list(csv.DictReader(file))
    for row in told:
        line = taxa()[species.numbers()[row["scientific"].lower()]]
        assert row["value"] == {"gbif": str(line.gbif), "iucn": line.iucn}[row["what"]], row
        assert row["source"]
        assert not row["year"] or 2000 <= int(row["year"]) <= 2026
    found = {row["scientific"] for row in told if row["what"] == "gbif"}
    assert found == {line.scientific for line in EVERY if line.rank == "species" and line.gbif}


def test_the_pages_say_how_many_keys_and_categories_are_known() -> None:
    """Of the species and of the groups above them, as counted in the table."""
    own = [line for line in EVERY if line.rank == "species"]
    keys = sum(line.gbif > 0 for line in own)
    groups = sum(line.gbif > 0 for line in EVERY) - keys
    listed = sum(line.iucn != "" for line in own)
    root = species.TABLE.parents[2]
    wire, hub = (" ".join((root / path).read_text().split()) for path in ("otorongo/wire/README.md", "docs/hub.md"))
    assert f"{keys} of its {len(own)} species have a key of GBIF and {listed} a Red List category" in wire
    assert f"of {keys} of the {len(own)} species in the table, and of {groups} of the groups above them" in hub
    assert f"a Red List category stands there for {listed} species." in hub


def test_the_list_that_was_asked_for_is_there() -> None:
    """Who lives in Madre de Dios and passes cameras, with those who live with people."""
    assert {name.strip().lower() for name in WANTED.split(",")} <= set(species.numbers())


def test_names_for_people() -> None:
    """A page says it in its language; an unknown number is told as such."""
    jaguar = species.taxon(1)
    assert jaguar is not None
    assert (jaguar.name("es"), jaguar.name("en"), jaguar.local[0]) == ("jaguar", "jaguar", "otorongo")
    assert species.name_of(species.numbers()["pecari tajacu"]) == "Dicotyles tajacu"
    assert species.name_of(0) == ""
    assert species.name_of(65_535) == "taxon-65535"
    assert species.taxon(0) is None


SENSITIVE = """
Ara ararauna
Ara chloropterus
Ara macao
Ateles chamek
Atelocynus microtis
Chelonoidis denticulatus
Dinomys branickii
Harpia harpyja
Leopardus pardalis
Leopardus wiedii
Melanosuchus niger
Mitu tuberosum
Myrmecophaga tridactyla
Panthera onca
Podocnemis unifilis
Priodontes maximus
Pteronura brasiliensis
Speothos venaticus
Tapirus terrestris
Tremarctos ornatus
"""
"""Whose places are rounded. One may be added; to take one away publishes where it lives."""


def test_no_sensitive_species_loses_its_mark() -> None:
    """Each of these is still sensitive."""
    marked = {line.scientific for line in EVERY if line.sensitive}
    assert set(SENSITIVE.strip().splitlines()) - marked == set()
