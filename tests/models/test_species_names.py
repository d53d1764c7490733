"""What somebody calls a folder of pictures, and which line of the table it is."""

import pytest

from otorongo.models import labels
from otorongo.models.species_train.names import class_of, nearest
from otorongo.wire import species


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("Panthera onca", "Panthera onca"),
        ("JAGUAR", "Panthera onca"),
        ("otorongo", "Panthera onca"),
        ("ronsoco", "Hydrochoerus hydrochaeris"),
        ("lowland_tapir", "Tapirus terrestris"),
        ("short-eared dog", "Atelocynus microtis"),
        ("persona", "human"),
        ("vehículo", "vehicle"),
        ("vacía", "blank"),
        ("Fotos_vacías", "blank"),
        ("personas", "human"),
        ("VEHICULOS", "vehicle"),
        ("paca", "Cuniculus paca"),
        ("coati", "Nasua"),
        ("CAIMAN NEGRO", "Melanosuchus niger"),
        ("pecari", "Tayassuidae"),
        ("anuje", "Dasyprocta variegata"),
        ("coati\u0301", "Nasua nasua"),
        ("pecarí-de-collar", "Dicotyles tajacu"),
        ("vehi\u0301culo", "vehicle"),
        ("tigrillo", "Leopardus"),
        ("guacamayo rojo", "Ara"),
        ("perro de monte", "Canidae"),
        ("sacha perro", "Carnivora"),
        ("perdiz", "Tinamidae"),
        ("perro", "Canis familiaris"),
        ("monkey", "Primates"),
        ("armadillo", "Cingulata"),
        ("teapot", None),
    ],
)
def test_a_class_is_called_as_people_call_it(word: str, name: str | None) -> None:
    """Scientific, English, Spanish and local names, with blanks, underlines or hyphens."""
    found = class_of(word)
    assert (found.name if found else None) == name
    if found:
        assert labels.parse([found.line])[0].name == name


def test_every_name_of_the_table_is_of_its_animal_or_of_a_group_with_it() -> None:
    """No scientific, Spanish, English or local name leads to another branch of the tree."""
    for line in species.taxa().values():
        for word in filter(None, (line.scientific, *line.synonyms, line.spanish, line.english, *line.local)):
            found = class_of(word)
            assert found, word
            told = species.taxon(species.numbers().get(found.name.lower(), 0))
            assert (
                found.name == "human"
                or (told and told.scientific in line.lineage)
                or (told and line.scientific in told.lineage)
            ), (word, found.name)


def test_three_names_are_near() -> None:
    """A slip of the pen is answered with what may have been meant."""
    assert "jaguar" in nearest("jagaur")
    assert len(nearest("zzz")) == 3
    assert {"perezoso de tres dedos", "perezoso de dos dedos"} <= set(nearest("perezoso"))
