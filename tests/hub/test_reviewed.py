"""What an export says of who named an event: machine or people, how sure, and how people closed its alert."""

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from frictionless import Package

from otorongo.hub import db, export, review, shown, store_alerts, store_events, store_media, store_reviews
from otorongo.hub.belief import NO_RULES
from otorongo.hub.config import HubConfig, StationConfig
from otorongo.hub.ingest import accept
from otorongo.hub.leaving import Wanted
from otorongo.hub.media import Limits, take_chunk
from otorongo.hub.presence import take_birth
from otorongo.hub.review import Answer, Verdict
from otorongo.hub.rules import Rules
from otorongo.hub.store import Store
from otorongo.models.species_train import gather_camtrap
from otorongo.wire.classes import BY_NAME
from otorongo.wire.codes import Kind, MediaKind, NameSource, Tag
from otorongo.wire.media import Chunk, encode
from otorongo.wire.rows import Event, Media
from tests.hub import camtrap_schema
from tests.hub.fakes import NOON_MS, Card
from tests.hub.test_shown import NUMBERS, card, visit

DAY = Wanted(NOON_MS - 1, NOON_MS + 86_400_000)
THREATS = Wanted(DAY.from_ms, DAY.to_ms, threats=True)
PICTURE = b"webp" * 100
PUMA, JAGUAR, AGOUTI = (NUMBERS[name] for name in ("puma concolor", "panthera onca", "dasyprocta variegata"))


def rules(folder: Path) -> Rules:
    """A station whose place is known well."""
    return Rules.of(
        HubConfig(station=(StationConfig(name="K-02", latitude_deg=-12.5678, longitude_deg=-69.1234),)), folder
    )


def arrive(store: Store, on: Card) -> None:
    """All of it comes."""
    take_birth(store, NO_RULES, on.station, on.payload, NOON_MS)  # type: ignore[attr-defined]
    assert accept(store, NO_RULES, on.station, on.batch(), NOON_MS + 3_600_000) is not None


def says(store: Store, event: int, who: str, verdict: Verdict, *said: tuple[int, int], group: str = "north") -> None:
    """Somebody reviews an event as its page shows it."""
    with store.write() as tx:
        row = store_events.event(tx, ("K-02", 7, event))
        assert row is not None
        frame = shown.of(tx, row)
        if verdict == "right" and frame:
            said = frame.counted(row["species"])
        answer = Answer(who, group, NOON_MS + 7_200_000, verdict, row["cls"], row["species"], said)
        store_reviews.add(tx, review.values(row, answer))


def table(store: Store, folder: Path, wanted: Wanted = DAY) -> list[dict[str, str]]:
    """The CSV of a period."""
    out = folder / f"{len(list(folder.iterdir()))}.csv"
    export.export(store, rules(folder), wanted, "csv", out, media=folder / "evidence", who="ana")
    return list(csv.DictReader(out.read_text().splitlines()))


def package(store: Store, folder: Path, wanted: Wanted = DAY) -> tuple[Path, list[dict[str, str]]]:
    """A Camtrap DP that frictionless finds valid, and its observations."""
    out = folder / f"dp{len(list(folder.iterdir()))}"
    export.export(store, rules(folder), wanted, "camtrap-dp", out, media=folder / "evidence", who="ana")
    described: dict[str, Any] = json.loads((out / "datapackage.json").read_text()) | {"profile": "data-package"}
    for resource in described["resources"]:
        resource["schema"] = camtrap_schema.schema(resource["name"])
    report = Package.from_descriptor(described, basepath=str(out)).validate()
    assert report.valid, report.flatten(["type", "message"])
    return out, list(csv.DictReader((out / "observations.csv").read_text().splitlines()))


@pytest.mark.parametrize(("validated", "word"), [(False, "unvalidated"), (True, "validated")])
def test_a_table_says_what_a_name_is_worth(store: Store, tmp_path: Path, *, validated: bool, word: str) -> None:
    """Bundle, rule, probability of the name itself, and whether anybody has measured it; without a name, nothing."""
    on = card(validated=validated)
    visit(on, "puma", ("puma concolor", 0.7), ("panthera onca", 0.2), source=NameSource.ROLLUP)
    visit(on, "", ("puma concolor", 0.2), source=NameSource.DETECTOR)
    arrive(store, on)
    named, bare = table(store, tmp_path)
    assert [named[key] for key in ("name_by", "name_source", "name_standing")] == ["names@1", "rollup", word]
    assert float(named["name_probability"]) == pytest.approx(0.7, abs=0.01)
    assert named["probability"] == "0.9"
    assert [bare[key] for key in ("name_by", "name_probability", "name_standing", "review")] == ["", "", "", ""]


def test_a_pictures_name_of_unknown_worth_has_no_probability(store: Store, tmp_path: Path) -> None:
    """The detector was sure that it is an animal; of its name its station told nothing: neither do we."""
    on = card()
    on.put(Event(60_000, 2, BY_NAME["animal"].number, 40, 0, Kind.CLOSE, species=PUMA, hits=3, peak=90))
    arrive(store, on)
    (row,) = table(store, tmp_path)
    assert (row["name_probability"], row["name_standing"]) == ("", "unvalidated")
    _, (told,) = package(store, tmp_path)
    assert (told["classificationMethod"], told["classificationProbability"]) == ("machine", "")


def test_what_people_named_is_theirs_and_the_machines_word_stays(store: Store, tmp_path: Path) -> None:
    """Two kinds are two observations, by a reviewer without a name; what the machine said stands in the tags."""
    on = card()
    visit(on, "puma concolor", ("puma concolor", 0.7))
    visit(on, "puma concolor", ("puma concolor", 0.6))
    visit(on, "", ("puma concolor", 0.2), source=NameSource.DETECTOR)
    arrive(store, on)
    says(store, 1, "kusi", "right")
    says(store, 3, "kusi", "other", (AGOUTI, 2), (NUMBERS["puma"], 1))
    says(store, 5, "kusi", "nothing")
    _, rows = package(store, tmp_path)
    assert [(row["observationType"], row["scientificName"], row["count"]) for row in rows] == [
        ("animal", "Puma concolor", "1"),
        ("animal", "Dasyprocta variegata", "2"),
        ("animal", "Puma", "1"),
        ("blank", "", ""),
    ]
    assert {row["classificationMethod"] for row in rows} == {"human"}
    assert {row["classificationProbability"] for row in rows} == {""}
    assert {row["classificationTimestamp"] for row in rows} == {"2026-01-01T14:00:00Z"}
    assert len({row["classifiedBy"] for row in rows}) == 1
    assert rows[0]["classifiedBy"].startswith("reviewer ")
    assert "kusi" not in json.dumps(rows)
    assert "machine:Puma concolor 0.6" in rows[1]["observationTags"]
    assert "names@1 (not validated), boxes@1" in rows[1]["observationTags"]
    assert [bool(row["bboxX"]) for row in rows] == [True, False, False, False]
    first, second, third = table(store, tmp_path)
    assert [one["review"] for one in (first, second, third)] == ["agreed"] * 3
    assert [one["reviewed_as"] for one in (first, second, third)] == [
        "right",
        "Dasyprocta variegata 2; Puma 1",
        "nothing",
    ]
    assert second["species"] == "Puma concolor"
    assert first["reviewed_at"] == "2026-01-01T14:00:00Z"


def test_who_disagrees_makes_nothing_human(store: Store, tmp_path: Path) -> None:
    """The machine's row stays the machine's, with a tag that says so."""
    on = card()
    visit(on, "puma concolor", ("puma concolor", 0.7))
    arrive(store, on)
    says(store, 1, "ana", "right")
    says(store, 1, "beto", "nothing")
    _, (row,) = package(store, tmp_path)
    assert (row["classificationMethod"], row["scientificName"]) == ("machine", "Puma concolor")
    assert "review:split" in row["observationTags"]
    assert table(store, tmp_path)[0]["review"] == "split"


def test_one_person_makes_no_threat_into_nothing(store: Store, tmp_path: Path) -> None:
    """A saw that one person did not hear is exported as a saw; two of different groups are heard."""
    on = card()
    on.put(Event(60_000, 1, BY_NAME["chainsaw"].number, 40, Tag.THREAT, Kind.CLOSE, hits=3, peak=90))
    arrive(store, on)
    says(store, 1, "ana", "nothing")
    _, (row,) = package(store, tmp_path, THREATS)
    assert (row["observationType"], row["classificationMethod"]) == ("unknown", "machine")
    assert "review:waiting" in row["observationTags"]
    says(store, 1, "beto", "nothing", group="south")
    _, (row,) = package(store, tmp_path, THREATS)
    assert (row["observationType"], row["classificationMethod"]) == ("blank", "human")
    assert "machine:unknown 0.9" in row["observationTags"]
    assert "sound:chainsaw" in row["observationTags"]


def test_people_in_an_animals_picture_stay(store: Store, tmp_path: Path) -> None:
    """One reviewer who sees somebody is enough: neither the event nor its picture leaves, unless persons are asked."""
    on = card()
    visit(on, "puma concolor", ("puma concolor", 0.7))
    row = on.rows[1][1]
    assert isinstance(row, Event)
    seq = on.put(Media(row.t_ms, 2, on.last, 1, len(PICTURE), hashlib.sha256(PICTURE).digest()))
    arrive(store, on)
    take_chunk(store, tmp_path / "evidence", Limits(), "K-02", encode(Chunk(7, seq, 0, PICTURE)), NOON_MS)
    out, _ = package(store, tmp_path)
    assert len(list((out / "media").iterdir())) == 1
    says(store, 1, "ana", "person")
    assert table(store, tmp_path) == []
    _, (told,) = package(store, tmp_path, Wanted(DAY.from_ms, DAY.to_ms, persons=True))
    assert (told["observationType"], told["classificationMethod"]) == ("human", "human")


def test_a_sensitive_name_of_people_rounds_places_too(store: Store, tmp_path: Path) -> None:
    """What the machine took for an animal without a name is a jaguar: no place finer than 0.1 degrees leaves."""
    on = card()
    visit(on, "", ("puma concolor", 0.2), source=NameSource.DETECTOR)
    arrive(store, on)
    assert table(store, tmp_path)[0]["latitude_deg"] == "-12.5678"
    says(store, 1, "ana", "other", (JAGUAR, 1))
    assert table(store, tmp_path)[0]["latitude_deg"] == "-12.6"


def test_how_an_alert_was_closed_is_no_label(store: Store, tmp_path: Path) -> None:
    """It stands in a column and a tag; the label stays the machine's, and a late or sealed event says nothing of it."""
    on = card()
    for minute in (1, 2, 3):
        on.put(Event(60_000 * minute, 1, BY_NAME["chainsaw"].number, 40, Tag.THREAT, Kind.CLOSE, hits=3, peak=90))
    arrive(store, on)
    alert = {"place": "Lake", "activity": "logging", "state": "resolved", "reason": {}, "data": {}}
    with store.write() as tx:
        store_alerts.put_alert(tx, {**alert, "id": "A", "resolution": "confirmed", "sealed": False, "drill": False})
        store_alerts.put_alert(tx, {**alert, "id": "B", "resolution": "quiet", "sealed": False, "drill": False})
        rows = [("A", 1, False), ("A", 2, True), ("B", 3, False)]
        for code, event, late in rows:
            key = {"alert": code, "station": "K-02", "outbox": 7, "event": event}
            tx.execute(db.alert_events.insert().values(**key, late=late, suppressed=False, reason={}))
        assert store_media.sealed_events(tx) == []
    assert [row["alert_closed"] for row in table(store, tmp_path, THREATS)] == ["confirmed", "", ""]
    _, told = package(store, tmp_path, THREATS)
    assert ["alertClosed:confirmed" in row["observationTags"] for row in told] == [True, False, False]
    assert {row["classificationMethod"] for row in told} == {"machine"}


def test_training_takes_what_people_said_of_the_hubs_export(store: Store, tmp_path: Path) -> None:
    """Of three visits the reviewed one is a sample, whole as its picture is: the event's box is of another frame."""
    on = card()
    seqs = []
    for _ in range(3):
        visit(on, "puma concolor", ("puma concolor", 0.7))
        event = on.last - 1
        row = on.rows[event][1]
        assert isinstance(row, Event)
        back = on.last + 1 - event
        seqs.append(on.put(Media(row.t_ms, 2, back, 1, len(PICTURE), hashlib.sha256(PICTURE).digest())))
    arrive(store, on)
    for seq in seqs:
        take_chunk(store, tmp_path / "evidence", Limits(), "K-02", encode(Chunk(7, seq, 0, PICTURE)), NOON_MS)
    says(store, 4, "ana", "other", (AGOUTI, 1))
    out, _ = package(store, tmp_path)
    found = gather_camtrap.gather(out, None, unreviewed=False)
    assert [(one.name, one.box) for one in found.samples] == [("Dasyprocta variegata", None)]
    assert found.reviewed
    assert {str(why): count for why, count in found.left.items()} == {
        "no person gave the label (--unreviewed takes them)": 2
    }


def test_a_picture_of_levels_is_no_picture_of_what_was_heard(store: Store, tmp_path: Path) -> None:
    """It stays out of a package: whoever trains on what people said would learn it as the picture of a person."""
    on = card()
    event = on.put(Event(60_000, 1, BY_NAME["speech"].number, 40, Tag.PERSON, Kind.CLOSE, hits=3, peak=90))
    digest = hashlib.sha256(PICTURE).digest()
    seq = on.put(Media(60_000, 1, on.last + 1 - event, MediaKind.SPECTROGRAM, len(PICTURE), digest, Tag.PERSON))
    arrive(store, on)
    take_chunk(store, tmp_path / "evidence", Limits(), "K-02", encode(Chunk(7, seq, 0, PICTURE)), NOON_MS)
    says(store, 1, "ana", "person")
    says(store, 1, "beto", "person", group="south")
    out, (told,) = package(store, tmp_path, Wanted(DAY.from_ms, DAY.to_ms, persons=True))
    assert (told["observationType"], told["classificationMethod"]) == ("human", "human")
    assert gather_camtrap.gather(out, None, unreviewed=False).samples == ()
