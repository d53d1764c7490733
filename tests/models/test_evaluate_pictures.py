"""`otorongo-models evaluate pictures`: sets, figures, the gate, the sheet, on small pictures and networks made here."""

import re
import stat
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otorongo import toml
from otorongo.errors import OtorongoError
from otorongo.models import evidence_pictures, manifest
from otorongo.models.__main__ import main
from otorongo.models.evaluate import pictures, pictures_command, pictures_figures, pictures_gate
from otorongo.models.evaluate.bundle_files import sealed
from otorongo.models.evaluate.pictures import Place
from otorongo.models.evaluate.pictures_look import SHIPPED, look, open_eyes, saturation
from otorongo.models.evaluate.pictures_match import LEAST_IOU, box_precision, matched
from otorongo.models.evidence_pictures import Aim
from otorongo.models.train.figures import wilson
from tests.models import box_bundles, others
from tests.models.box_bundles import Shown
from tests.models.labelled import folder_of, run, with_card
from tests.spoken import english_in

MIDDLE = (0.25, 0.25, 0.75, 0.75)


# ---- boxes

shares = st.floats(0, 1, width=32)
boxes = st.builds(lambda x, y, w, h: (x, y, x + 0.05 + w / 2, y + 0.05 + h / 2), shares, shares, shares, shares)
scored = st.lists(st.tuples(boxes, st.floats(0.01, 0.99)), max_size=8)


def iou(one: Place, other: Place) -> float:
    """Intersection over union, written out."""
    wide = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    high = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return wide * high / (sum(areas) - wide * high)


@settings(max_examples=60)
@given(scored, st.lists(boxes, max_size=5))
def test_no_labelled_box_is_found_twice_and_only_where_they_overlap(
    drawn: list[tuple[Place, float]], labelled: list[Place]
) -> None:
    """Every match overlaps enough, none is taken twice, and no free pair that overlaps is left."""
    places, scores = [box for box, _ in drawn], [p for _, p in drawn]
    own = matched(places, scores, labelled)
    taken = [at for at in own if at >= 0]
    assert len(own) == len(drawn)
    assert len(set(taken)) == len(taken)
    for place, at in zip(places, own, strict=True):
        if at >= 0:
            assert iou(place, labelled[at]) >= LEAST_IOU - 1e-4
        else:
            free = [each for number, each in enumerate(labelled) if number not in taken]
            assert all(iou(place, each) < LEAST_IOU + 1e-4 for each in free)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0.01, 0.99), st.booleans()), max_size=20), st.integers(0, 5))
def test_precision_by_box_lies_between_nothing_and_all(found: list[tuple[float, bool]], never: int) -> None:
    """A miss more never raises it; a false box below all others does not lower it, one above all never raises it."""
    scores, hits = np.array([p for p, _ in found]), np.array([hit for _, hit in found], bool)
    labelled = int(hits.sum()) + never
    value = box_precision(scores, hits, labelled)
    if not labelled:
        assert np.isnan(value)
        return
    assert 0.0 <= value <= 1.0
    assert box_precision(scores, hits, labelled + 1) <= value
    assert box_precision(np.append(scores, 0.001), np.append(hits, False), labelled) == pytest.approx(value)
    assert box_precision(np.append(scores, 0.999), np.append(hits, False), labelled) <= value + 1e-9


def test_precision_by_box_is_that_of_the_books() -> None:
    """Found at 0.9, false at 0.8, found at 0.7, one never: (1 + 2/3 + 0) / 3."""
    value = box_precision(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]), 3)
    assert value == pytest.approx((1 + 2 / 3) / 3)
    assert box_precision(np.zeros(0), np.zeros(0, bool), 2) == 0.0


def test_the_surest_box_takes_its_own_first() -> None:
    """Two boxes on one thing: the surer one is right, the other false; a third thing nobody drew stays unfound."""
    own = matched([MIDDLE, MIDDLE, (0.0, 0.0, 0.1, 0.1)], [0.6, 0.9, 0.5], [MIDDLE, (0.8, 0.8, 1.0, 1.0)])
    assert own == [-1, 0, -1]


# ---- sets


def test_a_folder_of_ones_own_is_read_row_by_row(tmp_path: Path) -> None:
    """Several rows make one picture; what trained, or is not there, is left out and counted."""
    folder = folder_of(
        tmp_path / "mine",
        "a.png,person,0.1,0.2,0.3,0.4,creek,s1,no,yes,14,", "a.png,dog,,,,,,,,,,",
        "b.png,empty,,,,,creek,s1,1,,,test", "c.png,animal,,,,,,,,,,train", "gone.jpg,animal,,,,,,,,,,",
    )  # fmt: skip
    found = pictures.collect([folder])
    first, second = found.pictures
    assert first.labels == {"person", "dog"}
    ((label, place),) = first.boxes
    assert label == "person"
    assert place == pytest.approx((0.1, 0.2, 0.4, 0.6))
    assert "person" in first.boxed
    assert "dog" not in first.boxed
    assert (first.place, first.night, first.wet, first.distance_m) == ("creek", False, True, 14.0)
    assert (first.truth("person"), first.truth("boat"), first.truth("animal")) == (1, 0, -1)
    assert (second.anything, second.night, second.wet) == (0, True, None)
    assert tuple(map(str, found.left_out)) == (
        "mine: labelled, but not there: 1 pictures",
        "mine: of its train split: 1 pictures",
    )


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("a.png,jaguar,,,,,,,,,,", "line 2: label 'jaguar'"),
        ("a.png,person,0.9,0.2,0.3,0.4,,,,,,", "line 2: x, y, w, h"),
        ("a.png,person,0.9,,0.3,0.4,,,,,,", "line 2: y"),
        ("a.png,person,,,,,,,perhaps,,,", "line 2: night"),
        ("a.png,person,,,,,,,,,-3,", "line 2: distance_m"),
        ("a.png,person,,,,,,,,,,spare", "line 2: split"),
        ("a.png,person,,,,,,,,,,,", "line 2: has more cells than the table has columns"),
        ("../a.png,person,,,,,,,,,,", "no path below the folder"),
        ("a.png,person,,,,,,,,,,train", "no picture is left"),
    ],
)
def test_labels_that_cannot_be_are_refused_by_line(tmp_path: Path, row: str, says: str) -> None:
    """The message names the file, the line, what is wrong and what is allowed."""
    with pytest.raises(OtorongoError, match=re.escape(says)):
        pictures.collect([folder_of(tmp_path / "mine", row)])


def test_who_evaluates_reads_spanish(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is left out, what is written and who may see it; of the report itself, which is English, only the table."""
    folder = folder_of(
        tmp_path / "mias", "a.png,person,,,,,,,,,,", "b.png,empty,,,,,,,,,,train", "c.png,empty,,,,,,,,,,calibrate",
        "gone.jpg,empty,,,,,,,,,,",
    )  # fmt: skip
    bundle = with_card(box_bundles.make(tmp_path / "bundle"))
    given = ["evaluate", "pictures", str(bundle), "--pictures", str(folder), "--out", str(tmp_path / "out")]
    assert main(["--lang", "es", *given, "--into-bundle"]) == 0
    told = capsys.readouterr()
    assert "mias: con etiqueta, pero no están: 1" in told.err
    assert "mias: de su parte de entrenar (train): 1" in told.err
    assert "puede mostrar personas: solo usted puede leerlo (0600)" in told.out
    assert english_in(told.err + told.out.partition("## Evidence")[0]) == []


def test_a_picture_cannot_be_empty_and_show_something(tmp_path: Path) -> None:
    """Rows that contradict each other are refused, not averaged."""
    folder = folder_of(tmp_path / "mine", "a.png,person,,,,,,,,,,", "a.png,empty,,,,,,,,,,")
    with pytest.raises(OtorongoError, match=r"is said to be empty"):
        pictures.collect([folder])
    with pytest.raises(OtorongoError, match="column colour"):
        pictures.collect([folder_of(tmp_path / "other", "a.png,person,red", head="file,label,colour")])


def test_a_folder_without_labels_says_what_it_holds(tmp_path: Path) -> None:
    """Pictures that nobody labelled, foreign files, nothing at all, no folder, a table without a row: each its own."""
    bare = tmp_path / "bare"
    for files, says in (([], "holds no picture, and has neither"), (["a.txt", "b.mp4"], "holds no picture, and"),
                        (["c/d.JPG", "e.png"], "holds 2 pictures, but nobody says what is in them")):  # fmt: skip
        for name in files:
            (bare / name).parent.mkdir(parents=True, exist_ok=True)
            (bare / name).write_bytes(b"x")
        bare.mkdir(exist_ok=True)
        with pytest.raises(OtorongoError, match=f"bare: {says}"):
            pictures.collect([bare])
    with pytest.raises(OtorongoError, match="nowhere: there is no such folder"):
        pictures.collect([tmp_path / "nowhere"])
    with pytest.raises(OtorongoError, match="no picture is left to evaluate"):
        pictures.collect([folder_of(tmp_path / "empty")])
    folder = folder_of(tmp_path / "foreign", "a.txt,person,,,,,,,,,,")
    (folder / "a.txt").write_text("no picture")
    bundle = box_bundles.make(tmp_path / "bundle")
    with pytest.raises(OtorongoError, match=r"no picture could be read: foreign/a\.txt: "):
        pictures_command.measure(open_eyes(str(bundle)), pictures.collect([folder]))


def test_the_shared_folder_gives_what_calibrated_nothing(shared: Path) -> None:
    """No picture of the calibrating half is looked at, and the detectors' training data is told apart."""
    found = pictures.collect([shared])
    by_set = {one.name: one for one in pictures.digests(found.pictures)}
    assert by_set["coco128"].standing == pictures.REGRESSION_WORDS
    assert not [one for one in found.pictures if one.is_frame and one.set in ("coco128", "commons_animals")]
    assert any(str(words).startswith("coco128: calibrated the bundle") for words in found.left_out)
    assert any(one.boxes for one in found.pictures if one.set == "coco128")


# ---- figures


def test_night_is_as_people_say_and_else_by_colour(tmp_path: Path) -> None:
    """A grey picture is taken for one of the night, unless somebody says that it was day."""
    folder = folder_of(
        tmp_path / "mine", "grey1.png,empty,,,,,,,,,,", "grey2.png,empty,,,,,,,0,,,", "red.png,empty,,,,,,,,,,"
    )
    eyes = open_eyes(str(box_bundles.make(tmp_path / "bundle")))
    looked, damaged = look(eyes, pictures.collect([folder]).pictures, lambda: None)
    assert [one.night for one in looked] == [True, False, False]
    assert damaged == []
    assert saturation(np.zeros((20, 20, 3), np.uint8)) == 0.0


def test_figures_of_a_network_that_sees_people_everywhere(tmp_path: Path) -> None:
    """Each share, event, size and mistake is what such a network deserves."""
    folder = folder_of(
        tmp_path / "mine",
        "a.png,person,0.25,0.25,0.5,0.5,creek,s1,no,no,3,", "b.png,person,0,0,0.1,0.05,creek,s1,yes,yes,20,",
        "c.png,empty,,,,,ridge,s2,no,,,", "d.png,animal,,,,,ridge,s3,no,,,",
    )  # fmt: skip
    eyes = open_eyes(str(box_bundles.make(tmp_path / "bundle", Shown("person", 0.95))))
    looked, _ = look(eyes, pictures.collect([folder]).pictures, lambda: None)
    by_class = {one.wire: one for one in pictures_figures.tables(eyes, looked, SHIPPED)}
    person = by_class["person"]
    assert (person.found.hits, person.found.tries, person.false.hits, person.false.tries) == (2, 2, 2, 2)
    assert (person.right.hits, person.right.tries) == (2, 4)
    assert person.precision.value == pytest.approx(0.5)  # all say the same: half of them have it
    assert person.boxes == 2
    assert person.by_box == pytest.approx(1 / 8)  # one of four boxes, one of two labelled
    assert by_class["animal"].found.hits == 0
    rows = {(one.wire, one.pictures): one for one in pictures_figures.rows(eyes, looked, SHIPPED)}
    assert rows["person", "night"].found.tries == 1
    assert rows["person", "beyond 10 m"].found.tries == 1
    assert rows["vehicle", "wet"].found.tries == 0
    sizes = {(one.wire, one.size): one.found for one in pictures_figures.sizes(eyes, looked, SHIPPED)}
    assert (sizes["person", "large"].hits, sizes["person", "small"].hits, sizes["person", "small"].tries) == (1, 0, 1)
    events = {one.wire: one for one in pictures_figures.events(eyes, looked, SHIPPED)}
    assert (events["person"].found.tries, events["person"].false.tries) == (1, 2)
    anything, empties, by_day = pictures_figures.aims(eyes, looked, SHIPPED)
    assert (anything.hits, anything.tries, anything.places) == (1, 3, 2)  # in b and d nothing is where they were seen
    assert (empties.hits, empties.tries, empties.verdict) == (1, 1, "missed")
    assert (by_day.hits, by_day.tries, by_day.verdict) == (1, 1, "not shown")
    wrong = [
        (one.wire, one.missed, one.looked.picture.name) for one in pictures_figures.mistakes(eyes, looked, SHIPPED)
    ]
    assert wrong == [("person", False, "c.png"), ("person", False, "d.png"), ("animal", True, "d.png")]


@pytest.mark.parametrize(
    ("at_least", "aim", "low", "high", "said"),
    [
        (True, 0.95, 0.96, 1.0, "reached"), (True, 0.95, 0.9, 0.99, "not shown"), (True, 0.95, 0.5, 0.9, "missed"),
        (False, 0.02, 0.0, 0.019, "reached"), (False, 0.02, 0.0, 0.16, "not shown"), (False, 0.02, 0.1, 0.3, "missed"),
    ],
)  # fmt: skip
def test_an_aim_is_reached_or_missed_only_by_its_whole_interval(
    at_least: bool, aim: float, low: float, high: float, said: str
) -> None:
    """None of twenty empties passed still allows 16 %, so that nothing is shown."""
    one = Aim(name="x", at_least=at_least, aim=aim, hits=1, tries=20, places=20, low=low, high=high)
    assert one.verdict == said


@pytest.mark.parametrize(
    ("at_least", "hits", "tries", "says"),
    [
        (True, 75, 75, "| - |"), (True, 1, 1, "| 72 places more without a mistake |"),
        (True, 18, 20, "(after 2 so far) |"), (False, 0, 12, "| 177 places more without a mistake |"),
        (True, 1, 20, "| nothing: other networks are needed |"),
    ],
)  # fmt: skip
def test_an_aim_says_how_many_places_are_missing(at_least: bool, hits: int, tries: int, says: str) -> None:
    """0.95 takes 73 places without a mistake and 2 % takes 189; what is missed is not mended by pictures."""
    found = wilson(hits, tries)
    aim = Aim(
        name="x", at_least=at_least, aim=0.95 if at_least else 0.02, hits=hits, tries=tries, places=tries,
        low=found[0], high=found[1],
    )  # fmt: skip
    evidence = evidence_pictures.PictureEvidence(networks={}, pictures=tries, data=(), aims=(aim,))
    assert says in evidence_pictures.aims_table(evidence)


# ---- the command


def test_a_report_and_a_sheet_for_its_owner_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The report has every table; the sheet of mistakes is closed to others, and the command says why."""
    folder = folder_of(tmp_path / "mine", "a.png,person,0.2,0.2,0.5,0.5,,,,,,", "b.png,empty,,,,,,,,,,")
    (folder / "broken.jpg").write_bytes(b"no picture")
    table = folder / "labels.csv"
    table.write_text(table.read_text() + "broken.jpg,person,,,,,,,,,,\n")
    assert run(box_bundles.make(tmp_path / "bundle", Shown("vehicle", 0.9)), folder, tmp_path / "out") == 0
    text = (tmp_path / "out/report.md").read_text()
    assert "Could not be read: mine/broken.jpg" in text
    assert "| person | mine | 0 of 1 (0.00 to 0.79) |" in text
    assert "| person | beyond 10 m | 0 pictures: not shown |" in text
    assert "| empties passed on | at most 0.02 | 1 of 1 |" in text
    assert "0 sequences are named: not shown" in text
    assert "Not measured here" in text
    sheet = tmp_path / "out/mistakes.png"
    assert stat.S_IMODE(sheet.stat().st_mode) == 0o600
    drawn = cv2.imread(str(sheet))
    assert drawn is not None
    assert drawn.shape[1] == 1500
    assert "may show people: only you can read it (0600)" in capsys.readouterr().out


def test_a_float_network_that_sees_more_fails_the_gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All that the float networks saw and the shipped ones do not is lost, and the command ends with 1."""
    rows = [f"p{number}.png,person,,,,,place{number},,,,," for number in range(21)]
    folder = folder_of(tmp_path / "mine", *rows)
    blind = with_card(box_bundles.make(tmp_path / "blind"))
    seeing = box_bundles.make(tmp_path / "seeing", Shown("person", 0.9))
    floats = [str(seeing / "model.onnx"), str(seeing / "things.onnx")]
    assert run(blind, folder, tmp_path / "out", "--float", *floats) == 1
    assert "over one point of recall is lost: person, anything" in capsys.readouterr().err
    text = (tmp_path / "out/report.md").read_text()
    assert "| person | 21 | 21 | 1.000 | 0.000 | +1.000 |" in text
    assert "| anything | 21 | 21 | 1.000 | 0.000 | +1.000 |" in text
    with pytest.raises(OtorongoError, match="1 networks given; this bundle has 2"):
        open_eyes(str(blind), [seeing / "model.onnx"])


def test_evidence_is_kept_checked_and_judged_without_the_float_networks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Into the bundle and back: check reads it, the gate compares with it, other pictures and networks are refused."""
    rows = [f"p{number}.png,person,,,,,place{number},,,,," for number in range(20)]
    folder = folder_of(tmp_path / "mine", *rows)
    bundle = with_card(box_bundles.make(tmp_path / "bundle", Shown("person", 0.9)))
    floats = [str(bundle / "model.onnx"), str(bundle / "things.onnx")]
    assert run(bundle, folder, tmp_path / "out", "--into-bundle", "--float", *floats) == 0
    assert run(bundle, folder, tmp_path / "out", "--into-bundle", "--float", *floats) == 0  # again: one section
    card = (bundle / "card.md").read_text()
    assert card.count(evidence_pictures.BEGIN) == 1
    told = evidence_pictures.check(manifest.load(bundle))
    assert told is not None
    assert told == toml.load(bundle / evidence_pictures.FILE_NAME, evidence_pictures.PictureEvidence)
    assert told.float_gate[0].recall == told.float_gate[0].shipped == 1.0
    assert not list(bundle.glob("*.png"))  # no picture of anybody goes into a bundle
    capsys.readouterr()
    gate = ["evaluate", "gate", str(bundle)]
    assert main(gate) == 0
    assert "no pictures: give --pictures" in capsys.readouterr().out
    assert main([*gate, "--pictures", str(folder)]) == 0
    assert re.search(r"person +20 places  float 1.000  here 1.000  drop \+0.000 .* passes", capsys.readouterr().out)
    folder_of(folder, *rows, colour=(1, 2, 3))
    assert main([*gate, "--pictures", str(folder)]) == 1
    assert "was measured with other pictures of mine" in capsys.readouterr().err


def test_a_card_that_says_other_aims_is_refused(tmp_path: Path) -> None:
    """Neither a prettier card nor another network passes `check`."""
    folder = folder_of(tmp_path / "mine", "a.png,person,,,,,,,,,,", "b.png,empty,,,,,,,,,,")
    bundle = with_card(box_bundles.make(tmp_path / "bundle"))
    assert run(bundle, folder, tmp_path / "out", "--into-bundle") == 0
    card = bundle / "card.md"
    card.write_text(card.read_text().replace("0 of 1 |", "1 of 1 |"))
    path = bundle / "manifest.toml"
    path.write_text(sealed(path.read_text(), {"card": card}))
    with pytest.raises(OtorongoError, match="its aims are not those of"):
        evidence_pictures.check(manifest.load(bundle))
    other = box_bundles.make(tmp_path / "other", Shown("dog", 0.9))
    (bundle / "things.onnx").write_bytes((other / "things.onnx").read_bytes())
    path.write_text(sealed(path.read_text(), {"things": bundle / "things.onnx"}))
    with pytest.raises(OtorongoError, match=r"networks: others than the bundle's were measured \(of things\)"):
        evidence_pictures.check(manifest.load(bundle))


def test_another_network_fails_at_the_golden_pictures(tmp_path: Path) -> None:
    """Without any picture of its own, the gate notices that the network is not the one that was measured."""
    folder = folder_of(tmp_path / "mine", "a.png,person,,,,,,,,,,")
    bundle = box_bundles.make(tmp_path / "bundle", Shown("person", 0.9))
    eyes = open_eyes(str(bundle), [bundle / "model.onnx", bundle / "things.onnx"])
    looked, _ = look(eyes, pictures.collect([folder]).pictures, lambda: None)
    kept = pictures_gate.keep(eyes, looked)
    assert len(kept.probe_shipped) == 6
    assert {one.verdict for one in pictures_gate.probe(eyes, kept, lambda: None)} == {"same"}
    blind = open_eyes(str(box_bundles.make(tmp_path / "blind")))
    said = {one.wire: one.verdict for one in pictures_gate.probe(blind, kept, lambda: None)}
    assert said == {"person": "fails", "vehicle": "same", "dog": "same", "animal": "same"}


def test_a_detector_of_others_is_measured_as_well(tmp_path: Path) -> None:
    """One network instead of two: classes and boxes are those of its manifest, and one float network goes beside it."""
    folder = folder_of(tmp_path / "mine", "a.png,person,0.25,0.25,0.5,0.5,,,,,,")
    bundle = others.detector(tmp_path / "bundle", "yolov5", [(others.PERSON, 0.9, MIDDLE)])
    eyes = open_eyes(str(bundle), [bundle / "model.onnx"])
    looked, _ = look(eyes, pictures.collect([folder]).pictures, lambda: None)
    by_class = {one.wire: one for one in pictures_figures.tables(eyes, looked, "float")}
    assert by_class["person"].found.hits == 1
    assert by_class["person"].by_box == pytest.approx(1.0)


def test_the_bundle_that_ships_is_the_one_that_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """boxes@1 keeps what its float networks said, and sees in its golden pictures what it saw then."""
    assert evidence_pictures.check(manifest.load("boxes@1")) is not None
    assert main(["evaluate", "gate", "boxes@1"]) == 0
    assert re.search(r"person +36 pictures .* same", capsys.readouterr().out)
