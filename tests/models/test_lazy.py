"""Networks that are loaded when needed, and let go: the same answers, and a damaged file is refused at once."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from otorongo.models.boxes import BoxClassifier
from otorongo.models.errors import BundleError
from otorongo.models.lazy import LazySession
from otorongo.models.manifest import load
from tests.models import bundles


def test_a_network_is_loaded_by_its_first_run_and_again_after_a_rest() -> None:
    """Opened once for its shapes, and let go; each run after a rest loads it, others do not, and all say the same."""
    bundle = load("boxes@1")
    network = LazySession(bundle.path("things"), sha256=bundle.manifest.files["things"].sha256)
    assert (network.loaded, network.loads) == (False, 1)
    assert next(iter(network.inputs.values())) == [1, 384, 384, 3]
    picture = np.random.default_rng(1).integers(0, 255, (1, 384, 384, 3), dtype=np.uint8)
    first, second = network.run(picture), network.run(picture)
    assert (network.loaded, network.loads) == (True, 2)
    network.rest()
    assert not network.loaded
    third = network.run(picture)
    assert network.loads == 3
    for one, other, again in zip(first, second, third, strict=True):
        assert np.array_equal(one, other)
        assert np.array_equal(one, again)


def test_a_classifier_sees_the_same_after_a_rest() -> None:
    """Neither network is in memory before the first picture, nor after a rest; scores and boxes are the same."""
    classifier = BoxClassifier(load("boxes@1"))
    networks = classifier._where, classifier._what
    assert not any(one.loaded for one in networks)
    picture = np.load(classifier.bundle.path("golden"))
    before = classifier.scores(picture)
    assert all(one.loaded for one in networks)
    classifier.rest()
    assert not any(one.loaded for one in networks)
    assert classifier.scores(picture) == before


def test_a_network_that_cannot_be_run_is_refused_at_the_start(tmp_path: Path) -> None:
    """Not at the first frame, which may come at night: the file and the reason."""
    folder = bundles.copy(tmp_path, "boxes@1")
    before = hashlib.sha256((folder / "things.onnx").read_bytes()).hexdigest()
    (folder / "things.onnx").write_bytes(b"no network")
    bundles.change(folder, before, hashlib.sha256(b"no network").hexdigest())
    with pytest.raises(BundleError, match=r"things\.onnx"):
        BoxClassifier(load(folder))


def test_a_network_that_is_replaced_while_it_rests_is_refused(tmp_path: Path) -> None:
    """Who puts another network in its place makes every frame fail, which is told, and none be taken for empty."""
    folder = bundles.copy(tmp_path, "boxes@1")
    classifier = BoxClassifier(load(folder))
    picture = np.load(classifier.bundle.path("golden"))
    classifier.scores(picture)
    classifier.rest()
    (folder / "things.onnx").write_bytes((folder / "somewhere.onnx").read_bytes())
    with pytest.raises(BundleError, match=r"things\.onnx: was changed while the program ran"):
        classifier.scores(picture)
    (folder / "things.onnx").unlink()
    with pytest.raises(BundleError, match=r"things\.onnx: cannot be read"):
        classifier.scores(picture)
