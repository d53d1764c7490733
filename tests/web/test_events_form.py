"""What stands in the form above the list of events: names of the forest, and what becomes of too many days."""

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


def test_days_that_are_cut_are_told(read_hub: Hub) -> None:
    """Who asks for two years reads that a year and a day is shown; who asks for as much as is shown reads nothing."""
    elena = read_hub.login("elena")
    assert "a lo más 366 días" in elena.get("/events?from=2019-01-01&to=2020-12-31").text
    assert "a lo más" not in elena.get("/events?from=2020-01-01&to=2020-12-31").text
