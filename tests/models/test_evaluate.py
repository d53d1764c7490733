"""`otorongo-models evaluate`: figures with their intervals, hours, and the gate, on small recordings made here."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile

from otorongo import toml
from otorongo.errors import OtorongoError
from otorongo.models import evidence, manifest
from otorongo.models.__main__ import main
from otorongo.models.evaluate import fading, gate, recordings, seen, soundscapes
from otorongo.models.evaluate.gate import drop, verdict
from otorongo.models.evaluate.hours import from_memory, opened, station, tallies
from otorongo.models.evaluate.scoring import SHIPPED, open_ears
from otorongo.models.train import scenes
from otorongo.wire.classes import BY_NAME
from tests.models import bundles

RATE_HZ = 16_000


def test_the_drop_is_paired_and_its_interval_goes_by_recording() -> None:
    """Two recordings of three lose one window in four: the drop is a sixth, and between nothing and a quarter."""
    recording = np.repeat([0, 1, 2], 8)
    floats = np.ones(24, bool)
    shipped = floats.copy()
    shipped[[0, 4, 8, 12]] = False
    lost, low, high = drop(floats, shipped, recording)
    assert lost == pytest.approx(4 / 24)
    assert low == 0.0
    assert high == pytest.approx(0.25)
    assert drop(floats, ~floats, recording)[0] == 1.0
    assert drop(np.array([True, False] * 10), np.array([False, True] * 10), np.zeros(20, int))[0] == 0.0


@pytest.mark.parametrize(
    ("lost", "count", "said"),
    [(0.02, 5, "fails"), (0.011, 90, "fails"), (0.01, 19, "not shown"), (0.0, 20, "passes"), (-0.1, 90, "passes")],
)
def test_few_recordings_show_nothing(lost: float, count: int, said: str) -> None:
    """Over a point fails in any case; below twenty recordings nothing passes."""
    assert verdict(lost, count) == said


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shots and three forests, rendered, and a file that is none, with labels: small, and nobody's recordings."""
    here = tmp_path_factory.mktemp("mine")
    rows = ["file,label,licence,recording,split"]
    for number in range(2):
        shot = scenes.render_soundscape([scenes.Source("gunshot", 1, 2, 100)], 4, RATE_HZ, seed=5 + number)
        soundfile.write(here / f"shot{number}.flac", shot, RATE_HZ)
        rows.append(f"shot{number}.flac,gunshot,CC0,shot{number},{'test' if number else ''}")
    for number, bed in enumerate(("day", "night", "day")):
        calm = scenes.render_soundscape([], 12, RATE_HZ, seed=30 + number, background=bed)
        soundfile.write(here / f"forest{number}.wav", calm, RATE_HZ)
        rows.append(f"forest{number}.wav,forest_background,CC0,forest{number},{'train' if number == 2 else ''}")
    (here / "broken.wav").write_bytes(b"RIFF nothing")
    rows.append("broken.wav,birds,CC0,broken,")
    (here / "labels.csv").write_text("\n".join(rows) + "\n")
    return here


def test_a_folder_of_ones_own_is_heard_but_for_what_it_trained(folder: Path) -> None:
    """Rows without a split are test; a row of the train split is left out, and says so."""
    found = recordings.collect([folder], [], manifest.load(bundles.THREATS))
    assert {each.path.name for each in found.recordings} == {
        "shot0.flac", "shot1.flac", "forest0.wav", "forest1.wav", "broken.wav",
    }  # fmt: skip
    assert any("of its train split: 1 files" in words for words in found.left_out)


def test_what_the_bundle_was_trained_on_is_never_heard(tmp_path: Path) -> None:
    """A recording that the attribution names as trained on is left out, wherever its folder lies."""
    bundle = manifest.load(bundles.THREATS)
    text = bundle.path("attribution").read_text()
    name = next(n for n in re.findall(r"^train .*?: (\S+/.*)$", text, re.MULTILINE)[0].split(", "))
    mine = tmp_path / name.split("/")[0]
    mine.mkdir()
    soundfile.write(mine / "mine.wav", np.zeros(RATE_HZ, np.float32), RATE_HZ)
    (mine / "labels.csv").write_text(
        f"file,label,licence,recording\n{name.split('/')[1]},birds,CC0,a\nmine.wav,birds,CC0,b\n"
    )
    found = recordings.collect([mine], [], bundle)
    assert [each.path.name for each in found.recordings] == ["mine.wav"]
    assert any("attribution" in words for words in found.left_out)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("file,label,licence,recording\na.wav,dragon,CC0,a\n", ["labels.csv", "dragon"]),
        ("file,label,licence\na.wav,birds,CC0\n", ["labels.csv", "recording"]),
        (None, ["labels.csv", "--background"]),
    ],
)
def test_a_folder_that_says_too_little_is_refused(tmp_path: Path, labels: str | None, said: list[str]) -> None:
    """The error names the file, what is wrong, and the way out."""
    if labels is not None:
        (tmp_path / "labels.csv").write_text(labels)
    with pytest.raises(OtorongoError) as caught:
        recordings.collect([tmp_path], [], manifest.load(bundles.THREATS))
    for words in said:
        assert words in str(caught.value)


def test_hours_of_ones_own_need_no_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder of nature alone gives a report of its hours: 12 s count where a rule needs no more."""
    site = tmp_path / "site"
    site.mkdir()
    calm = scenes.render_soundscape([], 12, RATE_HZ, seed=40)
    soundfile.write(site / "a.wav", calm, RATE_HZ)
    out = tmp_path / "report"
    arguments = ["--background", str(site), "--rendered-hours", "0", "--out", str(out)]
    assert main(["evaluate", "sound", bundles.THREATS, *arguments]) == 0
    assert "2160 for one per station-month" in capsys.readouterr().out
    told = toml.load(out / evidence.FILE_NAME, evidence.Evidence)
    hours = {each.name: each.real_hours for each in told.classes}
    assert hours["chainsaw"] == hours["aircraft"] == hours["gunshot"] == pytest.approx(12 / 3600, abs=1e-4)
    assert hours["engine_steady"] == hours["boat"] == 0.0
    assert "nothing is said of recall" in (out / "report.md").read_text()


def test_truth_knows_engines_by_many_names() -> None:
    """A car is an engine and a vehicle and no saw; what no label could name is unknown, not absent."""
    assert recordings.truth("vehicle", "engine") == recordings.truth("vehicle", "engine_steady") == 1
    assert recordings.truth("vehicle", "chainsaw") == 0
    assert recordings.truth("chainsaw", "engine") == recordings.truth("chainsaw", "boat") == -1
    assert recordings.truth("rain", "excavator") == 0
    assert recordings.truth("rain", "tree_fall") == -1


def test_the_stations_own_ear_opens_a_saw_and_none_in_a_night() -> None:
    """Half a minute of a rendered saw at 40 m opens an event of it, a rendered night none of any threat."""
    ears = open_ears(bundles.THREATS)
    own = station(ears.by_name[SHIPPED])
    saw = scenes.render_soundscape([scenes.Source("chainsaw", 5, 25, 40)], 30, RATE_HZ, seed=3)
    night = scenes.render_soundscape([], 30, RATE_HZ, seed=4, background="night")
    assert BY_NAME["chainsaw"].number in {event.cls for event in opened(own, from_memory(own, saw))}
    assert [event for event in opened(own, from_memory(own, night)) if BY_NAME["chainsaw"].number == event.cls] == []
    assert own.least_s(BY_NAME["chainsaw"].number) == pytest.approx(7.5)
    assert own.least_s(BY_NAME["engine_steady"].number) == 600.0


def test_the_delay_of_a_near_saw_is_some_windows() -> None:
    """Of a rendered saw at 50 m over a rendered day, each of four is told within 20 s of its first sound."""
    ears = open_ears(bundles.THREATS)
    day = np.round(scenes.bed("day", 20.0, RATE_HZ, 1) * 3000).astype(np.int16)
    given = fading.Bench({}, [fading.Take(day, "day", "forest_background")], RATE_HZ, ears.given.window_samples)
    (near,) = soundscapes.delays(
        station(ears.by_name[SHIPPED]), given, rendered=True, done=lambda: None, distances_m=(50,)
    )
    assert (near.told.hits, near.told.tries) == (4, 4)
    assert 3.0 < near.median_s <= near.longest_s < 20.0


@pytest.fixture(scope="module")
def evaluated(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the zoo's bundle, evaluated on the small folder; its own network stands for the float one."""
    copied = bundles.copy(tmp_path_factory.mktemp("bundle"))
    arguments = [
        "--float",
        str(copied / "model.onnx"),
        "--rendered-hours",
        "0",
        "--gate-windows",
        "60",
        "--into-bundle",
    ]
    assert main(["evaluate", "sound", str(copied), "--recordings", str(folder), *arguments]) == 0
    return copied


def section(card: str, title: str) -> list[list[str]]:
    """The cells of the table below a heading, line by line."""
    lines = card[card.index(title) :].split("\n### ", maxsplit=1)[0].splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]


@pytest.mark.slow
def test_an_evaluation_writes_what_check_wants(evaluated: Path) -> None:
    """Evidence, card, pictures and digests are in the bundle, and `check` takes it."""
    assert main(["check", "--quiet", str(evaluated)]) == 0
    told = evidence.check(manifest.load(evaluated))
    assert told is not None
    assert told.real_hours == pytest.approx(24 / 3600, abs=1e-4)
    assert told.data[0].files == 5
    saw = next(each for each in told.classes if each.name == "chainsaw")
    assert saw.recordings == 2
    assert saw.upper_per_day == pytest.approx(72 / told.real_hours, rel=0.01)
    steady = next(each for each in told.classes if each.name == "engine_steady")
    assert (steady.real_hours, steady.upper_per_day) == (0.0, None)
    card = (evaluated / "card.md").read_text()
    for words in (
        "### Aims",
        f"{bundles.THREATS}, float",
        "**Without an interval** stand",
        "### How it fades",
        "### What quantizing costs",
        "not shown",
        "broken.wav",
        "-10 dB",
        "1500 m",
    ):
        assert words in card
    rows = section(card, "### As recorded")[2:]
    assert [row[1] for row in rows] == [bundles.THREATS, f"{bundles.THREATS}, float"]
    bracket = re.compile(r" \(\d\.\d+ to \d\.\d+(; \d+)?\)$")
    for row in (*rows, *section(card, "### Recall at fixed rates")[2:]):
        assert all(cell == "-" or bracket.search(cell.replace("))", ")")) for cell in row[3:]), row
    for name in re.findall(r"\]\((evaluation-\w+\.png)\)", card):
        assert (evaluated / name).stat().st_size > 1000
    assert len(re.findall(r"\]\((evaluation-\w+\.png)\)", card)) == 4


@pytest.mark.slow
def test_the_gate_passes_the_network_that_was_measured(
    evaluated: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On rendered windows and on the same recordings the committed network is as it was; two shots show nothing."""
    assert main(["evaluate", "gate", str(evaluated), "--recordings", str(folder)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"chainsaw +200 windows .* apart 0\.00\d  same", said)
    assert re.search(r"gunshot +2 recordings .* drop \+0\.000 .* not shown", said)


def spoiled(evaluated: Path, folder: Path, **changed: np.ndarray) -> Path:
    """A copy of the bundle that keeps something else of what its networks said."""
    copied = bundles.copy_folder(evaluated, folder)
    gate.Kept(**{**vars(gate.kept(manifest.load(copied))), **changed}).save(copied / gate.FILE_NAME)
    return bundles.reseal(copied, gate.ROLE)


@pytest.mark.slow
def test_the_gate_fails_another_network_than_was_measured(
    evaluated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the kept scores are two logits off what this network says, it is not the one that was measured."""
    kept = gate.kept(manifest.load(evaluated))
    folder = spoiled(evaluated, tmp_path, probe_shipped=kept.probe_shipped + np.float16(2.0))
    assert main(["evaluate", "gate", str(folder), "--windows", "30"]) == 1
    assert "FAILED" in capsys.readouterr().err


@pytest.mark.slow
def test_the_gate_fails_what_eight_bits_lost(
    evaluated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A float network that heard more of the rendered shots fails that class, although this one is as it was."""
    kept = gate.kept(manifest.load(evaluated))
    more = kept.probe_float.copy()
    more[gate.PROBES_EACH : 2 * gate.PROBES_EACH] += np.float16(4.0)
    folder = spoiled(evaluated, tmp_path, probe_float=more)
    assert main(["evaluate", "gate", str(folder), "--windows", "60"]) == 1
    told = capsys.readouterr()
    assert "FAILED: over one point of recall is lost: gunshot" in told.err
    assert re.search(r"gunshot .* apart 0\.00\d  fails", told.out)
    assert re.search(r"chainsaw .* apart 0\.00\d  same", told.out)


@pytest.mark.slow
def test_the_gate_fails_a_network_that_hears_less(
    evaluated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A network whose saw is a quarter of a logit duller than the one that was measured loses hits, and is refused."""
    copied = bundles.copy_folder(evaluated, tmp_path)
    network = copied / "model.onnx"
    model = onnx.load(network)
    ending = next(node for node in model.graph.node if model.graph.output[0].name in node.output)
    saw = [spec.wire for spec in manifest.load(copied).manifest.classes].index("chainsaw")
    for each in model.graph.initializer:
        if each.name == ending.input[2]:
            biases = onnx.numpy_helper.to_array(each).copy()
            biases[saw] -= 0.25
            each.CopyFrom(onnx.numpy_helper.from_array(biases, each.name))
    onnx.save(model, network)
    bundles.reseal(copied, "model")
    told = copied / evidence.FILE_NAME
    before = hashlib.sha256((evaluated / "model.onnx").read_bytes()).hexdigest()
    told.write_text(told.read_text().replace(before, hashlib.sha256(network.read_bytes()).hexdigest()))
    bundles.reseal(copied, "evidence")
    assert main(["evaluate", "gate", str(copied)]) == 1
    assert "chainsaw" in capsys.readouterr().err


@pytest.mark.slow
def test_the_gate_refuses_other_recordings(evaluated: Path, folder: Path, tmp_path: Path) -> None:
    """What was measured on one set of recordings is not compared on another."""
    other = tmp_path / folder.name
    other.mkdir()
    for path in folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    soundfile.write(other / "shot0.flac", np.zeros(RATE_HZ, np.float32), RATE_HZ)
    assert hashlib.sha256((other / "shot0.flac").read_bytes()) != hashlib.sha256((folder / "shot0.flac").read_bytes())
    assert main(["evaluate", "gate", str(evaluated), "--recordings", str(other)]) == 1


def test_every_threat_and_all_nature_go_through_the_gate() -> None:
    """The gate knows each class of the shipped bundle, chainsaw and gunshot first, with 2,000 windows of a threat."""
    wires = open_ears(bundles.THREATS).wires
    assert set(wires) <= set(gate.WIRES)
    assert gate.WIRES[:2] == ("chainsaw", "gunshot")
    assert gate.WINDOWS >= 2000


def test_rendered_voices_are_counted_one_by_one() -> None:
    """Two scenes of a peque-peque and two of rain over a rendered day: each voice has its scenes, a boat is no saw."""
    ears = open_ears(bundles.THREATS)
    day = np.round(scenes.bed("day", 20.0, RATE_HZ, 1) * 3000).astype(np.int16)
    given = fading.Bench({}, [fading.Take(day, "day", "forest_background")], RATE_HZ, ears.given.window_samples)
    own = station(ears.by_name[SHIPPED])
    counted = tallies(own)
    found = soundscapes.voices(own, given, 4, counted, lambda: None, ("peque_peque", "rain"))
    assert {voice: each.scenes for voice, each in found.items()} == {"peque_peque": 2, "rain": 2}
    assert not {"engine", "boat", "vehicle", "engine_steady"} & set(found["peque_peque"].events)
    assert counted.rendered_hours == pytest.approx(4 * soundscapes.SCENE_S / 3600)
    assert found["rain"].events["chainsaw"] == 0


def test_what_a_background_raises_by_itself_stands_beside_the_voice() -> None:
    """A background with a saw in it raises saws without the rendered rain too, and these are counted apart."""
    ears = open_ears(bundles.THREATS)
    saw = scenes.render_soundscape([scenes.Source("chainsaw", 0, 20, 30)], 20, RATE_HZ, seed=3)
    day = np.round(saw / np.abs(saw).max() * 30000).astype(np.int16)
    given = fading.Bench({}, [fading.Take(day, "day", "forest_background")], RATE_HZ, ears.given.window_samples)
    own = station(ears.by_name[SHIPPED])
    counted = tallies(own)
    found = soundscapes.voices(own, given, 1, counted, lambda: None, ("rain",))
    assert found["rain"].alone["chainsaw"] >= 1
    assert counted.rendered_hours == pytest.approx(soundscapes.SCENE_S / 3600)


def test_what_was_trained_on_is_heard_apart(folder: Path) -> None:
    """A recording of the train split is in no count, and what the network makes of it is told by its label."""
    found = recordings.collect([folder], [], manifest.load(bundles.THREATS))
    assert [each.path.name for each in found.seen] == ["forest2.wav"]
    heard = seen.hear(station(open_ears(bundles.THREATS).by_name[SHIPPED]), found.seen, lambda: None)
    assert list(heard) == ["forest_background"]
    assert heard["forest_background"].hours == pytest.approx(12 / 3600, abs=1e-4)
    assert 0 < heard["forest_background"].highest < 0.9
    assert heard["forest_background"].events["chainsaw"] == 0


def test_evaluating_loads_no_torch() -> None:
    """A technician needs no torch to evaluate a bundle."""
    code = "import otorongo.models.evaluate.command, sys; print(sorted({'torch', 'onnx', 'cv2'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_nothing_to_hear_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Without recordings and backgrounds the command ends with 1 and says what to give."""
    assert main(["evaluate", "sound", bundles.THREATS]) == 1
    assert "--background FOLDER" in capsys.readouterr().err
