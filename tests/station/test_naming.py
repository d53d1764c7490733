"""From frame to row: nobody is hidden by an animal, and a visit bears one name that lives in Peru."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from otorongo.models import manifest
from otorongo.models.boxes import BoxClassifier
from otorongo.models.ensemble import Ensemble
from otorongo.models.name_animals import Namer
from otorongo.models.rollup import BLANK, HUMAN, Candidate, Label, Look, label_of
from otorongo.station import kinds, naming
from otorongo.station.app_process import birth_bundles
from otorongo.station.config import CameraConfig
from otorongo.station.events import Rule
from otorongo.station.judging import judged
from otorongo.station.kinds import Sight
from otorongo.station.outbox import Outbox
from otorongo.station.samples import Sample, Tick
from otorongo.wire import seen, species
from otorongo.wire.classes import BY_NAME
from otorongo.wire.codes import Counter, Kind, NameSource, Tag
from otorongo.wire.rows import Event, Seen, standalone
from tests.models import box_bundles, name_bundles
from tests.models.box_bundles import Shown
from tests.station.sense_rig import events_in, notes, open_outbox, rows_in, sense

PERSON, ANIMAL, DOG = (BY_NAME[name].number for name in ("person", "animal", "dog"))
RULES = {cls: Rule(1, 1, 60_000, 900_000, 300_000) for cls in (PERSON, ANIMAL, DOG)}
LINES = [
    name_bundles.JAGUAR, name_bundles.LEOPARD, name_bundles.CAPUCHIN, name_bundles.HUMAN, name_bundles.BLANK,
    name_bundles.TEAPOT,
]  # fmt: skip
NUMBERS = species.numbers()
GREY = (90, 90, 90)


def visit(
    folder: Path,
    *shown: Shown,
    said: tuple[float, ...] = (0.0,) * 6,
    names: Path | None = None,
    frames: tuple[tuple[int, int, int], ...] = (GREY,) * 3,
) -> tuple[Outbox, list[Event], list[Seen]]:
    """Frames of one colour each, a second apart, through the whole loop with stub networks; what it tells."""
    network = name_bundles.constant(*said)
    names = names or name_bundles.make(folder / "names", LINES, network=network, more='activation = "none"')
    boxes = box_bundles.make(folder / "boxes", *shown)
    both = Ensemble(BoxClassifier(manifest.load(boxes)), Namer(manifest.load(names)))
    outbox = open_outbox(folder)
    loop = sense(
        outbox, name="camera", number=2, classify=lambda data, rate: judged(both.scores(data, rate), RULES),
        rules=RULES, names=1,
    )  # fmt: skip
    pictures = [Sample(1000 * n, name_bundles.painted(colour, 128, 96)) for n, colour in enumerate(frames)]
    loop.run([*pictures, Tick(200_000)])
    told = [record.row for record in rows_in(outbox) if isinstance(record.row, Seen)]
    return outbox, events_in(outbox), told


def closings(events: list[Event]) -> dict[int, Event]:
    """By class."""
    return {one.cls: one for one in events if one.kind == Kind.CLOSE}


def test_a_person_with_a_capuchins_score_is_a_person(tmp_path: Path) -> None:
    """Person .69, capuchin .90: an event of the person as sure as its own evidence, and the monkey's beside it."""
    _, events, told = visit(tmp_path, Shown("person", 0.69), said=(0, 0, 0.9, 0, 0, 0))
    person, animal = (closings(events)[cls] for cls in (PERSON, ANIMAL))
    assert (person.peak, person.species, person.tags & Tag.THREAT) == (69, 0, Tag.THREAT)
    assert animal.species == NUMBERS["sapajus macrocephalus"]
    (shown,) = [one for one in told if seen.unpack_boxes(one.boxes)[0].cls == PERSON]
    assert shown.names == b""
    assert seen.unpack_boxes(shown.boxes)[0].p == pytest.approx(0.69, abs=0.01)


def test_a_person_with_a_blanks_score_is_a_person(tmp_path: Path) -> None:
    """Person .65, blank .995: the person, and nothing else."""
    _, events, _ = visit(tmp_path, Shown("person", 0.65), said=(0, 0, 0, 0, 0.995, 0))
    assert list(closings(events)) == [PERSON]
    assert closings(events)[PERSON].peak == 65


def test_a_dog_beside_a_person_hides_nobody(tmp_path: Path) -> None:
    """Both become events, and each closes with both boxes of its best frame, its own first."""
    dog = Shown("dog", 0.98, (0.6, 0.6, 0.9, 0.9))
    _, events, told = visit(tmp_path, dog, Shown("person", 0.55, (0.1, 0.1, 0.4, 0.9)))
    assert set(closings(events)) == {DOG, PERSON}
    shown = [[box.cls for box in seen.unpack_boxes(one.boxes)] for one in told]
    assert sorted(shown) == sorted([[PERSON, DOG], [DOG, PERSON]])


def test_who_stands_in_an_animals_box_rings(tmp_path: Path) -> None:
    """Only the network of names sees a human: a person's event, and the animal's box bears no name."""
    _, events, _ = visit(tmp_path, Shown("animal", 0.9), said=(0, 0, 0.1, 0.8, 0, 0))
    assert closings(events)[PERSON].peak == 80
    assert closings(events)[ANIMAL].species == 0


def test_a_leopard_is_told_as_a_cat(tmp_path: Path) -> None:
    """The name climbs to what lives in Peru, and says so; what the network said stays beside it."""
    _, events, (shown,) = visit(tmp_path, Shown("animal", 0.9), said=(0.08, 0.85, 0, 0, 0, 0))
    assert closings(events)[ANIMAL].species == NUMBERS["felidae"]
    assert (shown.source, shown.bundle) == (NameSource.GEOFENCE, 1)
    first, second = seen.unpack_names(shown.names)[:2]
    assert (first.species, second.species) == (NUMBERS["panthera"], NUMBERS["panthera onca"])
    assert first.p == pytest.approx(0.85, abs=0.01)
    (box,) = seen.unpack_boxes(shown.boxes)
    assert (box.x, box.y, box.w, box.h) == pytest.approx((0.25, 0.25, 0.5, 0.5), abs=0.03)


def test_an_opening_stays_small(tmp_path: Path) -> None:
    """The name comes with the closing: an opening has no more bytes than without a network of names."""
    outbox, events, _ = visit(tmp_path, Shown("animal", 0.9), said=(0.95, 0, 0, 0, 0, 0))
    opened = next(one for one in events if one.kind == Kind.OPEN)
    assert opened.species == 0
    assert len(standalone(opened)) <= 12
    (record,) = [one for one in rows_in(outbox) if isinstance(one.row, Seen)]
    assert record.event == next(one.seq for one in rows_in(outbox) if one.row == opened)
    assert len(standalone(record.row)) <= 40


def test_one_bad_frame_names_nobody(tmp_path: Path) -> None:
    """Four frames of a jaguar and one that looks like a capuchin: the visit is a jaguar's, at the mean of all."""
    names = name_bundles.make(tmp_path / "names")
    frames = (name_bundles.RED, name_bundles.RED, name_bundles.GREEN, name_bundles.RED, name_bundles.RED)
    _, events, (shown,) = visit(tmp_path, Shown("animal", 0.9), names=names, frames=frames)
    assert closings(events)[ANIMAL].species == NUMBERS["panthera onca"]
    first = seen.unpack_names(shown.names)[0]
    assert first.p == pytest.approx(0.8, abs=0.01)
    _, events, (shown,) = visit(tmp_path / "half", Shown("animal", 0.9), names=names, frames=frames[1:3])
    assert closings(events)[ANIMAL].species == NUMBERS["mammalia"]
    assert shown.source == NameSource.ROLLUP


def test_a_network_that_fails_is_counted_and_told(tmp_path: Path) -> None:
    """The animal's event stands without a name, the technician reads why, and the counter says how often."""
    outbox, events, (shown,) = visit(tmp_path, Shown("animal", 0.9), said=(0.5, 0.5))
    assert closings(events)[ANIMAL].species == 0
    assert shown.names == b""
    assert "has 6 lines, but the network has 2 outputs" in notes(outbox)[0]
    beats = [record.row for record in rows_in(outbox) if hasattr(record.row, "counters")]
    assert beats[-1].counters[Counter.CLASSIFIER_FAULTS] == 3


chance = st.floats(0, 1)
labels = st.sampled_from([
    BLANK, HUMAN, *(label_of(line.split(";")[1:6], line.split(";")[6]) for line in LINES),
    label_of(("mammalia", "primates", "hominidae", "pan", "troglodytes")),
])  # fmt: skip
looks = st.lists(
    st.builds(
        lambda box_p, said: Look(box_p, tuple(Candidate(*one) for one in said)),
        chance, st.lists(st.tuples(labels, chance), max_size=5, unique_by=lambda one: one[0]),
    ),
    max_size=40,
)  # fmt: skip


@given(looks)
def test_whatever_is_said_a_visit_bears_a_name_that_lives_here(given_: list[Look]) -> None:
    """A number of the table that is no human's, or none; at most five raw names; few looks are remembered."""
    few: tuple[Sight, ...] = ()
    for at in range(0, len(given_), 2):
        few = kinds.kept(few, given_[at : at + 2])
    assert len(few) <= min(len(given_), kinds.MOST)
    told = naming.named(few)
    line = species.taxon(told.species)
    assert told.species == 0 or (line is not None and line.kind != "human")
    assert len(told.names) <= naming.NAMES
    assert (told.source in {NameSource.NONE, NameSource.DETECTOR}) == (told.species == 0)


def test_a_human_has_a_number_and_a_teapot_none() -> None:
    """What the network said before any rule: a human by its number, what the table does not know by 0."""
    teapot: Label = label_of((), "teapot")
    told = naming.named(kinds.kept((), (Look(0.9, (Candidate(HUMAN, 0.6), Candidate(teapot, 0.3))),)))
    assert [one.species for one in told.names] == [NUMBERS["homo sapiens"], 0]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three red frames."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n in range(3):
        red: NDArray[np.uint8] = name_bundles.painted(name_bundles.RED, 128, 96)
        Image.fromarray(red).save(folder / f"20260111_17000{n}.png")
    return folder


def station(folder: Path, pictures: Path, names: Path) -> Path:
    """A station whose camera replays pictures and names what is in them."""
    boxes = box_bundles.make(folder / "boxes", Shown("animal", 0.9))
    path = folder / "station.toml"
    path.write_text(
        f'station = "K-02"\ndata_dir = "{folder / "data"}"\n[place]\nlatitude_deg = -12.6\nlongitude_deg = -69.2\n'
        f'[camera]\ndriver = "replay"\ndevice = "{pictures}"\nbundle = "{boxes}"\nspecies = "{names}"\ngate = false\n'
        "[camera.replay]\nspeed = 0.0\n"
    )
    return path


def command(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run `otorongo-station`."""
    argv = [sys.executable, "-m", "otorongo.station", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)


def test_the_program_names_animals(tmp_path: Path, pictures: Path) -> None:
    """`check` says that nobody has validated it, `replay --json` and `tail` tell the name and what was said."""
    config = str(station(tmp_path, pictures, name_bundles.make(tmp_path / "names")))
    checked = command("check", "--config", config)
    assert "camera.species: names@1, not validated" in checked.stdout, checked.stdout
    ran = command("replay", "--json", str(pictures), "--config", config, "--keep")
    assert ran.returncode == 0, ran.stderr
    last = [json.loads(line) for line in ran.stdout.splitlines()][-1]
    assert (last["species"], last["named_by"]) == ("Panthera onca", "classifier")
    assert last["said"][0]["p"] > 0.9
    told = command("tail", "--config", config, "-n", "50").stdout
    assert "animal, event 2, sensor 2" in told
    assert ", jaguar, " in told
    assert "seen by sensor 2, event 2: animal 0.90; said: Panthera onca 1.00" in told, told


def test_a_bundle_that_cannot_name_costs_no_events(tmp_path: Path, pictures: Path) -> None:
    """Not there, or no bundle of names: `check` says what to do, and the camera sees all the same."""
    config = station(tmp_path, pictures, tmp_path / "nowhere")
    checked = command("check", "--config", str(config))
    assert checked.returncode == 1
    assert "WRONG  camera.species" in checked.stdout
    ran = command("replay", "--json", str(pictures), "--config", str(config))
    assert ran.returncode == 0, ran.stderr
    assert "animals get no names" in ran.stderr
    assert [json.loads(line)["class"] for line in ran.stdout.splitlines()] == ["animal", "animal"]


def test_the_birth_lists_both_bundles(tmp_path: Path) -> None:
    """The detector is number 0, what names is number 1, with whether it is validated; a lost one is left out."""
    boxes = manifest.load(box_bundles.make(tmp_path / "boxes"))
    for more, validated in (("", False), ("validated = true", True)):
        names = name_bundles.make(tmp_path / f"names{validated}", more=more)
        sensor = CameraConfig(driver="replay", species=str(names))
        first, second = birth_bundles(sensor, boxes)
        assert (first.name, second.name, second.validated) == ("stub", "names", validated)
    assert len(birth_bundles(CameraConfig(driver="replay", species="nothing@1"), boxes)) == 1


def test_names_are_no_detector(tmp_path: Path, pictures: Path) -> None:
    """`bundle = "names@1"` would see nothing, ever: it is refused with the way out."""
    names = name_bundles.make(tmp_path / "names")
    config = station(tmp_path, pictures, names)
    config.write_text(config.read_text().replace(str(tmp_path / "boxes"), str(names)))
    checked = command("check", "--config", str(config))
    assert "names animals, but finds none: write it as camera.species" in checked.stdout
