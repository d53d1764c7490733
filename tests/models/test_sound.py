"""A sound bundle at work."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from otorongo.models import manifest, runtime
from otorongo.models.__main__ import main
from otorongo.models.errors import BundleError, InputError
from otorongo.models.runtime import Classifier
from otorongo.models.sound import SoundClassifier
from otorongo.models.train import scenes
from tests.models import bundles

RATE_HZ = 16_000
_OPENED: dict[str, Classifier] = {}


def threats() -> Classifier:
    """The shipped sound bundle, opened once."""
    if not _OPENED:
        _OPENED["threats"] = runtime.open_classifier(manifest.load("threats@5"))
    return _OPENED["threats"]


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays(np.float32, st.integers(1, 3_000), elements=st.floats(-2, 2, width=32)),
    st.sampled_from([8_000, 16_000, 44_100, 48_000]),
)
def test_any_sound_gives_scores_in_range(sound: np.ndarray, rate_hz: int) -> None:
    """Whatever the samples, length and rate: p in 0 to 1, evidence within +-8, a hit exactly at the threshold."""
    verdict = threats().scores(sound, rate_hz)
    specs = threats().bundle.manifest.classes
    assert [score.label for score in verdict.scores] == [spec.label for spec in specs]
    for score, spec in zip(verdict.scores, specs, strict=True):
        assert 0.0 <= score.p <= 1.0
        assert -8.0 <= score.evidence <= 8.0
        assert score.hit == (score.p >= spec.threshold)
        assert score.wire_class == spec.wire_class
    assert verdict.boxes == ()


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, float("nan"), float("inf")])
def test_silence_and_broken_samples_raise_no_threat(value: float) -> None:
    """A dead, stuck or broken microphone is no saw, engine, aircraft, shot or voice."""
    verdict = threats().scores(np.full(48_000, value, np.float32), RATE_HZ)
    threat = ("chainsaw", "engine", "aircraft", "gunshot", "speech")
    assert [score.label for score in verdict.scores if score.hit and score.label in threat] == []


@pytest.mark.parametrize(
    ("data", "rate_hz"),
    [
        (np.zeros((2, 48_000), np.float32), RATE_HZ),
        (np.zeros(48_000, np.int16), RATE_HZ),
        (np.zeros(0, np.float32), RATE_HZ),
        (np.zeros(49_000, np.float32), RATE_HZ),
        (np.zeros(48_000, np.float32), 8_000),
        (np.zeros(48_000, np.float32), 10),
    ],
)
def test_what_is_no_window_of_mono_sound_is_refused(data: np.ndarray, rate_hz: int) -> None:
    """Stereo, integers, nothing, more than a window, and impossible rates are errors, not guesses."""
    with pytest.raises(InputError):
        threats().scores(data, rate_hz)


def test_the_rate_of_the_microphone_hardly_matters() -> None:
    """A rendered saw at 48 kHz and at 16 kHz scores the same within 0.6 in evidence."""
    high = scenes.render_soundscape([scenes.Source("chainsaw", 0, 3, 40)], 3.0, 48_000, 102)
    low = soxr.resample(high, 48_000, RATE_HZ).astype(np.float32)
    first, second = (threats().scores(data, rate).of("chainsaw") for data, rate in ((high, 48_000), (low, RATE_HZ)))
    assert first.evidence == pytest.approx(second.evidence, abs=0.6)


@pytest.mark.parametrize(("voice", "label"), [("chainsaw", "chainsaw"), ("outboard", "engine"), ("gunshot", "gunshot")])
def test_rendered_threats_are_heard_near_and_not_in_the_night_alone(voice: str, label: str) -> None:
    """At 60 m most of eight rendered scenes raise the class; eight nights without it raise it in none."""
    heard = false = 0
    for seed in range(8):
        scene = scenes.render_soundscape([scenes.Source(voice, 0, 3, 60)], 3.0, RATE_HZ, seed)
        night = scenes.render_soundscape([], 3.0, RATE_HZ, seed, background="night")
        heard += threats().scores(scene, RATE_HZ).of(label).hit
        false += threats().scores(night, RATE_HZ).of(label).hit
    assert heard >= 5
    assert false == 0


@pytest.mark.parametrize("offset", [-0.5, 0.05, 0.3])
@pytest.mark.parametrize("seconds", [0.4, 1.3, 2.0])
def test_where_a_recording_with_an_offset_ends_there_is_no_shot(offset: float, seconds: float) -> None:
    """The last piece of a recording is shorter than a window: what follows it is no step; an offset changes nothing."""
    noise = 0.001 * np.random.default_rng(4).standard_normal(round(seconds * 16_000))
    plain, shifted = (threats().scores((by + noise).astype(np.float32), 16_000) for by in (0.0, offset))
    assert not {score.label for score in shifted.scores if score.hit} & {"gunshot", "chainsaw"}
    assert [score.p for score in shifted.scores] == pytest.approx([score.p for score in plain.scores], abs=0.05)


def test_an_embedding_is_had_for_the_asking_and_changes_no_score() -> None:
    """The scores are the same bits with and without it; it has the size that it says, and is the same each time."""
    classifier = threats()
    assert isinstance(classifier, SoundClassifier)
    for seed in range(4):
        sound = scenes.render_soundscape([scenes.Source("chainsaw", 0, 3, 60)], 3.0, RATE_HZ, seed)
        verdict, embedding = classifier.embedded(sound)
        assert verdict == classifier.scores(sound)
        assert embedding.dtype == np.int8
        assert embedding.shape == (classifier.embedding_size,)
        assert (embedding == classifier.embedded(sound)[1]).all()


def test_what_sounds_alike_lies_near() -> None:
    """Of rendered saws, shots and nights, the nearest other is one of its own kind, loud or soft."""
    classifier = threats()
    assert isinstance(classifier, SoundClassifier)
    kinds, found = [], []
    for kind in ("chainsaw", "gunshot", "night"):
        for seed in range(5):
            source = [] if kind == "night" else [scenes.Source(kind, 0, 3, 60)]
            sound = scenes.render_soundscape(source, 3.0, RATE_HZ, seed, background="night" if not source else "day")
            kinds.append(kind)
            found.append(classifier.embedded((sound * (1 + seed) / 5).astype(np.float32))[1].astype(float))
    unit = np.array(found) / np.linalg.norm(found, axis=1, keepdims=True)
    alike = unit @ unit.T - 2 * np.eye(len(unit))
    assert sum(kinds[one] == kinds[int(near)] for one, near in enumerate(alike.argmax(1))) >= 14


@pytest.mark.parametrize(
    ("written", "said"),
    [("logits", "holds float"), ("nothing", "there is none of that name"), ("", "gives no embeddings")],
)
def test_an_embedding_that_is_not_there_is_told(tmp_path: Path, written: str, said: str) -> None:
    """A manifest that names no output, or one that the network has not, says so; the scores of the former stand."""
    folder = bundles.change(bundles.copy(tmp_path), 'embedding = "embedding"', f'embedding = "{written}"')
    with pytest.raises(BundleError, match=said):
        classifier = runtime.open_classifier(manifest.load(folder))
        assert isinstance(classifier, SoundClassifier)
        classifier.embedded(np.zeros(48_000, np.float32))


def test_the_golden_samples_give_their_golden_output() -> None:
    """On this machine every golden value is within the manifest's tolerance."""
    results = runtime.check_goldens(threats())
    assert len(results) >= 2 * len(threats().bundle.manifest.classes)
    assert [result for result in results if not result.ok] == []


def test_a_golden_saw_is_a_saw() -> None:
    """The goldens are worth checking: one is a clear saw, the other clearly none."""
    by_file = {golden.file: golden.p for golden in threats().bundle.manifest.golden}
    assert by_file["golden-saw"]["chainsaw"] > 0.9
    assert by_file["golden-night"]["chainsaw"] < 0.5


def test_check_finds_every_bundle_well(capsys: pytest.CaptureFixture[str]) -> None:
    """`otorongo-models check` ends with 0 and says so bundle by bundle."""
    assert main(["check", "threats@5"]) == 0
    out = capsys.readouterr().out
    assert "threats@5: ok" in out
    assert "golden-saw" in out


def test_check_tells_a_wrong_golden(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A machine that computes something else ends `check` with 1 and shows which value is apart."""
    folder = bundles.copy(tmp_path)
    text = (folder / "manifest.toml").read_text()
    start = text.index("p = { chainsaw = ")
    value = text[start : text.index(",", start)]
    bundles.change(folder, value, "p = { chainsaw = 0.02")
    assert main(["check", str(folder)]) == 1
    assert "too far apart" in capsys.readouterr().out


def test_check_goes_on_after_a_broken_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One damaged bundle is reported with its reason, and the next is still checked."""
    folder = bundles.copy(tmp_path)
    (folder / "model.onnx").write_bytes(b"nothing")
    assert main(["check", "--quiet", str(folder), "threats@5"]) == 1
    out = capsys.readouterr().out
    assert "FAILED" in out
    assert "files.model" in out
    assert "threats@5: ok" in out


def test_list_and_show_say_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    """`list` names the bundles; `show` gives thresholds, sources and the card."""
    assert main(["list"]) == 0
    assert "threats@5" in capsys.readouterr().out
    assert main(["show", "threats@5"]) == 0
    shown = capsys.readouterr().out
    assert "YAMNet" in shown
    assert "What it is bad at" in shown
    assert main(["show", "nothing@1"]) == 1


def test_a_network_that_does_not_fit_its_manifest_is_refused_at_start(tmp_path: Path) -> None:
    """Another number of mel bands, or a file that is no network, is found when the bundle is opened."""
    folder = bundles.change(bundles.copy(tmp_path), "n_mels = 80", "n_mels = 64")
    with pytest.raises(BundleError, match=r"model\.onnx: input has shape"):
        runtime.open_classifier(manifest.load(folder))
    bundles.change(folder, "n_mels = 64", "n_mels = 80")
    (folder / "model.onnx").write_bytes(b"no network")
    bundles.reseal(folder, "model")
    with pytest.raises(BundleError, match=r"onnxruntime .* cannot load it"):
        runtime.open_classifier(manifest.load(folder))


def test_a_sound_bundle_loads_nothing_of_sight_or_training() -> None:
    """Scoring sound imports neither cv2, librosa, numba, scipy, torch nor soundfile."""
    code = (
        "import sys, numpy as np\n"
        "from otorongo.models import manifest, runtime\n"
        "c = runtime.open_classifier(manifest.load('threats@5'))\n"
        "c.scores(np.zeros(44100, np.float32), 44100)\n"
        "heavy = {'cv2', 'librosa', 'numba', 'scipy', 'torch', 'soundfile', 'soxr'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
