"""A second opinion and species in the microphone's process: chosen by the configuration, off by default."""

import csv
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from msgspec import structs

from otorongo.models import add_yamnet, manifest
from otorongo.models.manifest import Bundle, Joint
from otorongo.models.runtime import SpeciesScore, open_classifier
from otorongo.models.second import SecondOpinion
from otorongo.models.sound import SoundClassifier
from otorongo.models.train import machines, scenes
from otorongo.models.train.scenes import Source, render_soundscape
from otorongo.station import config as station_config
from otorongo.station.adapters.board import LinuxBoard
from otorongo.station.app import _ear, sense, sensor_of
from otorongo.station.app_check import check
from otorongo.station.app_ears import ears
from otorongo.station.app_process import birth_bundles
from otorongo.station.app_rules import experimental, rules_for
from otorongo.station.app_uplink import station_birth
from otorongo.station.config import BirdsConfig, MicrophoneConfig, StationConfig, rules_of
from otorongo.station.life_list import LifeList
from otorongo.station.outbox import Outbox
from otorongo.station.samples import Event, Sample, Score
from otorongo.toml import ConfigError
from otorongo.wire.classes import BY_NAME, name_of
from otorongo.wire.codes import Trend
from otorongo.wire.rows import Listening
from tests.station.sense_rig import open_outbox, rows_in

TRUMPETER = SpeciesScore(0.8, "Psophia leucoptera", "Trompetero Aliblanco", "White-winged Trumpeter", "birds")


def write_config(folder: Path, text: str) -> Path:
    """A station.toml with these lines."""
    path = folder / "station.toml"
    path.write_text(f'station = "e"\ndata_dir = "{folder / "data"}"\n{text}')
    return path


@pytest.fixture
def yamnet(shared: Path, tmp_path: Path) -> Path:
    """The added bundle."""
    return add_yamnet.add(shared / "weights" / "yamnet_spectra_in.tflite", tmp_path / "shelf")


def test_one_bundle_listens_by_default(tmp_path: Path) -> None:
    """Without `second` there is none, and without [birds] there are no species."""
    config = station_config.load(write_config(tmp_path, '[microphone]\ndriver = "replay"\ndevice = "x"\n'))
    assert config.microphone is not None
    bundle = manifest.load(config.microphone.bundle)
    assert isinstance(ears(config, config.microphone, bundle, LinuxBoard(config.data_dir)), SoundClassifier)
    assert set(config.sensors()) == {"microphone"}


def test_a_saw_is_told_with_both_opinions(yamnet: Path, tmp_path: Path) -> None:
    """From recording to outbox with `second`: the saw is an event, and the birth names both bundles."""
    (tmp_path / "in").mkdir()
    # YAMNet doubts most rendered saws; this one it takes for real.
    scene = render_soundscape([Source("chainsaw", 5, 30, 60)], 45.0, 16_000, seed=2)
    soundfile.write(tmp_path / "in" / "20261122_120000.wav", scene, 16_000)
    lines = f'driver = "replay"\ndevice = "{tmp_path / "in"}"\nsecond = "{yamnet}"\n[microphone.replay]\nspeed = 0\n'
    config = station_config.load(write_config(tmp_path, f"[microphone]\n{lines}"))
    assert config.microphone is not None
    told: list[str] = []
    assert sense(config, "microphone", show=lambda event, sample: told.append(name_of(event.cls))) == 0
    assert "chainsaw" in told
    bundle = manifest.load(config.microphone.bundle)
    assert [each.name for each in birth_bundles(config.microphone, bundle)] == ["threats", "yamnet"]
    whole, faults = station_birth(config, tmp_path / "station.toml")
    assert ([each.name for each in whole.bundles], faults) == (["threats", "yamnet"], [])


@pytest.mark.parametrize(("label", "joint_p", "p"), [("chainsaw", 0.974, 0.98), ("engine", 0.6, 0.85)])
def test_a_veto_counts_from_the_threshold_of_both(label: str, joint_p: float, p: float, tmp_path: Path) -> None:
    """Rain asks one natural unit more than the joint threshold of a pair, be the first one's lower or higher."""
    first = manifest.load("threats@5")
    own = first.by_label[label]
    joint = Joint(
        bundle="threats@5", label=label, own=label, first=0.5, second=0.5, offset=0.0,
        prior=0.1, threshold=joint_p, candidate=0.1,
    )  # fmt: skip
    second = Bundle(first.folder, structs.replace(first.manifest, name="other", joint=(joint,)), first.digest)
    sensor, outbox = MicrophoneConfig(driver="replay", device="x"), open_outbox(tmp_path)
    alone = open_classifier(first)
    rain, cls = BY_NAME["rain"].number, own.wire_class
    stands = {}
    for name, classifier in (("alone", alone), ("both", SecondOpinion(alone, open_classifier(second)))):
        rules = rules_for("microphone", sensor, first)
        made = _ear("microphone", sensor, classifier, rules, outbox)
        assert made is not None
        for number in range(8):
            window = Sample(number * 1500, np.zeros(48_000, np.float32), 3000, 16_000, 1500)
            scores = [Score(rain, 0.95, 3.0, True), Score(cls, p, 3.0, True)]
            heard = made.hear(window, scores, classified=True, failed=False, needed_db=-120.0)
        stands[name] = any(one.hit for one in heard.scores if one.cls == cls)
    assert stands["both"] == (_logit(p) >= _logit(joint_p) + 1)
    assert stands["alone"] == (_logit(p) >= _logit(own.threshold) + 1)
    assert stands["alone"] != stands["both"]


def _logit(p: float) -> float:
    return math.log(p / (1 - p))


def test_the_pair_is_opened_as_one_classifier(yamnet: Path, tmp_path: Path) -> None:
    """`second` makes a SecondOpinion over the first one's manifest; when it is gone the first one listens alone."""
    sensor = MicrophoneConfig(driver="replay", device="x", second=str(yamnet))
    config, board = StationConfig(station="e", microphone=sensor), LinuxBoard(str(tmp_path))
    classifier = ears(config, sensor, manifest.load("threats@5"), board)
    assert isinstance(classifier, SecondOpinion)
    shutil.rmtree(yamnet)
    assert isinstance(ears(config, sensor, manifest.load("threats@5"), board), SoundClassifier)
    assert [each.name for each in birth_bundles(sensor, manifest.load("threats@5"))] == ["threats"]


def test_check_says_what_is_wrong_with_a_second(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second opinion that was never added is a finding that names the command."""
    text = '[microphone]\ndriver = "replay"\ndevice = "x"\nsecond = "stranger@4"\n'
    assert check(write_config(tmp_path, text)) == 1
    assert "otorongo-models add stranger" in capsys.readouterr().out


def test_birds_are_a_sensor_of_their_own(tmp_path: Path) -> None:
    """[birds] has its own number, bundle and rules, and may not take another sensor's number."""
    text = '[microphone]\ndriver = "replay"\ndevice = "x"\n[birds]\ndriver = "replay"\ndevice = "x"\n'
    config = station_config.load(write_config(tmp_path, text))
    assert isinstance(config.birds, BirdsConfig)
    assert (config.birds.number, config.birds.bundle) == (3, "birdnet@1")
    assert list(config.sensors()) == ["microphone", "birds"]
    assert set(rules_of(config.birds)) == {"birds", "frogs", "howler"}
    with pytest.raises(ConfigError, match=r"birds\.number: 1 is that of \[microphone\] too"):
        station_config.load(write_config(tmp_path, text + "number = 1\n"))


def test_the_list_of_the_day_counts_species(tmp_path: Path) -> None:
    """Windows, the surest one and its time; a restart goes on; the next day has a table of its own."""
    clock = ("2026-11-23", "05:40:00", 0.0)

    def now() -> tuple[str, str, float]:
        return clock

    life = LifeList(tmp_path / "species", now)
    life.heard([TRUMPETER], 0.5)
    clock = ("2026-11-23", "05:40:03", 3.0)
    life.heard([SpeciesScore(0.9, *_names())], 0.5)
    life.heard([SpeciesScore(0.3, *_names())], 0.5)
    life.write()
    again = LifeList(tmp_path / "species", now)
    again.heard([TRUMPETER], 0.5)
    clock = ("2026-11-24", "00:00:01", 400.0)
    again.heard([], 0.5)
    with (tmp_path / "species" / "2026-11-23.csv").open(newline="") as file:
        (row,) = list(csv.DictReader(file))
    assert row == {
        "scientific": "Psophia leucoptera", "spanish": "Trompetero Aliblanco", "english": "White-winged Trumpeter",
        "windows": "3", "best_p": "0.900", "best_at": "05:40:03",
    }  # fmt: skip


def _names() -> tuple[str, str, str, str]:
    return TRUMPETER.scientific, TRUMPETER.spanish, TRUMPETER.english, TRUMPETER.wire


def test_a_damaged_list_is_begun_anew(tmp_path: Path) -> None:
    """Half a table from a power cut costs its counts, not the process."""
    (tmp_path / "2026-11-23.csv").write_bytes(b"scientific,spanish\n\xff\x00")
    life = LifeList(tmp_path, lambda: ("2026-11-23", "", 0.0))
    life.heard([TRUMPETER], 0.5)
    life.write()
    assert "Trompetero Aliblanco,White-winged Trumpeter,1" in (tmp_path / "2026-11-23.csv").read_text()


def test_a_full_card_does_not_stop_the_ear(tmp_path: Path) -> None:
    """A list that cannot be written is an OSError that the ear turns into a warning."""
    (tmp_path / "species").write_text("a file is in the way")
    life = LifeList(tmp_path / "species", lambda: ("2026-11-23", "", 0.0))
    life.heard([TRUMPETER], 0.5)
    with pytest.raises(OSError, match="species"):
        life.write()


def test_a_dredge_is_told_as_a_steady_engine_with_its_turns(tmp_path: Path) -> None:
    """From recording to outbox: a comb that lasts is an engine_steady with its f0; the end says how far it heard."""
    (tmp_path / "in").mkdir()
    scene = scenes.at_distance(machines.diesel(260, 16_000, 7, rpm=1800, cylinders=3), 16_000, 300.0, 7)
    noise = np.random.default_rng(1).standard_normal(len(scene)) * 0.001
    sound = scene / float(scene.std()) * 0.01 + noise
    soundfile.write(tmp_path / "in" / "20261122_120000.wav", sound.astype(np.float32), 16_000)
    rule = "[microphone.rule.engine_steady]\ncomb_s = 160\nquiet_s = 60\n"
    lines = f'driver = "replay"\ndevice = "{tmp_path / "in"}"\n[microphone.replay]\nspeed = 0\n{rule}'
    config = station_config.load(write_config(tmp_path, f"[microphone]\n{lines}"))
    told: list[tuple[str, float]] = []
    trends: set[int] = set()

    def show(event: Event, sample: object) -> None:
        told.append((name_of(event.cls), event.f0_hz))
        trends.add(event.trend)

    assert sense(config, "microphone", show=show) == 0
    assert trends == {0, Trend.STEADY}
    turns = {f0_hz for name, f0_hz in told if name == "engine_steady" and f0_hz}
    assert turns
    for f0_hz in turns:
        assert f0_hz / 15 == pytest.approx(round(f0_hz / 15), rel=0.03)  # 1800 turns a minute: orders of 15 Hz
    outbox = Outbox.open(config.outbox_path, boot_id="b", now=LinuxBoard(config.data_dir).clock())
    (hour,) = [each.row for each in rows_in(outbox) if isinstance(each.row, Listening)]
    outbox.close()
    assert 250_000 <= hour.length_ms <= 265_000
    assert len(hour.floor) == 22


def test_combs_can_be_left_out(tmp_path: Path) -> None:
    """Without combs nothing is told by them, and a rule for what they tell is refused with what is allowed."""
    text = '[microphone]\ndriver = "replay"\ndevice = "x"\ncombs = false\n'
    config = station_config.load(write_config(tmp_path, text))
    assert config.microphone is not None
    bundle = manifest.load("threats@5")
    steady = BY_NAME["engine_steady"].number
    assert steady not in rules_for("microphone", config.microphone, bundle)
    assert steady in rules_for("microphone", MicrophoneConfig(driver="replay", device="x"), bundle)
    config = station_config.load(write_config(tmp_path, text + "[microphone.rule.boat]\nquiet_s = 9\n"))
    assert config.microphone is not None
    with pytest.raises(ConfigError, match=r"microphone\.rule\.boat: not in threats@5"):
        rules_for("microphone", config.microphone, bundle)


def test_what_only_combs_tell_is_experimental() -> None:
    """Steady engine, boat and vehicle rest on rendered machines: they are experimental wherever combs are followed."""
    bundle = manifest.load("threats@5")
    own = {spec.wire for spec in bundle.manifest.classes if spec.experimental}
    told, untold = (
        experimental(MicrophoneConfig(driver="replay", device="x", combs=combs), bundle) for combs in (True, False)
    )
    assert "chainsaw" not in told
    assert told == own | {"engine_steady", "boat", "vehicle"}
    assert untold == own


@pytest.mark.parametrize(
    ("rule", "where"),
    [
        ("[microphone.rule.chainsaw]\ncomb_s = 9\n", "microphone.rule.chainsaw.comb_s"),
        ("[microphone.rule.boat]\nthreshold = 0.5\n", "microphone.rule.boat.threshold"),
    ],
)
def test_rules_of_combs_say_what_is_allowed(tmp_path: Path, rule: str, where: str) -> None:
    """A duration for what has no comb, and a threshold for what only a comb tells, are refused with their key."""
    with pytest.raises(ConfigError, match=where.replace(".", r"\.")):
        config = station_config.load(write_config(tmp_path, '[microphone]\ndriver = "replay"\ndevice = "x"\n' + rule))
        rules_for("microphone", sensor_of(config, "microphone"), manifest.load("threats@5"))
