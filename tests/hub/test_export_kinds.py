"""A visit of several kinds of animals in an export: each kind with its own name and number, none with another's."""

import json
from pathlib import Path

import pytest

from otorongo.hub import export, store_stations
from otorongo.hub.belief import NO_RULES
from otorongo.hub.ingest import accept
from otorongo.hub.leaving import Wanted
from otorongo.hub.presence import take_birth
from otorongo.hub.store import Store
from otorongo.wire import seen
from otorongo.wire.codes import Kind, NameSource
from otorongo.wire.rows import Event, Seen
from tests.hub.fakes import NOON_MS, Card
from tests.hub.test_reviewed import AGOUTI, DAY, JAGUAR, PUMA, arrive, package, rules, says, table
from tests.hub.test_shown import ANIMAL, BOXES, NUMBERS, card

PECCARY = NUMBERS["pecari tajacu"]
EXACT = Wanted(DAY.from_ms, DAY.to_ms, exact=True)


def visit(on: Card, *kinds: tuple[int, int], name: int | None = None) -> None:
    """A visit with (species, how many at once) of each kind, the event's own first."""
    t_ms = 60_000 * (on.last + 1)
    own = kinds[0][0] if name is None else name
    count = sum(most for _, most in kinds)
    event = on.put(Event(t_ms, 2, ANIMAL, 40, 0, Kind.CLOSE, species=own, hits=9, peak=90, count=count))
    sources = (NameSource.CLASSIFIER, NameSource.ROLLUP, 77)
    packed = seen.pack_kinds(
        seen.Kind(number, 0.6, source, most) for (number, most), source in zip(kinds, sources, strict=False)
    )
    names = seen.pack_names([seen.Name(own, 0.6)])
    on.put(Seen(t_ms, 2, on.last + 1 - event, seen.pack_boxes(BOXES), names, NameSource.CLASSIFIER, 1, packed))


def told(rows: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    """Name, number and probability of each observation."""
    return [(row["scientificName"], row["count"], row["classificationProbability"]) for row in rows]


def test_each_kind_is_an_observation_with_its_own_number(store: Store, tmp_path: Path) -> None:
    """Three peccaries and two agoutis are not five peccaries; they are of one event, and no box says whose it is."""
    on = card()
    visit(on, (PECCARY, 3), (AGOUTI, 2), (0, 1))
    arrive(store, on)
    folder, rows = package(store, tmp_path)
    assert told(rows) == [
        ("Dicotyles tajacu", "3", "0.6"),
        ("Dasyprocta variegata", "2", "0.6"),
        ("", "1", "0.9"),
    ]
    assert {row["eventID"] for row in rows} == {"K-02-00000007-1"}
    assert rows[0]["observationID"] == "K-02-00000007-1"
    assert len({row["observationID"] for row in rows}) == 3
    assert {row["bboxX"] for row in rows} == {""}
    assert ["namedBy:rollup" in row["observationTags"] for row in rows] == [False, True, False]
    assert ["names@1" in row["classifiedBy"] for row in rows] == [True, True, False]
    taxa = json.loads((folder / "datapackage.json").read_text())["taxonomic"]
    assert {one["scientificName"] for one in taxa} == {"Dicotyles tajacu", "Dasyprocta variegata"}
    (line,) = table(store, tmp_path)
    assert (line["species"], line["count"]) == ("Dicotyles tajacu", "6")
    assert line["kinds"] == "Dicotyles tajacu 3; Dasyprocta variegata 2; ? 1"
    assert line["kinds_probability"] == "0.6; 0.6; ?"


def test_one_kind_stays_one_observation(store: Store, tmp_path: Path) -> None:
    """A visit without kinds, or whose kinds are not of its name, is told as it always was."""
    on = card()
    visit(on, (PECCARY, 3), (AGOUTI, 2), name=PUMA)
    arrive(store, on)
    _, rows = package(store, tmp_path)
    assert told(rows) == [("Puma concolor", "5", "0.6")]
    assert table(store, tmp_path)[0]["kinds"] == ""


@pytest.mark.parametrize("form", ["csv", "geojson", "camtrap-dp"])
@pytest.mark.parametrize("name", [None, PUMA])
def test_a_sensitive_second_kind_rounds_the_place(
    store: Store, tmp_path: Path, form: export.Format, name: int | None
) -> None:
    """A jaguar behind peccaries is as far from its place as a jaguar alone, whether or not its kind is told."""
    on = card()
    visit(on, (PECCARY, 3), (JAGUAR, 1), name=name)
    arrive(store, on)
    for wanted, coarse in ((DAY, True), (EXACT, False)):
        out = tmp_path / f"{coarse}"
        done = export.export(store, rules(tmp_path), wanted, form, out, media=tmp_path / "evidence", who="ana")
        assert done.coarse is coarse
        written = out / "deployments.csv" if form == "camtrap-dp" else out
        assert ("-12.5678" in written.read_text()) is not coarse


def test_what_somebody_takes_for_a_sensitive_animal_rounds_the_place(store: Store, tmp_path: Path) -> None:
    """Also where another disagrees, so that nothing is told: the picture goes along, and shows whichever it is."""
    on = card()
    visit(on, (PUMA, 1))
    arrive(store, on)
    says(store, 1, "ana", "other", (JAGUAR, 1))
    says(store, 1, "beto", "right")
    (line,) = table(store, tmp_path)
    assert line["review"] == "split"
    assert line["latitude_deg"] == "-12.6"


def test_who_says_right_says_it_of_every_kind(store: Store, tmp_path: Path) -> None:
    """The page told all of them; the machine's word stands in the tags, each kind with its own."""
    on = card()
    visit(on, (PECCARY, 3), (AGOUTI, 2))
    arrive(store, on)
    says(store, 1, "kusi", "right")
    _, rows = package(store, tmp_path)
    assert told(rows) == [("Dicotyles tajacu", "3", ""), ("Dasyprocta variegata", "2", "")]
    assert {row["classificationMethod"] for row in rows} == {"human"}
    assert "machine:Dasyprocta variegata 0.6" in rows[1]["observationTags"]


def test_who_said_right_before_the_kinds_were_told_said_it_of_none(store: Store, tmp_path: Path) -> None:
    """They saw one name; the row that tells of two came later, and neither is a person's."""
    on = card()
    visit(on, (PECCARY, 3), (AGOUTI, 2))
    take_birth(store, NO_RULES, on.station, on.payload, NOON_MS)  # type: ignore[attr-defined]
    assert accept(store, NO_RULES, on.station, on.batch([1]), NOON_MS + 3_600_000) is not None
    says(store, 1, "kusi", "right")
    assert [row["classificationMethod"] for row in package(store, tmp_path)[1]] == ["human"]
    assert accept(store, NO_RULES, on.station, on.batch([2]), NOON_MS + 3_600_000) is not None
    assert [row["classificationMethod"] for row in package(store, tmp_path)[1]] == ["machine"] * 2


def test_who_names_others_leaves_the_machines_word_of_every_kind(store: Store, tmp_path: Path) -> None:
    """One observation of what people said, with all that the machine had said of the visit."""
    on = card()
    visit(on, (PECCARY, 3), (AGOUTI, 2))
    arrive(store, on)
    says(store, 1, "kusi", "other", (PUMA, 1))
    _, (row,) = package(store, tmp_path)
    assert (row["scientificName"], row["count"]) == ("Puma concolor", "1")
    for word in ("machine:Dicotyles tajacu 0.6", "machine:Dasyprocta variegata 0.6"):
        assert word in row["observationTags"]


def test_a_station_that_names_a_kind_twice_makes_one_of_it(store: Store, tmp_path: Path) -> None:
    """Observations of one event exclude each other: their numbers add up, and their ids are of their own."""
    on = card()
    visit(on, (PECCARY, 0), (AGOUTI, 2), (AGOUTI, 1))
    arrive(store, on)
    _, rows = package(store, tmp_path)
    assert told(rows) == [("Dicotyles tajacu", "1", "0.6"), ("Dasyprocta variegata", "2", "0.6")]
    with store.read() as tx:
        assert [row["station"] for row in store_stations.stations_by_name(tx)] == ["K-02"]
