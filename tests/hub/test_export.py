"""What leaves the hub for people who count animals, and what does not."""

import csv
import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from frictionless import Package
from msgspec.structs import replace

from otorongo.hub import camtrap, export, store_media, store_people
from otorongo.hub.belief import NO_RULES
from otorongo.hub.config import HubConfig, PlaceConfig, StationConfig
from otorongo.hub.errors import ExportError
from otorongo.hub.export import Format
from otorongo.hub.ingest import accept
from otorongo.hub.leaving import MACHINES, NATURE, Wanted
from otorongo.hub.media import Limits, take_chunk
from otorongo.hub.presence import take_birth
from otorongo.hub.rules import Rules
from otorongo.hub.store import Store
from otorongo.wire import seen, species
from otorongo.wire.birth import Birth, Bundle, Sensor, hash_of
from otorongo.wire.birth import encode as encode_birth
from otorongo.wire.classes import BY_NAME, CLASSES
from otorongo.wire.codes import Kind, Tag
from otorongo.wire.media import Chunk, encode
from otorongo.wire.rows import Event, Media, Seen
from tests.hub import camtrap_schema
from tests.hub.fakes import NOON_MS, Card, mapping

DAY = Wanted(NOON_MS - 1, NOON_MS + 86_400_000)
ALL = Wanted(DAY.from_ms, DAY.to_ms, persons=True, threats=True, no_contact=True)
PICTURE = b"webp" * 100
DIGEST = hashlib.sha256(PICTURE).digest()


def _event(card: Card, name: str, *, tags: int = 0, species: int = 0, count: int = 0) -> int:
    t_ms = 60_000 * (card.last + 1)
    cls = BY_NAME[name].number
    row = Event(t_ms, 1, cls, 40, tags, Kind.CLOSE, species=species, hits=3, peak=90, count=count, duration_ms=500)
    return card.put(row)


def _rules(tmp_path: Path) -> Rules:
    """K-09 stands in land of peoples in isolation; K-02 says itself where it is."""
    square = {"type": "Polygon", "coordinates": [[[-72, -12], [-71, -12], [-71, -11], [-72, -11], [-72, -12]]]}
    (tmp_path / "closed.geojson").write_text(json.dumps(square))
    place = PlaceConfig(name="closed", kind="no_contact", polygon="closed.geojson")
    station = StationConfig(name="K-09", latitude_deg=-11.5, longitude_deg=-71.5)
    return Rules.of(HubConfig(place=(place,), station=(station,)), tmp_path)


@pytest.fixture
def rules(tmp_path: Path, store: Store) -> Rules:
    """Events of every kind at two stations, one of them in a no_contact place."""
    rules = _rules(tmp_path)
    card, closed = Card("K-02", 7), Card("K-09", 9)
    for one in (card, closed):
        take_birth(store, NO_RULES, one.station, one.birth(), NOON_MS)
        _event(one, "animal", species=1, count=2)
        _event(one, "howler")
        _event(one, "chainsaw", tags=Tag.THREAT)
        _event(one, "person", tags=Tag.THREAT | Tag.PERSON)
        _event(one, "animal", tags=Tag.DRILL)
        _event(one, "blank")
        accept(store, NO_RULES, one.station, one.batch(), NOON_MS + 3_600_000)
        _picture(store, tmp_path, one, 1)
    return rules


def _export(store: Store, rules: Rules, wanted: Wanted, form: Format, out: Path) -> export.Exported:
    return export.export(store, rules, wanted, form, out, media=out.parent / "evidence", who="ana")


def _picture(store: Store, folder: Path, card: Card, event: int, *, tags: int = 0, shift_ms: int = 0) -> int:
    """A picture of an event comes whole; it was taken so long after the event's row."""
    row = card.rows[event][1]
    assert isinstance(row, Event)
    told = Media(row.t_ms + shift_ms, 1, card.last + 1 - event, 1, len(PICTURE), DIGEST, tags)
    seq = card.put(told)
    accept(store, NO_RULES, card.station, card.batch([event, seq]), NOON_MS + 3_600_000)
    take_chunk(store, folder / "evidence", Limits(), card.station, encode(Chunk(card.outbox, seq, 0, PICTURE)), NOON_MS)
    return seq


def _pictures(folder: Path) -> list[str]:
    """The pictures in a package: station, outbox, event and piece."""
    return sorted(path.stem for path in (folder / "media").glob("*")) if (folder / "media").exists() else []


def _classes(path: Path) -> list[tuple[str, str]]:
    with path.open() as file:
        return [(row["station"], row["class"]) for row in csv.DictReader(file)]


def test_by_default_persons_threats_and_no_contact_stay(store: Store, rules: Rules, tmp_path: Path) -> None:
    """An ecologist gets the animals; nobody learns who was where."""
    done = _export(store, rules, DAY, "csv", tmp_path / "a.csv")
    assert _classes(tmp_path / "a.csv") == [("K-02", "animal"), ("K-02", "howler"), ("K-02", "blank")]
    assert (done.events, done.left_out) == (3, 9)
    with store.read() as tx:
        (line,) = store_people.access_newest(tx)
        assert (line["who"], line["what"], line["data"]["events"]) == ("ana", "exported", 3)


def test_what_is_asked_for_leaves_except_persons_in_isolation(store: Store, rules: Rules, tmp_path: Path) -> None:
    """Each kind by its own flag; persons in a no_contact place and drills in no case."""
    _export(store, rules, ALL, "csv", tmp_path / "a.csv")
    mine = [("K-02", name) for name in ("animal", "howler", "chainsaw", "person", "blank")]
    closed = [("K-09", name) for name in ("animal", "howler", "chainsaw", "blank")]
    assert sorted(_classes(tmp_path / "a.csv")) == sorted(mine + closed)
    persons = Wanted(DAY.from_ms, DAY.to_ms, persons=True)
    _export(store, rules, persons, "csv", tmp_path / "b.csv")
    assert ("K-02", "person") in _classes(tmp_path / "b.csv")
    assert ("K-02", "chainsaw") not in _classes(tmp_path / "b.csv")


@pytest.mark.parametrize("name", [line.name for line in CLASSES if line.number not in NATURE | MACHINES])
def test_no_sign_of_people_leaves_a_no_contact_place(store: Store, tmp_path: Path, name: str) -> None:
    """Smoke, a canoe, a dog or a shot says where people in isolation live, as much as a person does."""
    rules = _rules(tmp_path)
    near, closed = Card("K-02", 7), Card("K-09", 9)
    for one in (near, closed):
        take_birth(store, NO_RULES, one.station, one.birth(), NOON_MS)
        event = _event(one, name)
        accept(store, NO_RULES, one.station, one.batch(), NOON_MS + 3_600_000)
        _picture(store, tmp_path, one, event)
    tagged = _event(near, name, tags=Tag.NO_CONTACT)
    accept(store, NO_RULES, "K-02", near.batch([tagged]), NOON_MS + 3_600_000)
    done = _export(store, rules, ALL, "camtrap-dp", tmp_path / "dp")
    assert (done.events, done.left_out) == (1, 2)
    assert _pictures(tmp_path / "dp") == ["K-02-00000007-1-2"]


@pytest.mark.parametrize("animal", [line.number for line in species.taxa().values() if line.kind == "domestic"])
@pytest.mark.parametrize("beside", [True, False])
def test_no_animal_of_people_leaves_a_no_contact_place(
    store: Store, tmp_path: Path, animal: int, *, beside: bool
) -> None:
    """A dog or a hen by its name, or as a second kind beside a tapir, says where people live: only wild ones leave."""
    rules, tapir = _rules(tmp_path), species.numbers()["tapirus terrestris"]
    for one in (Card("K-02", 7), Card("K-09", 9)):
        take_birth(store, NO_RULES, one.station, one.birth(), NOON_MS)
        event = _event(one, "animal", species=tapir if beside else animal)
        told = seen.pack_kinds(seen.Kind(number, 0.9, 1, 1) for number in (tapir, animal))
        one.put(Seen(one.last * 60_000, 1, one.last + 1 - event, kinds=told if beside else b""))
        _event(one, "animal", species=tapir)
        accept(store, NO_RULES, one.station, one.batch(), NOON_MS + 3_600_000)
        _picture(store, tmp_path, one, event)
    done = _export(store, rules, ALL, "camtrap-dp", tmp_path / "dp")
    assert (done.events, done.left_out) == (3, 1)
    assert _pictures(tmp_path / "dp") == ["K-02-00000007-1-4"]


@pytest.mark.parametrize(("name", "leaves"), [("animal", True), ("blank", False), ("other", False)])
def test_a_picture_of_nothing_stays_in_a_no_contact_place(
    store: Store, tmp_path: Path, name: str, leaves: bool
) -> None:
    """Somebody may be in it whom the models did not see."""
    rules, closed = _rules(tmp_path), Card("K-09", 9)
    take_birth(store, NO_RULES, "K-09", closed.birth(), NOON_MS)
    event = _event(closed, name)
    accept(store, NO_RULES, "K-09", closed.batch(), NOON_MS + 3_600_000)
    _picture(store, tmp_path, closed, event)
    done = _export(store, rules, ALL, "camtrap-dp", tmp_path / "dp")
    assert (done.events, done.pieces_left_out) == (1, int(not leaves))
    assert len(_pictures(tmp_path / "dp")) == int(leaves)


def test_every_class_is_sorted() -> None:
    """Whoever adds a class decides whether it may leave a no_contact place; until then it stays."""
    signs = {"person", "speech", "smoke", "fire", "boat", "dog", "gunshot", "tree_fall", "cattle"}
    assert {line.name for line in CLASSES if line.number not in NATURE | MACHINES} == signs


def test_a_picture_is_judged_by_its_own_tags(store: Store, tmp_path: Path) -> None:
    """A person's picture under an animal's event stays, and so does one of a threat, a drill or a no_contact place."""
    rules = _rules(tmp_path)
    card = Card("K-02", 7)
    take_birth(store, NO_RULES, "K-02", card.birth(), NOON_MS)
    event = _event(card, "animal")
    tags = {"plain": 0, "person": Tag.PERSON, "threat": Tag.THREAT, "drill": Tag.DRILL, "closed": Tag.NO_CONTACT}
    seqs = {name: _picture(store, tmp_path, card, event, tags=tag) for name, tag in tags.items()}
    seqs["sealed person"] = _picture(store, tmp_path, card, event, tags=Tag.NO_CONTACT | Tag.PERSON)

    def leave(wanted: Wanted, name: str) -> set[str]:
        done = _export(store, rules, wanted, "camtrap-dp", tmp_path / name)
        found = {key for key, seq in seqs.items() if f"K-02-00000007-1-{seq}" in _pictures(tmp_path / name)}
        assert done.pieces_left_out == len(seqs) - len(found)
        return found

    assert leave(DAY, "default") == {"plain"}
    assert leave(Wanted(DAY.from_ms, DAY.to_ms, persons=True), "persons") == {"plain", "person"}
    assert leave(ALL, "all") == {"plain", "person", "threat", "closed"}


@pytest.mark.parametrize(("shift_ms", "near"), [(0, True), (8_000, True), (-8_000, True), (20_000, False)])
def test_a_picture_taken_while_somebody_was_there_stays(
    store: Store, tmp_path: Path, shift_ms: int, near: bool
) -> None:
    """A dog that walks with a hunter has an event of its own; its picture may hold the hunter."""
    rules = _rules(tmp_path)
    card, other = Card("K-02", 7), Card("K-03", 8)
    for one in (card, other):
        take_birth(store, NO_RULES, one.station, one.birth(), NOON_MS)
    person = _event(card, "person", tags=Tag.THREAT | Tag.PERSON)
    row = card.rows[person][1]
    assert isinstance(row, Event)
    animals = [one.put(Event(row.t_ms, 1, BY_NAME["animal"].number, 40, kind=Kind.CLOSE)) for one in (card, other)]
    for one in (card, other):
        accept(store, NO_RULES, one.station, one.batch(), NOON_MS + 3_600_000)
    for one, event in zip((card, other), animals, strict=True):
        _picture(store, tmp_path, one, event, shift_ms=shift_ms)
    done = _export(store, rules, DAY, "camtrap-dp", tmp_path / "dp")
    elsewhere = "K-03-00000008-1-2"
    assert _pictures(tmp_path / "dp") == ([elsewhere] if near else ["K-02-00000007-2-3", elsewhere])
    assert (done.events, done.left_out, done.pieces_left_out) == (2, 1, int(near))
    asked = Wanted(DAY.from_ms, DAY.to_ms, persons=True)
    assert _export(store, rules, asked, "camtrap-dp", tmp_path / "persons").pieces_left_out == 0


def test_what_a_sealed_alert_covers_never_leaves(store: Store, tmp_path: Path) -> None:
    """Also when hub.toml no longer says that its place is closed."""
    rules = _rules(tmp_path)
    closed = Card("K-09", 9)
    take_birth(store, rules, "K-09", closed.birth(), NOON_MS)
    _event(closed, "person", tags=Tag.THREAT | Tag.PERSON)
    accept(store, rules, "K-09", closed.batch(), NOON_MS + 120_000)
    with store.read() as tx:
        assert len(store_media.sealed_events(tx)) == 1
    done = _export(store, Rules.of(HubConfig(), tmp_path), ALL, "csv", tmp_path / "a.csv")
    assert (done.events, done.left_out) == (0, 1)


def test_a_row_says_what_it_means(store: Store, rules: Rules, tmp_path: Path) -> None:
    """Time with its zone, place, species, and what made the guess."""
    _export(store, rules, DAY, "csv", tmp_path / "a.csv")
    with (tmp_path / "a.csv").open() as file:
        row = next(csv.DictReader(file))
    wanted = {
        "event": "K-02-00000007-1", "start": "2026-01-01T12:00:59Z", "end": "2026-01-01T12:01:00Z", "count": "2",
        "species": "Panthera onca", "latitude_deg": "-12.5", "probability": "0.9", "bundle": "threats@1",
    }  # fmt: skip
    assert {key: row[key] for key in wanted} == wanted


def _births(card: Card, *camera: str, boot: int = 1) -> list[bytes]:
    """The whole births of a station with ears and a camera, one for each bundle that its camera had."""
    ears, sensors = Bundle("threats", 5, "00" * 32), (Sensor(1, "microphone", "alsa"), Sensor(2, "camera", "opencv", 1))
    return [
        encode_birth(Birth(card.outbox, boot, "otorongo", (ears, Bundle(name, 1, "11" * 32)), sensors))
        for name in camera
    ]


@pytest.mark.parametrize(
    ("camera", "boot", "bundle"),
    [(("boxes",), 1, "boxes@1"), (("boxes", "boxes"), 1, "boxes@1"), (("boxes", "other"), 1, ""), (("boxes",), 2, "")],
)
def test_the_bundle_of_a_camera_that_spoke_first_is_what_its_station_tells_later(
    store: Store, tmp_path: Path, camera: tuple[str, ...], boot: int, bundle: str
) -> None:
    """Where the camera's own birth never came: what all births of that boot say of it; no word where they differ."""
    card = Card("K-02", 7)
    card.birth_hash = 4711
    card.put(Event(60_000, 2, BY_NAME["animal"].number, 40, 0, Kind.CLOSE, hits=3, peak=90, duration_ms=500))
    accept(store, NO_RULES, card.station, card.batch(), NOON_MS + 3_600_000)
    for birth in _births(card, *camera, boot=boot):
        take_birth(store, NO_RULES, card.station, birth, NOON_MS)
    _export(store, NO_RULES, ALL, "csv", tmp_path / "all.csv")
    (line,) = csv.DictReader((tmp_path / "all.csv").read_text().splitlines())
    assert line["bundle"] == bundle


def test_what_a_station_says_breaks_no_table(store: Store, tmp_path: Path) -> None:
    """A reason to close that is newer than this hub has its number; a bundle's name is no spreadsheet's formula."""
    card = Card("K-02")
    bundle = Bundle('=HYPERLINK("http://x")', 1, "00" * 32)
    birth = encode_birth(Birth(card.outbox, 1, "otorongo 9", (bundle,)))
    card.birth_hash = hash_of(birth)
    take_birth(store, NO_RULES, "K-02", birth, NOON_MS)
    card.put(Event(1000, 1, BY_NAME["frogs"].number, 40, 0, Kind.CLOSE, reason=15))
    accept(store, NO_RULES, "K-02", card.batch(), NOON_MS + 3_600_000)
    _export(store, NO_RULES, DAY, "csv", tmp_path / "out.csv")
    (row,) = csv.DictReader((tmp_path / "out.csv").read_text().splitlines())
    assert (row["closed"], row["bundle"]) == ("reason-15", 'HYPERLINK("http://x")@1')


def test_geojson_has_points(store: Store, rules: Rules, tmp_path: Path) -> None:
    """A map program reads it: longitude first."""
    _export(store, rules, DAY, "geojson", tmp_path / "a.geojson")
    features = json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert len(features) == 3
    assert features[0]["geometry"] == {"type": "Point", "coordinates": [-70.0, -12.5]}
    assert features[0]["properties"]["species"] == "Panthera onca"


@pytest.mark.parametrize("wanted", [DAY, ALL, Wanted(0, 1)], ids=["default", "all", "nothing"])
def test_camtrap_dp_is_valid(store: Store, rules: Rules, tmp_path: Path, wanted: Wanted) -> None:
    """Frictionless finds nothing wrong: every column in order, every value in its bounds, every reference there."""
    done = _export(store, rules, wanted, "camtrap-dp", tmp_path / "dp")
    package: dict[str, Any] = json.loads((tmp_path / "dp" / "datapackage.json").read_text())
    for resource in package["resources"]:
        assert resource["schema"].endswith(f"/camtrap-dp/1.0.2/{resource['name']}-table-schema.json")
        resource["schema"] = camtrap_schema.schema(resource["name"])
    package["profile"] = "data-package"
    report = Package.from_descriptor(package, basepath=str(tmp_path / "dp")).validate()
    assert report.valid, report.flatten(["type", "message"])
    with (tmp_path / "dp" / "observations.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == done.events
    with (tmp_path / "dp" / "media.csv").open() as file:
        files = [row["filePath"] for row in csv.DictReader(file)]
    assert all((tmp_path / "dp" / path).read_bytes() == PICTURE for path in files)
    if wanted is DAY:
        assert [row["observationType"] for row in rows] == ["animal", "animal", "blank"]
        (jaguar,) = package["taxonomic"]
        assert jaguar == {
            "scientificName": "Panthera onca", "taxonID": "https://www.gbif.org/species/5219426",
            "taxonRank": "species", "class": "Mammalia", "order": "Carnivora", "family": "Felidae", "genus": "Panthera",
            "vernacularNames": {"eng": "jaguar", "spa": "jaguar"},
        }  # fmt: skip
        assert len(files) == 1
    required = {"profile", "created", "contributors", "project", "spatial", "temporal", "taxonomic", "resources"}
    assert required <= package.keys()


def test_the_columns_are_those_of_the_standard() -> None:
    """All of them, in its order: a reader refuses a table that has only the filled ones."""
    for table, columns in camtrap.TABLES.items():
        assert list(columns) == [field["name"] for field in camtrap_schema.schema(table)["fields"]]


def test_mistakes_are_named(store: Store, tmp_path: Path) -> None:
    """Nothing is overwritten; a station without a position is named; a period must run forward."""
    card = Card()
    card.open(0, cls=BY_NAME["howler"].number, tags=0)
    accept(store, NO_RULES, "K-02", card.batch(None, mapping()), NOON_MS)
    rules = Rules.of(HubConfig(), tmp_path)
    (tmp_path / "there").write_text("")
    with pytest.raises(ExportError, match=r"is there already"):
        _export(store, rules, DAY, "csv", tmp_path / "there")
    with pytest.raises(ExportError, match=r"station K-02: has no position"):
        _export(store, rules, DAY, "camtrap-dp", tmp_path / "dp")
    with pytest.raises(ExportError, match=r"--station K-99: no such station \(there are: K-02\)"):
        _export(store, rules, replace(DAY, stations=("K-02", "K-99")), "listening", tmp_path / "k")
    assert not (tmp_path / "k").exists()
    with pytest.raises(ExportError, match=r"cannot be written"):
        _export(store, rules, DAY, "csv", tmp_path / "none" / "a.csv")
    with pytest.raises(ExportError, match=r"ends .* before it begins"):
        export.period("2026-02-01", "2026-01-01", dt.UTC)
    with pytest.raises(ExportError, match=r"--from yesterday: is no day: .* such as 2026-01-31"):
        export.period("yesterday", "2026-01-01", dt.UTC)
    with pytest.raises(ExportError, match=r"--to 1-1-26: is no day"):
        export.period("2026-01-01", "1-1-26", dt.UTC)


def test_a_period_that_nobody_names_is_the_last_thirty_days() -> None:
    """Up to today, or to the day that was named; what is no day is left for the check of the period."""
    today = dt.date(2026, 3, 1)
    assert export.days(None, None, today) == ("2026-01-31", "2026-03-01")
    assert export.days(None, "2026-01-30", today) == ("2026-01-01", "2026-01-30")
    assert export.days("2025-12-24", None, today) == ("2025-12-24", "2026-03-01")
    assert export.days(None, "soon", today) == ("soon", "soon")


def test_days_are_of_the_zone() -> None:
    """A day in Lima begins at five in the morning UTC, and the last day is whole."""
    from_ms, to_ms = export.period("2026-01-01", "2026-01-01", ZoneInfo("America/Lima"))
    assert camtrap.iso(from_ms) == "2026-01-01T05:00:00Z"
    assert to_ms - from_ms == 86_400_000


def test_only_events_of_the_stations_that_were_asked_for_stay(store: Store, rules: Rules, tmp_path: Path) -> None:
    """What other stations noticed is not counted as kept back."""
    whole = _export(store, rules, DAY, "csv", tmp_path / "a.csv").left_out
    some = [_export(store, rules, replace(DAY, stations=(name,)), "csv", tmp_path / name) for name in ("K-02", "K-09")]
    assert [one.left_out for one in some] == [3, 6]
    assert whole == 9


def test_a_level_that_nobody_measured_is_left_empty(store: Store, tmp_path: Path) -> None:
    """Cameras measure none, and once told -128 dB."""
    card = Card("K-02")
    for level_db in (-128, 0, -31):
        card.put(Event(1000, 1, BY_NAME["frogs"].number, 40, 0, Kind.CLOSE, level_db=level_db))
    accept(store, NO_RULES, "K-02", card.batch(), NOON_MS + 3_600_000)
    _export(store, NO_RULES, DAY, "csv", tmp_path / "out.csv")
    rows = csv.DictReader((tmp_path / "out.csv").read_text().splitlines())
    assert [row["level_db"] for row in rows] == ["", "", "-31"]
