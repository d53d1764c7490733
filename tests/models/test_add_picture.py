"""Networks that somebody brings: read, tried and shelved, or refused with the reason and nothing left."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from otorongo.models import add_picture, fetch, manifest, plain_labels, runtime
from otorongo.models.__main__ import main
from otorongo.models.errors import BundleError
from otorongo.models.species_train.names import class_of
from tests.models.others import ANIMAL, PERSON, colour, constant, output

THINGS = [(ANIMAL, 0.9, (0.1, 0.2, 0.4, 0.6)), (PERSON, 0.4, (0.5, 0.1, 0.75, 0.9))]
LABELS = (
    "a1;mammalia;carnivora;felidae;panthera;onca;jaguar\n"
    "a2;mammalia;carnivora;felidae;panthera;pardus;leopard\n"
    "a3;;;;;;blank\n"
)
RED = np.full((40, 40, 3), (255, 0, 0), np.uint8)


def _file(path: Path, data: bytes | str) -> str:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return str(path)


@pytest.mark.parametrize("layout", ["yolov5", "yolov8", "end to end"])
def test_megadetector_is_a_bundle_whose_layout_was_found(
    layout: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`add megadetector --from FILE` finds size and layout by trying, says the licence, and passes `check`."""
    source = _file(tmp_path / "md.onnx", constant(output(layout, THINGS)))
    shelf = tmp_path / "shelf"
    assert main(["add", "megadetector", "--from", source, "--licence", "MIT", "--into", str(shelf)]) == 0
    said = capsys.readouterr().out
    assert "licence MIT" in said
    assert 'bundle = "megadetector@1"' in said
    assert said.rstrip().endswith("otorongo-models see FOLDER --bundle megadetector@1")
    bundle = manifest.load(shelf / "megadetector@1")
    verdict = runtime.open_classifier(bundle).scores(RED)
    assert verdict.of("person").p == pytest.approx(0.4, abs=1e-3)
    assert main(["check", str(bundle.folder)]) == 0


def test_what_was_added_is_listed_in_spanish_beside_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it is called, a column of its own; what it is for in the language that is spoken."""
    monkeypatch.setenv("OTORONGO_MODELS", str(tmp_path / "shelf"))
    source = _file(tmp_path / "md.onnx", constant(output("yolov5", THINGS)))
    for name in ("megadetector@1", "megadetector-of-the-station@12"):
        assert main(["add", "megadetector", "--from", source, "--licence", "MIT", "--as", name, "--lang", "es"]) == 0
    capsys.readouterr()
    assert main(["list", "--lang", "es"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for name in ("megadetector@1", "megadetector-of-the-station@12"):
        assert f"{name} fotos 3 clases MegaDetector, recuadros de animales, personas y vehículos; sin calibrar" in said


def test_yolox_is_taken_at_its_word(tmp_path: Path) -> None:
    """YOLOX looks like YOLOv5; who brings one says so."""
    wanted = add_picture.Wanted(
        "megadetector", constant(output("yolox", THINGS)), "x", licence="MIT", layout="yolox", reference="mine@3"
    )
    folder, _ = add_picture.add(wanted, tmp_path)
    assert manifest.load(folder).manifest.reference == "mine@3"
    assert runtime.open_classifier(manifest.load(folder)).scores(RED).of("animal").p == pytest.approx(0.9, abs=1e-3)


@pytest.mark.parametrize(("last", "activation"), [("Identity", "softmax"), ("Softmax", "none")])
def test_speciesnet_names_what_it_sees(last: str, activation: str, tmp_path: Path) -> None:
    """Labels of seven fields, NHWC, logits or probabilities: red is the jaguar."""
    source, labels = _file(tmp_path / "s.onnx", colour(3, last=last)), _file(tmp_path / "l.txt", LABELS)
    shelf = tmp_path / "shelf"
    assert main(["add", "speciesnet", "--from", source, "--labels", labels, "--into", str(shelf)]) == 0
    bundle = manifest.load(shelf / "speciesnet@1")
    assert bundle.manifest.activation == activation
    assert not bundle.manifest.validated
    assert bundle.manifest.licence == "Apache-2.0"
    namer = runtime.open_classifier(bundle)
    assert namer.scores(RED).of("Panthera onca").p > 0.99
    assert main(["check", str(bundle.folder)]) == 0


def test_deepfaune_wants_consent_and_tells_what_it_cannot_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Plain names are looked up; those of other countries say nothing, and that is told; its licence is accepted."""
    given = ["--from", _file(tmp_path / "d.onnx", colour(4))]
    given += ["--labels", _file(tmp_path / "l.txt", "bird\nmouflon\nhuman\nempty\n"), "--into", str(tmp_path / "shelf")]
    done = subprocess.run(
        [sys.executable, "-m", "otorongo.models", "add", "deepfaune", *given],
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 1
    assert "--accept-licence" in done.stderr
    assert "sin fines comerciales" in done.stdout
    assert not (tmp_path / "shelf").exists()
    assert main(["add", "deepfaune", *given, "--accept-licence"]) == 0
    assert "will say nothing: mouflon" in capsys.readouterr().out
    lines = (tmp_path / "shelf" / "deepfaune@1" / "labels.txt").read_text().splitlines()
    assert lines == [";aves;;;;;bird", ";;;;;;mouflon", ";;;;;;human", ";;;;;;blank"]


def test_what_does_not_fit_is_refused_and_nothing_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each error names the thing and the way out; the shelf stays as it was."""
    model = _file(tmp_path / "md.onnx", constant(output("yolov5", THINGS)))
    names = _file(tmp_path / "s.onnx", colour(3))
    open_size = _file(tmp_path / "open.onnx", colour(3, (1, "h", "w", 3)))
    strange = _file(tmp_path / "strange.onnx", constant(np.zeros((1, 9, 9), np.float32)))
    text = _file(tmp_path / "l.txt", LABELS)
    two = _file(tmp_path / "two.txt", "jaguar\nblank\n")
    none = _file(tmp_path / "none.txt", " \n")
    foreign = _file(tmp_path / "foreign.txt", "ibex\nmouflon\nwolverine\n")
    shelf = tmp_path / "shelf"
    cases = [
        (["megadetector", "--from", model], "under which licence"),
        (["megadetector"], "where is it"),
        (["megadetector", "--url", "https://127.0.0.1:9/x"], "without its hash"),
        (["megadetector", "--url", "http://127.0.0.1/x", "--sha256", "0" * 64], "is not https"),
        (["megadetector", "--from", model, "--sha256", "0" * 64], "has SHA-256"),
        (["megadetector", "--from", strange, "--licence", "MIT"], "which no detector of 3 classes"),
        (["megadetector", "--from", model, "--licence", "MIT", "--as", "mine"], "is no name@version"),
        (["megadetector", "--from", model, "--licence", "MIT", "--as", "Mine@2"], "allowed: up to 32 of a-z"),
        (["megadetector", "--from", model, "--licence", "MIT", "--as", "../x@2"], "--as ../x@2: is no name@version"),
        (["megadetector", "--from", model, "--licence", "MIT", "--as", "x@70000"], "a number from 1 to 65535"),
        (["megadetector", "--from", model, "--licence", "MIT", "--as", "boxes@1"], "comes with the program"),
        (["speciesnet", "--from", names, "--labels", foreign], "none of its names is known here"),
        (["megadetector", "--from", text, "--licence", "MIT"], "l.txt: onnxruntime"),
        (["speciesnet", "--from", names], "Give --labels"),
        (["speciesnet", "--from", names, "--labels", two], "has 3 outputs, but the file of labels has 2 lines"),
        (["speciesnet", "--from", names, "--labels", none], "holds no name"),
        (["speciesnet", "--from", open_size, "--labels", text], "Give --size"),
        (["speciesnet", "--from", text, "--labels", text], "cannot load it"),
        (["speciesnet", "--from", str(tmp_path / "no"), "--labels", text], "cannot be read"),
    ]
    for given, reason in cases:
        assert main(["add", *given, "--into", str(shelf)]) == 1, given
        assert reason in capsys.readouterr().err, given
        assert not list(shelf.glob("*@*")), given


def test_a_network_that_takes_any_size_is_given_one(tmp_path: Path) -> None:
    """`--size` says the side where the file leaves it open."""
    wanted = add_picture.Wanted(
        "speciesnet", colour(3, (1, "h", "w", 3)), "x", labels=LABELS, size_px=48, reference="speciesnet@2"
    )
    folder, _ = add_picture.add(wanted, tmp_path)
    given = manifest.load(folder).manifest.picture
    assert given
    assert (given.width, given.height, given.layout) == (48, 48, "nhwc")


class _Answer:
    """An answer that sends so many bytes."""

    def __init__(self, data: bytes, told: int | None) -> None:
        self.headers = {} if told is None else {"Content-Length": str(told)}
        self._data = data

    def read(self, count: int) -> bytes:
        out, self._data = self._data[:count], self._data[count:]
        return out


@pytest.mark.parametrize("told", [None, 5])
def test_a_file_of_unknown_size_is_bounded(told: int | None) -> None:
    """What is at most so long is taken; more is refused, and so is less than the server has announced."""
    assert fetch.read(_Answer(b"x" * 5, told), 10, "there", exact=False) == b"x" * 5
    with pytest.raises(BundleError, match="more than the 4 bytes that are allowed"):
        fetch.read(_Answer(b"x" * 5, told), 4, "there", exact=False)
    with pytest.raises(BundleError, match="ended after 3 of 5"):
        fetch.read(_Answer(b"x" * 3, 5), 10, "there", exact=False)


def test_every_word_for_a_group_is_in_the_table() -> None:
    """No group that plain labels are taken for is missing from the species of Peru."""
    for word, name in plain_labels.GROUPS.items():
        assert name.lower() in plain_labels.known(), word


@pytest.mark.parametrize("written", ["{0}: {1}", "{0} {1}", "{0},{1}", "{0}\t{1}", "{0}. {1}", "{1}"])
@pytest.mark.parametrize("first", [0, 1])
def test_names_with_their_own_numbers_are_read(written: str, first: int) -> None:
    """Some programs write them before each name; a name that itself begins with a number keeps it."""
    names = ["jaguar", "oiseau", "human"]
    text = "\r\n".join(written.format(at, name) for at, name in enumerate(names, first))
    read = plain_labels.read(text)
    assert [line.rpartition(";")[2] for line in read.lines] == names
    assert read.silent == ()
    assert plain_labels.read("7 jaguar\npuma").silent == ("7 jaguar",)


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("puma", "Puma concolor"),
        ("caiman", "Alligatoridae"),
        ("dog", "Canis familiaris"),
        ("Panthera", "Panthera"),
    ],
)
def test_a_word_that_is_a_genus_too_is_what_people_mean(word: str, name: str) -> None:
    """Who says puma or dog speaks of the animal, and a caiman may be of another genus than Caiman."""
    assert plain_labels.label(word).name == name
    found = class_of(word)
    assert found
    assert found.name == name


def test_a_name_in_spanish_is_known() -> None:
    """`sachavaca` has its English, Spanish and scientific name; a line of seven fields stays as it is."""
    read = plain_labels.read("lowland tapir\nTapirus_terrestris\na;b;c;d;e;f;g\n")
    assert read.lines[0].split(";")[4:6] == ["tapirus", "terrestris"]
    assert read.lines[1].split(";")[4:6] == ["tapirus", "terrestris"]
    assert read.lines[2] == "a;b;c;d;e;f;g"
    assert read.silent == ()


def test_the_golden_picture_is_the_same_everywhere() -> None:
    """Who adds a network elsewhere compares with the same pixels."""
    digest = hashlib.sha256(add_picture.golden_picture().tobytes()).hexdigest()
    assert digest.startswith("e9f162f2fa27c279")
