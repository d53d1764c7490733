"""What `see` writes for spreadsheets."""

import csv
import io
from pathlib import Path

import cv2
import numpy as np
import pytest

from otorongo.models import megadetector_json as md
from otorongo.models import see_csv
from otorongo.models.__main__ import main
from tests.models import name_bundles
from tests.models.box_bundles import Shown, make

SURE = {"animal": 0.5, "person": 0.2, "dog": 0.4}


def box(cls: str, p: float, *named: tuple[str, float]) -> md.Detection:
    """Somewhere."""
    return md.Detection(cls, p, 0.1, 0.1, 0.5, 0.5, tuple(md.Named(*one) for one in named))


def read(data: bytes) -> list[dict[str, str]]:
    """As a spreadsheet does."""
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_each_picture_has_a_line_for_each_kind_and_none_is_left_out() -> None:
    """Two of a kind are counted in one line, with the surest; empties and damaged ones have their line too."""
    results = [
        md.Result("Cámara 3/a,b.jpg", (box("animal", 0.7, ("Dicotyles tajacu", 0.7)), box("person", 0.3))),
        md.Result("b.jpg", (box("animal", 0.6), box("animal", 0.91), box("animal", 0.4), box("dog", 0.39))),
        md.Result("c.jpg", (box("animal", 0.8, ("blank", 0.9)),)),
        md.Result("d.jpg", ()),
        md.Result("e.jpg", (), "cut off"),
    ]
    told = [tuple(one.values()) for one in read(see_csv.written(results, SURE))]
    assert told == [
        ("Cámara 3/a,b.jpg", "animal", "Dicotyles tajacu", "pecarí de collar", "collared peccary", "0.700", "1", ""),
        ("Cámara 3/a,b.jpg", "person", "", "", "", "0.300", "1", ""),
        ("b.jpg", "animal", "", "", "", "0.910", "2", ""),
        ("c.jpg", "animal", "", "", "", "0.800", "1", ""),
        ("d.jpg", "nothing", "", "", "", "", "0", ""),
        ("e.jpg", "", "", "", "", "", "", "cut off"),
    ]


def test_the_command_writes_it_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside it the terminal tells the counts alone, as with `--json`; a folder is refused before anything is seen."""
    (tmp_path / "card").mkdir()
    assert cv2.imwrite(str(tmp_path / "card" / "a.jpg"), np.full((60, 80, 3), (0, 0, 200), np.uint8))
    bundle = make(tmp_path / "boxes", Shown("animal", 0.9))
    out = tmp_path / "out.csv"
    given = ["see", str(tmp_path / "card"), "--bundle", str(bundle), "--csv"]
    assert main([*given, str(out)]) == 0
    told = capsys.readouterr()
    assert str(out) in told.err
    assert "a.jpg" not in told.out
    assert [(one["file"], one["class"], one["count"]) for one in read(out.read_bytes())] == [("a.jpg", "animal", "1")]
    assert main([*given, str(tmp_path)]) == 1
    assert main([*given, str(tmp_path / "none" / "out.csv")]) == 1
    assert capsys.readouterr().out == "", "no picture was looked at"


@pytest.mark.parametrize("first", [0, 1], ids=["animal, dog and vehicle", "dog and vehicle"])
def test_an_animal_that_is_drawn_as_a_dog_too_is_counted_once(first: int, tmp_path: Path) -> None:
    """Names are asked for all boxes of it; one of a dog on one of an animal adds none to Timelapse or the table."""
    (tmp_path / "card").mkdir()
    assert cv2.imwrite(str(tmp_path / "card" / "a.jpg"), np.full((60, 80, 3), (0, 0, 200), np.uint8))
    boxes = [Shown("animal", 0.9, (0.5, 0.1, 0.95, 0.9)), Shown("dog", 0.25, (0.52, 0.1, 0.95, 0.88))][first:]
    boxes += [Shown("vehicle", 0.2, (0.5, 0.12, 0.95, 0.88))]
    bundle, out = make(tmp_path / "boxes", *boxes), tmp_path / "out.csv"
    names = name_bundles.make(
        tmp_path / "names", (name_bundles.JAGUAR, name_bundles.BLANK), network=name_bundles.constant(0.9, 0.0),
        more='activation = "none"', golden={"Panthera onca": 0.9},
    )  # fmt: skip
    given = ["see", str(tmp_path / "card"), "--bundle", str(bundle), "--species", str(names), "--csv", str(out)]
    assert main(given) == 0
    told = [(one["species"], one["count"]) for one in read(out.read_bytes())]
    assert ("Panthera onca", "1") in told


def test_no_cell_is_a_formula() -> None:
    """What a card or another program's names begin with is shown, not computed; the file can still be found by it."""
    mean = '=HYPERLINK("http://x")'
    results = [
        md.Result(f"{mean}.jpg", (box("animal", 0.9, (mean, 0.8)),)),
        md.Result("-1.jpg"),
        md.Result("@a/b.jpg", failure="\t=1+1"),
    ]
    told = read(see_csv.written(results, SURE))
    assert [one["file"] for one in told] == [f"./{mean}.jpg", "./-1.jpg", "./@a/b.jpg"]
    assert (told[0]["species"], told[2]["failure"]) == (mean[1:], "1+1")
