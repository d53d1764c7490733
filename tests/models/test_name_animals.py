"""A bundle of names: what its outputs mean, how they are calibrated, and what of a frame its network is given."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.models import __main__, labels, manifest
from otorongo.models.errors import BundleError, InputError
from otorongo.models.manifest import Crop
from otorongo.models.name_animals import LEAST_PX, Namer, cut, softmax
from otorongo.models.rollup import UNKNOWN, label_of
from otorongo.models.runtime import check_goldens, open_classifier
from otorongo.models.threat_first import ANIMAL, THREATS, Seen, judge
from tests.models import bundles, name_bundles
from tests.models.name_bundles import BLANK, BLUE, CAPUCHIN, GREEN, HUMAN, JAGUAR, LEOPARD, RED, TEAPOT, painted


def _namer(folder: Path, **more: object) -> Namer:
    opened = open_classifier(manifest.load(name_bundles.make(folder, **more)))  # type: ignore[arg-type]
    assert isinstance(opened, Namer)
    return opened


def test_a_network_of_names_says_what_a_crop_may_be(tmp_path: Path) -> None:
    """The candidates fall, sum up to one at most, and are those of the labels' file."""
    namer = _namer(tmp_path / "b")
    for colour, name in ((RED, "Panthera onca"), (GREEN, "Sapajus macrocephalus"), (BLUE, "blank")):
        found = namer.candidates(painted(colour, 60, 40))
        assert found[0].label.name == name
        assert found[0].p > 0.99
        assert [one.p for one in found] == sorted((one.p for one in found), reverse=True)
        assert sum(one.p for one in found) <= 1.0 + 1e-9


def test_a_network_of_names_is_loaded_by_its_first_crop_and_again_after_a_rest(tmp_path: Path) -> None:
    """Not in memory before, nor after a rest, with a small head beside it; what it says stays the same."""
    head = (np.eye(3) * 0.5, np.zeros(3))
    namer = _namer(tmp_path / "b", head=head)
    before = namer.probabilities(painted(RED))
    assert namer._network.loads == 2, "once for its shapes, and once for the crop"
    namer.rest()
    assert np.array_equal(namer.probabilities(painted(RED)), before)
    assert namer._network.loads == 3
    assert namer._head is not None
    assert {part.dtype for part in namer._head} == {np.dtype(np.float32)}


def test_a_network_of_names_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    """Not at the first animal, which may come at night."""
    with pytest.raises(BundleError, match=r"model\.onnx"):
        _namer(tmp_path / "b", network=b"no network")


def test_outputs_of_one_meaning_count_together(tmp_path: Path) -> None:
    """Two outputs for the same animal are one candidate with the sum of both; at most five are told of many."""
    many = [JAGUAR, JAGUAR, CAPUCHIN, LEOPARD, HUMAN, BLANK, TEAPOT]
    found = _namer(tmp_path / "b", labels=many).candidates(painted((100, 100, 0)))
    assert found[0].label.name == "Panthera onca"
    assert found[0].p > 0.95
    assert len(found) == 5


def test_five_animals_alike_crowd_no_person_out(tmp_path: Path) -> None:
    """Somebody of .15 behind five animals of .17 each is a candidate still, and so a record; a blank is not."""
    labels = [f";mammalia;carnivora;felidae;x;{name};" for name in "abcde"] + [HUMAN, BLANK]
    network = name_bundles.constant(0.17, 0.17, 0.17, 0.17, 0.17, 0.12, 0.03)
    namer = _namer(tmp_path / "b", labels=labels, network=network, more='activation = "none"', golden={"human": 0.12})
    found = namer.candidates(painted(RED))
    assert [one.label.special for one in found] == ["", "", "", "", "", "human"]
    (person, _) = judge(Seen(ANIMAL, 0.9, found))
    assert person.cls == THREATS["human"]
    assert person.p == pytest.approx(0.12)


def test_the_temperature_makes_it_less_sure(tmp_path: Path) -> None:
    """Logits divided by ten: the same order, and a p that is the softmax of a tenth."""
    sure, unsure = (
        _namer(tmp_path / name, more=f"temperature = {value}").candidates(painted(RED))
        for name, value in (("a", "1.0"), ("b", "10.0"))
    )
    assert [one.label for one in sure] == [one.label for one in unsure]
    logits = np.array([10 * 200 / 255, 0.0, 0.0])
    assert unsure[0].p == pytest.approx(float(softmax(logits / 10)[0]), abs=1e-5)
    assert sure[0].p > unsure[0].p


def test_probabilities_are_taken_as_they_are(tmp_path: Path) -> None:
    """`activation = "none"`: the network's own numbers, within 0 and 1, and a temperature over their logarithms."""
    network = name_bundles.colours(3, gain=1.0)
    plain = _namer(tmp_path / "a", network=network, more='activation = "none"').candidates(painted(RED))
    assert plain[0].p == pytest.approx(200 / 255, abs=1e-5)
    assert plain[1].p == 0.0
    more = 'activation = "none"\ntemperature = 2.0'
    warm = _namer(tmp_path / "b", network=network, more=more).candidates(painted((150, 60, 45)))
    roots = np.sqrt(np.array([150, 60, 45]))
    assert warm[0].p == pytest.approx(float(roots[0] / roots.sum()), abs=1e-5)


def test_a_head_of_its_own_turns_features_into_names(tmp_path: Path) -> None:
    """The network gives three features, the head five outputs: features @ weights + bias."""
    weights = np.zeros((3, 5))
    weights[0, 4] = 1.0
    made = (weights, np.array([0.0, 0.0, 3.0, 0.0, 0.0]))
    lines = [JAGUAR, CAPUCHIN, BLANK, LEOPARD, TEAPOT]
    namer = _namer(tmp_path / "b", labels=lines, network=name_bundles.colours(3), head=made)
    assert namer.candidates(painted(RED))[0].label == UNKNOWN
    assert namer.candidates(painted(GREEN))[0].label.name == "blank"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": [JAGUAR, CAPUCHIN], "network": name_bundles.colours(3)}, "has 2 lines, but the network has 3"),
        ({"head": (np.zeros((3, 2)), np.zeros(2))}, r"weights \(3, 2\).*3 lines"),
        ({"head": (np.zeros((7, 3)), np.zeros(3))}, "takes 7 features, the network gives 3"),
        ({"head": (np.full((3, 3), np.nan), np.zeros(3))}, "numbers that are none"),
        ({"labels": [JAGUAR, "a;b"]}, "line 2: has 2 fields"),
        ({"network": b"no network"}, "cannot load it"),
        ({"golden": {"Panthera leo": 0.5}}, "has no output 'Panthera leo'"),
    ],
)
def test_files_that_do_not_fit_are_named(tmp_path: Path, change: dict[str, object], said: str) -> None:
    """Labels, head, network and goldens that belong to something else: an error with the file and both numbers."""
    bundle = manifest.load(name_bundles.make(tmp_path / "b", **change))  # type: ignore[arg-type]
    with pytest.raises(BundleError, match=said):
        check_goldens(open_classifier(bundle))


def test_a_crop_too_small_is_refused(tmp_path: Path) -> None:
    """What is no picture of at least 16 x 16 raises InputError."""
    with pytest.raises(InputError):
        _namer(tmp_path / "b").candidates(painted(RED, 8, 8))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("labels = {", "names = {", "classes: are missing"),
        ('[picture]\nwidth = 32\nheight = 32\nfit = "stretch"\nstd = [255.0, 255.0, 255.0]',
         "[sound]\nrate_hz = 16000\nwindow_s = 3.0\nhop_s = 1.5", "files.labels: names animals in pictures"),
        ("temperature = 1.5", "temperature = 0.0", "temperature"),
        ("temperature = 1.5", "temprature = 1.5", "no such key"),
    ],
)  # fmt: skip
def test_a_manifest_of_names_is_checked(tmp_path: Path, old: str, new: str, said: str) -> None:
    """What speaks of names belongs to a picture bundle with labels."""
    folder = name_bundles.make(tmp_path / "b", more="temperature = 1.5")
    with pytest.raises(Exception, match=said):
        manifest.load(bundles.change(folder, old, new))


@pytest.mark.parametrize("key", ["temperature = 2.0", 'activation = "none"', "validated = true"])
def test_only_names_have_what_is_for_names(tmp_path: Path, key: str) -> None:
    """A bundle of boxes with a temperature was meant otherwise: it is refused."""
    folder = bundles.change(bundles.copy(tmp_path, "boxes@1"), "version = 1", f"version = 1\n{key}")
    with pytest.raises(BundleError, match="is for a bundle of names"):
        manifest.load(folder)


def test_the_commands_know_a_bundle_of_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` runs its goldens, by scientific name; `show` lists what lives here; a wrong golden fails."""
    folder = name_bundles.make(tmp_path / "b", [JAGUAR, LEOPARD, BLANK])
    assert __main__.main(["check", str(folder)]) == 0
    assert "Panthera onca" in capsys.readouterr().out
    assert __main__.main(["show", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "3 outputs, 2 names; 1 of them live in Peru" in told
    assert "not validated" in told
    assert __main__.main(["check", str(name_bundles.make(tmp_path / "c", golden={"Panthera onca": 0.1}))]) == 1


def test_lines_of_labels_are_told_by_place_or_by_common_name() -> None:
    """SpeciesNet's own lines: ranks, special labels, and one that says nothing."""
    lines = [JAGUAR, HUMAN, BLANK, TEAPOT, "1f68;;;;;;animal", "f2;no cv result;;;;;no cv result", "e2;;;;;;vehicle"]
    lines[5] = "f2;;;;;;no cv result"
    found = labels.parse(lines)
    assert [one.special for one in found] == ["", "human", "blank", "unknown", "", "unknown", "vehicle"]
    assert found[4] == label_of((), "animal")
    for wrong in ([], ["one"], ["a;b;c;d;e;f;g;h"]):
        with pytest.raises(ValueError, match="allowed"):
            labels.parse(wrong)


share = st.floats(0, 1)


@given(st.integers(20, 500), st.integers(20, 500), share, share, share, share, st.floats(0, 2), st.booleans())
def test_a_crop_lies_in_the_frame_and_holds_its_box(
    width: int, height: int, x: float, y: float, w: float, h: float, margin: float, square: bool
) -> None:
    """Wherever a box is, also at the edge: the crop is in the frame, as square as it can be, and holds the box."""
    frame = np.arange(height * width, dtype=np.uint32).reshape(height, width)
    picture = np.stack([frame % 251, frame // 251 % 251, frame // 63001], axis=-1).astype(np.uint8)
    box = (x, y, x + (1 - x) * w, y + (1 - y) * h)
    crop = cut(picture, box, Crop(margin=margin, square=square))
    assert min(crop.shape[:2]) >= min(LEAST_PX, width, height)
    first = crop[0, 0].astype(int) @ (1, 251, 63001)
    top, left = divmod(int(first), width)
    assert left <= box[0] * width + 1 and left + crop.shape[1] >= box[2] * width - 1  # noqa: PT018 - one side each
    assert top <= box[1] * height + 1 and top + crop.shape[0] >= box[3] * height - 1  # noqa: PT018
    if square:
        assert crop.shape[0] == crop.shape[1] or max(crop.shape[:2]) >= min(width, height)
