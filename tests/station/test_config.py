"""station.toml: what is wrong is refused with file, key, reason and what is allowed."""

import importlib.util
import re
from pathlib import Path

import pytest

from otorongo import language
from otorongo.models.manifest import load as load_bundle
from otorongo.station import config as station_config
from otorongo.station.app import sensor_of
from otorongo.station.app_check import check
from otorongo.station.app_rules import rules_for
from otorongo.toml import ConfigError
from otorongo.wire.classes import BY_NAME
from tests.spoken import english_in

GOOD = """
station = "K-02"
data_dir = "{folder}"
[place]
latitude_deg = -12.5
longitude_deg = -70.0
[microphone]
driver = "replay"
device = "{folder}"
"""


def write(folder: Path, more: str = "") -> Path:
    """A station.toml."""
    path = folder / "station.toml"
    path.write_text(GOOD.format(folder=folder) + more)
    return path


def test_a_good_file_has_sensible_defaults(tmp_path: Path) -> None:
    """A few lines are enough."""
    config = station_config.load(write(tmp_path))
    assert config.microphone is not None
    assert (config.microphone.bundle, config.microphone.number) == ("threats@5", 1)
    assert list(config.sensors()) == ["microphone"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[microphone.rule.chainsaw]\nhits = 3", r"microphone\.rule\.chainsaw: hits and windows come together"),
        (
            "[microphone.rule.jaguar]\nhits = 1\nwindows = 1",
            r"microphone\.rule\.jaguar: is no class of sounds \(allowed: chain",
        ),
        ("[microphone.rule.chainsaw]\nhitz = 3", r"microphone\.rule\[.*\]\.hitz: no such key|hitz: no such key"),
        ('[camera]\ndriver = "opencv"\nnumber = 1', r"camera\.number: 1 is that of \[microphone\] too"),
        ('[camera]\ndriver = "webcam"', r"camera\.driver: .*allowed: picamera, opencv, folder, replay"),
        (
            '[camera]\ndriver = "picamera"\ndevice = "/dev/video0"',
            r"camera\.device: '/dev/video0' \(allowed: .*such as 0",
        ),
        (
            '[camera]\ndriver = "opencv"\ndevice = "camera"',
            r"camera\.device: 'camera' \(allowed: a number, /dev/video0",
        ),
        (
            '[camera]\ndriver = "opencv"\ntrigger_pin = 17\nir_cut_pin = 17',
            r"camera\.ir_cut_pin: 17 is that of trigger_",
        ),
        ("[uplink]", r"uplink\.broker: is missing"),
        ('[uplink]\nbroker = "mqtt://h"\nkeepalive_s = 1', r"uplink\.keepalive_s: expected"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, more: str, said: str) -> None:
    """Each mistake is named."""
    with pytest.raises(ConfigError, match=said):
        station_config.load(write(tmp_path, more))
    language.speak("es")
    with pytest.raises(ConfigError) as spanish:
        station_config.load(write(tmp_path, more))
    assert english_in(str(spanish.value)) == []


def test_a_bad_name_and_no_sensor_are_refused(tmp_path: Path) -> None:
    """A name that would not fit into a topic; a station that neither looks nor listens."""
    path = tmp_path / "station.toml"
    path.write_text('station = "K 02"\n[camera]\ndriver = "picamera"\n')
    with pytest.raises(ConfigError, match="K 02"):
        station_config.load(path)
    path.write_text('station = "K-02"\n')
    with pytest.raises(ConfigError, match="no sensor"):
        station_config.load(path)


@pytest.mark.parametrize(
    ("device", "named"), [("", "/dev/video0"), ("97", "/dev/video97"), ("/dev/video98", "/dev/video98")]
)
def test_a_usb_camera_that_is_not_plugged_in_is_something_to_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], device: str, named: str
) -> None:
    """By whatever name it is meant."""
    given = "" if not device else f'device = "{device}"\n'
    assert check(write(tmp_path, f'[camera]\ndriver = "opencv"\n{given}')) == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line[7:].startswith("camera.device")]
    assert Path(named).exists() or line == f"WRONG  camera.device {named}: no such device: is the camera plugged in?"


def test_a_pin_that_nothing_here_can_read_is_something_to_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the station hangs in the tree; with gpiozero there is nothing to say."""
    check(write(tmp_path, '[camera]\ndriver = "opencv"\ntrigger_pin = 17\n'))
    told = [line for line in capsys.readouterr().out.splitlines() if "camera.trigger_pin 17" in line]
    there = importlib.util.find_spec("gpiozero") is not None
    assert [line[:5] for line in told] == ([] if there else ["WRONG"])
    assert all("install the extra `pi`" in line for line in told)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("hits = 9\nwindows = 3", "9 hits never come in 3 windows"),
        ("hits = 3\nwindows = 6\nquiet_s = 1.0", "windows come every 1.5 s: each event would close at once"),
        ("hits = 3\nwindows = 100\nmax_length_s = 100.0", "shorter than its 100 windows of 1.5 s"),
    ],
)
def test_a_rule_that_can_never_fire_is_refused_at_the_start(tmp_path: Path, more: str, said: str) -> None:
    """One source of truth for cadence: the bundle's."""
    config = station_config.load(write(tmp_path, f"[microphone.rule.chainsaw]\n{more}\n"))
    sensor = sensor_of(config, "microphone")
    with pytest.raises(ConfigError, match=said):
        rules_for("microphone", sensor, load_bundle(sensor.bundle))


def test_a_comb_that_no_boat_keeps_up_is_refused_at_the_start(tmp_path: Path) -> None:
    """A boat is gone after twelve minutes: a rule that waits longer says so, and what would do."""
    config = station_config.load(write(tmp_path, "[microphone.rule.boat]\ncomb_s = 800.0\n"))
    sensor = sensor_of(config, "microphone")
    with pytest.raises(ConfigError, match=r"rule\.boat\.comb_s: is 800, but .* no boat.* \(allowed: at most 674\)"):
        rules_for("microphone", sensor, load_bundle(sensor.bundle))


def test_rules_are_the_bundles_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    """Hits and windows come from the manifest; rain becomes an event only with a rule of its own."""
    bundle = load_bundle("threats@5")
    plain = station_config.load(write(tmp_path))
    rules = rules_for("microphone", sensor_of(plain, "microphone"), bundle)
    engine = bundle.by_label["engine"]
    assert (rules[BY_NAME["engine"].number].hits, rules[BY_NAME["engine"].number].windows) == (engine.hits, engine.of)
    saw = rules[BY_NAME["chainsaw"].number]
    assert (saw.hits, saw.windows) == (4, 40)  # a minute: a saw is heard in bouts
    assert BY_NAME["rain"].number not in rules
    wet = station_config.load(write(tmp_path, "[microphone.rule.rain]\nhits = 5\nwindows = 10\nthreshold = 0.7\n"))
    rule = rules_for("microphone", sensor_of(wet, "microphone"), bundle)[BY_NAME["rain"].number]
    assert (rule.hits, rule.windows, rule.threshold) == (5, 10, 0.7)


@pytest.mark.parametrize("threshold", ["0.0", "1", "-0.1", "1.5", "nan", "inf"])
def test_a_threshold_that_is_no_probability_is_refused(tmp_path: Path, threshold: str) -> None:
    """Zero is not the same as leaving it out: the rule, the value and what is allowed are named."""
    path = write(tmp_path, f"[microphone.rule.rain]\nthreshold = {threshold}\n")
    with pytest.raises(ConfigError, match=r"microphone\.rule\.rain\.threshold: is .* \(allowed: above 0 and below 1"):
        station_config.load(path)


def test_check_says_what_is_wrong_and_how_to_mend_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each thing; the exit status says whether there is something to mend."""
    (tmp_path / "20260111_170000.wav").write_bytes(b"RIFF")
    path = write(tmp_path, '[uplink]\nbroker = "mqtt://hub.example:1883"\nkey_file = "/nowhere/device.key"\n')
    assert check(path) == 1
    said = capsys.readouterr().out
    assert "not encrypted" in said
    assert "/nowhere/device.key: no such file" in said
    assert "ok     microphone.bundle: threats@5" in said
    assert re.search(r"gunshot \d of \d+ \(experimental\)", said)
    assert not re.search(r"chainsaw \d of \d+ \(experimental\)", said)
    assert check(write(tmp_path, '[uplink]\nbroker = "mqtt://127.0.0.1:1883"\n')) == 0
    path.write_text("station = 5")
    assert check(path) == 1
    assert "WRONG" in capsys.readouterr().out


def test_check_looks_into_the_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A zone that does not exist and a folder without anything to play are found before the replay is started."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    (folder / "notes.txt").touch()
    base = f'station = "K-02"\ndata_dir = "{tmp_path}"\n[microphone]\ndriver = "replay"\ndevice = "{folder}"\n'
    path = tmp_path / "other.toml"
    for more, said in (
        ("", f"WRONG  microphone.device {folder}: holds nothing to replay (allowed: .wav"),
        ('[microphone.replay]\nzone = "Lima"\n', "WRONG  microphone: replay.zone: 'Lima' is no time zone"),
    ):
        path.write_text(base + more)
        assert check(path) == 1
        assert said in capsys.readouterr().out
    (folder / "20260111_170000.wav").write_bytes(b"RIFF")
    path.write_text(base)
    check(path)
    assert f"ok     microphone.device {folder}: 1 recording, 20260111_170000.wav" in capsys.readouterr().out


def test_check_looks_into_the_folder_of_other_cameras(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A zone that does not exist, a folder that is not there; and how many files lie in one that is."""
    folder = tmp_path / "cards"
    base = f'station = "K-02"\ndata_dir = "{tmp_path}"\n[camera]\ndriver = "folder"\n'
    path = tmp_path / "other.toml"

    def said(text: str) -> str:
        path.write_text(base + text)
        check(path)
        return capsys.readouterr().out

    device = f'device = "{folder}"\n'
    assert "WRONG  camera.device .: no such folder" in said("")
    assert f"WRONG  camera.device {folder}: no such folder: is the card in" in said(device)
    (folder / "DCIM").mkdir(parents=True)
    assert "camera.folder.zone: 'Lima' is no time zone" in said(f'{device}[camera.folder]\nzone = "Lima"\n')
    for name in ("IMG_0001.JPG", "IMG_0002.heic", "clip.mp4", "notes.txt"):
        (folder / "DCIM" / name).write_bytes(b"x")
    assert f"ok     camera.device {folder}: 3 pictures and films, 1 other file" in said(device)


CAMERA = """
[camera]
driver = "opencv"
[camera.{kind}.river]
points = {points}
"""


@pytest.mark.parametrize(
    ("kind", "points", "word"),
    [
        ("mask", "[[0, 0], [1, 1]]", "camera.mask.river.points: 2 points"),
        ("zone", "[[0, 0], [1, 0], [1, 100]]", "camera.zone.river.points: the point [1, 100] lies outside"),
        ("mask", "[[0, 0], [1, 0], [1, 1], [0, 1]]", "hardly anything is left"),
        ("mask", '[[0, 0], [1, 0], ["a", 1]]', "camera.mask"),
    ],
)
def test_a_mask_or_zone_that_is_none_is_refused_by_name(tmp_path: Path, kind: str, points: str, word: str) -> None:
    """The text says which one, what is wrong with it and what is allowed."""
    path = write(tmp_path, CAMERA.format(kind=kind, points=points))
    with pytest.raises(ConfigError) as refused:
        station_config.load(path)
    assert word in str(refused.value)


def test_masks_and_zones_are_read(tmp_path: Path) -> None:
    """By name, as many as one likes."""
    path = write(tmp_path, CAMERA.format(kind="zone", points="[[0, 0.5], [1, 0.5], [1, 1], [0, 1]]"))
    config = station_config.load(path)
    assert config.camera is not None
    assert config.camera.zone["river"].points[0] == (0, 0.5)
