"""What people in the forest call an animal stands in the lists of the pages."""

from otorongo.hub.web import view_events
from tests.web.conftest import Hub


def test_an_animal_is_found_under_the_name_that_people_call_it(read_hub: Hub) -> None:
    """Spanish has the names of the forest beside those of books, each where it is looked for; English has the books."""
    spanish = read_hub.login("elena").get("/events").text
    for name in (
        "sajino: pecarí de collar",
        "huangana: pecarí de labio blanco",
        "otorongo: jaguar",
        "tigrillo: margay",
    ):
        assert f">{name} (" in spanish
    english = view_events.taxa("en")["kinds"]
    assert not [name for _, name in english if "sajino" in name]
    assert len({number for number, _ in view_events.taxa("es")["kinds"]}) == len(english)
