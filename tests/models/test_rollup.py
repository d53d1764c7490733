"""Names of animals: as deep as the scores bear, and never one that does not live in Peru."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.models.rollup import (
    ANIMAL,
    BLANK,
    HUMAN,
    VEHICLE,
    Candidate,
    Label,
    Look,
    allowed,
    ancestor,
    decide,
    label_of,
    number_of,
    pooled,
)
from otorongo.wire import species
from otorongo.wire.species import RANKS


def _mammal(order: str, family: str, genus: str, epithet: str = "") -> Label:
    return label_of(("mammalia", order, family, genus, epithet))


JAGUAR = _mammal("carnivora", "felidae", "panthera", "onca")
LEOPARD = _mammal("carnivora", "felidae", "panthera", "pardus")
PUMA = _mammal("carnivora", "felidae", "puma", "concolor")
OCELOT = _mammal("carnivora", "felidae", "leopardus", "pardalis")
CAPUCHIN = _mammal("primates", "cebidae", "sapajus", "apella")
LABELS = (
    JAGUAR,
    LEOPARD,
    PUMA,
    OCELOT,
    CAPUCHIN,
    HUMAN,
    VEHICLE,
    BLANK,
    _mammal("carnivora", "ursidae", "ursus"),
    _mammal("primates", "hominidae", "pan"),
)


def _look(box_p: float, **scores: float) -> Look:
    names = {
        "jaguar": JAGUAR, "leopard": LEOPARD, "puma": PUMA, "ocelot": OCELOT, "capuchin": CAPUCHIN, "human": HUMAN,
        "vehicle": VEHICLE, "blank": BLANK,
    }  # fmt: skip
    return Look(box_p, tuple(Candidate(names[name], p) for name, p in scores.items()))


@pytest.mark.parametrize(
    ("look", "name", "p", "source"),
    [
        (_look(0.0, jaguar=0.85), "Panthera onca", 0.85, "classifier"),
        (_look(0.0, leopard=0.85, jaguar=0.08, puma=0.02), "Felidae", 0.95, "classifier+geofence+rollup_to_family"),
        (_look(0.9, leopard=0.5, jaguar=0.3, puma=0.1), "Panthera", 0.8, "classifier+rollup_to_genus"),
        (_look(0.9, jaguar=0.35, puma=0.25, ocelot=0.1), "Felidae", 0.7, "classifier+rollup_to_family"),
        (_look(0.1, jaguar=0.7), "Panthera", 0.7, "classifier+rollup_to_genus"),
        (_look(0.3, jaguar=0.7), "Panthera onca", 0.7, "classifier"),
        (_look(0.6, jaguar=0.2, capuchin=0.1), "animal", 0.6, "detector"),
        (_look(0.5, jaguar=0.2, capuchin=0.1), "", 0.0, "none"),
        (_look(0.6, jaguar=0.31, puma=0.3, ocelot=0.3), "Felidae", 0.91, "classifier+rollup_to_family"),
        (_look(0.6, human=0.4, capuchin=0.3), "animal", 0.6, "detector"),
        (_look(0.9, human=0.95), "animal", 0.9, "detector"),
        (_look(0.9, blank=0.995), "blank", 0.995, "classifier"),
        (_look(0.1, blank=0.6), "blank", 0.6, "classifier"),
    ],
)
def test_golden_decisions(look: Look, name: str, p: float, source: str) -> None:
    """SpeciesNet's own answers where they speak of animals; where it would roll a person up, the person is left out."""
    told = decide(look)
    assert (told.name, told.source) == (name, source)
    assert told.p == pytest.approx(p)
    assert {one.label for one in told.raw} == {one.label for one in look.candidates}
    assert told.number == species.numbers().get(name.lower(), 0)


def test_other_lists_fit_the_table() -> None:
    """Synonyms, other families and orders, and a species nobody knows here stand where the table has them."""
    assert label_of(("mammalia", "cetartiodactyla", "tayassuidae", "pecari", "tajacu")).name == "Dicotyles tajacu"
    assert label_of(("mammalia", "cetartiodactyla", "tayassuidae", "pecari", "")).name == "Dicotyles"
    assert label_of(("mammalia", "cetartiodactyla", "giraffidae", "giraffa", "")).lineage[1] == "Artiodactyla"
    assert label_of(("mammalia", "cingulata", "dasypodidae", "priodontes", "maximus")).lineage[2] == "Chlamyphoridae"
    assert label_of(("mammalia", "carnivora", "canidae", "canis", "lupus familiaris")).name == "Canis familiaris"
    assert label_of(("aves", "galliformes", "phasianidae", "gallus", "gallus domesticus")).name == "Gallus gallus"
    assert label_of(("mammalia", "carnivora", "felidae", "leopardus", "pardalis mearnsi")).name == "Leopardus pardalis"
    assert label_of(("mammalia", "carnivora", "felidae", "puma", "felis concolor")).name == "Puma concolor"
    assert label_of(("mammalia", "carnivora", "felidae", "puma", "puma concolor")).name == "Puma concolor"
    assert label_of(("mammalia", "carnivora", "canidae", "canis", "lupus")).name == "Canis lupus"
    assert CAPUCHIN.name == "Sapajus macrocephalus"
    assert LEOPARD.lineage == ("Mammalia", "Carnivora", "Felidae", "Panthera", "Panthera pardus")
    assert label_of(("mammalia", "primates", "hominidae", "homo", "sapiens"), "human") == HUMAN
    assert label_of(("", "", "", "", ""), "blank") == BLANK
    assert label_of((), "vehicle") == VEHICLE
    assert label_of((), "animal").lineage == ANIMAL
    assert not allowed(LEOPARD.lineage)


def test_a_group_is_asked_for_by_its_rank() -> None:
    """What a list does not name has no such group; everything is an animal at last."""
    assert ancestor(JAGUAR.lineage, "family") == ("Mammalia", "Carnivora", "Felidae", "", "")
    assert ancestor(("Aves", "", "", "", ""), "order") is None
    assert ancestor(JAGUAR.lineage, "kingdom") == ANIMAL
    for line in species.taxa().values():
        assert number_of(line.lineage) == line.number
        assert allowed(line.lineage) == (line.kind != "human")
    chimpanzee = _mammal("primates", "hominidae", "pan", "troglodytes")
    assert decide(Look(0.9, (Candidate(chimpanzee, 0.9),))).name == "Primates"


scores = st.lists(st.tuples(st.sampled_from(LABELS), st.floats(0, 1)), max_size=6, unique_by=lambda one: one[0])


@given(scores, st.floats(0, 1))
def test_only_what_lives_here_is_ever_told(found: list[tuple[Label, float]], box_p: float) -> None:
    """Whatever the scores, a name is one of the table, an animal's, and surer than the limit that it passed."""
    told = decide(Look(box_p, tuple(Candidate(*one) for one in found)))
    assert told.name in {"", "animal", "blank"} or told.number
    line = species.taxon(told.number)
    assert line is None or (line.kind != "human" and line.rank in RANKS)
    assert 0.0 <= told.p <= 1.0


@given(st.lists(scores, min_size=1, max_size=5))
def test_looks_are_pooled_by_their_mean(frames: list[list[tuple[Label, float]]]) -> None:
    """The same look twice says what it says once, and no label gains by being seen in some frames only."""
    looks = [Look(0.9, tuple(Candidate(*one) for one in frame)) for frame in frames]
    mean = pooled(looks)
    for label, p in mean.candidates:
        said = [dict(look.candidates).get(label, 0.0) for look in looks]
        assert p == pytest.approx(sum(said) / len(said))
        assert min(said) - 1e-9 <= p <= max(said) + 1e-9
