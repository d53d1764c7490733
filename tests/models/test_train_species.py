"""`otorongo-models train-species`: from reviewed pictures to a bundle of names that everything else takes."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from otorongo.hub import camtrap
from otorongo.models import __main__, manifest
from otorongo.models.name_animals import Namer
from otorongo.models.runtime import open_classifier
from otorongo.models.species_train.names import class_of
from tests.models import name_bundles, others, reviewed
from tests.models.reviewed import BLUE, GREEN, RED
from tests.spoken import english_in

CLASSES = {"otorongo": RED, "Sapajus macrocephalus": GREEN, "vacío": BLUE}


def _backbone(tmp_path: Path) -> Path:
    """A network whose three features are the mean red, green and blue."""
    return name_bundles.make(tmp_path / "backbone")


def _train(tmp_path: Path, source: Path, *more: str, out: str = "mine") -> int:
    call = ["train-species", str(source), "--out", str(tmp_path / out), "--lang", "en", *more]
    if "--backbone" not in more:
        call += [
            "--backbone",
            str(_backbone(tmp_path)) if not (tmp_path / "backbone").exists() else str(tmp_path / "backbone"),
        ]
    return __main__.main(call)


def _namer(folder: Path) -> Namer:
    opened = open_classifier(manifest.load(folder))
    assert isinstance(opened, Namer)
    return opened


def test_folders_become_a_bundle_that_everything_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Check passes, the names come out of crops, nobody has validated it, and the card says what is not shown."""
    source = reviewed.folder(tmp_path / "fotos", CLASSES)
    (source / "otorongo" / "trocha 1" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    assert _train(tmp_path, source) == 0
    told = capsys.readouterr()
    assert "1 pictures could not be read" in told.err
    assert "broken.jpg" in told.err
    assert __main__.main(["check", str(tmp_path / "mine")]) == 0
    namer = _namer(tmp_path / "mine")
    about = namer.bundle.manifest
    assert (about.reference, about.validated) == ("my-names@1", False)
    assert {label.name for label in namer.labels} == {"Panthera onca", "Sapajus macrocephalus", "blank"}
    for colour, name in ((RED, "Panthera onca"), (GREEN, "Sapajus macrocephalus"), (BLUE, "blank")):
        best = namer.candidates(name_bundles.painted(colour))[0]
        assert best.label.name == name
        assert best.p > 0.5
    card = namer.bundle.path("card").read_text()
    assert "54 crops of 6 places" in card
    assert "(not shown)" in card
    assert "it was not given" in card


def test_it_goes_on_where_it_was_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was looked at is not looked at again; a record cut off in the middle is; the same head comes out."""
    source = reviewed.folder(tmp_path / "fotos", CLASSES)
    assert _train(tmp_path, source) == 0
    first = (tmp_path / "mine" / "head.npz").read_bytes()
    (tmp_path / "mine").rename(tmp_path / "before")
    journal = tmp_path / "mine.features"
    whole = journal.read_bytes()
    journal.write_bytes(whole[: len(whole) // 2])
    capsys.readouterr()
    assert _train(tmp_path, source) == 0
    assert "crops were looked at before" in capsys.readouterr().err
    assert len(journal.read_bytes()) == len(whole)
    assert (tmp_path / "mine" / "head.npz").read_bytes() == first


def test_unknown_names_are_refused_with_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is written, and the way out is told."""
    source = reviewed.folder(tmp_path / "fotos", {"jagaur": RED, "majaz": GREEN})
    assert _train(tmp_path, source) == 1
    told = capsys.readouterr().err
    assert "jagaur" in told
    assert "jaguar" in told
    assert not (tmp_path / "mine").exists()


def test_classes_that_cannot_be_judged_are_dropped_with_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of one place, and one of few pictures; with one class left nothing is made."""
    source = reviewed.folder(tmp_path / "fotos", {"otorongo": RED, "majaz": GREEN})
    reviewed.folder(source, {"blank": BLUE}, places=1, each=12)
    reviewed.folder(source, {"tapir": (90, 90, 90)}, places=2, each=2)
    capsys.readouterr()
    unknown = class_of("tapir") is None
    if unknown:
        (source / "tapir").rename(source / "sachavaca")
    assert _train(tmp_path, source) == 0
    told = capsys.readouterr().err
    assert "blank: left out, one place" in told
    assert "4 pictures" in told
    assert {label.name for label in _namer(tmp_path / "mine").labels} == {"Panthera onca", "Cuniculus paca"}
    alone = reviewed.folder(tmp_path / "una", {"otorongo": RED})
    assert _train(tmp_path, alone, out="other") == 1
    assert "1 classes can be learnt" in capsys.readouterr().err


def test_without_places_it_says_so_and_is_never_validated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """CLASS/picture: neighbours by name stay together, and the figures are called optimistic."""
    source = reviewed.folder(tmp_path / "fotos", CLASSES, places=15, each=2, flat=True)
    assert _train(tmp_path, source, "--validated") == 0
    told = capsys.readouterr()
    assert "places are not known" in told.err
    assert "optimistic" in told.out
    assert not manifest.load(tmp_path / "mine").manifest.validated


def test_twenty_places_and_a_word_make_it_validated(tmp_path: Path) -> None:
    """With `--validated` over 21 places the manifest says so, and intervals are shown; without it, it does not."""
    source = reviewed.folder(tmp_path / "fotos", CLASSES, places=21, each=1)
    floating = str(_backbone(tmp_path) / "model.onnx")
    assert _train(tmp_path, source, "--validated", "--float", floating, "--name", "trocha@3") == 0
    bundle = manifest.load(tmp_path / "mine")
    assert bundle.manifest.validated
    assert bundle.manifest.reference == "trocha@3"
    card = bundle.path("card").read_text()
    assert " to " in card.partition("| Panthera onca")[2].partition("\n")[0]
    assert "passed" in card
    assert _train(tmp_path, source, out="quiet") == 0
    assert not manifest.load(tmp_path / "quiet").manifest.validated


def test_without_the_float_network_nobody_validates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No gate ran, so nobody knows what INT8 loses: 21 places and a word are not enough, and the way out is told."""
    source = reviewed.folder(tmp_path / "fotos", CLASSES, places=21, each=1)
    assert _train(tmp_path, source, "--validated") == 0
    assert "--float" in capsys.readouterr().err
    assert not manifest.load(tmp_path / "mine").manifest.validated


def test_boxes_of_megadetector_say_where_the_animal_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A picture without an animal's box is left out; the others are cut, a blank stays whole."""
    source = reviewed.folder(tmp_path / "fotos", CLASSES)
    files = sorted(path.relative_to(source).as_posix() for path in source.rglob("*.png"))
    images = [
        {"file": name, "detections": [{"category": "1", "conf": 0.9, "bbox": [0.2, 0.2, 0.5, 0.5]}]} for name in files
    ]
    images[0]["detections"] = [{"category": "2", "conf": 0.9, "bbox": [0.2, 0.2, 0.5, 0.5]}]
    (tmp_path / "md.json").write_text(json.dumps({"images": images}))
    assert _train(tmp_path, source, "--boxes", str(tmp_path / "md.json")) == 0
    told = capsys.readouterr()
    assert "1 left out: no box of an animal in it" in told.err
    assert "--boxes" not in told.err  # they were given
    assert "53 crops of 6 places" in told.out


def test_boxes_with_whole_paths_of_another_machine_are_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What MegaDetector writes by default; one picture that its file does not hold is told as that."""
    source = reviewed.folder(tmp_path / "fotos", CLASSES)
    files = sorted(path.relative_to(source) for path in source.rglob("*.png"))
    images = [
        {
            "file": f"C:\\Users\\ana\\revisadas\\{str(path).replace('/', chr(92))}",
            "detections": [{"category": "1", "conf": 0.9, "bbox": [0.2, 0.2, 0.5, 0.5]}],
        }
        for path in files[1:]
    ]
    (tmp_path / "md.json").write_text(json.dumps({"images": images}))
    assert _train(tmp_path, source, "--boxes", str(tmp_path / "md.json")) == 0
    told = capsys.readouterr()
    assert "1 left out: not in the file of boxes" in told.err
    assert "53 crops of 6 places" in told.out


def test_what_is_left_out_is_told_in_spanish_and_in_english_in_the_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files, classes, doubts and names that nobody knows, and the card: Spanish is read; the bundle's is English."""
    source = reviewed.folder(tmp_path / "fotos", CLASSES)
    reviewed.folder(source, {"majaz": GREEN}, places=1, each=12)
    reviewed.folder(source, {"sachavaca": RED}, places=2, each=2)
    (source / "otorongo" / "notas.txt").write_text("hola")
    (source / "ronsoco").mkdir()
    backbone = str(_backbone(tmp_path))
    call = ["train-species", str(source), "--out", str(tmp_path / "mine"), "--backbone", backbone, "--validated"]
    assert __main__.main([*call, "--lang", "es"]) == 0
    told = capsys.readouterr()
    said = told.err
    assert "Queda fuera, Cuniculus paca: un solo lugar" in told.out
    assert "| clase | recortes |" in told.out
    assert english_in(told.out) == []
    for words in (
        "1 quedan fuera: no es foto", "Cuniculus paca: queda fuera, un solo lugar",
        "Tapirus terrestris: queda fuera, 4 fotos",
        "Hydrochoerus hydrochaeris: queda fuera, 0 fotos",
        "queda sin validar: las cifras se apoyan en 6 lugares", "se toma como: majaz = Cuniculus paca; otorongo = Pan",
    ):  # fmt: skip
        assert words in said
    assert english_in(said) == []
    card = (tmp_path / "mine" / "card.md").read_text()
    assert "- Left out, Cuniculus paca: one place (needed: 2; one cannot be held out)." in card
    package = _package(tmp_path / "dp", human=False)
    assert __main__.main([*call[:1], str(package), *call[2:3], str(tmp_path / "dp-out"), "--lang", "es"]) == 1
    refused = capsys.readouterr().err
    assert "ninguna persona puso la etiqueta" in refused
    assert english_in(refused) == []


def _event(station: str, number: int, name: str, scientific: str) -> dict[str, object]:
    """An event as the hub's export reads it."""
    return {
        "id": f"{station}-0000000a-{number}", "station": station, "start_ms": 1_700_000_000_000 + number * 60_000,
        "stop_ms": 1_700_000_005_000 + number * 60_000, "received_ms": 1_700_000_010_000 + number * 60_000,
        "sense": "picture", "name": name, "bound_ms": 10, "scientific": scientific, "count": 1, "model": "boxes@1",
        "peak": 90,
    }  # fmt: skip


def _package(folder: Path, *, human: bool) -> Path:
    """A package by the hub's own writer: two kinds of animals and a person at six stations."""
    deployments, media, observations = [], [], []
    for at in range(6):
        station = f"est-{at}"
        deployments.append(
            camtrap.deployment(
                station, (-12.8, -69.3), 0.5, 1_600_000_000_000, 1_800_000_000_000, timestamp_issues=False
            )
        )
        kinds = (("Panthera onca", RED, "animal"), ("Cuniculus paca", GREEN, "animal"), ("", BLUE, "human"))
        for number in range(9):
            scientific, colour, kind = kinds[number % 3]
            event = _event(station, number, kind, scientific)
            path = f"media/{event['id']}-0.webp"
            reviewed.picture(folder / path, colour, 100 * at + number)
            media.append(camtrap.media(event, {"seq": 0, "utc_ms": event["start_ms"]}, path))
            row = dict(camtrap.observation(event, kind, 1_800_000_000_000))
            observations.append(row | ({"classificationMethod": "human", "classifiedBy": "ana"} if human else {}))
    camtrap.write(folder, deployments, media, observations, name="p", now_ms=1_800_000_000_000)
    return folder


def test_a_package_of_the_hub_becomes_a_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Events and their pictures, places by location; persons are learnt as persons."""
    assert _train(tmp_path, _package(tmp_path / "dp", human=True)) == 0
    assert "54 crops of 6 places" in capsys.readouterr().out
    namer = _namer(tmp_path / "mine")
    assert {label.name for label in namer.labels} == {"Panthera onca", "Cuniculus paca", "human"}
    assert namer.candidates(name_bundles.painted(GREEN))[0].label.name == "Cuniculus paca"


def test_of_a_visit_only_what_has_an_animals_box_is_learnt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A label is of the whole visit: a picture in which MegaDetector sees nothing would teach the empty clearing."""
    package = _package(tmp_path / "dp", human=True)
    files = sorted(row["filePath"] for row in csv.DictReader((package / "media.csv").read_text().splitlines()))
    box = {"category": "1", "conf": 0.9, "bbox": [0.2, 0.2, 0.5, 0.5]}
    images = [{"file": name, "detections": [box]} for name in files]
    animals = [at for at, name in enumerate(files) if int(name.split("-")[-2]) % 3 != 2]
    images[animals[0]]["detections"] = []
    del images[animals[1]]
    (tmp_path / "md.json").write_text(json.dumps({"images": images}))
    assert _train(tmp_path, package, "--boxes", str(tmp_path / "md.json")) == 0
    told = capsys.readouterr()
    assert "1 left out: no box of an animal in it" in told.err
    assert "1 left out: not in the file of boxes" in told.err
    assert "52 crops of 6 places" in told.out


def test_labels_of_a_machine_are_no_reviewed_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By default nothing is left, and it says so; with --unreviewed they count, and nobody may validate them."""
    package = _package(tmp_path / "dp", human=False)
    assert _train(tmp_path, package) == 1
    assert "--unreviewed" in capsys.readouterr().err
    assert _train(tmp_path, package, "--unreviewed", "--validated") == 0
    assert "labels were given by a machine" in capsys.readouterr().err
    assert not manifest.load(tmp_path / "mine").manifest.validated


def test_what_a_package_cannot_give_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A path out of the folder, a foreign name and two kinds in one picture: left out, told, the rest goes on."""
    package = _package(tmp_path / "dp", human=True)
    rows = list(csv.DictReader((package / "media.csv").read_text().splitlines()))
    rows[0]["filePath"] = "../outside.webp"
    with (package / "media.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    told = list(csv.DictReader((package / "observations.csv").read_text().splitlines()))
    told[4]["scientificName"] = "Vulpes vulpes"
    told.append({**told[1], "observationID": "twice", "scientificName": "Panthera onca"})
    with (package / "observations.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, told[0].keys())
        writer.writeheader()
        writer.writerows(told)
    assert _train(tmp_path, package) == 0
    said = capsys.readouterr().err
    assert "1 left out: the picture is not in the package's folder" in said
    assert "1 left out: unknown name Vulpes vulpes" in said
    assert "1 left out: more than one kind in one picture or box" in said


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--seed", "-1"], "--seed -1: is no whole number"),
        (["--backbone", "boxes@1"], "is no bundle of names for pictures"),
        (["--float", "WRONG"], "is not made for the pictures that"),
        (["--float", "OTHER"], "gives 2 features"),
        (["--boxes", "LATIN"], "is no JSON"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_looked_at(
    tmp_path: Path, more: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not after an hour, and in a sentence; nothing is written, no features either."""
    files = {
        "WRONG": others.constant(np.zeros((1, 3), np.float32), (1, 64, 64, 3)),
        "OTHER": others.constant(np.zeros((1, 2), np.float32), (1, 3, name_bundles.SIDE, name_bundles.SIDE)),
        "LATIN": "{caña".encode("latin-1"),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    source = reviewed.folder(tmp_path / "fotos", CLASSES, each=2)
    assert _train(tmp_path, source, *(str(tmp_path / word) if word in files else word for word in more)) == 1
    assert says in capsys.readouterr().err
    assert not list(tmp_path.glob("mine*"))


def test_a_bundle_is_not_put_among_the_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would be taken for a class the next time."""
    source = reviewed.folder(tmp_path / "fotos", CLASSES, each=2)
    assert _train(tmp_path, source, out="fotos/mine") == 1
    assert "lies among the pictures" in capsys.readouterr().err


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that is there, and a name that is none."""
    (tmp_path / "mine").mkdir()
    assert _train(tmp_path, tmp_path) == 1
    assert "nothing is overwritten" in capsys.readouterr().err
    assert _train(tmp_path, tmp_path, "--name", "mine", out="x") == 1
    assert "name@version" in capsys.readouterr().err
