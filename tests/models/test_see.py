"""Folders of pictures looked at from the command line: a table, a file for Timelapse, and nothing lost in between."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from otorongo.language import speak
from otorongo.models import calibrate, manifest
from otorongo.models.__main__ import main
from otorongo.models.megadetector_json import Detection, Result
from otorongo.models.see import NEAR, _copy_of, _draw
from otorongo.models.see_draw import SURE, UNSURE
from tests.models import name_bundles
from tests.models.box_bundles import Shown, make
from tests.models.others import ANIMAL, PERSON, detector, small_card

THINGS = [(ANIMAL, 0.9, (0.1, 0.2, 0.5, 0.6)), (PERSON, 0.2, (0.5, 0.1, 0.75, 0.9))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, one of them in a folder below, a damaged one and a text."""
    place = small_card(tmp_path / "card")
    (place / "notes.txt").write_text("hola")
    return place


def test_a_name_that_is_no_text_is_looked_at(folder: Path, tmp_path: Path) -> None:
    """An old card's name in Latin-1 stands in the file in letters that can be written."""
    (folder / "a.jpg").rename(folder / os.fsdecode(b"c\xe1mara.jpg"))
    out = tmp_path / "out.json"
    main(["see", str(folder), "--json", str(out), "--bundle", str(detector(tmp_path / "theirs", "yolov5", THINGS))])
    assert len(_told(out)["c\\udce1mara.jpg"]["detections"]) == 2


def _told(path: Path) -> dict[str, Any]:
    return {one["file"]: one for one in json.loads(path.read_bytes())["images"]}


def test_a_folder_becomes_a_file_for_timelapse(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each picture with its boxes from `--least` on; what cannot be read is a failure, and the exit code says so."""
    out = tmp_path / "out.json"
    bundle = detector(tmp_path / "theirs", "yolov5", THINGS)
    assert main(["see", str(folder), "--json", str(out), "--bundle", str(bundle), "--lang", "es"]) == 1
    told = _told(out)
    assert sorted(told) == ["DCIM/b.PNG", "a.jpg", "broken.jpg"]
    assert [(one["category"], one["conf"]) for one in told["a.jpg"]["detections"]] == [("1", 0.9), ("2", 0.2)]
    assert told["broken.jpg"]["detections"] is None
    said = capsys.readouterr().out
    assert "broken.jpg" in said
    assert "3 fotos" in said
    assert not list(tmp_path.glob("*.part"))


def test_animals_get_names_and_nobody_is_hidden(folder: Path, tmp_path: Path) -> None:
    """A network of names names the animal's box; a person it sees in a box has a detection of their own there."""
    bundle = make(tmp_path / "boxes", Shown("animal", 0.9), Shown("person", 0.3, (0.6, 0.1, 0.9, 0.9)))
    certain = name_bundles.constant(0.7, 0.0, 0.3)
    labels = (name_bundles.JAGUAR, name_bundles.BLANK, name_bundles.HUMAN)
    names = name_bundles.make(
        tmp_path / "names", labels, network=certain, more='activation = "none"', golden={"Panthera onca": 0.7}
    )
    out = tmp_path / "out.json"
    main(["see", str(folder / "a.jpg"), "--json", str(out), "--bundle", str(bundle), "--species", str(names)])
    whole = json.loads(out.read_bytes())
    labels_of = whole["classification_categories"]
    found = whole["images"][0]["detections"]
    animal = max((one for one in found if one["category"] == "1"), key=lambda one: one["conf"])
    assert labels_of[animal["classifications"][0][0]] == "Panthera onca"
    assert any(one["category"] == "2" and one["bbox"] == animal["bbox"] for one in found)
    assert max(one["conf"] for one in found if one["category"] == "2" and one["bbox"] != animal["bbox"]) >= 0.299
    assert whole["info"]["classifier"] == "names@1"


def test_a_person_in_whose_box_a_monkey_is_seen_stays_a_person(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Person .69 and capuchin .90: the table and the file tell the person, and the monkey beside it."""
    bundle = make(tmp_path / "boxes", Shown("person", 0.69))
    labels = (name_bundles.JAGUAR, name_bundles.CAPUCHIN, name_bundles.HUMAN)
    sure = name_bundles.constant(0.0, 0.9, 0.0)
    names = name_bundles.make(
        tmp_path / "names", labels, network=sure, more='activation = "none"', golden={"Panthera onca": 0.0}
    )
    given = ["see", str(folder / "a.jpg"), "--bundle", str(bundle), "--species", str(names), "--lang", "en"]
    assert main(given) == 0
    (line,) = [one for one in capsys.readouterr().out.splitlines() if one.startswith("a.jpg")]
    assert "person 69 %" in line
    assert "capuchin 90 %" in line
    out = tmp_path / "out.json"
    main([*given, "--json", str(out)])
    whole = json.loads(out.read_bytes())
    person, monkey = whole["images"][0]["detections"]
    assert (person["category"], person["conf"]) == ("2", pytest.approx(0.69, abs=1e-3))
    assert "classifications" not in person
    assert (monkey["category"], monkey["conf"]) == ("1", pytest.approx(0.9, abs=1e-3))
    assert whole["classification_categories"][monkey["classifications"][0][0]] == "Sapajus macrocephalus"


@pytest.mark.parametrize(("validated", "count"), [("", 1), ("validated = true\n", 0)])
def test_names_that_nobody_validated_are_told_as_such_and_none_is_certain(
    validated: str, count: int, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the end of the table stands that nobody has measured them here; a network that says 1.00 says 99 %."""
    bundle = make(tmp_path / "boxes", Shown("animal", 0.9999))
    names = name_bundles.make(
        tmp_path / "names", (name_bundles.JAGUAR, name_bundles.BLANK), network=name_bundles.constant(0.9999, 0.0),
        more=f'{validated}activation = "none"', golden={"Panthera onca": 0.9999},
    )  # fmt: skip
    main(["see", str(folder / "a.jpg"), "--bundle", str(bundle), "--species", str(names), "--lang", "es"])
    told = capsys.readouterr().out
    assert "jaguar 99 %" in told
    assert told.count("nombres sin validar: nadie ha medido") == count


@pytest.mark.parametrize(("lang", "says"), [("es", "animal, o nada 90 %"), ("en", "animal, or nothing 90 %")])
def test_an_animal_that_the_network_of_names_takes_for_nothing_is_told(
    lang: str, says: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A station makes an event of it, so that the table tells it, with the doubt."""
    bundle = make(tmp_path / "boxes", Shown("animal", 0.9))
    names = name_bundles.make(
        tmp_path / "names", (name_bundles.JAGUAR, name_bundles.BLANK), network=name_bundles.constant(0.0, 0.995),
        more='activation = "none"', golden={"blank": 0.995},
    )  # fmt: skip
    main(["see", str(folder / "a.jpg"), "--bundle", str(bundle), "--species", str(names), "--lang", lang])
    assert capsys.readouterr().out.startswith(f"a.jpg  {says}\n")


def test_a_person_of_whom_the_network_of_names_is_surer_is_as_sure(folder: Path, tmp_path: Path) -> None:
    """Person .3 and human .8 in the same box: .8, as a station tells it."""
    bundle = make(tmp_path / "boxes", Shown("person", 0.3))
    labels = (name_bundles.JAGUAR, name_bundles.BLANK, name_bundles.HUMAN)
    names = name_bundles.make(
        tmp_path / "names", labels, network=name_bundles.constant(0.1, 0.1, 0.8), more='activation = "none"',
        golden={"human": 0.8},
    )  # fmt: skip
    out = tmp_path / "out.json"
    main(["see", str(folder / "a.jpg"), "--json", str(out), "--bundle", str(bundle), "--species", str(names)])
    (found,) = _told(out)["a.jpg"]["detections"]
    assert (found["category"], found["conf"]) == ("2", pytest.approx(0.8, abs=1e-3))


def test_a_folder_is_no_file_to_write(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says so before it looks at anything."""
    bundle = detector(tmp_path / "theirs", "yolov5", THINGS)
    assert main(["see", str(folder), "--json", str(tmp_path), "--bundle", str(bundle), "--lang", "en"]) == 1
    assert "is a folder; name the file to write" in capsys.readouterr().err
    assert not tmp_path.with_name(tmp_path.name + ".part").exists()


def test_who_stops_it_reads_no_traceback(folder: Path, tmp_path: Path) -> None:
    """Ctrl-C: a sentence, the status that shells have for it, and what was looked at is kept."""
    for number in range(400):
        os.link(folder / "a.jpg", folder / f"{number:03}.jpg")
    out, part = tmp_path / "out.json", tmp_path / "out.json.part"
    call = [sys.executable, "-m", "otorongo.models", "see", str(folder), "--json", str(out), "--lang", "es"]
    with subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        while running.poll() is None and (not part.exists() or part.read_bytes().count(b"\n") < 3):
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        said = running.communicate()[1]
    assert running.returncode == 130
    assert "Traceback" not in said
    assert "detenido; lo mirado queda guardado" in said
    assert part.exists()
    assert not out.exists()


def test_a_stopped_command_goes_on(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was looked at before is taken up again; a line cut off by a power cut is looked at anew."""
    out = tmp_path / "out.json"
    bundle = detector(tmp_path / "theirs", "yolov5", THINGS)
    given = ["see", str(folder), "--json", str(out), "--bundle", str(bundle), "--lang", "en"]
    main(given)
    whole = _told(out)
    capsys.readouterr()
    part = tmp_path / "out.json.part"
    from otorongo.models import manifest
    from otorongo.models.runtime import open_classifier
    from otorongo.models.see import Looker

    signature = Looker(open_classifier(manifest.load(bundle)), None, None, 0.05).signature
    marked = json.dumps(["a.jpg", [["vehicle", 0.77, 0, 0, 1, 1, [], []]], ""])
    part.write_text(f'"{signature}"\n{marked}\n["DCIM/b.PNG", [["an')
    main(given)
    assert "1 was looked at before" in capsys.readouterr().err
    told = _told(out)
    assert told["a.jpg"]["detections"][0]["conf"] == 0.77
    assert told["DCIM/b.PNG"] == whole["DCIM/b.PNG"]
    part.write_text(f'"other networks"\n{marked}\n')
    main(given)
    assert _told(out) == whole


def test_an_empty_folder_and_a_wrong_bundle_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No pictures, no such place, a bundle that draws no boxes: one sentence each."""
    names = name_bundles.make(tmp_path / "names")
    (tmp_path / "empty").mkdir()
    assert main(["see", str(tmp_path / "empty"), "--lang", "es"]) == 1
    assert "no hay fotos" in capsys.readouterr().err
    assert main(["see", str(tmp_path / "nowhere"), "--lang", "en"]) == 1
    assert "there is no such file or folder" in capsys.readouterr().err
    picture = tmp_path / "a.png"
    assert cv2.imwrite(str(picture), np.zeros((40, 40, 3), np.uint8))
    assert main(["see", str(picture), "--bundle", str(names)]) == 1
    assert "draws no boxes" in capsys.readouterr().err
    for least in ("-0.1", "1", "nan"):
        assert main(["see", str(folder), "--least", least]) == 1
        assert "is no probability (allowed: 0 to below 1)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("p", "lang", "told"),
    [
        (0.48, "es", "nada, quizá animal, 48 %, bajo el umbral de 50 %"),
        (0.48, "en", "nothing, perhaps animal, 48 %, below the threshold of 50 %"),
        (0.498, "es", "nada, quizá animal, 49.8 %, bajo el umbral de 50.0 %"),
        (0.2, "es", "nada"),
        (0.52, "es", "animal 52 %"),
    ],
)
def test_what_lacked_little_is_told_as_such(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], p: float, lang: str, told: str
) -> None:
    """An animal just below the threshold: the line says how much it had and needed, and the count how often."""
    bundle = make(tmp_path / "boxes", Shown("animal", p))
    main(["see", str(folder / "a.jpg"), "--bundle", str(bundle), "--lang", lang])
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == f"a.jpg  {told}"
    near = {"es": "1 de las fotos con nada muestran quizá algo", "en": "1 of the pictures with nothing show perhaps"}
    assert any(near[lang] in line for line in rest) == ("umbral" in told or "threshold" in told)


def test_who_lacked_little_beside_another_is_told_too(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dog that is sure, and a person who nearly is: both stand in the line, and only the dog is counted as seen."""
    bundle = make(tmp_path / "boxes", Shown("dog", 0.9), Shown("person", 0.45, (0.0, 0.1, 0.2, 0.9)))
    main(["see", str(folder / "a.jpg"), "--bundle", str(bundle), "--lang", "es"])
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == "a.jpg  perro 90 %, quizá persona, 45 %, bajo el umbral de 50 %"
    assert not any(line.endswith("persona") for line in rest)
    assert "1 de las otras muestran quizá algo más, bajo el umbral" in rest


def test_a_copy_shows_what_reaches_its_threshold_and_what_lacks_little(folder: Path, tmp_path: Path) -> None:
    """A thick box in yellow and a dashed one in blue, each where it was; where nothing was, no copy is written."""
    place = (0.3, 0.3, 0.6, 0.8)
    whole, dashed = tmp_path / "whole", tmp_path / "dashed"
    for out, p in ((whole, 0.9), (dashed, 0.45), (tmp_path / "none", 0.1)):
        bundle = make(out.with_suffix(".bundle"), Shown("animal", p, place))
        cv2.imwrite(str(folder / "a.jpg"), np.full((600, 800, 3), 60, np.uint8))
        main(["see", str(folder / "a.jpg"), "--bundle", str(bundle), "--draw", str(out), "--lang", "es"])
    assert not (tmp_path / "none").exists()
    shares = []
    for out, ink in ((whole, SURE), (dashed, UNSURE)):
        with Image.open(out / "a.boxes.jpg") as copy:
            pixels = np.asarray(copy.convert("RGB"), np.int32)
        assert pixels.shape == (600, 800, 3)
        edge = pixels[200:470, 236:246]  # the left side of the box
        shares.append(float((np.abs(edge - np.array(ink)).sum(axis=2).min(axis=1) < 120).mean()))
    assert shares[0] > 0.95
    assert 0.3 < shares[1] < 0.8


def test_foreign_files_and_copies_are_left_out_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Films, notes and names without an ending are counted once; copies of the last time are not looked at again."""
    place = tmp_path / "card"
    place.mkdir()
    for name in ("a.MP4", "b.mp4", "notes.txt", "DCIM", ".hidden.txt"):
        (place / name).write_bytes(b"x")
    bundle = make(tmp_path / "boxes", Shown("animal", 0.9))
    given = ["see", str(place), "--bundle", str(bundle), "--draw", str(place / "copies"), "--lang"]
    assert main([*given, "es"]) == 1
    said = capsys.readouterr().err
    assert "no hay fotos" in said
    assert "se dejan de lado, aquí no se leen: .mp4 (2), " in said
    assert ".txt (1)" in said
    assert "sin extensión (1)" in said
    assert cv2.imwrite(str(place / "a.png"), np.zeros((40, 40, 3), np.uint8))
    for _ in range(2):
        assert main([*given, "en"]) == 0
        told = capsys.readouterr()
        assert "left out, they are not read here: .mp4 (2)" in told.err
        assert f"copies with boxes: 1, in {place / 'copies'}" in told.err
        assert "1 picture:" in told.out
    nothing = make(tmp_path / "nothing", Shown("animal", 0.1))
    assert main([*given, "es", "--bundle", str(nothing)]) == 0
    assert "no hay nada que dibujar" in capsys.readouterr().err


def test_a_picture_that_vanishes_before_its_copy_is_told_and_the_next_one_is_drawn(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As when a card is pulled out, with results of a command that was stopped before: no traceback, one line."""
    shutil.copy(folder / "a.jpg", folder / "b.jpg")
    result = Result("a.jpg", (Detection("animal", 0.9, 0.1, 0.2, 0.3, 0.4),))
    for name in ("a.jpg", "b.jpg"):
        _draw(folder / name, _copy_of(tmp_path / "out" / name), result, {"animal": 0.5}, "es")
        (folder / "a.jpg").unlink(missing_ok=True)
    speak("es")
    _draw(folder / "a.jpg", _copy_of(tmp_path / "out" / "c.png"), result, {"animal": 0.5}, "es")
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == ["a.boxes.jpg", "b.boxes.jpg"]
    assert "a.jpg: no hay copia con sus recuadros: no existe tal archivo" in capsys.readouterr().err


def test_a_copy_that_cannot_be_written_is_an_error_that_says_where(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder's name is a file's."""
    (tmp_path / "taken").write_text("x")
    bundle = make(tmp_path / "boxes", Shown("animal", 0.9))
    assert main(["see", str(folder / "a.jpg"), "--bundle", str(bundle), "--draw", str(tmp_path / "taken")]) == 1
    assert "taken" in capsys.readouterr().err


def test_a_file_of_which_its_decoder_complains_is_named(folder: Path, tmp_path: Path) -> None:
    """In the words of this program, and not a line of libjpeg's own."""
    raw = (folder / "a.jpg").read_bytes()
    (folder / "a.jpg").write_bytes(raw[:-2] + bytes(25) + raw[-2:])
    bundle = make(tmp_path / "boxes", Shown("animal", 0.9))
    argv = [sys.executable, "-m", "otorongo.models", "see", str(folder / "a.jpg"), "--bundle", str(bundle)]
    env = {**os.environ, "OTORONGO_LANG": "es"}
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True, env=env)
    lines = [line for line in ran.stderr.splitlines() if "JPEG" in line]
    assert len(lines) == 1
    assert f"AVISO {folder / 'a.jpg'}: quien lo lee dice: Corrupt JPEG data" in lines[0]


def test_the_docs_tell_the_threshold_that_animals_have(root: Path) -> None:
    """In the example of what lacks little: the highest that does, the lowest, and the threshold itself."""
    text = (root / "docs/models.md").read_text()
    least, most, sure = (int(one) for one in re.findall(r"such as \.(\d\d) or \.(\d\d) of \.(\d\d)\)", text)[0])
    threshold = manifest.load("boxes@1").by_label["animal"].threshold
    assert sure == round(100 * threshold)
    assert least - 1 < 100 * calibrate.sigmoid(calibrate.logit(threshold) - NEAR) <= least < most < sure
    assert f'"quizá animal, {most} %, bajo el umbral de {sure} %"' in text
