"""Networks for LiteRT: which tensors a file gives out, and the session that runs it."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo import toml
from otorongo.models import add_yamnet, litert, manifest
from otorongo.models.errors import BundleError
from otorongo.models.litert import LiteSession
from otorongo.models.mel import Spectrogram
from otorongo.models.tflite_file import with_outputs


@pytest.fixture(scope="module")
def published(shared: Path) -> bytes:
    """YAMNet as its publisher gives it out."""
    return (shared / "weights" / "yamnet_spectra_in.tflite").read_bytes()


@pytest.fixture(scope="module")
def yamnet(published: bytes, tmp_path_factory: pytest.TempPathFactory) -> LiteSession:
    """The same, with logits and embedding as outputs."""
    path = tmp_path_factory.mktemp("yamnet") / "model.tflite"
    path.write_bytes(add_yamnet.adapted(published))
    return LiteSession(path)


def test_other_outputs_of_the_same_network(published: bytes, yamnet: LiteSession, shared: Path, tmp_path: Path) -> None:
    """The publisher's test spectrogram gives the publisher's probabilities, from logits that were not flattened."""
    (tmp_path / "as-it-was.tflite").write_bytes(published)
    spectrum = np.fromfile(shared / "weights" / "yamnet_test_spectra.bin", np.float32).reshape(1, 96, 64)
    (p,) = LiteSession(tmp_path / "as-it-was.tflite").run(spectrum)
    logits, embedding = yamnet.run(spectrum)
    assert np.abs(1 / (1 + np.exp(-logits)) - p).max() < 1 / 256
    assert (logits.shape, embedding.size) == ((1, 521), 1024)
    assert p.argmax() == 0  # speech
    assert np.unique(p).size < np.unique(logits).size


def test_only_the_list_of_outputs_is_changed(published: bytes) -> None:
    """All but four bytes of the publisher's file stand where they stood, and the new list follows them."""
    changed = add_yamnet.adapted(published)
    apart = [at for at, (old, new) in enumerate(zip(published, changed, strict=False)) if old != new]
    assert max(apart) - min(apart) < 4
    assert len(changed) - len(published) < 16


@given(st.binary(max_size=400), st.lists(st.integers(-2, 100), max_size=3))
def test_what_is_no_network_is_refused(noise: bytes, tensors: list[int]) -> None:
    """Neither foreign bytes nor a damaged file raise anything but BundleError."""
    for data in (noise, b"\x10\x00\x00\x00TFL3" + noise):
        with pytest.raises(BundleError):
            with_outputs(data, tensors)


def test_a_cut_file_is_refused_by_name(published: bytes, tmp_path: Path) -> None:
    """Half a network is an error that names the file, not a crash of the process."""
    path = tmp_path / "half.tflite"
    path.write_bytes(published[:100_000])
    done = _loaded(path)
    assert done.returncode == 1
    assert "half.tflite: LiteRT cannot load it" in done.stderr


def test_a_network_is_loaded_without_a_word(shared: Path) -> None:
    """That LiteRT takes XNNPACK, which it says once in a process, is no news to a technician who adds a bundle."""
    done = _loaded(shared / "weights" / "yamnet_spectra_in.tflite")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


class _Talking:
    """An interpreter that says two lines, and then fails, or not."""

    def __init__(self, fails: str, model_path: str, num_threads: int) -> None:
        self.fails = fails

    def allocate_tensors(self) -> None:
        """Say them."""
        os.write(2, b"INFO: all is well\nERROR: op 7 is new\n")
        if self.fails:
            raise RuntimeError(self.fails)

    def get_input_details(self) -> list[dict[str, Any]]:
        """One input."""
        return [{"name": "in", "index": 0, "shape": [1]}]

    get_output_details = get_input_details


def test_what_litert_says_of_a_network_is_told_with_its_name(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it in the error where it fails; else what is no mere news, as a warning."""
    path = tmp_path / "new.tflite"
    monkeypatch.setattr(litert, "_interpreter", lambda _: partial(_Talking, "Failed to prepare"))
    with pytest.raises(BundleError, match=r"load it: Failed to prepare; INFO: all is well; ERROR: op 7 is new$"):
        LiteSession(path)
    assert caplog.messages == []
    monkeypatch.setattr(litert, "_interpreter", lambda _: partial(_Talking, ""))
    LiteSession(path)
    assert caplog.messages == [f"{path}: LiteRT says: ERROR: op 7 is new"]
    assert capfd.readouterr().err == ""


def test_without_litert_the_error_says_what_to_install(tmp_path: Path) -> None:
    """A machine without LiteRT is told the pip command, and only when a bundle needs it."""
    code = (
        "import sys; sys.modules['ai_edge_litert'] = None\n"
        "from pathlib import Path; from otorongo.models import runtime\n"
        f"runtime.open_session(Path({str(tmp_path / 'x.tflite')!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "pip install 'otorongo[litert]'" in done.stderr


def test_the_front_end_is_yamnets(published: bytes) -> None:
    """A tone lies in the band whose HTK mel is nearest; silence is ln(0.001); three patches cover 3 s."""
    given_ = toml.load(add_yamnet.RECIPE / "manifest.toml", manifest.Manifest).sound
    assert given_ is not None
    front = Spectrogram(given_)
    assert np.allclose(front.tensor(np.zeros(48_000, np.float32)), np.log(0.001))
    centres = 700 * (10 ** (np.linspace(_mel(125.0), _mel(7500.0), 66)[1:-1] / 2595) - 1)
    for hz in (400.0, 1000.0, 3000.0):
        tone = np.sin(2 * np.pi * hz * np.arange(48_000) / 16_000).astype(np.float32)
        first, middle, last = front.tensors(tone)
        assert first.shape == (1, 96, 64)
        assert abs(int(first[0].mean(axis=0).argmax()) - int(np.abs(centres - hz).argmin())) <= 1
        assert np.allclose(first, middle, atol=1e-2)
        assert np.allclose(first, last, atol=1e-2)


def _loaded(path: Path) -> "subprocess.CompletedProcess[str]":
    """A process that loads a network, and nothing more."""
    program = (
        f"from pathlib import Path; from otorongo.models.litert import LiteSession; LiteSession(Path({str(path)!r}))"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


def _mel(hz: float) -> float:
    return 2595 * float(np.log10(1 + hz / 700))
