"""`see --boxes`: boxes and names of MegaDetector's own file, and what our file says of itself to others."""

import json
from pathlib import Path
from typing import Any

import pytest

from otorongo.models import megadetector_json as md
from otorongo.models.__main__ import main
from tests.models import name_bundles
from tests.models.box_bundles import Shown, make
from tests.models.others import detector, small_card


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, one of them in a folder below, and a damaged one."""
    return small_card(tmp_path / "card")


def _told(path: Path) -> dict[str, Any]:
    return {one["file"]: one for one in json.loads(path.read_bytes())["images"]}


def test_boxes_of_another_file_are_named(folder: Path, tmp_path: Path) -> None:
    """`--boxes` takes MegaDetector's own boxes, and a picture that is not in its file is told as such."""
    theirs = tmp_path / "md.json"
    theirs.write_bytes(md.written([md.Result("a.jpg", (md.Detection("animal", 0.8, 0.1, 0.1, 0.5, 0.5),))], {}))
    names = name_bundles.make(tmp_path / "names")
    out = tmp_path / "out.json"
    given = ["see", str(folder), "--json", str(out), "--boxes", str(theirs), "--species", str(names)]
    assert main([*given, "--bundle", str(detector(tmp_path / "theirs", "yolov5", []))]) == 1
    told = _told(out)
    assert told["a.jpg"]["detections"][0]["bbox"] == [0.1, 0.1, 0.5, 0.5]
    assert told["a.jpg"]["detections"][0]["classifications"]
    assert told["DCIM/b.PNG"]["failure"] == "not in the file of boxes"


def test_boxes_with_whole_paths_of_another_machine_are_found(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """MegaDetector writes them by default; of another folder's file the error names both, and nothing is written."""
    theirs, out = tmp_path / "md.json", tmp_path / "out.json"
    told = [
        md.Result(f"E:\\cards\\{name}", (md.Detection("person", 0.8, 0, 0, 1, 1),)) for name in ("a.jpg", "DCIM\\b.PNG")
    ]
    theirs.write_bytes(md.written(told, {}))
    bundle = str(detector(tmp_path / "theirs", "yolov5", []))
    given = ["see", str(folder), "--json", str(out), "--boxes", str(theirs), "--bundle", bundle]
    assert main(given) == 1  # broken.jpg is not in their file
    assert {name for name, one in _told(out).items() if one["detections"]} == {"a.jpg", "DCIM/b.PNG"}
    theirs.write_bytes(md.written([md.Result("E:\\others\\c.jpg")], {}))
    out.unlink()
    assert main(given) == 1
    assert "E:/others/c.jpg" in capsys.readouterr().err
    assert not out.exists()


def test_boxes_of_another_file_count_from_its_own_threshold_on(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """MegaDetector's .5 is sure, whatever ours would say of it; its file says from where on, else its makers do."""
    theirs, out = tmp_path / "md.json", tmp_path / "out.json"
    bundle = str(make(tmp_path / "boxes", Shown("animal", 0.9)))
    boxes = (
        md.Detection("animal", 0.3, 0, 0, 1, 1),
        md.Detection("person", 0.15, 0, 0, 1, 1),
    )
    given = ["see", str(folder / "a.jpg"), "--boxes", str(theirs), "--bundle", bundle, "--lang", "en"]

    def told(info: dict[str, Any], *more: str) -> str:
        theirs.write_bytes(md.written([md.Result("a.jpg", boxes)], info))
        assert main([*given, *more]) == 0
        return capsys.readouterr().out.splitlines()[0] if not more else ""

    assert told({"detector": "v5a"}) == "a.jpg  animal 30 %, perhaps person, 15 %, below the threshold of 20 %"
    sure = {"detector": "v6", "detector_metadata": {"typical_detection_threshold": 0.1}}
    assert told(sure) == "a.jpg  animal 30 %, person 15 %"
    assert "perhaps animal, 30 %, below" in told({"detector": "stub@1"})  # our own file: from our thresholds on
    told(sure, "--json", str(out))
    about = json.loads(out.read_bytes())["info"]
    assert (about["detector"], about["detector_metadata"]["typical_detection_threshold"]) == ("v6", 0.1)


@pytest.mark.parametrize("named", [False, True])
def test_boxes_of_another_file_below_the_least_are_not_written(named: bool, folder: Path, tmp_path: Path) -> None:
    """MegaDetector's own files hold hundreds of boxes of .01: `--least` is for them too."""
    theirs, out = tmp_path / "md.json", tmp_path / "out.json"
    boxes = tuple(md.Detection("animal", p, 0, 0, 1, 1) for p in (0.3, 0.06, 0.01))
    theirs.write_bytes(md.written([md.Result("a.jpg", boxes)], {}))
    given = ["see", str(folder / "a.jpg"), "--boxes", str(theirs), "--json", str(out)]
    given += ["--bundle", str(make(tmp_path / "boxes", Shown("animal", 0.9)))]
    given += ["--species", str(name_bundles.make(tmp_path / "names"))] if named else []
    for least, count in (([], 2), (["--least", "0.1"], 1), (["--least", "0"], 3)):
        assert main([*given, *least]) == 0
        assert len(_told(out)["a.jpg"]["detections"]) == count


def test_names_of_another_file_go_through_the_rules(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No leopard in Peru, and nobody hidden behind an animal's name; what they said themselves stands beside it."""
    theirs, out = tmp_path / "md.json", tmp_path / "out.json"
    seven = "u;mammalia;carnivora;felidae;panthera;pardus;leopard"
    names = {"0": "leopard", "1": "human", "2": "Tayassu pecari", "3": "okapi"}
    boxes = [
        {"category": "1", "conf": 0.9, "bbox": [0, 0, 1, 1], "classifications": [[number, 0.9]]} for number in names
    ]
    whole = {
        "images": [{"file": "a.jpg", "detections": boxes}], "info": {"classifier": "somebody's names"},
        "classification_categories": names, "classification_category_descriptions": {"0": seven, "1": None},
    }  # fmt: skip
    theirs.write_text(json.dumps(whole))
    given = ["see", str(folder / "a.jpg"), "--boxes", str(theirs), "--lang", "en"]
    given += ["--bundle", str(make(tmp_path / "boxes", Shown("animal", 0.9)))]
    assert main(given) == 0
    said = capsys.readouterr().out.splitlines()[0]
    assert said == "a.jpg  cat 90 %, animal 90 %, person 90 %, white-lipped peccary 90 %, animal 90 %"
    main([*given, "--json", str(out)])
    told = json.loads(out.read_bytes())
    assert told["info"]["classifier"] == "somebody's names", "who reads the file knows whose names these are"
    labels = told["classification_categories"]
    first = _told(out)["a.jpg"]["detections"][0]
    assert [labels[number] for number, _ in first["classifications"]] == ["Felidae"]
    assert [labels[number] for number, _ in first["raw_classifications"]] == ["leopard"]
    capsys.readouterr()
    theirs.write_bytes(out.read_bytes())  # what went through them once stays as it is
    assert main(given) == 0
    assert capsys.readouterr().out.splitlines()[0] == said


def test_the_one_threshold_of_the_file_hides_no_person(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Timelapse has one for all: who reaches their own reaches it; p itself stands beside, and comes back."""
    out = tmp_path / "out.json"
    bundle = make(tmp_path / "boxes", Shown("person", 0.3), Shown("vehicle", 0.3, (0.0, 0.0, 0.2, 0.2)))
    path = bundle / "manifest.toml"
    text = path.read_text()
    path.write_text(text.replace('wire = "person"\nthreshold = 0.5', 'wire = "person"\nthreshold = 0.2'))
    given = ["see", str(folder / "a.jpg"), "--bundle", str(bundle), "--lang", "en"]
    assert main([*given, "--json", str(out)]) == 0
    whole = json.loads(out.read_bytes())
    typical = whole["info"]["detector_metadata"]["typical_detection_threshold"]
    assert typical == 0.5
    person, vehicle = whole["images"][0]["detections"]
    assert (person["category"], person["conf"] >= typical) == ("2", True)
    assert person["probability"] == pytest.approx(0.3, abs=1e-3)
    assert (vehicle["category"], vehicle["conf"]) == ("3", pytest.approx(0.3, abs=1e-3))
    assert "probability" not in vehicle
    capsys.readouterr()
    main(given)
    said = capsys.readouterr().out
    assert main([*given, "--boxes", str(out)]) == 0
    assert capsys.readouterr().out == said


def test_a_stopped_command_does_not_go_on_with_boxes_of_another_file(folder: Path, tmp_path: Path) -> None:
    """What rests on other boxes is looked at anew."""
    from otorongo.models import manifest
    from otorongo.models.runtime import open_classifier
    from otorongo.models.see import Looker

    opened = open_classifier(manifest.load(detector(tmp_path / "theirs", "yolov5", [])))
    several = [md.Result("a.jpg", (md.Detection(cls, 0.8, 0, 0, 1, 1),)) for cls in ("animal", "person")]
    files = [md.Told((one,), "", 0.2) for one in several]
    assert len({Looker(opened, None, one, 0.05).signature for one in (None, *files)}) == 3
